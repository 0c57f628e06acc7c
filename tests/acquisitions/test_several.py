"""What a point adds to a front: against brute force, numerical integrals and finite differences, and by laws."""

from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

import jbo
from jbo import pareto
from jbo.acquisitions import Front, LimitModels, formulas, hypervolume
from jbo.acquisitions.hypervolume import (
    boxes,
    log_improvement_of_boxes,
    log_improvement_of_rays,
    log_improvement_of_strips,
    rays,
    spread_rows,
    strips,
)
from jbo.pytrees import pytree

F64 = np.dtype(np.float64)
Y = np.array([[0.1, 0.9], [0.5, 0.4], [0.8, 0.05], [0.6, 0.6], [0.3, 1.4], [-9.0, -9.0]])
COUNTS = np.array([True] * 5 + [False])
REFERENCE = np.array([1.0, 1.2])
POSTERIORS = [
    ((0.3, 0.5), (0.2, 0.1)),
    ((0.7, 0.8), (0.05, 0.1)),
    ((-0.5, 0.0), (0.3, 0.02)),
    ((0.45, 2.0), (1.0, 0.7)),
]


directions = jax.jit(hypervolume.directions, static_argnums=(1, 2, 3))


@jax.jit
def of_strips(mean, deviation, y, counts, reference):
    return log_improvement_of_strips(mean, deviation, strips(y, counts, reference))


def improvement(points, y, reference):
    """How much each of some points adds to what rows dominate, by strips in NumPy."""
    y = y[np.all(y < reference, axis=1)]
    y = y[np.argsort(y[:, 0])]
    ends = np.r_[y[:, 0], reference[0]]
    heights = np.minimum.accumulate(np.r_[reference[1], y[:, 1]])
    starts = np.r_[-np.inf, y[:, 0]]
    wide = np.clip(ends[None] - np.maximum(starts[None], points[:, :1]), 0, None)
    return np.sum(wide * np.clip(heights[None] - points[:, 1:], 0, None), axis=1)


@pytest.mark.parametrize(("mean", "deviation"), POSTERIORS)
def test_the_improvement_of_two_objectives_is_the_integral_over_what_nobody_dominates(x64, mean, deviation):
    """EHVI is the integral of P(f1 <= z1) P(f2 <= z2) over the points that no row dominates, in z2 in closed form."""
    y, (mean, deviation) = Y[COUNTS], np.array([mean, deviation])

    def below(z1):
        height = min([REFERENCE[1], *y[y[:, 0] <= z1, 1]])
        u = (height - mean[1]) / deviation[1]
        return norm.cdf((z1 - mean[0]) / deviation[0]) * deviation[1] * (norm.pdf(u) + u * norm.cdf(u))

    places = np.r_[mean[0] + np.linspace(-14, 8, 200) * deviation[0], y[:, 0], REFERENCE[0]]
    edges = np.unique(places[places <= REFERENCE[0]])
    nodes, weights = np.polynomial.legendre.leggauss(20)
    half = 0.5 * np.diff(edges)[:, None]
    z1 = edges[:-1, None] + half * (1 + nodes)
    expected = np.sum(half * weights * np.vectorize(below)(z1))
    value = of_strips(*map(jnp.asarray, (mean, deviation, Y, COUNTS, REFERENCE)))
    np.testing.assert_allclose(np.exp(value), expected, rtol=1e-7)


def test_the_improvement_of_two_objectives_is_the_mean_over_samples(x64):
    normal = np.random.default_rng(0).normal(size=(200_000, 2))
    for mean, deviation in POSTERIORS[:2]:
        sampled = improvement(np.array(mean) + np.array(deviation) * normal, Y[COUNTS], REFERENCE)
        value = np.exp(of_strips(*map(jnp.asarray, (mean, deviation, Y, COUNTS, REFERENCE))))
        assert abs(value - sampled.mean()) < 4 * sampled.std() / len(normal) ** 0.5


def test_a_sure_point_adds_what_it_dominates(x64):
    """Worked out by hand: (0.3, 0.3) dominates (0.5, 0.4) and (0.6, 0.6)."""
    value = of_strips(*map(jnp.asarray, (np.array([0.3, 0.3]), np.full(2, 1e-9), Y, COUNTS, REFERENCE)))
    by_hand = 0.2 * (0.9 - 0.3) + 0.3 * (0.4 - 0.3)
    np.testing.assert_allclose(np.exp(value), by_hand, rtol=1e-7)


_SLOPE = jax.jit(jax.value_and_grad(lambda z, y, counts, r: of_strips(z[:2], jnp.exp(z[2:]), y, counts, r)))


@pytest.mark.parametrize(("mean", "deviation"), [*POSTERIORS, ((30.0, 40.0), (0.1, 0.2)), ((0.5, 0.4), (1e-3, 1e-3))])
def test_its_slope_is_that_of_finite_differences(x64, mean, deviation):
    z = np.r_[mean, np.log(deviation)]
    rest = tuple(map(jnp.asarray, (Y, COUNTS, REFERENCE)))
    _, slope = _SLOPE(jnp.asarray(z), *rest)
    step = 1e-6 * np.maximum(np.abs(z), 1) * min(1, 30 * min(deviation))
    for i in range(4):
        ends = [float(_SLOPE(jnp.asarray(z + sign * step * (np.arange(4) == i)), *rest)[0]) for sign in (1, -1)]
        np.testing.assert_allclose(slope[i], (ends[0] - ends[1]) / (2 * step[i]), rtol=2e-4, atol=1e-5)


def test_far_from_the_front_there_is_a_value_and_a_slope(dtype):
    """Also where strips are narrow, without a row that counts, and with rows that are equal."""
    y = np.array([[0.5, 0.5], [0.5, 0.5], [0.5 + 1e-7, 0.5 - 1e-7], [0.2, 0.8], [0.0, 0.0], [0.0, 0.0]])
    for counts in (np.array([True] * 4 + [False] * 2), np.zeros(6, bool)):
        values = []
        for size in [10.0**k for k in range(-3, 10)]:
            z = jnp.asarray([size, size, -3.0, -2.0], dtype)
            value, slope = _SLOPE(z, jnp.asarray(y, dtype), jnp.asarray(counts), jnp.asarray([1.0, 1.0], dtype))
            assert np.isfinite(value) and np.isfinite(slope).all() and (slope[:2] < 0).all()
            values.append(float(value))
        assert (np.diff(values) < 0).all()


ROWS = st.lists(st.tuples(st.floats(-1, 2), st.floats(-1, 2), st.booleans()), min_size=6, max_size=6)


@given(ROWS, st.tuples(st.floats(-1, 2), st.floats(-1, 2)), st.randoms(), st.floats(0.1, 10))
def test_order_padding_dominated_rows_and_units_change_nothing(rows, mean, random, scale):
    with jax.enable_x64(True):
        y, counts = np.array([row[:2] for row in rows]), np.array([row[2] for row in rows])
        mean, deviation = np.array(mean), np.array([0.3, 0.2])

        def value(y, counts, mean=mean, deviation=deviation, reference=REFERENCE):
            return float(of_strips(*map(jnp.asarray, (mean, deviation, y, counts, reference))))

        first = value(y, counts)
        order = np.array(random.sample(range(6), 6))
        assert value(y[order], counts[order]) == pytest.approx(first, rel=1e-9, abs=1e-9)
        assert value(np.where(counts[:, None], y, -7.0), counts) == pytest.approx(first, rel=1e-12)
        if counts.any() and not counts.all():
            worse = y.copy()
            worse[np.argmin(counts)] = y[np.argmax(counts)] + [0.0, 0.25]
            is_there = counts.copy()
            is_there[np.argmin(counts)] = True
            assert value(worse, is_there) == pytest.approx(first, rel=1e-9, abs=1e-9)
        units = np.array([scale, 1 / scale])
        scaled = value(y * units, counts, mean * units, deviation * units, REFERENCE * units)
        assert scaled == pytest.approx(first, rel=1e-6, abs=1e-6)


def test_of_a_large_front_some_rows_are_taken_evenly(x64):
    """100 rows on a quarter of a circle, of which 64 count: what is lost is less than a hundredth."""
    angle = np.random.default_rng(0).permutation(np.linspace(0, np.pi / 2, 100))
    y, normal = 1 - np.stack([np.cos(angle), np.sin(angle)], axis=1), np.random.default_rng(1).normal(size=(50_000, 2))
    mean, deviation, reference = np.array([0.2, 0.2]), np.array([0.1, 0.1]), np.array([1.1, 1.1])
    expected = improvement(mean + deviation * normal, y, reference).mean()
    value = np.exp(of_strips(*map(jnp.asarray, (mean, deviation, y, np.ones(100, bool), reference))))
    assert value == pytest.approx(expected, rel=0.03)


# Boxes


@jax.jit
def of_boxes(mean, deviation, y, counts, reference):
    return log_improvement_of_boxes(mean, deviation, boxes(y, counts, reference))


def expected(u, mean, deviation):
    z = (u - mean) / deviation
    return deviation * (norm.pdf(z) + z * norm.cdf(z))


def by_cells(mean, deviation, y, reference):
    """The sum over all cells of the grid through the rows that no row dominates."""
    y = y[np.all(y < reference, axis=1)]
    starts = [np.r_[-np.inf, np.unique(column)] for column in y.T]
    steps = [
        np.diff(np.r_[0, expected(np.r_[start[1:], end], m, s)])
        for start, end, m, s in zip(starts, reference, mean, deviation, strict=True)
    ]
    is_free = np.ones([len(start) for start in starts], bool)
    for row in y:
        i, j, k = (np.searchsorted(start, value) for start, value in zip(starts, row, strict=True))
        is_free[i:, j:, k:] = False
    return np.einsum("ijk,k,j,i", is_free, *steps[::-1], optimize=True)


CORNERS = st.lists(st.tuples(*[st.integers(0, 4)] * 3, st.booleans()), min_size=8, max_size=8)
FLOATS = st.lists(st.tuples(*[st.floats(-0.5, 1.5)] * 3, st.booleans()), min_size=8, max_size=8)


@given(st.one_of(CORNERS, FLOATS), st.tuples(*[st.floats(-0.5, 1.5)] * 3), st.randoms(), st.floats(0.1, 10))
def test_the_improvement_of_three_objectives_is_the_sum_over_all_free_cells(rows, mean, random, scale):
    """Rows in whole numbers have ties. Order, padding, dominated rows and units change nothing."""
    with jax.enable_x64(True):
        y, counts = np.array([row[:3] for row in rows], float), np.array([row[3] for row in rows])
        y = y / 4 if y.max() > 1.5 else y
        mean, deviation, reference = np.array(mean), np.array([0.3, 0.1, 0.2]), np.array([1.0, 0.9, 1.1])

        def value(y, counts, units=1.0):
            arguments = mean * units, deviation * units, y * units, counts, reference * units
            return float(of_boxes(*map(jnp.asarray, arguments)))

        first = value(y, counts)
        assert first == pytest.approx(np.log(by_cells(mean, deviation, y[counts], reference)), abs=1e-8)
        order = np.array(random.sample(range(8), 8))
        assert value(y[order], counts[order]) == pytest.approx(first, rel=1e-9, abs=1e-9)
        assert value(np.where(counts[:, None], y, -7.0), counts) == pytest.approx(first, rel=1e-12)
        if counts.any() and not counts.all():
            worse, is_there = y.copy(), counts.copy()
            worse[np.argmin(counts)] = y[np.argmax(counts)] + [0.0, 0.25, 0.0]
            is_there[np.argmin(counts)] = True
            assert value(worse, is_there) == pytest.approx(first, rel=1e-9, abs=1e-9)
        units = np.array([scale, 1 / scale, 1.0])
        assert value(y, counts, units) == pytest.approx(first, rel=1e-6, abs=1e-6)


def test_boxes_of_rows_with_ties_do_not_overlap(x64):
    random = np.random.default_rng(7)
    y, counts = random.integers(0, 4, (200, 8, 3)) / 4, random.random((200, 8)) < 0.8
    mean, deviation, reference = random.random(3), np.array([0.3, 0.1, 0.2]), np.array([1.0, 0.9, 1.1])
    value = jax.vmap(of_boxes, in_axes=(None, None, 0, 0, None))
    found = value(*map(jnp.asarray, (mean, deviation, y, counts, reference)))
    by_hand = [np.log(by_cells(mean, deviation, y[counts], reference)) for y, counts in zip(y, counts, strict=True)]
    np.testing.assert_allclose(found, by_hand, atol=1e-9)


def test_the_improvement_of_three_objectives_is_the_mean_over_samples(x64):
    """By `pareto.hypervolume` of the rows with a sample, and without it."""
    random = np.random.default_rng(5)
    y = 1 - random.dirichlet(np.ones(3), 8)
    mean, deviation, reference = np.full(3, 0.5), np.array([0.15, 0.1, 0.2]), np.full(3, 1.1)
    samples = jnp.asarray(mean + deviation * random.normal(size=(20_000, 3)))
    all_count = jnp.ones(9, bool)

    @jax.jit
    @jax.vmap
    def with_sample(sample):
        return pareto.hypervolume(jnp.concatenate([jnp.asarray(y), sample[None]]), jnp.asarray(reference), all_count)

    gains = np.asarray(with_sample(samples) - with_sample(jnp.full((1, 3), 9.0)))
    padded = np.concatenate([y, np.zeros((1, 3))])
    value = np.exp(of_boxes(*map(jnp.asarray, (mean, deviation, padded, np.arange(9) < 8, reference))))
    assert abs(value - gains.mean()) < 4 * gains.std() / len(gains) ** 0.5
    assert 4 * gains.std() / len(gains) ** 0.5 < 0.05 * value


_SLOPE_OF_BOXES = jax.jit(jax.value_and_grad(lambda z, *rest: of_boxes(z[:3], jnp.exp(z[3:]), *rest)))


@pytest.mark.parametrize(("mean", "deviation"), [(0.4, 0.15), (0.8, 0.05), (30.0, 0.1), (-4.0, 0.01)])
def test_the_slope_of_boxes_is_that_of_finite_differences(x64, mean, deviation):
    y = np.array([[0.2, 0.8, 0.9], [0.9, 0.3, 0.4], [0.5, 0.6, 0.5], [0.5, 0.6, 0.5], [0.0, 0.0, 0.0]])
    rest = tuple(map(jnp.asarray, (y, np.arange(5) < 4, np.full(3, 1.0))))
    z = np.r_[np.full(3, mean) + [0, 0.05, -0.05], np.full(3, np.log(deviation))]
    value, slope = _SLOPE_OF_BOXES(jnp.asarray(z), *rest)
    assert np.isfinite(value) and np.isfinite(slope).all() and (slope[:3] < 0).all()
    for i in range(6):
        step = 1e-5 * max(abs(z[i]), 1) * min(1, 10 * deviation)
        ends = [
            float(_SLOPE_OF_BOXES(jnp.asarray(z + sign * step * (np.arange(6) == i)), *rest)[0]) for sign in (1, -1)
        ]
        np.testing.assert_allclose(slope[i], (ends[0] - ends[1]) / (2 * step), rtol=1e-3, atol=1e-4)


def test_far_from_the_front_boxes_have_a_value_and_a_slope(dtype):
    """Also with rows that are equal or nearly so, and without a row. Far out it is the square of the distance."""
    y = np.array([[0.5, 0.5, 0.5], [0.5, 0.5, 0.5], [0.5 + 1e-7, 0.5 - 1e-7, 0.5], [0.2, 0.8, 0.5], [0.0] * 3])
    for counts in (np.array([True] * 4 + [False]), np.zeros(5, bool)):
        values = []
        for size in [10.0**k for k in range(-3, 9)]:
            z = jnp.asarray([size, size, size, -3.0, -2.0, -4.0], dtype)
            rest = jnp.asarray(y, dtype), jnp.asarray(counts), jnp.ones(3, dtype)
            value, slope = _SLOPE_OF_BOXES(z, *rest)
            assert np.isfinite(value) and np.isfinite(slope).all() and (slope[:3] < 0).all()
            values.append(float(value))
        assert (np.diff(values) < 0).all()
        assert values[-1] == pytest.approx(-0.5 * 1e16 * np.exp([6.0, 4.0, 8.0]).sum(), rel=1e-5)


def test_float32_has_the_value_of_float64(x64):
    random = np.random.default_rng(6)
    y = 1 - random.dirichlet(np.ones(3), 5)
    for size in (0.3, 1.0, 3.0, 10.0):
        mean, deviation = random.random(3) * size, np.array([0.15, 0.1, 0.2])
        values = []
        for dtype in (np.float32, np.float64):
            arguments = (mean.astype(np.float32), deviation.astype(np.float32), y.astype(np.float32), np.ones(3) * 1.1)
            mean_, deviation_, y_, reference = (jnp.asarray(part, dtype) for part in arguments)
            values.append(float(of_boxes(mean_, deviation_, y_, jnp.ones(5, bool), reference)))
        assert values[0] == pytest.approx(values[1], rel=2e-6, abs=1e-4)


def test_of_a_large_front_of_three_objectives_rows_are_taken_all_over_it(x64):
    """200 rows on an eighth of a sphere, of which 96 count: each other row is near one of them.

    What lies between the rows of a front is not dominated, so fewer rows leave more to improve.
    """
    normal = np.abs(np.random.default_rng(0).normal(size=(200, 3)))
    y = 1 - normal / np.linalg.norm(normal, axis=1, keepdims=True)
    reference = np.full(3, 1.1)
    spread = jax.jit(spread_rows, static_argnums=3)
    rows = np.asarray(spread(jnp.asarray(y), jnp.ones(200, bool), jnp.asarray(reference), 96))
    assert len(np.unique(rows)) == 96
    assert np.abs(y[:, None] - y[rows][None]).max(axis=2).min(axis=1).max() < 0.12
    mean, deviation = np.full(3, 0.3), np.full(3, 0.1)
    value = np.exp(of_boxes(*map(jnp.asarray, (mean, deviation, y, np.ones(200, bool), reference))))
    exact = by_cells(mean, deviation, y, reference)
    assert exact < value < 1.5 * exact
    # A front of fewer rows is there as a whole.
    counts = np.arange(200) % 4 == 0
    rows = np.asarray(spread(jnp.asarray(y), jnp.asarray(counts), jnp.asarray(reference), 96))
    assert set(np.flatnonzero(counts)) <= set(rows)


# Rays


@jax.jit
def of_rays(direction, mean, deviation, y, counts, reference):
    scale = reference - jnp.min(jnp.where(counts[:, None], y, jnp.inf), axis=0)
    return log_improvement_of_rays(mean[None], deviation, rays(direction, y[None], counts[None], reference, scale))


def test_many_rays_are_the_exact_value_of_two_objectives(x64):
    direction = directions(jax.random.key(0), 4096, 2, F64)
    for mean, deviation in POSTERIORS:
        rest = tuple(map(jnp.asarray, (mean, deviation, Y, COUNTS, REFERENCE)))
        np.testing.assert_allclose(of_rays(direction, *rest), of_strips(*rest), atol=0.02)


@pytest.mark.parametrize("k", [3, 4])
def test_many_rays_are_the_mean_over_samples_of_more_objectives(x64, k):
    random = np.random.default_rng(k)
    y = random.random((6, k))
    y = y / y.sum(axis=1, keepdims=True) * k / 2
    counts, reference = np.array([True] * 5 + [False]), np.full(k, 1.2)
    mean, deviation = np.full(k, 0.4), np.full(k, 0.15)
    # Points of the box above the mean less some deviations, weighed by the probability that the posterior is below.
    low = mean - 5 * deviation
    points = low + (reference - low) * random.random((200_000, k))
    is_free = ~np.any(np.all(y[:5][None] <= points[:, None], axis=2), axis=1)
    weight = is_free * np.prod(norm.cdf((points - mean) / deviation), axis=1) * np.prod(reference - low)
    direction = directions(jax.random.key(0), 4096, k, F64)
    value = np.exp(of_rays(direction, *map(jnp.asarray, (mean, deviation, y, counts, reference))))
    error = weight.std() / len(points) ** 0.5
    assert abs(value - weight.mean()) < 4 * error + 0.01 * weight.mean()


_SLOPE_OF_RAYS = jax.jit(
    jax.value_and_grad(lambda z, direction, *rest: of_rays(direction, z[:3], jnp.exp(z[3:]), *rest))
)


@pytest.mark.parametrize(("mean", "deviation"), [(0.4, 0.15), (0.8, 0.05), (30.0, 0.1), (-4.0, 0.01)])
def test_the_slope_of_rays_is_that_of_finite_differences(x64, mean, deviation):
    y = np.array([[0.2, 0.8, 0.9], [0.9, 0.3, 0.4], [0.5, 0.6, 0.5]])
    rest = (directions(jax.random.key(1), 64, 3, F64), jnp.asarray(y), jnp.ones(3, bool), jnp.full(3, 1.0))
    z = np.r_[np.full(3, mean) + [0, 0.05, -0.05], np.full(3, np.log(deviation))]
    value, slope = _SLOPE_OF_RAYS(jnp.asarray(z), *rest)
    assert np.isfinite(value) and np.isfinite(slope).all() and (slope[:3] < 0).all()
    for i in range(6):
        step = 1e-5 * max(abs(z[i]), 1) * min(1, 10 * deviation)
        ends = [float(_SLOPE_OF_RAYS(jnp.asarray(z + sign * step * (np.arange(6) == i)), *rest)[0]) for sign in (1, -1)]
        np.testing.assert_allclose(slope[i], (ends[0] - ends[1]) / (2 * step), rtol=1e-3, atol=1e-4)


def test_far_from_the_front_rays_have_a_value_and_a_slope(dtype):
    y = jnp.asarray([[0.5, 0.5, 0.5], [0.2, 0.8, 0.5], [0.0, 0.0, 0.0]], dtype)
    direction = directions(jax.random.key(1), 64, 3, dtype)
    counts, values = jnp.asarray([True, True, False]), []
    for size in [10.0**k for k in range(-3, 7)]:
        z = jnp.asarray([size] * 3 + [-3.0, -2.0, -4.0], dtype)
        value, slope = _SLOPE_OF_RAYS(z, direction, y, counts, jnp.ones(3, dtype))
        assert np.isfinite(value) and np.isfinite(slope).all() and (slope[:3] <= 0).all()
        values.append(float(value))
    assert (np.diff(values) < 0).all()


def test_directions_are_positive_unit_vectors_all_over_the_sphere(x64):
    direction = np.asarray(directions(jax.random.key(0), 1024, 3, F64))
    assert (direction > 0).all()
    np.testing.assert_allclose(np.linalg.norm(direction, axis=1), 1)
    # Uniform on the sphere each coordinate is uniform.
    np.testing.assert_allclose(
        np.quantile(direction, [0.25, 0.5, 0.75], axis=0), [[0.25] * 3, [0.5] * 3, [0.75] * 3], atol=0.01
    )


# Acquisitions


@pytree
@dataclass(frozen=True)
class Linear:
    """A posterior whose mean rises with the first column of a point, and whose deviation is the same everywhere."""

    mean: jax.Array
    deviation: jax.Array

    def noise_variance(self):
        return jnp.zeros_like(self.mean)

    def predict(self, x):
        return self.mean + x[:, 0], jnp.ones(len(x), x.dtype) * self.deviation**2

    def covariance(self, x1, x2):
        is_same = jnp.all(x1[:, None] == x2[None], axis=2)
        return jnp.where(is_same, self.deviation**2, 0)

    def paths(self, key, num_paths):
        raise NotImplementedError


def front_of(y, counts=COUNTS, reference=REFERENCE):
    x = np.linspace(0.5, 0.9, len(y))[:, None]
    return Front(*map(jnp.asarray, (x, y, counts, reference)))


@jax.jit
def _value(acquisition, mean, deviation, front, x, seed):
    model = Linear(mean, deviation)
    return acquisition.value(acquisition.prepare(jax.random.key(seed), model, front), model, x[None])


def value_of(acquisition, mean, deviation, front, x=0.0, key=0):
    return float(_value(acquisition, *map(jnp.asarray, (mean, deviation)), front, jnp.asarray(x), key))


def test_the_acquisition_is_the_formula_at_the_moments_of_a_point(x64):
    (mean, deviation), front = POSTERIORS[0], front_of(Y)
    expected = of_strips(jnp.asarray(mean) + 0.1, jnp.asarray(deviation), front.mean, front.counts, front.reference)
    value = value_of(jbo.log_expected_hypervolume_improvement(), mean, deviation, front, 0.1)
    assert value == pytest.approx(float(expected), rel=1e-12)


def test_the_acquisition_of_the_guide_is_how_much_better_a_bound_is_than_each_trial(x64):
    """The class that docs/extend.md shows, against loops."""
    page = (Path(__file__).parents[2] / "docs" / "extend.md").read_text()
    start = page.index("@jbo.pytree\n@dataclass(frozen=True)\nclass Maximin")
    world = {"jbo": jbo, "jax": jax, "jnp": jnp, "dataclass": dataclass}
    exec(page[start : page.index("\n\n\n", start)], world)
    for (mean, deviation), weight in [(POSTERIORS[0], 1.0), (POSTERIORS[3], 0.5), (POSTERIORS[1], 2.0)]:
        bound = [mean[j] + 0.1 - weight * deviation[j] for j in range(2)]
        rows = [row if counts else REFERENCE for row, counts in zip(Y, COUNTS, strict=True)]
        expected = min(max(row[j] - bound[j] for j in range(2)) for row in rows)
        found = value_of(world["Maximin"](weight), mean, deviation, front_of(Y), 0.1)
        assert found == pytest.approx(expected, rel=1e-12)


def test_with_three_objectives_the_acquisition_is_the_formula_too(x64):
    random = np.random.default_rng(8)
    y, reference = random.random((6, 3)), np.full(3, 1.1)
    front, mean, deviation = front_of(y, reference=reference), np.array([0.3, 0.5, 0.2]), np.array([0.2, 0.1, 0.3])
    expected = of_boxes(jnp.asarray(mean) + 0.1, jnp.asarray(deviation), front.mean, front.counts, front.reference)
    value = value_of(jbo.log_expected_hypervolume_improvement(), mean, deviation, front, 0.1)
    assert value == pytest.approx(float(expected), rel=1e-12)


@pytree
@dataclass(frozen=True)
class AtRows(Linear):
    """The means of the rows of the front at its points, nearly sure there; elsewhere the mean, independent of them."""

    values: jax.Array

    def predict(self, x):
        is_row = x[:, 0] >= 0.5
        values = self.values[jnp.round((x[:, 0] - 0.5) / 0.08).astype(int)]
        deviation = jnp.where(is_row, 1e-4, self.deviation)
        return jnp.where(is_row, values, self.mean), deviation**2

    def covariance(self, x1, x2):
        is_same = jnp.all(x1[:, None] == x2[None], axis=2)
        return jnp.where(is_same, jnp.where(x1 >= 0.5, 1e-4, self.deviation) ** 2, 0)


@jax.jit
def noisy_value(front):
    model = AtRows(*map(jnp.asarray, POSTERIORS[0]), jnp.asarray(Y.T))
    acquisition = jbo.log_noisy_expected_hypervolume_improvement(64)
    return acquisition.value(acquisition.prepare(jax.random.key(0), model, front), model, jnp.zeros(1))


def fixed_value(counts):
    return value_of(jbo.log_expected_hypervolume_improvement(), *POSTERIORS[0], front_of(Y, counts))


def test_of_a_sure_front_the_noisy_form_is_the_other_one(x64):
    """The values at the trials are known but for 1e-4."""
    assert float(noisy_value(front_of(Y))) == pytest.approx(fixed_value(COUNTS), abs=2e-3)


def test_the_noisy_form_samples_which_trials_are_feasible(x64):
    """Two limits hold for certain at some rows. At row 1 the first is open: half of the samples have this row.

    What was measured, ``counts``, says nothing then. The last row is no trial.
    """
    of_limits = np.array([[-1.0, 0.5, -1.0, 1.5, -1.0, -1.0], [-1.0, -1.0, -1.0, -1.0, 2.0, -1.0]])
    limits = LimitModels(Linear(jnp.zeros(2), jnp.ones(2)), jnp.asarray([0.5, 0.0]), jnp.asarray(COUNTS))
    posteriors = AtRows(jnp.zeros(2), jnp.ones(2), jnp.asarray(of_limits))
    front = front_of(Y, np.zeros(6, bool))._replace(limits=limits._replace(posteriors=posteriors))
    with_row, without = (np.array([True, there, True, False, False, False]) for there in (True, False))
    expected = 0.5 * np.exp(fixed_value(with_row)) + 0.5 * np.exp(fixed_value(without))
    assert fixed_value(without) > fixed_value(with_row) + 0.1
    assert np.exp(float(noisy_value(front))) == pytest.approx(expected, rel=0.01)


def test_each_ray_has_rows_of_its_own(x64):
    direction, y = directions(jax.random.key(0), 8, 3, F64), np.random.default_rng(3).random((8, 5, 3))
    counts = np.random.default_rng(4).random((8, 5)) < 0.5
    ones = jnp.ones(3)
    starts = jax.jit(rays)(direction, jnp.asarray(y), jnp.asarray(counts), ones, ones).start
    for i in range(8):
        reach = np.min((1 - y[i][counts[i]]) / np.asarray(direction[i]), axis=1)
        assert float(starts[i]) == pytest.approx(max([0, *reach]))


def test_the_scalarisation_is_the_expected_improvement_along_its_direction(x64):
    """Of a sure point it is how much further along the direction the point reaches than the front."""
    front = front_of(Y)
    sure = np.array([0.3, 0.3])
    for key in range(3):
        direction = np.asarray(directions(jax.random.key(key), 1, 2, F64))[0]
        scale = REFERENCE - Y[COUNTS].min(axis=0)
        reach = np.min((REFERENCE - np.vstack([sure, Y[COUNTS]])) / scale / direction, axis=1)
        gain = max(reach[0] - reach[1:].max(), 0)
        value = value_of(jbo.hypervolume_scalarization(), sure, np.full(2, 1e-6), front, key=key)
        assert np.exp(value) == pytest.approx(gain, abs=1e-4)


def test_parego_is_the_expected_improvement_of_a_weighted_distance(x64):
    """Against plain Monte Carlo with the same weights; the range of each objective is that over the front."""
    front, acquisition = front_of(Y), jbo.parego(num_samples=4096)
    mean, deviation = (np.array(part) for part in POSTERIORS[0])
    weights = jax.jit(lambda seed: acquisition.prepare(jax.random.key(seed), None, front).weight)
    weight = np.asarray(weights(3))
    assert weight.sum() == pytest.approx(1) and (weight > 0).all()
    is_front = np.asarray(pareto.front(front.mean, front.counts))
    low, high = Y[is_front].min(axis=0), Y[is_front].max(axis=0)

    def scalarised(y):
        w = weight * (y - low) / (high - low)
        return w.max(axis=1) + 0.05 * w.sum(axis=1)

    samples = scalarised(mean + deviation * np.random.default_rng(0).normal(size=(200_000, 2)))
    expected = np.clip(scalarised(Y[COUNTS]).min() - samples, 0, None)
    value = np.exp(value_of(acquisition, mean, deviation, front, key=3))
    assert value == pytest.approx(expected.mean(), rel=0.03)
    assert np.abs(weight - np.asarray(weights(4))).max() > 0.01


def test_with_one_objective_it_is_the_expected_improvement(x64):
    """One column: what a point adds to the dominated length is its improvement on the best value or the reference."""
    direction = directions(jax.random.key(0), 4, 1, F64)
    ones = jnp.ones(1)
    region = jax.jit(rays)(direction, jnp.asarray([[[0.4], [0.7]]]), jnp.ones((1, 2), bool), ones, ones)
    value = jax.jit(log_improvement_of_rays)(jnp.full((1, 1), 0.5), jnp.full(1, 0.2), region)
    expected = jax.jit(formulas.log_expected_improvement)(0.5, 0.2, 0.4)
    assert float(value) == pytest.approx(float(expected), abs=1e-4)


@pytest.mark.parametrize(
    "make",
    [
        lambda: jbo.log_expected_hypervolume_improvement(num_rays=0),
        lambda: jbo.log_noisy_expected_hypervolume_improvement(num_samples=0),
        lambda: jbo.hypervolume_scalarization(0),
        lambda: jbo.parego(num_samples=True),
    ],
)
def test_numbers_that_make_no_sense_are_refused(make):
    with pytest.raises(ValueError, match="expected an integer of at least 1"):
        make()
