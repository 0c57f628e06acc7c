"""The confidence bound with the growing weight of GP-UCB's theory."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jbo.acquisitions import formulas
from jbo.acquisitions._acquisition import ConfidenceBound, Scale
from jbo.checks import checked, number
from jbo.pytrees import pytree
from jbo.surrogates import Posterior
from jbo.types import Dataset


@pytree
@dataclass(frozen=True)
class ScheduledBound:
    """A confidence bound whose weight depends on the number of observations; made by `scheduled_confidence_bound`."""

    scale = Scale.OBJECTIVE

    delta: float | Float[Array, ""]
    """Probability with which the guarantee may fail."""
    factor: float | Float[Array, ""]
    """Factor of the square of the weight."""

    @checked
    def prepare(self, key: Key[Array, ""], posterior: Posterior, data: Dataset) -> Float[Array, ""]:
        """The weight of the standard deviation."""
        dtype = data.x.dtype
        count = 1 + jnp.sum(data.is_valid).astype(dtype)
        weight = formulas.scheduled_weight(count, data.x.shape[1], jnp.asarray(self.delta, dtype))
        return jnp.sqrt(jnp.asarray(self.factor, dtype)) * weight

    @checked
    def value(self, aux: Float[Array, ""], posterior: Posterior, x: Float[Array, " d"]) -> Float[Array, ""]:
        """The negated lower confidence bound at ``x``, so that higher is better."""
        return ConfidenceBound(aux).value(None, posterior, x)


def scheduled_confidence_bound(
    delta: float | Float[Array, ""] = 0.1, factor: float | Float[Array, ""] = 0.2
) -> ScheduledBound:
    r"""Confidence bound with the weight :math:`\sqrt{s \beta_t}` of GP-UCB, which grows with the number of trials.

    Args:
      delta: Probability with which the guarantee may fail, above 0 and below 1.
      factor: The factor :math:`s` of :math:`\beta_t`. With 1 the guarantee holds, and the search explores for long; the
        authors use 1/5.

    References:
      Srinivas, Krause, Kakade and Seeger, Gaussian Process Optimization in the Bandit Setting, 2010, theorem 2, section
      6.
    """
    return ScheduledBound(number("delta", delta), number("factor", factor))
