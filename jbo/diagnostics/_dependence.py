"""How predictions depend on one column, the others averaged over."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from jbo.designs import sobol
from jbo.encoding import Encoding, from_level, held, snap
from jbo.numerics import matmul
from jbo.surrogates import GPParams, Posterior
from jbo.surrogates.gaussian_process import GPPosterior


class Dependence(NamedTuple):
    """The function averaged over all columns but one."""

    mean: Float[Array, " m"]
    deviation: Float[Array, " m"]
    """Of the average. Exact for a Gaussian process; for other models its largest possible value, the average of the
    deviations."""


def partial_dependence(
    key: Key[Array, ""],
    posterior: Posterior,
    encoding: Encoding,
    column: int,
    places: Float[Array, " m"],
    num_points: int = 128,
) -> Dependence:
    """What a model believes of the function averaged over the cube, with one column held at each of ``places``.

    Args:
      key: Draws the points that are averaged over, Sobol's sequence.
      posterior: The model.
      encoding: Columns of the space. For a column with a condition the average goes over the part where it exists.
      column: Which column.
      places: Where to hold it, in ``[0, 1]``.
      num_points: How many points are averaged over.

    References:
      Friedman, Greedy Function Approximation: A Gradient Boosting Machine, 2001, section 8.2. The average of a Gaussian
      process is normal: Moosbauer et al., Explaining Hyperparameter Optimization via Partial Dependence Plots, 2021.
    """
    background = where_active(encoding, sobol(key, num_points, encoding.num_columns, places.dtype), column)
    return averaged(posterior, encoding, background, jnp.asarray(column, jnp.int32), places)


def averaged(
    posterior: Posterior,
    encoding: Encoding,
    background: Float[Array, "p d"],
    column: Int[Array, ""],
    places: Float[Array, " m"],
) -> Dependence:
    """The function averaged over given points, with one column of them held at each of ``places``.

    Args:
      posterior: The model.
      encoding: Columns of the space.
      background: Points to average over, at which the column exists.
      column: Which column; may be traced.
      places: Where to hold it, in ``[0, 1]``.
    """

    def at(place: Float[Array, ""]) -> tuple[Float[Array, ""], Float[Array, ""]]:
        if not encoding.simplexes:
            return _average(posterior, snap(encoding, background.at[:, column].set(place)))
        is_held = jnp.arange(encoding.num_columns, dtype=jnp.int32) == column
        places = jnp.broadcast_to(place, background.shape)
        return _average(posterior, snap(encoding, held(encoding, snap(encoding, background), is_held, places)))

    mean, variance = jax.lax.map(at, places)
    return Dependence(mean, jnp.sqrt(variance))


def where_active(encoding: Encoding, x: Float[Array, "m d"], column: int) -> Float[Array, "m d"]:
    """The points with all that ``column`` depends on moved to where it exists, evenly over these levels or places.

    Args:
      encoding: Columns of the space.
      x: Points of the cube.
      column: Which column.
    """
    while (parent := encoding.columns[column].parent) >= 0:
        child = encoding.columns[column]
        if child.parent_range is not None:
            first, last = (jnp.asarray(place, x.dtype) for place in child.parent_range)
            x = snap(encoding, x.at[:, parent].set(jnp.clip(first + (last - first) * x[:, parent], first, last)))
            column = parent
            continue
        levels = np.array(child.parent_levels, np.int32)
        which = jnp.minimum((x[:, parent] * len(levels)).astype(jnp.int32), np.int32(len(levels) - 1))
        all_levels = jnp.zeros(x.shape, jnp.int32).at[:, parent].set(jnp.asarray(levels)[which])
        x = x.at[:, parent].set(from_level(encoding, all_levels, x.dtype)[:, parent])
        column = parent
    return x


def _average(posterior: Posterior, x: Float[Array, "m d"]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Mean and variance of the average of the function over ``x``."""
    if not isinstance(posterior, GPPosterior):
        mean, variance = posterior.predict(x)
        return jnp.mean(mean), jnp.mean(jnp.sqrt(variance)) ** 2

    def one_set(params: GPParams, root: Float[Array, "n n"], alpha: Float[Array, " n"]):
        cross = posterior.kernel(params, x, posterior.x) * posterior.is_valid[None, :].astype(x.dtype)
        row = jnp.mean(cross, axis=0)
        prior = jnp.mean(posterior.kernel(params, x, x))
        explained = jnp.sum(matmul(row[None, :], root) ** 2)
        return jnp.sum(row * alpha), jnp.maximum(prior - explained, 16 * jnp.finfo(x.dtype).eps * prior)

    means, variances = jax.vmap(one_set)(posterior.params, posterior.root, posterior.alpha)
    return jnp.mean(means), jnp.mean(variances) + jnp.var(means)
