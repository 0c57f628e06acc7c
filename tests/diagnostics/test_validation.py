"""Predictions of rows by the others, against conditioning or fitting as many times."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jbo
from jbo.diagnostics import LEVELS, constant, cross_validate, folds, leave_one_out, score
from jbo.surrogates import GP, gaussian_process, kernels
from jbo.surrogates.inducing import condition_on_inducing, inducing_rows
from jbo.types import Dataset
from tests.selection import some
from tests.surrogates.problems import as_dataset, as_sets, random_params, smooth_data

N, D, CAPACITY = 20, 3, 24
_condition = jax.jit(gaussian_process.condition)
_predict = jax.jit(gaussian_process.predict)
_leave_one_out = jax.jit(leave_one_out)


def sets(noise):
    return as_sets([random_params(D, seed, noise) for seed in range(3)], "float64")


@pytest.mark.parametrize("noise", [1e-1, 1e-3])
def test_leaving_one_out_is_conditioning_n_times(x64, noise):
    params, data = sets(noise), as_dataset(*smooth_data(N, D), "float64", CAPACITY, garbage=7.0)
    mean, variance = _leave_one_out(_condition(params, data), data)
    for row in range(N):
        without = dataclasses.replace(data, is_valid=data.is_valid & (jnp.arange(CAPACITY) != row))
        moments = []
        for s in range(3):  # the noise of each set belongs to its own prediction
            one = jax.tree.map(lambda leaf, s=s: leaf[s : s + 1], params)
            m, v = _predict(_condition(one, without), data.x[row : row + 1])
            moments.append((float(m[0]), float(v[0]) + float(jnp.exp(one.log_noise_variance[0]))))
        means, variances = np.array(moments).T
        assert abs(float(mean[row]) - means.mean()) < 1e-8
        assert abs(float(variance[row]) - (variances.mean() + means.var())) < 1e-8


def test_rows_that_are_not_valid_change_nothing_and_have_the_prior(x64):
    params, (x, y) = sets(1e-3), smooth_data(N, D)
    plain, padded = (as_dataset(x, y, "float64", capacity, 7.0) for capacity in (N, CAPACITY))
    expected, got = (_leave_one_out(_condition(params, data), data) for data in (plain, padded))
    np.testing.assert_allclose(got.mean[:N], expected.mean, atol=1e-10)
    np.testing.assert_allclose(got.variance[:N], expected.variance, atol=1e-10)
    prior = np.mean(np.exp(params.log_signal_variance) + np.exp(params.log_noise_variance))
    np.testing.assert_allclose(got.variance[N:], prior, rtol=1e-12)
    assert (np.asarray(got.mean[N:]) == 0).all()


def test_float32_is_near(x64):
    x, y = smooth_data(N, D)
    expected = _leave_one_out(_condition(sets(1e-2), as_dataset(x, y, "float64")), as_dataset(x, y, "float64"))
    single, data = jax.tree.map(lambda leaf: leaf.astype("float32"), sets(1e-2)), as_dataset(x, y, "float32")
    got = _leave_one_out(_condition(single, data), data)
    assert got.mean.dtype == jnp.float32
    np.testing.assert_allclose(got.mean, expected.mean, atol=2e-3)
    np.testing.assert_allclose(got.variance, expected.variance, rtol=2e-3)


def test_a_posterior_through_inducing_points_is_refused(x64):
    params, data = sets(1e-2), as_dataset(*smooth_data(N, D), "float64")
    first = jax.tree.map(lambda leaf: leaf[0], params)
    rows, counts = jax.jit(inducing_rows, static_argnums=(2, 3))(first, data, kernels.matern52, 8)
    posterior = jax.jit(condition_on_inducing, static_argnums=2)(params, data, kernels.matern52, rows, counts)
    with pytest.raises(ValueError, match="posterior: expected a posterior given the 20 rows of data, got 8 rows"):
        leave_one_out(posterior, data)


def test_coverage_on_data_of_the_model_is_within_binomial_error(x64):
    num_draws, rows = 2000, 8
    params = jax.tree.map(lambda leaf: leaf[:1], sets(0.05))
    one = jax.tree.map(lambda leaf: leaf[0], params)

    def draw(key):
        key_x, key_y = jax.random.split(key)
        x = jax.random.uniform(key_x, (rows, D))
        covariance = kernels.multiscale(one, x, x) + 0.05 * jnp.eye(rows)
        y = jnp.linalg.cholesky(covariance) @ jax.random.normal(key_y, (rows,))
        data = Dataset(x, y, jnp.ones(rows, bool))
        predicted = leave_one_out(gaussian_process.condition(params, data), data)
        only_first = jnp.arange(rows) == 0  # those of one draw are not independent
        return score(predicted, y, only_first)

    scores = jax.jit(jax.vmap(draw))(jax.random.split(jax.random.key(0), num_draws))
    for level, inside in zip(LEVELS, np.asarray(scores.coverage).T, strict=True):
        assert abs(inside.mean() - level) < 3.3 * np.sqrt(level * (1 - level) / num_draws)
    assert abs(np.var(scores.residuals[:, 0]) - 1) < 3.3 * np.sqrt(2 / num_draws)


def test_the_constant_is_the_mean_and_variance_of_the_others(dtype):
    y = np.array([3.0, -1.0, 0.5, 2.0, 7.0])
    data = as_dataset(np.full((5, 1), 0.5), y, dtype, 8, garbage=99.0)
    mean, variance = jax.jit(constant)(data)
    others = [np.delete(y, i) for i in range(5)]
    rtol = 1e-12 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(mean[:5], [o.mean() for o in others], rtol=rtol)
    np.testing.assert_allclose(variance[:5], [o.var(ddof=1) * (1 + 1 / 4) for o in others], rtol=rtol)


def test_folds_are_even_and_drawn(x64):
    is_valid = jnp.arange(CAPACITY) < 23
    first, second = (np.asarray(folds(jax.random.key(i), is_valid, 5))[:23] for i in (0, 1))
    assert sorted(np.bincount(first)) == [4, 4, 5, 5, 5] and (first != second).any()


@some("surrogate", [jbo.forest(num_trees=5), jbo.gp(num_starts=1)], ids=["forest", "gp"])
def test_cross_validation_is_fitting_without_each_fold(x64, surrogate):
    key, data = jax.random.key(3), as_dataset(*smooth_data(N, D), "float64", CAPACITY, garbage=0.5)
    predicted = jax.jit(cross_validate, static_argnums=3)(key, surrogate, data, 4)
    key_deal, key_fit = jax.random.split(key)
    fold = folds(key_deal, data.is_valid, 4)

    @jax.jit
    def fitted(key, seen):
        """Mean, variance and noise of a model of some rows at all of them."""
        params, _ = surrogate.fit(key, seen, surrogate.init(D, seen.x.dtype))
        posterior = surrogate.condition(params, seen)
        return *posterior.predict(data.x), posterior.noise_variance()

    for i in range(2):
        others = dataclasses.replace(data, is_valid=data.is_valid & (fold != i))
        mean, variance, noise = fitted(jax.random.fold_in(key_fit, i), others)
        own = np.asarray((fold == i) & data.is_valid)
        # A walk of many steps in another program ends a few bits elsewhere.
        np.testing.assert_allclose(predicted.mean[own], mean[own], atol=1e-4)
        np.testing.assert_allclose(predicted.variance[own], (variance + noise)[own], atol=1e-4)
    if not isinstance(surrogate, GP):
        seen = fitted(key_fit, data)[0]
        assert np.abs(np.asarray(seen - data.y))[:N].max() < 1e-6, "a tree knows the rows it grew on"
        assert np.abs(np.asarray(predicted.mean - data.y))[:N].max() > 0.2, "and here it does not"


def test_one_fold_is_none(x64):
    data = as_dataset(*smooth_data(N, D), "float64")
    with pytest.raises(ValueError, match="num_folds: expected at least 2, got 1"):
        cross_validate(jax.random.key(0), jbo.gp(), data, 1)
