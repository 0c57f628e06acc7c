"""Where the model knows least."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jbo.acquisitions._acquisition import Scale
from jbo.pytrees import pytree
from jbo.surrogates import Posterior
from jbo.types import Dataset


@pytree
@dataclass(frozen=True)
class Spread:
    """The posterior's standard deviation."""

    scale = Scale.GAIN

    def prepare(self, key: Key[Array, ""], posterior: Posterior, data: Dataset) -> None:
        """Nothing."""

    def value(self, aux: Any, posterior: Posterior, x: Float[Array, " d"]) -> Float[Array, ""]:
        """The deviation at ``x``."""
        return jnp.sqrt(posterior.predict(x[None, :])[1][0])
