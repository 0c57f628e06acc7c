r"""Expected hypervolume improvement of a point, in closed form from the Gaussian posteriors of the objectives.

Lower is better. With independent objectives the expected hypervolume improvement (EHVI) of a point is an integral. The
integral is over the region that no trial dominates, bounded by the reference :math:`r`:

.. math:: \operatorname{EHVI} = \int_{z \le r,\ z \text{ not dominated}} \prod_j P(f_j \le z_j)\, dz

For two objectives this region is a union of strips, and for three objectives a union of boxes. The integral is then a
sum of products of expected improvements. For more objectives the number of boxes grows too fast, and the integral is
written in polar coordinates around the reference. Each ray leaves the dominated region once, so a one-dimensional
integral remains for each ray.
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp, ndtri
from jaxtyping import Array, Bool, Float, Int, Key

from jbo import designs, pareto
from jbo.numerics import log_improvement, log_normal_cdf, normal_hazard

_MOST_ROWS = 64
"""Maximum number of rows of a front of two objectives."""
_MOST_ROWS_OF_THREE = 96
"""Maximum number of rows of a front of three objectives."""
_NUM_NODES = 8
"""Number of Gauss-Legendre nodes along a ray."""


class Strips(NamedTuple):
    """The region of two objectives that no row dominates: strips side by side along the first objective."""

    ends: Float[Array, " m"]
    """Upper end of each strip in the first objective. A strip begins where the previous strip ends; the first strip is
    unbounded below."""
    heights: Float[Array, " m"]
    """Upper end of each strip in the second objective; above this value, the strip is dominated."""


def strips(y: Float[Array, "n 2"], counts: Bool[Array, " n"], reference: Float[Array, "2"]) -> Strips:
    """The strips below a reference that no row dominates; some of the strips have no width.

    There is one more strip than rows of the front. If a front has more than 64 rows, 64 evenly spaced rows are used, so
    that a point costs no more in a large table.

    Args:
      y: Values, lower is better.
      counts: Rows that count. A row that is not better than the reference in both columns never counts.
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

    A strip from :math:`a` to :math:`b` below :math:`u` contributes
    :math:`(\mathrm{EI}_1(b) - \mathrm{EI}_1(a))\,\mathrm{EI}_2(u)`.

    Args:
      mean: Posterior mean of each objective.
      deviation: Posterior standard deviation of each objective, above 0.
      region: The region from `strips`.

    References:
      Emmerich, Deutz and Klinkenberg, Hypervolume-Based Expected Improvement: Monotonicity Properties and Exact
      Computation, 2011; Yang et al., Efficient Computation of Expected Hypervolume Improvement Using Box Decomposition
      Algorithms, 2019 (the strips).
    """
    to_end = log_improvement((region.ends - mean[0]) / deviation[0])
    below = log_improvement((region.heights - mean[1]) / deviation[1])
    from_start = jnp.concatenate([jnp.full_like(to_end[:1], -jnp.inf), to_end[:-1]])
    # The first strip has no lower end. A strip without width adds nothing and has no gradient.
    is_wide = jnp.concatenate([jnp.ones(1, bool), region.ends[1:] > region.ends[:-1]])
    all_strips = _Products(to_end + below, (from_start - to_end,), is_wide)
    return _log_sum((all_strips,)) + jnp.sum(jnp.log(deviation))


class _Products(NamedTuple):
    """Positive products of differences of improvements."""

    log_size: Float[Array, " m"]
    """Logarithm of each product, without the lower ends of all differences."""
    log_lower: tuple[Float[Array, " m"], ...]
    """Logarithm of each lower end relative to its upper end; ``-inf`` if there is no lower end."""
    counts: Bool[Array, " m"]
    """False for products that are 0."""


def _log_sum(parts: tuple[_Products, ...]) -> Float[Array, ""]:
    """Logarithm of the sum of all products; at least one product must count."""
    # A difference may be rounded to 0.
    counts = [functools.reduce(jnp.logical_and, [lower < 0 for lower in part.log_lower], part.counts) for part in parts]
    sizes = [jnp.where(here, part.log_size, -jnp.inf) for here, part in zip(counts, parts, strict=True)]
    # Scaling by the largest size is enough, because a difference is never far below the rounding error of its terms.
    largest = jax.lax.stop_gradient(functools.reduce(jnp.maximum, [jnp.max(size) for size in sizes]))
    largest = jnp.where(jnp.isfinite(largest), largest, 0)
    total = jnp.zeros_like(largest)
    for here, size, part in zip(counts, sizes, parts, strict=True):
        product = jnp.exp(size - largest)
        for lower in part.log_lower:
            # `expm1` takes longer and gains no digits, because the difference of two logarithms has no more.
            product = product * (1 - jnp.exp(jnp.where(here, lower, -1)))
        total += jnp.sum(product)
    return jnp.log(total) + largest


class Boxes(NamedTuple):
    """The region of three objectives that no row dominates: boxes that are open below in the third objective.

    Each row has two boxes, some of which are empty. The last box belongs to no row. Ends are indices of ``levels``.
    """

    levels: Float[Array, "m 3"]
    """Values of the rows; the last row is the reference."""
    first_end: Int[Array, "2 m"]
    """Upper end of each box in the first objective. A box begins at its own row; the last box is unbounded below."""
    second_start: Int[Array, " m"]
    """The row at which the second box of a row begins in the second objective; the reference means unbounded below."""
    second_end: Int[Array, " m"]
    """The row at which the first box of a row ends in the second objective. The first box begins at its own row."""
    is_box: Bool[Array, "2 m"]
    """False for boxes without width."""


def boxes(y: Float[Array, "n 3"], counts: Bool[Array, " n"], reference: Float[Array, "3"]) -> Boxes:
    r"""The boxes below a reference that no row dominates: two for each row of the front, and one more.

    A plane rises along the third objective. In the plane, the rows below it dominate the region above a staircase. Each
    row that the plane reaches cuts a corner out of the region under the staircase. The part of the corner under one
    step is a box, which reaches from the row down to :math:`-\infty`. The first box of a row is the part of its own
    corner under the step to its left. The second box lies under the step that begins at the row, in the corner of the
    row that removes this step. The region that finally remains under the staircase reaches up to the reference.

    If a front has more than 96 rows, 96 of them are used, see `spread_rows`.

    Args:
      y: Values, lower is better.
      counts: Rows that count. A row that is not better than the reference in each column never counts.
      reference: The worst values that count.

    References:
      Yang, Emmerich, Deutz and Bäck, Efficient Computation of Expected Hypervolume Improvement Using Box Decomposition
      Algorithms, 2019, section 4 (the same number of boxes, found by a sweep with a tree; here all rows are compared).
    """
    is_front = pareto.front(y, counts & jnp.all(y < reference[None, :], axis=1))
    y = jnp.where(is_front[:, None], y, reference[None, :])
    if len(y) > _MOST_ROWS_OF_THREE:
        y = y[spread_rows(y, is_front, reference, _MOST_ROWS_OF_THREE)]
    levels = jnp.concatenate([y, reference[None, :]])
    num_rows = len(levels)
    numbers = jnp.arange(num_rows, dtype=jnp.int32)
    a, b, c = levels.T
    # Equal rows come one after another; the reference comes last.
    is_before = (c[:, None] < c[None, :]) | ((c[:, None] == c[None, :]) & (numbers[:, None] < numbers[None, :]))

    def least(column: Float[Array, " m"], may_be: Bool[Array, "m m"]) -> Int[Array, " m"]:
        """For each column of the mask, the row of the mask with the minimum value; the reference if there is no row."""
        values = jnp.where(may_be, column[:, None], jnp.inf).at[-1].set(column[-1])
        return jnp.argmin(values, axis=0).astype(jnp.int32)

    # The last corner is the remaining region, which is unbounded below.
    start_a, start_b = a.at[-1].set(-jnp.inf), b.at[-1].set(-jnp.inf)
    second_end = least(b, is_before & (a[:, None] < start_a[None, :]))
    end = least(a, is_before & (a[:, None] >= start_a[None, :]) & (b[:, None] < b[second_end][None, :]))
    takes = is_before.T & (start_a[:, None] <= a[None, :]) & (start_b[:, None] <= b[None, :])
    order = jnp.sum(is_before, axis=0, dtype=jnp.int32)
    taken_by = jnp.argmin(jnp.where(takes, order[:, None], num_rows), axis=0).astype(jnp.int32)
    is_there = order[:, None] < order[taken_by][None, :]
    end_of_step = least(a, is_there & (a[:, None] > a[None, :]) & (b[:, None] < b[None, :]))
    is_first = (a[end] > start_a) & (b[second_end] > start_b)
    is_second = (a[end_of_step] > a) & (b > start_b[taken_by])
    return Boxes(levels, jnp.stack([end, end_of_step]), taken_by, second_end, jnp.stack([is_first, is_second]))


def spread_rows(
    y: Float[Array, "n k"], is_front: Bool[Array, " n"], reference: Float[Array, " k"], num: int
) -> Int[Array, " {num}"]:
    r"""Selected rows of a front, such that every other row of the front is near a selected row.

    The first row is the row with the largest product of distances from the reference. Each next row is the row that is
    furthest from the rows selected before. The distance is the largest difference of a column, in units of the range of
    the front.

    Args:
      y: Values.
      is_front: Rows of the front.
      reference: The worst values that count.
      num: Number of rows. If the front has fewer rows, the result also has rows outside of the front.

    References:
      Gonzalez, Clustering to Minimize the Maximum Intercluster Distance, 1985.
    """
    size = reference - jnp.min(jnp.where(is_front[:, None], y, reference[None, :]), axis=0)
    unit = (reference[None, :] - y) / jnp.where(size > 0, size, 1)[None, :]
    log_volume = jnp.where(is_front, jnp.sum(jnp.log(jnp.where(is_front[:, None], unit, 1)), axis=1), -jnp.inf)

    def step(carry: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], Array]:
        row, distance = carry
        distance = jnp.minimum(distance, jnp.max(jnp.abs(unit - unit[row][None, :]), axis=1)).at[row].set(-1)
        return (jnp.argmax(distance).astype(jnp.int32), distance), row

    far = jnp.where(is_front, jnp.inf, -0.5).astype(y.dtype)  # other rows come before repeated rows
    return jax.lax.scan(step, (jnp.argmax(log_volume).astype(jnp.int32), far), None, length=num)[1]


def log_improvement_of_boxes(mean: Float[Array, "3"], deviation: Float[Array, "3"], region: Boxes) -> Float[Array, ""]:
    r"""Logarithm of the expected hypervolume improvement of three independent objectives; exact for the boxes.

    A box contributes :math:`\prod_{j=1}^3 (\mathrm{EI}_j(u_j) - \mathrm{EI}_j(l_j))` with its upper ends u and lower
    ends l. The improvements are computed once for each row, and looked up for each box.

    Args:
      mean: Posterior mean of each objective.
      deviation: Posterior standard deviation of each objective, above 0.
      region: The region from `boxes`.

    References:
      Yang, Emmerich, Deutz and Bäck, Efficient Computation of Expected Hypervolume Improvement Using Box Decomposition
      Algorithms, 2019, eq. 21.
    """
    # The loop over objectives keeps XLA from computing a part of each logarithm again at every look-up.
    a, b, c = jax.lax.map(log_improvement, (region.levels.T - mean[:, None]) / deviation[:, None])
    start_a, start_b = a.at[-1].set(-jnp.inf), b.at[-1].set(-jnp.inf)  # the last box is unbounded below
    to_a, to_b = a[region.first_end[0]], b[region.second_end]
    first = _Products(to_a + to_b + c, (start_a - to_a, start_b - to_b), region.is_box[0])
    to_a, from_b = a[region.first_end[1]], start_b[region.second_start]
    second = _Products(to_a + b + c[region.second_start], (start_a - to_a, from_b - b), region.is_box[1])
    return _log_sum((first, second)) + jnp.sum(jnp.log(deviation))


class Rays(NamedTuple):
    """Rays from the reference into the region of better values, in units in which objectives are of similar size."""

    direction: Float[Array, "r k"]
    """Positive unit vectors; each objective improves along them."""
    start: Float[Array, " r"]
    """Distance at which a ray leaves the dominated region, in units of ``scale``."""
    scale: Float[Array, " k"]
    """Unit of each objective."""
    reference: Float[Array, " k"]
    """Start of the rays."""


def directions(key: Key[Array, ""], num: int, num_objectives: int, dtype: jnp.dtype) -> Float[Array, "{num} k"]:
    """Positive unit vectors, uniform and evenly spread over the part of the sphere where all coordinates are positive.

    Args:
      key: Random key.
      num: Number of vectors; powers of two are spread most evenly.
      num_objectives: Number of coordinates.
      dtype: Floating type.
    """
    uniform = designs.sobol(key, num, num_objectives, dtype)
    normal = ndtri(0.5 + 0.5 * jnp.clip(uniform, 1e-3, 1 - 1e-6))
    return normal / jnp.sqrt(jnp.sum(normal**2, axis=1, keepdims=True))


def rays(
    direction: Float[Array, "r k"],
    y: Float[Array, "r n k"] | Float[Array, "1 n k"],
    counts: Bool[Array, "r n"] | Bool[Array, "1 n"],
    reference: Float[Array, " k"],
    scale: Float[Array, " k"],
) -> Rays:
    """Rays through the region that no row dominates.

    Args:
      direction: Unit vectors from `directions`.
      y: Values, lower is better: one table for all rays, or one table for each ray.
      counts: Rows that count, for each table.
      reference: The worst values that count.
      scale: Size of each objective, above 0.
    """

    def leaves(direction: Float[Array, " k"], y: Float[Array, "n k"], counts: Bool[Array, " n"]) -> Float[Array, ""]:
        inner = jnp.where(counts[:, None], (reference[None, :] - y) / scale[None, :], 0)
        return jnp.max(jnp.min(inner / direction[None, :], axis=1), initial=0)

    y, counts = (jnp.broadcast_to(part, (direction.shape[0], *part.shape[1:])) for part in (y, counts))
    return Rays(direction, jax.vmap(leaves)(direction, y, counts), scale, reference)


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

    with :math:`R` rays :math:`\theta`. A ray leaves the dominated region at the distance :math:`b_\theta`. The rays lie
    on a part of the sphere with the area :math:`A_k`. The probability along a ray is log-concave, so few nodes suffice.
    The nodes are placed where the probability falls from its value at :math:`b_\theta` to nothing.

    Args:
      mean: Posterior mean of each objective: one vector for all rays, or one vector for each ray.
      deviation: Posterior standard deviation of each objective, above 0.
      region: The rays from `rays`.
      is_volume: False: every distance along a ray has the same weight. The result is then the mean over the rays of the
        expected improvement of the scalarisation :math:`\min_j (r_j - f_j) / (s_j \theta_j)`.

    References:
      Deng and Zhang, Approximating Hypervolume and Hypervolume Contributions Using Polar Coordinate, 2019; Zhang and
      Golovin, Random Hypervolume Scalarizations for Provable Multi-Objective Black Box Optimization, 2020, lemma 5.
    """
    k, dtype = deviation.shape[0], deviation.dtype
    centre = (region.reference[None, :] - mean) / region.scale[None, :]  # [r k] or [1 k]
    width = (deviation / region.scale)[None, :]
    direction, start = region.direction, region.start
    # The integration ends where the probability is negligible: four standard deviations beyond the first mean that the
    # ray passes. Far in the tail, it ends after eight lengths over which the probability falls by a factor of e.
    ends = (centre + 4 * width) / direction
    # The minimum is taken by its index, because XLA may compute `ends` twice with results that differ in the last bit.
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
