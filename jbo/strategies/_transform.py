"""From told values to what a surrogate learns from: the worse half by ranks, failures as the worst, standardised."""

import jax.numpy as jnp
from jax.scipy.special import ndtri
from jaxtyping import Array, Bool, Float

from jbo.types import FAILED, OK, Dataset, Trials


def dataset(state: Trials) -> Dataset:
    """What a surrogate sees of the trials that have ended.

    The values of successful trials go through `half_rank`, a failed trial counts as worse than the worst of them by
    half their range, and all are standardised. Made anew at each ask, since each new value moves the scale.

    Args:
      state: The table of trials.

    Returns:
      A data set with a valid row for each trial that ended; its ``y_scale`` undoes the standardisation.
    """
    is_ok, is_failed = state.status == OK, state.status == FAILED
    scaled, magnitude = _scaled(state.y, is_ok)
    warped = half_rank(scaled, is_ok)
    worst = jnp.max(jnp.where(is_ok, warped, -jnp.inf))
    least = jnp.min(jnp.where(is_ok, warped, jnp.inf))
    has_any = jnp.any(is_ok)
    penalty = jnp.where(has_any, worst + 0.5 * (worst - least), 0).astype(warped.dtype)
    y, deviation = standardise(jnp.where(is_failed, penalty, warped), is_ok | is_failed)
    return Dataset(state.x, y, is_ok | is_failed, magnitude * deviation)


def half_rank(y: Float[Array, " n"], is_valid: Bool[Array, " n"]) -> Float[Array, " n"]:
    r"""The values with the worse half replaced by normal quantiles of their ranks.

    How bad a bad point is says little about where the good ones are, but a few huge values would set the scale of all.
    A value above the median :math:`m` with rank :math:`r` of :math:`n` becomes
    :math:`m + s\,\Phi^{-1}((r - \tfrac12)/n)`, with :math:`s` the root mean square distance of the better half from
    the median. Ties share their average rank, so a plateau stays one.

    Args:
      y: Values, lower is better.
      is_valid: Rows that count.

    Returns:
      Warped values, in the same order; 0 in rows that are not valid.

    References:
      Song et al., The Vizier Gaussian Process Bandit Algorithm, 2024, section 4.3 (half-rank warping).
    """
    both = is_valid[:, None] & is_valid[None, :]
    dtype = y.dtype
    count = jnp.maximum(jnp.sum(is_valid), 1).astype(dtype)
    below = jnp.sum(both & (y[None, :] < y[:, None]), axis=1).astype(dtype)
    ties = jnp.sum(both & (y[None, :] == y[:, None]), axis=1).astype(dtype)
    rank = below + (ties + 1) / 2
    ordered = jnp.sort(jnp.where(is_valid, y, jnp.inf))
    n = jnp.sum(is_valid).astype(jnp.int32)
    middle = ordered[jnp.maximum(n - 1, 0) // 2]
    upper = ordered[jnp.maximum(n // 2, 0)]
    median = jnp.where(n > 0, 0.5 * middle + 0.5 * jnp.where(n % 2 == 1, middle, upper), 0).astype(dtype)
    is_good = is_valid & (y <= median)
    distance = jnp.where(is_good, y - median, 0)
    spread = jnp.sqrt(jnp.sum(distance**2) / jnp.maximum(jnp.sum(is_good), 1).astype(dtype))
    # A better half that is one plateau has no spread of its own; then that of all values has to do.
    all_distance = jnp.where(is_valid, y - median, 0)
    spread = jnp.where(spread > 0, spread, jnp.sqrt(jnp.sum(all_distance**2) / count))
    quantile = ndtri(jnp.clip((rank - 0.5) / count, 0.5 / (count + 1), 1 - 0.5 / (count + 1)))
    warped = jnp.where(is_good, y, median + spread * jnp.maximum(quantile, 0))
    return jnp.where(is_valid, warped, 0).astype(dtype)


def standardise(y: Float[Array, " n"], is_valid: Bool[Array, " n"]) -> tuple[Float[Array, " n"], Float[Array, ""]]:
    """The values with mean 0 and variance 1 over the valid rows, and the deviation they were divided by.

    Args:
      y: Values.
      is_valid: Rows that count; the others become 0.

    Returns:
      Standardised values; where all are equal they become 0 and the deviation is 1.
    """
    count = jnp.maximum(jnp.sum(is_valid), 1).astype(y.dtype)
    mean = jnp.sum(jnp.where(is_valid, y, 0)) / count
    centred = jnp.where(is_valid, y - mean, 0)
    # The second pass takes away what rounding left of the mean.
    centred = jnp.where(is_valid, centred - jnp.sum(centred) / count, 0)
    deviation = jnp.sqrt(jnp.sum(centred**2) / count)
    largest = jnp.max(jnp.where(is_valid, jnp.abs(y), 0))
    is_flat = deviation <= 8 * jnp.finfo(y.dtype).eps * largest
    deviation = jnp.where(is_flat, 1, deviation).astype(y.dtype)
    return jnp.where(is_flat, 0, centred / deviation).astype(y.dtype), deviation


def _scaled(y: Float[Array, " n"], is_valid: Bool[Array, " n"]) -> tuple[Float[Array, " n"], Float[Array, ""]]:
    """The values over the largest of them, so that no square of a huge or tiny value leaves the floating range."""
    largest = jnp.max(jnp.where(is_valid, jnp.abs(y), 0))
    largest = jnp.where(largest > 0, largest, 1).astype(y.dtype)
    return jnp.where(is_valid, y / largest, 0), largest
