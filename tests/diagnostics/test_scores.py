"""Scores of predictions against SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jbo.diagnostics import LEVELS, Predictions, score

TOLERANCE = {"float64": 1e-12, "float32": 2e-5}
_score = jax.jit(score)


def made(dtype, n=20, garbage=0.0):
    rng = np.random.default_rng(0)
    y, mean = rng.integers(0, 6, n) / 2, rng.integers(0, 6, n) / 2  # with ties
    variance, is_valid = rng.uniform(0.2, 3, n), rng.random(n) < 0.7
    y, mean, variance = (np.where(is_valid, v, garbage) for v in (y, mean, variance))
    arrays = [jnp.asarray(v, dtype) for v in (mean, variance, y)]
    return Predictions(*arrays[:2]), arrays[2], jnp.asarray(is_valid)


def test_each_score_is_scipys(slow_dtype):
    predicted, y, is_valid = made(slow_dtype)
    scores = _score(predicted, y, is_valid)
    rows = np.asarray(is_valid)
    mean, deviation, told = np.asarray(predicted.mean)[rows], np.sqrt(predicted.variance)[rows], np.asarray(y)[rows]
    normal, tolerance = scipy.stats.norm(mean, deviation), TOLERANCE[slow_dtype.name]
    close = {"rtol": tolerance, "atol": tolerance}
    np.testing.assert_allclose(scores.rmse, np.sqrt(np.mean((told - mean) ** 2)), **close)
    np.testing.assert_allclose(scores.log_density, normal.logpdf(told).mean(), **close)
    expected = [np.mean((normal.interval(p)[0] <= told) & (told <= normal.interval(p)[1])) for p in LEVELS]
    np.testing.assert_allclose(scores.coverage, expected, **close)
    assert len(set(expected)) == 3
    np.testing.assert_allclose(scores.rank_correlation, scipy.stats.spearmanr(mean, told).statistic, **close)
    np.testing.assert_allclose(scores.residuals[rows], (told - mean) / deviation, **close)
    assert (np.asarray(scores.residuals)[~rows] == 0).all()
    assert all(leaf.dtype == slow_dtype for leaf in scores)


@pytest.mark.parametrize("garbage", [np.nan, -np.inf, 1e30])
def test_rows_that_do_not_count_change_nothing(x64, garbage):
    expected, got = (_score(*made("float64", garbage=g)) for g in (0.0, garbage))
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_constant_has_no_rank(x64):
    predicted, y, is_valid = made("float64")
    assert np.isnan(_score(predicted._replace(mean=jnp.ones_like(y)), y, is_valid).rank_correlation)
