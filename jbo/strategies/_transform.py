"""From told values to what a surrogate learns from: the worse half compressed, and standardised."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jbo.types import FAILED, OK, Dataset, Trials

_LONGEST_TAIL = 10
"""Where `compress` ends, in distances from the best value to the median."""
_LARGEST_NOISE = 1e6
"""Standard deviation, of standardised values, that stands for any beside which a value says nothing."""


class Units(NamedTuple):
    """The way between told values and what a surrogate sees of them; both directions keep the order."""

    magnitude: Float[Array, ""]
    """The largest absolute value, which all are divided by first."""
    median: Float[Array, ""]
    """Where compression begins, in those units."""
    width: Float[Array, ""]
    """How far from it the logarithm sets in, in those units."""
    mean: Float[Array, ""]
    """What standardisation takes away."""
    deviation: Float[Array, ""]
    """What it divides by."""

    def to_model(self, y: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """What a surrogate would see of told values, those that it learns from or others.

        Args:
          y: Values, lower is better.
        """
        scaled = y / self.magnitude
        tail = jnp.minimum(jnp.log1p(jnp.maximum(scaled - self.median, 0) / self.width), _LONGEST_TAIL)
        return (jnp.where(scaled > self.median, self.median + self.width * tail, scaled) - self.mean) / self.deviation

    def to_told(self, y: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """The values that a surrogate would see as ``y``: quantiles of its predictions in units of the objective.

        Args:
          y: In units of the surrogate.
        """
        scaled = y * self.deviation + self.mean
        tail = jnp.clip((scaled - self.median) / self.width, 0, _LONGEST_TAIL)
        told = jnp.where(scaled > self.median, self.median + self.width * jnp.expm1(tail), scaled)
        return told * self.magnitude


def units(state: Trials) -> Units:
    """The way between the values of a table and those in its `dataset`.

    Args:
      state: The table of trials.
    """
    is_ok, data = state.status == OK, dataset(state)
    scaled, magnitude = _scaled(state.y, is_ok)
    median, width = _knee(scaled, is_ok)
    deviation = data.y_scale / magnitude
    count = jnp.maximum(jnp.sum(is_ok), 1).astype(scaled.dtype)
    mean = jnp.sum(jnp.where(is_ok, compress(scaled, is_ok) - data.y * deviation, 0)) / count
    return Units(magnitude, median, width, mean, deviation)


def dataset(state: Trials) -> Dataset:
    """What a surrogate sees of the successful trials.

    Their values go through `compress` and are standardised, anew at each ask, since each new value moves the scale.

    Args:
      state: The table of trials.

    Returns:
      A data set with a valid row for each successful trial; its ``y_scale`` undoes the standardisation.
    """
    is_ok = state.status == OK
    scaled, magnitude = _scaled(state.y, is_ok)
    y, deviation = standardise(compress(scaled, is_ok), is_ok)
    return Dataset(state.x, y, is_ok, magnitude * deviation, _noise_variance(state, scaled, magnitude * deviation))


def dataset_with_failures(state: Trials) -> Dataset:
    """What a surrogate sees of all trials that have ended: a failed one as worse than the worst by half the range.

    Args:
      state: The table of trials.

    Returns:
      As `dataset`, with valid rows for failed trials too.
    """
    is_ok, is_failed = state.status == OK, state.status == FAILED
    scaled, magnitude = _scaled(state.y, is_ok)
    warped = compress(scaled, is_ok)
    worst = jnp.max(jnp.where(is_ok, warped, -jnp.inf))
    least = jnp.min(jnp.where(is_ok, warped, jnp.inf))
    penalty = jnp.where(jnp.any(is_ok), worst + 0.5 * (worst - least), 0).astype(warped.dtype)
    y, deviation = standardise(jnp.where(is_failed, penalty, warped), is_ok | is_failed)
    noise = _noise_variance(state, scaled, magnitude * deviation)
    return Dataset(state.x, y, is_ok | is_failed, magnitude * deviation, noise)


def compress(y: Float[Array, " n"], is_valid: Bool[Array, " n"]) -> Float[Array, " n"]:
    r"""The values with the worse half drawn together by a logarithm.

    How bad a bad point is says little about where the good ones are, but a few huge values would set the scale of all.
    A value above the median :math:`m` becomes :math:`m + s \min(\log(1 + (y - m)/s), 10)`, with the distance
    :math:`s` from the best value to the median; what is beyond :math:`e^{10}` such distances is equally bad. Order,
    ties and shifts are kept, and the slope at the median is 1, so values that are alike in size are hardly changed.

    Args:
      y: Values, lower is better.
      is_valid: Rows that count.

    Returns:
      Compressed values; 0 in rows that are not valid.

    References:
      Song et al., The Vizier Gaussian Process Bandit Algorithm, 2024, section 4.3, compresses the worse half too, by
      ranks. A logarithm needs no ranks and does not magnify the differences among crowded trials.
    """
    y = jnp.where(is_valid, y, 0)
    median, scale = _knee(y, is_valid)
    is_worse = is_valid & (y > median)
    excess = jnp.where(is_worse, y - median, 0)
    compressed = median + scale * jnp.minimum(jnp.log1p(excess / scale), _LONGEST_TAIL)
    return jnp.where(is_worse, compressed, y).astype(y.dtype)


def _noise_variance(state: Trials, scaled: Float[Array, " n"], y_scale: Float[Array, ""]) -> Float[Array, " n"] | None:
    """Variance that was told of each value, as a surrogate sees it: a worse value is compressed, and so is its noise.

    To first order, by the slope of `compress` at the value.
    """
    if state.noise is None:
        return None
    is_ok = state.status == OK
    median, width = _knee(scaled, is_ok)
    excess = jnp.where(is_ok, jnp.maximum(scaled - median, 0), 0) / width
    slope = jnp.where(jnp.log1p(excess) < _LONGEST_TAIL, 1 / (1 + excess), 0)
    deviation = jnp.minimum(jnp.where(is_ok, state.noise, 0) * (slope / y_scale), _LARGEST_NOISE)
    return (deviation**2).astype(state.y.dtype)


def _knee(y: Float[Array, " n"], is_valid: Bool[Array, " n"]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The median of the valid rows, and the distance from the best value to it; see `compress`."""
    dtype = y.dtype
    n = jnp.sum(is_valid).astype(jnp.int32)
    y = jnp.where(is_valid, y, 0)
    ordered = jnp.sort(jnp.where(is_valid, y, jnp.inf))
    lower, upper = ordered[jnp.maximum(n - 1, 0) // 2], ordered[jnp.minimum(n // 2, y.shape[0] - 1)]
    median = jnp.where(n > 0, 0.5 * lower + 0.5 * jnp.where(n % 2 == 1, lower, upper), 0).astype(dtype)
    is_worse = is_valid & (y > median)
    excess = jnp.where(is_worse, y - median, 0)
    scale = jnp.where(n > 0, median - ordered[0], 0)
    # A better half that is one plateau has no width; then how much worse the others are on average has to do.
    scale = jnp.where(scale > 0, scale, jnp.sum(excess) / jnp.maximum(jnp.sum(is_worse), 1).astype(dtype))
    return median, jnp.where(scale > 0, scale, 1).astype(dtype)


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
