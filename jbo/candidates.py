"""Spaces that are a finite list of configs: reading the rows, and finding the candidate nearest to a point.

In the core the list is an array of snapped points, `jbo.encoding.Encoding.candidates`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int

from jbo.choices import canonical, item, listing
from jbo.encoding import Encoding, snap
from jbo.parameters import Categorical, Integer, Ordinal, Parameter, Real

TIE = 64
"""Distances that differ by at most this number of rounding errors are equal, so that all programs break ties alike."""


# The core.


def nearness(encoding: Encoding, candidates: Float[Array, "m d"], raw: Float[Array, " d"]) -> Float[Array, " m"]:
    """Minus the squared distance of each candidate from a point. Two different categories have distance 1.

    Args:
      encoding: Columns of the space.
      candidates: Snapped points.
      raw: A point of the cube.
    """
    x = snap(encoding, raw)
    change = candidates - x[None, :]
    half_level = jnp.asarray(0.5 / np.maximum(encoding.num_levels, 1), x.dtype)
    differs = (jnp.abs(change) > half_level[None, :]).astype(x.dtype)
    change = jnp.where(encoding.is_category[None, :], differs, change)
    return -jnp.sum(change**2, axis=1)


def first_of_best(score: Float[Array, " m"], tie: int = 0) -> Int[Array, ""]:
    """The first row with the highest score.

    Args:
      score: Score of each row.
      tie: Scores that differ by at most this number of rounding errors count as equal.
    """
    if not tie:
        return jnp.argmax(score).astype(jnp.int32)
    best = jnp.max(score)
    slack = tie * float(jnp.finfo(score.dtype).eps) * jnp.abs(best)
    return jnp.argmax(score >= best - jnp.where(jnp.isfinite(best), slack, 0)).astype(jnp.int32)


def have_same_candidates(one: Encoding, other: Encoding) -> bool:
    """True if two spaces are lists of the same candidates, or neither is a list. Traced lists of one shape are equal.

    Args:
      one: Columns and candidates of a space.
      other: Columns and candidates of another space.
    """
    ours, theirs = one.candidates, other.candidates
    if ours is None or theirs is None or ours is theirs:
        return ours is theirs
    if np.shape(ours) != np.shape(theirs):
        return False
    if isinstance(ours, Tracer) or isinstance(theirs, Tracer):
        return True
    # An array that went through JAX may have single precision.
    return bool(np.allclose(np.asarray(ours), np.asarray(theirs), rtol=0, atol=1e-6))


# The list.


@dataclass(frozen=True, eq=False)
class Candidates:
    """The distinct candidates of a list."""

    configs: tuple[dict[str, Any], ...]
    """Configs in plain Python values, including fixed values."""
    points: Float[np.ndarray, "m d"]
    """Points of the unit cube."""
    numbers: Int[np.ndarray, " m"]
    """Number of the first of the user's rows with each candidate."""
    is_allowed: Bool[np.ndarray, " m"]
    """True for candidates that the constraint allows."""

    @cached_property
    def allowed(self) -> Float[np.ndarray, "m d"]:
        """The points that may be suggested."""
        return self.points[self.is_allowed]

    def find(self, x: Float[np.ndarray, " d"]) -> int | None:
        """Number of the candidate at a point; None if there is none.

        Args:
          x: A snapped point.
        """
        return self._at.get(_text(x))

    def nearest(self, encoding: Encoding, x: Float[np.ndarray, " d"]) -> int:
        """Number of the candidate at a point, else of the nearest candidate, among equals the first.

        Args:
          encoding: Columns of the space.
          x: A point of the cube.
        """
        found = self.find(x)
        if found is not None:
            return found
        change = self.points - x
        half_level = 0.5 / np.maximum(encoding.num_levels, 1)
        change = np.where(encoding.is_category, np.abs(change) > half_level, change)
        distance = np.sum(change**2, axis=1)
        return int(np.argmax(distance <= distance.min() * (1 + TIE * np.finfo(np.float64).eps)))

    @cached_property
    def _at(self) -> dict[bytes, int]:
        return {_text(x): i for i, x in enumerate(self.points)}


def _text(x: Float[np.ndarray, " d"]) -> bytes:
    return (x + 0.0).tobytes()  # -0.0 is 0.0


def list_of(
    configs: Sequence[dict[str, Any]], points: Float[np.ndarray, "m d"], is_allowed: Iterable[bool]
) -> Candidates:
    """The list of candidates. Rows at the same point are one candidate, the first of them.

    Args:
      configs: Validated configs of the rows.
      points: Points of the rows.
      is_allowed: True for rows that the constraint allows.

    Raises:
      ValueError: No row is allowed.
    """
    first: dict[bytes, int] = {}
    for i, x in enumerate(points):
        first.setdefault(_text(x), i)
    numbers = np.array(list(first.values()), np.int32)
    allowed = np.array(list(is_allowed), bool)[numbers]
    if not allowed.any():
        raise ValueError(
            f"constraint: expected a function that allows some of the {len(numbers)} candidates, "
            "got one that allows none"
        )
    return Candidates(tuple(configs[i] for i in numbers), points[numbers], numbers, allowed)


def difference_of_lists(ours: Candidates | None, theirs: Candidates | None, here: str, there: str) -> str | None:
    """The first difference between two lists in words; None if they are equal.

    Args:
      ours: The first list; None: there is none.
      theirs: The second list; None: there is none.
      here: Words for the first list.
      there: Words for the second list.
    """
    if ours is None or theirs is None:
        sizes = ["no list" if each is None else f"a list of {len(each.configs)}" for each in (ours, theirs)]
        return None if ours is theirs else f"the candidates: {sizes[0]} {here}, {sizes[1]} {there}"
    for i, (one, other) in enumerate(zip(ours.configs, theirs.configs, strict=False)):
        if canonical(one) != canonical(other):
            return f"candidate {i}: {one} {here}, {other} {there}"
    if len(ours.configs) != len(theirs.configs):
        return f"the candidates: {len(ours.configs)} {here}, {len(theirs.configs)} {there}"
    return None


# The user's rows.


def as_rows(rows: Any, names: Sequence[str] | None, of_space: Sequence[str] | None) -> list[dict[str, Any]]:
    """The rows as dicts from name to value.

    Args:
      rows: Dicts, or a table of two axes.
      names: Names of the columns of a table; None: ``of_space``.
      of_space: Names of the parameters of the space; None: no space was given.

    Raises:
      TypeError: ``rows`` is neither a sequence of dicts nor a table.
      ValueError: ``rows`` is empty, or the number of names differs from the number of columns.
    """
    is_table = hasattr(rows, "ndim") and hasattr(rows, "dtype")
    if is_table:
        columns = of_space if names is None else list(names)
        table = np.asarray(rows)
        if table.ndim != 2:
            raise ValueError(f"rows: expected a table of two axes, got one of shape {list(table.shape)}")
        if columns is None:
            raise ValueError("names: expected the names of the columns of the table, got none")
        if len(columns) != table.shape[1]:
            raise ValueError(
                f"names: expected {table.shape[1]} names, one for each column of the table, got {listing(columns)}"
            )
        rows = [dict(zip(columns, row, strict=True)) for row in table.tolist()]
    elif names is not None:
        raise ValueError("names: expected None with rows that are dicts, because dicts have names")
    if isinstance(rows, str | Mapping) or not isinstance(rows, Iterable) or hasattr(rows, "to_dict"):
        hint = "; write rows.to_dict('records')" if hasattr(rows, "to_dict") else ""
        raise TypeError(f"rows: expected a list of dicts or a table, got {type(rows).__name__}{hint}")
    rows = list(rows)
    if not rows:
        raise ValueError("rows: expected at least one row, got none")
    for i, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise TypeError(f"row {i}: expected a dict from names to values, got {row!r}")
    return [dict(row) for row in rows]


def inferred(rows: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Parameter], dict[str, Any]]:
    """A parameter for each name of the rows, and the values that are the same in all rows.

    Args:
      rows: For each candidate, a dict from the name of each parameter to its value.

    Raises:
      ValueError: A row has other names than the first one, or the values of a name are of several kinds.
    """
    names = list(rows[0])
    for i, row in enumerate(rows):
        differing = [*(name for name in names if name not in row), *(name for name in row if name not in rows[0])]
        if differing:
            raise ValueError(
                f"row {i}: expected the names of row 0, {listing(names)}, got {listing(list(row))}; if some "
                "names exist only in some rows, pass a space= with conditions"
            )
    parameters: dict[str, Parameter] = {}
    constants: dict[str, Any] = {}
    for name in names:
        values = [item(row[name]) for row in rows]
        parameters[name] = _parameter(name, values)
        if parameters[name].num_levels == 1:
            constants[name] = values[0]
    return parameters, constants


def _parameter(name: str, values: list[Any]) -> Parameter:
    """A real or an integer for numbers, otherwise a category."""
    is_number = [type(value) in (int, float) for value in values]
    kind = "numbers" if is_number[0] else "texts or truth values"
    for i, value in enumerate(values):
        if is_number[i] != is_number[0] or not (is_number[i] or type(value) in (str, bool)):
            raise ValueError(
                f"row {i}: {name}: expected {kind}, as in row 0, got {value!r}; to allow other values, pass a space="
            )
        if is_number[i] and not math.isfinite(value):
            raise ValueError(f"row {i}: {name}: expected a finite number, got {value!r}")
    distinct = list({(type(value), value): value for value in values}.values())
    if not is_number[0]:
        return Categorical(*distinct)
    if min(distinct) == max(distinct):
        return Ordinal(distinct[0])
    is_whole = all(type(value) is int for value in distinct)
    return Integer(min(distinct), max(distinct)) if is_whole else Real(min(distinct), max(distinct))


def nearest_rows(encoding: Encoding, points: Float[np.ndarray, "m d"], x: Float[Array, "*b d"]) -> Int[Array, "*b"]:
    """The number of the candidate nearest to each point; traceable.

    Args:
      encoding: Columns of the space.
      points: Candidates.
      x: Points of the cube.
    """
    candidates = jnp.asarray(points, x.dtype)
    rows = jax.lax.map(
        lambda point: first_of_best(nearness(encoding, candidates, point), TIE), x.reshape(-1, x.shape[-1])
    )
    return rows.reshape(x.shape[:-1])
