"""Densities on the unit cube: mixtures of product kernels around points, over columns of every kind.

The kernel of a real is a Gaussian truncated to ``[0, 1]``, that of an ordered level the mass of such a Gaussian in the
level's cell; that of a category leaves the point's own choice with the chance ``b`` and then draws all choices alike.
A column counts where it is active in the point that is valued, and a kernel whose own point did not see it active is
uniform there. So each column is drawn after its parents from a distribution of its own, and a mixture sums to one over
all configs of a conditional space.
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
"""Of the cube: squares of places are small around it."""


class Mixture(NamedTuple):
    """Kernels around ``n`` points; one whose point saw no column is the uniform distribution over the space."""

    x: Float[Array, "n d"]
    """Snapped points."""
    is_seen: Bool[Array, "n d"]
    """True where a point says something about a column."""
    weight: Float[Array, " n"]
    """Not negative, not all 0; they need not sum to one."""
    bandwidth: Float[Array, "n d"]
    """Deviation of the Gaussian in units of the cube; of a category the chance ``b`` that it is drawn anew."""


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

    # A product with zeros and ones: its derivative is another one, that of an index would be a loop.
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
        # A product, so that many points at once are a product of matrices.
        return matmul(features[None, :], coefficients)[0]

    return at


def given(encoding: Encoding, mixture: Mixture, x: Float[Array, " d"], is_given: Bool[Array, " d"]) -> Mixture:
    """The mixture whose free columns are distributed as those of ``mixture`` are once some columns are known.

    Args:
      encoding: Columns of the space.
      mixture: The density.
      x: A snapped point with the known columns at their places.
      is_given: True for the known columns.
    """
    counts = is_given & is_active(encoding, x)
    kernels = _log_kernels(encoding, mixture, x[None, :], counts[None, :])[0]
    return mixture._replace(weight=jax.nn.softmax(jnp.log(mixture.weight) + kernels))


def sample(key: Key[Array, ""], encoding: Encoding, mixture: Mixture, num_points: int) -> Float[Array, "m d"]:
    """Points of the cube; snapped, they are distributed as ``mixture`` says.

    Args:
      key: Draws the points.
      encoding: Columns of the space.
      mixture: The density.
      num_points: How many.
    """
    d, dtype = encoding.num_columns, mixture.x.dtype
    # One draw for everything: each call of the generator is a piece of program to compile.
    uniform = jax.random.uniform(key, (num_points, 2 * d + 1), dtype)
    which, chance, u = uniform[:, 0], uniform[:, 1 : d + 1], uniform[:, d + 1 :]
    total = jnp.cumsum(mixture.weight)
    row = jnp.searchsorted(total, total[-1] * which, side="right")
    x, bandwidth = mixture.x[row], mixture.bandwidth[row]
    # Quantiles of a Gaussian between those of 0 and 1.
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
    """Logarithms of kernels in single columns, each ``[c n]`` for ``c`` places and the points of a mixture."""

    def __init__(self, encoding: Encoding, mixture: Mixture) -> None:
        """Of a mixture over a space."""
        self.encoding = encoding
        self.centre, self.bandwidth, self.is_seen = mixture.x.T, mixture.bandwidth.T, mixture.is_seen.T
        self.own_levels = level(encoding, mixture.x).T
        self.log_inside = log_normal_mass((0.5 - self.centre) / self.bandwidth, 1 / self.bandwidth)

    def of_levels(self, j: np.ndarray, levels: np.ndarray) -> Float[Array, "c n"]:
        """At levels of the columns ``j``, all of them categories or none, and none real."""
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
        """Of columns ``j``, as if real: coefficients of the square of a place from `_MIDDLE` on, of it, and of 1."""
        bandwidth, centre = self.bandwidth[j], self.centre[j] - _MIDDLE
        square = -0.5 / bandwidth**2
        constant = _log_real(jnp.zeros((), centre.dtype), centre, bandwidth, self.log_inside[j])
        return [jnp.where(self.is_seen[j], part, 0) for part in (square, -2 * square * centre, constant)]


def _log_kernels(
    encoding: Encoding, mixture: Mixture, x: Float[Array, "m d"], counts: Bool[Array, "m d"]
) -> Float[Array, "m n"]:
    """Logarithm of each kernel at each point, over the columns that count there."""
    levels, own_levels = level(encoding, x), level(encoding, mixture.x)
    middle, width = cells(encoding, levels, x.dtype)
    log_inside = log_normal_mass((0.5 - mixture.x) / mixture.bandwidth, 1 / mixture.bandwidth)

    def of_points(values: Array, j: np.ndarray) -> Array:
        return values[:, j, None]

    def of_kernels(values: Array, j: np.ndarray) -> Array:
        return values[:, j].T[None, :, :]  # kernels last: the long axis makes the fast loop

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
            # A kernel whose point did not see the column is uniform there.
            value = jnp.where(of_kernels(mixture.is_seen, j), log_kernel(j), of_points(jnp.log(width), j))
            total += jnp.sum(jnp.where(of_points(counts, j), value, 0), axis=1)
    return total
