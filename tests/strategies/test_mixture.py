"""Mixtures on the cube by value: against scipy's distributions, by enumeration and by quadrature, with their draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given as given_values
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import chisquare, kstest, truncnorm

from jbo import Categorical, Integer, Ordinal, Real, Space, encoding
from jbo.strategies import _mixture
from jbo.strategies._mixture import Mixture
from tests.selection import some

SPACE = Space(
    kind=Categorical("a", "b", "c"),
    size=Integer(1, 7, log=True),
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
snap, is_active = jax.jit(encoding.snap), jax.jit(encoding.is_active)
log_density = jax.jit(_mixture.log_density)
sample = jax.jit(_mixture.sample, static_argnums=3)
condition = jax.jit(_mixture.given)


def draw(space, num, seed=0, least=0.02):
    """A mixture around random points; the first kernel saw nothing, the second has no weight."""
    rng = np.random.default_rng(seed)
    d = space.encoding.num_columns
    with jax.enable_x64(True):
        x = np.array(snap(space.encoding, rng.random((num, d))))
        is_seen = np.array(is_active(space.encoding, x))
    x[0], is_seen[0] = 0.5, False
    weight = rng.random(num)
    weight[1] = 0
    return Mixture(x, is_seen, weight, np.exp(rng.uniform(np.log(least), 0, (num, d))))


def as_type(mixture, dtype):
    return Mixture(*(jnp.asarray(leaf, bool if leaf.dtype == bool else dtype) for leaf in mixture))


def cell(parameter, level):
    """Ends of the part of [0, 1] that a level owns."""
    if isinstance(parameter, Integer) and parameter.log:
        start = parameter.low - 0.5
        return np.log1p(np.array([level, level + 1]) / start) / np.log1p(parameter.num_levels / start)
    return np.array([level, level + 1]) / parameter.num_levels


def log_kernel(parameter, value, x, centre, bandwidth):
    """Of one column: the value sits at x, the kernel at its centre."""
    gaussian = truncnorm(-centre / bandwidth, (1 - centre) / bandwidth, centre, bandwidth)
    if isinstance(parameter, Real):
        return gaussian.logpdf(x)
    if isinstance(parameter, Categorical):
        n = parameter.num_levels
        return np.log((1 - bandwidth) * (int(x * n) == int(centre * n)) + bandwidth / n)
    low, high = cell(parameter, parameter.level_of(value))
    return np.log(gaussian.cdf(high) - gaussian.cdf(low))


def log_uniform(parameter, value):
    return 0.0 if isinstance(parameter, Real) else np.log(np.diff(cell(parameter, parameter.level_of(value)))[0])


def reference(space, mixture, config):
    """Log density at a config: kernel by kernel and column by column."""
    x = space.encode(config)
    logs = np.zeros(len(mixture.x))
    for j, (name, parameter) in enumerate(space.items()):
        for i in range(len(logs)) if name in config else []:
            arguments = parameter, config[name]
            if mixture.is_seen[i, j]:
                logs[i] += log_kernel(*arguments, x[j], mixture.x[i, j], mixture.bandwidth[i, j])
            else:
                logs[i] += log_uniform(*arguments)
    return logsumexp(logs, b=mixture.weight / mixture.weight.sum())


def test_density_by_value(slow_dtype):
    mixture = draw(SPACE, 6, least=0.1)
    rng = np.random.default_rng(1)
    points = np.asarray(snap(SPACE.encoding, jnp.asarray(rng.random((24, 5)), slow_dtype)))
    configs = [SPACE.decode(x) for x in points.astype(float)]
    assert {len(config) for config in configs} == {2, 3, 4, 5}, "every condition holds somewhere"
    expected = [reference(SPACE, mixture, config) for config in configs]
    got = log_density(SPACE.encoding, as_type(mixture, slow_dtype), points)
    assert got.dtype == slow_dtype
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-9 if slow_dtype == jnp.float64 else 2e-4)


CHOICES = Categorical(*range(80))
MANY = Space(a=Integer(1, 1000, log=True), k=CHOICES, b=Integer(0, 400, when=("k", set(range(40)))), c=Real(0, 1))
AS_REAL = Space(a=Real(0, 1), k=CHOICES, b=Real(0, 1, when=("k", set(range(40)))), c=Real(0, 1))


@some(("space", "same"), [(SPACE, SPACE), (DISCRETE, DISCRETE), (MANY, AS_REAL)])
def test_one_point_at_a_time_is_worth_the_same(slow_dtype, space, same):
    """An ordered column of very many levels counts as a real one."""
    mixture = as_type(draw(space, 12), slow_dtype)
    x = jnp.asarray(
        snap(space.encoding, jnp.asarray(np.random.default_rng(4).random((200, mixture.x.shape[1])), slow_dtype))
    )
    at = jax.jit(lambda x: jax.lax.map(_mixture.log_kernels_at(space.encoding, mixture), x))
    got = logsumexp(at(x), b=mixture.weight / mixture.weight.sum(), axis=1)
    np.testing.assert_allclose(
        got, log_density(same.encoding, mixture, x), rtol=1e-10 if slow_dtype == jnp.float64 else 1e-4, atol=1e-5
    )


def test_probabilities_of_all_configs_sum_to_one(slow_dtype):
    points = np.array([DISCRETE.encode(config) for config in DISCRETE.configs()])
    for seed in range(5):
        mixture = as_type(draw(DISCRETE, 6, seed), slow_dtype)
        total = np.exp(
            np.asarray(log_density(DISCRETE.encoding, mixture, jnp.asarray(points, slow_dtype)), float)
        ).sum()
        np.testing.assert_allclose(total, 1, atol=1e-12 if slow_dtype == jnp.float64 else 1e-5)


@pytest.mark.thorough
def test_a_density_with_reals_integrates_to_one(x64):
    """Sums over the combinations of levels, of Gauss-Legendre integrals over the reals that each has."""
    nodes, weights = np.polynomial.legendre.leggauss(24)
    nodes, weights = (nodes + 1) / 2, weights / 2
    inactive = [0.5], [1.0]
    discrete = Space(kind=SPACE["kind"], size=SPACE["size"], depth=SPACE["depth"])
    points, factors = [], []
    for config in discrete.configs():
        kind, size, depth = discrete.encode(config)
        rates = (nodes, weights) if config["kind"] != "c" else inactive
        slopes = (nodes, weights) if config.get("depth") in (2, 8) else inactive
        points += [[kind, size, rate, depth, slope] for rate in rates[0] for slope in slopes[0]]
        factors += np.outer(rates[1], slopes[1]).ravel().tolist()
    points = np.array(points)
    np.testing.assert_allclose(snap(SPACE.encoding, points), points, atol=1e-15)
    mixture = as_type(draw(SPACE, 6, 2, least=0.15), "float64")
    np.testing.assert_allclose(np.exp(log_density(SPACE.encoding, mixture, points)) @ factors, 1, atol=1e-9)


def test_draws_are_distributed_as_the_density_says(slow_dtype):
    """Frequencies of all configs of a conditional space beside their probabilities."""
    mixture = as_type(draw(DISCRETE, 6, 3, least=0.1), slow_dtype)
    num = 40_000
    drawn = snap(DISCRETE.encoding, sample(jax.random.key(0), DISCRETE.encoding, mixture, num))
    assert drawn.dtype == slow_dtype
    places = [tuple(np.round(DISCRETE.encode(config), 4)) for config in DISCRETE.configs()]
    seen, counts = np.unique(np.round(np.asarray(drawn, float), 4), axis=0, return_counts=True)
    counts = dict(zip(map(tuple, seen), counts, strict=True))
    assert set(counts) <= set(places)
    points = jnp.asarray([DISCRETE.encode(config) for config in DISCRETE.configs()], slow_dtype)
    expected = np.exp(np.asarray(log_density(DISCRETE.encoding, mixture, points), float))
    observed = np.array([counts.get(place, 0) for place in places])
    assert (num * expected > 5).all() and chisquare(observed, num * expected / expected.sum()).pvalue > 1e-3


def test_drawn_reals_are_those_of_truncated_gaussians(slow_dtype):
    """At both ends of the cube and inside, of a narrow and of a wide kernel."""
    space = Space({f"x{i}": Real(0.0, 1.0) for i in range(4)})
    centre, bandwidth = np.array([[0.0, 1.0, 0.4, 0.9]]), np.array([[0.05, 0.3, 0.01, 1.0]])
    mixture = as_type(Mixture(centre, np.ones((1, 4), bool), np.ones(1), bandwidth), slow_dtype)
    x = np.asarray(sample(jax.random.key(1), space.encoding, mixture, 4000))
    assert (x >= 0).all() and (x <= 1).all()
    for j, (c, b) in enumerate(zip(centre[0], bandwidth[0], strict=True)):
        assert kstest(x[:, j], truncnorm(-c / b, (1 - c) / b, c, b).cdf).pvalue > 1e-3
    assert abs(np.corrcoef(x.T) - np.eye(4)).max() < 0.06


def test_what_is_given_leaves_the_conditional_distribution(x64):
    """The joint distribution over the marginal one, a sum over all configs that have what is given."""
    mixture = as_type(draw(DISCRETE, 6, 4), "float64")
    configs = list(DISCRETE.configs())
    points = jnp.asarray([DISCRETE.encode(config) for config in configs])
    joint = np.exp(log_density(DISCRETE.encoding, mixture, points))
    for known in ({"a": "x"}, {"e": 2}, {"a": "z", "b": 5, "e": 0}):
        fits = np.array([known.items() <= config.items() for config in configs])
        fixed = DISCRETE.fixed_columns(known)
        is_given = ~np.isnan(fixed)
        x = snap(DISCRETE.encoding, np.where(is_given, fixed, 0.5))
        rest = condition(DISCRETE.encoding, mixture, x, is_given)
        # Uniform in what is given, the same for all that have it, the kernels leave the factor of the others.
        rest = rest._replace(is_seen=mixture.is_seen & ~is_given)
        values = np.exp(log_density(DISCRETE.encoding, rest, points))[fits]
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
    mixture = draw(SPACE, 6)
    points = snap(SPACE.encoding, np.random.default_rng(1).random((24, 5)))
    dirty = mixture._replace(x=mixture.x.copy())
    dirty.x[1] = garbage
    clean, other = (log_density(SPACE.encoding, as_type(m, "float64"), points) for m in (mixture, dirty))
    np.testing.assert_array_equal(clean, other)
    drawn = (sample(jax.random.key(0), SPACE.encoding, as_type(m, "float64"), 64) for m in (mixture, dirty))
    np.testing.assert_array_equal(*drawn)
