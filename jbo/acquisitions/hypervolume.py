r"""Expected improvement of the hypervolume by a point, as a formula of the Gaussian posteriors there.

Lower is better. With independent objectives the expected hypervolume improvement (EHVI) of a point is an integral over
the region that no trial dominates, bounded by the reference :math:`r`:

.. math:: \operatorname{EHVI} = \int_{z \le r,\ z \text{ not dominated}} \prod_j P(f_j \le z_j)\, dz

For two objectives that region is a union of strips, and the integral is a sum of products of expected improvements. For
more it is written in polar coordinates around the reference. There each ray leaves the dominated region once, so that
the region needs no boxes, and what is left is an integral along each ray.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp, ndtri
from jaxtyping import Array, Bool, Float, Key

from jbo import designs, pareto
from jbo.numerics import log_improvement, log_normal_cdf, normal_hazard

_MOST_ROWS = 64
"""Rows of the front of two objectives that count."""
_NUM_NODES = 8
"""Gauss-Legendre nodes along a ray."""


class Strips(NamedTuple):
    """The region of two objectives that no row dominates: strips side by side along the first objective."""

    ends: Float[Array, " m"]
    """Where each strip ends in the first objective; it begins where the one before ends, the first one nowhere."""
    heights: Float[Array, " m"]
    """The second objective below which a strip is not dominated."""


def strips(y: Float[Array, "n 2"], counts: Bool[Array, " n"], reference: Float[Array, "2"]) -> Strips:
    """The strips below a reference that no row dominates; some of them have no width.

    There is one more strip than rows of the front. Of a front of more than 64 rows as many are taken, evenly along it,
    so that a point costs no more in a large table.

    Args:
      y: Values, lower is better.
      counts: Rows that count; one that is not better than the reference in both columns does not either.
      reference: The worst values that count.
    """
    is_inside = counts & jnp.all(y < reference[None, :], axis=1)
    is_front = pareto.front(y, is_inside)
    first = jnp.where(is_front, y[:, 0], reference[0])
    num_kept = min(_MOST_ROWS, len(y))
    count = jnp.maximum(jnp.sum(is_front, dtype=jnp.int32), num_kept)
    order = jnp.argsort(first)[jnp.arange(num_kept, dtype=jnp.int32) * count // num_kept]
    second = jnp.where(is_front, y[:, 1], reference[1])[order]
    heights = jnp.concatenate([reference[1:], jax.lax.cummin(second)])
    return Strips(jnp.concatenate([first[order], reference[:1]]), heights)


def log_improvement_of_strips(
    mean: Float[Array, "2"], deviation: Float[Array, "2"], region: Strips
) -> Float[Array, ""]:
    r"""Logarithm of the expected hypervolume improvement of two independent objectives; exact for the strips.

    A strip from :math:`a` to :math:`b` below :math:`u` has the share
    :math:`(\mathrm{EI}_1(b) - \mathrm{EI}_1(a))\,\mathrm{EI}_2(u)`.

    Args:
      mean: Posterior mean of each objective.
      deviation: Posterior standard deviation of each objective, above 0.
      region: From `strips`.

    References:
      Emmerich, Deutz and Klinkenberg, Hypervolume-Based Expected Improvement: Monotonicity Properties and Exact
      Computation, 2011; Yang et al., Efficient Computation of Expected Hypervolume Improvement Using Box Decomposition
      Algorithms, 2019 (the strips).
    """
    to_end = log_improvement((region.ends - mean[0]) / deviation[0])
    below = log_improvement((region.heights - mean[1]) / deviation[1])
    # What a strip adds is a difference of improvements. A strip without width adds nothing and has no slope.
    is_wide = region.ends[1:] > region.ends[:-1]
    step = jnp.where(is_wide, to_end[1:] - to_end[:-1], 1)
    is_wide &= step > 0
    share = jnp.log(-jnp.expm1(-jnp.where(is_wide, step, 1)))
    first = to_end[:1] + below[:1]
    others = jnp.where(is_wide, to_end[1:] + share + below[1:], -jnp.inf)
    return logsumexp(jnp.concatenate([first, others])) + jnp.sum(jnp.log(deviation))


class Rays(NamedTuple):
    """Directions from the reference into the region that counts, in units in which the objectives are of like size."""

    direction: Float[Array, "r k"]
    """Positive unit vectors: each objective gets better along them."""
    start: Float[Array, " r"]
    """Where a ray leaves what is dominated, in those units."""
    scale: Float[Array, " k"]
    """Those units."""
    reference: Float[Array, " k"]
    """Where the rays begin."""


def directions(key: Key[Array, ""], num: int, num_objectives: int, dtype: jnp.dtype) -> Float[Array, "{num} k"]:
    """Positive unit vectors, uniform and evenly spread over the part of the sphere where all coordinates are positive.

    Args:
      key: Random key.
      num: How many; a power of two is spread most evenly.
      num_objectives: Coordinates.
      dtype: Floating type.
    """
    uniform = designs.sobol(key, num, num_objectives, dtype)
    normal = ndtri(0.5 + 0.5 * jnp.clip(uniform, 1e-3, 1 - 1e-6))
    return normal / jnp.sqrt(jnp.sum(normal**2, axis=1, keepdims=True))


def rays(
    direction: Float[Array, "r k"],
    y: Float[Array, "r n k"] | Float[Array, "1 n k"],
    counts: Bool[Array, " n"],
    reference: Float[Array, " k"],
    scale: Float[Array, " k"],
) -> Rays:
    """Rays through the region that no row dominates.

    Args:
      direction: From `directions`.
      y: Values, lower is better; of one set of values for all rays, or of one set for each.
      counts: Rows that count.
      reference: The worst values that count.
      scale: Size of each objective, above 0.
    """

    def leaves(direction: Float[Array, " k"], y: Float[Array, "n k"]) -> Float[Array, ""]:
        inner = jnp.where(counts[:, None], (reference[None, :] - y) / scale[None, :], 0)
        return jnp.max(jnp.min(inner / direction[None, :], axis=1), initial=0)

    y = jnp.broadcast_to(y, (direction.shape[0], *y.shape[1:]))
    return Rays(direction, jax.vmap(leaves)(direction, y), scale, reference)


def log_improvement_of_rays(
    mean: Float[Array, "r k"] | Float[Array, "1 k"],
    deviation: Float[Array, " k"],
    region: Rays,
    *,
    is_volume: bool = True,
) -> Float[Array, ""]:
    r"""Logarithm of the expected hypervolume improvement of independent objectives, by quasi-Monte Carlo over rays.

    .. math:: \prod_j s_j\, A_k\, \frac1R \sum_\theta \int_{b_\theta}^\infty
              t^{k-1} \prod_j \Phi\Bigl(\frac{(r_j - \mu_j)/s_j - \theta_j t}{\sigma_j / s_j}\Bigr) dt

    with :math:`R` rays :math:`\theta`, the place :math:`b_\theta` where a ray leaves what is dominated, and the area
    :math:`A_k` of the part of the sphere on which the rays lie. The probability along a ray is log-concave, so few
    nodes suffice, which are put where it falls from its value at :math:`b_\theta` to nothing.

    Args:
      mean: Posterior mean of each objective; of one set for all rays, or of one set for each.
      deviation: Posterior standard deviation of each objective, above 0.
      region: From `rays`.
      is_volume: False: each ray counts alike at every distance. Then it is the mean over the rays of the expected
        improvement of the scalarisation :math:`\min_j (r_j - f_j) / (s_j \theta_j)`.

    References:
      Deng and Zhang, Approximating Hypervolume and Hypervolume Contributions Using Polar Coordinate, 2019; Zhang and
      Golovin, Random Hypervolume Scalarizations for Provable Multi-Objective Black Box Optimization, 2020, lemma 5.
    """
    k, dtype = deviation.shape[0], deviation.dtype
    centre = (region.reference[None, :] - mean) / region.scale[None, :]  # [r k] or [1 k]
    width = (deviation / region.scale)[None, :]
    direction, start = region.direction, region.start
    # Where the probability is gone: some deviations beyond the first mean that the ray passes, or, far in the tail,
    # some lengths over which it falls by a factor of e.
    ends = (centre + 4 * width) / direction
    # By its number: XLA may compute `ends` twice, and the two then differ in a last bit.
    first = jnp.argmin(ends, axis=1)[:, None]
    end = jnp.take_along_axis(ends, first, axis=1)[:, 0]
    of_first = jnp.take_along_axis(4 * width / direction, first, axis=1)[:, 0]
    z = (centre - direction * start[:, None]) / width
    rate = jnp.sum(direction / width * normal_hazard(z), axis=1)
    length = jnp.maximum(end - start, of_first)
    length = 1 / jnp.maximum(1 / length, rate / 8)

    nodes, weights = np.polynomial.legendre.leggauss(_NUM_NODES)
    nodes, log_weights = jnp.asarray(0.5 * nodes + 0.5, dtype), jnp.asarray(np.log(0.5 * weights), dtype)
    t = start[:, None] + length[:, None] * nodes[None, :]  # [r q]
    z = (centre[:, None, :] - direction[:, None, :] * t[:, :, None]) / width[None]
    log_values = jnp.sum(log_normal_cdf(z), axis=2) + log_weights[None, :] + jnp.log(length)[:, None]
    if is_volume:
        area = math.log(2) + 0.5 * k * math.log(math.pi) - math.lgamma(0.5 * k) - k * math.log(2)
        log_values = log_values + (k - 1) * jnp.log(t) + area + jnp.sum(jnp.log(region.scale))
    return (logsumexp(log_values) - math.log(direction.shape[0])).astype(dtype)
