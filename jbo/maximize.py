"""Maximisation of an acquisition function over a mixed space, as one program.

Candidates from a Sobol sequence and around the best trial are evaluated at once. The best candidates are the starts of
ascents. An ascent alternates steps in the reals (projected quasi-Newton within the bounds) with moves of one column to
each of its levels. Without a gradient, or under a constraint, an ascent uses random steps of all sizes.

In a list of candidates every candidate is evaluated, so the maximum is exact.

Under a mesh of devices with an axis named ``candidates`` (`jax.set_mesh`), all devices evaluate the candidates.
"""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec
from jaxtyping import Array, Float, Int, Key

from jbo import designs
from jbo.bounded import minimize_bounded
from jbo.checks import checked, not_differentiable, scalar
from jbo.encoding import CATEGORY, REAL, Encoding, from_level, is_active, level, on_simplexes
from jbo.feasible import along, cloud
from jbo.numerics import choose
from jbo.region import Region
from jbo.types import Trials, is_taken

_NUM_SOBOL = 512
_NUM_LOCAL = 256
_NUM_STARTS = 4
_NUM_STARTS_OF_STRATA = 4
_MORE_IF_CONSTRAINED = 2
"""Factor of the numbers of candidates and of starts in a space with a constraint."""
_NUM_ROUNDS = 2
_MAX_ASCENT = 40
_NUM_WALK_ROUNDS = 16
_NUM_WALK_STEPS = 32
_MAX_STRATA = 64
_CHUNK = 1024
MOST_LEVELS = 64
"""Columns with more levels are real in ascents, and are moved by steps of several lengths, not to every level."""

Function = Callable[[Float[Array, " d"]], Float[Array, ""]]


class Maximum(NamedTuple):
    """The best new point found."""

    x: Float[Array, " d"]
    """A snapped point."""
    value: Float[Array, ""]
    """Value of the function at ``x``; ``-inf`` if no candidate was both new and allowed."""


@checked
def maximize(
    key: Key[Array, ""],
    function: Function,
    region: Region,
    trials: Trials,
    centre: Float[Array, " d"],
    *,
    is_smooth: bool = True,
) -> Maximum:
    """Maximise ``function`` over a region, excluding the points in the table of trials.

    Args:
      key: Random key of the candidates.
      function: Value of a snapped point, higher is better. NaN counts as ``-inf``.
      region: Region of the point.
      trials: Evaluated and pending points, which are never returned.
      centre: A good point, such as the best trial. About half of the search effort is spent near it.
      is_smooth: False if the gradient of ``function`` with respect to real columns is not useful.

    Returns:
      The point and its value, at least as good as the values of all candidates.
    """
    encoding = region.encoding
    if encoding.candidates is not None:
        return _constant(_best_candidate(function, region, trials))
    asked = function

    def value_at(x: Float[Array, " d"]) -> Float[Array, ""]:
        # Ascents leave the simplex, so move the point back.
        return scalar("function", "value", asked(on_simplexes(encoding, x)))

    function = jax.jit(value_at)  # traced only once, although a program evaluates points in three places
    walks = not is_smooth or encoding.constraint is not None
    key_points, *keys_walk = jax.random.split(key, 3) if walks else (key,)
    d, dtype = encoding.num_columns, trials.x.dtype

    def value_of_new(raw: Float[Array, " d"]) -> Float[Array, ""]:
        x = region.place(raw)
        value = function(x)
        is_bad = jnp.any(is_taken(trials, x)) | ~region.is_allowed(x) | jnp.isnan(value)
        return jnp.where(is_bad, -jnp.inf, value).astype(dtype)

    more = 1 if encoding.constraint is None else _MORE_IF_CONSTRAINED
    # One call of the generator for all points, because each call adds to the time to compile.
    uniform = jax.random.uniform(key_points, (1 + more * _NUM_LOCAL, _num_draws(encoding)), dtype)
    wide = designs.shifted_sobol(uniform[0, :d], more * _NUM_SOBOL)
    local = _around(uniform[1:], encoding, centre)
    inside = None
    if encoding.constraint is not None:
        key_cloud, key_between, key_beside, *keys_walk = jax.random.split(keys_walk[0], 5)
        inside = cloud(key_cloud, region, trials, centre[None, :]).x
        num_between = len(wide) // 2 - len(inside)
        wide = wide.at[::2].set(jnp.concatenate([inside, _between(key_between, inside, num_between)]))
        beside = jax.random.uniform(key_beside, (len(local) // 2, 4), dtype)
        local = local.at[::2].set(along(beside, encoding, inside, jnp.broadcast_to(centre, local[::2].shape)))
    candidates = jnp.concatenate([wide, local])
    values = _spread(jax.vmap(value_of_new), candidates)
    starts = _choose_starts(region, candidates, values, len(wide), more * _NUM_STARTS // 2)

    ends, end_values = candidates[starts], values[starts]
    if is_smooth:
        ends, end_values = _climb(function, value_of_new, region, trials, ends, end_values)
    if keys_walk:
        keys = jax.random.split(keys_walk[1], starts.shape[0])
        walk = functools.partial(_walk, value_of_new=value_of_new, encoding=encoding, inside=inside)
        ends, end_values = jax.vmap(walk)(keys, ends, end_values)
    best = jnp.argmax(end_values)
    return _constant(Maximum(region.place(ends[best]), end_values[best]))


def _constant(found: Maximum) -> Maximum:
    return not_differentiable(
        found,
        "maximize",
        "its result is the best end of many ascents, and jumps from one to another; with jax.lax.stop_gradient on "
        "what the function and the table depend on, it is a constant",
    )


def _best_candidate(function: Function, region: Region, trials: Trials) -> Maximum:
    """The best new candidate of a list, all of which are evaluated."""
    dtype = trials.x.dtype

    def value_at(x: Float[Array, " d"]) -> Float[Array, ""]:
        return scalar("function", "value", function(x)).astype(dtype)

    values = values_at(value_at, region.candidates(dtype))
    best = region.best_new(trials, jnp.where(jnp.isnan(values), -jnp.inf, values))
    return Maximum(best.x, best.score)


def values_at(function: Function, points: Float[Array, "m d"]) -> Float[Array, " m"]:
    """Values of the function at any number of points, computed for at most 1,024 at a time to bound memory.

    Args:
      function: Value of a point.
      points: Points to evaluate.
    """
    m, d = points.shape
    size = min(_CHUNK, 1 << (m - 1).bit_length())
    num_chunks = -(-m // size)
    rows = np.minimum(np.arange(num_chunks * size), m - 1)
    chunks = points[rows].reshape(num_chunks, size, d)
    values = jax.lax.map(lambda chunk: _spread(jax.vmap(function), chunk), chunks)
    return values.reshape(-1)[:m]


def _spread(
    function: Callable[[Float[Array, "m d"]], Float[Array, " m"]], points: Float[Array, "m d"]
) -> Float[Array, " m"]:
    """The values of many points, shared among the devices of the caller's mesh."""
    mesh = jax.sharding.get_abstract_mesh()
    if "candidates" not in mesh.axis_names:
        return function(points)
    # Automatic axes take a layout as a constraint, explicit axes are resharded.
    is_explicit = "candidates" in mesh.explicit_axes
    place = jax.sharding.reshard if is_explicit else jax.lax.with_sharding_constraint
    return place(function(place(points, PartitionSpec("candidates"))), PartitionSpec())


def _between(key: Key[Array, ""], inside: Float[Array, "p d"], num_points: int) -> Float[Array, "m d"]:
    """Points near lines through pairs of allowed points, where further allowed points are likely."""
    uniform = jax.random.uniform(key, (num_points, inside.shape[1] + 4), inside.dtype)
    rows = jnp.minimum((uniform[:, :2] * len(inside)).astype(jnp.int32), len(inside) - 1)
    first, second = inside[rows[:, 0]], inside[rows[:, 1]]
    # Also beyond the second point, and half of them a little to the side, to leave the plane of the allowed points.
    aside = jnp.where(uniform[:, 3:4] < 0.5, 0.1, 0) * _normal(uniform[:, 4:])
    return jnp.clip(first + 1.5 * uniform[:, 2:3] * (second - first) + aside, 0, 1)


def _num_draws(encoding: Encoding) -> int:
    return 3 * encoding.num_columns + 3


def _around(uniform: Float[Array, "m k"], encoding: Encoding, centre: Float[Array, " d"]) -> Float[Array, "m d"]:
    """Points around ``centre`` at all scales; half of them differ from it in only one or two columns."""
    m, d, dtype = uniform.shape[0], encoding.num_columns, centre.dtype
    step, fresh, chance, rest = jnp.split(uniform, [d, 2 * d, 3 * d], axis=1)
    scale = jnp.exp(math.log(1e-3) + (math.log(0.5) - math.log(1e-3)) * rest[:, :1])
    # Steps in a column with levels are at least one level wide; shorter ones would change nothing.
    least = jnp.asarray(1 / np.where(encoding.num_levels > 0, encoding.num_levels, np.inf), dtype)
    raw = centre[None, :] + jnp.maximum(scale, least[None, :]) * _normal(step)
    stepped = jnp.clip(raw, 0, 1)
    if encoding.is_wrapped.any():
        stepped = jnp.where(encoding.is_wrapped[None, :], raw % 1, stepped)
    # Inactive columns of the centre are 1/2, without meaning. A step that activates them samples a new value.
    knows = is_active(encoding, centre)
    changed = jnp.where(knows[None, :] & ~encoding.is_category[None, :], stepped, fresh)

    few = jnp.minimum(jnp.floor(rest[:, 1:] * d), d - 1).astype(jnp.int32)
    is_one_of_few = jnp.any(few[:, :, None] == jnp.arange(d, dtype=jnp.int32)[None, None, :], axis=1)
    # In the other half every numeric column moves, and a category moves with probability 1/4.
    moves = chance < jnp.where(encoding.is_category, 0.25, 1.0).astype(dtype)[None, :]
    is_changed = jnp.where((jnp.arange(m) < m // 2)[:, None], is_one_of_few, moves) | ~knows[None, :]
    return jnp.where(is_changed, changed, centre[None, :])


def _normal(uniform: Float[Array, "m d"]) -> Float[Array, "m d"]:
    """Standard normal numbers from uniform ones, with absolute values of at most 4.8."""
    # The inverse error function takes a tenth of the operations of `jax.scipy.special.ndtri`.
    return 2**0.5 * jax.lax.erf_inv(jnp.clip(2 * uniform - 1, -1 + 2e-6, 1 - 2e-6))


def _choose_starts(
    region: Region, candidates: Float[Array, "m d"], values: Float[Array, " m"], num_wide: int, share: int
) -> Int[Array, " r"]:
    """Rows of the best candidates: ``share`` global ones, ``share`` local ones, and the best of some categories.

    The first ``num_wide`` candidates are the global ones.
    """
    encoding = region.encoding
    categories = [j for j, c in enumerate(encoding.columns) if c.kind == CATEGORY]
    num_strata = int(np.prod([encoding.columns[j].num_levels for j in categories], dtype=float))
    parts = []
    if 1 < num_strata <= _MAX_STRATA:
        levels = level(encoding, region.place(candidates))
        stratum = jnp.zeros(candidates.shape[0], jnp.int32)
        for j in categories:
            stratum = stratum * encoding.columns[j].num_levels + levels[:, j]
        is_member = stratum[None, :] == jnp.arange(num_strata, dtype=jnp.int32)[:, None]
        of_strata = jnp.where(is_member, values[None, :], -jnp.inf)
        winners = jnp.argmax(of_strata, axis=1)
        best = jax.lax.top_k(values[winners], min(_NUM_STARTS_OF_STRATA, num_strata))[1]
        parts.append(winners[best])
    parts.append(jax.lax.top_k(values[:num_wide], share)[1])
    parts.append(num_wide + jax.lax.top_k(values[num_wide:], share)[1])
    return jnp.concatenate([p.astype(jnp.int32) for p in parts])


def _climb(
    function: Function,
    value_of_new: Function,
    region: Region,
    trials: Trials,
    raws: Float[Array, "r d"],
    values: Float[Array, " r"],
) -> tuple[Float[Array, "r d"], Float[Array, " r"]]:
    """Improve each start in ``raws``, and return the improved points with their values.

    A round is a gradient ascent in the reals and in long ordered columns, then moves: changes of one discrete column at
    a time. The ascents of all starts run in one `jax.vmap`. The moves run for one start after another, because each
    move evaluates many points already. Only the best point gets a second round. In this round every lane of the vmap
    starts at the best point, so that all lanes end after the same number of steps. Starts and results are not snapped;
    `Region.place` snaps them.
    """
    encoding, r = region.encoding, raws.shape[0]
    is_smooth = np.array(
        [c.kind == REAL or (c.kind != CATEGORY and c.num_levels > MOST_LEVELS) for c in encoding.columns]
    )
    moves = _moves(encoding)

    def ascend(raw: Float[Array, " d"], value: Float[Array, ""]) -> tuple[Array, Array, Array]:
        """The best known point and its value, and the end of the ascent. Its value is unknown if moves follow."""
        ends = _ascend(function, region, trials, is_smooth, raw) if is_smooth.any() else raw[None, :]
        if moves and len(ends) == 1:
            return raw, value, ends[0]
        if len(ends) == 1:
            end, end_value = ends[0], value_of_new(ends[0])
        else:
            end_values = jax.vmap(value_of_new)(ends)
            best = jnp.argmax(end_values)
            end, end_value = ends[best], end_values[best]
        is_better = end_value > value
        raw, value = choose(is_better, (end, end_value), (raw, value))
        return raw, value, raw

    def round_of(i: Int[Array, ""], carry: tuple[Array, Array]) -> tuple[Array, Array]:
        raws, values = carry
        rows, is_first = jnp.arange(r, dtype=jnp.int32), i == 0
        rows = choose(is_first, rows, jnp.broadcast_to(jnp.argmax(values).astype(jnp.int32), rows.shape))
        risen = jax.vmap(ascend)(raws[rows], values[rows])

        def move(k: Int[Array, ""], carry: tuple[Array, Array]) -> tuple[Array, Array]:
            raws, values = carry
            raw, value = _move(value_of_new, encoding, moves, *(part[k] for part in risen))
            return raws.at[rows[k]].set(raw), values.at[rows[k]].set(value)

        return jax.lax.fori_loop(np.int32(0), jnp.where(is_first, np.int32(r), np.int32(1)), move, carry)

    if not moves:
        return jax.vmap(ascend)(raws, values)[:2]
    return jax.lax.fori_loop(np.int32(0), np.int32(_NUM_ROUNDS), round_of, (raws, values))


def _ascend(
    function: Function, region: Region, trials: Trials, is_smooth: np.ndarray, raw: Float[Array, " d"]
) -> Float[Array, "k d"]:
    """A local maximum in the smooth columns, with the others fixed; under a constraint, also points before it."""
    fixed = region.place(raw)
    free = jnp.asarray(is_smooth) & is_active(region.encoding, fixed) & region.is_free
    dtype = raw.dtype

    def loss(z: Float[Array, " d"]) -> Float[Array, ""]:
        return -function(jnp.where(free, z, fixed))

    least, most = _bounds_of_ascent(region.encoding, fixed)
    result = minimize_bounded(
        loss,
        jnp.where(free, raw, fixed),
        jnp.where(free, least, fixed),
        jnp.where(free, most, fixed),
        max_evaluations=_MAX_ASCENT,
        gradient_tolerance=1e-6,
        value_tolerance=1e-9 if dtype == jnp.float64 else 1e-6,
    )
    end = jnp.where(free, result.x, raw)
    if region.encoding.constraint is None:
        # Under noise the maximum may be in the table already, for example in a corner. Then stop a little before it.
        is_old = jnp.any(is_taken(trials, region.place(end)))
        return jnp.where(is_old, end + jnp.asarray(0.01, dtype) * (raw - end), end)[None, :]
    # The maximum may not be allowed. Return points at several distances before it, of which one may be.
    short = jnp.asarray([0.0, *np.logspace(-2, 0, 15)[:-1]], dtype)
    return end[None, :] + short[:, None] * (raw - end)[None, :]


def _bounds_of_ascent(encoding: Encoding, x: Float[Array, " d"]) -> tuple[Float[Array, " d"], Float[Array, " d"]]:
    """Bounds for each column within which its value does not activate or deactivate other columns."""
    least, most = jnp.zeros_like(x), jnp.ones_like(x)
    for column in encoding.columns:
        if column.parent_range is None:
            continue
        j, (first, last) = column.parent, (jnp.asarray(place, x.dtype) for place in column.parent_range)
        is_below, is_above = x[j] < first, x[j] > last
        low = jnp.where(is_above, last, jnp.where(is_below, 0, first).astype(x.dtype))
        high = jnp.where(is_below, first, jnp.where(is_above, 1, last).astype(x.dtype))
        least, most = least.at[j].max(low), most.at[j].min(high)
    return least, most


def _walk(key, raw, value, *, value_of_new, encoding, inside):
    """Improve ``raw`` by random steps at all scales, then by changes of one discrete column at a time.

    Under a constraint, half of the steps go along differences of the allowed points ``inside``.
    """

    def round_of(carry, key):
        raw, value = carry
        uniform = jax.random.uniform(key, (_NUM_WALK_STEPS, _num_draws(encoding)), raw.dtype)
        points = _around(uniform, encoding, raw)
        if inside is not None:
            begin = jnp.broadcast_to(raw, points[::2].shape)
            points = points.at[::2].set(along(uniform[::2, :4], encoding, inside, begin))
        values = jax.vmap(value_of_new)(points)
        best = jnp.argmax(values)
        is_better = values[best] > value
        return choose(is_better, (points[best], values[best]), (raw, value)), None

    raw, value = jax.lax.scan(round_of, (raw, value), jax.random.split(key, _NUM_WALK_ROUNDS))[0]
    moves = _moves(encoding)
    return _move(value_of_new, encoding, moves, raw, value, raw) if moves else (raw, value)


def _moves(encoding: Encoding) -> list[tuple[int, int, bool]]:
    """Changes of one discrete column: (column, new level, False), or (column, number of levels to move, True)."""
    moves: list[tuple[int, int, bool]] = []
    for j, column in enumerate(encoding.columns):
        k = column.num_levels
        if column.kind == REAL:
            continue
        if k <= MOST_LEVELS:
            moves += [(j, i, False) for i in range(k)]
        else:
            factor = 2 if column.kind == CATEGORY else 4  # ascents move other columns too
            lengths = [factor**i for i in range(k.bit_length()) if factor**i <= k // 2]
            moves += [(j, sign * length, True) for length in lengths for sign in (-1, 1)]
    return moves


def _move(value_of_new, encoding, moves, raw, value, here):
    """The best chain of single moves from ``here``, or from ``raw`` if ``here`` and its neighbours are not better.

    Each step takes the best move, until no move is better. The program contains a single evaluation, so ``here``, whose
    value is not known, is evaluated together with its neighbours.
    """
    column = np.array([j for j, _, _ in moves])
    is_step = np.array([s for _, _, s in moves])
    target_level = np.array([0 if s else i for _, i, s in moves], np.int32)
    step = jnp.asarray([i / encoding.columns[j].num_levels if s else 0.0 for j, i, s in moves], raw.dtype)
    is_moved = np.arange(encoding.num_columns)[None, :] == column[:, None]
    levels = jnp.broadcast_to(jnp.asarray(target_level)[:, None], is_moved.shape)
    place = from_level(encoding, levels, raw.dtype)[np.arange(len(moves)), column]

    def improve(carry):
        raw, value, here, _, count = carry
        target = jnp.clip(jnp.where(is_step, here[column] + step, place), 0, 1)
        neighbours = jnp.where(is_moved, target[:, None], here[None, :])
        points = jnp.concatenate([here[None, :], neighbours])
        values = jax.vmap(value_of_new)(points)
        best = jnp.argmax(values)
        is_better = values[best] > value
        goes_on = choose(is_better, best > 0, jnp.any(here != raw))
        raw, value = choose(is_better, (points[best], values[best]), (raw, value))
        return raw, value, raw, goes_on, count + 1

    start = (raw, value, here, jnp.asarray(True), jnp.zeros((), jnp.int32))
    return jax.lax.while_loop(lambda c: c[3] & (c[4] < 2 * encoding.num_columns), improve, start)[:2]
