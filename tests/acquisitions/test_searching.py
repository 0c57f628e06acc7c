"""Acquisitions that draw or look ahead: each value against brute force."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, truncnorm

from jbo import Categorical, Real, Space, acquisitions
from jbo.acquisitions import formulas
from jbo.acquisitions.points import points_to_look_at
from jbo.encoding import snap
from jbo.numerics import truncation_information
from jbo.region import Region
from jbo.surrogates import gaussian_process
from tests.selection import some

from .. import references
from ..surrogates.problems import as_dataset, as_params, condition, random_params, smooth_data

CAPACITY = 24
KINDS = {
    "thompson": acquisitions.thompson_sampling,
    "max value entropy": lambda: acquisitions.max_value_entropy_search(num_samples=8, num_points=128),
    "knowledge gradient": lambda: acquisitions.knowledge_gradient(num_points=16),
    "noisy improvement": lambda: acquisitions.log_noisy_expected_improvement(num_samples=32),
    "scheduled bound": acquisitions.scheduled_confidence_bound,
}


@jax.jit
def _prepare(acquisition, key, posterior, data):
    return acquisition.prepare(key, posterior, data)


@jax.jit
def _value_and_slope(acquisition, aux, posterior, x):
    return jax.vmap(jax.value_and_grad(lambda p: acquisition.value(aux, posterior, p)))(x)


def _problem(dtype="float64", garbage=0.0, noise=1e-3, d=3, n=15):
    x, y = smooth_data(n, d)
    values = random_params(d, noise=noise)
    data = as_dataset(x, y, dtype, CAPACITY, garbage)
    return (values, x, y), condition(as_params(values, dtype), data), data


@some("kind", KINDS, ["thompson", "scheduled bound"])
def test_contract(kind, slow_dtype):
    _, posterior, data = _problem(slow_dtype, garbage=1e30)
    acquisition = KINDS[kind]()
    assert isinstance(acquisition, acquisitions.Acquisition)
    x = jnp.asarray(np.random.default_rng(1).uniform(size=(8, 3)), slow_dtype)
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        aux = jax.eval_shape(acquisition.prepare, jax.random.key(0), posterior, data)
        value = jax.eval_shape(acquisition.value, aux, posterior, x[0])
    assert value.dtype == slow_dtype and value.shape == ()
    aux = _prepare(acquisition, jax.random.key(0), posterior, data)
    value, slope = _value_and_slope(acquisition, aux, posterior, x)
    assert np.isfinite(value).all() and np.isfinite(slope).all() and np.abs(slope).max() > 0
    # At the observations the deviation is least, and there is nothing left to be told.
    value, slope = _value_and_slope(acquisition, aux, posterior, data.x[:8])
    assert np.isfinite(value).all() and np.isfinite(slope).all()
    clean = _problem(slow_dtype)[2]
    other = _prepare(acquisition, jax.random.key(0), posterior, clean)
    again, _ = _value_and_slope(acquisition, other, posterior, data.x[:8])
    np.testing.assert_array_equal(again, value, "rows that are not valid change nothing")


@some("kind", KINDS, ["thompson", "noisy improvement"])
def test_slope_in_the_point_against_finite_differences(kind, x64):
    _, posterior, data = _problem()
    acquisition, point = KINDS[kind](), np.array([0.2, 0.7, 0.4])
    aux = _prepare(acquisition, jax.random.key(0), posterior, data)
    steps = [np.zeros(3), *(s * 1e-4 * np.eye(3)[i] for i in range(3) for s in (-2, -1, 1, 2))]
    points = jnp.asarray(np.resize(point + np.array(steps), (2, 8, 3)))  # eight at a time, as in the other tests
    (value, slope), (others, _) = (_value_and_slope(acquisition, aux, posterior, eight) for eight in points)
    shifted = np.concatenate([value, others])[1:13].reshape(3, 4)
    expected = (8 * (shifted[:, 2] - shifted[:, 1]) - (shifted[:, 3] - shifted[:, 0])) / 12e-4
    np.testing.assert_allclose(slope[0], expected, rtol=1e-5, atol=1e-8)


def test_before_any_observation(slow_dtype):
    x = np.zeros((0, 3))
    data = as_dataset(x, np.zeros(0), slow_dtype, CAPACITY, 1e30)
    posterior = condition(as_params(random_params(3), slow_dtype), data)
    for make in KINDS.values():
        acquisition = make()
        aux = _prepare(acquisition, jax.random.key(0), posterior, data)
        value, slope = _value_and_slope(acquisition, aux, posterior, jnp.full((8, 3), 0.3, slow_dtype))
        assert np.isfinite(value).all() and np.isfinite(slope).all()


@pytest.mark.thorough
def test_what_needs_a_joint_posterior_says_so(x64):
    class Plain:
        def noise_variance(self):
            return jnp.zeros(())

        def predict(self, x):
            return x[:, 0], jnp.ones(x.shape[0])

    _, _, data = _problem()
    for kind in KINDS.keys() - {"scheduled bound"}:
        with pytest.raises(TypeError, match=r"expected a posterior with `covariance` and `paths`.*got a Plain"):
            KINDS[kind]().prepare(jax.random.key(0), Plain(), data)


# Thompson sampling


@pytest.mark.thorough
def test_a_draw_is_minimised(x64):
    _, posterior, data = _problem()
    aux = _prepare(acquisitions.thompson_sampling(), jax.random.key(5), posterior, data)
    x = jnp.asarray(np.random.default_rng(1).uniform(size=(8, 3)))
    value, _ = _value_and_slope(acquisitions.thompson_sampling(), aux, posterior, x)
    np.testing.assert_allclose(value, -posterior.paths(jax.random.key(5), 1)(x)[0], atol=1e-9)


# Max-value entropy search


@pytest.mark.parametrize("z", [-3.5, -1.0, 0.0, 0.7, 3.0])
def test_information_against_the_entropy_of_a_truncated_normal(z, x64):
    """Known to be above -z a standard normal has lost this much of its entropy."""
    expected = norm.entropy() - truncnorm(-z, 38).entropy()
    np.testing.assert_allclose(truncation_information(jnp.asarray(z)), expected, rtol=1e-9)


@pytest.mark.thorough
def test_information_at_all_magnitudes(slow_dtype):
    # exp(-x): far in the tail a truncated normal is an exponential of rate x, with the entropy 1 - log(x).
    far = 10.0 ** np.arange(2, 18)
    value, slope = jax.vmap(jax.value_and_grad(truncation_information))(jnp.asarray(-far, slow_dtype))
    np.testing.assert_allclose(value, norm.entropy() - 1 + np.log(far), rtol=1e-3)
    np.testing.assert_allclose(slope, -1 / far, rtol=1e-2)
    z = jnp.linspace(-8, 8, 400, dtype=slow_dtype)
    value, slope = jax.vmap(jax.value_and_grad(truncation_information))(z)
    assert (np.asarray(value) >= 0).all() and np.isfinite(slope).all() and (np.asarray(slope) <= 1e-5).all()
    step = np.diff(np.asarray(value, np.float64))
    assert np.abs(np.diff(step)).max() < 2e-3, "and the two forms meet at 4 deviations"


@pytest.mark.guard
def test_least_values_are_over_the_observed_rows_as_well(x64):
    """Without noise a path goes through the data: its least value is the least datum, or lower at one of two points."""
    (_, _, y), posterior, data = _problem(noise=1e-10, garbage=-5.0)
    acquisition = acquisitions.max_value_entropy_search(num_samples=8, num_points=2)
    least = np.asarray(_prepare(acquisition, jax.random.key(0), posterior, data))
    assert (least <= y.min() + 1e-3).all() and (np.abs(least - y.min()) < 1e-3).sum() >= 6, least


@pytest.mark.thorough
def test_max_value_entropy_against_brute_force(x64):
    """Least values against those of exact joint samples on a grid; information against the entropies of samples."""
    x, y = smooth_data(6, 1)
    values = random_params(1, noise=1e-3)
    data = as_dataset(x, y, jnp.float64)
    posterior = condition(as_params(values, jnp.float64), data)
    acquisition = acquisitions.max_value_entropy_search()
    # Paths of one key share their features, so a few of each of many keys are draws of the process itself.
    few = acquisitions.max_value_entropy_search(num_samples=8, num_points=512)
    prepare = jax.jit(lambda keys: jax.lax.map(lambda key: few.prepare(key, posterior, data), keys))
    least = np.asarray(prepare(jax.random.split(jax.random.key(0), 256))).reshape(-1)
    grid = jnp.linspace(0, 1, 201)[:, None]
    samples = gaussian_process.sample(jax.random.key(1), posterior, grid, 4096)
    exact = np.asarray(samples).min(axis=1)
    quantiles = [0.1, 0.5, 0.9]
    np.testing.assert_allclose(np.quantile(least, quantiles), np.quantile(exact, quantiles), atol=0.015)

    rng, points = np.random.default_rng(2), np.array([[0.05], [0.35], [0.9]])
    some = np.asarray(least[:16])
    found, _ = _value_and_slope(acquisition, jnp.asarray(some), posterior, jnp.asarray(points))
    mean, covariance = references.posterior("multiscale", values, x, y, points)
    for i, (m, s) in enumerate(zip(mean, np.sqrt(np.diag(covariance)), strict=True)):
        draws = rng.normal(m, s, 400_000)
        lost = []
        for bound in some:
            above = draws[draws > bound]
            log_density = norm.logpdf(above, m, s) - np.log(len(above) / len(draws))
            lost.append(norm.entropy(m, s) + log_density.mean())
        np.testing.assert_allclose(found[i], np.mean(lost), atol=0.01)


# Knowledge gradient


LINES = st.lists(st.tuples(st.floats(-3, 3), st.sampled_from([-2.0, -0.5, 0.0, 0.5, 1.25])), min_size=8, max_size=8)
_expected_least = jax.jit(jax.value_and_grad(formulas.expected_least, (0, 1)))


@given(LINES)
def test_expected_least_of_lines_against_integration(lines):
    intercept, slope = np.array(lines).T
    with jax.enable_x64(True):
        value, slopes = jax.tree.map(np.asarray, _expected_least(jnp.asarray(intercept), jnp.asarray(slope)))
    z = np.linspace(-9, 9, 40_001)
    least = (intercept[:, None] + slope[:, None] * z[None, :]).min(0)
    exact = np.trapezoid(least * norm.pdf(z), z)
    assert exact - 1e-6 <= value <= exact + 1e-4 * np.ptp(slope) + 1e-6
    assert value <= intercept.min() + 1e-12
    # The derivative by an intercept is how probable it is that its line is least.
    assert (slopes[0] >= 0).all() and slopes[0].sum() == pytest.approx(1) and np.isfinite(slopes[1]).all()


def test_knowledge_gradient_against_brute_force(x64):
    """Observations are drawn at the point, the model is conditioned on each, and its mean is minimised."""
    (values, x, y), posterior, data = _problem(noise=0.05)
    acquisition = acquisitions.knowledge_gradient(num_points=16)
    aux = _prepare(acquisition, jax.random.key(0), posterior, data)
    looked_at, rng = np.asarray(aux[0]), np.random.default_rng(0)
    points = rng.uniform(size=(5, 3))
    found, _ = _value_and_slope(acquisition, aux, posterior, jnp.asarray(np.resize(points, (8, 3))))
    for i, point in enumerate(points):
        among = np.concatenate([looked_at, point[None]])
        mean, covariance = references.posterior("multiscale", values, x, y, among)
        seen = rng.normal(mean[-1], np.sqrt(covariance[-1, -1] + 0.05), 20_000)
        base, _ = references.posterior("multiscale", values, np.vstack([x, point]), np.append(y, 0.0), among)
        unit, _ = references.posterior("multiscale", values, np.vstack([x, point]), np.append(0 * y, 1.0), among)
        gains = mean.min() - (base[None] + seen[:, None] * unit[None]).min(1)
        np.testing.assert_allclose(found[i], gains.mean(), atol=5 * gains.std() / np.sqrt(len(seen)) + 1e-5)
        assert found[i] >= 0


@pytest.mark.guard
def test_knowledge_gradient_keeps_the_lowest_means_and_the_lowest_bounds(x64):
    """Half of the points by the mean, half of the others by the mean less the deviation: top-k in NumPy."""
    (values, x, y), posterior, data = _problem(noise=0.05)
    points, means, noise = _prepare(KINDS["knowledge gradient"](), jax.random.key(0), posterior, data)
    looked_at = jax.jit(lambda key, data: points_to_look_at(key, None, data, 1024))(jax.random.key(0), data)
    candidates = np.concatenate([looked_at, x])
    mean, covariance = references.posterior("multiscale", values, x, y, candidates)
    by_mean = np.argsort(mean, kind="stable")[:8]
    bound = mean - np.sqrt(np.diag(covariance))
    bound[by_mean] = np.inf
    rows = np.append(by_mean, np.argsort(bound, kind="stable")[:8])
    np.testing.assert_allclose(points, candidates[rows], atol=1e-12)
    np.testing.assert_allclose(means, mean[rows], atol=1e-9)
    np.testing.assert_allclose(noise, 0.05, rtol=1e-12)


@pytest.mark.thorough
def test_knowledge_gradient_looks_where_the_mean_may_be_least(x64):
    _, posterior, data = _problem()
    points, means, _ = _prepare(KINDS["knowledge gradient"](), jax.random.key(0), posterior, data)
    np.testing.assert_allclose(means, posterior.predict(points)[0], atol=1e-9)
    uniform = posterior.predict(jnp.asarray(np.random.default_rng(0).uniform(size=(200, 3))))[0]
    assert means.min() <= uniform.min() + 0.02 and len(np.unique(np.asarray(points), axis=0)) == 16


# Noisy expected improvement


@pytest.mark.parametrize("noise", [0.3, 1e-3])
def test_noisy_improvement_against_brute_force(noise, x64):
    (values, x, y), posterior, data = _problem(noise=noise)
    acquisition = acquisitions.log_noisy_expected_improvement(num_samples=1024)
    aux = _prepare(acquisition, jax.random.key(0), posterior, data)
    points = np.random.default_rng(3).uniform(size=(6, 3))
    found, _ = _value_and_slope(acquisition, aux, posterior, jnp.asarray(points))
    mean, covariance = references.posterior("multiscale", values, x, y, np.vstack([points, x]))
    rng = np.random.default_rng(0)
    draws = rng.multivariate_normal(mean, covariance, 200_000, method="eigh")
    gains = np.maximum(draws[:, 6:].min(1)[:, None] - draws[:, :6], 0)
    error = gains.std(0) / np.sqrt(len(draws))
    np.testing.assert_array_less(np.abs(np.exp(found) - gains.mean(0)), 5 * error + 0.02 * gains.mean(0))


def test_without_noise_it_is_expected_improvement(x64):
    _, posterior, data = _problem(noise=1e-10)
    x = jnp.asarray(np.random.default_rng(1).uniform(size=(8, 3)))
    acquisition = KINDS["noisy improvement"]()
    aux = _prepare(acquisition, jax.random.key(0), posterior, data)
    plain = acquisitions.log_expected_improvement()
    expected, _ = _value_and_slope(plain, _prepare(plain, jax.random.key(0), posterior, data), posterior, x)
    np.testing.assert_allclose(_value_and_slope(acquisition, aux, posterior, x)[0], expected, atol=0.02)


# The schedule


def test_weight_of_the_schedule(x64):
    """Theorem 2 of Srinivas et al. with a = b = r = 1, worked out by hand in its own form."""
    (_, x, _), posterior, data = _problem()
    t, d, delta = len(x) + 1, 3, 0.1
    beta = 2 * np.log(t**2 * 2 * np.pi**2 / (3 * delta)) + 2 * d * np.log(t**2 * d * np.sqrt(np.log(4 * d / delta)))
    points = jnp.asarray(np.random.default_rng(1).uniform(size=(8, 3)))
    for factor in (1.0, 0.2):
        acquisition = acquisitions.scheduled_confidence_bound(delta, factor)
        aux = _prepare(acquisition, jax.random.key(0), posterior, data)
        plain = acquisitions.confidence_bound(np.sqrt(factor * beta))
        expected, _ = _value_and_slope(plain, None, posterior, points)
        np.testing.assert_allclose(_value_and_slope(acquisition, aux, posterior, points)[0], expected, rtol=1e-9)


# Where they look


@pytest.mark.thorough
def test_points_are_of_the_region_and_around_the_best(x64):
    space = Space(a=Real(0.0, 1.0), b=Categorical("x", "y", "z"), c=Real(0.0, 1.0, when=("b", "x")))
    fixed = jnp.asarray([jnp.nan, 0.5, jnp.nan])
    _, _, data = _problem()
    for region in (Region(space.encoding), Region(space.encoding, fixed)):
        points = points_to_look_at(jax.random.key(0), region, data, 256)
        np.testing.assert_array_equal(snap(space.encoding, points), points)
        assert np.all(points[:, 1] == 0.5) == (region.fixed is not None)
    points = points_to_look_at(jax.random.key(0), None, data, 256)
    best = data.x[jnp.argmin(jnp.where(data.is_valid, data.y, jnp.inf))]
    assert (np.linalg.norm(points - best[None], axis=1) < 0.1).sum() > 15
    assert np.abs(np.asarray(points[:128]).mean(0) - 0.5).max() < 0.02


@pytest.mark.parametrize(
    "make",
    [
        lambda: acquisitions.max_value_entropy_search(num_samples=0),
        lambda: acquisitions.max_value_entropy_search(num_points=0),
        lambda: acquisitions.knowledge_gradient(0),
        lambda: acquisitions.log_noisy_expected_improvement(0),
    ],
)
def test_numbers_out_of_range_are_refused(make):
    with pytest.raises(ValueError, match="expected at least 1, got 0"):
        make()
