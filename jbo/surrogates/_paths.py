r"""Samples of a Gaussian process as functions. Evaluating a sample at a point costs as much as the posterior mean.

Matheron's rule turns a sample of the prior into a sample of the posterior,

.. math:: f(x) = g(x) + k(x, X) (K + \sigma^2 I)^{-1} (y - g(X) - \varepsilon)

with a prior sample :math:`g`, which is a sum of random features, and a noise sample :math:`\varepsilon`.

References:
  Wilson, Borovitskiy, Terenin, Mostowsky and Deisenroth, Efficiently Sampling Functions from Gaussian Process
  Posteriors, 2020.
"""

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jbo.checks import checked
from jbo.linalg import robust_cholesky
from jbo.numerics import matmul
from jbo.pytrees import pytree
from jbo.surrogates._regression import GPPosterior, noise_at
from jbo.surrogates.kernels import Covariance, GPParams
from jbo.surrogates.spectrum import Basis, features, make_basis


@pytree
@dataclass(frozen=True)
class Paths:
    """Samples of the function, a callable of points. Made by `paths`."""

    params: GPParams
    """Hyperparameter samples, along a leading axis ``s``. The paths are assigned to them in turn."""
    basis: Basis
    weights: Float[Array, "*b s p w"]
    """Weights of the features: standard normal samples."""
    x: Float[Array, "*b n d"]
    """Inputs of the data."""
    update: Float[Array, "*b s p n"]
    """Weights of the covariances with the data, for each path; 0 in padding rows."""
    kernel: Covariance
    num_paths: int = field(metadata={"static": True})

    def __call__(self, x: Float[Array, "m d"]) -> Float[Array, "{self.num_paths} m"]:
        """The value of each path at each point, in units of standardised ``y``.

        Args:
          x: Points of the unit cube.
        """
        prior = features(self.basis, self.params, self.kernel, x)
        cross = jax.vmap(lambda p: self.kernel(p, x, self.x))(self.params)
        values = matmul(self.weights, prior.mT) + matmul(self.update, cross.mT)
        return jnp.swapaxes(values, 0, 1).reshape(-1, x.shape[0])[: self.num_paths]


@checked
def paths(key: Key[Array, ""], posterior: GPPosterior, num_paths: int, num_features: int = 512) -> Paths:
    """Samples of the function (not of observations), independent of each other given their common features.

    Args:
      key: Random key.
      posterior: From `condition`. The paths are assigned to its hyperparameter samples in turn, in random order.
      num_paths: Number of paths.
      num_features: Number of random frequencies in samples of the prior. With more frequencies, samples far from the
        data are closer to Gaussian. If the kernel has no known spectrum, 256 inducing points are used instead.

    Example:
      >>> import jax
      >>> from jbo.surrogates import GPParams, gaussian_process
      >>> params = GPParams(jnp.zeros(1), jnp.zeros(()), jnp.asarray(-9.0))
      >>> data = gaussian_process.Dataset(jnp.array([[0.2], [0.8]]), jnp.array([1.0, -1.0]), jnp.ones(2, bool))
      >>> posterior = gaussian_process.condition(params, data)
      >>> draws = jax.jit(lambda key, x: paths(key, posterior, 5)(x))
      >>> draws(jax.random.key(0), jnp.array([[0.2], [0.5], [0.8]])).shape
      (5, 3)
    """
    key_basis, key_weights, key_noise, key_order = jax.random.split(key, 4)
    params, kernel = posterior.params, posterior.kernel
    num_sets, n = posterior.alpha.shape
    dtype, d = posterior.x.dtype, posterior.x.shape[1]
    root, alpha = posterior.root, posterior.alpha
    if num_sets > 1:
        order = jax.random.permutation(key_order, num_sets)
        params, root, alpha = jax.tree.map(lambda leaf: leaf[order], (params, root, alpha))
    each = -(-num_paths // num_sets)
    basis = make_basis(key_basis, params, kernel, d, num_features)
    at_data = features(basis, params, kernel, posterior.x)
    weights = jax.random.normal(key_weights, (num_sets, each, at_data.shape[-1]), dtype)
    noise = jax.random.normal(key_noise, (num_sets, each, n), dtype)

    def update(p: GPParams, r, a, f, z, e) -> Float[Array, "p n"]:
        drawn = matmul(z, f.T)
        if posterior.is_exact:
            of_rows = jnp.broadcast_to(noise_at(p, posterior.x), (n,))
            of_rows = of_rows if posterior.known_noise is None else of_rows + posterior.known_noise
            drawn = drawn + jnp.sqrt(of_rows)[None, :] * e
            solved = a[None, :] - matmul(matmul(jnp.where(posterior.is_valid[None, :], drawn, 0), r), r.T)
        else:
            # M = R R' stands in for the inverse covariance. The missing part of its variance is M - M K M.
            both = posterior.is_valid[:, None] & posterior.is_valid[None, :]
            gram = jnp.where(both, kernel(p, posterior.x, posterior.x), 0)
            left = jnp.eye(n, dtype=dtype) - matmul(r.T, matmul(gram, r))
            left_root = robust_cholesky(left, jnp.ones((), dtype))
            drawn = jnp.where(posterior.is_valid[None, :], drawn, 0)
            solved = a[None, :] - matmul(matmul(drawn, r) - matmul(e, left_root.T), r.T)
        return jnp.where(posterior.is_valid[None, :], solved, 0)

    updates = jax.vmap(update)(params, root, alpha, at_data, weights, noise)
    return Paths(params, basis, weights, posterior.x, updates, kernel, num_paths)
