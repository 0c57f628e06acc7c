"""Strategies without a model: random, Sobol and grid search."""

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from jbo import designs
from jbo.encoding import from_level
from jbo.pytrees import pytree
from jbo.region import Region
from jbo.space import Space, check_space
from jbo.strategies import _table
from jbo.strategies._strategy import AskInfo, Strategy
from jbo.types import Trials


@pytree
@dataclass(frozen=True)
class RandomSearch(Strategy):
    """Uniform points of the unit cube; made by `random_search`."""

    def suggest(self, key: Key[Array, ""], state: Trials, region: Region) -> tuple[Float[Array, " d"], AskInfo]:
        """Suggest one point."""
        key_x, key_walk = jax.random.split(jax.random.fold_in(key, state.num_trials))
        d, dtype = self.encoding.num_columns, state.x.dtype
        if self.encoding.candidates is not None:
            drawn = region.best_new(state, jax.random.uniform(key_x, self.encoding.candidates.shape[:1], dtype))
            return drawn.x, AskInfo(drawn.is_new)
        x, is_new = _table.first_new(key_walk, region, state, _table.draw(key_x, d, dtype))
        return x, AskInfo(is_new)


@pytree
@dataclass(frozen=True)
class SobolSearch(Strategy):
    """Points of a shifted Sobol sequence; made by `sobol_search`."""

    def suggest(self, key: Key[Array, ""], state: Trials, region: Region) -> tuple[Float[Array, " d"], AskInfo]:
        """Suggest one point."""
        row = state.num_trials
        d, dtype = self.encoding.num_columns, state.x.dtype
        key_new = jax.random.fold_in(jax.random.fold_in(key, 1), row)
        x, is_new = _table.first_new(key_new, region, state, designs.sobol_point(key, row, d, dtype))
        return x, AskInfo(is_new)


@pytree
@dataclass(frozen=True)
class GridSearch(Strategy):
    """The points of a grid in counting order, or the candidates of a list in order; made by `grid_search`."""

    resolution: int = field(metadata={"static": True})
    """Number of points along a real column, including both ends."""

    def suggest(self, key: Key[Array, ""], state: Trials, region: Region) -> tuple[Float[Array, " d"], AskInfo]:
        """The first point of the grid that is allowed and not in the table; ``is_new`` is False if there is none."""
        is_real = self.encoding.num_levels == 0
        dtype = state.x.dtype
        if self.encoding.candidates is not None:
            first_of_list = region.best_new(state, -jnp.arange(len(self.encoding.candidates), dtype=dtype))
            return first_of_list.x, AskInfo(first_of_list.is_new)

        def at(levels: Int[Array, " d"]) -> Float[Array, " d"]:
            along = levels.astype(dtype) / (self.resolution - 1)
            along = jnp.where(self.encoding.is_share, -jnp.expm1(-along), along)
            return region.place(jnp.where(is_real, along, from_level(self.encoding, levels, dtype)))

        def is_counted(levels: Int[Array, " d"]) -> Bool[Array, ""]:
            # The grid contains the shares that sum to 1.
            sums = [jnp.sum(levels[columns]) == self.resolution - 1 for columns in self.encoding.simplexes]
            return jnp.all(jnp.stack(sums)) if sums else jnp.asarray(True)

        first = np.zeros(self.encoding.num_columns, np.int32)
        for columns in self.encoding.simplexes:
            first[columns[-1]] = self.resolution - 1
        first = jnp.asarray(first)
        sizes = np.where(is_real, self.resolution, self.encoding.num_levels)
        x, is_new = _table.count_to_new(region, state, at(first), first, sizes, at, is_counted)
        return x, AskInfo(is_new)


def random_search(space: Space | Any) -> RandomSearch:
    """Independent uniform points. In a discrete space no point is suggested twice.

    Args:
      space: The search space. The strategy keeps only its structure.

    References:
      Bergstra and Bengio, Random Search for Hyper-Parameter Optimization, 2012.
    """
    return RandomSearch(check_space(space).encoding)


def sobol_search(space: Space | Any) -> SobolSearch:
    """A Sobol sequence, which fills the space more evenly than random points; the key of the search shifts it.

    Args:
      space: The search space. The strategy keeps only its structure.
    """
    return SobolSearch(check_space(space).encoding)


def grid_search(space: Space | Any, *, resolution: int = 5) -> GridSearch:
    """All combinations of all levels, or all candidates of a list, in order. A study ends after the last of them.

    The last parameter varies fastest, but a parameter always varies more slowly than those that depend on it.

    Args:
      space: The search space. The strategy keeps only its structure.
      resolution: Number of points along a real parameter, including both ends.

    Raises:
      ValueError: If ``resolution`` is below 2.
    """
    if resolution < 2:
        raise ValueError(f"resolution: expected at least 2, got {resolution}")
    return GridSearch(check_space(space).encoding, resolution)
