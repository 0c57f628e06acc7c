"""Pure functions on the table of trials: rows are added and filled in, never overwritten."""

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int, Key

from jbo.encoding import Encoding, from_level, is_active, level
from jbo.feasible import cloud
from jbo.numerics import choose
from jbo.region import Region
from jbo.types import EMPTY, FAILED, OK, ONE_VALUE, PENDING, Layout, Trials, is_taken


def empty(capacity: int, num_columns: int, dtype: jnp.dtype | None, layout: Layout = ONE_VALUE) -> Trials:
    """A table without trials.

    Args:
      capacity: Number of rows.
      num_columns: Columns ``d`` of the encoding.
      dtype: Floating type; None: the default of JAX.
      layout: Columns of values.
    """
    dtype = jnp.zeros((), dtype).dtype  # not None: a weakly typed table would be traced again after its first row
    return Trials(
        x=jnp.full((capacity, num_columns), 0.5, dtype),
        y=jnp.zeros((capacity, layout.num_columns), dtype),
        is_known=jnp.zeros((capacity, layout.num_columns), bool),
        status=jnp.full(capacity, EMPTY, jnp.int32),
        trial=jnp.full(capacity, -1, jnp.int32),
        layout=layout,
    )


def has_ended(state: Trials) -> Bool[Array, " n"]:
    """True for trials that have ended."""
    return (state.status == OK) | (state.status == FAILED)


class Entry(NamedTuple):
    """New contents of a row: a result, or the start of a trial. Shapes are fixed, so that it may be traced."""

    y: Float[Array, " k"]
    """Measured values, one for each column of the table."""
    is_known: Bool[Array, " k"]
    """True for the measured values."""
    status: Int[Array, ""]
    """New status of the row."""
    noise: Float[Array, " k"] | None = None
    """Standard deviation of the noise of each value, 0 if unknown; None: unknown for all values."""


def entry_without_values(state: Trials, status: int) -> Entry:
    """New contents of a row, without values.

    Args:
      state: The table.
      status: New status of the row.
    """
    k = state.y.shape[1]
    return Entry(jnp.zeros(k, state.y.dtype), jnp.zeros(k, bool), jnp.asarray(status, jnp.int32))


def result(state: Trials, y: Any, is_known: Any, cost: Any, noise: Any) -> Entry:
    """New contents of the row of a finished trial; see `Strategy.tell`.

    Args:
      state: The table, with a column for the cost if there is one.
      y: Value of a single objective, a scalar; or values of objectives and limits, or of all columns.
      is_known: Array of the shape of ``y``; None: all values are known.
      cost: A scalar. None, or not a finite number above 0: unknown.
      noise: A scalar for the first objective, or an array of the shape of ``y``. An entry that is not a finite number
        above 0 is unknown.

    Raises:
      ValueError: A shape is wrong.
    """
    layout, dtype, k = state.layout, state.y.dtype, state.y.shape[1]
    y = jnp.asarray(y, dtype)
    lengths = {k, layout.num_objectives + layout.num_limits}
    if y.ndim == 0 and layout.num_objectives > 1:  # a number without its objective
        raise ValueError(f"y: expected an array of shape [{k}] with several objectives, got a scalar")
    if y.ndim > 1 or (y.ndim == 1 and y.shape[0] not in lengths):
        raise ValueError(f"y: expected a scalar or an array of shape [{k}], got shape {list(y.shape)}")

    shape, size = list(y.shape), y.shape[0] if y.ndim else 1

    def row(part: Any, name: str, fill: Any) -> Array:
        part = jnp.atleast_1d(jnp.asarray(part))
        if part.ndim > 1 or part.shape[0] > size:
            raise ValueError(f"{name}: expected the shape {shape} of y, got {list(part.shape)}")
        return jnp.concatenate([part, jnp.full(k - part.shape[0], fill, part.dtype)])

    known = row(jnp.ones(y.shape, bool) if is_known is None else is_known, "is_known", False)
    y = row(y, "y", 0)
    if cost is not None:
        cost = jnp.asarray(cost, dtype)
        y = y.at[-1].set(cost)
        known = known.at[-1].set(True)
    if layout.has_cost:
        known = known.at[-1].set(known[-1] & jnp.isfinite(y[-1]) & (y[-1] > 0))
    is_cost = np.arange(k) >= layout.num_objectives + layout.num_limits
    is_ok = jnp.all(jnp.isfinite(y) | ~known | is_cost)
    known = known & (is_ok | is_cost)
    if noise is not None:
        noise = row(jnp.asarray(noise, dtype), "noise", 0)
        noise = jnp.where(known & is_ok & jnp.isfinite(noise) & (noise > 0), noise, 0)
    return Entry(jnp.where(known, y, 0), known, jnp.where(is_ok, OK, FAILED).astype(jnp.int32), noise)


def is_number(trial: Any) -> bool:
    """True for an integer, which may be traced: the number of a trial.

    Args:
      trial: The user's argument.
    """
    if isinstance(trial, jax.Array | np.ndarray | np.generic):
        return trial.ndim == 0 and bool(jnp.issubdtype(trial.dtype, jnp.integer))
    return isinstance(trial, int) and not isinstance(trial, bool)


def point(state: Trials, x: Any) -> Float[Array, " d"]:
    """The user's argument as a point of the cube.

    Args:
      state: The table.
      x: The user's argument.

    Raises:
      TypeError: ``x`` is not a floating array.
      ValueError: ``x`` does not have the shape ``[d]``.
    """
    if not isinstance(x, jax.Array | np.ndarray) or not jnp.issubdtype(x.dtype, jnp.floating):
        raise TypeError(f"trial: expected the number of a pending trial, or a point as a floating array, got {x!r:.99}")
    if x.shape != state.x.shape[1:]:
        raise ValueError(f"trial: expected a point of shape {list(state.x.shape[1:])}, got shape {list(x.shape)}")
    return jnp.asarray(x)


def pending_row(state: Trials, number: Any) -> Bool[Array, " n"]:
    """True for the row of a pending trial. In traced code, all False if no pending trial has the number.

    Args:
      state: The table.
      number: Number of the trial.

    Raises:
      ValueError: No pending trial has the number; only outside of traced code.
    """
    row = (state.status == PENDING) & (state.trial == number)
    if not isinstance(row, Tracer) and not np.any(np.asarray(row)):
        pending = np.asarray(state.trial)[np.asarray(state.status) == PENDING].tolist()
        raise ValueError(f"trial: expected the number of a pending trial, one of {pending}, got {int(number)}")
    return row


def add_or_fill(state: Trials, x: Float[Array, " d"], entry: Entry) -> Trials:
    """The table with a new finished trial; or, if a trial is pending at ``x``, with the result of the first such trial.

    The second case is deprecated: `Strategy.tell` worked so before trials had numbers. The next version removes it.

    Args:
      state: The table. In traced code, if there is no row for the result, it is returned unchanged.
      x: A snapped point.
      entry: The result.

    Raises:
      ValueError: If the table is full, outside of traced code.
    """
    is_match = is_taken(state, x) & (state.status == PENDING)
    has_match = jnp.any(is_match)
    if not isinstance(has_match, Tracer):
        if not bool(has_match):
            return add(state, x, entry)
        warnings.warn(
            "tell: pass the number of the trial, which is state.num_trials before pend. The result of this point went "
            "to the pending trial at the point; in the next version a point will always be a new trial",
            DeprecationWarning,
            stacklevel=4,
        )
    first = jnp.arange(is_match.shape[0]) == jnp.argmax(is_match)
    return choose(has_match, fill(state, first & has_match, entry), add(state, x, entry))


def add(state: Trials, x: Float[Array, " d"], entry: Entry) -> Trials:
    """The table with a new trial in the first empty row.

    Args:
      state: The table. In traced code a full table is returned unchanged.
      x: A snapped point.
      entry: New contents of the row.

    Raises:
      ValueError: If the table is full, outside of traced code.
    """
    require_room(state, 1)
    free = state.status == EMPTY
    row = (jnp.arange(free.shape[0]) == jnp.argmax(free)) & jnp.any(free)
    state = state._replace(
        x=jnp.where(row[:, None], x[None, :], state.x), trial=jnp.where(row, state.num_trials, state.trial)
    )
    return fill(state, row, entry)


def fill(state: Trials, row: Bool[Array, " n"], entry: Entry) -> Trials:
    """The table with a result in one row.

    Args:
      state: The table.
      row: True for the row to fill; all False: the table is returned unchanged.
      entry: New contents of the row.
    """
    here = row[:, None]
    noise = state.noise
    if entry.noise is not None:
        noise = jnp.where(here, entry.noise, jnp.zeros_like(state.y) if noise is None else noise).astype(state.y.dtype)
    return state._replace(
        y=jnp.where(here, jnp.where(entry.is_known, entry.y, 0), state.y).astype(state.y.dtype),
        is_known=jnp.where(here, entry.is_known, state.is_known),
        status=jnp.where(row, entry.status, state.status).astype(state.status.dtype),
        noise=noise,
    )


def one_after_another(
    suggest: Callable[[Trials], tuple[Float[Array, " d"], Any]],
    pend: Callable[[Trials, Float[Array, " d"]], Trials],
    state: Trials,
    q: int,
) -> tuple[Float[Array, "q d"], Any]:
    """Several points, suggested one after another with the earlier ones pending, and how they were found.

    Args:
      suggest: Function from a table to a point, and how it was found.
      pend: Function that adds a pending trial to a table.
      state: The table.
      q: Number of points.
    """

    def one(state: Trials, _: None) -> tuple[Trials, tuple[Float[Array, " d"], Any]]:
        x, info = suggest(state)
        return pend(state, x), (x, info)

    return jax.lax.scan(one, state, None, length=q)[1]


def require_room(state: Trials, q: int) -> None:
    """Raise ``ValueError`` if the table has fewer than ``q`` empty rows. Traced code cannot check this."""
    if q < 1:
        raise ValueError(f"q: expected at least 1, got {q}")
    if not isinstance(state.status, Tracer):
        free = int(np.sum(np.asarray(state.status) == EMPTY))
        if free < q:
            raise ValueError(f"state: expected {q} empty rows, got {free} in a table of capacity {state.y.shape[0]}")


def first_new(
    key: Key[Array, ""], region: Region, state: Trials, x: Float[Array, " d"]
) -> tuple[Float[Array, " d"], Bool[Array, ""]]:
    """The point ``x`` if it is allowed and not in the table, else another such point.

    In a list of candidates it is the nearest new candidate. A discrete space is searched in counting order, to its end.
    In a space with reals and a constraint, 2^10 uniform points are tried first. Next come random walks from allowed
    trials, and then 2^14 points where allowed sets of small volume often are.

    Args:
      key: Random key of the points to try, and of the place where counting starts.
      region: Region of the point.
      state: The table.
      x: A point of the cube.

    Returns:
      A point of the region and whether it is new and allowed.
    """
    encoding, dtype = region.encoding, state.x.dtype
    if encoding.candidates is not None:
        nearest = region.nearest_new(state, x)
        return nearest.x, nearest.is_new
    x = region.place(x)
    start = draw(key, encoding.num_columns, dtype)
    if encoding.constraint is None and not encoding.num_levels.any():
        # All columns are real and unconstrained: one random point is enough, because it is new with probability 1.
        point = choose(jnp.any(is_taken(state, x)), region.place(start), x)
        return point, ~jnp.any(is_taken(state, point))
    num_combinations = math.prod(int(k) for k in encoding.num_levels)  # 0 with a real among the columns
    if encoding.constraint is None or 0 < num_combinations <= 2**_LOG_ALLOWED_STEPS:
        return walk_to_new(region, state, x, start)
    return _draw_to_new(key, region, state, x)


_LOG_ALLOWED_STEPS = 16
"""A constrained space is searched in counting order if it has at most 2^16 combinations: each may cost a call."""
_ROUND = 256
_NUM_UNIFORM, _NUM_ROUNDS = 4, 64
"""Number of rounds of uniform points, and of all rounds. After the first, the allowed set is taken to be thin."""


def each_new(
    key: Key[Array, ""], region: Region, state: Trials, points: Float[Array, "q d"]
) -> tuple[Float[Array, "q d"], Bool[Array, " q"]]:
    """Points that are new and allowed, and differ from each other; see `first_new`.

    Args:
      key: Random key of the replacements.
      region: Region of the points.
      state: The table.
      points: The wanted points.
    """

    def one(state: Trials, at: tuple[Key[Array, ""], Float[Array, " d"]]) -> tuple[Trials, Any]:
        x, is_new = first_new(at[0], region, state, at[1])
        return add(state, x, entry_without_values(state, PENDING)), (x, is_new)

    return jax.lax.scan(one, state, (jax.random.split(key, len(points)), points))[1]


def _draw_to_new(
    key: Key[Array, ""], region: Region, state: Trials, x: Float[Array, " d"]
) -> tuple[Float[Array, " d"], Bool[Array, ""]]:
    """The point ``x`` if it is allowed and new, else the first such uniform sample, else one in a thin set.

    In a thin set, random walks start at the allowed trials, and the point nearest to ``x`` is taken. Without allowed
    trials, points are sampled near the borders of the cube, and with rising or falling coordinates, which satisfy
    chains of inequalities.
    """

    def is_good(points: Float[Array, "m d"]) -> Bool[Array, " m"]:
        return region.is_allowed(points) & ~jax.vmap(lambda p: jnp.any(is_taken(state, p)))(points)

    def draw_round(carry):
        _, _, count = carry
        uniform = jax.random.uniform(jax.random.fold_in(key, count), (_ROUND, x.shape[0]), x.dtype)
        points = region.place(jax.lax.cond(count < _NUM_UNIFORM, lambda u: u, _unevenly, uniform))
        good = is_good(points)
        first = jnp.argmax(good)
        return points[first], good[first], count + 1

    def draw_until(end: int, carry: Any) -> Any:
        return jax.lax.while_loop(lambda c: ~c[1] & (c[2] < end), draw_round, carry)

    def in_thin_set(carry):
        found = cloud(jax.random.fold_in(key, _NUM_ROUNDS), region, state)
        good = is_good(found.x) & found.is_found
        nearest = jnp.argmin(jnp.where(good, jnp.sum((found.x - x[None, :]) ** 2, axis=1), jnp.inf))
        return draw_until(_NUM_ROUNDS, (found.x[nearest], good[nearest], carry[2]))

    begin = (x, is_good(x[None, :])[0], jnp.zeros((), jnp.int32))
    drawn = draw_until(_NUM_UNIFORM, begin)
    return jax.lax.cond(drawn[1], lambda carry: carry, in_thin_set, drawn)[:2]


def _unevenly(uniform: Float[Array, "m d"]) -> Float[Array, "m d"]:
    """Points in places where a tight constraint often allows some: near borders, or with sorted coordinates."""
    m, d = uniform.shape
    # Distances from the border are log-uniform over 8 or 12 decades.
    decades = 8.0 if uniform.dtype == jnp.float32 else 12.0
    part = 4 * uniform - jnp.floor(4 * uniform)
    near = 10.0 ** (-decades * part)
    side = jnp.floor(4 * uniform)
    at_border = jnp.where(side == 0, near, jnp.where(side == 1, 1 - near, uniform)).astype(uniform.dtype)
    ordered = jnp.sort(uniform, axis=1)
    which = (jnp.arange(m) % 4)[:, None]
    return jnp.where(which < 2, at_border, jnp.where(which == 2, ordered, ordered[:, ::-1]))


def walk_to_new(
    region: Region, state: Trials, x: Float[Array, " d"], start: Float[Array, " d"]
) -> tuple[Float[Array, " d"], Bool[Array, ""]]:
    """The point ``x`` if it is allowed and not in the table, else the next such point in counting order.

    Args:
      region: Region of the point.
      state: The table.
      x: A point of the region.
      start: Point at which counting starts; all points have its real coordinates.

    Returns:
      A point of the region and whether it is new and allowed.
    """
    encoding = region.encoding

    def at(levels: Int[Array, " d"]) -> Float[Array, " d"]:
        return region.place(jnp.where(encoding.num_levels > 0, from_level(encoding, levels, x.dtype), start))

    return count_to_new(region, state, x, level(encoding, start), np.maximum(encoding.num_levels, 1), at)


def count_to_new(
    region: Region,
    state: Trials,
    x: Float[Array, " d"],
    levels: Int[Array, " d"],
    sizes: np.ndarray,
    at: Callable[[Int[Array, " d"]], Float[Array, " d"]],
    is_counted: Callable[[Int[Array, " d"]], Bool[Array, ""]] | None = None,
) -> tuple[Float[Array, " d"], Bool[Array, ""]]:
    """The point ``x`` if it is allowed and not in the table, else the first such point in counting order.

    Counting visits each combination of active columns once. Inactive and fixed columns do not vary.

    Args:
      region: Region of the point.
      state: The table.
      x: A point of the region.
      levels: Levels at which counting starts. The last column varies fastest, but a column varies more slowly than the
        columns that depend on it. After the last combination comes the first.
      sizes: Number of levels of each column, static.
      at: Function from levels to a point of the region.
      is_counted: Function that is False for levels to leave out; None: all count.

    Returns:
      A point and whether it is new and allowed. Counting ends after as many steps as there are combinations, at most
      2^20.
    """
    encoding = region.encoding
    num_steps = min(math.prod(int(k) for k in sizes), 2**20)
    order = _parents_first(encoding)
    place = np.argsort(order)

    def step(carry):
        levels, _, count = carry
        # A column moves when all columns after it are at their last level. Inactive and fixed columns do not move.
        is_still = ~is_active(encoding, region.place(from_level(encoding, levels, x.dtype))) | ~region.is_free
        is_last = (levels >= sizes - 1) | is_still
        all_last = jnp.cumprod(is_last[order][::-1].astype(jnp.int32), dtype=jnp.int32)[::-1]
        moves = (jnp.concatenate([all_last[1:], jnp.ones(1, jnp.int32)]) == 1)[place]
        levels = jnp.where(moves, jnp.where(is_last, 0, levels + 1), levels).astype(jnp.int32)
        return levels, at(levels), count + 1

    def is_good(levels, point):
        is_new = ~jnp.any(is_taken(state, point)) & region.is_allowed(point)
        return is_new if is_counted is None else is_new & is_counted(levels)

    def goes_on(carry):
        levels, point, count = carry
        return ~is_good(levels, point) & (count < num_steps)

    levels, point, _ = jax.lax.while_loop(goes_on, step, (levels, x, jnp.zeros((), jnp.int32)))
    return point, is_good(levels, point)


def _parents_first(encoding: Encoding) -> np.ndarray:
    """The columns in order, except that each column comes after the column that it depends on; static, ``[d]``."""
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
