"""Mixtures on the cube by value: against scipy's distributions, by enumeration and by quadrature, with their draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given as given_values
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import chisquare, kstest, truncnorm

from jbo import Categorical, Integer, Ordinal, Real, Space
from jbo.encoding import snap
from jbo.strategies import _mixture
from jbo.strategies._mixture import Mixture

SPACE = Space(
    kind=Categorical("a", "b", "c"),
    size=Integer(1, 30, log=True),
    rate=Real(0.0, 1.0, when=("kind", {"a", "b"})),
    depth=Ordinal(1, 2, 4, 8, when=("kind", "b")),
    slope=Real(0.0, 1.0, when=("depth", {2, 8})),
)
DISCRETE = Space(
    a=Categorical("x", "y", "z"),
    b=Integer(1, 6, log=True, when=("a", {"x", "z"})),
    c=Ordinal(1, 2, 4, when=("b", {1, 5})),
    d=Categorical("u", "v", when=("a", "y")),
    e=Integer(0, 2),
)
log_density = jax.jit(_mixture.log_density)
sample = jax.jit(_mixture.sample, static_argnums=3)
condition = jax.jit(_mixture.given)


def draw(space, num, seed=0, least=0.02):
    """A mixture around random points; the first kernel saw nothing, the second has no weight."""
    rng = np.random.default_rng(seed)
    d = space.encoding.num_columns
    with jax.enable_x64(True):
        x = np.array(snap(space.encoding, rng.random((num, d))))
        is_seen = np.array(jax.jit(lambda x: jax.vmap(lambda p: active(space, p))(x))(x))
    x[0], is_seen[0] = 0.5, False
    weight = rng.random(num)
    weight[1] = 0
    return Mixture(x, is_seen, weight, np.exp(rng.uniform(np.log(least), 0, (num, d))))


def active(space, x):
    from jbo.encoding import is_active

    return is_active(space.encoding, x)


def as_type(mixture, dtype):
    return Mixture(*(jnp.asarray(leaf, bool if leaf.dtype == bool else dtype) for leaf in mixture))


def cell(parameter, level):
    """Ends of the part of [0, 1] that a level owns."""
    if isinstance(parameter, Integer) and parameter.log:
        start = parameter.low - 0.5
        return np.log1p(np.array([level, level + 1]) / start) / np.log1p(parameter.num_levels / start)
    return np.array([level, level + 1]) / parameter.num_levels


def reference(space, mixture, config):
    """Log density at a config: kernel by kernel and column by column."""
    x = space.encode(config)
    logs = []
    for centre, is_seen, bandwidth in zip(mixture.x, mixture.is_seen, mixture.bandwidth, strict=True):
        total = 0.0
        for j, (name, parameter) in enumerate(space.items()):
            if name not in config:
                continue
            kernel = truncnorm(-centre[j] / bandwidth[j], (1 - centre[j]) / bandwidth[j], centre[j], bandwidth[j])
            if isinstance(parameter, Real):
                total += kernel.logpdf(x[j]) if is_seen[j] else 0.0
                continue
            level = int(x[j] * parameter.num_levels)
            if isinstance(parameter, Categorical):
                own = level == int(centre[j] * parameter.num_levels)
                spread = bandwidth[j] if is_seen[j] else 1.0
                total += np.log((1 - spread) * own + spread / parameter.num_levels)
                continue
            if isinstance(parameter, Integer) and parameter.log:
                level = config[name] - parameter.low
            low, high = cell(parameter, level)
            with np.errstate(divide="ignore"):
                total += np.log(kernel.cdf(high) - kernel.cdf(low)) if is_seen[j] else np.log(high - low)
        logs.append(total)
    return logsumexp(logs, b=mixture.weight / mixture.weight.sum())


def test_density_by_value(dtype):
    mixture = draw(SPACE, 7, least=0.1)
    rng = np.random.default_rng(1)
    points = np.asarray(snap(SPACE.encoding, jnp.asarray(rng.random((64, 5)), dtype)))
    configs = [SPACE.decode(x) for x in points.astype(float)]
    assert {len(config) for config in configs} == {2, 3, 4, 5}, "every condition holds somewhere"
    expected = [reference(SPACE, mixture, config) for config in configs]
    got = log_density(SPACE.encoding, as_type(mixture, dtype), points)
    assert got.dtype == dtype
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-9 if dtype == jnp.float64 else 2e-4)


def test_probabilities_of_all_configs_sum_to_one(dtype):
    points = np.array([DISCRETE.encode(config) for config in DISCRETE.configs()])
    for seed in range(5):
        mixture = as_type(draw(DISCRETE, 6, seed), dtype)
        total = np.exp(np.asarray(log_density(DISCRETE.encoding, mixture, jnp.asarray(points, dtype)), float)).sum()
        np.testing.assert_allclose(total, 1, atol=1e-12 if dtype == jnp.float64 else 1e-5)


def test_a_density_with_reals_integrates_to_one(x64):
    """Sums over the levels of Gauss-Legendre integrals over the reals that each combination has."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    nodes, weights = (nodes + 1) / 2, weights / 2
    total, mixture = 0.0, draw(SPACE, 6, 2, least=0.15)
    discrete = Space(kind=SPACE["kind"], size=SPACE["size"], depth=SPACE["depth"])
    points, factors = [], []
    for config in discrete.configs():
        has_rate, has_slope = config["kind"] != "c", config.get("depth") in (2, 8)
        for rate, weight in zip(nodes, weights, strict=True) if has_rate else [(0.5, 1.0)]:
            for slope, other in zip(nodes, weights, strict=True) if has_slope else [(0.5, 1.0)]:
                x = discrete.encode(config)
                points.append([x[0], x[1], rate, x[2], slope])
                factors.append(weight * other)
    points = np.array(points)
    np.testing.assert_allclose(snap(SPACE.encoding, points), points, atol=1e-15)
    for part, factor in zip(np.array_split(points, 20), np.array_split(np.array(factors), 20), strict=True):
        size = -(-len(points) // 20)
        padded = np.vstack([part, np.full((size - len(part), 5), 0.5)])
        density = np.exp(log_density(SPACE.encoding, as_type(mixture, "float64"), padded))[: len(part)]
        total += density @ factor
    np.testing.assert_allclose(total, 1, atol=1e-9)


def test_draws_are_distributed_as_the_density_says(dtype):
    """Frequencies of all configs of a conditional space beside their probabilities."""
    mixture = as_type(draw(DISCRETE, 6, 3, least=0.1), dtype)
    num = 40_000
    drawn = snap(DISCRETE.encoding, sample(jax.random.key(0), DISCRETE.encoding, mixture, num))
    assert drawn.dtype == dtype
    places = [tuple(np.round(DISCRETE.encode(config), 4)) for config in DISCRETE.configs()]
    seen, counts = np.unique(np.round(np.asarray(drawn, float), 4), axis=0, return_counts=True)
    counts = dict(zip(map(tuple, seen), counts, strict=True))
    assert set(counts) <= set(places)
    points = jnp.asarray([DISCRETE.encode(config) for config in DISCRETE.configs()], dtype)
    expected = np.exp(np.asarray(log_density(DISCRETE.encoding, mixture, points), float))
    is_common = expected * num > 5
    observed = np.array([counts.get(place, 0) for place in places])
    rest = [observed[~is_common].sum()], [expected[~is_common].sum() * num]
    observed, expected = np.append(observed[is_common], rest[0]), np.append(expected[is_common] * num, rest[1])
    assert chisquare(observed, expected * observed.sum() / expected.sum()).pvalue > 1e-3


def test_drawn_reals_are_those_of_truncated_gaussians(dtype):
    """At both ends of the cube and inside, of a narrow and of a wide kernel."""
    space = Space({f"x{i}": Real(0.0, 1.0) for i in range(4)})
    centre, bandwidth = np.array([[0.0, 1.0, 0.4, 0.9]]), np.array([[0.05, 0.3, 0.01, 1.0]])
    mixture = as_type(Mixture(centre, np.ones((1, 4), bool), np.ones(1), bandwidth), dtype)
    x = np.asarray(sample(jax.random.key(1), space.encoding, mixture, 4000))
    assert (x >= 0).all() and (x <= 1).all()
    for j, (c, b) in enumerate(zip(centre[0], bandwidth[0], strict=True)):
        assert kstest(x[:, j], truncnorm(-c / b, (1 - c) / b, c, b).cdf).pvalue > 1e-3
    assert abs(np.corrcoef(x.T) - np.eye(4)).max() < 0.06


def test_what_is_given_leaves_the_conditional_distribution(x64):
    """Joint over marginal, which is a sum over all configs that have what is given."""
    mixture = as_type(draw(DISCRETE, 6, 4), "float64")
    configs = list(DISCRETE.configs())
    points = jnp.asarray([DISCRETE.encode(config) for config in configs])
    joint = np.exp(log_density(DISCRETE.encoding, mixture, points))
    for known in ({"a": "x"}, {"e": 2}, {"a": "z", "b": 5, "e": 0}):
        fits = np.array([known.items() <= config.items() for config in configs])
        fixed = DISCRETE.fixed_columns(known)
        x = snap(DISCRETE.encoding, np.where(np.isnan(fixed), 0.5, fixed))
        rest = condition(DISCRETE.encoding, mixture, x, ~np.isnan(fixed))
        # The columns that are known are the same in all: their kernels are taken out again.
        alone = condition(DISCRETE.encoding, rest, x, ~np.isnan(fixed)).weight
        values = np.exp(log_density(DISCRETE.encoding, rest, points[fits]))
        del alone
        np.testing.assert_allclose(values / values.sum(), joint[fits] / joint[fits].sum(), rtol=1e-9)


EDGES = st.sampled_from([0.0, 1e-12, 0.5, 1 - 1e-12, 1.0])


@given_values(st.lists(st.one_of(EDGES, st.floats(0, 1)), min_size=10, max_size=10), st.floats(1e-2, 1.0))
def test_log_densities_are_finite(values, bandwidth):
    """Wherever a point and a kernel lie, in both types, while a kernel is there that saw nothing."""
    for dtype in ("float64", "float32"):
        with jax.enable_x64(dtype == "float64"):
            x, centre = np.array(snap(SPACE.encoding, jnp.asarray(np.reshape(values, (2, 5)), dtype)))
            both = np.stack([np.full(5, 0.5), centre])
            is_seen = np.array([[False] * 5, [True] * 5])
            mixture = Mixture(both, is_seen, np.array([1e-6, 1.0]), np.full((2, 5), bandwidth))
            for kernels in (mixture, mixture._replace(weight=np.array([1.0, 0.0]))):
                value = log_density(SPACE.encoding, as_type(kernels, dtype), jnp.asarray(x[None], dtype))
                assert np.isfinite(value).all()


@pytest.mark.parametrize("garbage", [0.0, 7.0])
def test_a_kernel_without_weight_says_nothing(x64, garbage):
    mixture = draw(SPACE, 7)
    points = snap(SPACE.encoding, np.random.default_rng(1).random((64, 5)))
    dirty = mixture._replace(x=mixture.x.copy())
    dirty.x[1] = garbage
    clean, other = (log_density(SPACE.encoding, as_type(m, "float64"), points) for m in (mixture, dirty))
    np.testing.assert_array_equal(clean, other)
    drawn = (sample(jax.random.key(0), SPACE.encoding, as_type(m, "float64"), 64) for m in (mixture, dirty))
    np.testing.assert_array_equal(*drawn)
