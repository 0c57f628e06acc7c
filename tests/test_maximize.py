"""The best new point of functions whose maximum is known, by formula or by enumeration."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jbo import Categorical, Integer, Ordinal, Real, Space, functions
from jbo.encoding import from_level, level, snap
from jbo.maximize import maximize, values_at
from jbo.region import Region
from jbo.types import EMPTY, FAILED, OK, PENDING, Trials
from tests.selection import some

REALS = Space(a=Real(0.0, 1.0), b=Real(0.0, 1.0), c=Real(0.0, 1.0))
LINE = Space(a=Real(0.0, 1.0))
DISCRETE = Space(
    a=Categorical("x", "y", "z"),
    b=Integer(1, 6, log=True, when=("a", {"x", "y"})),
    c=Ordinal(1, 2, 4, when=("a", "z")),
    d=Categorical("u", "v"),
)
MIXED = Space(
    a=Categorical("x", "y", "z"),
    r=Real(0.0, 1.0),
    b=Integer(1, 3, when=("a", "x")),
    s=Real(0.0, 1.0, when=("a", "y")),
)
LARGE = Space(n=Integer(0, 999), m=Integer(1, 5000, log=True))
NUM_ROWS = 32
KEY = jax.random.key(5)


@pytest.fixture(autouse=True)
def strict():
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


_from_arrays = jax.jit(Trials.from_arrays)  # by itself a dozen programs for each shape


def trials(x, status=OK, dtype="float64"):
    """A table that holds these points."""
    x = np.asarray(x)
    rows = np.full((NUM_ROWS, x.shape[1]), 0.5, dtype)
    rows[: len(x)] = x
    states = np.full(NUM_ROWS, EMPTY, np.int32)
    states[: len(x)] = status
    return _from_arrays(rows, np.zeros(NUM_ROWS, dtype), states)


def none_of(space, dtype="float64"):
    return trials(np.empty((0, len(space))), dtype=dtype)


def middle(space, dtype="float64"):
    return jnp.full(len(space), 0.5, dtype)


# Reals.


def bowl(target, x):
    return -jnp.sum(jnp.asarray([1.0, 4.0, 0.5], x.dtype) * (x - target) ** 2)


@jax.jit
def maximize_bowl(key, target, table, centre):
    return maximize(key, partial(bowl, target), Region(REALS.encoding), table, centre)


@pytest.mark.parametrize(
    "target",
    [
        (0.3, 0.62, 0.9),
        (0.0, 1.0, 0.4),  # on the bounds
        (-0.5, 1.7, 0.4),  # beyond them
        (0.999, 1e-4, 0.5),
    ],
)
def test_a_bowl(slow_dtype, target):
    best = np.clip(target, 0, 1)
    for seed in range(2):
        found = maximize_bowl(
            jax.random.key(seed), jnp.asarray(target, slow_dtype), none_of(REALS, slow_dtype), middle(REALS, slow_dtype)
        )
        assert found.x.dtype == found.value.dtype == slow_dtype
        np.testing.assert_allclose(found.x, best, atol=1e-5 if slow_dtype == jnp.float64 else 2e-3)
        assert found.value == pytest.approx(float(bowl(np.array(target), jnp.asarray(found.x))), abs=1e-6)
        assert (found.x >= 0).all() and (found.x <= 1).all()


def test_beside_a_maximum_that_is_taken(x64):
    target = jnp.array([-1.0, 2.0, 0.0])
    corner = np.array([[0.0, 1.0, 0.0]])
    found = maximize_bowl(KEY, target, trials(corner), middle(REALS))
    assert np.isfinite(found.value) and np.abs(np.asarray(found.x) - corner).max() > 1e-12
    assert found.value < bowl(target, jnp.asarray(corner[0]))
    np.testing.assert_allclose(found.x, corner[0], atol=0.02)


def test_beside_a_narrow_maximum_that_is_taken_a_wide_one_is_better(x64):
    def ridges(x):
        return jnp.maximum(1 - 0.16 * jnp.log1p(1000 * x[0]), 0.9999 - (x[0] - 0.7) ** 2)

    find = jax.jit(lambda key: maximize(key, ridges, Region(LINE.encoding), trials([[0.0]]), jnp.array([0.002])))
    for seed in range(6):
        found = find(jax.random.key(seed))
        assert found.value > 0.99989 and found.value == pytest.approx(float(ridges(found.x)), abs=1e-12)


@jax.jit
def maximize_problem(key, table, centre):
    def function(x):
        return -functions.branin(functions.branin.space.decode_traced(x))

    return maximize(key, function, Region(functions.branin.space.encoding), table, centre)


def test_branin(x64):
    space = functions.branin.space
    for seed in range(4):
        found = maximize_problem(jax.random.key(seed), none_of(space), middle(space))
        assert -found.value - functions.branin.minimum < 1e-8


# Discrete spaces, by enumeration.

CONFIGS = list(DISCRETE.configs())
POINTS = np.array([DISCRETE.encode(config) for config in CONFIGS])
SIZES = DISCRETE.encoding.num_levels


def place(levels):
    """Index of a combination of levels."""
    return sum(levels[j] * int(np.prod(SIZES[j + 1 :])) for j in range(len(SIZES)))


def places_of_points():
    with jax.enable_x64(True):
        return np.array([place(levels) for levels in np.asarray(level(DISCRETE.encoding, POINTS))])


PLACES = places_of_points()


@jax.jit
def maximize_lookup(key, values, table, centre):
    return maximize(
        key,
        lambda x: values[place(level(DISCRETE.encoding, x))].astype(x.dtype),
        Region(DISCRETE.encoding),
        table,
        centre,
    )


@given(
    values=st.lists(st.one_of(st.floats(-5, 5), st.just(np.nan)), min_size=len(POINTS), max_size=len(POINTS)),
    status=st.lists(st.sampled_from([EMPTY, EMPTY, OK, PENDING, FAILED]), min_size=len(POINTS), max_size=len(POINTS)),
    seed=st.integers(0, 3),
)
def test_the_best_new_point_of_a_discrete_space(values, status, seed):
    with jax.enable_x64(True):
        values, status = np.array(values), np.array(status)
        lookup = np.full(int(np.prod(SIZES)), np.nan)
        lookup[PLACES] = values
        taken = status != EMPTY
        found = maximize_lookup(
            jax.random.key(seed), jnp.asarray(lookup), trials(POINTS[taken], status[taken]), middle(DISCRETE)
        )
        usable = ~taken & ~np.isnan(values)
        if not usable.any():
            assert found.value == -np.inf
            return
        assert found.value == values[usable].max()
        row = int(np.argmin(np.abs(POINTS - np.asarray(found.x)).sum(1)))
        np.testing.assert_allclose(POINTS[row], found.x, rtol=0, atol=1e-14)
        assert not taken[row] and values[row] == found.value


def test_the_enumeration_is_right():
    assert len(POINTS) == DISCRETE.num_configs <= NUM_ROWS and len(set(PLACES)) == len(PLACES)


# Mixed spaces: the best reals of each combination are known.


@jax.jit
def maximize_mixed(key, heights, targets, table, centre):
    """A bowl in the reals for each choice of a and b; a target may lie beyond the bounds."""

    def function(x):
        levels = level(MIXED.encoding, x)
        height, target = heights[levels[0], levels[2]], targets[levels[0], levels[2]]
        is_there = jnp.stack([jnp.asarray(True), levels[0] == 1])
        return height - jnp.sum(jnp.where(is_there, (x[np.array([1, 3])] - target) ** 2, 0))

    return maximize(key, function, Region(MIXED.encoding), table, centre)


@pytest.mark.thorough
def test_mixed_and_conditional_functions(x64):
    for seed in range(6):
        rng = np.random.default_rng(seed)
        heights, targets = rng.normal(size=(3, 3)), rng.uniform(-0.3, 1.3, size=(3, 3, 2))
        if seed % 2:
            heights[rng.integers(3), 1] = np.nan
        found = maximize_mixed(jax.random.key(seed), heights, targets, none_of(MIXED), middle(MIXED))
        values = []
        for a, b in itertools.product(range(3), range(3)):
            b = b if a == 0 else 1  # an inactive column stands at its centre
            gap = targets[a, b] - np.clip(targets[a, b], 0, 1)
            values.append(heights[a, b] - gap[0] ** 2 - (gap[1] ** 2 if a == 1 else 0))
        assert found.value == pytest.approx(np.nanmax(values), abs=1e-8)
        np.testing.assert_array_equal(snap(MIXED.encoding, found.x), found.x)
        assert MIXED.decode(np.asarray(found.x)).keys() <= {"a", "r", "b", "s"}


@jax.jit
def maximize_large(key, target, table, centre):
    where = from_level(LARGE.encoding, target, centre.dtype)
    return maximize(key, lambda x: -jnp.sum((x - where) ** 2), Region(LARGE.encoding), table, centre)


@pytest.mark.thorough
def test_columns_of_many_levels(x64):
    for target in ((0, 0), (999, 4999), (500, 3), (123, 2345)):
        target = jnp.asarray(target, jnp.int32)
        found = maximize_large(KEY, target, none_of(LARGE), middle(LARGE))
        assert (level(LARGE.encoding, found.x) == target).all() and found.value > -1e-9
        best = trials([np.asarray(found.x)])
        second = maximize_large(KEY, target, best, middle(LARGE))
        away = level(LARGE.encoding, second.x) - target
        assert away.any() and second.value > -1e-2


LADDER = Space({f"o{i}": Ordinal(*range(9)) for i in range(9)} | {"n": Integer(0, 999), "r": Real(0.0, 1.0)})


@some("seed", range(3))
def test_columns_that_have_to_move_one_after_another(x64, seed):
    """Each is best at a level of its own: a start is wrong in most of them, and a move changes one."""
    best = np.random.default_rng(seed).integers(0, 9, 9)
    target = jnp.asarray([*((best + 0.5) / 9), 0.1235, 0.7])

    @jax.jit
    def search(key):
        return maximize(
            key,
            lambda x: -jnp.sum(jnp.abs(x - target)[:9]) - jnp.sum((x - target)[9:] ** 2),
            Region(LADDER.encoding),
            none_of(LADDER),
            middle(LADDER),
        )

    found = search(jax.random.key(seed))
    np.testing.assert_array_equal(level(LADDER.encoding, found.x)[:9], best)
    np.testing.assert_allclose(found.x[9:], target[9:], atol=1e-3)
    assert found.value > -1e-6


FOLLOWING = Space(**{f"o{i}": Ordinal(*range(8)) for i in range(6)}, x=Real(0.0, 1.0))


@some("seed", range(3))
def test_a_real_whose_best_place_depends_on_the_levels_follows_them(x64, seed):
    """The moves come after an ascent: where they end the real is where it was best before."""
    best = np.random.default_rng(seed).integers(0, 8, 6)
    target = from_level(FOLLOWING.encoding, np.append(best, 0), jnp.dtype("float64"))[:6]

    @jax.jit
    def search(key):
        def value(x):
            away = jnp.sum(jnp.abs(x[:6] - target))
            return -away - (x[6] - 0.8 + 0.3 * jnp.tanh(away)) ** 2

        return maximize(key, value, Region(FOLLOWING.encoding), none_of(FOLLOWING), middle(FOLLOWING))

    found = search(jax.random.key(seed))
    np.testing.assert_array_equal(level(FOLLOWING.encoding, found.x)[:6], best)
    assert abs(found.x[6] - 0.8) < 1e-5


def test_a_mesh_shares_the_points_and_collects_the_values():
    points, weights = np.random.default_rng(0).random((5, 3)).astype(np.float32), np.array([1, 2, 3], np.float32)
    program = jax.jit(lambda points: values_at(lambda x: jnp.sum(x * weights), points))
    for kind in (jax.sharding.AxisType.Auto, jax.sharding.AxisType.Explicit):
        with jax.set_mesh(jax.make_mesh((1,), ("candidates",), axis_types=(kind,))):
            text = program.lower(points).as_text()
            np.testing.assert_allclose(program(points), points @ weights, rtol=1e-6)
        first, last = text.find('[{"candidates"}, {}]> : tensor<8x3xf32>'), text.rfind("[{}]> : tensor<8xf32>")
        assert 0 < first < last, text
    assert "candidates" not in program.lower(points).as_text()
