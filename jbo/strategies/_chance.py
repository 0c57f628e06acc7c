"""An acquisition times a probability: that a trial succeeds, that it is a good one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from jbo.acquisitions import Acquisition, Around, Choice, each, is_logarithm, is_of_values, is_positive
from jbo.checks import scalar
from jbo.surrogates import Posterior


def can_be_multiplied(acquisition: Acquisition) -> bool:
    """Whether it is known of an acquisition what a probability multiplies.

    Args:
      acquisition: What to ask next.
    """
    if isinstance(acquisition, Choice):
        return all(map(can_be_multiplied, acquisition.members))
    return is_logarithm(acquisition) or is_positive(acquisition) or is_of_values(acquisition)


def nothing_gained(acquisition: Acquisition, least_mean: Float[Array, ""]) -> Float[Array, ""] | None:
    """The value of an acquisition that gains nothing: 0, or that of the incumbent where values are the objective's.

    Args:
      acquisition: Its values are never negative where it has ``is_positive``, and those of the objective with their
        sign turned where it has ``is_of_values``.
      least_mean: The least posterior mean of the trials, pending ones among them.

    Returns:
      None of other acquisitions, whose values count as logarithms: their exponential is meant.
    """
    if is_of_values(acquisition):
        return -least_mean
    return jnp.zeros_like(least_mean) if is_positive(acquisition) else None


@dataclass(frozen=True)
class Times(Around):
    """An acquisition times a probability, see `times`; made by `multiplied`."""

    acquisition: Any
    log_chance: Callable[[Float[Array, " d"]], Float[Array, ""]]
    least_mean: Float[Array, ""]

    def value(self, aux: Any, posterior: Posterior, x: Float[Array, " d"]) -> Float[Array, ""]:
        """The product at the point ``x``."""
        zero = nothing_gained(self.acquisition, self.least_mean)
        value = scalar("acquisition", "value", self.acquisition.value(aux, posterior, x))
        return times(value, self.log_chance(x), zero)


def multiplied(
    acquisition: Acquisition,
    log_chance: Callable[[Float[Array, " d"]], Float[Array, ""]],
    least_mean: Float[Array, ""],
) -> Acquisition:
    """The acquisition times a probability, each member of a portfolio by what its own values mean.

    Args:
      acquisition: What to ask next.
      log_chance: Logarithm of the probability at a point.
      least_mean: As in `nothing_gained`.
    """
    return each(acquisition, lambda one: Times(one, log_chance, least_mean))


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
