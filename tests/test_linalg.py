"""Factorisations by value: against NumPy, SciPy and finite differences, at sizes on both sides of a block."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import solve_triangular
from scipy.stats import multivariate_normal

from jbo.linalg import gaussian_log_density, robust_cholesky, robust_whitening
from jbo.numerics import LOG_SQRT_2PI, jitter
from tests.selection import some

from . import references

SIZES = [1, 2, 5, 31, 32, 33, 64, 70, 97, 260]
_whiten = jax.jit(robust_whitening)
_factorise = jax.jit(robust_cholesky)
_density = jax.jit(jax.value_and_grad(gaussian_log_density, argnums=(0, 1)))


def _spd(rng, n, noise=0.1):
    a = rng.normal(size=(n, n))
    return a @ a.T / n + noise * np.eye(n)


def _line(n, least_noise):
    """Points in a row under a smooth kernel: condition number about the inverse of the noise."""
    x = np.linspace(0, 1, n)[:, None]
    return references.observed_covariance("rbf", ([0.0], 0.0, np.log(least_noise)), x)


def _log_density(cov, y):
    return multivariate_normal.logpdf(y, np.zeros(len(y)), cov) + len(y) * LOG_SQRT_2PI


@some("n", [*SIZES, pytest.param(600, marks=pytest.mark.thorough)], [1, 33, 260])
def test_every_factorisation_of_every_size(n, x64):
    rng = np.random.default_rng(n)
    cov, y = _spd(rng, n), rng.normal(size=n)
    factor, inverse = np.linalg.cholesky(cov), np.linalg.inv(cov)
    ours = np.asarray(_factorise(cov, 1.0))
    np.testing.assert_allclose(ours, factor, atol=1e-12)
    whitening, amount = _whiten(cov, 1.0)
    np.testing.assert_allclose(whitening, np.linalg.inv(factor), atol=1e-11)
    assert amount == 0 and np.all(np.triu(whitening, 1) == 0) and np.all(np.triu(ours, 1) == 0)
    value, (by_covariance, by_y) = _density(cov, y)
    alpha = np.linalg.solve(cov, y)
    np.testing.assert_allclose(value, _log_density(cov, y), rtol=1e-11)
    np.testing.assert_allclose(by_covariance, 0.5 * (np.outer(alpha, alpha) - inverse), atol=1e-9)
    np.testing.assert_allclose(by_y, -alpha, atol=1e-10)


def test_log_density_and_its_gradients(dtype):
    rng = np.random.default_rng(0)
    cov, y = _spd(rng, 6), rng.normal(size=6)
    value, (by_covariance, by_y) = _density(jnp.asarray(cov, dtype), jnp.asarray(y, dtype))
    rtol = 1e-9 if dtype == jnp.float64 else 1e-3
    np.testing.assert_allclose(value, _log_density(cov, y), rtol=rtol)
    np.testing.assert_allclose(by_y, references.gradient(lambda y: _log_density(cov, y), y), rtol=max(rtol, 1e-7))
    # An entry of a symmetric matrix moves together with its mirror image.
    symmetric = references.gradient(lambda a: _log_density((a + a.T) / 2, y), cov)
    np.testing.assert_allclose(by_covariance, symmetric, rtol=max(rtol, 1e-6), atol=rtol)


def test_log_density_of_an_ill_conditioned_covariance(x64):
    """As exact as with substitutions: products with inverses of blocks alone are off by 4e-7 and 4e-6."""
    cov = _line(70, 1e-8)
    y = np.sin(7 * np.linspace(0, 1, 70))
    value, (by_covariance, _) = _density(cov, y)
    factor = np.linalg.cholesky(cov)
    white = solve_triangular(factor, y, lower=True)
    np.testing.assert_allclose(value, -0.5 * white @ white - np.log(np.diag(factor)).sum(), rtol=3e-8)
    alpha = solve_triangular(factor, white, lower=True, trans=1)
    whitening = solve_triangular(factor, np.eye(70), lower=True)
    expected = 0.5 * (np.outer(alpha, alpha) - whitening.T @ whitening)
    np.testing.assert_allclose(by_covariance, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def test_log_density_is_nan_where_there_is_none(slow_dtype):
    assert np.isnan(gaussian_log_density(jnp.asarray([[1.0, 2.0], [2.0, 1.0]], slow_dtype), jnp.ones(2, slow_dtype)))
    late = jnp.eye(70, dtype=slow_dtype).at[69, 69].set(-1)
    assert np.isnan(gaussian_log_density(late, jnp.ones(70, slow_dtype)))


def _padded(cov, y, n):
    """The same density with rows of the identity behind."""
    large, zeros = np.eye(n), np.zeros(n)
    large[: len(y), : len(y)], zeros[: len(y)] = cov, y
    return large, zeros


@pytest.mark.parametrize("num_rows", [0, 1, 32, 33, 64, 97])
def test_rows_of_the_identity_need_not_be_looked_at(num_rows, x64):
    rng = np.random.default_rng(num_rows)
    cov, y = _spd(rng, num_rows) if num_rows else np.zeros((0, 0)), rng.normal(size=num_rows)
    large, padded = _padded(cov, y, 97)
    value, (by_covariance, by_y) = _density(large, padded, jnp.int32(num_rows))
    expected, (all_by_covariance, all_by_y) = _density(large, padded)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_allclose(by_covariance, all_by_covariance, atol=1e-12)
    np.testing.assert_allclose(by_y, all_by_y, atol=1e-12)
    np.testing.assert_allclose(_whiten(large, 1.0, jnp.int32(num_rows))[0], _whiten(large, 1.0)[0], atol=1e-12)


def test_lanes_of_different_length_share_a_loop(x64):
    """Under `jax.vmap` each lane is what it is alone, and no lane's matrix is selected at each step."""
    rng = np.random.default_rng(0)
    lengths = [3, 40, 96]
    data = [_padded(_spd(rng, m), rng.normal(size=m), 97) for m in lengths]
    covs, ys = (jnp.asarray(np.stack(part)) for part in zip(*data, strict=True))
    together = jax.vmap(jax.value_and_grad(gaussian_log_density, argnums=(0, 1)))
    values, (by_covariance, _) = jax.jit(together)(covs, ys, jnp.asarray(lengths, jnp.int32))
    whitenings, _ = jax.jit(jax.vmap(robust_whitening))(covs, jnp.ones(3), jnp.asarray(lengths, jnp.int32))
    for i, length in enumerate(lengths):
        value, (alone, _) = _density(covs[i], ys[i], jnp.int32(length))
        np.testing.assert_allclose(values[i], value, rtol=1e-12)
        np.testing.assert_allclose(by_covariance[i], alone, atol=1e-10)
        np.testing.assert_allclose(whitenings[i], _whiten(covs[i], 1.0)[0], atol=1e-11)
    program = str(jax.make_jaxpr(together)(covs, ys, jnp.asarray(lengths, jnp.int32)))
    assert "while" in program and "reduce_or" not in program, "the condition of the loop is one for all lanes"


def test_whitening_of_an_ill_conditioned_covariance(dtype):
    cov = _line(50, jitter(dtype))
    ours = np.asarray(_whiten(jnp.asarray(cov, dtype), jnp.ones((), dtype))[0], np.float64)
    theirs = solve_triangular(np.linalg.cholesky(cov.astype(dtype)), np.eye(50, dtype=dtype), lower=True)
    ours, theirs = (np.abs(w @ cov @ w.T - np.eye(50)).max() for w in (ours, theirs.astype(np.float64)))
    assert ours <= 10 * theirs


@pytest.mark.parametrize("rank", [0, 1, 3])
@pytest.mark.parametrize("scale", [1e-2, 1.0, 1e2])
def test_a_singular_matrix(rank, scale, dtype):
    a = np.random.default_rng(rank).normal(size=(20, rank))
    cov = scale * a @ a.T
    factor = np.asarray(_factorise(jnp.asarray(cov, dtype), jnp.asarray(scale, dtype)), np.float64)
    assert np.all(np.isfinite(factor)) and np.all(np.triu(factor, 1) == 0)
    # What was added is small: at most a few thousand roundings of the largest entry.
    most = 1e4 * jnp.finfo(dtype).eps * max(scale, np.abs(cov).max())
    assert np.abs(factor @ factor.T - cov).max() <= most
    whitening, amount = _whiten(jnp.asarray(cov, dtype), jnp.asarray(scale, dtype))
    assert np.all(np.isfinite(whitening)) and 0 < amount <= most


def test_what_is_not_finite_stays_so(dtype):
    cov = jnp.full((5, 5), jnp.nan, dtype)
    assert not np.all(np.isfinite(_factorise(cov, jnp.ones((), dtype))))
    assert not np.all(np.isfinite(_whiten(cov, jnp.ones((), dtype))[0]))


def test_nothing_is_added_where_nothing_is_needed(dtype):
    cov = jnp.asarray(_spd(np.random.default_rng(1), 20), dtype)
    rounding = 8 * jnp.finfo(dtype).eps
    np.testing.assert_allclose(_factorise(cov, jnp.ones((), dtype)), np.linalg.cholesky(cov), rtol=0, atol=rounding)
    assert _whiten(cov, jnp.ones((), dtype))[1] == 0
