"""A weight that falls with the distance from a point."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from jbo.acquisitions import LogWeight
from jbo.knowledge import Knowledge
from jbo.pytrees import pytree
from jbo.strategies.weights import Weight
from jbo.types import Trials


@pytree
@dataclass(frozen=True)
class Nearness(Weight):
    """The exponential of the negative squared distance."""

    point: Float[Array, " d"]

    def log_weight(self, params: Any, state: Trials, known: Knowledge) -> LogWeight:
        """The negative squared distance, in nats."""
        return lambda x: -jnp.sum((x - self.point.astype(x.dtype)) ** 2)
