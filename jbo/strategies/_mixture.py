"""Densities on the unit cube: mixtures of product kernels around points, over columns of every kind.

The kernel of a real column is a Gaussian truncated to ``[0, 1]``. The kernel of an ordered level is the mass of such a
Gaussian in the level's cell. The kernel of a category replaces the point's own choice with probability ``b`` by a
uniform one. A density includes the columns that are active in the evaluated point. If a column was not active in the
point of a kernel, the kernel is uniform there. Each column is thus distributed given its parents, and a mixture sums to
one over all configs of a conditional space.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erf, erfinv, logsumexp
from jaxtyping import Array, Bool, Float, Key

from jbo.encoding import Encoding, cells, is_active, level
from jbo.maximize import MOST_LEVELS
from jbo.numerics import LOG_SQRT_2PI, log_normal_mass, matmul

_MIDDLE = 0.5
"""Centre of the cube, from which coordinates are measured so that their squares are small."""


class Mixture(NamedTuple):
    """Kernels around ``n`` points. A kernel without active columns is the uniform distribution over the space."""

    x: Float[Array, "n d"]
    """Snapped points."""
    is_seen: Bool[Array, "n d"]
    """True for the active columns of each point."""
    weight: Float[Array, " n"]
    """Weights of the kernels: not negative, not all 0. They need not sum to one."""
    bandwidth: Float[Array, "n d"]
    """Standard deviation of the Gaussian in units of the cube; for a category the probability ``b`` of replacement."""


def log_density(encoding: Encoding, mixture: Mixture, x: Float[Array, "m d"]) -> Float[Array, " m"]:
    """Logarithm of the density over the reals of a point times the probability of its levels and categories.

    Args:
      encoding: Columns of the space.
      mixture: The density.
      x: Snapped points.
    """
    kernels = _log_kernels(encoding, mixture, x, is_active(encoding, x))
    log_weight = jnp.log(mixture.weight / jnp.sum(mixture.weight))
    return logsumexp(kernels + log_weight[None, :], axis=1)


def log_kernels_at(encoding: Encoding, mixture: Mixture) -> Callable[[Float[Array, " d"]], Float[Array, " n"]]:
    """Function from a point to the logarithm of each kernel of a mixture; fast, because levels are evaluated only once.

    An ordered column with more levels than `maximize` enumerates is treated as real: it has a density, not a
    probability mass, because `maximize` follows its gradient.

    Args:
      encoding: Columns of the space.
      mixture: Mixture of kernels.
    """
    dtype, num_levels = mixture.x.dtype, encoding.num_levels
    is_listed = encoding.is_category | (num_levels > 0) & (num_levels <= MOST_LEVELS)
    real = np.flatnonzero(~is_listed)
    listed = []
    for is_kind in (encoding.is_category, ~encoding.is_category):
        j = np.flatnonzero(is_listed & is_kind)
        if j.size:
            listed.append((np.repeat(j, num_levels[j]), np.concatenate([np.arange(k) for k in num_levels[j]])))
    column, levels = (np.concatenate(part) for part in zip(*listed, strict=True)) if listed else (real[:0], real[:0])
    kernels = _Kernels(encoding, mixture)
    coefficients = jnp.concatenate(
        [*(kernels.of_levels(*one) for one in listed), *kernels.of_reals(real)]
    )  # [features n]

    # A product with a 0-1 matrix: its derivative is a product too, while that of indexing would be a loop.
    reals = jnp.asarray(np.arange(encoding.num_columns)[:, None] == real[None, :], dtype)

    def at(x: Float[Array, " d"]) -> Float[Array, " n"]:
        u = (x if real.size == x.size else matmul(x[None, :], reals)[0]) - _MIDDLE
        features = [u**2, u, jnp.ones_like(u)]
        if levels.size:
            features.insert(0, level(encoding, x)[column] == levels)
        if encoding.depth:  # some columns depend on others
            active = is_active(encoding, x)
            owners = [column, real, real, real] if levels.size else [real] * 3
            features = [part * active[own] for part, own in zip(features, owners, strict=True)]
        features = jnp.concatenate(features).astype(dtype)
        # A matrix product, so that under vmap many points are one larger product.
        return matmul(features[None, :], coefficients)[0]

    return at


def given(encoding: Encoding, mixture: Mixture, x: Float[Array, " d"], is_given: Bool[Array, " d"]) -> Mixture:
    """The conditional mixture: the distribution of the free columns given the values of the other columns.

    Args:
      encoding: Columns of the space.
      mixture: The density.
      x: A snapped point with the values of the given columns.
      is_given: True for the given columns.
    """
    counts = is_given & is_active(encoding, x)
    kernels = _log_kernels(encoding, mixture, x[None, :], counts[None, :])[0]
    return mixture._replace(weight=jax.nn.softmax(jnp.log(mixture.weight) + kernels))


def sample(key: Key[Array, ""], encoding: Encoding, mixture: Mixture, num_points: int) -> Float[Array, "m d"]:
    """Samples from a mixture. Snapping the points gives samples of the levels and categories.

    Args:
      key: Random key of the points.
      encoding: Columns of the space.
      mixture: The density.
      num_points: Number of points.
    """
    d, dtype = encoding.num_columns, mixture.x.dtype
    # One call of the generator for everything, because each call adds to the time to compile.
    uniform = jax.random.uniform(key, (num_points, 2 * d + 1), dtype)
    which, chance, u = uniform[:, 0], uniform[:, 1 : d + 1], uniform[:, d + 1 :]
    total = jnp.cumsum(mixture.weight)
    row = jnp.searchsorted(total, total[-1] * which, side="right")
    x, bandwidth = mixture.x[row], mixture.bandwidth[row]
    # Quantiles of a Gaussian truncated to [0, 1].
    scale = bandwidth * np.sqrt(2)
    low, high = erf(-x / scale), erf((1 - x) / scale)
    near = x + scale * erfinv(low + u * (high - low))
    category = jnp.where(chance < bandwidth, u, x)
    drawn = jnp.where(jnp.asarray(encoding.is_category)[None, :], category, near)
    return jnp.clip(jnp.where(mixture.is_seen[row], drawn, u), 0, 1)


def _log_real(x: Array, centre: Array, bandwidth: Array, log_inside: Array) -> Array:
    z = (x - centre) / bandwidth
    return -0.5 * z**2 - (LOG_SQRT_2PI + jnp.log(bandwidth) + log_inside)


def _log_ordered(middle: Array, width: Array, centre: Array, bandwidth: Array, log_inside: Array) -> Array:
    return log_normal_mass((middle - centre) / bandwidth, width / bandwidth) - log_inside


def _log_category(is_own: Array, width: Array, again: Array) -> Array:
    return jnp.log(jnp.where(is_own, 1 - again, 0) + again * width)


class _Kernels:
    """Logarithms of kernels in single columns, each ``[c n]`` for ``c`` coordinates and the points of a mixture."""

    def __init__(self, encoding: Encoding, mixture: Mixture) -> None:
        """Keep the parameters of a mixture over a space."""
        self.encoding = encoding
        self.centre, self.bandwidth, self.is_seen = mixture.x.T, mixture.bandwidth.T, mixture.is_seen.T
        self.own_levels = level(encoding, mixture.x).T
        self.log_inside = log_normal_mass((0.5 - self.centre) / self.bandwidth, 1 / self.bandwidth)

    def of_levels(self, j: np.ndarray, levels: np.ndarray) -> Float[Array, "c n"]:
        """Log kernels at the levels of the columns ``j``, which are all categories, or all ordered and not real."""
        place = np.zeros((j.size, self.encoding.num_columns), np.int32)
        place[np.arange(j.size), j] = levels
        parts = cells(self.encoding, jnp.asarray(place), self.centre.dtype)
        middle, width = (part[np.arange(j.size), j][:, None] for part in parts)
        if self.encoding.is_category[j[0]]:
            value = _log_category(jnp.asarray(levels)[:, None] == self.own_levels[j], width, self.bandwidth[j])
        else:
            value = _log_ordered(middle, width, self.centre[j], self.bandwidth[j], self.log_inside[j])
        return jnp.where(self.is_seen[j], value, jnp.log(width))

    def of_reals(self, j: np.ndarray) -> list[Float[Array, "c n"]]:
        """Log kernels of the columns ``j``, taken as real: the coefficients of u², u and 1 with u = x - `_MIDDLE`."""
        bandwidth, centre = self.bandwidth[j], self.centre[j] - _MIDDLE
        square = -0.5 / bandwidth**2
        constant = _log_real(jnp.zeros((), centre.dtype), centre, bandwidth, self.log_inside[j])
        return [jnp.where(self.is_seen[j], part, 0) for part in (square, -2 * square * centre, constant)]


def _log_kernels(
    encoding: Encoding, mixture: Mixture, x: Float[Array, "m d"], counts: Bool[Array, "m d"]
) -> Float[Array, "m n"]:
    """Logarithm of each kernel at each point, over the given columns of each point."""
    levels, own_levels = level(encoding, x), level(encoding, mixture.x)
    middle, width = cells(encoding, levels, x.dtype)
    log_inside = log_normal_mass((0.5 - mixture.x) / mixture.bandwidth, 1 / mixture.bandwidth)

    def of_points(values: Array, j: np.ndarray) -> Array:
        return values[:, j, None]

    def of_kernels(values: Array, j: np.ndarray) -> Array:
        return values[:, j].T[None, :, :]  # kernels last: a long inner axis is fastest

    def real(j: np.ndarray) -> Float[Array, "m c n"]:
        kernels = (of_kernels(part, j) for part in (mixture.x, mixture.bandwidth, log_inside))
        return _log_real(of_points(x, j), *kernels)

    def ordered(j: np.ndarray) -> Float[Array, "m c n"]:
        kernels = (of_kernels(part, j) for part in (mixture.x, mixture.bandwidth, log_inside))
        return _log_ordered(of_points(middle, j), of_points(width, j), *kernels)

    def category(j: np.ndarray) -> Float[Array, "m c n"]:
        is_own = of_points(levels, j) == of_kernels(own_levels, j)
        return _log_category(is_own, of_points(width, j), of_kernels(mixture.bandwidth, j))

    is_real, is_category = encoding.num_levels == 0, encoding.is_category
    total = jnp.zeros((x.shape[0], mixture.x.shape[0]), x.dtype)
    for log_kernel, is_kind in ((real, is_real), (ordered, ~is_real & ~is_category), (category, is_category)):
        j = np.flatnonzero(is_kind)
        if j.size:
            # If the column is not active in the point of a kernel, the kernel is uniform.
            value = jnp.where(of_kernels(mixture.is_seen, j), log_kernel(j), of_points(jnp.log(width), j))
            total += jnp.sum(jnp.where(of_points(counts, j), value, 0), axis=1)
    return total
