"""The corners of the cube, in the order of their binary digits."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jbo.pytrees import pytree
from jbo.region import Region
from jbo.strategies import _table
from jbo.strategies._strategy import AskInfo, Strategy
from jbo.types import Trials


@pytree
@dataclass(frozen=True)
class Corners(Strategy):
    """One corner after another."""

    def suggest(self, key: Key[Array, ""], state: Trials, region: Region) -> tuple[Float[Array, " d"], AskInfo]:
        """The corner whose number is that of the trial."""
        d = self.encoding.num_columns
        corner = (state.num_trials >> np.arange(d)) & 1
        x, is_new = _table.first_new(key, region, state, region.place(jnp.asarray(corner, state.x.dtype)))
        return x, AskInfo(is_new)
