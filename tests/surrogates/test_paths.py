"""Draws as functions: random features against the kernel, path samples against the posterior, each by value."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jbo.surrogates import forest, gaussian_process, gp, kernels
from jbo.surrogates.inducing import condition_on_inducing, inducing_rows
from jbo.surrogates.spectrum import features, make_basis
from tests.selection import some

from .. import references
from .problems import KERNELS, as_dataset, as_params, as_sets, condition, predict, random_params, smooth_data

CHOICES = (0, 3, 0)
NUM_KEYS, NUM_PATHS = 512, 8


@jax.jit
def _draws(posterior, x):
    """Values of paths at points, each few of them with features of their own."""
    keys = jax.random.split(jax.random.key(0), NUM_KEYS)
    values = jax.lax.map(lambda key: posterior.paths(key, NUM_PATHS)(x), keys, batch_size=16)
    return values.reshape(NUM_KEYS * NUM_PATHS, -1)


def _problem(dtype="float64", name="multiscale", choices=(), garbage=0.0, noise=1e-3):
    x, y = smooth_data(15, 3)
    values = random_params(3, noise=noise)
    kernel = dataclasses.replace(KERNELS[name], num_choices=choices)
    data = as_dataset(x, y, dtype, 24, garbage)
    return (name, values, x, y), condition(as_params(values, dtype), data, kernel=kernel)


def _assert_moments(values, mean, covariance):
    """The mean and the covariance of as many draws as ``values`` has, to five deviations of what chance makes of it."""
    deviation = np.sqrt(np.diag(covariance))
    z = (values.mean(0) - mean) / deviation * np.sqrt(len(values))
    assert np.abs(z).max() < 5
    correlation = covariance / np.outer(deviation, deviation)
    seen = np.cov(values.T) / np.outer(deviation, deviation)
    # Paths of one key share their features, so its covariance counts for less than as many independent draws.
    assert np.abs(seen - correlation).max() < 0.1
    assert np.abs(np.diag(seen) - 1).mean() < 0.05


@some("choices", [(), CHOICES], [CHOICES], ids=["numbers", "a category"])
@pytest.mark.parametrize("name", KERNELS)
def test_features_against_the_kernel(name, choices, x64):
    """Averaged over keys the features' product is the covariance; a wrong density or scale is off by 0.1 and more."""
    rng = np.random.default_rng(1)
    x, values = rng.uniform(size=(12, 3)), random_params(3)
    kernel = dataclasses.replace(KERNELS[name], num_choices=choices)
    sets = as_sets([values, random_params(3, seed=4)], jnp.float64)

    def product(key):
        of_sets = features(make_basis(key, sets, kernel, 3, 256), sets, kernel, jnp.asarray(x))
        return jnp.einsum("smw,snw->smn", of_sets, of_sets)

    each = jax.jit(jax.vmap(product))(jax.random.split(jax.random.key(2), 64))
    for i, one in enumerate([values, random_params(3, seed=4)]):
        expected = references.covariance(name, one, x, x, choices)
        assert np.abs(each[:, i].mean(0) - expected).max() < 0.02 * np.exp(one[1])
        assert np.abs(each[0, i] - expected).max() < 0.2 * np.exp(one[1])
        np.testing.assert_allclose(np.diagonal(each[0, i]), np.exp(one[1]), rtol=1e-12)


def test_features_of_effects_against_the_kernel(x64):
    """Beside Fourier features the effects of choices are exact."""
    rng = np.random.default_rng(1)
    x = rng.uniform(size=(12, 3))
    kernel = dataclasses.replace(kernels.with_effects(kernels.multiscale), num_choices=CHOICES)
    plain = dataclasses.replace(kernels.multiscale, num_choices=CHOICES)
    one = as_params(random_params(3), jnp.float64)
    own = one._replace(of_kernel=jnp.array([0.4]))
    of_set, of_plain = (jax.tree.map(lambda leaf: leaf[None], params) for params in (own, one))
    basis = make_basis(jax.random.key(2), of_set, kernel, 3, 64)
    phi = features(basis, of_set, kernel, jnp.asarray(x))[0]
    without = features(basis, of_plain, plain, jnp.asarray(x))[0]
    effects = kernel(own, jnp.asarray(x), jnp.asarray(x)) - plain(one, jnp.asarray(x), jnp.asarray(x))
    np.testing.assert_allclose(phi @ phi.T - without @ without.T, effects, atol=1e-10)


@some("choices", [(), CHOICES], [CHOICES], ids=["numbers", "a category"])
def test_paths_have_the_mean_and_the_covariance_of_the_posterior(choices, slow_dtype):
    (name, values, x, y), posterior = _problem(slow_dtype, choices=choices, garbage=1e30)
    x_new = np.concatenate([np.random.default_rng(1).uniform(size=(7, 3)), x[:1]])
    mean, covariance = references.posterior(name, values, x, y, x_new, num_choices=choices)
    draws = np.asarray(_draws(posterior, jnp.asarray(x_new, slow_dtype)), np.float64)
    _assert_moments(draws, mean, covariance)


def test_covariance_against_the_reference(slow_dtype):
    (name, values, x, y), posterior = _problem(slow_dtype, garbage=1e30)
    x_new = np.random.default_rng(1).uniform(size=(8, 3))
    _, expected = references.posterior(name, values, x, y, x_new)
    first, second = jnp.asarray(x_new[:5], slow_dtype), jnp.asarray(x_new[5:], slow_dtype)
    found = jax.jit(gaussian_process.covariance)(posterior, first, second)
    np.testing.assert_allclose(found, expected[:5, 5:], atol=1e-9 if slow_dtype == jnp.float64 else 1e-3)
    variance = predict(posterior, jnp.asarray(x_new, slow_dtype))[1]
    own = jax.jit(gaussian_process.covariance)(
        posterior, jnp.asarray(x_new, slow_dtype), jnp.asarray(x_new, slow_dtype)
    )
    np.testing.assert_allclose(jnp.diagonal(own), variance, atol=1e-9 if slow_dtype == jnp.float64 else 1e-3)


@pytest.mark.thorough
def test_covariance_of_several_sets_is_that_of_their_mixture(x64):
    x, y = smooth_data(10, 3)
    x_new = np.random.default_rng(1).uniform(size=(6, 3))
    sets = [random_params(3, seed=i) for i in range(3)]
    posterior = condition(as_sets(sets, jnp.float64), as_dataset(x, y, jnp.float64))
    moments = [references.posterior("multiscale", one, x, y, x_new) for one in sets]
    means = np.array([mean for mean, _ in moments])
    second = np.mean([cov + np.outer(mean, mean) for mean, cov in moments], 0)
    expected = second - np.outer(means.mean(0), means.mean(0))
    found = posterior.covariance(jnp.asarray(x_new), jnp.asarray(x_new))
    np.testing.assert_allclose(found, expected, atol=1e-9)
    # Paths belong to the sets in turn, so those of all keys are draws of the mixture.
    _assert_moments(np.asarray(_draws(posterior, jnp.asarray(x_new))), means.mean(0), expected)


@pytest.mark.thorough
def test_paths_through_inducing_points(x64):
    """With fewer inducing points than rows the draws are those of the posterior that `predict` knows."""
    x, y = smooth_data(30, 2)
    data, values = as_dataset(x, y, jnp.float64), random_params(2, noise=1e-2)
    sets = as_sets([values], jnp.float64)
    rows, counts = inducing_rows(as_params(values, jnp.float64), data, kernels.multiscale, 12)
    posterior = condition_on_inducing(sets, data, kernels.multiscale, rows, counts)
    x_new = jnp.asarray(np.random.default_rng(1).uniform(size=(6, 2)))
    mean, variance = predict(posterior, x_new)
    covariance = posterior.covariance(x_new, x_new)
    np.testing.assert_allclose(jnp.diagonal(covariance), variance, atol=1e-9)
    _assert_moments(np.asarray(_draws(posterior, x_new)), np.asarray(mean), np.asarray(covariance))


@pytest.mark.thorough
def test_paths_of_a_kernel_without_a_known_spectrum(x64):
    """Through inducing points; in one column 256 of them leave nothing out."""

    def function(params, a, b):
        return jnp.exp(params.log_signal_variance) * (1 + jnp.dot(a, b)) ** 2

    x = np.linspace(0.1, 0.9, 5)[:, None]
    data = as_dataset(x, np.sin(5 * x[:, 0]), jnp.float64)
    params = as_params((np.zeros(1), 0.0, np.log(0.1)), jnp.float64)
    posterior = gaussian_process.condition(params, data, kernels.from_pairwise(function))
    x_new = jnp.asarray([[0.0], [0.4], [1.0]])
    mean, _ = predict(posterior, x_new)
    covariance = posterior.covariance(x_new, x_new)
    _assert_moments(np.asarray(_draws(posterior, x_new)), np.asarray(mean), np.asarray(covariance))


@pytest.mark.thorough
def test_a_path_is_one_function_with_a_slope(slow_dtype):
    _, posterior = _problem(slow_dtype)
    draws = jax.jit(jax.jit(lambda posterior: posterior.paths(jax.random.key(3), 3))(posterior).__call__)
    x = jnp.asarray(np.random.default_rng(1).uniform(size=(6, 3)), slow_dtype)
    together = draws(x)
    assert together.shape == (3, 6) and together.dtype == slow_dtype
    tolerance = 1e-10 if slow_dtype == jnp.float64 else 2e-3
    for i in range(2):
        np.testing.assert_allclose(draws(x[i][None, :])[:, 0], together[:, i], atol=tolerance)
    assert np.abs(together[0] - together[1]).min() > 1e-3, "paths differ"
    if slow_dtype == jnp.float64:
        slope = jax.jit(jax.grad(lambda p: draws(p[None, :])[0, 0]))(x[0])
        expected = references.gradient(lambda p: draws(jnp.asarray(p)[None, :])[0, 0], np.asarray(x[0]))
        np.testing.assert_allclose(slope, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.thorough
def test_a_path_goes_through_exact_observations(x64):
    (_, _, x, y), posterior = _problem(noise=1e-10)
    np.testing.assert_allclose(posterior.paths(jax.random.key(3), 4)(jnp.asarray(x)), [y] * 4, atol=5e-4)


@pytest.mark.thorough
def test_paths_of_a_forest_are_its_trees(x64):
    x, y = smooth_data(15, 3)
    surrogate, data = forest(num_trees=7), as_dataset(x, y, jnp.float64, 20, 0.3)
    params, _ = surrogate.fit(jax.random.key(0), data, surrogate.init(3, jnp.dtype("float64")))
    posterior = surrogate.condition(params, data)
    x_new = jnp.asarray(np.random.default_rng(1).uniform(size=(6, 3)))
    draws = posterior.paths(jax.random.key(1), 4000)(x_new)
    trees = np.unique(np.asarray(draws), axis=0)
    assert len(trees) == 7
    np.testing.assert_allclose(posterior.covariance(x_new, x_new), np.cov(trees.T, bias=True), atol=1e-12)
    np.testing.assert_allclose(draws.mean(0), predict_forest(posterior, x_new), atol=0.1)


def predict_forest(posterior, x):
    return np.asarray(posterior.predict(x)[0])


@pytest.mark.thorough
def test_paths_of_what_gp_makes(x64):
    """The surrogate binds its kernel to the columns; its posterior has paths in a table with empty rows, too."""
    x, y = smooth_data(8, 2)
    surrogate, data = gp(), as_dataset(x, y, jnp.float64, 32)
    posterior = surrogate.condition(as_sets([random_params(2)], jnp.float64), data)
    draws = posterior.paths(jax.random.key(0), 64)(jnp.asarray(x))
    mean, variance = posterior.predict(jnp.asarray(x))
    z = (draws - mean[None]) / np.sqrt(variance)[None]
    assert draws.shape == (64, 8) and np.abs(mean - y).max() < 0.04 and variance.max() < 1.1e-3
    assert np.abs(z).max() < 5 and np.abs(z.mean(0)).max() < 0.5 and (np.abs(z.std(0) - 1) < 0.35).all()
