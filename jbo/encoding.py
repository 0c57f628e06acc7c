"""The unit-cube encoding of a search space: kinds, numbers of levels and parents of its columns.

A point is a vector ``x`` in ``[0, 1]^d``, with one column for each parameter. Level ``k`` of ``K`` is at
``(k + 1/2) / K``, so that all levels are equally likely for a uniform point. The cells of a log integer are
proportional to their mass on the log scale. A column whose condition does not hold is *inactive*, with the value 1/2.
`snap` turns any point into a valid point.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jbo.pytrees import pytree

Constraint = Callable[[Float[Array, " d"]], Bool[Array, ""]]
"""Function of a snapped point, True if the point is allowed; traceable and hashable."""

REAL, ORDERED, LOG_ORDERED, CATEGORY = "real", "ordered", "log_ordered", "category"


class Column(NamedTuple):
    """Structure of one column; hashable, so a second space of the same structure compiles nothing."""

    kind: str
    """``REAL``, ``ORDERED`` (integers and ordinals), ``LOG_ORDERED`` (log integers) or ``CATEGORY``."""
    num_levels: int = 0
    """Number of levels; 0 for ``REAL``."""
    parent: int = -1
    """Index of the column that this column depends on; -1: none."""
    parent_levels: tuple[int, ...] = ()
    """Levels of the parent at which this column is active."""
    parent_range: tuple[float, float] | None = None
    """Range of the parent in ``[0, 1]`` in which this column is active, both ends included; None: no range."""
    period: float = 0.0
    """Period in units of ``[0, 1]``; 0: the column is not periodic."""
    simplex: int = -1
    """Index of the first column of the simplex to which this share belongs; -1: the column is not a share."""
    monotone: int = 0
    """1 if the objective rises with the column, -1 if it falls, 0 if neither is known."""


@pytree
@dataclass(frozen=True)
class Encoding:
    """Columns of the unit cube. Their structure is static; the ranges of log integers are data."""

    log_range: Float[Array, "d 2"] | Float[np.ndarray, "d 2"]
    """For ``LOG_ORDERED`` columns ``low - 1/2`` and ``log((high + 1/2) / (low - 1/2))``; 0 for other columns."""
    columns: tuple[Column, ...] = field(metadata={"static": True})
    constraint: Constraint | None = field(default=None, metadata={"static": True})
    """Function that is True for allowed points; None: all points are allowed."""
    is_negated: bool = field(default=False, metadata={"static": True})
    """True if the values of the model are the negative of the objective. Only used in the argument of ``bind``."""
    candidates: Float[Array, "m d"] | Float[np.ndarray, "m d"] | None = None
    """The snapped points of a space that is a list; None: every snapped point that the constraint allows."""

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
        """True for categories; static, ``[d]``."""
        return np.array([c.kind == CATEGORY for c in self.columns], dtype=bool)

    @cached_property
    def simplexes(self) -> tuple[np.ndarray, ...]:
        """The columns of each simplex; static."""
        first = [c.simplex for c in self.columns]
        return tuple(np.flatnonzero(np.array(first) == j) for j in sorted(set(first) - {-1}))

    @cached_property
    def is_share(self) -> np.ndarray:
        """True for columns of shares; static, ``[d]``."""
        return np.array([c.simplex >= 0 for c in self.columns], dtype=bool)

    def of_model(self) -> "Encoding":
        """The columns for a model: monotone directions refer to its values, which may be negated."""
        sign = -1 if self.is_negated else 1
        columns = tuple(column._replace(monotone=sign * column.monotone) for column in self.columns)
        return Encoding(self.log_range, columns)

    @cached_property
    def is_wrapped(self) -> np.ndarray:
        """True if a column spans a whole number of periods, so that its ends are the same point; static, ``[d]``."""
        return np.array([c.period > 0 and abs(1 / c.period - round(1 / c.period)) < 1e-9 for c in self.columns], bool)

    @cached_property
    def is_log_ordered(self) -> np.ndarray:
        """True for log integers; static, ``[d]``."""
        return np.array([c.kind == LOG_ORDERED for c in self.columns], dtype=bool)

    @cached_property
    def parents(self) -> np.ndarray:
        """Index of the column that each column depends on, -1: none; static, ``[d]``."""
        return np.array([c.parent for c in self.columns], dtype=np.int32)

    @cached_property
    def depth(self) -> int:
        """Length of the longest chain of conditions; 0 if every column is always active."""

        def depth_of(j: int) -> int:
            parent = self.columns[j].parent
            return 0 if parent < 0 else 1 + depth_of(parent)

        return max((depth_of(j) for j in range(self.num_columns)), default=0)

    @cached_property
    def parent_levels(self) -> np.ndarray:
        """Levels of the parent at which each column is active, padded with -1; static, ``[d, w]``."""
        width = max((len(c.parent_levels) for c in self.columns), default=0)
        table = np.full((self.num_columns, width), -1, dtype=np.int32)
        for j, column in enumerate(self.columns):
            table[j, : len(column.parent_levels)] = column.parent_levels
        return table

    @cached_property
    def parent_ranges(self) -> np.ndarray:
        """Range of the parent in which each column is active; (2, -1) without a range; static, ``[d, 2]``."""
        return np.array([(2.0, -1.0) if c.parent_range is None else c.parent_range for c in self.columns], float)

    def is_resolved(self, dtype: jnp.dtype) -> np.ndarray:
        """True if ``dtype`` can represent all levels of a column as different numbers; static, ``[d]``.

        False for reals. In float64 it is True for all other columns; in float32 up to 1e6 levels, or 8e4 of a log
        integer.
        """
        # Errors in x are multiplied by the slope of the level in x: K if linear, at most K (1 + log 2K) if log.
        slope = self.num_levels * np.where(self.is_log_ordered, 1 + np.log(2.0 * np.maximum(self.num_levels, 1)), 1)
        return (self.num_levels > 0) & (8 * slope * jnp.finfo(dtype).eps < 1)


def level(encoding: Encoding, x: Float[Array, "*b d"] | Float[np.ndarray, "*b d"]) -> Int[Array, "*b d"]:
    """Level in each column of ``x``: the index of the value, counted from 0; 0 for reals.

    Args:
      encoding: Columns of the space.
      x: Points of the cube, snapped or not.
    """
    x = jnp.clip(jnp.asarray(x), 0, 1)
    num_levels = jnp.broadcast_to(jnp.asarray(encoding.num_levels), x.shape)
    levels = x * num_levels.astype(x.dtype)
    if encoding.is_log_ordered.any():
        start, log_ratio = _log_range(encoding, x)
        levels = jnp.where(_like(encoding.is_log_ordered, x), start * jnp.expm1(x * log_ratio), levels)
    # A float that rounds up to 2^31 does not fit in an int32.
    largest = np.nextafter(np.array(2**31, x.dtype), np.array(0, x.dtype))
    levels = jnp.minimum(jnp.floor(levels), jnp.asarray(largest)).astype(jnp.int32)
    return jnp.clip(levels, 0, jnp.maximum(num_levels - 1, 0))


def from_level(
    encoding: Encoding, levels: Int[Array, "*b d"] | Int[np.ndarray, "*b d"], dtype: jnp.dtype
) -> Float[Array, "*b d"]:
    """Coordinate of each level in the cube; 1/2 for reals. The inverse of `level` if ``dtype`` resolves the levels.

    Args:
      encoding: Columns of the space.
      levels: Levels counted from 0.
      dtype: Floating type of the result.
    """
    middle = jnp.asarray(levels).astype(dtype) + jnp.asarray(0.5, dtype)
    # Use a product with a constant: its bits do not depend on the compiler, while those of a quotient do.
    x = middle * _like(1 / np.maximum(encoding.num_levels, 1), middle, dtype)
    if encoding.is_log_ordered.any():
        start, log_ratio = _log_range(encoding, middle)
        is_log = _like(encoding.is_log_ordered, middle)
        one = jnp.ones((), dtype)
        x = jnp.where(is_log, jnp.log1p(middle / jnp.where(is_log, start, one)) / jnp.where(is_log, log_ratio, one), x)
    return jnp.where(_like(encoding.num_levels > 0, middle), x, jnp.asarray(0.5, dtype))


def cells(
    encoding: Encoding, levels: Int[Array, "*b d"], dtype: jnp.dtype
) -> tuple[Float[Array, "*b d"], Float[Array, "*b d"]]:
    """Middle and width of the cell of each level in ``[0, 1]``; for reals the cell is all of ``[0, 1]``.

    The width is the probability of the level for a uniform point.

    Args:
      encoding: Columns of the space.
      levels: Levels counted from 0.
      dtype: Floating type of the result.
    """
    lower = levels.astype(dtype)
    width = jnp.broadcast_to(_like(1 / np.maximum(encoding.num_levels, 1), lower, dtype), lower.shape)
    middle = (lower + jnp.asarray(0.5, dtype)) * width
    if encoding.is_log_ordered.any():
        start, log_ratio = _log_range(encoding, lower)
        is_log = _like(encoding.is_log_ordered, lower)
        one = jnp.ones((), dtype)
        start, log_ratio = jnp.where(is_log, start, one), jnp.where(is_log, log_ratio, one)
        # Computed by log1p, because the difference of two coordinates would cancel for a narrow cell.
        log_width = jnp.log1p(1 / (start + lower)) / log_ratio
        width = jnp.where(is_log, log_width, width)
        middle = jnp.where(is_log, jnp.log1p(lower / start) / log_ratio + 0.5 * log_width, middle)
    return middle, width


def is_active(encoding: Encoding, x: Float[Array, "*b d"] | Float[np.ndarray, "*b d"]) -> Bool[Array, "*b d"]:
    """True for active columns: their condition holds, and so do the conditions of all columns that they depend on.

    Args:
      encoding: Columns of the space.
      x: Points of the cube, snapped or not.
    """
    x = jnp.asarray(x)
    active = jnp.ones(x.shape, bool)
    if encoding.depth == 0:
        return active
    is_root = _like(encoding.parents < 0, x)
    parents = np.maximum(encoding.parents, 0)
    parent_level = level(encoding, x)[..., parents, None]
    holds = (parent_level == _like(encoding.parent_levels, parent_level)).any(-1) | is_root
    if any(column.parent_range is not None for column in encoding.columns):
        first, last = encoding.parent_ranges.T
        place = jnp.clip(x, 0, 1)[..., parents]
        holds |= (place >= _like(first, x, x.dtype)) & (place <= _like(last, x, x.dtype))
    for _ in range(encoding.depth):
        active = holds & (active[..., parents] | is_root)
    return active


def snap(encoding: Encoding, x: Float[Array, "*b d"] | Float[np.ndarray, "*b d"]) -> Float[Array, "*b d"]:
    """The valid point for ``x``: clipped, levels at their coordinates, inactive columns at 1/2.

    Snapping is idempotent. A column whose levels the type of ``x`` cannot resolve is only clipped.

    Args:
      encoding: Columns of the space.
      x: Points of the cube.
    """
    x = jnp.clip(jnp.asarray(x), 0, 1)
    is_resolved = encoding.is_resolved(x.dtype)
    if is_resolved.any():
        x = jnp.where(_like(is_resolved, x), from_level(encoding, level(encoding, x), x.dtype), x)
    if encoding.simplexes:
        x = jnp.where(_like(encoding.is_share, x), -jnp.expm1(-shares(encoding, x)), x)
    if encoding.depth == 0:
        return x
    return jnp.where(is_active(encoding, x), x, jnp.asarray(0.5, x.dtype))


# Shares that sum to 1: column j is 1 - exp(-w_j) for the share w_j. Any other point of the cube has the shares
# e_j / sum(e) with e_j = -log(1 - x_j). For a uniform point the e_j are exponentially distributed, so the shares are
# uniform over the simplex (Devroye, Non-Uniform Random Variate Generation, 1986, section 11.4).

_NUM_BITS = {"float64": 46, "float32": 20}


def shares(encoding: Encoding, x: Float[Array, "*b d"]) -> Float[Array, "*b d"]:
    """The points with the columns of shares replaced by the shares.

    Shares are multiples of 2^-46 (2^-20 in float32), so that they sum to 1 exactly, in any order.

    Args:
      encoding: Columns of the space.
      x: Points of the cube, snapped or not.
    """
    unit = jnp.asarray(2.0 ** -_NUM_BITS[str(x.dtype)], x.dtype)
    for columns in encoding.simplexes:
        exact = _proportions(x[..., columns])
        rounded = jnp.round(exact / unit) * unit
        # The largest share takes the rounding error.
        is_largest = _like(np.arange(len(columns)), exact) == jnp.argmax(exact, axis=-1, keepdims=True)
        rest = 1 - jnp.sum(jnp.where(is_largest, 0, rounded), axis=-1, keepdims=True)
        x = x.at[..., columns].set(jnp.where(is_largest, rest, rounded))
    return x


def on_simplexes(encoding: Encoding, x: Float[Array, "*b d"]) -> Float[Array, "*b d"]:
    """The points moved so that their shares sum to 1, without rounding: `snap` with a gradient.

    Args:
      encoding: Columns of the space.
      x: Points of the cube.
    """
    for columns in encoding.simplexes:
        x = x.at[..., columns].set(-jnp.expm1(-_proportions(x[..., columns])))
    return x


def share_of_column(x: Float[Array, "*b"]) -> Float[Array, "*b"]:
    """The share of a column of a snapped point.

    Args:
      x: Columns of shares.
    """
    return -jnp.log1p(-jnp.minimum(x, 1 - float(jnp.finfo(x.dtype).epsneg)))


def held(
    encoding: Encoding, x: Float[Array, "*b d"], is_held: Bool[Array, " d"], places: Float[Array, "*b d"]
) -> Float[Array, "*b d"]:
    """The points with some columns set to given coordinates. The other shares are rescaled so that the sum stays 1.

    Args:
      encoding: Columns of the space.
      x: Snapped points.
      is_held: True for the columns to set.
      places: Coordinates of these columns.
    """
    is_held = jnp.broadcast_to(is_held, x.shape)
    result = jnp.where(is_held, places, x)
    for columns in encoding.simplexes:
        keeps = ~is_held[..., columns]
        share = jnp.where(keeps, _proportions(x[..., columns]), share_of_column(places[..., columns]))
        kept = jnp.where(keeps, share, 0)
        total = jnp.sum(kept, axis=-1, keepdims=True)
        number = jnp.maximum(jnp.sum(keeps, axis=-1, keepdims=True), 1).astype(x.dtype)
        left = jnp.maximum(1 - jnp.sum(jnp.where(keeps, 0, share), axis=-1, keepdims=True), 0)
        kept = jnp.where(total > 0, kept / jnp.where(total > 0, total, 1), 1 / number) * left
        is_changed = ~keeps.all(-1, keepdims=True)
        moved = -jnp.expm1(-jnp.where(keeps, kept, share))
        result = result.at[..., columns].set(jnp.where(is_changed, moved, x[..., columns]))
    return result


def _proportions(x: Float[Array, "*b k"]) -> Float[Array, "*b k"]:
    amounts = share_of_column(x)
    total = jnp.sum(amounts, axis=-1, keepdims=True)
    return jnp.where(total > 0, amounts / jnp.where(total > 0, total, 1), jnp.asarray(1 / x.shape[-1], x.dtype))


def _like(values: np.ndarray, x: Array, dtype: jnp.dtype | None = None) -> Array:
    """A constant with one value for each column, broadcast to ``x``, because rank promotion may be an error."""
    return jnp.broadcast_to(jnp.asarray(values, dtype), x.shape[: x.ndim - values.ndim] + values.shape)


def _log_range(encoding: Encoding, x: Array) -> tuple[Array, Array]:
    log_range = jnp.asarray(encoding.log_range).astype(x.dtype)
    return jnp.broadcast_to(log_range[:, 0], x.shape), jnp.broadcast_to(log_range[:, 1], x.shape)
