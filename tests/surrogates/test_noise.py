"""Noise that is known of each observation, and noise that is another at each point."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal

import jbo
from jbo.surrogates import gaussian_process, kernels
from jbo.surrogates.inducing import condition_on_inducing

from .. import references
from .problems import as_dataset, as_params, random_params, smooth_data, standardised

VALUES = random_params(2, noise=0.02)
SLOPE = np.array([1.5, -0.7])
KNOWN = np.random.default_rng(5).uniform(0, 0.5, 10)

_evidence = jax.jit(lambda params, data: gaussian_process.log_marginal_likelihood(params, data, kernels.rbf))
_gradient = jax.jit(jax.grad(lambda params, data: gaussian_process.log_marginal_likelihood(params, data, kernels.rbf)))
_condition = jax.jit(lambda params, data: gaussian_process.condition(params, data, kernels.rbf))
_fit = jax.jit(
    lambda surrogate, data: surrogate.fit(jax.random.key(0), data, surrogate.init(data.x.shape[1], data.x.dtype))
)


def problem(dtype, known=True, slope=True, garbage=9.0):
    """Ten rows and six that hold garbage, parameters, and the variance of each observation."""
    x, y = smooth_data(10, 2)
    data, params = as_dataset(x, y, dtype, capacity=16, garbage=0.4), as_params(VALUES, dtype)
    noise = np.full(10, 0.02)
    if slope:
        params = params._replace(of_noise=jnp.asarray(SLOPE, dtype))
        noise = noise * np.exp((x - 0.5) @ SLOPE)
    if known:
        rows = np.concatenate([KNOWN, np.full(6, garbage)])
        data = dataclasses.replace(data, noise_variance=jnp.asarray(rows, dtype))
        noise = noise + KNOWN
    return x, y, data, params, noise


@pytest.mark.parametrize("known, slope", [(True, False), (False, True), (True, True)])
def test_likelihood_and_posterior_against_scipy(known, slope, slow_dtype):
    x, y, data, params, noise = problem(slow_dtype, known, slope)
    covariance = references.covariance("rbf", VALUES, x, x) + np.diag(noise)
    expected = multivariate_normal.logpdf(y, np.zeros(10), covariance)
    rtol = 1e-9 if slow_dtype == jnp.float64 else 1e-3
    np.testing.assert_allclose(_evidence(params, data), expected, rtol=rtol)
    x_new = np.random.default_rng(1).uniform(size=(5, 2))
    cross = references.covariance("rbf", VALUES, x_new, x)
    weights = np.linalg.solve(covariance, cross.T).T
    variance = np.diag(references.covariance("rbf", VALUES, x_new, x_new) - weights @ cross.T)
    mean, found = _condition(params, data).predict(jnp.asarray(x_new, slow_dtype))
    np.testing.assert_allclose(mean, weights @ y, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(found, variance, rtol=10 * rtol)


def test_gradient_by_the_slope_of_the_noise(x64):
    _, _, data, params, _ = problem("float64")
    expected = references.gradient(lambda v: _evidence(params._replace(of_noise=jnp.asarray(v)), data), SLOPE, 1e-4)
    np.testing.assert_allclose(_gradient(params, data).of_noise, expected, rtol=1e-7)


def test_a_known_noise_that_is_the_same_everywhere_is_one_that_is_inferred(x64):
    _, _, data, _, _ = problem("float64", slope=False)
    same = dataclasses.replace(data, noise_variance=jnp.full(16, 0.03))
    none = dataclasses.replace(data, noise_variance=None)
    more = as_params((*VALUES[:2], np.log(0.05)), "float64")
    np.testing.assert_allclose(_evidence(as_params(VALUES, "float64"), same), _evidence(more, none), rtol=1e-12)


def test_a_precise_observation_counts_for_more(x64):
    x = np.array([[0.2], [0.2], [0.8]])
    data = dataclasses.replace(
        as_dataset(x, np.array([1.0, -1.0, 0.0]), "float64"), noise_variance=jnp.asarray([1e-4, 1.0, 1e-4])
    )
    params = as_params((np.log([0.3]), 0.0, np.log(1e-6)), "float64")
    mean, _ = _condition(params, data).predict(jnp.asarray(x[:1]))
    assert float(mean[0]) > 0.99


@pytest.mark.thorough
def test_with_every_row_an_inducing_point_it_is_exact(x64):
    _, _, data, params, _ = problem("float64")
    sets = jax.tree.map(lambda leaf: leaf[None], params)
    rows = jnp.arange(10, dtype=jnp.int32)
    sparse = condition_on_inducing(sets, data, kernels.rbf, rows, jnp.ones(10, bool))
    x_new = jnp.asarray(np.random.default_rng(1).uniform(size=(5, 2)))
    for a, b in zip(sparse.predict(x_new), _condition(params, data).predict(x_new), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_the_noise_of_a_posterior_is_the_mean_over_its_observations(x64):
    x, _, data, params, _ = problem("float64", known=False)
    expected = 0.02 * np.mean(np.exp((x - 0.5) @ SLOPE))
    np.testing.assert_allclose(_condition(params, data).noise_variance(), expected, rtol=1e-12)


@pytest.mark.thorough
def test_the_slope_is_found(x64):
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(90, 2))
    deviation = 0.3 * np.exp(2.0 * (x[:, 0] - 0.5))
    y = np.sin(4 * x[:, 0]) + x[:, 1] + deviation * rng.normal(size=90)
    data = as_dataset(x, standardised(y), "float64", capacity=96, garbage=0.2)
    surrogate = jbo.gp(kernel=kernels.rbf, noise_slope_prior=(0.0, 3.0))
    params, info = _fit(surrogate, data)
    slope = np.asarray(params.of_noise[0])
    # The log variance has slope 4 in the first column and none in the second; a deviation is about 0.5.
    assert info.is_finite and abs(slope[0] - 4) < 1.5 and abs(slope[1]) < 1.5, slope
    one = jax.tree.map(lambda leaf: leaf[0], params)
    found = np.sqrt(gaussian_process.noise_at(one, data.x[:90])) * y.std()
    assert np.median(np.abs(np.log(found / deviation))) < 0.2
    plain, _ = _fit(jbo.gp(kernel=kernels.rbf), data)
    assert info.log_posterior > gaussian_process.log_marginal_likelihood(plain, data, kernels.rbf)[0] + 5


def test_categories_have_no_slope(x64):
    space = jbo.Space(a=jbo.Real(0.0, 1.0), k=jbo.Categorical("x", "y", "z"))
    surrogate = jbo.gp(noise_slope_prior=(1.0, 2.0)).bind(space.encoding)
    assert surrogate.init(2, jnp.dtype("float64")).of_noise.tolist() == [1.0, 0.0]
    x = np.random.default_rng(0).uniform(size=(12, 2))
    x[:, 1] = (np.floor(3 * x[:, 1]) + 0.5) / 3
    data = as_dataset(x, standardised(np.sin(5 * x[:, 0]) + x[:, 1]), "float64")
    params, _ = _fit(surrogate, data)
    assert params.of_noise[0, 0] != 0 and params.of_noise[0, 1] == 0
    sampled = jbo.gp_mcmc()
    sampled = dataclasses.replace(sampled, noise_slope=surrogate.noise_slope, is_category=surrogate.is_category)
    assert sampled.params_at(jnp.ones(6), data)[0].of_noise.tolist() == [3.0, 0.0]


@pytest.mark.thorough
def test_paths_are_draws_of_the_posterior_whatever_the_noise_of_each_row_is(x64):
    _, _, data, params, _ = problem("float64")
    posterior = _condition(params, data)
    x_new = jnp.asarray(np.random.default_rng(1).uniform(size=(4, 2)))
    mean, variance = posterior.predict(x_new)
    draws = jax.jit(lambda posterior: posterior.paths(jax.random.key(0), 4000)(x_new))(posterior)
    error = np.sqrt(np.asarray(variance) / 4000)
    assert (np.abs(draws.mean(0) - mean) < 5 * error + 0.02).all()
    np.testing.assert_allclose(draws.var(0), variance, rtol=0.15)
