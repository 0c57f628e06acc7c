"""Points that fill the unit cube evenly: Sobol's sequence with a random digital shift."""

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, UInt32

_BITS = 30
_LOG_LENGTH = 14
"""The sequence is used to 2^14 points; then it begins again with another shift."""


def sobol(key: Key[Array, ""], num_points: int, num_columns: int, dtype: jnp.dtype) -> Float[Array, "m d"]:
    """The first points of a shifted Sobol sequence.

    Args:
      key: Draws the shift.
      num_points: How many points; a power of two fills the cube most evenly.
      num_columns: Columns ``d``, at most 21201.
      dtype: Floating type of the points.

    Returns:
      Points in ``(0, 1)``, each uniformly distributed over draws of ``key``.

    References:
      Sobol 1967; direction numbers of Joe and Kuo 2008 from SciPy; the digital shift of Owen, Quasi-Monte Carlo
      Sampling, 2003, section 1.4.
    """
    return _shifted(jax.random.fold_in(key, 0), jnp.asarray(_integers(num_points, num_columns)), dtype)


def sobol_point(key: Key[Array, ""], index: Int[Array, ""], num_columns: int, dtype: jnp.dtype) -> Float[Array, " d"]:
    """One point of the sequence that `sobol` begins; ``index`` may be traced.

    Args:
      key: Draws the shift; the same key for all points of a sequence.
      index: Which point, from 0.
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


def _shifted(key: Key[Array, ""], integers: UInt32[Array, "m d"], dtype: jnp.dtype) -> Float[Array, "m d"]:
    shift = jax.random.bits(key, (integers.shape[1],), jnp.uint32) >> (32 - _BITS)
    shifted = (integers ^ shift[None, :]) >> (_BITS - 23 if dtype == jnp.float32 else 0)
    # Half a cell away from 0, so that no point sits on the boundary; 23 bits are what float32 holds with it.
    num_bits = 23 if dtype == jnp.float32 else _BITS
    return (shifted.astype(dtype) + jnp.asarray(0.5, dtype)) * jnp.asarray(2.0**-num_bits, dtype)


@lru_cache(maxsize=64)
def _integers(num_points: int, num_columns: int) -> np.ndarray:
    # SciPy is imported where it is needed: its statistics take longer to import than all of jbo.
    from scipy.stats import qmc

    size = 1 << max(num_points - 1, 0).bit_length()
    points = qmc.Sobol(num_columns, scramble=False, bits=_BITS).random(size)[:num_points]
    return np.round(points * 2**_BITS).astype(np.uint32)


@lru_cache(maxsize=64)
def _directions(num_columns: int) -> np.ndarray:
    """Direction number ``j`` is the point whose Gray code is the ``j``-th power of two."""
    from scipy.stats import qmc

    engine = qmc.Sobol(num_columns, scramble=False, bits=_BITS)
    rows, at = [], 0
    for j in range(_LOG_LENGTH):
        engine.fast_forward(2 ** (j + 1) - 1 - at)
        rows.append(engine.random(1)[0])
        at = 2 ** (j + 1)
    return np.round(np.array(rows) * 2**_BITS).astype(np.uint32)
