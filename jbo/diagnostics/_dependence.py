"""Partial dependence of predictions on one or two columns, averaged over the other columns."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from jbo.designs import sobol
from jbo.encoding import Encoding, from_level, held, is_active, on_simplexes, snap
from jbo.numerics import matmul, matvec
from jbo.surrogates import GPParams, Posterior
from jbo.surrogates.gaussian_process import GPPosterior

_OFF = 1e-4
"""Maximum difference between a share and its requested coordinate. A larger one means that the coordinate is
impossible."""


class Dependence(NamedTuple):
    """The function averaged over all columns but the held ones; NaN where the held columns are not active together."""

    mean: Float[Array, " m"]
    """Posterior mean of the average."""
    deviation: Float[Array, " m"]
    """Standard deviation of the average. It is exact for a Gaussian process; for other models it is an upper bound, the
    average of the standard deviations."""


def partial_dependence(
    key: Key[Array, ""],
    posterior: Posterior,
    encoding: Encoding,
    column: int | tuple[int, int],
    places: Float[Array, " m"] | Float[Array, "m 2"],
    num_points: int = 128,
) -> Dependence:
    """Partial dependence of a model: its average over the cube, with one or two columns held at given coordinates.

    Args:
      key: Random key of the points of the average, a Sobol sequence.
      posterior: The model.
      encoding: Columns of the space. For a column with a condition, the average is over points where it is active.
      column: Index of one column, or indices of two.
      places: Coordinates of the column, in ``[0, 1]``; for two columns a row for each pair of coordinates.
      num_points: Number of points of the average.

    References:
      Friedman, Greedy Function Approximation: A Gradient Boosting Machine, 2001, section 8.2. The average of a Gaussian
      process is normal: Moosbauer et al., Explaining Hyperparameter Optimization via Partial Dependence Plots, 2021.
    """
    columns = (column,) if isinstance(column, int) else column
    points = sobol(key, num_points, encoding.num_columns, places.dtype)
    background = where_active(encoding, points, columns)
    return averaged(posterior, encoding, background, jnp.asarray(columns, jnp.int32), places.reshape(-1, len(columns)))


def averaged(
    posterior: Posterior,
    encoding: Encoding,
    background: Float[Array, "p d"],
    columns: Int[Array, " k"],
    places: Float[Array, "m k"],
) -> Dependence:
    """The function averaged over given points, with some of their columns set to each row of ``places``.

    Args:
      posterior: The model.
      encoding: Columns of the space.
      background: Points to average over. Points at which a held column is inactive are left out.
      columns: Indices of the held columns; may be traced.
      places: Coordinates of the held columns, in ``[0, 1]``.
    """
    is_held = jnp.zeros(encoding.num_columns, bool).at[columns].set(True)

    def at(place: Float[Array, " k"]) -> tuple[Float[Array, ""], Float[Array, ""]]:
        wanted = jnp.broadcast_to(jnp.zeros_like(background[0]).at[columns].set(place), background.shape)
        x = jnp.where(jnp.broadcast_to(is_held, background.shape), wanted, background)
        if encoding.simplexes:
            x = held(encoding, on_simplexes(encoding, background), is_held, wanted)
        x = snap(encoding, x)
        weights = _is_there(encoding, x, is_held, wanted).astype(x.dtype)
        number = jnp.sum(weights)
        mean, variance = _average(posterior, x, weights / jnp.maximum(number, 1))
        return jnp.where(number > 0, mean, jnp.nan), jnp.where(number > 0, variance, jnp.nan)

    mean, variance = jax.lax.map(at, places)
    return Dependence(mean, jnp.sqrt(variance))


def where_active(encoding: Encoding, x: Float[Array, "m d"], columns: Sequence[int]) -> Float[Array, "m d"]:
    """The points, with the parents of ``columns`` moved to values at which ``columns`` are active.

    The new values of a parent are spread evenly over the values that make its child active.

    Args:
      encoding: Columns of the space.
      x: Points of the cube.
      columns: Indices of the columns. If two columns have the same parent and no level of it makes both active, they
        are not active together in the result.
    """
    levels: dict[int, tuple[int, ...]] = {}
    ranges: dict[int, tuple[float, float]] = {}
    waiting = list(columns)
    while waiting:
        child = encoding.columns[waiting.pop()]
        parent = child.parent
        if parent < 0:
            continue
        waiting.append(parent)
        if child.parent_range is not None:
            first, last = ranges.get(parent, (0.0, 1.0))
            ranges[parent] = (max(first, child.parent_range[0]), min(last, child.parent_range[1]))
        else:
            both = tuple(level for level in levels.get(parent, child.parent_levels) if level in child.parent_levels)
            levels[parent] = both or child.parent_levels
    for parent, span in ranges.items():
        first, last = (jnp.asarray(place, x.dtype) for place in span)
        x = x.at[:, parent].set(jnp.clip(first + (last - first) * x[:, parent], first, last))
    for parent, which in levels.items():
        number = jnp.minimum((x[:, parent] * len(which)).astype(jnp.int32), np.int32(len(which) - 1))
        all_levels = jnp.zeros(x.shape, jnp.int32).at[:, parent].set(jnp.asarray(which, jnp.int32)[number])
        x = x.at[:, parent].set(from_level(encoding, all_levels, x.dtype)[:, parent])
    return x


def _is_there(
    encoding: Encoding, x: Float[Array, "p d"], is_held: Bool[Array, " d"], wanted: Float[Array, "p d"]
) -> Bool[Array, " p"]:
    """True for snapped points at which the held columns are active and held shares have their wanted values."""
    is_right = is_active(encoding, x)
    if encoding.simplexes:
        is_off = jnp.broadcast_to(jnp.asarray(encoding.is_share), x.shape) & (jnp.abs(x - wanted) > _OFF)
        is_right &= ~is_off
    return jnp.all(is_right | ~jnp.broadcast_to(is_held, x.shape), axis=-1)


def _average(
    posterior: Posterior, x: Float[Array, "p d"], weights: Float[Array, " p"]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Mean and variance of the average of the function over ``x``, with weights that sum to 1."""
    if not isinstance(posterior, GPPosterior):
        mean, variance = posterior.predict(x)
        return jnp.sum(weights * mean), jnp.sum(weights * jnp.sqrt(variance)) ** 2

    def one_set(params: GPParams, root: Float[Array, "n n"], alpha: Float[Array, " n"]):
        cross = posterior.kernel(params, x, posterior.x) * posterior.is_valid[None, :].astype(x.dtype)
        row = matvec(cross.T, weights)
        prior = jnp.sum(weights * matvec(posterior.kernel(params, x, x), weights))
        explained = jnp.sum(matmul(row[None, :], root) ** 2)
        return jnp.sum(row * alpha), jnp.maximum(prior - explained, 16 * jnp.finfo(x.dtype).eps * prior)

    means, variances = jax.vmap(one_set)(posterior.params, posterior.root, posterior.alpha)
    return jnp.mean(means), jnp.mean(variances) + jnp.var(means)
