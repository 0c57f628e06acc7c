"""The table of trials as pure functions: rows are added and filled in, never overwritten."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int, Key

from jbo.encoding import Encoding, from_level, is_active, level, snap
from jbo.types import EMPTY, FAILED, OK, PENDING, Trials, is_taken


def empty(capacity: int, num_columns: int, dtype: jnp.dtype | None) -> Trials:
    """A table without trials.

    Args:
      capacity: Number of rows.
      num_columns: Columns ``d`` of the encoding.
      dtype: Floating type; None: JAX's default one.
    """
    return Trials(
        jnp.full((capacity, num_columns), 0.5, dtype),
        jnp.zeros(capacity, dtype),
        jnp.full(capacity, EMPTY, jnp.int32),
    )


def num_rows(state: Trials) -> Int[Array, ""]:
    """Trials in the table, pending and failed ones among them: the number of the next one."""
    return jnp.sum(state.status != EMPTY).astype(jnp.int32)


def is_told(state: Trials) -> Bool[Array, " n"]:
    """True for trials that have ended."""
    return (state.status == OK) | (state.status == FAILED)


def write(state: Trials, x: Float[Array, " d"], y: Float[Array, ""], status: Int[Array, ""]) -> Trials:
    """The table with a result in the first pending row at ``x``, or with a new row if there is none.

    Args:
      state: The table. If it is full and nothing fits it is returned as it was.
      x: A snapped point.
      y: Its value; ignored unless ``status`` is ``OK``.
      status: What the row becomes. ``PENDING`` always makes a new row.

    Raises:
      ValueError: If the table is full; only outside of traced code, where values are known.
    """
    matches = is_taken(state, x) & (state.status == PENDING) & (status != PENDING)
    free = state.status == EMPTY
    where = jnp.where(jnp.any(matches), jnp.argmax(matches), jnp.argmax(free))
    fits = jnp.any(matches) | jnp.any(free)
    if not isinstance(matches, Tracer) and not np.any(np.asarray(matches)):
        require_room(state, 1)
    row = (jnp.arange(state.y.shape[0]) == where) & fits
    y = jnp.where(status == OK, y, 0).astype(state.y.dtype)
    return Trials(
        jnp.where(row[:, None], x[None, :], state.x),
        jnp.where(row, y, state.y),
        jnp.where(row, status, state.status),
    )


def require_room(state: Trials, q: int) -> None:
    """Raise ``ValueError`` if there is no room for ``q`` more trials; silent in traced code, where none can know."""
    if q < 1:
        raise ValueError(f"q: expected at least 1, got {q}")
    if not isinstance(state.status, Tracer):
        free = int(np.sum(np.asarray(state.status) == EMPTY))
        if free < q:
            raise ValueError(f"state: expected {q} empty rows, got {free} in a table of capacity {state.y.shape[0]}")


def first_new(
    encoding: Encoding, state: Trials, x: Float[Array, " d"], start: Float[Array, " d"]
) -> tuple[Float[Array, " d"], Bool[Array, ""]]:
    """The point ``x`` if no trial has it, else the next new one in counting order from ``start``.

    Args:
      encoding: Columns of the space.
      state: The table.
      x: A snapped point.
      start: Where to begin counting; its reals are kept.

    Returns:
      A snapped point and whether it is new.
    """

    def at(levels: Int[Array, " d"]) -> Float[Array, " d"]:
        return snap(encoding, jnp.where(encoding.num_levels > 0, from_level(encoding, levels, x.dtype), start))

    return count_to_new(encoding, state, x, level(encoding, start), np.maximum(encoding.num_levels, 1), at)


def count_to_new(
    encoding: Encoding,
    state: Trials,
    x: Float[Array, " d"],
    levels: Int[Array, " d"],
    sizes: np.ndarray,
    at: Callable[[Int[Array, " d"]], Float[Array, " d"]],
) -> tuple[Float[Array, " d"], Bool[Array, ""]]:
    """The point ``x`` if no trial has it, else the first new one that counting up ``levels`` comes to.

    Each combination of the active columns comes once: what is inactive does not count.

    Args:
      encoding: Columns of the space.
      state: The table.
      x: A snapped point.
      levels: Where counting begins; the last column moves fastest, but a column always slower than those that depend on
        it, and after the last point comes the first.
      sizes: Number of levels of each column, static.
      at: The snapped point that levels stand for.

    Returns:
      A snapped point and whether it is new. A walk ends after as many steps as there are combinations, at most 2^20.
    """
    num_steps = min(math.prod(int(k) for k in sizes), 2**20)
    order = _parents_first(encoding)
    place = np.argsort(order)

    def step(carry):
        levels, _, count = carry
        # A column moves on when all after it are at their last level; an inactive one has no other.
        is_last = (levels >= sizes - 1) | ~is_active(encoding, from_level(encoding, levels, x.dtype))
        all_last = jnp.cumprod(is_last[order][::-1].astype(jnp.int32), dtype=jnp.int32)[::-1]
        moves = (jnp.concatenate([all_last[1:], jnp.ones(1, jnp.int32)]) == 1)[place]
        levels = jnp.where(moves, jnp.where(is_last, 0, levels + 1), levels).astype(jnp.int32)
        return levels, at(levels), count + 1

    def goes_on(carry):
        _, point, count = carry
        return jnp.any(is_taken(state, point)) & (count < num_steps)

    _, point, _ = jax.lax.while_loop(goes_on, step, (levels, x, jnp.zeros((), jnp.int32)))
    return point, ~jnp.any(is_taken(state, point))


def _parents_first(encoding: Encoding) -> np.ndarray:
    """The columns in their order, but each after the one it depends on; static, ``[d]``."""
    order: list[int] = []
    for j in range(encoding.num_columns):
        chain = [j]
        while (parent := encoding.columns[chain[-1]].parent) >= 0:
            chain.append(parent)
        order += [i for i in reversed(chain) if i not in order]
    return np.array(order, np.int32)


def draw(key: Key[Array, ""], num_columns: int, dtype: jnp.dtype) -> Float[Array, " d"]:
    """A uniform point of the cube."""
    return jax.random.uniform(key, (num_columns,), dtype)
