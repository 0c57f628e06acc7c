"""Every numerical guard of the project, each with the reason it exists."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erfc
from jaxtyping import Array, Bool, Float, UInt32

_Tree = TypeVar("_Tree")
_Function = TypeVar("_Function", bound=Callable[..., Any])

LOG_SQRT_2PI = 0.5 * float(np.log(2 * np.pi))


def matmul(a: Float[Array, "*_ i j"], b: Float[Array, "*_ j k"]) -> Float[Array, "*_ i k"]:
    """Matrix product in full precision; the default is TF32 on GPUs and bf16 on TPUs."""
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)


def matvec(a: Float[Array, "i j"], v: Float[Array, " j"]) -> Float[Array, " i"]:
    """Product of a matrix and a vector in full precision."""
    return matmul(a, v[:, None])[:, 0]


def turned(matrix: Float[Array, "i j"]) -> Float[Array, "j i"]:
    """The transpose as a materialised matrix.

    XLA would fuse a transpose on the left of a product into the product, which then takes twice as long on a CPU.
    """
    return jax.lax.optimization_barrier(matrix.T)


def choose(condition: Bool[Array, ""], one: _Tree, other: _Tree) -> _Tree:
    """One of two trees of arrays with equal shapes and types.

    Each leaf is one operation of the program, while `jnp.where` makes three.

    Args:
      condition: True for the first tree, False for the second.
      one: A tree of arrays.
      other: A tree of arrays of the same shapes and types.
    """
    return jax.tree.map(lambda a, b: jax.lax.select(condition, a, b), one, other)


def traced_once(function: _Function) -> _Function:
    """The function, traced only once for all calls with arguments of equal shapes, such as by `zeros_of` and a loop.

    This saves tracing time and does not change results.

    Args:
      function: A traceable function that is called within a program.
    """
    return cast(_Function, jax.jit(function))


def zeros_of(function: Callable[..., Any], *arguments: Any) -> Any:
    """Zeros of the shapes and types of a function's result, as the initial state of a loop. The function is not run.

    Args:
      function: A traceable function.
      arguments: Arguments of the function.
    """
    like = jax.eval_shape(function, *arguments)
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), like)


def bits_of(x: Float[Array, "*b"]) -> UInt32[Array, "*c"]:
    """The bits of floats, for a callback into Python; for float64 with a further axis of words.

    JAX runs callbacks in another thread, outside of the caller's `jax.enable_x64`, where float64 would become float32.

    Args:
      x: Floats.
    """
    return jax.lax.bitcast_convert_type(x, jnp.uint32)


def from_bits(bits: Any, dtype: Any) -> np.ndarray:
    """The inverse of `bits_of`, in NumPy.

    Args:
      bits: Argument of the callback.
      dtype: Type of the floats.
    """
    words = np.ascontiguousarray(bits, np.uint32)
    floats = words.view(dtype)
    return floats if floats.shape == words.shape else floats[..., 0]


def softplus(x: Float[Array, "*b"]) -> Float[Array, "*b"]:
    r""":math:`\log(1 + e^x)`, finite for finite ``x``, in a third of the operations of `jax.nn.softplus`."""
    return jnp.maximum(x, 0) + jnp.log1p(jnp.exp(jnp.minimum(x, -x)))


def jitter(dtype: jnp.dtype) -> float:
    """Minimum noise variance, relative to the signal variance, for a positive definite covariance of this dtype."""
    return 1e-8 if dtype == jnp.float64 else 1e-5


_MILLS = (
    1.1568486282918946, -0.2294875382521129, 0.0777815988687357, 0.02507217930161224, -0.06617760077899747,
    0.06150504584100221, -0.03802659218771634, 0.016348231269423946, -0.004201290310990421, 1.9530730816685723e-05,
    0.0004570438198196629, -0.00013437473399030992, -2.4805464146238076e-05, 2.271107943907502e-05,
    -1.772203541182084e-07, -3.280464574992528e-06, 3.2194767658648533e-07, 4.96659390878908e-07,
    -6.735672259266651e-08, -8.216031943675262e-08, 1.0064058441317824e-08, 1.3905221862842154e-08,
    -1.077038492579819e-09, -2.00069157821977e-09, 6.153081463148388e-11, 1.6703220003714356e-10,
)  # fmt: skip
"""Coefficients of :math:`(1 + x) m(x)`, see `_polynomial`."""
_IMPROVEMENT = (
    1.2945411512431624, -0.3687229645450182, -0.028030699627536064, 0.26116700784716035, -0.2735482037622297,
    0.1540216623112961, -0.029310982484969272, -0.031861872708944416, 0.03474622705143287, -0.01613170588874755,
    0.002328313644100674, 0.0015767755838484528, -0.000852726530125384, -3.5818064727197386e-05,
    0.00014692721130224676, -1.720415822402079e-05, -2.3354535009695736e-05, 4.971967971590684e-06,
    3.946752435159449e-06, -9.988456254243024e-07, -6.964610730182568e-07, 1.6621912871746994e-07,
    1.0715875147910153e-07, -2.1259563272206623e-08, -9.660241700587973e-09, 1.541444852101939e-09,
)  # fmt: skip
"""Coefficients of :math:`(1 + x)^2 g(x)`, see `_polynomial`."""


def _polynomial(coefficients: tuple[float, ...], x: Float[Array, "*b"]) -> Float[Array, "*b"]:
    r"""Polynomial in :math:`t = (x - 5)/(x + 5)`, which maps :math:`[0, \infty)` to :math:`[-1, 1)`.

    The coefficients interpolate in 26 Chebyshev nodes of ``t``. The interpolated values were computed with 64 bits of
    mantissa, by the series about 0 and by the continued fraction of Abramowitz and Stegun, 26.2.14. The relative error
    is below 5e-16. Even and odd powers are summed apart, so that a processor does not wait for each product.
    """
    t = 1 - 10 / (x + 5)
    square = t * t
    even, odd = jnp.full_like(t, coefficients[-2]), jnp.full_like(t, coefficients[-1])
    for a, b in zip(coefficients[-4::-2], coefficients[-3::-2], strict=True):
        even, odd = even * square + a, odd * square + b
    return even + t * odd


def _mills(x: Float[Array, "*b"]) -> Float[Array, "*b"]:
    r"""The ratio of Mills, :math:`m(x) = \Phi(-x) / \phi(x)`, for ``x >= 0``, to rounding."""
    return _polynomial(_MILLS, x) / (1 + x)


def _scaled_improvement(x: Float[Array, "*b"]) -> Float[Array, "*b"]:
    r"""The ratio :math:`g(x) = h(-x) / \phi(x) = 1 - x\,m(x)` for ``x >= 0``, to rounding where that cancels."""
    return _polynomial(_IMPROVEMENT, x) / (1 + x) ** 2


def _density_of(z: Float[Array, "*b"]) -> Float[Array, "*b"]:
    return jnp.exp(_log_density_of(z))


@jax.custom_jvp
def log_normal_cdf(z: Float[Array, "*b"]) -> Float[Array, "*b"]:
    r"""Logarithm of the standard normal distribution function, with an exact gradient everywhere.

    It is finite up to ``|z| = 1e100`` in float64 and ``1e18`` in float32, ``-inf`` below, and never NaN.
    """
    x = jnp.where(z > 0, z, -z)
    mills, log_density = _mills(x), _log_density_of(x)
    # By the same number on both sides of 0, at most 1/2, so that rounding leaves no step down.
    tail = jnp.minimum(jnp.exp(log_density) * mills, 0.5)
    is_far = x > 1
    below = jnp.log(jnp.where(is_far, mills, tail)) + jnp.where(is_far, log_density, 0)
    return jnp.where(z > 0, jnp.log1p(-tail), below)


@log_normal_cdf.defjvp
def _log_normal_cdf_jvp(primals, tangents):
    (z,), (dz,) = primals, tangents
    return log_normal_cdf(z), normal_hazard(z) * dz


def normal_hazard(z: Float[Array, "*b"]) -> Float[Array, "*b"]:
    r"""The slope :math:`\phi(z) / \Phi(z)` of `log_normal_cdf`, without cancellation in the tail."""
    x = jnp.where(z > 0, z, -z)
    mills, density = _mills(x), _density_of(x)
    return jnp.where(z > 0, density / (1 - density * mills), 1 / mills)


@jax.custom_jvp
def log_improvement(z: Float[Array, "*b"]) -> Float[Array, "*b"]:
    r"""Logarithm of :math:`h(z) = \phi(z) + z\,\Phi(z)`, the expected improvement for standard deviation 1.

    It is finite up to ``|z| = 1e100`` in float64 and ``1e18`` in float32, ``-inf`` below, and never NaN. The gradient
    :math:`\Phi(z)/h(z)` is computed without cancellation, so an optimiser sees a slope even if EI itself underflows.

    References:
      Ament et al., Unexpected Improvements to Expected Improvement, 2023, eq. 9 (the quantity; computed here by a
      polynomial of the scaled tail).
    """
    x = jnp.where(z > 0, z, -z)
    scaled, log_density = _scaled_improvement(x), _log_density_of(x)
    above = z + jnp.exp(log_density) * scaled  # h(z) = z + h(-z)
    return jnp.log(jnp.where(z > 0, above, scaled)) + jnp.where(z > 0, 0, log_density)


@log_improvement.defjvp
def _log_improvement_jvp(primals, tangents):
    (z,), (dz,) = primals, tangents
    x = jnp.where(z > 0, z, -z)
    mills, scaled, density = _polynomial(_MILLS, x), _polynomial(_IMPROVEMENT, x), _density_of(x)
    above = (1 - density * mills / (1 + x)) / (x + density * scaled / (1 + x) ** 2)
    # The quotient m / g with one factor 1 + x cancelled: both underflow far out.
    return log_improvement(z), jnp.where(z > 0, above, (1 + x) * mills / scaled) * dz


def truncation_information(z: Float[Array, "*b"]) -> Float[Array, "*b"]:
    r"""The entropy, in nats, that a standard normal loses if it is known to be above :math:`-z`.

    .. math:: \frac{z\,\phi(z)}{2\,\Phi(z)} - \log \Phi(z)

    In the tail both terms are of order :math:`z^2` and cancel to about :math:`\log |z|`. With
    :math:`\phi(z) / \Phi(z) = x + g/m` at :math:`x = -z` the squares are gone.

    References:
      Wang and Jegelka, Max-value Entropy Search for Efficient Bayesian Optimization, 2017, eq. 6.
    """
    x = jnp.where(z > 0, z, -z)
    mills, density = _mills(x), _density_of(x)
    cdf = 1 - density * mills
    above = 0.5 * x * density / cdf - jnp.log1p(-density * mills)
    # g / m is about 1 / x far out; as x times it the square cancels.
    ratio = x * _polynomial(_IMPROVEMENT, x) / (_polynomial(_MILLS, x) * (1 + x))
    return jnp.where(z > 0, above, LOG_SQRT_2PI - jnp.log(mills) - 0.5 * ratio)


def log_normal_mass(middle: Float[Array, "*b"], width: Float[Array, "*b"]) -> Float[Array, "*b"]:
    r"""Logarithm of the standard normal probability of an interval.

    It is the difference of two tails, on the side of 0 on which they are small. For a narrow interval this difference
    would cancel. There :math:`\log w\phi(m) + w^2 (m^2 - 1) / 24` is used, the midpoint rule with its first correction.

    Args:
      middle: Middle of the interval.
      width: Width of the interval, above 0.

    Returns:
      The logarithm, clipped from below to the logarithm of the smallest normal floating number.
    """
    distance, half = jnp.abs(middle), 0.5 * width
    # One call for both ends, because erfc is a long expression to compile.
    ends = erfc(jnp.stack([distance - half, distance + half]) * np.sqrt(0.5))
    tails = 0.5 * (ends[0] - ends[1])
    least = jnp.finfo(middle.dtype).tiny
    narrow = jnp.log(width) + _log_density_of(middle) + width**2 * (middle**2 - 1) / 24
    is_narrow = width * jnp.maximum(distance, 1) < jnp.finfo(middle.dtype).eps ** 0.2
    mass = jnp.where(is_narrow, narrow, jnp.log(jnp.maximum(tails, least)))
    return jnp.maximum(mass, jnp.log(least)).astype(middle.dtype)


def _log_density_of(z: Float[Array, "*b"]) -> Float[Array, "*b"]:
    return -0.5 * z**2 - LOG_SQRT_2PI


_HEADROOM = 40
"""Number of powers of two left above the largest value, so that sums of up to 2^40 values do not overflow."""


def to_middle_of_range(
    y: Float[Array, " n"], is_valid: Bool[Array, " n"]
) -> tuple[Float[Array, " n"], Float[Array, ""]]:
    """The values multiplied by a power of two, so that their sums and differences neither overflow nor vanish.

    Differences of values near the largest float overflow. Differences near the smallest float become subnormal numbers,
    which XLA treats as 0. The factor moves the largest value to the upper part of the floating range, so that small
    values next to it keep their digits. Multiplication by a power of two is exact.

    Args:
      y: Values of any size; subnormal values count as 0.
      is_valid: Rows that count; other rows become 0.

    Returns:
      Scaled values, and the power of two.
    """
    info = jnp.finfo(y.dtype)
    top, most = info.maxexp - 1 - _HEADROOM, info.maxexp - 24
    largest = jnp.max(jnp.where(is_valid, jnp.abs(y), 0), initial=0)
    power = power_of_two(largest)
    factor = jnp.where(largest > 0, 2.0**top / jnp.maximum(power, 2.0 ** (top - most)), 1).astype(y.dtype)
    return jnp.where(is_valid, y, 0) * factor, factor


def power_of_two(size: Float[Array, ""]) -> Float[Array, ""]:
    """A power of two near a number, by which division is exact; 0 for 0.

    Args:
      size: A finite number of at least 0.

    Returns:
      A power of two between a quarter of the number and the number.
    """
    # Halve first, because the nearest power of two may overflow. Dropping all mantissa bits leaves only the exponent.
    return jax.lax.reduce_precision(0.5 * size, exponent_bits=jnp.finfo(size.dtype).nexp, mantissa_bits=0)


def lift(values: Iterable[float]) -> int:
    """Exponent of the power of two that multiplies values before XLA sees them, because XLA flushes subnormals to 0.

    Args:
      values: Finite Python floats.

    Returns:
      The exponent. It is 0 unless a value, or the difference of two values, may be a subnormal number.

    Example:
      >>> lift([1.0, 2e-200]), lift([1.0, 5e-324]), lift([1e-310, 5e-324]), lift([1e300, 5e-324])
      (0, 960, 1990, 0)
    """
    exponents = [math.frexp(value)[1] for value in values if value]
    if not exponents or min(exponents) > _LEAST_EXPONENT:
        return 0
    return max(0, 1 - _LEAST_EXPONENT - max(exponents))


_LEAST_EXPONENT = -960
"""Exponent above which even the last bit of a float64 is not a subnormal number."""


def midpoint(low: float, high: float) -> float:
    """The mean of two numbers without overflow.

    Args:
      low: A number; infinity is allowed.
      high: A number; infinity is allowed.

    Example:
      >>> midpoint(1.7e308, 1.7e308), midpoint(5e-324, 5e-324), midpoint(-1.7e308, 1.7e308), midpoint(1.0, math.inf)
      (1.7e+308, 5e-324, 0.0, inf)
    """
    total = low + high
    return 0.5 * total if math.isfinite(total) else 0.5 * low + 0.5 * high


def widened(low: float, high: float, share: float) -> tuple[float, float]:
    """An interval with a margin on both sides. Its ends are finite, whatever the size of the given ends.

    Args:
      low: Lower end.
      high: Upper end.
      share: Margin as a fraction of the width. If both ends are equal, the margin is half of their absolute value, or
        1 at 0.

    Example:
      >>> widened(0.0, 10.0, 0.1), widened(-1.7e308, 1.7e308, 0.1)[1] > 1.7e308, widened(4.0, 4.0, 0.1)
      ((-1.0, 11.0), True, (2.0, 6.0))
    """
    room = share * high - share * low or 0.5 * abs(high) or 1.0
    most = float(np.finfo(np.float64).max)
    return max(low - room, -most), min(high + room, most)


def shares(values: Sequence[float] | np.ndarray) -> np.ndarray:
    """The values scaled linearly so that the minimum is 0 and the maximum is 1; 0 if all are equal.

    Args:
      values: Numbers of any size; NaN stays NaN.

    Example:
      >>> shares([-1.7e308, 0.0, 1.7e308]).tolist(), shares([5.0, 5.0]).tolist()
      ([0.0, 0.5, 1.0], [0.0, 0.0])
    """
    array = np.asarray(values, np.float64)
    finite = array[np.isfinite(array)]
    if not finite.size or finite.min() == finite.max():
        return 0 * array
    # Scale by a power of two first, so that a difference neither overflows nor underflows to 0.
    scaled = np.ldexp(array, 1000 - int(np.frexp(np.abs(finite).max())[1]))
    low, high = np.nanmin(scaled), np.nanmax(scaled)
    return (scaled - low) / (high - low)
