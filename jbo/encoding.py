"""What the core sees of a search space: kinds, numbers of levels and parents of the columns of the unit cube.

A point is a vector ``x`` in ``[0, 1]^d``, one column a parameter. Level ``k`` of ``K`` sits at ``(k + 1/2) / K``, so that
all levels are equally likely under a uniform draw; the levels of a log integer own cells of the cube by their log mass.
A column whose condition does not hold is *inactive* and counts as 1/2. `snap` makes a valid point of any point.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

REAL, ORDERED, LOG_ORDERED, CATEGORY = "real", "ordered", "log_ordered", "category"


class Column(NamedTuple):
    """Structure of one column; hashable, so a second space of the same structure compiles nothing."""

    kind: str
    """``REAL``, ``ORDERED`` (integers and ordinals), ``LOG_ORDERED`` (log integers) or ``CATEGORY``."""
    num_levels: int = 0
    """Number of levels; 0 for ``REAL``."""
    parent: int = -1
    """Index of the column that this one depends on; -1 for none."""
    parent_levels: tuple[int, ...] = ()
    """Levels of the parent at which this column is active."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Encoding:
    """Columns of the unit cube: their structure is static, the bounds of log integers are data."""

    log_bounds: Float[Array, "d 2"] | Float[np.ndarray, "d 2"]
    """Logarithms of (low - 1/2, high + 1/2) of ``LOG_ORDERED`` columns; 0 elsewhere."""
    columns: tuple[Column, ...] = field(metadata={"static": True})

    @property
    def num_columns(self) -> int:
        """Number of columns ``d``."""
        return len(self.columns)

    @cached_property
    def num_levels(self) -> np.ndarray:
        """Number of levels of each column, 0 for reals; static, ``[d]``."""
        return np.array([c.num_levels for c in self.columns], dtype=np.int32)

    @cached_property
    def is_category(self) -> np.ndarray:
        """True where a column has no order; static, ``[d]``."""
        return np.array([c.kind == CATEGORY for c in self.columns], dtype=bool)

    @cached_property
    def is_log_ordered(self) -> np.ndarray:
        """True for log integers; static, ``[d]``."""
        return np.array([c.kind == LOG_ORDERED for c in self.columns], dtype=bool)

    @cached_property
    def depth(self) -> int:
        """Length of the longest chain of conditions; 0 where every column is always active."""

        def depth_of(j: int) -> int:
            parent = self.columns[j].parent
            return 0 if parent < 0 else 1 + depth_of(parent)

        return max((depth_of(j) for j in range(self.num_columns)), default=0)

    @cached_property
    def allowed(self) -> np.ndarray:
        """``allowed[j, k]``: column ``j`` is active when its parent is at level ``k``; static."""
        width = max([1] + [1 + max(c.parent_levels, default=0) for c in self.columns])
        table = np.zeros((self.num_columns, width), dtype=bool)
        for j, column in enumerate(self.columns):
            table[j, list(column.parent_levels)] = True
        return table


def level(encoding: Encoding, x: Float[Array, "*b d"]) -> Int[Array, "*b d"]:
    """Level at which each column of ``x`` stands, counted from 0; 0 for reals.

    Args:
      encoding: Columns of the space.
      x: Points of the cube, snapped or not.
    """
    k = jnp.asarray(encoding.num_levels)
    x = jnp.clip(x, 0, 1)
    levels = jnp.floor(x * k.astype(x.dtype))
    if encoding.is_log_ordered.any():
        low, high = _log_bounds(encoding, x.dtype)
        value = jnp.round(jnp.exp(low + x * (high - low)))
        first = jnp.round(jnp.exp(low) + jnp.asarray(0.5, x.dtype))
        levels = jnp.where(encoding.is_log_ordered, value - first, levels)
    return jnp.clip(levels, 0, jnp.maximum(k - 1, 0).astype(x.dtype)).astype(jnp.int32)


def from_level(encoding: Encoding, levels: Int[Array, "*b d"], dtype: jnp.dtype) -> Float[Array, "*b d"]:
    """Where each level sits in the cube; 1/2 for reals. The inverse of `level`.

    Args:
      encoding: Columns of the space.
      levels: Levels counted from 0.
      dtype: Floating type of the result.
    """
    k = jnp.asarray(np.maximum(encoding.num_levels, 1), dtype)
    x = (levels.astype(dtype) + jnp.asarray(0.5, dtype)) / k
    if encoding.is_log_ordered.any():
        low, high = _log_bounds(encoding, dtype)
        value = jnp.round(jnp.exp(low) + jnp.asarray(0.5, dtype)) + levels.astype(dtype)
        width = jnp.where(encoding.is_log_ordered, high - low, 1)
        x = jnp.where(encoding.is_log_ordered, (jnp.log(value) - low) / width, x)
    return jnp.where(encoding.num_levels > 0, x, jnp.asarray(0.5, dtype))


def is_active(encoding: Encoding, x: Float[Array, "*b d"]) -> Bool[Array, "*b d"]:
    """True where a column's condition holds, and those of all columns it depends on.

    Args:
      encoding: Columns of the space.
      x: Points of the cube, snapped or not.
    """
    active = jnp.ones(x.shape, bool)
    if encoding.depth == 0:
        return active
    parents = np.array([c.parent for c in encoding.columns])
    has_parent = parents >= 0
    parents = np.maximum(parents, 0)
    parent_level = jnp.minimum(level(encoding, x)[..., parents], encoding.allowed.shape[1] - 1)
    in_table = level(encoding, x)[..., parents] < encoding.allowed.shape[1]
    holds = jnp.asarray(encoding.allowed)[np.arange(encoding.num_columns), parent_level] & in_table
    holds = jnp.where(has_parent, holds, True)
    for _ in range(encoding.depth):
        active = holds & jnp.where(has_parent, active[..., parents], True)
    return active


def snap(encoding: Encoding, x: Float[Array, "*b d"]) -> Float[Array, "*b d"]:
    """The valid point that ``x`` stands for: clipped, levels at their places, inactive columns at 1/2.

    Args:
      encoding: Columns of the space.
      x: Points of the cube.
    """
    x = jnp.clip(x, 0, 1)
    snapped = jnp.where(encoding.num_levels > 0, from_level(encoding, level(encoding, x), x.dtype), x)
    return jnp.where(is_active(encoding, snapped), snapped, jnp.asarray(0.5, x.dtype))


def _log_bounds(encoding: Encoding, dtype: jnp.dtype) -> tuple[Float[Array, " d"], Float[Array, " d"]]:
    bounds = jnp.asarray(encoding.log_bounds, dtype)
    return bounds[:, 0], bounds[:, 1]
