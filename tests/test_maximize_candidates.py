"""Where `maximize` looks: the points that it values first, and optima that only some of those points lead to."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chisquare, norm

from jbo import Categorical, Integer, Real, Space
from jbo.encoding import level
from jbo.maximize import maximize
from jbo.region import Region
from jbo.types import EMPTY, OK, Trials

NUM_WIDE, NUM_LOCAL = 512, 256
SIX = Space({f"x{i}": Real(0.0, 1.0) for i in range(6)})
LEVELS = Space(a=Categorical("x", "y"), b=Integer(0, 7, when=("a", "x")), c=Integer(0, 31), d=Integer(0, 31))
BOWLS = Space({"k": Categorical("wide", "narrow", "flat")} | {f"x{i}": Real(0.0, 1.0) for i in range(4)})


def table(points, num_columns, num_rows=4):
    """A table that holds these points."""
    rows, states = np.full((num_rows, num_columns), 0.5), np.full(num_rows, EMPTY, np.int32)
    rows[: len(points)], states[: len(points)] = np.reshape(points, (-1, num_columns)), OK
    return jax.jit(Trials.from_arrays)(rows, np.zeros(num_rows), states)


@pytest.mark.guard
def test_a_needle_near_the_centre_is_found(x64):
    """The function is 0 but within 0.05 of a point near the centre: no uniform draw comes there, and no slope leads."""
    centre = np.array([0.12, 0.85, 0.3, 0.71, 0.93, 0.22])
    top = jnp.asarray(centre + 0.012 * np.array([1, -1, 0.5, 1, -0.5, 0.2]))
    region, nothing = Region(SIX.encoding), table([], 6)

    @jax.jit
    def find(key):
        return maximize(
            key, lambda x: jnp.exp(-0.5 * jnp.sum(((x - top) / 0.008) ** 2)), region, nothing, jnp.asarray(centre)
        )

    for seed in range(3):
        found = find(jax.random.key(seed))
        np.testing.assert_allclose(found.x, top, atol=1e-4)
        assert found.value > 1 - 1e-6


@pytest.mark.guard
def test_a_category_whose_optimum_is_a_narrow_bowl_gets_ascents_of_its_own(x64):
    """No candidate of the narrow bowl is as good as the worst of another category, yet its optimum is the best."""
    top = jnp.array([0.15, 0.83, 0.22, 0.9])

    def function(x):
        k = level(BOWLS.encoding, x)[0]
        wide = 1 - 0.1 * jnp.sum((x[1:] - 0.5) ** 2)
        return jnp.where(k == 1, 2 - 400 * jnp.sum((x[1:] - top) ** 2), wide - (k == 2))

    region, nothing = Region(BOWLS.encoding), table([], 5)
    find = jax.jit(lambda key: maximize(key, function, region, nothing, jnp.array([1 / 6, 0.5, 0.5, 0.5, 0.5])))
    for seed in range(3):
        found = find(jax.random.key(seed))
        assert BOWLS.decode(np.asarray(found.x))["k"] == "narrow"
        np.testing.assert_allclose(found.x[1:], top, atol=1e-4)
        assert found.value > 2 - 1e-5


@pytest.fixture(scope="module")
def local():
    """The candidates around a centre at which ``b`` is inactive, from eight keys: levels ``[8, 256, 4]``."""
    centre = LEVELS.encode({"a": "y", "c": 10, "d": 20})
    batches = []

    def record(x):
        batches.append(np.array(x))
        return np.zeros(x.shape[:-1], x.dtype)

    region, nothing = Region(LEVELS.encoding), table([], 4)

    @jax.jit
    def find(key):
        def function(x):
            return jax.pure_callback(record, jax.ShapeDtypeStruct((), x.dtype), x, vmap_method="broadcast_all")

        return maximize(key, function, region, nothing, jnp.asarray(centre, nothing.x.dtype))

    found = []
    for seed in range(8):
        batches.clear()
        jax.block_until_ready(find(jax.random.key(seed)))
        candidates = max(batches, key=len)
        assert candidates.shape == (NUM_WIDE + NUM_LOCAL, 4)
        found.append(np.asarray(level(LEVELS.encoding, jnp.asarray(candidates[NUM_WIDE:]))))
    return np.array(found)


def share_unchanged(num_levels):
    """Of the steps of a column in the middle of its levels, by numerical integration over their scale."""
    scale = np.exp(np.linspace(np.log(1e-3), np.log(0.5), 20_001))
    half = 0.5 / num_levels / np.maximum(scale, 1 / num_levels)
    return np.mean(norm.cdf(half) - norm.cdf(-half))


@pytest.mark.guard
def test_a_step_is_at_least_as_wide_as_a_level(local):
    """The share of candidates that change a column: with narrower steps most of them would be the centre itself."""
    few, all_columns = local[:, : NUM_LOCAL // 2], local[:, NUM_LOCAL // 2 :]
    for column, own in ((2, 10), (3, 20)):
        moved = 1 - share_unchanged(32)
        for part, expected in ((all_columns, moved), (few, (1 - (3 / 4) ** 2) * moved)):
            share = np.mean(part[:, :, column] != own)
            error = np.sqrt(expected * (1 - expected) / (8 * NUM_LOCAL // 2))
            assert abs(share - expected) < 4 * error, (column, share, expected)


@pytest.mark.guard
def test_categories_change_at_their_rates(local):
    few, all_columns = local[:, : NUM_LOCAL // 2], local[:, NUM_LOCAL // 2 :]
    for part, expected in ((all_columns, 0.25 / 2), (few, (1 - (3 / 4) ** 2) / 2)):
        share = np.mean(part[:, :, 0] == 0)
        assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / (8 * NUM_LOCAL // 2))


@pytest.mark.guard
def test_a_column_that_the_centre_says_nothing_of_is_uniform(local):
    """Where another category activates ``b`` all of its levels are as frequent: the centre has none."""
    of_child = local[local[:, :, 0] == 0][:, 1]
    assert len(of_child) > 250
    counts = np.bincount(of_child, minlength=8)
    assert chisquare(counts).pvalue > 1e-3, counts


# A constraint that leaves a thin tube: no uniform draw comes into it.

START, ALONG, RADIUS = np.array([0.1, 0.2, 0.9]), np.array([0.8, 0.5, -0.6]), 1e-3


def off_axis(x, m=np):
    """The distance from the axis of the tube, and how far along it the nearest point is."""
    t = m.sum((x - START) * ALONG, axis=-1) / np.sum(ALONG**2)
    return m.sqrt(m.sum((x - START - t[..., None] * ALONG) ** 2, axis=-1)), t


TUBE = Space(
    {name: Real(0.0, 1.0) for name in "abc"},
    constraint=lambda c: off_axis(jnp.stack([c["a"], c["b"], c["c"]]), jnp)[0] < RADIUS,
)


@pytest.mark.guard
def test_candidates_fill_a_thin_tube_and_its_optimum_is_found():
    """From one trial at an end of the tube to the point of its border that is nearest to a target beside it."""
    target = START + 0.7 * ALONG + 0.3 * np.array([0.5, -0.8, 0.0]) / np.hypot(0.5, 0.8)
    distance, _ = off_axis(target)
    batches = []

    def record(x):
        batches.append(np.array(x))
        return -np.sum((x - target) ** 2, axis=-1).astype(x.dtype)

    @jax.jit
    def find(key, state):
        def function(x):
            return jax.pure_callback(record, jax.ShapeDtypeStruct((), x.dtype), x, vmap_method="broadcast_all")

        return maximize(key, function, Region(TUBE.encoding), state, state.x[0], is_smooth=False)

    short_of = []
    for seed in range(8):
        batches.clear()
        found = jax.block_until_ready(find(jax.random.key(seed), table([START + 0.05 * ALONG], 3)))
        candidates = max(batches, key=len)
        assert len(candidates) == 2 * (NUM_WIDE + NUM_LOCAL)
        is_inside = off_axis(candidates)[0] < RADIUS
        wide, local = is_inside[: 2 * NUM_WIDE], is_inside[2 * NUM_WIDE :]
        assert wide[:128:2].all() and not wide[1::2].any(), "points of the tube, uniform ones between them"
        assert wide[128::2].mean() > 0.3, "0.41 to 0.44: on the line through two points of the tube, half of them aside"
        assert local[::2].mean() > 0.8, "0.89 to 0.92: along the tube from the centre"
        assert off_axis(np.asarray(found.x, float))[0] < RADIUS * 1.001
        short_of.append(-((distance - RADIUS) ** 2) - float(found.value))
    assert min(short_of) > -1e-6 and max(short_of) < 2e-4
    assert np.median(short_of) < 3e-5, "1.4e-5, and 6e-5 if no step of an ascent goes along the tube"


SHELL = Space(
    {f"x{i}": Real(0.0, 1.0) for i in range(6)},
    constraint=lambda c: jnp.abs(jnp.sqrt(sum((value - 0.5) ** 2 for value in c.values())) - 0.4) < 0.01,
)


def test_the_ascents_of_a_smooth_function_end_inside_of_a_shell():
    """The ends of the ascents are outside: points before the ends count, and walks from there go on."""
    weights, target = jnp.logspace(0, 2, 6), jnp.linspace(0.3, 0.95, 6)
    find = jax.jit(
        lambda key, state: maximize(
            key, lambda x: -jnp.sum(weights * (x - target) ** 2), Region(SHELL.encoding), state, state.x[0]
        )
    )
    state = table([np.r_[0.9, np.full(5, 0.5)]], 6)
    found = [find(jax.random.key(seed), state) for seed in range(16)]
    distances = np.linalg.norm(np.array([each.x for each in found]) - 0.5, axis=1)
    assert (np.abs(distances - 0.4) < 0.01 + 1e-6).all()
    # Medians of eight seeds are -1.94 to -1.90, and -2.27 to -2.02 without points before the ends.
    assert np.median([float(each.value) for each in found]) > -1.97
