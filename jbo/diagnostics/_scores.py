"""How well predictions agree with what was observed."""

from typing import NamedTuple

import jax.numpy as jnp
from jax.scipy.special import ndtr
from jaxtyping import Array, Bool, Float

from jbo.numerics import LOG_SQRT_2PI, power_of_two

LEVELS = (0.5, 0.8, 0.95)
"""Probabilities of the central intervals whose coverage is counted."""


class Predictions(NamedTuple):
    """What was predicted of observations that the predictor did not see."""

    mean: Float[Array, " n"]
    variance: Float[Array, " n"]
    """Of an observation, noise among it."""


class Scores(NamedTuple):
    """How well predictions agree with observations."""

    rmse: Float[Array, ""]
    """Root of the mean squared error, in the units of the observations."""
    log_density: Float[Array, ""]
    """Mean log predictive density of an observation, in nats; higher is better."""
    coverage: Float[Array, " 3"]
    """Share of the observations inside of the central intervals of probability 0.5, 0.8 and 0.95."""
    rank_correlation: Float[Array, ""]
    """Spearman's, between predicted means and observations; NaN where either does not vary."""
    residuals: Float[Array, " n"]
    """Observation less mean over deviation: standard normal draws if the predictor is right; 0 in rows not counted."""


def score(predicted: Predictions, y: Float[Array, " n"], is_valid: Bool[Array, " n"]) -> Scores:
    """How well ``predicted`` agrees with ``y`` over the valid rows.

    Args:
      predicted: Normal predictions, made without the row they are of.
      y: Observations.
      is_valid: Rows that count.

    Returns:
      Scores, all NaN but the residuals where no row counts.

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
    mass = 2 * ndtr(jnp.abs(residuals)) - 1  # of the central interval that the observation just is in
    coverage = jnp.stack([average((mass <= level).astype(y.dtype)) for level in LEVELS])
    log_density = average(-0.5 * residuals**2 - jnp.log(deviation) - LOG_SQRT_2PI)
    first, second = (_ranks(values, is_valid) for values in (mean, y))
    first, second = (jnp.where(is_valid, ranks - average(ranks), 0) for ranks in (first, second))
    correlation = jnp.sum(first * second) / jnp.sqrt(jnp.sum(first**2) * jnp.sum(second**2))
    errors = jnp.where(is_valid, y - mean, 0)
    unit = power_of_two(jnp.max(jnp.abs(errors), initial=0))
    unit = jnp.where(unit > 0, unit, 1).astype(y.dtype)  # no square of a huge error leaves the floating range
    rmse = unit * jnp.sqrt(average((errors / unit) ** 2))
    return Scores(rmse, log_density, coverage, correlation, residuals)


def _ranks(values: Float[Array, " n"], is_valid: Bool[Array, " n"]) -> Float[Array, " n"]:
    """How many valid rows are below each, ties counting a half."""
    below = (values[None, :] < values[:, None]).astype(values.dtype)
    equal = (values[None, :] == values[:, None]).astype(values.dtype)
    return jnp.sum(jnp.where(is_valid[None, :], below + 0.5 * equal, 0), axis=1)
