r"""A monotone function of the values, inferred with the hyperparameters, and the posterior of what it was taken of.

.. math:: w(y) = \sinh(b \operatorname{asinh}(y) - a)

It is near the identity for small :math:`a` and :math:`b` near 1; :math:`a` skews, :math:`b < 1` draws both tails
together like a logarithm and :math:`b > 1` pulls them apart.

References:
  Jones and Pewsey, Sinh-Arcsinh Distributions, 2009; Snelson, Rasmussen and Ghahramani, Warped Gaussian Processes, 2004
  (the likelihood and the predictions); Rios and Tobar, Compositionally-Warped Gaussian Processes, 2019.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jbo._pytree import pytree
from jbo.surrogates._regression import GPPosterior
from jbo.surrogates.kernels import Normal, Slot
from jbo.types import Dataset

SLOTS = (Slot("own", Normal(0.0, 0.5), (-2.0, 2.0)), Slot("own", Normal(0.0, 0.3), (-1.0, 1.0)))
"""The skew a and the logarithm of b."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(24)


def warp(of_output: Float[Array, " 2"], y: Float[Array, "*b"]) -> Float[Array, "*b"]:
    """The values as the Gaussian process sees them.

    Args:
      of_output: Skew a and log b.
      y: Standardised values.
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
    """The data as the Gaussian process sees them, and the log Jacobian that their likelihood is multiplied by.

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
    """A Gaussian process of warped values, its predictions in units of the values themselves."""

    latent: GPPosterior
    """Of the warped values; a leading axis of hyperparameter sets, of one set each."""
    of_output: Float[Array, "*b s 2"]
    y: Float[Array, "*b n"]
    is_valid: Bool[Array, "*b n"]

    @property
    def num_sets(self) -> int:
        """Number of hyperparameter sets."""
        return self.of_output.shape[-2]

    def sets(self) -> "WarpedPosterior":
        """The posteriors of the sets alone, of one set each, with a leading axis: for `jax.vmap`."""

        def repeated(leaf: Array) -> Array:
            return jnp.broadcast_to(leaf[None], (self.num_sets, *leaf.shape))

        latent = jax.tree.map(lambda leaf: leaf[:, None], self.latent)
        return WarpedPosterior(latent, self.of_output[:, None], repeated(self.y), repeated(self.is_valid))

    def noise_variance(self) -> Float[Array, ""]:
        """Variance of an observation around the function: of the warped ones, by the slopes at the observations."""

        def one(latent: GPPosterior, of_output: Float[Array, " 2"]) -> Float[Array, ""]:
            squares = jnp.where(self.is_valid, jnp.exp(-2 * log_slope(of_output, self.y)), 0)
            count = jnp.maximum(jnp.sum(self.is_valid), 1).astype(self.y.dtype)
            return latent.noise_variance() * jnp.sum(squares) / count

        return jnp.mean(jax.vmap(one)(self.latent, self.of_output))

    def predict(self, x: Float[Array, "m d"]) -> tuple[Float[Array, " m"], Float[Array, " m"]]:
        """Mean and variance of the function, by Gauss-Hermite quadrature over what the Gaussian process says.

        Args:
          x: Points of the unit cube.
        """

        def one(latent: GPPosterior, of_output: Float[Array, " 2"]):
            mean, variance = latent.predict(x)
            nodes, weights = (jnp.asarray(v, mean.dtype) for v in (_NODES, _WEIGHTS / _WEIGHTS.sum()))
            values = unwarp(of_output, mean[:, None] + jnp.sqrt(variance)[:, None] * nodes[None, :])
            centre = jnp.sum(weights[None, :] * values, axis=1)
            spread = jnp.sum(weights[None, :] * (values - centre[:, None]) ** 2, axis=1)
            return centre, spread

        means, variances = jax.vmap(one)(self.latent, self.of_output)
        mean = jnp.mean(means, axis=0)
        return mean, jnp.mean(variances, axis=0) + jnp.mean((means - mean[None, :]) ** 2, axis=0)
