"""Batch rules that suggest at random while trials are pending, and use the acquisition otherwise."""

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jbo.acquisitions import Acquisition, Scale, thompson_sampling
from jbo.batches._batch import Drawing
from jbo.encoding import level
from jbo.knowledge import Knowledge
from jbo.pytrees import pytree


@pytree
@dataclass(frozen=True)
class ByChance(Drawing):
    """A batch rule that suggests at random while trials are pending; made by `random_batch` and `thompson_batch`."""

    is_of_model: bool = field(metadata={"static": True})
    """True: suggest the minimum of a posterior sample of the function; False: suggest a uniform point."""

    @property
    def scale(self) -> Scale:
        """The scale of the value: the objective's for a sampled function, a logarithm for a distance."""
        return Scale.OBJECTIVE if self.is_of_model else Scale.LOGARITHM

    def prepare(self, key: Key[Array, ""], acquisition: Acquisition, known: Knowledge) -> Any:
        """The sampled function, or the sampled point."""
        del acquisition
        if self.is_of_model:
            return thompson_sampling().prepare(key, known.observed, known.feasible_data)
        return known.region.place(jax.random.uniform(key, known.feasible_data.x.shape[1:], known.feasible_data.x.dtype))

    def value(self, aux: Any, acquisition: Acquisition, known: Knowledge, x: Float[Array, " d"]) -> Float[Array, ""]:
        """The negated sampled function, or minus the squared distance from the sampled point."""
        del acquisition
        if self.is_of_model:
            return thompson_sampling().value(aux, known.observed, x)
        encoding = known.region.encoding
        differs = (level(encoding, x) != level(encoding, aux)).astype(x.dtype)
        return -jnp.sum(jnp.where(encoding.is_category, differs, x - aux) ** 2)


def random_batch() -> ByChance:
    """The first point of a batch maximises the acquisition; the others are uniform over the space.

    This is the rule ``random`` of GPyOpt.
    """
    return ByChance(False)


def thompson_batch() -> ByChance:
    """The first point of a batch maximises the acquisition; each other point minimises a posterior sample.

    Pending trials can be ignored, because samples differ. See `jbo.thompson_sampling`.

    References:
      Kandasamy, Krishnamurthy, Schneider and Póczos, Parallelised Bayesian Optimisation via Thompson Sampling, 2018.
    """
    return ByChance(True)
