"""Where a suggestion may be: given columns stay where they are, and what a constraint forbids is never returned."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jbo import Categorical, Integer, Real, Space
from jbo.encoding import snap
from jbo.maximize import maximize
from jbo.region import Region
from jbo.types import EMPTY, OK, Trials
from tests.selection import some

SPACE = Space(
    a=Categorical("x", "y"),
    b=Real(0.0, 1.0),
    c=Integer(1, 4, when=("a", "x")),
)
PLACE = jax.jit(lambda fixed, x: Region(SPACE.encoding, fixed).place(x))
unit = st.floats(0, 1)


@given(x=st.lists(unit, min_size=3, max_size=3), given=st.lists(st.one_of(st.none(), unit), min_size=3, max_size=3))
def test_given_columns_are_imposed(x, given):
    with jax.enable_x64(True):
        fixed = np.array([np.nan if g is None else g for g in given])
        raw = np.where(np.isnan(fixed), x, fixed)
        placed = np.asarray(PLACE(fixed, np.array(x)))
        np.testing.assert_array_equal(placed, snap(SPACE.encoding, raw))
        np.testing.assert_array_equal(Region(SPACE.encoding, jnp.asarray(fixed)).is_free, np.isnan(fixed))


def test_without_context_and_constraint_everything_is_free_and_allowed(x64):
    region = Region(SPACE.encoding)
    x = jnp.asarray(np.random.default_rng(0).random((5, 2, 3)))
    np.testing.assert_array_equal(region.place(x), snap(SPACE.encoding, x))
    assert region.is_free.all() and region.is_allowed(x).all() and region.is_allowed(x).shape == (5, 2)


# The maximum of a function under a constraint and in a context, by formula.

SQUARE = {"u": Real(0.0, 1.0), "v": Real(0.0, 1.0)}
TRIANGLE = Space(SQUARE, constraint=lambda c: c["u"] + c["v"] <= 0.5)
RING = Space(SQUARE, constraint=lambda c: jnp.abs((c["u"] - 0.5) ** 2 + (c["v"] - 0.5) ** 2 - 0.16) <= 0.004)


def none_of(points=()):
    x = np.full((8, 2), 0.5)
    x[: len(points)] = np.reshape(points, (-1, 2))
    return Trials.from_arrays(
        jnp.asarray(x), jnp.zeros(8), jnp.asarray(np.where(np.arange(8) < len(points), OK, EMPTY), jnp.int32)
    )


def bowl(target, x):
    return -jnp.sum((x - target) ** 2)


def finder(space, is_smooth):
    def find(key, target, trials):
        region = Region(space.encoding)
        return maximize(key, lambda x: bowl(target, x), region, trials, trials.x[0], is_smooth=is_smooth)

    return jax.jit(find)


@some("is_smooth", [True, False])
def test_the_best_allowed_point(x64, is_smooth):
    """The nearest point of a triangle to a target."""
    find = finder(TRIANGLE, is_smooth)
    rng = np.random.default_rng(0)
    for seed in range(4):
        target = rng.random(2)
        found = find(jax.random.key(seed), target, none_of([0.1, 0.1]))
        excess = max(target.sum() - 0.5, 0)
        nearest = np.clip(target - excess / 2, 0, 0.5)  # onto the line, then into the corner if need be
        nearest = np.minimum(nearest, 0.5 - nearest[::-1].clip(0)) if excess else nearest
        assert TRIANGLE.is_allowed(TRIANGLE.decode(found.x))
        assert -found.value == pytest.approx(np.sum((nearest - target) ** 2), abs=4e-3)


@pytest.mark.thorough
@some("is_smooth", [True, False])
def test_the_best_point_of_a_thin_ring(x64, is_smooth):
    """Which covers a fortieth of the square: a few of a hundred draws do not come all the way round it."""
    keys, targets = jax.random.split(jax.random.key(0), 96), np.random.default_rng(0).random((96, 2))
    find = jax.jit(jax.vmap(finder(RING, is_smooth), (0, 0, None)))
    found = find(keys, jnp.asarray(targets), none_of([0.5, 0.9]))
    assert all(RING.constraint({"u": u, "v": v}) for u, v in found.x)
    radius, inner, outer = np.hypot(*(targets - 0.5).T), np.sqrt(0.156), np.sqrt(0.164)
    excess = -found.value - np.maximum(np.maximum(inner - radius, radius - outer), 0) ** 2
    assert excess.min() > -1e-12 and np.median(excess) < 1e-4 and np.mean(excess < 4e-3) > 0.9


@pytest.mark.thorough
def test_a_maximum_in_a_context(x64):
    target = jnp.array([0.3, 0.7])
    for fixed, best in (([0.9, np.nan], [0.9, 0.7]), ([np.nan, 0.0], [0.3, 0.0]), ([0.2, 0.1], [0.2, 0.1])):
        region = Region(Space(SQUARE).encoding, jnp.asarray(fixed))
        found = maximize(jax.random.key(0), lambda x: bowl(target, x), region, none_of(), jnp.array([0.5, 0.5]))
        np.testing.assert_allclose(found.x, best, atol=1e-6)


def test_functions_without_a_slope_are_climbed_by_random_steps(x64):
    """A staircase: its gradient is 0 everywhere, its best step is narrow."""
    best = np.array([0.7312, 0.1291])

    @jax.jit
    def find(key):
        def stairs(x):
            return -jnp.sum(jnp.ceil(50 * jnp.abs(x - best)))

        return maximize(key, stairs, Region(Space(SQUARE).encoding), none_of(), jnp.array([0.5, 0.5]), is_smooth=False)

    for seed in range(4):
        found = find(jax.random.key(seed))
        assert found.value == -2 and np.abs(np.asarray(found.x) - best).max() < 0.02
