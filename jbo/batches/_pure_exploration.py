"""Pure exploration: the first point of a batch by the acquisition, the others by the posterior standard deviation."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jbo.acquisitions import Acquisition, Scale, formulas
from jbo.knowledge import Knowledge
from jbo.pytrees import pytree

_PENALTY = 10.0


@pytree
@dataclass(frozen=True)
class PureExploration:
    """The posterior standard deviation where the minimum may be; made by `pure_exploration`."""

    weight: float | Float[Array, ""]
    """Number of standard deviations of the bounds that define where the minimum may be."""

    scale = Scale.GAIN

    def prepare(self, key: Key[Array, ""], acquisition: Acquisition, known: Knowledge) -> Float[Array, ""]:
        """The minimum upper confidence bound over the rows of the table."""
        del key, acquisition
        mean, variance = known.observed.predict(known.feasible_data_with_pending.x)
        weight = jnp.asarray(self.weight, mean.dtype)
        upper = formulas.upper_confidence_bound(mean, jnp.sqrt(variance), weight)
        return jnp.min(jnp.where(known.feasible_data_with_pending.is_valid, upper, jnp.inf))

    def value(
        self, aux: Float[Array, ""], acquisition: Acquisition, known: Knowledge, x: Float[Array, " d"]
    ) -> Float[Array, ""]:
        """Standard deviation given the pending trials, minus a penalty if the lower bound is above the prepared one."""
        mean, variance = known.observed.predict(x[None, :])
        weight = jnp.asarray(self.weight, mean.dtype)
        lower = formulas.lower_confidence_bound(mean[0], jnp.sqrt(variance[0]), weight)
        _, left = known.fantasised.predict(x[None, :])
        return jnp.sqrt(left[0]) - _PENALTY * jnp.maximum(lower - aux, 0)


def pure_exploration(weight: float | Float[Array, ""] = 2.0) -> PureExploration:
    """Pure exploration: while trials are pending, suggestions explore (GP-UCB-PE with a confidence bound).

    While trials are pending, the suggestion is the point with the largest standard deviation given the pending trials.
    It must be a possible minimum: its lower confidence bound is at most the minimum upper bound over the table. If its
    lower bound is higher, ten times the difference is subtracted, as in Vizier.

    Args:
      weight: Number of standard deviations of these bounds, at least 0; a larger weight explores more.

    References:
      Contal, Buffoni, Robicquet and Vayatis, Parallel Gaussian Process Optimization with Upper Confidence Bound and
      Pure Exploration, 2013, algorithm 1; Song et al., The Vizier Gaussian Process Bandit Algorithm, 2024.
    """
    return PureExploration(1.0 * weight)
