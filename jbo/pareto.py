"""The Pareto front of several objectives, and the hypervolume that it dominates.

Lower is better in every column. A row *dominates* another row if it is worse in no column and better in at least one.
The rows that no other row dominates are the *front*. All functions have fixed shapes and a mask, so they can be jitted
and vmapped. Invalid rows change nothing, whatever values they hold. A row with NaN counts as invalid.
"""

from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jbo.checks import checked
from jbo.designs import even_points
from jbo.numerics import power_of_two


@checked
def front(y: Float[Array, "n k"], is_valid: Bool[Array, " n"]) -> Bool[Array, " n"]:
    """True for valid rows that no other valid row dominates.

    Equal rows do not dominate each other, so either all or none of them are in the front. The memory is ``n²`` bytes.

    Args:
      y: Values, lower is better; infinity is allowed.
      is_valid: Rows that count.

    Example:
      >>> front(jnp.array([[0.0, 2.0], [1.0, 1.0], [1.0, 3.0]]), jnp.ones(3, bool)).tolist()
      [True, True, False]
    """
    is_valid = _without_nan(y, is_valid)
    return is_valid & ~jnp.any(_is_dominated_by(y, is_valid), axis=1)


@checked
def near_front(
    y: Float[Array, "n k"], is_valid: Bool[Array, " n"], tolerance: Float[Array, ""] | float
) -> Bool[Array, " n"]:
    """True for valid rows that no other valid row beats by more than a tolerance.

    A row beats another row if it is better by more than the tolerance in some column. It must not be worse by more than
    the tolerance in any column. Use this function for values with an error. Without a tolerance, two rows that are
    equal up to the error could both be in the front, because each may be slightly better somewhere.

    Args:
      y: Values, lower is better.
      is_valid: Rows that count.
      tolerance: Tolerance, at least 0; 0 gives the result of `front`.

    Example:
      >>> y = jnp.array([[0.0, 1.001], [5.0, 1.0], [9.0, 0.0]])
      >>> near_front(y, jnp.ones(3, bool), 0.01).tolist()
      [True, False, True]
    """
    is_valid = _without_nan(y, is_valid)
    by = y[:, None, :] - y[None, :, :]
    is_beaten = jnp.all(by >= -tolerance, axis=2) & jnp.any(by > tolerance, axis=2) & is_valid[None, :]
    found = is_valid & ~jnp.any(is_beaten, axis=1)
    # In a cycle of rows, each row may beat the next row.
    return jnp.where(jnp.any(found), found, front(y, is_valid))


@checked
def rank(y: Float[Array, "n k"], is_valid: Bool[Array, " n"]) -> Int[Array, " n"]:
    """The number of fronts that must be removed before a row is in the front.

    Args:
      y: Values, lower is better; infinity is allowed.
      is_valid: Rows that count.

    Returns:
      0 for the front, 1 for the front of the other rows, and so on; ``n`` for invalid rows.

    Example:
      >>> rank(jnp.array([[0.0, 2.0], [1.0, 1.0], [1.0, 3.0]]), jnp.ones(3, bool)).tolist()
      [0, 0, 1]

    References:
      Goldberg, Genetic Algorithms in Search, Optimization, and Machine Learning, 1989, section 5.7.
    """
    num_rows = y.shape[0]
    is_valid = _without_nan(y, is_valid)
    is_dominated_by = _is_dominated_by(y, is_valid)

    def take_away(state: Any) -> Any:
        ranks, is_left, count = state
        is_front = is_left & ~jnp.any(is_dominated_by & is_left[None, :], axis=1)
        return jnp.where(is_front, count, ranks), is_left & ~is_front, count + 1

    start = jnp.full_like(is_valid, num_rows, jnp.int32), is_valid, jnp.zeros((), jnp.int32)
    return jax.lax.while_loop(lambda state: jnp.any(state[1]), take_away, start)[0]


@checked
def reference(y: Float[Array, "n k"], is_valid: Bool[Array, " n"]) -> Float[Array, " k"]:
    r"""A reference point for `hypervolume`, from the values alone.

    .. math:: r_j = \max_i y_{ij} + \tfrac{1}{10} (\max_i y_{ij} - \min_i y_{ij})

    The maximum is over all valid rows, not only over the front. With a reference near the front, values beyond the ends
    of the front would add nothing, so a search would hardly extend the front. If all values of a column are equal, the
    margin is a tenth of their magnitude, or 0.1 for zeros. So the reference is worse than every value.

    Args:
      y: Finite values, lower is better.
      is_valid: Rows that count; without valid rows the reference is 0.1.

    Example:
      >>> [round(float(r), 3) for r in reference(jnp.array([[0.0, 2.0], [1.0, 1.0]]), jnp.ones(2, bool))]
      [1.1, 2.1]

    References:
      Ishibuchi et al., How to Specify a Reference Point in Hypervolume Calculation for Fair Performance Comparison,
      2018, which compares such margins.
    """
    dtype = y.dtype
    is_valid = _without_nan(y, is_valid)[:, None]
    least = jnp.min(jnp.where(is_valid, y, jnp.inf), axis=0, initial=jnp.inf)
    most = jnp.max(jnp.where(is_valid, y, -jnp.inf), axis=0, initial=-jnp.inf)
    least, most = (jnp.where(jnp.any(is_valid), end, 0) for end in (least, most))
    margin = 0.1 * most - 0.1 * least  # the difference of very large numbers would overflow
    margin = jnp.where(most > least, margin, 0.1 * jnp.where(most == 0, 1, jnp.abs(most)))
    # A margin below the rounding error would give the worst value itself.
    margin = jnp.maximum(margin, 4 * jnp.finfo(dtype).eps * jnp.abs(most))
    return jnp.minimum(most + margin, jnp.finfo(dtype).max).astype(dtype)


@checked
def hypervolume(y: Float[Array, "n k"], reference: Float[Array, " k"], is_valid: Bool[Array, " n"]) -> Float[Array, ""]:
    r"""Volume of the points that a valid row dominates and that are better than the reference.

    .. math:: \operatorname{HV} = \operatorname{vol} \bigcup_i \prod_{j=1}^k [y_{ij}, r_j]

    Exact for one, two and three columns. Three columns take time and memory of ``n²`` numbers.

    For four or more columns, the volume is a sum over fixed directions. The union of boxes is star-shaped around the
    reference. Its volume is the mean of :math:`t(\theta)^k` over directions :math:`\theta` through the faces of a cube,
    where :math:`t` is the distance to the boundary. The function uses 1,024 fixed directions through each face. On
    fronts of 5 to 60 rows the relative error was at most 0.0005 with four columns, 0.0015 with five, 0.0025 with six
    and 0.03 with eight. The volume of one row is exact, and a dominated row adds exactly nothing.

    If rows are equal in a column, the derivative lies between the two one-sided derivatives.

    Args:
      y: Values, lower is better. A row that is not better than the reference in every column adds nothing.
      reference: The worst value that still counts, in each column; finite.
      is_valid: Rows that count.

    Returns:
      The volume, at least 0, in the product of the columns' units. It is 0 without rows, and infinite on overflow.

    Example:
      >>> y = jnp.array([[0.0, 2.0], [1.0, 1.0]])
      >>> float(hypervolume(y, jnp.array([2.0, 3.0]), jnp.ones(2, bool)))
      3.0

    References:
      Zitzler and Thiele, Multiobjective Evolutionary Algorithms, 1999. Slices: Fonseca, Paquete and López-Ibáñez, An
      Improved Dimension-Sweep Algorithm for the Hypervolume Indicator, 2006. Directions: Deng and Zhang, Approximating
      Hypervolume and Hypervolume Contributions Using Polar Coordinate, 2019; here with a cube in place of a sphere.
    """
    num_columns = y.shape[1]
    is_valid = _without_nan(y, is_valid)
    # Edges are divided by 4, because very long edges would overflow and their inverses would underflow.
    edges = 0.25 * reference[None, :] - 0.25 * jnp.where(is_valid[:, None], y, reference[None, :])
    edges = jnp.where(jnp.all(edges > 0, axis=1, keepdims=True), edges, 0)
    # Edges are scaled close to 1 by powers of two, which cause no rounding. Otherwise their product could overflow
    # before its last factor.
    largest = jax.lax.stop_gradient(jnp.max(edges, axis=0, initial=0))
    power = jax.vmap(power_of_two)(largest)
    edges = edges / jnp.where(power > 0, power, 1)[None, :]
    volume = {1: _length, 2: _area, 3: _volume}.get(num_columns, _star)(edges)
    # A power 2^p has the exponent p + 1 in `frexp`, and each edge was divided by 4. The power is applied in a few
    # factors, because it may overflow when the product does not.
    exponent, num_factors = jnp.sum(jnp.frexp(power)[1] + 1), num_columns + 1
    share = exponent // num_factors
    for _ in range(num_columns):
        volume = volume * jnp.ldexp(jnp.ones_like(volume), share)
    return volume * jnp.ldexp(jnp.ones_like(volume), exponent - num_columns * share)


def _without_nan(y: Float[Array, "n k"], is_valid: Bool[Array, " n"]) -> Bool[Array, " n"]:
    return is_valid & ~jnp.any(jnp.isnan(y), axis=1)


def _is_dominated_by(y: Float[Array, "n k"], is_valid: Bool[Array, " n"]) -> Bool[Array, "n n"]:
    """For each row, the mask of valid rows that dominate it. The loop over columns avoids an array of three axes."""
    is_no_worse = jnp.broadcast_to(is_valid[None, :], (y.shape[0], y.shape[0]))
    is_better = jnp.zeros_like(is_no_worse)
    for column in y.T:
        is_no_worse &= column[None, :] <= column[:, None]
        is_better |= column[None, :] < column[:, None]
    return is_no_worse & is_better


# Volumes of the union of the boxes between the origin and each row of `edges`; rows of zeros add nothing.


def _length(edges: Float[Array, "n 1"]) -> Float[Array, ""]:
    return jnp.max(edges[:, 0], initial=0)


def _area(edges: Float[Array, "n 2"]) -> Float[Array, ""]:
    """Area by strips, starting with the longest box; each box adds the part that is higher than all longer boxes."""
    edges = edges[jnp.argsort(-edges[:, 0])]
    return _strips(edges[:, 0], edges[:, 1])


def _strips(length: Float[Array, " n"], height: Float[Array, " n"]) -> Float[Array, ""]:
    highest = jax.lax.cummax(height)
    before = jnp.concatenate([jnp.zeros_like(highest[:1]), highest[:-1]])
    return jnp.sum(length * (highest - before))


def _volume(edges: Float[Array, "n 3"]) -> Float[Array, ""]:
    """Volume by slices between the tops of the boxes; each slice is multiplied by the area of the boxes in it."""
    edges = edges[jnp.argsort(-edges[:, 0])]
    top = edges[:, 2]
    heights = jnp.where(top[None, :] >= top[:, None], edges[None, :, 1], 0)
    areas = jax.vmap(_strips, in_axes=(None, 0))(edges[:, 0], heights)
    order = jnp.argsort(-top)
    below = jnp.concatenate([top[order][1:], jnp.zeros_like(top[:1])])
    return jnp.sum((top[order] - below) * areas[order])


_LOG_DIRECTIONS = 10
"""There are 2^10 directions through each face."""


def _star(edges: Float[Array, "n k"]) -> Float[Array, ""]:
    r"""Mean over directions through the faces of the cube.

    A direction through a face is a point :math:`\theta` with one coordinate 1. The boundary is at
    :math:`t = \max_i \min_j u_{ij} / \theta_j`. The cone over the element :math:`d\theta` of a face has the volume
    :math:`t^k d\theta / k`, and there are k faces.
    """
    num_columns = edges.shape[1]
    longest = jnp.max(edges, axis=0, initial=0)
    longest = jnp.where(longest > 0, longest, 1)
    unit = edges / longest[None, :]
    inner = jnp.asarray(_directions(num_columns - 1), edges.dtype)

    def of_face(face: Int[Array, ""]) -> Float[Array, ""]:
        others = jnp.roll(unit, -face, axis=1)  # the face's own column comes first
        reach = jnp.minimum(others[None, :, 0], jnp.min(others[None, :, 1:] / inner[:, None, :], axis=-1))
        return jnp.mean(jnp.max(reach, axis=1, initial=0) ** num_columns)

    return jnp.mean(jax.lax.map(of_face, jnp.arange(num_columns))) * jnp.prod(longest)


@lru_cache(maxsize=16)
def _directions(num_columns: int) -> np.ndarray:
    """Points of the open unit cube, at the centres of their cells."""
    points = np.concatenate([np.zeros((1, num_columns)), even_points(2**_LOG_DIRECTIONS - 1, num_columns)])
    return points + 0.5 ** (_LOG_DIRECTIONS + 1)
