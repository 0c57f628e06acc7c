r"""Gaussian process regression through inducing points, for tables too large for exact inference.

With :math:`m` inducing points among the :math:`n` rows, the covariance of the function is approximated by
:math:`Q = K_{nm} K_{mm}^{-1} K_{mn}`. The cost grows with :math:`n m^2`. If every row is an inducing point, the
posterior is exact. `jbo.gp` uses inducing points for large tables, and fits its hyperparameters to some of the rows.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jbo.linalg import robust_cholesky, robust_whitening
from jbo.numerics import jitter, matmul
from jbo.surrogates._regression import GPPosterior, masked, noise_of, numbers_as, prior_variance
from jbo.surrogates.kernels import GPParams, Kernel
from jbo.types import Dataset


def thinned(data: Dataset, num_rows: int) -> Dataset:
    """A table with ``num_rows`` of the valid rows, evenly spread over the table in their order.

    `jbo.gp` fits its hyperparameters to such a table when it has more than 1,024 rows.

    Args:
      data: Standardised observations.
      num_rows: Rows of the result, at least 1. If there are fewer valid rows, the result has all of them, and its last
        rows are padding.
    """
    count = jnp.sum(data.is_valid)
    share = jnp.maximum(count, num_rows).astype(jnp.int32)
    # Integer arithmetic, because rounding could make ranks repeat.
    ranks = jnp.arange(num_rows, dtype=jnp.int32) * (share // num_rows) + (
        jnp.arange(num_rows, dtype=jnp.int32) * (share % num_rows) // num_rows
    )
    rows = jnp.argsort(~data.is_valid, stable=True)[ranks]
    known = None if data.noise_variance is None else data.noise_variance[rows]
    slope = None if data.slope is None else data.slope[rows]
    return Dataset(data.x[rows], data.y[rows], data.is_valid[rows] & (ranks < count), data.y_scale, known, slope=slope)


def inducing_rows(
    params: GPParams, data: Dataset, kernel: Kernel, num_inducing: int
) -> tuple[Int[Array, " m"], Bool[Array, " m"]]:
    r"""Rows of the data that serve as inducing points, chosen greedily.

    Each next row has the largest posterior variance given the rows before it, weighted by :math:`e^{-y}`. The weight
    makes the model exact around the best values.

    Args:
      params: One hyperparameter sample.
      data: Standardised observations; lower is better.
      kernel: Covariance function.
      num_inducing: Number of rows ``m``, at least 1.

    Returns:
      Row numbers, and which of them count. A row does not count if it is padding, or if the rows before it determine
      the function there.

    Example:
      >>> from jbo.surrogates import kernels
      >>> x = jnp.array([[0.1], [0.1], [0.9]])
      >>> data = Dataset(x, jnp.array([-1.0, -1.0, 1.0]), jnp.ones(3, bool))
      >>> params = GPParams(jnp.zeros(1), jnp.zeros(()), jnp.zeros(()))
      >>> rows, counts = inducing_rows(params, data, kernels.matern52, 3)
      >>> rows[counts].tolist()
      [0, 2]

    References:
      Burt, Rasmussen and van der Wilk, Convergence of Sparse Variational Inference in Gaussian Processes Regression,
      2020, section 4.2.1 (the greedy choice, a pivoted Cholesky factorisation); Moss, Ober and Picheny, Inducing Point
      Allocation for Sparse Gaussian Processes in High-Throughput Bayesian Optimisation, 2023, section 4 (the weight).
    """
    x, y = masked(data)
    dtype = x.dtype
    weight = jnp.exp(-jnp.clip(y, -4, 4))  # the square of exp(-y / 2)
    least = jitter(dtype) * jnp.exp(params.log_signal_variance)

    def choose(i: Int[Array, ""], carry):
        factor, left, rows, counts = carry
        row = jnp.argmax(jnp.where(left > least, weight * left, -1)).astype(jnp.int32)
        is_useful = left[row] > least
        covariance = kernel(params, x[row][None, :], x)[0]
        column = jnp.where(is_useful, covariance - matmul(factor[:, row][None, :], factor)[0], 0)
        column = column / jnp.sqrt(jnp.where(is_useful, left[row], 1))
        left = jnp.where(jnp.arange(x.shape[0]) == row, 0, jnp.maximum(left - column**2, 0))
        return factor.at[i].set(column), left, rows.at[i].set(row), counts.at[i].set(is_useful)

    variance = jnp.where(data.is_valid, prior_variance(params, x, kernel), 0)
    factor = jnp.zeros((num_inducing, x.shape[0]), dtype)
    nothing = jnp.zeros(num_inducing, jnp.int32), jnp.zeros(num_inducing, bool)
    rows, counts = jax.lax.fori_loop(np.int32(0), np.int32(num_inducing), choose, (factor, variance, *nothing))[2:]
    return rows, counts


def condition_on_inducing(
    params: GPParams, data: Dataset, kernel: Kernel, rows: Int[Array, " m"], counts: Bool[Array, " m"]
) -> GPPosterior:
    r"""The optimal variational posterior of the function given all rows, with inducing points.

    Args:
      params: Hyperparameter samples, along a leading axis.
      data: Standardised observations.
      kernel: Covariance function.
      rows: Row numbers of the inducing points, from `inducing_rows`.
      counts: False for inducing points to leave out.

    Returns:
      A posterior for `gaussian_process.predict`, ``sample`` and ``paths``. Its ``root`` is a root of
      :math:`K_{mm}^{-1} - (K_{mm} + \sigma^{-2} K_{mn} K_{nm})^{-1}`.

    References:
      Titsias, Variational Learning of Inducing Variables in Sparse Gaussian Processes, 2009, eq. 6 and 10.
    """
    x, y = masked(data)
    one, eye = jnp.ones((), x.dtype), jnp.eye(rows.shape[0], dtype=x.dtype)

    def one_set(p: GPParams) -> tuple[Float[Array, "m m"], Float[Array, " m"]]:
        gram, cross = _covariances(p, x, data.is_valid, kernel, rows, counts)
        noise = noise_of(p, data, x)
        whitening = robust_whitening(gram, jnp.exp(p.log_signal_variance))[0]
        white = matmul(whitening, cross)
        if noise.ndim:
            # Divide each row by its own noise. The rest is the same with equal noise.
            by_noise = white / noise[None, :]
            total, seen = matmul(by_noise, white.T), matmul(by_noise, y[:, None])
        else:
            total, seen = matmul(white, white.T) / noise, matmul(white, y[:, None]) / noise
        whitening_of_sum = robust_whitening(eye + total, one)[0]
        explained = eye - matmul(whitening_of_sum.T, whitening_of_sum)
        root = matmul(whitening.T, robust_cholesky(explained, one))
        alpha = matmul(whitening_of_sum, seen)
        return root, matmul(whitening.T, matmul(whitening_of_sum.T, alpha))[:, 0]

    roots, alphas = jax.vmap(one_set)(params)
    return GPPosterior(params, x[rows], counts, roots, alphas, numbers_as(kernel, x.dtype), is_exact=False)


def _covariances(
    params: GPParams,
    x: Float[Array, "n d"],
    is_valid: Bool[Array, " n"],
    kernel: Kernel,
    rows: Int[Array, " m"],
    counts: Bool[Array, " m"],
) -> tuple[Float[Array, "m m"], Float[Array, "m n"]]:
    """Covariance of the inducing points, and their covariance with all rows.

    Inducing points that do not count, and padding rows, become identity rows of the first and zeros of the second.
    """
    z = x[rows]
    cross = jnp.where(counts[:, None] & is_valid[None, :], kernel(params, z, x), 0)
    gram = jnp.where(counts[:, None] & counts[None, :], kernel(params, z, z), 0)
    least = jitter(x.dtype) * jnp.exp(params.log_signal_variance)
    diagonal = jnp.where(counts, least, 1).astype(x.dtype)
    return gram + jnp.where(jnp.eye(rows.shape[0], dtype=bool), diagonal[:, None], 0), cross
