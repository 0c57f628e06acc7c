"""Gaussian process regression: marginal likelihood, posterior and samples, as pure functions of parameters and data."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from jbo.checks import checked
from jbo.linalg import gaussian_log_density, robust_cholesky, robust_whitening
from jbo.numerics import LOG_SQRT_2PI, jitter, matmul, matvec
from jbo.pytrees import pytree
from jbo.surrogates._surrogate import Posterior
from jbo.surrogates.kernels import Covariance, GPParams, Kernel, as_covariance, multiscale
from jbo.types import Dataset


@pytree
@dataclass(frozen=True)
class GPPosterior:
    """A Gaussian process conditioned on data, with one factorisation for each hyperparameter sample."""

    params: GPParams
    """Hyperparameter samples, along a leading axis ``s``."""
    x: Float[Array, "*b n d"]
    """Inputs, neutral in padding rows. A posterior that comes out of `jax.vmap` has batch axes ``*b``."""
    is_valid: Bool[Array, "*b n"]
    root: Float[Array, "*b s n n"]
    r"""Upper triangular :math:`R` with :math:`R R^\top` the inverse covariance of the observations. With inducing
    points or steps, any :math:`R` for which the data reduce the variance by :math:`k R R^\top k^\top`."""
    alpha: Float[Array, "*b s n"]
    """Weights of the posterior mean: the inverse covariance of the observations times ``y``."""
    kernel: Covariance
    is_exact: bool = field(default=True, metadata={"static": True})
    """False for a posterior with inducing points, or with monotone steps."""
    known_noise: Float[Array, "*b n"] | None = None
    """Known noise variance of each observation, 0 in padding rows; None: unknown."""

    @property
    def num_sets(self) -> int:
        """Number of hyperparameter samples."""
        return self.params.log_signal_variance.shape[-1]

    def sets(self) -> "GPPosterior":
        """The posteriors of the single hyperparameter samples, with a leading axis for `jax.vmap`."""

        def alone(leaf: Array) -> Array:
            return leaf[:, None]

        def repeated(leaf: Array) -> Array:
            return jnp.broadcast_to(leaf[None], (self.num_sets, *leaf.shape))

        x, is_valid, kernel, known = jax.tree.map(repeated, (self.x, self.is_valid, self.kernel, self.known_noise))
        params, root, alpha = jax.tree.map(alone, (self.params, self.root, self.alpha))
        return GPPosterior(params, x, is_valid, root, alpha, kernel, self.is_exact, known)

    def noise_variance(self) -> Float[Array, ""]:
        """Variance of the observation noise, averaged over the hyperparameter samples."""
        if isinstance(self.params.of_noise, tuple):
            return jnp.mean(jax.vmap(noise_variance)(self.params))
        # If the noise depends on the point: its mean over the observations.
        of_rows = jax.vmap(lambda params: noise_at(params, self.x))(self.params)
        count = jnp.maximum(jnp.sum(self.is_valid), 1).astype(self.x.dtype)
        return jnp.mean(jnp.sum(jnp.where(self.is_valid[None, :], of_rows, 0), axis=1) / count)

    @checked
    def predict(self, x: Float[Array, "m d"]) -> tuple[Float[Array, " m"], Float[Array, " m"]]:
        """Mean and variance of the function; see `predict`."""
        return predict(self, x)

    @checked
    def covariance(self, x1: Float[Array, "m d"], x2: Float[Array, "k d"]) -> Float[Array, "m k"]:
        """Covariance of the function at each pair of points; see `covariance`."""
        return covariance(self, x1, x2)

    def paths(self, key: Key[Array, ""], num_paths: int) -> Any:
        """Samples of the function as functions; see `jbo.surrogates.gaussian_process.paths`."""
        from jbo.surrogates._paths import paths  # _paths imports this module

        return paths(key, self, num_paths)


@checked
def log_marginal_likelihood(params: GPParams, data: Dataset, kernel: Kernel = multiscale) -> Float[Array, "*s"]:
    r"""Log marginal likelihood of the valid rows of ``data``, in nats.

    .. math:: \log p(y \mid x) = -\tfrac12 y^\top \alpha - \sum_i \log L_{ii} - \tfrac{n_v}{2} \log 2\pi

    with :math:`L L^\top = K + \sigma^2 I`, :math:`\alpha = (L L^\top)^{-1} y` and :math:`n_v` valid rows. Padding
    rows become identity rows of the covariance, so they add exactly zero.

    Args:
      params: Hyperparameters on the log scale. With a leading axis of samples there is one result for each.
      data: Inputs in the unit cube and standardised values.
      kernel: Covariance function; by default the multiscale kernel over numeric columns, as in `jbo.gp`.

    Returns:
      A scalar (or one for each sample), not divided by ``n_v``. It is 0 without valid rows, and ``-inf`` if the
      covariance is not positive definite to working precision.

    Example:
      One point, y = 0, unit signal and unit noise: -0.5 * log(4 * pi).

      >>> import jax.numpy as jnp
      >>> params = GPParams(jnp.zeros(1), jnp.zeros(()), jnp.zeros(()))
      >>> data = Dataset(jnp.zeros((1, 1)), jnp.zeros(1), jnp.ones(1, bool))
      >>> round(float(log_marginal_likelihood(params, data)), 4)
      -1.2655

    References:
      Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, eq. 2.30 and algorithm 2.1.
    """
    if params.log_signal_variance.ndim:
        return jax.vmap(lambda p: log_marginal_likelihood(p, data, kernel))(params)
    x, y = masked(data)
    covariance = observed(as_covariance(kernel).gram(params, x), noise_of(params, data, x), data.is_valid)
    value = gaussian_log_density(covariance, y, _num_rows(data.is_valid))
    value = value - LOG_SQRT_2PI * jnp.sum(data.is_valid).astype(y.dtype)
    return jnp.where(jnp.isfinite(value), value, -jnp.inf)


@checked
def condition(params: GPParams, data: Dataset, kernel: Kernel = multiscale) -> GPPosterior:
    """The posterior of the function given the valid rows of ``data``.

    Args:
      params: Hyperparameters on the log scale, one sample or several along a leading axis.
      data: Inputs in the unit cube and standardised values.
      kernel: Covariance function.

    Returns:
      The posterior, for `predict` and `sample`. It is finite for any finite ``params``, however close the points are.

    References:
      Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, algorithm 2.1.
    """
    if not params.log_signal_variance.ndim:
        params = jax.tree.map(lambda leaf: leaf[None], params)
    x, y = masked(data)

    def factorise(p: GPParams) -> tuple[Float[Array, "n n"], Float[Array, " n"]]:
        covariance = observed(kernel(p, x, x), noise_of(p, data, x), data.is_valid)
        whitening, amount = robust_whitening(covariance, jnp.exp(p.log_signal_variance), _num_rows(data.is_valid))

        def solve(b: Float[Array, "n 1"]) -> Float[Array, "n 1"]:
            return matmul(matmul(whitening, b).T, whitening).T

        # An explicit inverse loses two digits of the mean if the noise is minimal. One refinement step restores them.
        alpha = solve(y[:, None])
        alpha = alpha + solve(y[:, None] - matmul(covariance, alpha) - amount * alpha)
        return whitening.T, alpha[:, 0]

    root, alpha = of_sets(factorise, params)
    known = None if data.noise_variance is None else jnp.where(data.is_valid, data.noise_variance, 0)
    return GPPosterior(params, x, data.is_valid, root, alpha, numbers_as(kernel, x.dtype), known_noise=known)


@checked
def predict(posterior: GPPosterior, x: Float[Array, "m d"]) -> tuple[Float[Array, " m"], Float[Array, " m"]]:
    """Mean and variance of the function (not of an observation) at ``x``, in units of standardised ``y``.

    Several hyperparameter samples are averaged. The mean is the mean of the means. By the law of total variance, the
    variance is the mean of the variances plus the variance of the means.

    Args:
      posterior: From `condition`.
      x: Points of the unit cube.

    Returns:
      Two vectors. The variance is at least a rounding error above 0, so that its square root has a gradient.

    References:
      Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, eq. 2.25 and 2.26.
    """

    def one_set(params: GPParams, root: Float[Array, "n n"], alpha: Float[Array, " n"]):
        cross = _cross(posterior, params, x)
        prior = prior_variance(params, x, posterior.kernel)
        least = 16 * jnp.finfo(x.dtype).eps * prior
        return matvec(cross, alpha), jnp.maximum(prior - _explained(cross, root), least)

    means, variances = of_sets(one_set, posterior.params, posterior.root, posterior.alpha)
    if posterior.num_sets == 1:
        return jax.lax.squeeze(means, (0,)), jax.lax.squeeze(variances, (0,))
    mean = jnp.mean(means, axis=0)
    return mean, jnp.mean(variances, axis=0) + jnp.mean((means - mean[None, :]) ** 2, axis=0)


@checked
def mean_of(posterior: Posterior, x: Float[Array, "m d"]) -> Float[Array, " m"]:
    """The posterior mean of any model, compiled to a smaller program than `predict`.

    Args:
      posterior: Posterior of a Gaussian process or of another model.
      x: Points of the unit cube.
    """
    if not isinstance(posterior, GPPosterior):
        return posterior.predict(x)[0]

    def one_set(params: GPParams, alpha: Float[Array, " n"]) -> Float[Array, " m"]:
        return matvec(_cross(posterior, params, x), alpha)

    means = of_sets(one_set, posterior.params, posterior.alpha)
    return jax.lax.squeeze(means, (0,)) if posterior.num_sets == 1 else jnp.mean(means, axis=0)


def _cross(posterior: GPPosterior, params: GPParams, x: Float[Array, "m d"]) -> Float[Array, "m n"]:
    """Covariance of the function at the points with the function at the data; 0 in padding rows."""
    return posterior.kernel(params, x, posterior.x) * posterior.is_valid[None, :].astype(x.dtype)


@checked
def covariance(posterior: GPPosterior, x1: Float[Array, "m d"], x2: Float[Array, "k d"]) -> Float[Array, "m k"]:
    """Covariance of the function (not of observations) at each pair of points; `predict` has its diagonal.

    Several hyperparameter samples are averaged: the mean of the covariances plus the covariance of the means.

    Args:
      posterior: From `condition`.
      x1: Points of the unit cube.
      x2: Points of the unit cube, the same or others.

    References:
      Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, eq. 2.24.
    """

    def one_set(params: GPParams, root: Float[Array, "n n"], alpha: Float[Array, " n"]):
        cross1, cross2 = (_cross(posterior, params, x) for x in (x1, x2))
        explained = matmul(matmul(cross1, root), matmul(cross2, root).T)
        means = matvec(cross1, alpha), matvec(cross2, alpha)
        return posterior.kernel(params, x1, x2) - explained, *means

    within, mean1, mean2 = of_sets(one_set, posterior.params, posterior.root, posterior.alpha)
    apart1, apart2 = (means - jnp.mean(means, axis=0)[None, :] for means in (mean1, mean2))
    return jnp.mean(within, axis=0) + matmul(apart1.T, apart2) / within.shape[0]


@jax.custom_jvp
def _explained(cross: Float[Array, "m n"], root: Float[Array, "n n"]) -> Float[Array, " m"]:
    """The reduction of the variance at the points by the data."""
    return jnp.sum(matmul(cross, root) ** 2, axis=1)


@_explained.defjvp
def _explained_jvp(primals, tangents):
    # The gradient, with products in an order that needs no transposed copy of the large matrix. Gradients are taken at
    # few points, so the copy would cost as much as everything else.
    (cross, root), (cross_tangent, root_tangent) = primals, tangents
    white = matmul(cross, root)
    gradient = 2 * matmul(root, white.T).T
    slope = jnp.sum(gradient * cross_tangent, axis=1) + 2 * jnp.sum(white * matmul(cross, root_tangent), axis=1)
    return jnp.sum(white**2, axis=1), slope


@checked
def sample(
    key: Key[Array, ""], posterior: GPPosterior, x: Float[Array, "m d"], num_samples: int
) -> Float[Array, "{num_samples} m"]:
    """Joint samples of the function (not of observations) at ``x``.

    Args:
      key: Random key.
      posterior: From `condition`. Each sample of the function belongs to one hyperparameter sample, in turn.
      x: Points of the unit cube.
      num_samples: Number of samples.
    """
    noise = jax.random.normal(key, (num_samples, x.shape[0]), x.dtype)

    def one_set(params: GPParams, root: Float[Array, "n n"], alpha: Float[Array, " n"]):
        cross = _cross(posterior, params, x)
        white = matmul(cross, root)
        covariance = posterior.kernel(params, x, x) - matmul(white, white.T)
        factor = robust_cholesky(covariance, jnp.exp(params.log_signal_variance))
        return matvec(cross, alpha), factor

    means, factors = of_sets(one_set, posterior.params, posterior.root, posterior.alpha)
    owner = jnp.arange(num_samples) % means.shape[0]
    draws = jax.vmap(lambda z, i: means[i] + matvec(factors[i], z))
    return draws(noise, owner)


def of_sets(function: Callable[..., Any], *sets: Any) -> Any:
    """The results of a function for each hyperparameter sample, along a leading axis, by `jax.vmap`.

    With a single sample `jax.vmap` is not used, because the program is then smaller.

    Args:
      function: Takes one hyperparameter sample, or one sample and other values that belong to it.
      *sets: Arguments of ``function``, each with a leading axis of hyperparameter samples.
    """
    if len(jax.tree.leaves(sets)[0]) > 1:
        return jax.vmap(function)(*sets)
    one = function(*jax.tree.map(lambda leaf: jax.lax.squeeze(leaf, (0,)), sets))
    return jax.tree.map(lambda leaf: jax.lax.expand_dims(leaf, (0,)), one)


def masked(data: Dataset) -> tuple[Float[Array, "n d"], Float[Array, " n"]]:
    """Inputs and values, with 1/2 and 0 in padding rows, so that nothing in these rows can overflow."""
    half, zero = jnp.asarray(0.5, data.x.dtype), jnp.asarray(0, data.y.dtype)
    return jnp.where(data.is_valid[:, None], data.x, half), jnp.where(data.is_valid, data.y, zero)


def _num_rows(is_valid: Bool[Array, " n"]) -> Int[Array, ""]:
    """Number of rows up to the last valid row."""
    return jnp.max(jnp.where(is_valid, jnp.arange(1, is_valid.shape[0] + 1, dtype=jnp.int32), 0), initial=0)


def observed(gram: Float[Array, "n n"], noise: Float[Array, "*n"], is_valid: Bool[Array, " n"]) -> Float[Array, "n n"]:
    """Covariance of the observations: covariance of the function plus noise. Padding rows become identity rows."""
    both = is_valid[:, None] & is_valid[None, :]
    diagonal = jnp.where(is_valid, noise, 1).astype(gram.dtype)
    return jnp.where(both, gram, 0) + jnp.where(jnp.eye(gram.shape[0], dtype=bool), diagonal[:, None], 0)


def noise_variance(params: GPParams) -> Float[Array, ""]:
    """Variance of an observation around the function, large enough for a Cholesky factorisation of the covariance."""
    least = jnp.exp(params.log_signal_variance) * jitter(params.log_signal_variance.dtype)
    return jnp.maximum(jnp.exp(params.log_noise_variance), least)


def noise_at(params: GPParams, x: Float[Array, "m d"]) -> Float[Array, "*m"]:
    r"""Variance of an observation around the function at each point, according to the hyperparameters.

    .. math:: \sigma^2(x) = \sigma^2 \exp(w^\top (x - \tfrac12))

    with the slope :math:`w` of ``params.of_noise``. The variance is at least a rounding error of the signal variance,
    so that a covariance has a Cholesky factor.

    Args:
      params: One hyperparameter sample.
      x: Points of the unit cube.

    Returns:
      In units of standardised ``y``: a vector, or a scalar if the noise has no slope.

    Example:
      >>> import jax.numpy as jnp
      >>> params = GPParams(jnp.zeros(1), jnp.zeros(()), jnp.log(0.04), of_noise=jnp.array([2.0]))
      >>> [f"{value:.4f}" for value in noise_at(params, jnp.array([[0.0], [0.5]]))]
      ['0.0147', '0.0400']
    """
    noise = noise_variance(params)
    if isinstance(params.of_noise, tuple):
        return noise
    return noise * jnp.exp(matvec(x - 0.5, params.of_noise))


def noise_of(params: GPParams, data: Dataset, x: Float[Array, "n d"]) -> Float[Array, "*n"]:
    """Variance of each observation around the function: the hyperparameters' variance plus each row's known variance.

    The noise of the hyperparameters applies to the best values. Worse values are compressed by the slope
    ``data.slope``, and their noise with them.

    Args:
      params: One hyperparameter sample.
      data: Standardised observations, with ``noise_variance`` if the noise of each row is known.
      x: Inputs of the rows, finite in padding rows too.

    Returns:
      In units of standardised ``y``: a vector, or a scalar if all observations have the same noise. Padding rows have
      some finite variance.
    """
    noise = noise_at(params, x)
    if data.slope is not None:
        # At least enough for a Cholesky factorisation of the covariance.
        least = jnp.exp(params.log_signal_variance) * jitter(x.dtype)
        noise = jnp.maximum(noise * jnp.where(data.is_valid, data.slope, 1) ** 2, least)
    if data.noise_variance is None:
        return noise
    return noise + jnp.where(data.is_valid, data.noise_variance, 0)


def prior_variance(params: GPParams, x: Float[Array, "m d"], kernel: Kernel) -> Float[Array, " m"]:
    """Prior variance of the function at each point."""
    return as_covariance(kernel).variance(params, x)


def numbers_as(kernel: Kernel, dtype: jnp.dtype) -> Covariance:
    """The kernel with its numbers as arrays of one dtype, so that a posterior consists of arrays only."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), as_covariance(kernel))
