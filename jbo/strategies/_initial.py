"""Where a search begins: the centre of the space, then Sobol's sequence."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from jbo import designs
from jbo.region import Region
from jbo.strategies import _table
from jbo.types import Trials


def design_point(key: Key[Array, ""], state: Trials, region: Region) -> tuple[Float[Array, " d"], Bool[Array, ""]]:
    """The next point of the initial design, and whether it is new and allowed.

    Args:
      key: The key of the search, the same at every ask: all points belong to one sequence.
      state: The table; its number of rows tells which point of the design is next.
      region: Where the point may be.
    """
    row = _table.num_rows(state)
    d, dtype = region.encoding.num_columns, state.x.dtype
    sobol = designs.sobol_point(jax.random.fold_in(key, 2), jnp.maximum(row - 1, 0), d, dtype)
    raw = jnp.where(row == 0, jnp.full((d,), 0.5, dtype), sobol)
    key_new = jax.random.fold_in(jax.random.fold_in(key, 3), row)
    return _table.first_new(key_new, region, state, region.place(raw))
