"""Marginal likelihood, posterior and samples by value against SciPy and a dense solve."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jbo.surrogates import mean_of
from jbo.types import Dataset
from tests.selection import some

from .. import references
from .problems import (
    BOUND,
    KERNELS,
    NUM_CHOICES,
    TOLERANCE,
    as_dataset,
    as_params,
    as_sets,
    condition,
    evidence_gradient,
    log_marginal_likelihood,
    mixed_points,
    predict,
    random_params,
    sample,
    smooth_data,
)

CAPACITY = 24


def _check(name, values, x, y, x_new, dtype, kernel=None, num_choices=(), capacity=CAPACITY, scale=1.0):
    """Evidence, mean and variance within the tolerance of the type; ``scale`` is the size of the values."""
    kernel = kernel or KERNELS[name]
    data, params = as_dataset(x, y, dtype, capacity, garbage=1e30), as_params(values, dtype)
    # Rounding the inputs to the type is not an error of the formula.
    x, y, x_new = (np.asarray(jnp.asarray(v, dtype), np.float64) for v in (x, y, x_new))
    values = tuple(np.asarray(leaf, np.float64) for leaf in params)
    least = references.LEAST_NOISE[str(dtype)]
    tolerance, prior = TOLERANCE[str(dtype)], np.exp(values[1])

    expected = references.log_marginal_likelihood(name, values, x, y, least, num_choices)
    evidence = log_marginal_likelihood(params, data, kernel)
    np.testing.assert_allclose(evidence, expected, rtol=tolerance, atol=tolerance)
    mean, variance = predict(condition(params, data, kernel), jnp.asarray(x_new, dtype))
    expected_mean, expected_cov = references.posterior(name, values, x, y, x_new, least, num_choices)
    np.testing.assert_allclose(mean, expected_mean, rtol=0, atol=tolerance * scale * prior)
    np.testing.assert_allclose(variance, np.diag(expected_cov), rtol=0, atol=tolerance * prior)
    assert mean.dtype == variance.dtype == evidence.dtype == dtype


@pytest.mark.parametrize("noise", [1e-1, 1e-3])
@pytest.mark.parametrize("name", KERNELS)
def test_moments_by_value(name, noise, slow_dtype):
    x, y = smooth_data(15, 3)
    x_new = np.concatenate([np.random.default_rng(1).uniform(size=(6, 3)), x[:2]])
    _check(name, random_params(3, noise=noise), x, y, x_new, slow_dtype)


@pytest.mark.parametrize("noise", [1e-5, 1e-7, 1e-12])
@pytest.mark.parametrize("name", KERNELS)
def test_moments_with_little_noise(name, noise, x64):
    # At and below the floor of 1e-8, which is then part of the reference, the reference's own solve is good to 1e-9.
    x, y = smooth_data(15, 3, noise=0)
    x_new = np.concatenate([np.random.default_rng(1).uniform(size=(6, 3)), x[:2]])
    _check(name, random_params(3, noise=noise), x, y, x_new, jnp.dtype("float64"))


def test_mean_where_the_covariance_is_as_ill_conditioned_as_it_gets(x64):
    # Fifty points on a line under the smoothest kernel at the noise floor: condition number 5e9. Two solves in double
    # precision agree to some 1e-9 there; an inverse without refinement is off by 3e-7.
    x = np.sort(np.random.default_rng(1).uniform(size=(50, 1)), 0)
    y, x_new = np.sin(7 * x[:, 0]), np.random.default_rng(0).uniform(size=(8, 1))
    values = (np.zeros(1), 0.0, np.log(1e-8))
    mean, _ = predict(
        condition(as_params(values, "float64"), as_dataset(x, y, "float64"), KERNELS["rbf"]), jnp.asarray(x_new)
    )
    np.testing.assert_allclose(mean, references.posterior("rbf", values, x, y, x_new)[0], rtol=0, atol=1e-8)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_moments_of_few_rows(n, dtype):
    x, y = smooth_data(15, 3)
    _check("matern52", random_params(3), x[:n], y[:n], x[:8], dtype)


def test_moments_of_constant_and_duplicate_rows(dtype):
    x, y = smooth_data(15, 3)
    _check("matern52", random_params(3), x, np.zeros(15), x[:8], dtype)
    twice = np.concatenate([x[:7], x[:7]])
    _check("matern52", random_params(3), twice, np.r_[y[:7], y[:7] + 0.1], x[:8], dtype)
    _check("rbf", random_params(3), np.repeat(x[:1], 10, 0), y[:10], x[:8], dtype)


@pytest.mark.parametrize("d", [1, 100])
def test_moments_in_few_and_many_dimensions(d, slow_dtype):
    x, y = smooth_data(15, d)
    log_lengthscale, signal, noise = random_params(d)
    x_new = np.random.default_rng(1).uniform(size=(8, d))
    _check("matern52", (log_lengthscale + 0.5 * np.log(d), signal, noise), x, y, x_new, slow_dtype)


def test_moments_with_categories(slow_dtype):
    x, x_new = mixed_points(np.random.default_rng(0), 15), mixed_points(np.random.default_rng(1), 8)
    y = smooth_data(15, 3)[1]
    _check("matern52", random_params(4), x, y, x_new, slow_dtype, BOUND["matern52"], NUM_CHOICES)


def test_moments_of_a_huge_outlier(dtype):
    # A million deviations: errors are relative to the values then.
    x, y = smooth_data(15, 3)
    y = np.where(np.arange(15) == 3, 1e6, y)
    _check("matern52", random_params(3), x, y, x[:8], dtype, scale=1e6)


def test_evidence_of_one_point_worked_out_by_hand(slow_dtype):
    zero = jnp.zeros((), slow_dtype)
    data = Dataset(jnp.zeros((1, 1), slow_dtype), zero[None], jnp.ones(1, bool), zero + 1)
    params = as_params((np.zeros(1), 0.0, 0.0), slow_dtype)
    np.testing.assert_allclose(log_marginal_likelihood(params, data), -0.5 * np.log(4 * np.pi), rtol=1e-6)
    one = Dataset(data.x, data.y + 2, data.is_valid, data.y_scale)
    mean, variance = predict(condition(params, one), data.x)
    np.testing.assert_allclose([mean[0], variance[0]], [1.0, 0.5], rtol=1e-6)


def test_hyperparameter_sets_are_averaged_by_the_law_of_total_variance(slow_dtype):
    x, y = smooth_data(15, 3)
    x_new = np.random.default_rng(1).uniform(size=(8, 3))
    sets = [random_params(3, seed, noise=10.0**-seed) for seed in range(1, 4)]
    data, params = as_dataset(x, y, slow_dtype, CAPACITY, 7.0), as_sets(sets, slow_dtype)
    moments = [references.posterior("multiscale", s, x, y, x_new) for s in sets]
    mean, variance = references.mixture([(m, np.diag(c)) for m, c in moments])
    result = predict(condition(params, data), jnp.asarray(x_new, slow_dtype))
    atol = TOLERANCE[str(slow_dtype)]
    np.testing.assert_allclose(result[0], mean, rtol=0, atol=atol)
    np.testing.assert_allclose(result[1], variance, rtol=0, atol=atol)
    expected = [references.log_marginal_likelihood("multiscale", s, x, y) for s in sets]
    np.testing.assert_allclose(log_marginal_likelihood(params, data), expected, rtol=atol, atol=atol)


@some(
    "name, case",
    [*((name, "plain") for name in KERNELS), ("matern52", "twins"), ("matern12", "twins"), ("matern52", "categories")],
    [("rbf", "plain"), ("matern52", "twins"), ("matern52", "categories")],
)
def test_evidence_gradient_against_finite_differences(name, case, x64):
    # Nine valid rows of twelve; the garbage in the others is part of what is held.
    rng = np.random.default_rng(0)
    x, y = mixed_points(rng, 9), rng.normal(size=9)
    if case == "twins":
        x[4:8] = x[:4]
    kernel, choices = (BOUND[name], NUM_CHOICES) if case == "categories" else (KERNELS[name], ())
    values = random_params(4, noise=1e-2)
    data = as_dataset(x, y, "float64", 12, garbage=1e300)
    by_params, by_x, by_y = evidence_gradient(as_params(values, "float64"), data, kernel)

    def evidence(v=values, y=y):
        return references.log_marginal_likelihood(name, v, x, y, num_choices=choices)

    close = dict(rtol=1e-6, atol=1e-7)
    expected = references.gradient(lambda v: evidence((v, *values[1:])), values[0], 1e-3)
    np.testing.assert_allclose(by_params.log_lengthscale, expected, **close)
    expected = references.gradient(lambda v: evidence((values[0], v, values[2])), values[1], 1e-3)
    np.testing.assert_allclose(by_params.log_signal_variance, expected, **close)
    expected = references.gradient(lambda v: evidence((*values[:2], v)), values[2], 1e-3)
    np.testing.assert_allclose(by_params.log_noise_variance, expected, **close)
    np.testing.assert_allclose(by_y[:9], references.gradient(lambda v: evidence(y=v), y), **close)
    assert np.all(by_y[9:] == 0) and np.all(by_x[9:] == 0)
    assert np.all(np.isfinite(by_x))
    if case == "plain":
        # The product form of the distance cannot see 1e-5 apart through the noise: wider steps.
        expected = references.gradient(lambda v: references.log_marginal_likelihood(name, values, v, y), x, 1e-4)
        np.testing.assert_allclose(by_x[:9], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_evidence_gradient_of_few_rows_is_finite(n, slow_dtype):
    x, y = smooth_data(15, 3)
    for garbage in (0.0, 1e30):
        data = as_dataset(x[:n], y[:n], slow_dtype, CAPACITY, garbage)
        gradients = evidence_gradient(as_params(random_params(3), slow_dtype), data, KERNELS["matern52"])
        assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(gradients))
    if n == 0:
        assert all(np.all(leaf == 0) for leaf in jax.tree.leaves(gradients))


def test_gradient_of_mean_and_variance_in_the_point(x64):
    x, y = smooth_data(15, 3)
    values = random_params(3)
    posterior = condition(as_params(values, "float64"), as_dataset(x, y, "float64", CAPACITY, 1e300))
    slope = jax.jit(jax.jacfwd(lambda p: predict(posterior, p[None, :])))
    for point in (np.array([0.2, 0.7, 0.4]), x[0]):
        by_mean, by_variance = slope(jnp.asarray(point))
        moments = [
            references.gradient(
                lambda p, i=i: references.posterior("multiscale", values, x, y, p[None, :])[i].ravel()[0], point, 1e-4
            )
            for i in range(2)
        ]
        np.testing.assert_allclose(by_mean[0], moments[0], rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(by_variance[0], moments[1], rtol=1e-6, atol=1e-6)
    # The slope of the variance is written by hand: it has to be there backwards too, and to have a slope of its own.
    variance = jax.jit(lambda p: predict(posterior, p[None, :])[1][0])
    point = jnp.array([0.2, 0.7, 0.4])
    np.testing.assert_allclose(jax.grad(variance)(point), jax.jacfwd(variance)(point), rtol=1e-12, atol=1e-12)
    for of_slope in (jax.jacfwd(jax.grad(variance)), jax.jacrev(jax.jacfwd(variance))):
        expected = [references.gradient(lambda p, j=j: jax.grad(variance)(p)[j], point, 1e-4) for j in range(3)]
        np.testing.assert_allclose(of_slope(point), expected, rtol=1e-6, atol=1e-6)


@some("num_sets", [1, 3], [3])
def test_the_mean_alone_is_that_of_predict(num_sets, x64):
    x, y = smooth_data(15, 3)
    sets = [random_params(3, seed) for seed in range(num_sets)]
    posterior = condition(as_sets(sets, "float64"), as_dataset(x, y, "float64", CAPACITY, 1e300))
    points = jnp.asarray(np.random.default_rng(1).uniform(size=(7, 3)))
    expected = np.mean([references.posterior("multiscale", values, x, y, points)[0] for values in sets], axis=0)
    np.testing.assert_allclose(mean_of(posterior, points), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(predict(posterior, points)[0], expected, rtol=1e-9, atol=1e-9)


def test_the_mean_of_a_model_without_a_mean_of_its_own():
    class Flat:
        def noise_variance(self):
            return jnp.zeros(())

        def predict(self, x):
            return jnp.full(len(x), 2.0), jnp.zeros(len(x))

    np.testing.assert_array_equal(mean_of(Flat(), jnp.zeros((3, 1))), [2, 2, 2])


def test_gradient_of_the_variance_in_the_hyperparameters(x64):
    x, y = smooth_data(15, 3)
    values = random_params(3)
    data, point = as_dataset(x, y, "float64", CAPACITY, 1e300), np.array([[0.2, 0.7, 0.4]])

    def variance(log_lengthscale):
        params = as_params((log_lengthscale, *values[1:]), "float64")
        return predict(condition(params, data), jnp.asarray(point))[1][0]

    expected = references.gradient(
        lambda v: references.posterior("multiscale", (v, *values[1:]), x, y, point)[1][0, 0], values[0], 1e-4
    )
    np.testing.assert_allclose(jax.jacfwd(variance)(jnp.asarray(values[0])), expected, rtol=1e-6, atol=1e-6)


def test_samples_have_the_moments_of_the_posterior(slow_dtype):
    x, y = smooth_data(15, 3)
    x_new = np.random.default_rng(1).uniform(size=(4, 3))
    values = random_params(3)
    posterior = condition(as_params(values, slow_dtype), as_dataset(x, y, slow_dtype, CAPACITY, 5.0))
    count = 20000
    draws = np.asarray(
        sample(jax.random.key(0), posterior, jnp.asarray(x_new, slow_dtype), num_samples=count), np.float64
    )
    assert draws.shape == (count, 4)
    mean, cov = references.posterior("multiscale", values, x, y, x_new)
    deviation = np.sqrt(np.diag(cov))
    np.testing.assert_allclose((draws.mean(0) - mean) / deviation, 0, atol=5 / np.sqrt(count))
    scaled = np.cov(draws.T) / np.outer(deviation, deviation)
    np.testing.assert_allclose(scaled, cov / np.outer(deviation, deviation), atol=7 / np.sqrt(count))


def test_samples_take_turns_among_hyperparameter_sets(slow_dtype):
    x, y = smooth_data(15, 3)
    x_new = jnp.asarray(np.random.default_rng(1).uniform(size=(4, 3)), slow_dtype)
    sets = [random_params(3, seed, noise=10.0**-seed) for seed in (1, 3)]
    posterior = condition(as_sets(sets, slow_dtype), as_dataset(x, y, slow_dtype, CAPACITY))
    draws = np.asarray(sample(jax.random.key(0), posterior, x_new, num_samples=20000), np.float64)
    for i, values in enumerate(sets):
        mean, cov = references.posterior("multiscale", values, x, y, np.asarray(x_new, np.float64))
        mine = draws[i::2]
        np.testing.assert_allclose((mine.mean(0) - mean) / np.sqrt(np.diag(cov)), 0, atol=0.05)
        np.testing.assert_allclose(np.var(mine, 0) / np.diag(cov), 1, atol=0.08)


def test_samples_depend_on_the_key_alone(slow_dtype):
    x, y = smooth_data(15, 3)
    posterior = condition(as_params(random_params(3), slow_dtype), as_dataset(x, y, slow_dtype, CAPACITY))
    # Twice the same point, so that the covariance is singular.
    x_new = jnp.asarray(np.concatenate([x[:2], x[:2]]), slow_dtype)
    first, again, other = (sample(jax.random.key(k), posterior, x_new, num_samples=5) for k in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.any(first == other) and np.all(np.isfinite(first))
    np.testing.assert_allclose(first[:, :2], first[:, 2:], atol=1e-6 if slow_dtype == jnp.float64 else 1e-2)


@pytest.mark.parametrize("log_lengthscale", [np.log(0.03), np.log(30.0)])
@pytest.mark.parametrize("name", KERNELS)
def test_posterior_is_finite_at_the_bounds_of_the_hyperparameters(name, log_lengthscale, dtype):
    x, y = smooth_data(15, 3)
    x[5:10] = x[:5]
    values = (np.full(3, log_lengthscale), np.log(1e2), np.log(1e-12))
    data = as_dataset(x, y, dtype, CAPACITY)
    mean, variance = predict(condition(as_params(values, dtype), data, KERNELS[name]), data.x)
    assert np.all(np.isfinite(mean)) and np.all(variance > 0) and np.all(variance <= 1e2 * (1 + 1e-6))
    assert not np.isnan(log_marginal_likelihood(as_params(values, dtype), data, KERNELS[name]))
