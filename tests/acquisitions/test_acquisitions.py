"""Acquisition objects: the formulas bound to a posterior, an incumbent and numbers that may be traced."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

from jbo import acquisitions
from jbo.acquisitions import incumbent
from tests.selection import some

from .. import references
from ..surrogates.problems import as_dataset, as_params, condition, random_params, smooth_data

CAPACITY = 24
KINDS = {
    "expected": acquisitions.expected_improvement,
    "log_expected": acquisitions.log_expected_improvement,
    "log_expected_quantile": acquisitions.log_expected_quantile_improvement,
    "probability": acquisitions.probability_of_improvement,
    "log_probability": acquisitions.log_probability_of_improvement,
    "confidence": acquisitions.confidence_bound,
}


@jax.jit
def _value_and_slope(acquisition, posterior, data, x):
    aux = acquisition.prepare(jax.random.key(0), posterior, data)
    return jax.vmap(jax.value_and_grad(lambda p: acquisition.value(aux, posterior, p)))(x)


_incumbent = jax.jit(incumbent)


def _problem(dtype, garbage=0.0, noise=1e-3, x=None, y=None):
    if x is None:
        x, y = smooth_data(15, 3)
    data = as_dataset(x, y, dtype, CAPACITY, garbage)
    return condition(as_params(random_params(3, noise=noise), dtype), data), data


def _moments(x_new):
    x, y = smooth_data(15, 3)
    values = random_params(3)
    mean, cov = references.posterior("multiscale", values, x, y, x_new)
    best = references.posterior("multiscale", values, x, y, x)[0].min()
    return mean, np.sqrt(np.diag(cov)), best


@pytest.mark.parametrize("kind", KINDS)
def test_value_from_an_independent_posterior(kind, slow_dtype):
    x_new = np.random.default_rng(1).uniform(size=(8, 3))
    mean, deviation, best = _moments(x_new)
    number = 0.3
    z = (best - number - mean) / deviation
    # What the mean can move by: the deviation of the posterior mean once an observation with noise has come.
    moves = deviation**2 / np.sqrt(deviation**2 + 1e-3)
    expected = {
        "expected": deviation * (norm.pdf(z) + z * norm.cdf(z)),
        "log_expected": np.log(deviation) + np.array([references.log_improvement(v) for v in z]),
        "log_expected_quantile": np.log(moves)
        + np.array([references.log_improvement(v) for v in (best - number - mean) / moves]),
        "probability": norm.cdf(z),
        "log_probability": norm.logcdf(z),
        "confidence": -(mean - number * deviation),
    }[kind]
    posterior, data = _problem(slow_dtype, garbage=1e30)
    value, _ = _value_and_slope(KINDS[kind](number), posterior, data, jnp.asarray(x_new, slow_dtype))
    tolerance = dict(rtol=1e-6, atol=1e-9) if slow_dtype == jnp.float64 else dict(rtol=2e-2, atol=2e-3)
    np.testing.assert_allclose(value, expected, **tolerance)


@some("kind", KINDS, ["log_expected", "confidence"])
def test_slope_in_the_point_against_finite_differences(kind, x64):
    posterior, data = _problem("float64", garbage=1e300)
    acquisition = KINDS[kind](0.1)
    point = np.array([0.2, 0.7, 0.4])
    # One batch of all shifted points, so that one program serves all.
    steps = [np.zeros(3), *(s * 1e-4 * np.eye(3)[i] for i in range(3) for s in (-2, -1, 1, 2))]
    value, slope = _value_and_slope(acquisition, posterior, data, jnp.asarray(point + np.array(steps)))
    shifted = np.asarray(value[1:]).reshape(3, 4)
    expected = (8 * (shifted[:, 2] - shifted[:, 1]) - (shifted[:, 3] - shifted[:, 0])) / 12e-4
    np.testing.assert_allclose(slope[0], expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("margin", [1e3, 1e9, -1e9])
@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"confidence"}))
def test_slopes_are_finite_far_from_improvement(kind, margin, dtype):
    # At data points the deviation is least: with the margin this is the steepest that an optimiser meets.
    posterior, data = _problem(dtype, noise=1e-12)
    x = jnp.concatenate([data.x[:4], data.x[:4] + jnp.asarray(1e-3, dtype)])
    value, slope = _value_and_slope(KINDS[kind](margin), posterior, data, x)
    assert np.all(np.isfinite(value)) and np.all(np.isfinite(slope))
    assert np.all(value >= 0) or kind.startswith("log")


def test_incumbent_is_the_least_mean_of_valid_rows(dtype):
    _, _, best = _moments(np.zeros((1, 3)))
    for garbage in (0.0, 0.5, 1e30):
        posterior, data = _problem(dtype, garbage)
        np.testing.assert_allclose(_incumbent(posterior, data), best, atol=1e-9 if dtype == jnp.float64 else 1e-3)
    # Padded rows at the best place of all would win if they counted.
    x, y = smooth_data(15, 3)
    posterior, data = _problem(dtype)
    without_best = as_dataset(np.delete(x, y.argmin(), 0), np.delete(y, y.argmin()), dtype, CAPACITY)
    padded = without_best.x.at[20].set(jnp.asarray(x[y.argmin()], dtype))
    hidden = type(data)(padded, without_best.y, without_best.is_valid, data.y_scale)
    assert _incumbent(posterior, hidden) > _incumbent(posterior, data) + 0.01


def test_incumbent_of_nothing_is_the_mean(dtype):
    posterior, data = _problem(dtype, 1e30, x=np.zeros((0, 3)), y=np.zeros(0))
    assert _incumbent(posterior, data) == 0
    value, slope = _value_and_slope(KINDS["log_expected"](), posterior, data, jnp.full((8, 3), 0.3, dtype))
    assert np.all(np.isfinite(value)) and np.all(np.isfinite(slope))


def test_numbers_are_leaves_and_a_sweep_is_a_vmap(x64):
    posterior, data = _problem("float64")
    x = jnp.asarray(np.random.default_rng(1).uniform(size=(8, 3)))
    weights = jnp.asarray([0.0, 1.0, 3.0])
    together = jax.vmap(lambda w: _value_and_slope(KINDS["confidence"](w), posterior, data, x)[0])(weights)
    before = _value_and_slope._cache_size()
    for i, weight in enumerate((0.0, 1.0, 3.0)):
        alone, _ = _value_and_slope(KINDS["confidence"](weight), posterior, data, x)
        np.testing.assert_allclose(together[i], alone, rtol=1e-12)
    assert _value_and_slope._cache_size() <= before + 1
    assert np.all(np.diff(together, axis=0) > 0)


def test_names_of_the_guide():
    assert acquisitions.EI is acquisitions.expected_improvement
    assert acquisitions.PI is acquisitions.MPI is acquisitions.probability_of_improvement
    assert acquisitions.UCB is acquisitions.LCB is acquisitions.confidence_bound
    assert acquisitions.lower_confidence_bound is acquisitions.upper_confidence_bound is acquisitions.confidence_bound


@pytest.mark.parametrize("kind", KINDS)
def test_contract(kind, dtype):
    posterior, data = _problem(dtype)
    acquisition = KINDS[kind]()
    assert isinstance(acquisition, acquisitions.Acquisition)
    x = jnp.asarray(np.random.default_rng(1).uniform(size=(8, 3)), dtype)
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        aux = jax.eval_shape(acquisition.prepare, jax.random.key(0), posterior, data)
        value = jax.eval_shape(acquisition.value, aux, posterior, x[0])
    assert value.dtype == dtype and value.shape == ()
    mapped, slope = _value_and_slope(acquisition, posterior, data, x)
    assert mapped.dtype == slope.dtype == dtype
    # One point after another, each in a batch of its own copies.
    for i in range(2):
        alone, _ = _value_and_slope(acquisition, posterior, data, jnp.broadcast_to(x[i], (8, 3)))
        np.testing.assert_allclose(alone, jnp.full(8, mapped[i]), rtol=1e-3 if dtype == jnp.float32 else 1e-9)
