"""The posterior through inducing points beside dense matrices, and which rows they are."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jbo.surrogates import gaussian_process, gp
from jbo.surrogates.inducing import condition_on_inducing, inducing_rows, thinned
from jbo.surrogates.kernels import matern52
from jbo.types import Dataset
from tests import references
from tests.surrogates.problems import (
    as_dataset,
    as_params,
    as_sets,
    predict,
    random_params,
    smooth_data,
)

N, D, M = 40, 3, 12
X, Y = smooth_data(N, D)
TRUTH = random_params(D, noise=1e-2)

_rows = jax.jit(inducing_rows, static_argnums=(2, 3))


@functools.partial(jax.jit, static_argnums=2)
def _condition(params, data, kernel, rows, counts):
    return condition_on_inducing(jax.tree.map(lambda leaf: leaf[None], params), data, kernel, rows, counts)


@pytest.fixture
def data(x64):
    return as_dataset(X, Y, "float64", capacity=N + 5, garbage=3.0)


def dense(values, rows):
    """Covariances of the function as the text books have them: K_mm, K_mn, K_nn, and the noise."""
    noise = np.exp(values[2])
    gram = references.observed_covariance("matern52", values, X) - noise * np.eye(N)
    jittered = gram[np.ix_(rows, rows)] + 1e-8 * np.exp(values[1]) * np.eye(len(rows))
    return jittered, gram[rows], gram, noise


@pytest.mark.thorough
def test_all_rows_leave_nothing_out(data):
    params = as_params(TRUTH, "float64")
    rows, counts = _rows(params, data, matern52, N + 5)
    assert counts.sum() == N and sorted(np.asarray(rows)[counts].tolist()) == list(range(N))
    at = np.random.default_rng(2).uniform(size=(20, D))
    of_all = predict(_condition(params, data, matern52, rows, counts), at)
    of_exact = predict(gaussian_process.condition(params, data, matern52), at)
    np.testing.assert_allclose(of_all[0], of_exact[0], atol=1e-5)
    np.testing.assert_allclose(of_all[1], of_exact[1], atol=1e-5)


def test_the_posterior_is_that_of_dense_matrices(data):
    params = as_params(TRUTH, "float64")
    rows, counts = _rows(params, data, matern52, M)
    at = np.random.default_rng(2).uniform(size=(20, D))
    mean, variance = predict(_condition(params, data, matern52, rows, counts), at)
    of_inducing, cross, _, noise = dense(TRUTH, rows)
    precise = of_inducing + cross @ cross.T / noise
    here = np.asarray(matern52(params, jnp.asarray(at), jnp.asarray(X[np.asarray(rows)])))
    np.testing.assert_allclose(mean, here @ np.linalg.solve(precise, cross @ Y) / noise, atol=1e-8)
    lost = np.einsum("ij,ji->i", here, np.linalg.solve(of_inducing, here.T) - np.linalg.solve(precise, here.T))
    np.testing.assert_allclose(variance, np.exp(TRUTH[1]) - lost, atol=1e-8)


@pytest.mark.thorough
def test_several_sets_are_averaged(data):
    values = [TRUTH, random_params(D, seed=5, noise=1e-2)]
    sets = [as_params(v, "float64") for v in values]
    rows, counts = _rows(sets[0], data, matern52, M)
    at = np.random.default_rng(2).uniform(size=(20, D))
    alone = [predict(_condition(p, data, matern52, rows, counts), at) for p in sets]
    both = condition_on_inducing(as_sets(values, "float64"), data, matern52, rows, counts)
    mean, variance = predict(both, at)
    means = np.array([m for m, _ in alone])
    np.testing.assert_allclose(mean, means.mean(0), atol=1e-9)
    np.testing.assert_allclose(variance, np.mean([v for _, v in alone], 0) + means.var(0), atol=1e-9)


def test_the_rows_are_spread_and_the_best_among_them(data):
    """Each choice has the largest weighted variance given those before, by dense conditioning."""
    params = as_params(TRUTH, "float64")
    rows, _ = _rows(params, data, matern52, M)
    gram = dense(TRUTH, [0])[2]
    for i in range(M):
        before = np.asarray(rows[:i])
        left = np.diag(gram).copy()
        if i:
            left -= np.einsum("ij,ij->j", gram[before], np.linalg.solve(gram[np.ix_(before, before)], gram[before]))
        score = np.exp(-Y) * left
        assert score[rows[i]] >= score.max() * (1 - 1e-6)


def test_equal_rows_count_once(x64):
    x = np.repeat(X[:5], 3, axis=0)
    data = as_dataset(x, np.repeat(Y[:5], 3), "float64")
    _, counts = _rows(as_params(TRUTH, "float64"), data, matern52, 10)
    assert counts.sum() == 5


@pytest.mark.thorough
@given(st.integers(1, 60), st.integers(1, 40), st.integers(0, 10_000))
def test_thinned_rows_are_valid_ones_evenly_spread(num_rows, num_kept, seed):
    is_valid = np.random.default_rng(seed).uniform(size=num_rows) < 0.7
    with jax.enable_x64(True):
        x, y = jnp.arange(num_rows, dtype=float)[:, None], -jnp.arange(num_rows, dtype=float)
        some = thinned(Dataset(x, y, jnp.asarray(is_valid), jnp.ones(())), num_kept)
    rows = np.asarray(some.x)[np.asarray(some.is_valid), 0].astype(int)
    valid = np.flatnonzero(is_valid)
    assert len(some.y) == num_kept and len(rows) == min(num_kept, len(valid))
    ranks = np.searchsorted(valid, rows)
    assert (valid[ranks] == rows).all() and (np.asarray(some.y)[np.asarray(some.is_valid)] == -rows).all()
    steps = np.diff(np.append(ranks, len(valid)))
    assert (ranks[:1] == 0).all() and (np.abs(steps - len(valid) / max(len(rows), 1)) < 1 + 1e-9).all()


def test_a_large_table_is_seen_through_inducing_points(x64):
    """The hyperparameters are those of exact inference, and the posterior is that of 25 of the 40 rows."""
    exact, surrogate, fits = gp(kernel=matern52), gp(kernel=matern52, most_exact=30, num_inducing=25), {}

    @jax.jit
    def run(surrogate, data):
        params, info = surrogate.fit(jax.random.key(0), data, surrogate.init(D, data.x.dtype))
        posterior = surrogate.condition(params, data)
        return params, info, posterior, surrogate.predict(posterior, jnp.asarray(X))

    for name, model, garbage in (("exact", exact, 0.5), ("sparse", surrogate, 0.5), ("dirty", surrogate, 9.0)):
        fits[name] = run(model, as_dataset(X, Y, "float64", capacity=N + 5, garbage=garbage))
    params, info, posterior, (mean, variance) = fits["sparse"]
    assert info.is_finite and posterior.x.shape == (25, D)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9), fits["sparse"], fits["dirty"])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), params, fits["exact"][0])
    assert np.corrcoef(mean, fits["exact"][3][0])[0, 1] > 0.99 and (variance > 0).all()


def test_a_fit_sees_512_rows_of_a_large_table(x64):
    """Evenly spread ones: what the rows between them hold changes nothing. Narrow priors, so that the way is short."""
    rng = np.random.default_rng(0)
    x, y = smooth_data(768, 1)
    narrow = {"lengthscale_prior": (-1.0, 1e-3), "signal_prior": (0.0, 1e-3), "noise_prior": (-3.0, 1e-3)}
    surrogate = gp(kernel=matern52, most_exact=600, **narrow)

    @jax.jit
    def fit(data):
        return surrogate.fit(jax.random.key(0), data, surrogate.init(1, data.x.dtype))[0]

    large = as_dataset(x, y, "float64")
    seen = np.zeros(768, bool)
    seen[np.arange(512) * 768 // 512] = True
    others = as_dataset(np.where(seen[:, None], x, rng.random(x.shape)), np.where(seen, y, -3.0), "float64")
    moved = as_dataset(x, np.where(np.arange(768) == 3, -3.0, y), "float64")
    found, same, other = fit(large), fit(others), fit(moved)
    jax.tree.map(np.testing.assert_array_equal, found, same)
    assert found.log_noise_variance != other.log_noise_variance, "row 3 is one that is seen"
