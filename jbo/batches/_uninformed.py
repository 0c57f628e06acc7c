"""Rules that need no idea of what is pending: the first point by the acquisition, the others by chance."""

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jbo.acquisitions import Acquisition, thompson_sampling
from jbo.batches._batch import Beliefs
from jbo.encoding import level
from jbo.pytrees import pytree


@pytree
@dataclass(frozen=True)
class ByChance:
    """A draw for each point asked for while others are pending; made by `random_batch` and `thompson_batch`."""

    is_of_model: bool = field(metadata={"static": True})
    """True: the minimum of a draw of the function; False: a uniform point."""

    def prepare(self, key: Key[Array, ""], acquisition: Acquisition, beliefs: Beliefs) -> tuple[Any, Any]:
        """What the acquisition prepares, and the draw."""
        key_acquisition, key_draw = jax.random.split(key)
        told, data = beliefs.told, beliefs.told_data
        if self.is_of_model:
            drawn = thompson_sampling().prepare(key_draw, told, data)
        else:
            drawn = beliefs.region.place(jax.random.uniform(key_draw, data.x.shape[1:], data.x.dtype))
        return acquisition.prepare(key_acquisition, told, data), drawn

    def value(
        self, aux: tuple[Any, Any], acquisition: Acquisition, beliefs: Beliefs, x: Float[Array, " d"]
    ) -> Float[Array, ""]:
        """That of the acquisition where nothing is pending; else of the draw: higher nearer to a drawn point."""
        prepared, drawn = aux

        def by_chance(x: Float[Array, " d"]) -> Float[Array, ""]:
            if self.is_of_model:
                return thompson_sampling().value(drawn, beliefs.told, x)
            encoding = beliefs.region.encoding
            differs = (level(encoding, x) != level(encoding, drawn)).astype(x.dtype)
            return -jnp.sum(jnp.where(encoding.is_category, differs, x - drawn) ** 2)

        def first(x: Float[Array, " d"]) -> Float[Array, ""]:
            return acquisition.value(prepared, beliefs.told, x)

        return jax.lax.cond(jnp.any(beliefs.is_pending), by_chance, first, x)


def random_batch() -> ByChance:
    """The first of a batch by the acquisition, the others uniform over the space (GPyOpt's ``random``)."""
    return ByChance(False)


def thompson_batch() -> ByChance:
    """The first of a batch by the acquisition, the others each the minimum of a draw of the function.

    A draw knows nothing of pending trials and needs not to: draws differ. See `jbo.thompson_sampling`.

    References:
      Kandasamy, Krishnamurthy, Schneider and Póczos, Parallelised Bayesian Optimisation via Thompson Sampling, 2018.
    """
    return ByChance(True)
