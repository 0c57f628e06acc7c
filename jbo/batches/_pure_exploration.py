"""Pure exploration: the first of a batch by the acquisition, the others where the model knows least."""

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
    """The largest deviation where the minimum may be; made by `pure_exploration`."""

    weight: float | Float[Array, ""]
    """Deviations of the bounds that say where the minimum may be."""

    scale = Scale.GAIN

    def prepare(self, key: Key[Array, ""], acquisition: Acquisition, known: Knowledge) -> Float[Array, ""]:
        """The least upper bound at the rows of the table."""
        del key, acquisition
        mean, variance = known.told.predict(known.believed_data.x)
        weight = jnp.asarray(self.weight, mean.dtype)
        upper = formulas.upper_confidence_bound(mean, jnp.sqrt(variance), weight)
        return jnp.min(jnp.where(known.believed_data.is_valid, upper, jnp.inf))

    def value(
        self, aux: Float[Array, ""], acquisition: Acquisition, known: Knowledge, x: Float[Array, " d"]
    ) -> Float[Array, ""]:
        """The deviation given the pending trials, less a penalty where the lower bound is above the least upper one."""
        mean, variance = known.told.predict(x[None, :])
        weight = jnp.asarray(self.weight, mean.dtype)
        lower = formulas.lower_confidence_bound(mean[0], jnp.sqrt(variance[0]), weight)
        _, left = known.believed.predict(x[None, :])
        return jnp.sqrt(left[0]) - _PENALTY * jnp.maximum(lower - aux, 0)


def pure_exploration(weight: float | Float[Array, ""] = 2.0) -> PureExploration:
    """Pure exploration (with a confidence bound as the acquisition: GP-UCB-PE): pending trials explore.

    A point asked for while others are pending is the one of largest deviation, given that they come, among those that
    may be the minimum: whose lower bound is not above the least upper bound of a row of the table. Beyond, ten times
    the distance is taken off, as Vizier does.

    Args:
      weight: Deviations of these bounds, at least 0; more explores more.

    References:
      Contal, Buffoni, Robicquet and Vayatis, Parallel Gaussian Process Optimization with Upper Confidence Bound and
      Pure Exploration, 2013, algorithm 1; Song et al., The Vizier Gaussian Process Bandit Algorithm, 2024.
    """
    return PureExploration(1.0 * weight)
