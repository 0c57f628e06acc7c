r"""A Gaussian process that knows in which columns the function rises or falls.

The posterior is conditioned on steps along these columns: the function must not fall from the lower end to the upper
end of a step. The steps lie on lines through the best data and through even points of the cube. They are chosen in
rounds, where the mean rises least. The signs make the posterior non-normal. Laplace's approximation replaces each sign
by a normal observation, so that ordinary regression on the data and the steps remains.

References:
  Riihimäki and Vehtari, Gaussian Processes with Monotonicity Information, 2010: signs of derivatives at virtual points,
  added where the mean violates them, with expectation propagation. Steps in their place need no derivative of the
  kernel and hold for integers, too; and the most probable function changes nothing where nothing is violated.
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
"""Points of a line: both ends and, evenly, those between, each line's moved by another part of half a step."""
_GOLDEN = (5**0.5 - 1) / 2
_NUM_DATA = 64
"""Lines through data, those of the best values."""
_NUM_EVEN = 64
"""Lines at points of Sobol's sequence."""
_NUM_ROUNDS = 6
_STEPS_OF_ROUND = 28
"""Steps, those at which the mean rises least; what they changed is seen before the next round."""
_NUM_STEPS = 12
"""Of Newton's method, at most: it ends where no value moves by a thousandth of the width below."""
_MARGIN, _WIDTH = 0.005, 0.005
"""Where the likelihood of a step falls to a half, and over how much it does, in deviations of the values."""


def condition_monotone(params: GPParams, data: Dataset, kernel: Kernel, encoding: Encoding) -> GPPosterior:
    """The posterior given the valid rows of ``data`` and the knowledge in which columns the function rises or falls.

    `jbo.gp` uses it for a space with a parameter that is ``monotone``.

    Args:
      params: Hyperparameters with a leading axis of sets.
      data: Inputs in the unit cube and standardised values.
      kernel: Covariance function.
      encoding: Columns of the space. ``monotone`` of a column is 1 if the modelled value rises with it, -1 if it falls,
        0 if that is unknown; at least one column is not 0.

    Returns:
      A posterior for `gaussian_process.predict`, ``sample`` and ``paths``. Its rows are those of the data and then the
      ends of 168 steps, the lower and the upper end of each in turn. Several hyperparameter sets share the steps of the
      first set.
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
    """Points along each monotone column, in the order in which the function rises.

    A dip between two points of a line shows on the lines beside it, whose points are elsewhere.
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
    """Lower and upper ends, in turn, of the steps at which the mean rises least, those before it given."""
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

    # Steps that are still to come go from the centre to the centre and say nothing.
    nothing = jnp.full((2 * _NUM_ROUNDS * _STEPS_OF_ROUND, d), 0.5, x.dtype)
    return jax.lax.fori_loop(np.int32(0), np.int32(_NUM_ROUNDS), grow, nothing)


def _with_steps(
    p: GPParams,
    y: Float[Array, " n"],
    noise: Float[Array, "*n"],
    is_valid: Bool[Array, " n"],
    gram: Float[Array, "N N"],
) -> tuple[Float[Array, "N N"], Float[Array, " N"]]:
    """What `GPPosterior` needs, given data and pairs of points of which the second one has the greater value."""
    n, dtype = y.shape[0], y.dtype
    u = (gram.shape[0] - n) // 2
    scale = jnp.exp(p.log_signal_variance)
    of_data = observed(gram[:n, :n], noise, is_valid)
    eye = jnp.eye(u, dtype=dtype)
    difference = jnp.asarray(np.kron(np.eye(u), [[-1.0, 1.0]]), dtype)
    between = jnp.where(is_valid[None, :], gram[n + 1 :: 2, :n] - gram[n::2, :n], 0)
    across = gram[n:, n + 1 :: 2] - gram[n:, n::2]
    # That a step is not much below 0 is enough: steps that are one and the same would be singular.
    least = scale * jnp.asarray(1e-6 if dtype == jnp.float64 else 1e-4, dtype)
    of_steps = across[1::2] - across[::2] + least * eye

    whitening, _ = robust_whitening(of_data, scale)
    white = matmul(between, whitening.T)
    mean = matmul(white, matmul(whitening, y[:, None]))[:, 0]
    precision, shift = positive_sites(mean, of_steps - matmul(white, white.T))

    # The steps as observations shift / precision of variance 1 / precision; scaled, so that one of no precision is
    # nothing and not infinity.
    root = jnp.sqrt(precision)
    between = root[:, None] * between
    joint = jnp.block([[of_data, between.T], [between, eye + root[:, None] * of_steps * root[None, :]]])
    upper = jnp.pad(jnp.eye(n, dtype=dtype), ((0, 0), (0, 2 * u)))
    seen = jnp.concatenate([upper, jnp.pad(root[:, None] * difference, ((0, 0), (n, 0)))])
    target = jnp.concatenate([y, shift / root])
    whitening, amount = robust_whitening(joint, jnp.maximum(scale, 1))

    weights = _solve(whitening, target[:, None])
    weights = weights + _solve(whitening, target[:, None] - matmul(joint, weights) - amount * weights)
    # As many rows as columns, as in every posterior.
    return jnp.pad(matmul(seen.T, whitening.T), ((0, 0), (0, u))), matmul(seen.T, weights)[:, 0]


def _solve(whitening: Float[Array, "r r"], b: Float[Array, "r 1"]) -> Float[Array, "r 1"]:
    """The inverse of a matrix times ``b``, given the inverse of its lower Cholesky factor."""
    return matmul(whitening.T, matmul(whitening, b))


def positive_sites(
    mean: Float[Array, " u"], covariance: Float[Array, "u u"]
) -> tuple[Float[Array, " u"], Float[Array, " u"]]:
    r"""Normal observations in place of the knowledge that no normal variable is negative, by Laplace's approximation.

    The likelihood of a variable :math:`g` is :math:`\Phi((g - \delta)/\nu)` with :math:`\delta = \nu = 0.005`. Newton's
    method finds the most probable values. There the likelihood is replaced by the normal one of the same slope and
    curvature.

    Args:
      mean: Of the variables, in standard deviations of the objective.
      covariance: Of the variables, positive definite.

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
        # Not LAPACK's: at this size its threads wait for each other where another process is busy, for seconds.
        whitening, _ = robust_whitening(inner, jnp.ones((), dtype))
        pull = root[:, None] * _solve(whitening, ((shift - precision * mean) / root)[:, None])
        new = mean + matmul(covariance, pull)[:, 0]
        return i + 1, new, jnp.max(jnp.abs(new - g))

    def moves(carry):
        return (carry[0] < _NUM_STEPS) & (carry[2] > 1e-3 * _WIDTH)

    start = np.int32(0), mean, jnp.asarray(jnp.inf, dtype)
    return sites(jax.lax.while_loop(moves, newton, start)[1])
