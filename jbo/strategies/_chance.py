"""An acquisition times a probability: that a trial succeeds, that it is a good one."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jbo.acquisitions import Acquisition


def can_be_multiplied(acquisition: Acquisition) -> bool:
    """Whether it is known of an acquisition what a probability multiplies.

    Args:
      acquisition: What to ask next.
    """
    return any(getattr(acquisition, name, False) for name in ("is_logarithm", "is_positive", "is_of_values"))


def nothing_gained(acquisition: Acquisition, least_mean: Float[Array, ""]) -> Float[Array, ""] | None:
    """The value of an acquisition that gains nothing: 0, or that of the incumbent where values are the objective's.

    Args:
      acquisition: Its values are never negative where it has ``is_positive``, and those of the objective with their
        sign turned where it has ``is_of_values``.
      least_mean: The least posterior mean of the trials, pending ones among them.

    Returns:
      None of other acquisitions, whose values count as logarithms: their exponential is meant.
    """
    if getattr(acquisition, "is_of_values", False):
        return -least_mean
    return jnp.zeros_like(least_mean) if getattr(acquisition, "is_positive", False) else None


def times(value: Float[Array, ""], log_chance: Float[Array, ""], zero: Float[Array, ""] | None) -> Float[Array, ""]:
    r"""An acquisition's value, its gain times a probability: :math:`\alpha(x)\,p(x)`.

    Of a logarithm it is :math:`\alpha(x) + \log p(x)`; of a confidence bound what it promises beyond the least mean is
    multiplied: late in a search bounds differ by little and probabilities by much.

    Args:
      value: Of the acquisition.
      log_chance: Logarithm of the probability.
      zero: The value that gains nothing, from `nothing_gained`: what is above it is multiplied. None: the value is a
        logarithm.
    """
    if zero is None:
        return value + log_chance
    gain = value - zero
    return zero + jnp.where(gain > 0, gain * jnp.exp(log_chance), gain)
