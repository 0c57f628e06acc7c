"""An acquisition times weights: factors that do not depend on the incumbent, such as a cost or the user's prior."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from jbo.acquisitions._acquisition import Acquisition, Around, Scale, each
from jbo.checks import scalar
from jbo.surrogates import Posterior

LogWeight = Callable[[Float[Array, " d"]], Float[Array, ""]]
"""Function from a point of the unit cube to the logarithm of its weight. A point of weight ``-inf`` ranks below all
others, but it may be suggested if no other point is left. A constraint of the space excludes points."""


def weigh(
    scale: Scale, value: Float[Array, ""], log_weight: Float[Array, ""], least_mean: Float[Array, ""]
) -> Float[Array, ""]:
    r"""An acquisition value whose gain is multiplied by a weight: :math:`\alpha(x)\,w(x)`.

    On the log scale it is :math:`\alpha(x) + \log w(x)`. On the scale of the objective, the weight multiplies only the
    improvement over the minimum mean. So the weight does not depend on the incumbent, but its effect does. Late in a
    search weights would outweigh whole bounds, which then differ little. A value without an improvement is not changed,
    but a weight of 0 gives ``-inf`` on every scale.

    Args:
      scale: Scale of the value; not `Scale.MIXED`.
      value: Acquisition value.
      log_weight: Logarithm of the weight.
      least_mean: Minimum posterior mean of the trials, including pending ones.

    Raises:
      ValueError: The scale is `Scale.MIXED`.
    """
    if scale is Scale.MIXED:
        raise ValueError("scale: expected the scale of one acquisition, got Scale.MIXED; `each` returns the members")
    if scale is Scale.LOGARITHM:
        return value + log_weight
    nothing = -least_mean if scale is Scale.OBJECTIVE else jnp.zeros_like(value)
    gain = value - nothing
    weighed = nothing + jnp.where(gain > 0, gain * jnp.exp(log_weight), gain)
    return jnp.where(log_weight == -jnp.inf, -jnp.inf, weighed)


@dataclass(frozen=True)
class Weighted(Around):
    """An acquisition times a weight, see `weigh`. It is not a pytree; `weighted` makes it inside a program."""

    acquisition: Any
    log_weight: LogWeight
    least_mean: Float[Array, ""]

    def value(self, aux: Any, posterior: Posterior, x: Float[Array, " d"]) -> Float[Array, ""]:
        """The product at the point ``x``; higher is better."""
        value = scalar("acquisition", "value", self.acquisition.value(aux, posterior, x))
        return weigh(self.scale, value, self.log_weight(x), self.least_mean)


def weighted(acquisition: Acquisition, log_weight: LogWeight, least_mean: Float[Array, ""]) -> Acquisition:
    """The acquisition times a weight; each member of a portfolio is weighted on its own scale.

    Args:
      acquisition: The acquisition.
      log_weight: Logarithm of the weight at a point.
      least_mean: As in `weigh`.
    """
    return each(acquisition, lambda one: Weighted(one, log_weight, least_mean))
