r"""Gaussian processes with monotonicity constraints on some columns.

The posterior is conditioned on steps along these columns: the function must not fall from the lower end to the upper
end of a step. The steps lie on lines through the best data and through even points of the cube. They are chosen in
rounds, at the points where the mean rises least. A step is a sign constraint on a difference of two values. These
constraints make the posterior non-normal. Laplace's approximation replaces each constraint by a normal observation. The
result is an ordinary regression on the data and the steps.

References:
  Riihimäki and Vehtari, Gaussian Processes with Monotonicity Information, 2010. They use signs of derivatives at
  virtual points, added where the mean violates them, and expectation propagation. Steps need no derivative of the
  kernel, and they also work for integers. Laplace's approximation leaves the mode unchanged if no sign is violated.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jbo import designs
from jbo.encoding import Encoding, snap
from jbo.linalg import robust_whitening
from jbo.numerics import LOG_SQRT_2PI, log_normal_cdf, matmul
from jbo.surrogates._regression import GPPosterior, masked, noise_of, numbers_as, observed
from jbo.surrogates.kernels import GPParams, Kernel
from jbo.types import Dataset

_NUM_LEVELS = 16
"""Number of points of a line: both ends, and evenly spaced inner points with a different shift on each line."""
_GOLDEN = (5**0.5 - 1) / 2
_NUM_DATA = 64
"""Maximum number of lines through data, the rows with the best values."""
_NUM_EVEN = 64
"""Number of lines through points of a Sobol sequence."""
_NUM_ROUNDS = 6
_STEPS_OF_ROUND = 28
"""Number of steps added in a round, at the points where the mean rises least. The next round uses the new mean."""
_NUM_STEPS = 12
"""Maximum number of Newton steps. The iteration stops if no value moves by more than 0.001 times `_WIDTH`."""
_MARGIN, _WIDTH = 0.005, 0.005
"""The rise at which the likelihood of a step is 1/2, and its width, in standard deviations of the values."""


def condition_monotone(params: GPParams, data: Dataset, kernel: Kernel, encoding: Encoding) -> GPPosterior:
    """The posterior given the valid rows of ``data`` and the monotone columns of the space.

    `jbo.gp` uses it for a space with a ``monotone`` parameter.

    Args:
      params: Hyperparameter samples, along a leading axis.
      data: Inputs in the unit cube and standardised values.
      kernel: Covariance function.
      encoding: Columns of the space. ``monotone`` of a column is 1 if the modelled value rises with the column, -1 if
        it falls, and 0 if the direction is unknown. At least one column is not 0.

    Returns:
      A posterior for `gaussian_process.predict`, ``sample`` and ``paths``. Its rows are those of the data, followed by
      the lower and the upper end of each of 168 steps, along which the function must not fall (see the module). The
      steps are chosen with the first hyperparameter sample, and all samples use them.
    """
    x, y = masked(data)
    lines = _lines(encoding, x, jnp.where(data.is_valid, y, jnp.inf))
    first = jax.tree.map(lambda leaf: leaf[0], params)
    ends = _ends_of_steps(first, data, kernel, lines)
    known = jnp.concatenate([x, ends])

    def factorise(p: GPParams) -> tuple[Float[Array, "N N"], Float[Array, " N"]]:
        return _with_steps(p, y, noise_of(p, data, x), data.is_valid, kernel(p, known, known))

    root, alpha = jax.vmap(factorise)(params)
    is_valid = jnp.concatenate([data.is_valid, jnp.ones(len(ends), bool)])
    return GPPosterior(params, known, is_valid, root, alpha, numbers_as(kernel, x.dtype), is_exact=False)


def _lines(encoding: Encoding, x: Float[Array, "n d"], y: Float[Array, " n"]) -> Float[Array, "l k d"]:
    """Lines of points along each monotone column, in the direction in which the function rises.

    The points of neighbouring lines are shifted, so that these lines show a dip between two points of a line.
    """
    best = x[jax.lax.top_k(-y, min(len(y), _NUM_DATA))[1]]
    even = jnp.asarray(designs.even_points(_NUM_EVEN, encoding.num_columns), x.dtype)
    bases = jnp.repeat(jnp.concatenate([best, even])[:, None, :], _NUM_LEVELS, axis=1)
    shifts = np.arange(len(bases))[:, None] * _GOLDEN % 1 - 0.5
    inner = (np.arange(1, _NUM_LEVELS - 1) + shifts) / (_NUM_LEVELS - 1)
    levels = np.pad(np.pad(inner, ((0, 0), (1, 0))), ((0, 0), (0, 1)), constant_values=1)
    lines = [
        bases.at[:, :, j].set(jnp.asarray(levels[:, :: column.monotone], x.dtype))
        for j, column in enumerate(encoding.columns)
        if column.monotone
    ]
    return snap(encoding, jnp.concatenate(lines))


def _ends_of_steps(p: GPParams, data: Dataset, kernel: Kernel, lines: Float[Array, "l k d"]) -> Float[Array, "v d"]:
    """The lower and the upper end of each step, in turn.

    Each round adds the steps at which the mean, given the earlier steps, rises least.
    """
    x, y = masked(data)
    d, points = x.shape[1], lines.reshape(-1, x.shape[1])

    def rises(ends: Float[Array, "v d"]) -> Float[Array, "l k"]:
        known = jnp.concatenate([x, ends])
        _, alpha = _with_steps(p, y, noise_of(p, data, x), data.is_valid, kernel(p, known, known))
        counts = jnp.concatenate([data.is_valid, jnp.ones(len(ends), bool)]).astype(x.dtype)
        mean = matmul(kernel(p, points, known) * counts[None, :], alpha[:, None]).reshape(lines.shape[:2])
        return jnp.diff(mean, axis=1)

    def grow(i: Int[Array, ""], ends: Float[Array, "v d"]) -> Float[Array, "v d"]:
        short = rises(ends)
        chosen = jax.lax.top_k(-short.reshape(-1), _STEPS_OF_ROUND)[1]
        row, at = chosen // short.shape[1], chosen % short.shape[1]
        new = jnp.stack([lines[row, at], lines[row, at + 1]], axis=1).reshape(-1, d)
        return jax.lax.dynamic_update_slice_in_dim(ends, new, len(new) * i, axis=0)

    # Later steps are placeholders from the centre to the centre, which carry no information.
    nothing = jnp.full((2 * _NUM_ROUNDS * _STEPS_OF_ROUND, d), 0.5, x.dtype)
    return jax.lax.fori_loop(np.int32(0), np.int32(_NUM_ROUNDS), grow, nothing)


def _with_steps(
    p: GPParams,
    y: Float[Array, " n"],
    noise: Float[Array, "*n"],
    is_valid: Bool[Array, " n"],
    gram: Float[Array, "N N"],
) -> tuple[Float[Array, "N N"], Float[Array, " N"]]:
    """``root`` and ``alpha`` of a `GPPosterior`, given data and pairs of points whose second value is larger."""
    n, dtype = y.shape[0], y.dtype
    u = (gram.shape[0] - n) // 2
    scale = jnp.exp(p.log_signal_variance)
    of_data = observed(gram[:n, :n], noise, is_valid)
    eye = jnp.eye(u, dtype=dtype)
    difference = jnp.asarray(np.kron(np.eye(u), [[-1.0, 1.0]]), dtype)
    between = jnp.where(is_valid[None, :], gram[n + 1 :: 2, :n] - gram[n::2, :n], 0)
    across = gram[n:, n + 1 :: 2] - gram[n:, n::2]
    # A small noise lets a step be slightly below 0; without it, equal steps would make the covariance singular.
    least = scale * jnp.asarray(1e-6 if dtype == jnp.float64 else 1e-4, dtype)
    of_steps = across[1::2] - across[::2] + least * eye

    whitening, _ = robust_whitening(of_data, scale)
    white = matmul(between, whitening.T)
    mean = matmul(white, matmul(whitening, y[:, None]))[:, 0]
    precision, shift = positive_sites(mean, of_steps - matmul(white, white.T))

    # Each step is an observation shift / precision with variance 1 / precision. Its row is scaled by the root of the
    # precision, so that a precision near 0 gives a zero row and no infinity.
    root = jnp.sqrt(precision)
    between = root[:, None] * between
    joint = jnp.block([[of_data, between.T], [between, eye + root[:, None] * of_steps * root[None, :]]])
    upper = jnp.pad(jnp.eye(n, dtype=dtype), ((0, 0), (0, 2 * u)))
    seen = jnp.concatenate([upper, jnp.pad(root[:, None] * difference, ((0, 0), (n, 0)))])
    target = jnp.concatenate([y, shift / root])
    whitening, amount = robust_whitening(joint, jnp.maximum(scale, 1))

    weights = _solve(whitening, target[:, None])
    weights = weights + _solve(whitening, target[:, None] - matmul(joint, weights) - amount * weights)
    # Pad to a square matrix, as in every posterior.
    return jnp.pad(matmul(seen.T, whitening.T), ((0, 0), (0, u))), matmul(seen.T, weights)[:, 0]


def _solve(whitening: Float[Array, "r r"], b: Float[Array, "r 1"]) -> Float[Array, "r 1"]:
    """The inverse of a matrix times ``b``, given the inverse of its lower Cholesky factor."""
    return matmul(whitening.T, matmul(whitening, b))


def positive_sites(
    mean: Float[Array, " u"], covariance: Float[Array, "u u"]
) -> tuple[Float[Array, " u"], Float[Array, " u"]]:
    r"""Normal observations that approximate the constraint that jointly normal variables are not negative.

    The likelihood of a variable :math:`g` is :math:`\Phi((g - \delta)/\nu)` with :math:`\delta = \nu = 0.005`. Newton's
    method finds the mode. Laplace's approximation replaces each likelihood by a normal density whose logarithm has the
    same slope and curvature at the mode.

    Args:
      mean: Mean of the variables, in standard deviations of the objective.
      covariance: Covariance of the variables, positive definite.

    Returns:
      The precision of each observation, above 0, and its precision times its value.

    References:
      Rasmussen and Williams 2006, algorithm 3.1; the probit of Riihimäki and Vehtari 2010, eq. 6.
    """
    dtype = mean.dtype
    eye = jnp.eye(mean.shape[0], dtype=dtype)

    def sites(g: Float[Array, " u"]) -> tuple[Float[Array, " u"], Float[Array, " u"]]:
        z = (g - _MARGIN) / _WIDTH
        hazard = jnp.exp(-0.5 * z**2 - LOG_SQRT_2PI - log_normal_cdf(z))
        precision = jnp.maximum(hazard * (z + hazard), jnp.finfo(dtype).eps) / _WIDTH**2
        return precision, precision * g + hazard / _WIDTH

    def newton(carry):
        i, g, _ = carry
        precision, shift = sites(g)
        root = jnp.sqrt(precision)
        inner = eye + root[:, None] * covariance * root[None, :]
        # Not LAPACK's Cholesky: at this size its threads may wait for each other for seconds beside a busy process.
        whitening, _ = robust_whitening(inner, jnp.ones((), dtype))
        pull = root[:, None] * _solve(whitening, ((shift - precision * mean) / root)[:, None])
        new = mean + matmul(covariance, pull)[:, 0]
        return i + 1, new, jnp.max(jnp.abs(new - g))

    def moves(carry):
        return (carry[0] < _NUM_STEPS) & (carry[2] > 1e-3 * _WIDTH)

    start = np.int32(0), mean, jnp.asarray(jnp.inf, dtype)
    return sites(jax.lax.while_loop(moves, newton, start)[1])
