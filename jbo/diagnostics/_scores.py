"""Scores of probabilistic predictions against observations."""

from typing import NamedTuple

import jax.numpy as jnp
from jax.scipy.special import ndtr
from jaxtyping import Array, Bool, Float

from jbo.numerics import LOG_SQRT_2PI, power_of_two

LEVELS = (0.5, 0.8, 0.95)
"""Probabilities of the central intervals whose coverage is measured."""


class Predictions(NamedTuple):
    """Normal predictions of observations that the predictor did not see."""

    mean: Float[Array, " n"]
    variance: Float[Array, " n"]
    """Variance of an observation, including the noise."""


class Scores(NamedTuple):
    """Scores of predictions against observations."""

    rmse: Float[Array, ""]
    """Root of the mean squared error, in the units of the observations."""
    log_density: Float[Array, ""]
    """Mean log predictive density of an observation, in nats; higher is better."""
    coverage: Float[Array, " 3"]
    """Fraction of the observations inside the central intervals of probability 0.5, 0.8 and 0.95."""
    rank_correlation: Float[Array, ""]
    """Spearman's rank correlation of predicted means and observations; NaN if either does not vary."""
    residuals: Float[Array, " n"]
    """Standardised residuals, which are standard normal if the predictor is right; 0 in rows that do not count."""


def score(predicted: Predictions, y: Float[Array, " n"], is_valid: Bool[Array, " n"]) -> Scores:
    """Scores of predictions against observations over the valid rows.

    Args:
      predicted: Normal predictions, each made without the observation of its row.
      y: Observations.
      is_valid: Rows that count.

    Returns:
      Scores. Without valid rows, all but the residuals are NaN.

    References:
      Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, section 2.5 (log density); ties share
      their mean rank.
    """
    mean, variance = predicted
    one = jnp.ones((), y.dtype)
    count = jnp.sum(is_valid).astype(y.dtype)

    def average(values: Float[Array, " n"]) -> Float[Array, ""]:
        return jnp.sum(jnp.where(is_valid, values, 0)) / count

    deviation = jnp.sqrt(jnp.where(is_valid, variance, one))
    residuals = jnp.where(is_valid, (y - mean) / deviation, 0)
    mass = 2 * ndtr(jnp.abs(residuals)) - 1  # probability of the smallest central interval with the observation
    coverage = jnp.stack([average((mass <= level).astype(y.dtype)) for level in LEVELS])
    log_density = average(-0.5 * residuals**2 - jnp.log(deviation) - LOG_SQRT_2PI)
    first, second = (_ranks(values, is_valid) for values in (mean, y))
    first, second = (jnp.where(is_valid, ranks - average(ranks), 0) for ranks in (first, second))
    correlation = jnp.sum(first * second) / jnp.sqrt(jnp.sum(first**2) * jnp.sum(second**2))
    errors = jnp.where(is_valid, y - mean, 0)
    unit = power_of_two(jnp.max(jnp.abs(errors), initial=0))
    unit = jnp.where(unit > 0, unit, 1).astype(y.dtype)  # so that no square leaves the floating range
    rmse = unit * jnp.sqrt(average((errors / unit) ** 2))
    return Scores(rmse, log_density, coverage, correlation, residuals)


def _ranks(values: Float[Array, " n"], is_valid: Bool[Array, " n"]) -> Float[Array, " n"]:
    """Rank of each row: the number of valid rows with lower values, with ties counted as a half."""
    below = (values[None, :] < values[:, None]).astype(values.dtype)
    equal = (values[None, :] == values[:, None]).astype(values.dtype)
    return jnp.sum(jnp.where(is_valid[None, :], below + 0.5 * equal, 0), axis=1)
