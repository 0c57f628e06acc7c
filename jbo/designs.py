"""Designs that fill the unit cube evenly: Sobol sequences with a random digital shift."""

from functools import lru_cache
from importlib import resources

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, UInt32

from jbo.checks import checked

_BITS = 30
_LOG_LENGTH = 14
"""After 2^14 points the sequence starts again with another shift."""


@checked
def sobol(key: Key[Array, ""], num_points: int, num_columns: int, dtype: jnp.dtype) -> Float[Array, "m d"]:
    """The first points of a shifted Sobol sequence.

    Args:
      key: Random key of the shift.
      num_points: Number of points; a power of two fills the cube most evenly.
      num_columns: Columns ``d``, at most 21201.
      dtype: Floating type of the points.

    Returns:
      Points in ``(0, 1)^d``. For a random ``key`` each point is uniformly distributed.

    References:
      Sobol 1967; direction numbers of Joe and Kuo 2008 from SciPy; the digital shift of Owen, Quasi-Monte Carlo
      Sampling, 2003, section 1.4.
    """
    return _shifted(jax.random.fold_in(key, 0), jnp.asarray(_integers(num_points, num_columns)), dtype)


@checked
def shifted_sobol(shift: Float[Array, " d"], num_points: int) -> Float[Array, "m d"]:
    """The first points of a Sobol sequence with a given shift.

    Args:
      shift: Uniform numbers in ``[0, 1)``.
      num_points: Number of points; a power of two fills the cube most evenly.
    """
    integers = jnp.asarray(_integers(num_points, shift.shape[0]))
    return _by_shift((shift * 2.0**_BITS).astype(jnp.uint32), integers, shift.dtype)


@checked
def sobol_point(key: Key[Array, ""], index: Int[Array, ""], num_columns: int, dtype: jnp.dtype) -> Float[Array, " d"]:
    """One point of the sequence of `sobol`.

    Args:
      key: Random key of the shift; the same key for all points of a sequence.
      index: Index of the point, from 0; it may be traced.
      num_columns: Columns ``d``, at most 21201.
      dtype: Floating type of the point.
    """
    index = jnp.asarray(index, jnp.int32)
    within = index % 2**_LOG_LENGTH
    gray = within ^ (within >> 1)
    bits = (gray >> jnp.arange(_LOG_LENGTH, dtype=jnp.int32)) & 1
    directions = jnp.asarray(_directions(num_columns))
    chosen = jnp.where((bits == 1)[:, None], directions, jnp.zeros_like(directions))
    integers = jax.lax.reduce(chosen, np.uint32(0), jax.lax.bitwise_xor, (0,))
    return _shifted(jax.random.fold_in(key, index // 2**_LOG_LENGTH), integers[None, :], dtype)[0]


def even_points(num_points: int, num_columns: int) -> Float[np.ndarray, "m d"]:
    """The points of the Sobol sequence without a shift, after the first point, which is the origin.

    Args:
      num_points: Number of points.
      num_columns: Columns ``d``, at most 21201.
    """
    return _integers(num_points + 1, num_columns)[1:] / 2.0**_BITS


def _shifted(key: Key[Array, ""], integers: UInt32[Array, "m d"], dtype: jnp.dtype) -> Float[Array, "m d"]:
    return _by_shift(jax.random.bits(key, (integers.shape[1],), jnp.uint32) >> (32 - _BITS), integers, dtype)


def _by_shift(shift: UInt32[Array, " d"], integers: UInt32[Array, "m d"], dtype: jnp.dtype) -> Float[Array, "m d"]:
    shifted = (integers ^ shift[None, :]) >> (_BITS - 23 if dtype == jnp.float32 else 0)
    # Add half a cell, so that no point is on the boundary. With it, float32 can represent 23 bits.
    num_bits = 23 if dtype == jnp.float32 else _BITS
    return (shifted.astype(dtype) + jnp.asarray(0.5, dtype)) * jnp.asarray(2.0**-num_bits, dtype)


@lru_cache(maxsize=64)
def _integers(num_points: int, num_columns: int) -> np.ndarray:
    index = np.arange(num_points, dtype=np.uint32)
    gray, points = index ^ (index >> 1), np.zeros((num_points, num_columns), np.uint32)
    for j, direction in enumerate(_all_directions(num_columns)):
        points ^= np.where(((gray >> j) & 1 == 1)[:, None], direction[None, :], np.uint32(0))
    return points


def _directions(num_columns: int) -> np.ndarray:
    """Direction numbers of the columns. Number ``j`` is the point whose Gray code is the ``j``-th power of two."""
    return _all_directions(num_columns)[:_LOG_LENGTH]


@lru_cache(maxsize=64)
def _all_directions(num_columns: int) -> np.ndarray:
    """Direction numbers of each column: the first ones are tabulated, the rest follow from a primitive polynomial.

    References:
      Bratley and Fox, Algorithm 659: Implementing Sobol's Quasirandom Sequence Generator, 1988, section 2.
    """
    polynomials, given = _primitive_polynomials()
    if num_columns > len(polynomials):
        raise ValueError(f"num_columns: expected at most {len(polynomials)}, got {num_columns}")
    rows = np.ones((_BITS, num_columns), np.uint64)
    for column in range(1, num_columns):
        polynomial = int(polynomials[column])
        degree = polynomial.bit_length() - 1
        m = [int(number) for number in given[column, :degree]]
        for j in range(degree, _BITS):
            new = m[j - degree]
            for k in range(1, degree + 1):
                new ^= (m[j - k] << k) * (polynomial >> (degree - k) & 1)
            m.append(new)
        rows[:, column] = m
    return (rows << np.arange(_BITS - 1, -1, -1, dtype=np.uint64)[:, None]).astype(np.uint32)


@lru_cache(maxsize=1)
def _primitive_polynomials() -> tuple[np.ndarray, np.ndarray]:
    """SciPy's table, read directly, because importing `scipy.stats` would take longer than a suggestion."""
    with np.load(str(resources.files("scipy") / "stats" / "_sobol_direction_numbers.npz")) as table:
        return table["poly"], table["vinit"]
