"""Warps of parameters and of values: their slopes by finite differences, likelihood and predictions by references."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import multivariate_normal, norm

import jbo
from jbo.encoding import CATEGORY, ORDERED, REAL, Column, Encoding
from jbo.surrogates import GPParams, JointPosterior, kernels
from jbo.surrogates import output_warp as output

from .. import references
from .problems import as_dataset, smooth_data, standardised

_fit = jax.jit(
    lambda surrogate, data: surrogate.fit(jax.random.key(0), data, surrogate.init(data.x.shape[1], data.x.dtype))
)
_evidence = jax.jit(lambda surrogate, params, data: surrogate.log_evidence(params, data))
_slope = jax.jit(jax.grad(lambda params, surrogate, data: surrogate.log_evidence(params, data)))
_predict = jax.jit(lambda surrogate, params, data, x: surrogate.condition(params, data).predict(x))


def params_of(of_kernel=(), of_output=(), d=2, dtype="float64"):
    values = (np.log([0.4, 0.9])[:d], np.log(1.3), np.log(0.02))
    more = (v if isinstance(v, tuple) else jnp.asarray(v, dtype) for v in (of_kernel, (), of_output))
    return GPParams(*(jnp.asarray(v, dtype) for v in values), *more)


def test_the_kernel_of_warped_parameters(x64):
    kernel = kernels.input_warped(kernels.matern52)
    a, b = np.array([0.6, 2.0]), np.array([1.7, 0.8])
    params = params_of(np.log([*a, *b]))
    rng = np.random.default_rng(0)
    x1, x2 = rng.uniform(size=(6, 2)), rng.uniform(size=(5, 2))
    z1, z2 = (1 - (1 - x**a) ** b for x in (x1, x2))
    expected = references.covariance("matern52", params, z1, z2)
    np.testing.assert_allclose(kernel(params, jnp.asarray(x1), jnp.asarray(x2)), expected, rtol=1e-4)
    plain = params_of(np.zeros(4))
    np.testing.assert_allclose(kernel.warp(plain, jnp.asarray(x1)), x1, atol=2e-6)


@jax.jit
def _warp(kernel, params, x):
    return kernel.warp(params, x[None, None])[0, 0]


@jax.jit
def _warps_and_slopes(kernel, params, x):
    return jax.vmap(jax.value_and_grad(partial(_warp, kernel, params)))(x)


@pytest.mark.parametrize("log_a, log_b", [(-2.3, 2.3), (2.3, -2.3), (0.0, 0.0), (-2.3, -2.3), (2.3, 2.3)])
def test_a_warp_of_parameters_is_monotone_with_finite_slopes(log_a, log_b, slow_dtype):
    kernel, params = kernels.input_warped(kernels.rbf), params_of([log_a, log_b], d=1, dtype=slow_dtype)

    warp = partial(_warp, kernel, params)
    x = jnp.linspace(0, 1, 101, dtype=slow_dtype)
    values, slopes = _warps_and_slopes(kernel, params, x)
    assert values.dtype == slow_dtype and np.all(np.isfinite(slopes)) and np.all(slopes >= 0)
    assert np.all(np.diff(values) >= 0) and 0 <= values[0] and values[-1] <= 1
    if slow_dtype == jnp.float64:
        inner = np.asarray(x[5:96:10])
        expected = [references.gradient(lambda v: warp(jnp.asarray(v)), v, 1e-4) for v in inner]
        np.testing.assert_allclose(slopes[5:96:10], expected, rtol=1e-6, atol=1e-9)


def test_categories_and_what_has_a_period_are_not_warped(x64):
    columns = (Column(REAL), Column(CATEGORY, 3), Column(ORDERED, 4), Column(REAL, period=0.5))
    kernel = kernels.input_warped(kernels.rbf).bind(Encoding(np.zeros((4, 2)), columns))
    assert [slot.kind for slot in kernel.slots(4)] == ["own"] * 4, "two exponents for each of two columns"
    params = GPParams(jnp.zeros(4), jnp.zeros(()), jnp.zeros(()), jnp.full(4, 0.8))
    x = jnp.asarray([[0.3, 0.5, 0.375, 0.2]])
    is_moved = np.abs(kernel.warp(params, x) - x)[0] > 1e-3
    np.testing.assert_array_equal(is_moved, [True, False, True, False])


@pytest.mark.parametrize("of_output", [(0.0, 0.0), (0.7, -0.8), (-1.5, 0.9)])
def test_the_slope_of_the_warp_of_values(of_output, dtype):
    y = jnp.linspace(-4, 6, 41, dtype=dtype)
    of_output = jnp.asarray(of_output, dtype)
    z = output.warp(of_output, y)
    assert z.dtype == dtype and np.all(np.diff(z) > 0)
    np.testing.assert_allclose(output.unwarp(of_output, z), y, rtol=1e-10 if dtype == jnp.float64 else 2e-4, atol=1e-5)
    if dtype == jnp.float64:
        expected = [np.log(references.gradient(lambda v: output.warp(of_output, jnp.asarray(v)), v, 1e-4)) for v in y]
        np.testing.assert_allclose(output.log_slope(of_output, y), expected, rtol=1e-7, atol=1e-8)
    if not np.any(of_output):
        np.testing.assert_allclose(z, y, rtol=1e-6)


def test_the_likelihood_of_warped_values_has_their_jacobian(x64):
    x, y = smooth_data(9, 2)
    surrogate = jbo.gp(kernel=kernels.rbf, warps_output=True)
    params = params_of(of_output=[0.4, -0.3])
    data = as_dataset(x, y, "float64", capacity=16, garbage=0.7)
    covariance = references.observed_covariance("rbf", params, x, 1e-8)
    z = np.sinh(np.exp(-0.3) * np.arcsinh(y) - 0.4)
    slopes = [references.gradient(lambda v: np.sinh(np.exp(-0.3) * np.arcsinh(v) - 0.4), v, 1e-4) for v in y]
    expected = multivariate_normal.logpdf(z, np.zeros(9), covariance) + np.sum(np.log(slopes))
    np.testing.assert_allclose(_evidence(surrogate, params, data), expected, rtol=1e-9)
    by_output = references.gradient(
        lambda v: _evidence(surrogate, params._replace(of_output=jnp.asarray(v)), data), [0.4, -0.3], 1e-4
    )
    np.testing.assert_allclose(_slope(params, surrogate, data).of_output, by_output, rtol=1e-7)


@pytest.mark.guard
def test_a_known_variance_is_that_of_warped_values_by_the_square_of_the_slope(x64):
    x, y = smooth_data(9, 2)
    surrogate = jbo.gp(kernel=kernels.rbf, warps_output=True)
    params = params_of(of_output=[0.4, -0.3])
    known = np.random.default_rng(2).uniform(0.05, 0.6, 9)
    data = dataclasses.replace(
        as_dataset(x, y, "float64", capacity=16, garbage=0.7), noise_variance=jnp.asarray(np.append(known, [3.0] * 7))
    )
    z = np.sinh(np.exp(-0.3) * np.arcsinh(y) - 0.4)
    slopes = np.array([references.gradient(lambda v: np.sinh(np.exp(-0.3) * np.arcsinh(v) - 0.4), v, 1e-4) for v in y])
    covariance = references.observed_covariance("rbf", params, x, 1e-8) + np.diag(known * slopes**2)
    expected = multivariate_normal.logpdf(z, np.zeros(9), covariance) + np.sum(np.log(slopes))
    np.testing.assert_allclose(_evidence(surrogate, params, data), expected, rtol=1e-9)


def test_predictions_are_of_the_values_themselves(x64):
    x, y = smooth_data(9, 2)
    data = as_dataset(x, y, "float64", capacity=16)
    surrogate = jbo.gp(kernel=kernels.rbf, warps_output=True)
    sets = [(0.4, -0.3), (-0.2, 0.2)]
    one = [params_of(of_output=list(v)) for v in sets]
    params = jax.tree.map(lambda *leaves: jnp.stack(leaves), *one)
    x_new = np.random.default_rng(1).uniform(size=(4, 2))
    moments = []
    for (skew, log_tail), p in zip(sets, one, strict=True):
        z = np.sinh(np.exp(log_tail) * np.arcsinh(y) - skew)
        mean, covariance = references.posterior("rbf", p, x, z, x_new, 1e-8)
        at = []
        for m, s in zip(mean, np.sqrt(np.diag(covariance)), strict=True):

            def value(t, m=m, s=s, skew=skew, log_tail=log_tail):
                return np.sinh((np.arcsinh(m + s * t) + skew) * np.exp(-log_tail))

            first = quad(lambda t: value(t) * norm.pdf(t), -9, 9, epsabs=1e-12)[0]
            second = quad(lambda t, first=first: (value(t) - first) ** 2 * norm.pdf(t), -9, 9, epsabs=1e-12)[0]
            at.append((first, second))
        moments.append(np.array(at).T)
    expected = references.mixture(moments)
    np.testing.assert_allclose(_predict(surrogate, params, data, jnp.asarray(x_new)), expected, rtol=1e-5, atol=1e-9)
    posterior = jax.jit(surrogate.condition)(params, data)
    assert posterior.num_sets == 2
    alone = jax.jit(jax.vmap(lambda p: p.predict(jnp.asarray(x_new))))(posterior.sets())
    np.testing.assert_allclose(alone[0], [m[0] for m in moments], rtol=1e-5, atol=1e-9)
    squares = [np.mean(np.exp(-2 * np.asarray(output.log_slope(jnp.asarray(v), jnp.asarray(y))))) for v in sets]
    np.testing.assert_allclose(posterior.noise_variance(), 0.02 * np.mean(squares), rtol=1e-12)


@pytest.fixture
def warped(x64):
    """A posterior of two sets of parameters, and some points."""
    x, y = smooth_data(9, 2)
    surrogate, data = jbo.gp(kernel=kernels.rbf, warps_output=True), as_dataset(x, y, "float64", capacity=16)
    one = [params_of(of_output=list(v)) for v in ((0.4, -0.3), (-0.2, 0.2))]
    posterior = jax.jit(surrogate.condition)(jax.tree.map(lambda *leaves: jnp.stack(leaves), *one), data)
    assert isinstance(posterior, JointPosterior)
    return posterior, jnp.asarray(np.random.default_rng(1).uniform(-0.4, 1.4, size=(4, 2)))


_moments = jax.jit(lambda posterior, x: (*posterior.predict(x), posterior.covariance(x, x)))


def test_the_covariance_of_values_that_are_warped(warped):
    posterior, x_new = warped
    _, variance, covariance = map(np.asarray, _moments(posterior, x_new))
    np.testing.assert_allclose(np.diag(covariance), variance, rtol=1e-6)
    latent = jax.jit(jax.vmap(lambda one: (one.predict(x_new)[0], one.covariance(x_new, x_new))))(posterior.latent)
    values = []
    for i, (mean, gram) in enumerate(zip(*map(np.asarray, latent), strict=True)):
        root = np.linalg.cholesky(gram + 1e-10 * np.eye(4))
        z = mean + np.random.default_rng(i).normal(size=(200_000, 4)) @ root.T
        skew, log_tail = ((0.4, -0.3), (-0.2, 0.2))[i]
        values.append(np.sinh((np.arcsinh(z) + skew) * np.exp(-log_tail)))
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    assert np.abs(np.cov(np.concatenate(values).T) - covariance).max() < 0.03 * scale.max()


@pytest.mark.thorough
def test_the_paths_of_values_that_are_warped(warped):
    posterior, x_new = warped
    mean, variance, covariance = map(np.asarray, _moments(posterior, x_new))
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    paths = jax.jit(lambda posterior: posterior.paths(jax.random.key(0), 4001)(x_new))(posterior)
    assert paths.shape == (4001, 4)
    assert (np.abs(paths.mean(0) - mean) < 5 * np.sqrt(np.asarray(variance) / 4001) + 0.03).all()
    assert np.abs(np.cov(np.asarray(paths).T) - covariance).max() < 0.2 * scale.max()


@pytest.mark.thorough
def test_a_long_tail_is_seen_through(x64):
    rng = np.random.default_rng(0)
    x, x_new = rng.uniform(size=(25, 2)), rng.uniform(size=(200, 2))

    def latent(x):
        return 1.5 * np.sin(5 * x[:, 0]) + x[:, 1]

    y, truth = np.sinh(1.6 * latent(x)), np.sinh(1.6 * latent(x_new))
    centre, width = y.mean(), y.std()
    data = as_dataset(x, standardised(y), "float64", capacity=32, garbage=2.0)
    evidence, errors = [], []
    for surrogate in (jbo.gp(kernel=kernels.rbf), jbo.gp(kernel=kernels.rbf, warps_output=True)):
        params, info = _fit(surrogate, data)
        assert info.is_finite
        evidence.append(float(info.log_posterior))
        mean, variance = _predict(surrogate, params, data, jnp.asarray(x_new))
        assert np.all(np.isfinite(mean)) and np.all(variance > 0)
        errors.append(np.sqrt(np.mean((mean - (truth - centre) / width) ** 2)))
    assert evidence[1] > evidence[0] + 3 and errors[1] < errors[0], (evidence, errors)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "surrogate", [jbo.gp(warps_output=True), jbo.gp(kernel=kernels.input_warped(kernels.multiscale))]
)
def test_a_search_with_a_warp(surrogate):
    problem = jbo.functions.branin
    with jbo.Study(problem.space, strategy=jbo.bayesian(problem.space, surrogate=surrogate), seed=0) as study:
        study.optimize(lambda config: float(problem(config)), 25)
        assert study.best.value < 1.0 and study.recommended.value < 1.0


@pytest.mark.thorough
def test_inducing_points_from_so_many_rows_on(x64):
    x, y = smooth_data(30, 2)
    sparse, exact = jbo.gp(most_exact=32, num_inducing=27), jbo.gp()
    params, _ = _fit(exact, as_dataset(x, y, "float64", capacity=32))
    small, large = (as_dataset(x, y, "float64", capacity=n, garbage=0.3) for n in (32, 48))
    assert sparse.condition(params, small).x.shape == (32, 2)
    assert sparse.condition(params, large).x.shape == (27, 2)
    found, _ = _fit(sparse, large)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), params, found)
    x_new = jnp.asarray(np.random.default_rng(1).uniform(size=(20, 2)))
    right = _predict(exact, params, large, x_new)
    every = _predict(jbo.gp(most_exact=32, num_inducing=30), params, large, x_new)
    np.testing.assert_allclose(every, right, atol=1e-5, err_msg="through all rows it is exact: 2e-7")
    near = _predict(sparse, params, large, x_new)
    np.testing.assert_allclose(near, right, atol=0.02, err_msg="0.015, and 0.13 through 20 of the 30 rows")
    assert np.abs(near[0] - right[0]).max() > 1e-3
    for name in ("most_exact", "num_inducing"):
        with pytest.raises(ValueError, match=f"{name}: expected at least 1, got 0"):
            jbo.gp(**{name: 0})
