"""A batch improved as a whole: all of its points move at once."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from jbo.encoding import Constraint, Encoding
from jbo.maximize import maximize
from jbo.numerics import choose
from jbo.region import Region
from jbo.strategies import _table
from jbo.types import EMPTY, PENDING, Trials, is_taken


@dataclass(frozen=True)
class _Each:
    """A constraint that each of several points has to satisfy; hashable."""

    constraint: Constraint
    num_columns: int

    def __call__(self, x: Float[Array, " qd"]) -> Bool[Array, ""]:
        return jnp.all(jax.vmap(self.constraint)(x.reshape(-1, self.num_columns)))


def repeated(encoding: Encoding, q: int) -> Encoding:
    """The columns of ``q`` points in a row.

    Args:
      encoding: Columns of one point.
      q: How many points.
    """
    d = encoding.num_columns
    columns = tuple(
        column._replace(
            parent=column.parent + i * d if column.parent >= 0 else -1,
            simplex=column.simplex + i * d if column.simplex >= 0 else -1,
        )
        for i in range(q)
        for column in encoding.columns
    )
    constraint = None if encoding.constraint is None else _Each(encoding.constraint, d)
    log_range = jnp.tile(jnp.asarray(encoding.log_range), (q, 1))
    return dataclasses.replace(encoding, log_range=log_range, columns=columns, constraint=constraint)


def improve_together(
    key: Key[Array, ""],
    function: Callable[[Float[Array, "q d"]], Float[Array, ""]],
    region: Region,
    state: Trials,
    points: Float[Array, "q d"],
    is_smooth: bool = True,
) -> tuple[Float[Array, "q d"], Float[Array, ""]]:
    """Points at which a function of all of them is better than at those given, or these, and its value.

    Args:
      key: Draws candidates.
      function: Value of snapped points, higher is better.
      region: Where each of them may be.
      state: The table: none of its points is among the result, unless it is among those given.
      points: Where to begin.
      is_smooth: As in `maximize`.
    """
    q, d = points.shape
    if region.encoding.candidates is not None:
        return _improve_one_by_one(key, function, region, state, points)
    fixed = None if region.fixed is None else jnp.tile(region.fixed, q)
    all_columns = Region(repeated(region.encoding, q), fixed)

    def value(x: Float[Array, " qd"]) -> Float[Array, ""]:
        each = x.reshape(q, d)
        is_old = jnp.any(jax.vmap(lambda point: is_taken(state, point))(each))
        return jnp.where(is_old, -jnp.inf, function(each)).astype(x.dtype)

    nothing = _table.empty(1, q * d, points.dtype)
    found = maximize(key, value, all_columns, nothing, points.reshape(-1), is_smooth=is_smooth)
    before = function(points)
    is_better = found.value > before
    return jnp.where(is_better, found.x.reshape(q, d), points), jnp.where(is_better, found.value, before)


def _improve_one_by_one(
    key: Key[Array, ""],
    function: Callable[[Float[Array, "q d"]], Float[Array, ""]],
    region: Region,
    state: Trials,
    points: Float[Array, "q d"],
) -> tuple[Float[Array, "q d"], Float[Array, ""]]:
    """As `improve_together` of a list: each point in turn becomes the best candidate beside the others."""
    q = len(points)
    numbers = jnp.arange(q, dtype=jnp.int32)

    def improve(carry: tuple[Array, Array], i: Int[Array, ""]) -> tuple[tuple[Array, Array], None]:
        points, before = carry
        others = jnp.where(numbers == i, EMPTY, PENDING).astype(state.status.dtype)
        taken = Trials.from_arrays(
            jnp.concatenate([state.x, points]),
            jnp.concatenate([state.value, jnp.zeros(q, state.y.dtype)]),
            jnp.concatenate([state.status, others]),
        )
        found = maximize(key, lambda x: function(points.at[i].set(x)), region, taken, points[i])
        is_better = found.value > before
        return choose(is_better, (points.at[i].set(found.x), found.value), (points, before)), None

    return jax.lax.scan(improve, (points, function(points)), numbers)[0]
