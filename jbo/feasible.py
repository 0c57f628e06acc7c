"""Search for points that a constraint allows, from known allowed points, for sets too thin for uniform samples.

A constraint returns only True or False, so the only guide is the set of points known to be allowed. A cloud of such
points makes a random walk. Each point steps along the difference of two other points, or a little to the side, and
keeps the step if it is allowed. The differences soon lie in the thin set, whatever its direction, and the cloud spreads
over it. All points start at a single trial. Differences between trials would be longer than all others, and would hide
directions in which the trials do not differ yet.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from jbo.encoding import REAL, Encoding
from jbo.numerics import matmul
from jbo.region import Region
from jbo.types import EMPTY, Trials

_NUM_POINTS = 64
_NUM_PROPOSALS = 4
_LEAST_ROUNDS, _MOST_ROUNDS = 8, 96
_GROWTH = 1.25
"""A cloud counts as growing while the range of a column increases by this factor."""
_SHORTEST, _LONGEST = 1e-4, 8.0
"""Range of the step length, relative to the difference of two points. Long steps let a cloud grow; short steps find a
maximum."""


class Cloud(NamedTuple):
    """Points that the constraint allows."""

    x: Float[Array, "p d"]
    """Snapped points, all equal if the set is a single point; arbitrary if none was found."""
    is_found: Bool[Array, ""]
    """False if no starting point is allowed."""


def cloud(key: Key[Array, ""], region: Region, trials: Trials, others: Float[Array, "m d"] | None = None) -> Cloud:
    """64 points spread over the connected part of the allowed set around a known allowed point.

    Args:
      key: Random key of the steps.
      region: Region of the points.
      trials: Trials of any status. The walk starts at one of those that are allowed.
      others: Further points of the unit cube at which the walk may start.

    References:
      Smith, Efficient Monte Carlo Procedures for Generating Points Uniformly Distributed over Bounded Regions, 1984
      (hit-and-run); ter Braak, A Markov Chain Monte Carlo Version of the Genetic Algorithm Differential Evolution, 2006
      (steps along the difference of two other points).
    """
    key_context, key_walk = jax.random.split(key)
    known, is_known = trials.x, trials.status != EMPTY
    if others is not None:
        known = jnp.concatenate([known, others])
        is_known = jnp.append(is_known, jnp.ones(len(others), bool))
    if region.fixed is not None:
        # Points allowed in other contexts are not allowed in this one, but they span the set: move along it to here.
        everywhere = Region(region.encoding)
        there = _walk(key_context, everywhere, everywhere.place(known), is_known)
        slid = _into_context(region, there)
        known = jnp.concatenate([known, slid])
        is_known = jnp.append(is_known, jnp.broadcast_to(there.is_found, len(slid)))
    return _walk(key_walk, region, region.place(known), is_known)


def along(
    uniform: Float[Array, "m 4"], encoding: Encoding, x: Float[Array, "p d"], begin: Float[Array, "m d"]
) -> Float[Array, "m d"]:
    """Points of the cube, one step from each given point along the difference of two points of a cloud.

    A step is 1e-4 to 8 times as long as the difference, log-uniformly, and ends at the faces of the cube.

    Args:
      uniform: Uniform numbers in ``[0, 1)``, one row for each step, which choose the two points, the sign and the
        length.
      encoding: Columns of the space. A step does not change categories.
      x: Points of the cloud, in the unit cube.
      begin: Starting point of each step, in the unit cube.
    """
    direction = jnp.where(encoding.is_category[None, :], 0, _difference(uniform[:, :2], x))
    direction = direction * jnp.where(uniform[:, 2:3] < 0.5, -1, 1)
    factor = jnp.exp(math.log(_SHORTEST) + math.log(_LONGEST / _SHORTEST) * uniform[:, 3:4])
    return begin + jnp.minimum(factor, _room(begin, direction)) * direction


def beside(key: Key[Array, ""], region: Region, trials: Trials, begin: Float[Array, "m d"]) -> Float[Array, "m d"]:
    """Snapped points, one step from each given point in a direction in which the allowed set extends.

    The results need not be allowed: the caller must check them with `Region.is_allowed`.

    Args:
      key: Random key of the cloud and of the steps.
      region: Region of the points.
      trials: As in `cloud`.
      begin: Allowed points of the unit cube. Steps from other points are rarely allowed.
    """
    key_cloud, key_steps = jax.random.split(key)
    uniform = jax.random.uniform(key_steps, (len(begin), 4), begin.dtype)
    return region.place(along(uniform, region.encoding, cloud(key_cloud, region, trials).x, begin))


def _walk(key: Key[Array, ""], region: Region, known: Float[Array, "m d"], is_known: Bool[Array, " m"]) -> Cloud:
    key_order, key_steps = jax.random.split(key)
    encoding, dtype = region.encoding, known.dtype
    is_allowed = is_known & region.is_allowed(known)
    is_found = jnp.any(is_allowed)
    which = jnp.argmax(jnp.where(is_allowed, jax.random.uniform(key_order, is_known.shape, dtype), -1))
    begin = jnp.broadcast_to(known[which], (_NUM_POINTS, known.shape[1]))
    is_real = np.array([column.kind == REAL for column in encoding.columns])

    def goes_on(carry: tuple[Array, Array, Array, Array]) -> Bool[Array, ""]:
        # After a cloud has stopped growing, it needs the same number of rounds again to become even.
        _, _, last_growth, i = carry
        return is_found & (i < jnp.clip(2 * last_growth, _LEAST_ROUNDS, _MOST_ROUNDS))

    def step(carry: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        x, widest, last_growth, i = carry
        proposed = region.place(_proposals(jax.random.fold_in(key_steps, i), region, x))
        length = jnp.max(jnp.abs(proposed - x[:, None, :]), axis=-1)
        is_good = region.is_allowed(proposed) & (length > 0)
        # While the cloud grows, every second round takes the longest step. Later, this would gather points at the ends.
        score = jnp.where((i % 2 == 0) & (i < last_growth + 4), length, 1)
        best = jnp.argmax(jnp.where(is_good, score, -1), axis=1)
        chosen = jnp.take_along_axis(proposed, best[:, None, None], axis=1)[:, 0]
        is_moved = jnp.any(is_good, axis=1)
        x = jnp.where(is_moved[:, None], chosen, x)
        range_now = jnp.ptp(x, axis=0)
        is_grown = jnp.asarray(is_real) & (range_now > _GROWTH * widest)
        widest = jnp.where(is_grown, range_now, widest)
        return x, widest, jnp.where(jnp.any(is_grown), i + 1, last_growth), i + 1

    none = jnp.zeros((), jnp.int32)
    start = (begin, jnp.zeros_like(begin[0]), none, none)
    return Cloud(jax.lax.while_loop(goes_on, step, start)[0], is_found)


def _proposals(key: Key[Array, ""], region: Region, x: Float[Array, "p d"]) -> Float[Array, "p t d"]:
    """Steps from each point: half of them along differences of two points, half random in all or a few columns."""
    encoding, (p, d), dtype = region.encoding, x.shape, x.dtype
    m = p * _NUM_PROPOSALS
    uniform = jax.random.uniform(key, (m, 3 * d + 6), dtype)
    normal, fresh, chance, rest = jnp.split(uniform, [d, 2 * d, 3 * d], axis=1)
    begin = jnp.repeat(x, _NUM_PROPOSALS, axis=0)
    is_category = jnp.asarray(encoding.is_category)[None, :]

    direction = jnp.where(is_category, 0, _difference(rest[:, :2], x)) * jnp.where(rest[:, 2:3] < 0.5, -1, 1)
    factor = jnp.exp(math.log(0.05) + math.log(_LONGEST / 0.05) * rest[:, 3:4])
    room, behind = _room(begin, direction), _room(begin, -direction)
    # One step in four goes to a uniform point of the line within the cube. Other steps that would leave the cube are
    # not made. Each step is thus as likely as its reverse, so that no point is preferred.
    anywhere = jnp.where(jnp.isfinite(room), (room + behind) * (4 * rest[:, 4:5]) - behind, 0)
    step_along = jnp.where(rest[:, 4:5] < 0.25, anywhere, jnp.where(factor > room, 0, factor))
    there = begin + step_along * direction

    least = math.log(1e-7 if dtype == jnp.float32 else 1e-11)
    scale = jnp.exp(math.log(0.5) + (least - math.log(0.5)) * rest[:, 3:4] ** 2)
    one_level = jnp.asarray(1 / np.where(encoding.num_levels > 0, encoding.num_levels, np.inf), dtype)
    step = jnp.maximum(scale, one_level[None, :]) * (2 * normal - 1)
    number_changed = jnp.where(rest[:, 5:6] < 0.5, 1.5 / d, 1)
    is_changed = chance < jnp.where(is_category, 0.25, number_changed)
    aside = jnp.where(is_changed, jnp.where(is_category, fresh, jnp.clip(begin + step, 0, 1)), begin)
    is_along = (jnp.arange(m) % 2 == 0)[:, None]
    return jnp.where(is_along, there, aside).reshape(p, _NUM_PROPOSALS, d)


def _difference(uniform: Float[Array, "m 2"], x: Float[Array, "p d"]) -> Float[Array, "m d"]:
    """Differences of random pairs of points of the cloud."""
    rows: Int[Array, "m 2"] = jnp.minimum((uniform * len(x)).astype(jnp.int32), len(x) - 1)
    return x[rows[:, 0]] - x[rows[:, 1]]


def _room(begin: Float[Array, "m d"], direction: Float[Array, "m d"]) -> Float[Array, "m 1"]:
    """The largest multiple of a direction that stays in the cube."""
    steep = jnp.where(direction == 0, 1, direction)
    room = jnp.where(direction > 0, (1 - begin) / steep, -begin / steep)
    return jnp.min(jnp.where(direction == 0, jnp.inf, room), axis=1, keepdims=True)


def _into_context(region: Region, there: Cloud) -> Float[Array, "p d"]:
    r"""The points of a cloud, moved within the plane that it spans so that the fixed columns have their values.

    The result is the mean of a normal distribution with the covariance :math:`C` of the cloud, given its columns
    :math:`F`: :math:`x + C_{\cdot F} C_{FF}^{-1} (c_F - x_F)`.
    """
    assert region.fixed is not None
    x, dtype = there.x, there.x.dtype
    is_real = np.array([column.kind == REAL for column in region.encoding.columns])
    is_given = ~region.is_free & jnp.asarray(is_real)
    centred = jnp.where(jnp.asarray(is_real)[None, :], x - jnp.mean(x, axis=0, keepdims=True), 0)
    covariance = matmul(centred.T, centred) / len(x)
    of_given = jnp.where(is_given[:, None] & is_given[None, :], covariance, 0)
    # Free columns, and columns that do not vary, become identity rows.
    least = 16 * jnp.finfo(dtype).eps * jnp.max(covariance)
    of_given = of_given + jnp.diag(jnp.where(is_given & (jnp.diag(of_given) > least), 0, 1)).astype(dtype)
    missing = jnp.where(is_given[None, :], region.fixed.astype(dtype)[None, :] - x, 0)
    weights = jnp.where(is_given[:, None], jnp.linalg.pinv(of_given, 1e-5, hermitian=True) @ missing.T, 0)
    return jnp.clip(x + matmul(covariance, weights).T, 0, 1)
