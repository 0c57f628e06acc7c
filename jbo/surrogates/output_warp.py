r"""Output warping: a monotone warp of the values with inferred parameters, and the posterior in unwarped units.

.. math:: w(y) = \sinh(b \operatorname{asinh}(y) - a)

The warp is the identity for :math:`a = 0` and :math:`b = 1`. The skew :math:`a` moves weight from one tail to the
other. Both tails are compressed like a logarithm if :math:`b < 1`, and stretched if :math:`b > 1`.

References:
  Jones and Pewsey, Sinh-Arcsinh Distributions, 2009; Snelson, Rasmussen and Ghahramani, Warped Gaussian Processes, 2004
  (the likelihood and the predictions); Rios and Tobar, Compositionally-Warped Gaussian Processes, 2019.
"""

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from jbo.checks import checked
from jbo.numerics import matmul
from jbo.pytrees import pytree
from jbo.surrogates._regression import GPPosterior
from jbo.surrogates.kernels import Normal, Slot
from jbo.types import Dataset

SLOTS = (Slot("own", Normal(0.0, 0.5), (-2.0, 2.0)), Slot("own", Normal(0.0, 0.3), (-1.0, 1.0)))
"""Priors and bounds of the skew a and of log b."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(24)
_HERMITE = np.polynomial.hermite_e.hermevander(_NODES, 23) / np.sqrt(np.cumprod([1.0, *range(1, 24)]))[None, :]
"""Hermite polynomials at the nodes, one in each column, normalised to variance 1 under the normal distribution."""


def warp(of_output: Float[Array, " 2"], y: Float[Array, "*b"]) -> Float[Array, "*b"]:
    """The warped values, which are the observations of the Gaussian process.

    Args:
      of_output: Skew a and log b.
      y: Standardised values.

    Example:
      >>> tuple(round(float(z), 3) for z in warp(jnp.array([0.0, -0.5]), jnp.array([-4.0, 0.0, 4.0])))
      (-1.641, 0.0, 1.641)
    """
    return jnp.sinh(jnp.exp(of_output[1]) * jnp.arcsinh(y) - of_output[0])


def unwarp(of_output: Float[Array, " 2"], z: Float[Array, "*b"]) -> Float[Array, "*b"]:
    """The inverse of `warp`.

    Args:
      of_output: Skew a and log b.
      z: Warped values.
    """
    return jnp.sinh((jnp.arcsinh(z) + of_output[0]) * jnp.exp(-of_output[1]))


def log_slope(of_output: Float[Array, " 2"], y: Float[Array, "*b"]) -> Float[Array, "*b"]:
    """Logarithm of the derivative of `warp`.

    Args:
      of_output: Skew a and log b.
      y: Standardised values.
    """
    inner = jnp.exp(of_output[1]) * jnp.arcsinh(y) - of_output[0]
    return of_output[1] + jnp.log(jnp.cosh(inner)) - 0.5 * jnp.log1p(y**2)


def warped(of_output: Float[Array, " 2"], data: Dataset) -> tuple[Dataset, Float[Array, ""]]:
    """The data with warped values, and the log Jacobian to add to their log likelihood.

    A known noise variance is multiplied by the square of the slope of the warp.

    Args:
      of_output: Skew a and log b.
      data: Standardised observations.
    """
    y = jnp.where(data.is_valid, data.y, 0)
    log_jacobian = jnp.sum(jnp.where(data.is_valid, log_slope(of_output, y), 0))
    known = data.noise_variance
    known = None if known is None else known * jnp.exp(2 * log_slope(of_output, y))
    return Dataset(data.x, warp(of_output, y), data.is_valid, data.y_scale, known), log_jacobian


@pytree
@dataclass(frozen=True)
class WarpedPosterior:
    """The posterior of a Gaussian process of warped values, with predictions in units of the unwarped values."""

    latent: GPPosterior
    """Posteriors of the warped values, along a leading axis, each with a single hyperparameter sample."""
    of_output: Float[Array, "*b s 2"]
    y: Float[Array, "*b n"]
    is_valid: Bool[Array, "*b n"]

    @property
    def num_sets(self) -> int:
        """Number of hyperparameter samples."""
        return self.of_output.shape[-2]

    def sets(self) -> "WarpedPosterior":
        """The posteriors of the single hyperparameter samples, with a leading axis for `jax.vmap`."""

        def repeated(leaf: Array) -> Array:
            return jnp.broadcast_to(leaf[None], (self.num_sets, *leaf.shape))

        latent = jax.tree.map(lambda leaf: leaf[:, None], self.latent)
        return WarpedPosterior(latent, self.of_output[:, None], repeated(self.y), repeated(self.is_valid))

    def noise_variance(self) -> Float[Array, ""]:
        """Variance of an observation around the function, averaged over the observations and the samples.

        The noise variance of the warped values is divided by the squared slope of the warp at each observation.
        """

        def one(latent: GPPosterior, of_output: Float[Array, " 2"]) -> Float[Array, ""]:
            squares = jnp.where(self.is_valid, jnp.exp(-2 * log_slope(of_output, self.y)), 0)
            count = jnp.maximum(jnp.sum(self.is_valid), 1).astype(self.y.dtype)
            return latent.noise_variance() * jnp.sum(squares) / count

        return jnp.mean(jax.vmap(one)(self.latent, self.of_output))

    @checked
    def predict(self, x: Float[Array, "m d"]) -> tuple[Float[Array, " m"], Float[Array, " m"]]:
        """Mean and variance of the function, by Gauss-Hermite quadrature over the posterior of the warped values.

        Args:
          x: Points of the unit cube.
        """

        def one(latent: GPPosterior, of_output: Float[Array, " 2"]):
            values, weights, _ = _at_nodes(latent, of_output, x)
            centre = jnp.sum(weights[None, :] * values, axis=1)
            spread = jnp.sum(weights[None, :] * (values - centre[:, None]) ** 2, axis=1)
            return centre, spread

        means, variances = jax.vmap(one)(self.latent, self.of_output)
        mean = jnp.mean(means, axis=0)
        return mean, jnp.mean(variances, axis=0) + jnp.mean((means - mean[None, :]) ** 2, axis=0)

    @checked
    def covariance(self, x1: Float[Array, "m d"], x2: Float[Array, "k d"]) -> Float[Array, "m k"]:
        r"""Covariance of the function at each pair of points; `predict` has its diagonal.

        It is computed by Mehler's expansion, :math:`\sum_{j \ge 1} a_j(x) a_j(x') \rho^j`. Here :math:`\rho` is the
        correlation of the warped values, and :math:`a_j` are the coefficients of the inverse warp in Hermite
        polynomials. The truncated sum is positive semi-definite.

        Args:
          x1: Points of the unit cube.
          x2: Points of the unit cube, the same or others.

        References:
          Mehler 1866; Abramowitz and Stegun, Handbook of Mathematical Functions, 1964, 22.7.14.
        """

        def one(latent: GPPosterior, of_output: Float[Array, " 2"]):
            coefficients, deviations = [], []
            for x in (x1, x2):
                values, weights, deviation = _at_nodes(latent, of_output, x)
                basis = jnp.asarray(_HERMITE, values.dtype) * weights[:, None]
                coefficients.append(matmul(values, basis))
                deviations.append(deviation)
            spread = deviations[0][:, None] * deviations[1][None, :]
            correlation = jnp.clip(latent.covariance(x1, x2) / spread, -1, 1)
            first, second = coefficients
            total = jnp.zeros_like(correlation)
            for j in range(_HERMITE.shape[1] - 1, 0, -1):
                total = correlation * (total + first[:, j, None] * second[None, :, j])
            return total, first[:, 0], second[:, 0]

        within, mean1, mean2 = jax.vmap(one)(self.latent, self.of_output)
        apart1, apart2 = (means - jnp.mean(means, axis=0)[None, :] for means in (mean1, mean2))
        return jnp.mean(within, axis=0) + matmul(apart1.T, apart2) / within.shape[0]

    def paths(self, key: Key[Array, ""], num_paths: int) -> "WarpedPaths":
        """Samples of the function as functions: unwarped samples of the warped values.

        Args:
          key: Random key.
          num_paths: Number of paths. The paths are assigned to the hyperparameter samples in turn.
        """
        each = -(-num_paths // self.num_sets)
        keys = jax.random.split(key, self.num_sets)
        latent = jax.vmap(lambda key, one: one.paths(key, each))(keys, self.latent)
        return WarpedPaths(latent, self.of_output, num_paths)


@pytree
@dataclass(frozen=True)
class WarpedPaths:
    """Samples of the function, a callable of points. Made by `WarpedPosterior.paths`."""

    latent: Any
    """Paths of the warped values, with a leading axis of hyperparameter samples."""
    of_output: Float[Array, "*b s 2"]
    num_paths: int = field(metadata={"static": True})

    def __call__(self, x: Float[Array, "m d"]) -> Float[Array, "{self.num_paths} m"]:
        """The value of each path at each point, in units of standardised ``y``.

        Args:
          x: Points of the unit cube.
        """
        values = jax.vmap(lambda latent, of_output: unwarp(of_output, latent(x)))(self.latent, self.of_output)
        return jnp.swapaxes(values, 0, 1).reshape(-1, x.shape[0])[: self.num_paths]


def _at_nodes(
    latent: GPPosterior, of_output: Float[Array, " 2"], x: Float[Array, "m d"]
) -> tuple[Float[Array, "m g"], Float[Array, " g"], Float[Array, " m"]]:
    """The function at the quadrature nodes, the weights of the nodes, and the warped values' standard deviation."""
    mean, variance = latent.predict(x)
    deviation = jnp.sqrt(variance)
    nodes, weights = (jnp.asarray(v, mean.dtype) for v in (_NODES, _WEIGHTS / _WEIGHTS.sum()))
    return unwarp(of_output, mean[:, None] + deviation[:, None] * nodes[None, :]), weights, deviation
