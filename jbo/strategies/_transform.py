"""Transform of the observed values for a surrogate: the worse half is log-compressed, then all are standardised."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jbo.numerics import to_middle_of_range
from jbo.surrogates import GP, Surrogate
from jbo.types import FAILED, Dataset, Trials

_LONGEST_TAIL = 10
"""Maximum of a compressed value; see `compress`."""
LARGEST_NOISE = 1e6
"""Maximum standard deviation of a known noise, in units of standardised values: such a value has no information."""


class Units(NamedTuple):
    """The transform between observed values and the values of the surrogate. Both directions preserve the order."""

    factor: Float[Array, ""]
    """A power of two by which all values are multiplied first; see `numerics.to_middle_of_range`."""
    median: Float[Array, ""]
    """Median of the scaled values, above which values are compressed."""
    width: Float[Array, ""]
    """Unit ``s`` of the compression, in scaled values; see `compress`."""
    mean: Float[Array, ""]
    """Mean of the compressed values, which standardisation subtracts."""
    deviation: Float[Array, ""]
    """Standard deviation of the compressed values, by which standardisation divides."""

    @property
    def y_scale(self) -> Float[Array, ""]:
        """Size of one unit of the surrogate in units of the objective, near the best values."""
        info = jnp.finfo(self.width.dtype)
        return jnp.clip(self.deviation * self.width / self.factor, info.tiny, info.max).astype(self.width.dtype)

    def to_model(self, y: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """The transformed values.

        Args:
          y: Values of the objective, lower is better; these need not be observed values.
        """
        largest = 0.25 * jnp.finfo(y.dtype).max
        z = (jnp.clip(y * self.factor, -largest, largest) - self.median) / self.width
        return ((_shortened(z) - self.mean) / self.deviation).astype(y.dtype)

    def to_told(self, y: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """The inverse of `to_model`: for example, quantiles of predictions in units of the objective.

        Args:
          y: Values in units of the surrogate.

        Returns:
          Finite values, clipped to the floating range.
        """
        z = y * self.deviation + self.mean
        z = jnp.where(z > 0, jnp.expm1(jnp.clip(z, 0, _LONGEST_TAIL)), z)
        largest = jnp.finfo(y.dtype).max
        return jnp.clip((self.median + self.width * z) / self.factor, -largest, largest).astype(y.dtype)


def units(state: Trials, noise: Float[Array, ""] | float | None = None) -> Units:
    """The transform between the values in a table and the values in its `dataset`.

    Args:
      state: The table of trials.
      noise: As in `dataset`.
    """
    return _seen(state, noise, with_failures=False)[1]


def dataset(state: Trials, noise: Float[Array, ""] | float | None = None) -> Dataset:
    """The successful trials as the data of a surrogate.

    The values are compressed (`compress`) and standardised, again for each suggestion, because each new value changes
    the scale.

    Args:
      state: The table of trials.
      noise: Known standard deviation of the noise of all values; see `compress`. None: unknown.

    Returns:
      A data set with a valid row for each successful trial. Its ``y_scale`` undoes the standardisation.
    """
    return _seen(state, noise, with_failures=False)[0]


def dataset_with_failures(state: Trials, noise: Float[Array, ""] | float | None = None) -> Dataset:
    """All finished trials as the data of a surrogate. A failed trial is worse than the worst value by half the range.

    Args:
      state: The table of trials.
      noise: As in `dataset`.

    Returns:
      As `dataset`, with valid rows for failed trials too.
    """
    return _seen(state, noise, with_failures=True)[0]


def known_noise(surrogate: Surrogate) -> Float[Array, ""] | float | None:
    """Standard deviation of the noise that a surrogate was given, in units of the objective; None if it is unknown.

    Args:
      surrogate: The model.
    """
    return surrogate.fixed_noise if isinstance(surrogate, GP) and not surrogate.warps_output else None


def _seen(state: Trials, noise: Float[Array, ""] | float | None, *, with_failures: bool) -> tuple[Dataset, Units]:
    is_ok, is_failed = state.has_value, state.status == FAILED
    scaled, factor = to_middle_of_range(state.value, is_ok)
    z, median, width = compress(scaled, is_ok, _typical_noise(state, noise) * factor)
    is_valid = is_ok | is_failed if with_failures else is_ok
    if with_failures:
        worst, best = jnp.max(jnp.where(is_ok, z, -jnp.inf)), jnp.min(jnp.where(is_ok, z, jnp.inf))
        penalty = jnp.where(jnp.any(is_ok), worst + 0.5 * (worst - best), 0).astype(z.dtype)
        z = jnp.where(is_failed, penalty, z)
    y, mean, deviation = standardise(z, is_valid, median / width)
    # Values that are equal up to rounding define no width.
    is_flat, largest = ~jnp.any(y), jnp.max(jnp.where(is_ok, jnp.abs(scaled), 0), initial=0)
    width = jnp.where(is_flat, jnp.where(largest > 0, largest, 1), width).astype(z.dtype)
    mean = jnp.where(is_flat, 0, mean).astype(z.dtype)
    scale = Units(factor, median, width, mean, deviation)
    # The quotient may be infinite.
    excess = jnp.where(is_ok, jnp.maximum((scaled - median) / width, 0), 0)
    slope = jnp.where(jnp.log1p(excess) < _LONGEST_TAIL, 1 / (1 + excess), 0).astype(z.dtype)
    return Dataset(state.x, y, is_valid, scale.y_scale, _noise_variance(state, slope, scale), slope=slope), scale


def _typical_noise(state: Trials, noise: Float[Array, ""] | float | None) -> Float[Array, ""]:
    """Known standard deviation of the noise: ``noise``, or the median over the trials if that is larger."""
    known = jnp.asarray(0 if noise is None else noise, state.y.dtype)
    if state.noise_of_value is None:
        return known
    is_ok = state.has_value
    ordered = jnp.sort(jnp.where(is_ok, state.noise_of_value, jnp.inf))
    median = ordered[jnp.maximum(jnp.sum(is_ok).astype(jnp.int32) - 1, 0) // 2]
    return jnp.maximum(known, jnp.where(jnp.any(is_ok), median, 0))


def compress(
    y: Float[Array, " n"], is_valid: Bool[Array, " n"], noise: Float[Array, ""] | float = 0.0
) -> tuple[Float[Array, " n"], Float[Array, ""], Float[Array, ""]]:
    r"""The values minus their median, with the worse half compressed by a logarithm.

    The values of bad points say little about the position of good points, but a few huge values would set the scale.
    A value :math:`y` becomes :math:`z = (y - m) / s`. Here :math:`m` is the median, and :math:`s` the distance from the
    best value to the median. Above the median it becomes :math:`\min(\log(1 + z), 10)`, so all values beyond
    :math:`e^{10}` such distances are equally bad. Order and ties are preserved. The slope at the median is 1, so values
    of similar size hardly change.

    The distance is at least the standard deviation of the noise, if that is known. The trials of a search that has
    converged differ less than their noise. A logarithm within the noise would show the model little else.

    If the better half is a plateau, :math:`s` is the mean excess of the other values over the median. The excess of a
    value is then clipped to :math:`e^{10}` times the median excess, so that an outlier cannot hide other differences.

    Args:
      y: Values, lower is better; values of any size must be scaled by `numerics.to_middle_of_range` first.
      is_valid: Rows that count.
      noise: Known standard deviation of the noise, at least 0.

    Returns:
      Compressed values, at most 10, and 0 in padding rows; the median; the distance.

    References:
      Song et al., The Vizier Gaussian Process Bandit Algorithm, 2024, section 4.3, compress the worse half by ranks. A
      logarithm needs no ranks and does not magnify the differences among close trials.
    """
    dtype = y.dtype
    n = jnp.sum(is_valid).astype(jnp.int32)
    y = jnp.where(is_valid, y, 0)
    ordered = jnp.sort(jnp.where(is_valid, y, jnp.inf))
    lower, upper = ordered[jnp.maximum(n - 1, 0) // 2], ordered[n // 2]
    median = jnp.where(n > 0, 0.5 * lower + 0.5 * jnp.where(n % 2 == 1, lower, upper), 0).astype(dtype)
    is_worse = is_valid & (y > median)
    num_worse = jnp.sum(is_worse).astype(jnp.int32)
    middle = ordered[jnp.maximum(n - num_worse + (num_worse - 1) // 2, 0)] - median
    excess = jnp.where(is_worse, jnp.minimum(y - median, float(np.exp(_LONGEST_TAIL)) * middle), 0)
    width = median - ordered[0]  # negative without a value
    width = jnp.where(width > 0, width, jnp.sum(excess) / jnp.maximum(num_worse, 1).astype(dtype))
    spread = jnp.where(n > 0, ordered[jnp.maximum(n - 1, 0)] - ordered[0], 0)
    width = jnp.clip(jnp.asarray(noise, dtype), width, jnp.maximum(spread, width))
    width = jnp.where(width > 0, width, 1).astype(dtype)
    return jnp.where(is_valid, _shortened((y - median) / width), 0).astype(dtype), median, width


def _shortened(z: Float[Array, "*b"]) -> Float[Array, "*b"]:
    return jnp.where(z > 0, jnp.minimum(jnp.log1p(jnp.maximum(z, 0)), _LONGEST_TAIL), z)


def _noise_variance(state: Trials, slope: Float[Array, " n"], scale: Units) -> Float[Array, " n"] | None:
    """Known noise variance of each value in units of the surrogate; None if it is unknown.

    The noise is scaled by the slope of `compress` at the value, which is right to first order.
    """
    if state.noise_of_value is None:
        return None
    counts = state.has_value & (slope > 0)
    noise = jnp.where(counts, state.noise_of_value, 0) * scale.factor / scale.width  # infinite if it is huge
    deviation = jnp.minimum(noise * jnp.where(counts, slope, 1) / scale.deviation, LARGEST_NOISE)
    return jnp.where(counts, deviation**2, 0).astype(state.y.dtype)


def standardise(
    y: Float[Array, " n"], is_valid: Bool[Array, " n"], offset: Float[Array, ""] | float = 0.0
) -> tuple[Float[Array, " n"], Float[Array, ""], Float[Array, ""]]:
    """The values with mean 0 and variance 1 over the valid rows, their mean and their standard deviation.

    Args:
      y: Values whose squares are in the floating range, such as those of `compress`.
      is_valid: Rows that count; other rows become 0.
      offset: Number that was subtracted from the values before. Differences smaller than the rounding error of
        ``y + offset`` become 0.

    Returns:
      Standardised values, mean and standard deviation. If all values are equal, they become 0, with standard
      deviation 1.
    """
    count = jnp.maximum(jnp.sum(is_valid), 1).astype(y.dtype)
    mean = jnp.sum(jnp.where(is_valid, y, 0)) / count
    centred = jnp.where(is_valid, y - mean, 0)
    # The second pass removes the rounding error of the mean.
    rest = jnp.sum(centred) / count
    centred = jnp.where(is_valid, centred - rest, 0)
    deviation = jnp.sqrt(jnp.sum(centred**2) / count)
    largest = jnp.max(jnp.where(is_valid, jnp.abs(y + jnp.asarray(offset, y.dtype)), 0))
    is_flat = deviation <= 8 * jnp.finfo(y.dtype).eps * largest
    deviation = jnp.where(is_flat, 1, deviation).astype(y.dtype)
    standardised = jnp.where(is_flat, 0, centred / deviation).astype(y.dtype)
    return standardised, (mean + rest).astype(y.dtype), deviation
