"""Where a suggestion may be: the columns that are given for it, and what the constraint of the space allows."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jbo._pytree import pytree
from jbo.encoding import Encoding, snap


@pytree
@dataclass(frozen=True)
class Region:
    """The part of the unit cube that one suggestion is looked for in."""

    encoding: Encoding
    """Columns of the space, and its constraint."""
    fixed: Float[Array, " d"] | None = None
    """Where the columns stand that are given, NaN for those that are free; None: all are free."""

    def place(self, raw: Float[Array, "*b d"]) -> Float[Array, "*b d"]:
        """The valid points that ``raw`` stands for, with the given columns at their places.

        Args:
          raw: Points of the cube.
        """
        if self.fixed is not None:
            fixed = jnp.broadcast_to(self.fixed.astype(raw.dtype), raw.shape)
            raw = jnp.where(jnp.isnan(fixed), raw, fixed)
        return snap(self.encoding, raw)

    def is_allowed(self, x: Float[Array, "*b d"]) -> Bool[Array, "*b"]:
        """True where the constraint of the space holds; without one, everywhere.

        Args:
          x: Snapped points.
        """
        constraint = self.encoding.constraint
        if constraint is None:
            return jnp.ones(x.shape[:-1], bool)
        check = constraint
        for _ in x.shape[:-1]:
            check = jax.vmap(check)
        return check(x)

    @property
    def is_free(self) -> Bool[Array, " d"]:
        """True for the columns that are not given."""
        if self.fixed is None:
            return jnp.ones(self.encoding.num_columns, bool)
        return jnp.isnan(self.fixed)
