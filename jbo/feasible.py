"""Points that a constraint allows, found from others that it allows: for sets so thin that no uniform draw hits them.

A constraint says True or False and nothing else, so the only guide is the set of points known to be allowed. A cloud of
them walks. Each point steps along the difference of two others, or a little to the side, and keeps a step that is
allowed. The differences soon lie in the thin set, whatever its direction, and the cloud spreads over it. It begins at
one point: the differences of trials would be longer than all others and hide the directions that no trial shows yet.
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
"""A cloud grows while the range of a column becomes so many times as long."""
_SHORTEST, _LONGEST = 1e-4, 8.0
"""Times the difference of two points: by long steps a cloud grows, by short ones a maximum is found."""


class Cloud(NamedTuple):
    """Points that the constraint allows."""

    x: Float[Array, "p d"]
    """Snapped points, the same one several times if the set is a point; without meaning if none was found."""
    is_found: Bool[Array, ""]
    """False if no point that the walk could begin at is allowed."""


def cloud(key: Key[Array, ""], region: Region, trials: Trials, others: Float[Array, "m d"] | None = None) -> Cloud:
    """64 points spread over the connected part of the allowed set that holds a point known to be allowed.

    Args:
      key: Draws the steps.
      region: Where the points may be.
      trials: The walk begins at one of the trials that are allowed, pending and failed trials among them.
      others: More points of the unit cube at which the walk may begin.

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
        # What other contexts allow is not allowed in this one, but it spans the set: slide along it into this one.
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
      uniform: Uniform numbers in ``[0, 1)``, one row a step. They choose the two points, the side and the length.
      encoding: Columns of the space. A step leaves categories as they are.
      x: Points of the cloud, in the unit cube.
      begin: Where each step begins, in the unit cube.
    """
    direction = jnp.where(encoding.is_category[None, :], 0, _difference(uniform[:, :2], x))
    direction = direction * jnp.where(uniform[:, 2:3] < 0.5, -1, 1)
    factor = jnp.exp(math.log(_SHORTEST) + math.log(_LONGEST / _SHORTEST) * uniform[:, 3:4])
    return begin + jnp.minimum(factor, _room(begin, direction)) * direction


def beside(key: Key[Array, ""], region: Region, trials: Trials, begin: Float[Array, "m d"]) -> Float[Array, "m d"]:
    """Snapped points, one step from each given point in a direction in which the allowed set extends.

    The results need not be allowed: the caller asks `Region.is_allowed`.

    Args:
      key: Draws the cloud and the steps.
      region: Where the points may be.
      trials: As in `cloud`.
      begin: Allowed points of the unit cube. A step from another point is hardly ever allowed.
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
        # A cloud that has grown needs as many rounds again to lie evenly.
        _, _, last_growth, i = carry
        return is_found & (i < jnp.clip(2 * last_growth, _LEAST_ROUNDS, _MOST_ROUNDS))

    def step(carry: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        x, widest, last_growth, i = carry
        proposed = region.place(_proposals(jax.random.fold_in(key_steps, i), region, x))
        length = jnp.max(jnp.abs(proposed - x[:, None, :]), axis=-1)
        is_good = region.is_allowed(proposed) & (length > 0)
        # Every second round takes the longest step while the cloud grows; then any step will do, or the ends gather it.
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
    """Steps from each point: one half along a difference of two points, the other aside, in all columns or in a few."""
    encoding, (p, d), dtype = region.encoding, x.shape, x.dtype
    m = p * _NUM_PROPOSALS
    uniform = jax.random.uniform(key, (m, 3 * d + 6), dtype)
    normal, fresh, chance, rest = jnp.split(uniform, [d, 2 * d, 3 * d], axis=1)
    begin = jnp.repeat(x, _NUM_PROPOSALS, axis=0)
    is_category = jnp.asarray(encoding.is_category)[None, :]

    direction = jnp.where(is_category, 0, _difference(rest[:, :2], x)) * jnp.where(rest[:, 2:3] < 0.5, -1, 1)
    factor = jnp.exp(math.log(0.05) + math.log(_LONGEST / 0.05) * rest[:, 3:4])
    room, behind = _room(begin, direction), _room(begin, -direction)
    # One step in four goes anywhere on the line through the cube, the others stay if they would leave the cube: each
    # step is as likely as the way back, so that no point is preferred.
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
    """The difference of two points of the cloud."""
    rows: Int[Array, "m 2"] = jnp.minimum((uniform * len(x)).astype(jnp.int32), len(x) - 1)
    return x[rows[:, 0]] - x[rows[:, 1]]


def _room(begin: Float[Array, "m d"], direction: Float[Array, "m d"]) -> Float[Array, "m 1"]:
    """How many times a direction goes into the cube."""
    steep = jnp.where(direction == 0, 1, direction)
    room = jnp.where(direction > 0, (1 - begin) / steep, -begin / steep)
    return jnp.min(jnp.where(direction == 0, jnp.inf, room), axis=1, keepdims=True)


def _into_context(region: Region, there: Cloud) -> Float[Array, "p d"]:
    r"""The points of a cloud moved within the plane that it spans to where the given columns have their values.

    The mean of a normal distribution with the covariance :math:`C` of the cloud, given its columns :math:`F`:
    :math:`x + C_{\cdot F} C_{FF}^{-1} (c_F - x_F)`.
    """
    assert region.fixed is not None
    x, dtype = there.x, there.x.dtype
    is_real = np.array([column.kind == REAL for column in region.encoding.columns])
    is_given = ~region.is_free & jnp.asarray(is_real)
    centred = jnp.where(jnp.asarray(is_real)[None, :], x - jnp.mean(x, axis=0, keepdims=True), 0)
    covariance = matmul(centred.T, centred) / len(x)
    of_given = jnp.where(is_given[:, None] & is_given[None, :], covariance, 0)
    # Columns that are not given, and one that never moved, are rows of the identity.
    least = 16 * jnp.finfo(dtype).eps * jnp.max(covariance)
    of_given = of_given + jnp.diag(jnp.where(is_given & (jnp.diag(of_given) > least), 0, 1)).astype(dtype)
    missing = jnp.where(is_given[None, :], region.fixed.astype(dtype)[None, :] - x, 0)
    weights = jnp.where(is_given[:, None], jnp.linalg.pinv(of_given, 1e-5, hermitian=True) @ missing.T, 0)
    return jnp.clip(x + matmul(covariance, weights).T, 0, 1)
