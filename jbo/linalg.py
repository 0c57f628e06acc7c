"""Factorisations of covariance matrices as loops over blocks of rows, so that programs are small for all sizes."""

import itertools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Bool, Float, Int

from jbo.numerics import matmul, turned


@jax.custom_batching.custom_vmap
def largest_of_lanes(number: Int[Array, ""]) -> Int[Array, ""]:
    """The number itself; under `jax.vmap` the maximum over all lanes, so that a loop up to it stays a single loop."""
    return number


@largest_of_lanes.def_vmap
def _largest_of_lanes(axis_size, in_batched, number):
    return (jnp.max(number) if in_batched[0] else number), False


@jax.custom_vjp
def gaussian_log_density(
    covariance: Float[Array, "n n"], y: Float[Array, " n"], num_rows: Int[Array, ""] | None = None
) -> Float[Array, ""]:
    r"""Log density of ``y`` under :math:`N(0, K)` without the constant :math:`-\tfrac n2 \log 2\pi`.

    It has a custom derivative, :math:`\partial/\partial K = \tfrac12 (\alpha\alpha^\top - K^{-1})` with
    :math:`\alpha = K^{-1} y`, because differentiating through a Cholesky factorisation costs several times as much. The
    inverse is computed by symmetric sweeps over blocks of rows. Swept blocks hold :math:`-K^{-1}`, the other blocks the
    Schur complement.

    Args:
      covariance: A symmetric matrix.
      y: Values.
      num_rows: Number of rows to use. Later rows must be identity rows, with ``y`` 0. None: all rows.

    Returns:
      A scalar in nats; NaN if ``covariance`` is not positive definite.

    References:
      Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, eq. 2.30 and 5.9; Goodnight, A Tutorial on
      the SWEEP Operator, 1979.
    """
    return _log_density(covariance, y, num_rows)[0]


def _log_density(covariance, y, num_rows):
    n = y.shape[0]
    blocks = _Blocks(n, num_rows)
    zero = jnp.zeros((), y.dtype)

    def sweep(i, carry):
        matrix, rest, square, log_det = carry
        factor, whitening = blocks.pivot(i, matrix)
        rows = blocks.put(blocks.symmetric_rows(i, matrix), i, -jnp.eye(blocks.size, dtype=y.dtype))
        white_rows = _solve(factor, whitening, rows)
        white = _solve(factor, whitening, blocks.rows(i, rest[:, None]))
        matrix = blocks.eliminate(i, matrix, white_rows, white_rows)
        rest = jnp.where(blocks.own(i), zero, rest) - matmul(white_rows.T, white)[:, 0]
        log_det = log_det + jnp.sum(jnp.log(jnp.diagonal(factor)))
        return matrix, rest, square + jnp.sum(white**2), log_det

    padded = blocks.pad(covariance), jnp.pad(y, (0, blocks.num_padded))
    swept, alpha, square, log_det = jax.lax.fori_loop(np.int32(0), blocks.num_steps, sweep, (*padded, zero, zero))
    for panel in blocks.panels[1:]:
        swept = jax.lax.dynamic_update_slice(swept, swept[panel, : panel.start].T, (0, panel.start))
    is_swept = jnp.asarray(blocks.block[:n]) < blocks.num_steps
    inverse = jnp.where(is_swept[:, None], -swept[:n, :n], swept[:n, :n])
    return -0.5 * square - log_det, (inverse, alpha[:n])


def _log_density_backward(residuals, cotangent):
    inverse, alpha = residuals
    return cotangent * 0.5 * (alpha[:, None] * alpha[None, :] - inverse), -cotangent * alpha, None


gaussian_log_density.defvjp(_log_density, _log_density_backward)


@jax.custom_jvp
def robust_cholesky(covariance: Float[Array, "n n"], scale: Float[Array, ""]) -> Float[Array, "n n"]:
    """Lower Cholesky factor of ``covariance`` plus the smallest multiple of the identity for which it exists.

    The first attempt adds nothing. The second adds the unit roundoff times ``scale``, and each further attempt adds ten
    times as much. A matrix that is singular to working precision thus still gives a usable posterior.

    Args:
      covariance: A symmetric matrix, positive semi-definite up to rounding.
      scale: The scale of the added amounts: the signal variance.

    Returns:
      The factor; NaN only if ``covariance`` is not finite.
    """
    return _first_finite(_cholesky, covariance, scale)[0]


@robust_cholesky.defjvp
def _robust_cholesky_jvp(primals, tangents):
    # The loop that finds the amount cannot be transposed. This rule does not need it: given the amount, it is the
    # derivative of a factorisation (Murray, Differentiation of the Cholesky Decomposition, 2016, eq. 8).
    (covariance, scale), (change, scale_change) = primals, tangents
    factor, amount = _first_finite(_cholesky, covariance, scale)
    change = change + (amount / scale * scale_change) * jnp.eye(covariance.shape[0], dtype=covariance.dtype)
    whitening = solve_triangular(factor, jnp.eye(covariance.shape[0], dtype=covariance.dtype), lower=True)
    return factor, matmul(factor, _lower_half(matmul(matmul(whitening, change), whitening.T)))


@jax.custom_jvp
def robust_whitening(
    covariance: Float[Array, "n n"], scale: Float[Array, ""], num_rows: Int[Array, ""] | None = None
) -> tuple[Float[Array, "n n"], Float[Array, ""]]:
    """Inverse of the lower Cholesky factor of ``covariance``, with an addition to the diagonal if it is needed.

    Args:
      covariance: A symmetric matrix, positive semi-definite up to rounding.
      scale: The scale of the added amounts; see `robust_cholesky`.
      num_rows: Number of rows to use. Later rows must be identity rows. None: all rows.

    Returns:
      The inverse of the factor, NaN only if ``covariance`` is not finite, and the added amount.
    """
    return _first_finite(lambda matrix: _whitening(matrix, num_rows), covariance, scale)


@robust_whitening.defjvp
def _robust_whitening_jvp(primals, tangents):
    (covariance, scale, num_rows), (change, scale_change, _) = primals, tangents
    whitening, amount = robust_whitening(covariance, scale, num_rows)
    amount_change = amount / scale * scale_change
    change = change + amount_change * jnp.eye(covariance.shape[0], dtype=covariance.dtype)
    within = _lower_half(matmul(matmul(whitening, change), whitening.T))
    return (whitening, amount), (-matmul(within, whitening), amount_change)


def _lower_half(matrix: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """The strictly lower triangle of a matrix plus half of its diagonal."""
    below = np.tri(matrix.shape[0], k=-1) + 0.5 * np.eye(matrix.shape[0])
    return jnp.asarray(below, matrix.dtype) * matrix


def _first_finite(
    make: Callable[[Float[Array, "n n"]], Float[Array, "n n"]], covariance: Float[Array, "n n"], scale: Float[Array, ""]
) -> tuple[Float[Array, "n n"], Float[Array, ""]]:
    """The result of ``make`` with the smallest addition to the diagonal for which it is finite, and the addition."""
    eye = jnp.eye(covariance.shape[0], dtype=covariance.dtype)
    least = scale * jnp.finfo(covariance.dtype).eps

    def attempt(carry):
        _, amount, count = carry
        amount = jnp.where(count == 0, 0, jnp.where(count == 1, least, 10 * amount)).astype(amount.dtype)
        return make(covariance + amount * eye), amount, count + 1

    def is_bad(carry):
        result, _, count = carry
        return ~jnp.all(jnp.isfinite(result)) & (count < 17)

    # The loop starts with a matrix that is not finite, so that the program contains a single factorisation.
    start = jnp.full_like(covariance, jnp.nan), jnp.zeros_like(scale), jnp.zeros((), jnp.int32)
    return jax.lax.while_loop(is_bad, attempt, start)[:2]


def _cholesky(covariance: Float[Array, "n n"]) -> Float[Array, "n n"]:
    blocks = _Blocks(covariance.shape[0], None)

    def eliminate(i, matrix):
        # Rows above hold the transposed factor, rows below the Schur complement. Entries to its left are not used.
        own, (factor, whitening) = blocks.own(i), blocks.pivot(i, matrix)
        rows = jnp.where(blocks.is_before(i)[None, :], 0, _solve(factor, whitening, blocks.rows(i, matrix)))
        below = jnp.where(own[None, :], 0, rows)
        return blocks.put_rows(matrix - matmul(turned(below), rows), i, rows)

    n = covariance.shape[0]
    return jnp.tril(jax.lax.fori_loop(np.int32(0), blocks.num_steps, eliminate, blocks.pad(covariance)).T[:n, :n])


def _whitening(covariance: Float[Array, "n n"], num_rows: Int[Array, ""] | None) -> Float[Array, "n n"]:
    n = covariance.shape[0]
    blocks = _Blocks(n, num_rows)

    def eliminate(i, matrix):
        # Rows above are done; rows below hold, up to this block's columns, what they owe to the rows above, and beyond
        # them the Schur complement, which is symmetric.
        factor, whitening = blocks.pivot(i, matrix)
        is_after = ~blocks.own(i) & ~blocks.is_before(i)
        rows = blocks.put(blocks.symmetric_rows(i, matrix), i, jnp.eye(blocks.size, dtype=matrix.dtype))
        white_rows = _solve(factor, whitening, rows)
        below = jnp.where(is_after[None, :], white_rows, 0)
        return blocks.put_rows(blocks.eliminate(i, matrix, below, white_rows), i, white_rows - below)

    return jax.lax.fori_loop(np.int32(0), blocks.num_steps, eliminate, blocks.pad(covariance))[:n, :n]


def _solve(
    factor: Float[Array, "b b"], inverse: Float[Array, "b b"], right: Float[Array, "b c"]
) -> Float[Array, "b c"]:
    """Solution of a triangular system by the inverse, refined once, which is as exact as substitution."""
    solution = matmul(inverse, right)
    return solution + matmul(inverse, right - matmul(factor, solution))


class _Blocks:
    """A matrix of static size ``n`` as blocks of rows, padded by identity rows, for loops over the blocks.

    Blocks are small, because LAPACK's Cholesky of 128 rows or more uses several threads, which wait for each other. If
    another process keeps the cores busy, 1 ms becomes half a second.
    """

    def __init__(self, n: int, num_rows: Int[Array, ""] | None):
        num_blocks = max(1, -(-n // (32 if n <= 512 else 63)))
        self.size = max(1, -(-n // num_blocks))
        self.num_padded = num_blocks * self.size - n
        self.block = np.repeat(np.arange(num_blocks, dtype=np.int32), self.size)
        if num_rows is None:
            self.num_steps = np.int32(num_blocks)
        else:
            rows = largest_of_lanes(num_rows.astype(jnp.int32))
            self.num_steps = jnp.minimum((rows + np.int32(self.size - 1)) // np.int32(self.size), np.int32(num_blocks))
        # Panels of rows. Of a symmetric matrix, each keeps the columns up to its last row: 5/8 of the work with four.
        num_panels = min(4, max(1, n // 64))
        ends = [round(num_blocks * k / num_panels) * self.size for k in range(num_panels + 1)]
        self.panels = [slice(start, end) for start, end in itertools.pairwise(ends)]

    def pad(self, matrix: Float[Array, "n n"]) -> Float[Array, "N N"]:
        if not self.num_padded:
            return matrix
        ones = np.arange(self.block.size) >= self.block.size - self.num_padded
        return jnp.pad(matrix, (0, self.num_padded)) + jnp.diag(jnp.asarray(ones, matrix.dtype))

    def symmetric_rows(self, i: Int[Array, ""], matrix: Float[Array, "N N"]) -> Float[Array, "b N"]:
        """The rows of block ``i`` of a symmetric matrix of which at least the lower triangle is stored."""
        columns = jax.lax.dynamic_slice_in_dim(matrix, i * self.size, self.size, axis=1)
        return jnp.where(self.is_before(i)[None, :], self.rows(i, matrix), columns.T)

    def eliminate(
        self, i: Int[Array, ""], matrix: Float[Array, "N N"], left: Float[Array, "b N"], right: Float[Array, "b N"]
    ) -> Float[Array, "N N"]:
        """The matrix with rows and columns of block ``i`` set to 0, minus ``left.T @ right``, within the panels."""
        own, columns = self.own(i), turned(left)
        for panel in self.panels:
            part = jnp.where(own[panel, None] | own[None, : panel.stop], 0, matrix[panel, : panel.stop])
            part = part - matmul(columns[panel], right[:, : panel.stop])
            matrix = jax.lax.dynamic_update_slice(matrix, part, (panel.start, 0))
        return matrix

    def own(self, i: Int[Array, ""]) -> Bool[Array, " N"]:
        """True for the rows of block ``i``."""
        return jnp.asarray(self.block) == i

    def is_before(self, i: Int[Array, ""]) -> Bool[Array, " N"]:
        return jnp.asarray(self.block) < i

    def rows(self, i: Int[Array, ""], matrix: Float[Array, "N c"]) -> Float[Array, "b c"]:
        return jax.lax.dynamic_slice_in_dim(matrix, i * self.size, self.size, axis=0)

    def put(self, rows: Float[Array, "b N"], i: Int[Array, ""], block: Float[Array, "b b"]) -> Float[Array, "b N"]:
        """The rows with their diagonal block replaced."""
        return jax.lax.dynamic_update_slice_in_dim(rows, block, i * self.size, axis=1)

    def put_rows(
        self, matrix: Float[Array, "N N"], i: Int[Array, ""], rows: Float[Array, "b N"]
    ) -> Float[Array, "N N"]:
        return jax.lax.dynamic_update_slice_in_dim(matrix, rows, i * self.size, axis=0)

    def pivot(self, i: Int[Array, ""], matrix: Float[Array, "N N"]) -> tuple[Float[Array, "b b"], Float[Array, "b b"]]:
        r"""Lower Cholesky factor of block ``i`` of the diagonal and its inverse, in one factorisation.

        .. math:: \begin{pmatrix} A & I \\ I & cI \end{pmatrix}
                  = \begin{pmatrix} L \\ L^{-\top} & \cdot \end{pmatrix}
                    \begin{pmatrix} L \\ L^{-\top} & \cdot \end{pmatrix}^\top

        with :math:`c` so large that the lower right block has a factor whatever :math:`A^{-1}` is.
        """
        b, dtype = self.size, matrix.dtype
        block = jax.lax.dynamic_slice_in_dim(self.rows(i, matrix), i * b, b, axis=1)
        eye = jnp.eye(b, dtype=dtype)
        beyond = jnp.asarray(1e-8 * float(jnp.finfo(dtype).max), dtype) * eye
        both = jnp.concatenate([jnp.concatenate([block, eye], 1), jnp.concatenate([eye, beyond], 1)], 0)
        factor = jnp.linalg.cholesky(both, symmetrize_input=False)
        return factor[:b, :b], turned(factor[b:, :b])
