"""Joint improvement of a batch: all of its points move at once."""

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
    """A constraint on several points: each point must satisfy the inner constraint; hashable."""

    constraint: Constraint
    num_columns: int

    def __call__(self, x: Float[Array, " qd"]) -> Bool[Array, ""]:
        return jnp.all(jax.vmap(self.constraint)(x.reshape(-1, self.num_columns)))


def repeated(encoding: Encoding, q: int) -> Encoding:
    """The columns of ``q`` points, concatenated to one point.

    Args:
      encoding: Columns of one point.
      q: Number of points.
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
    """Points that improve a joint function, or the given points if no better ones are found, and the value.

    Args:
      key: Random key of the candidates.
      function: Joint value of snapped points, higher is better.
      region: Region of each point.
      state: The table. New points are not in the table.
      points: Starting points.
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
    """`improve_together` for a list of candidates: each point in turn becomes the best candidate given the others."""
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
