r"""Spectral features: their products approximate a kernel, so a Gaussian process becomes a Bayesian linear model.

A stationary kernel is the mean of cosines :math:`\cos(\omega^\top (z - z'))` over its spectral density (Bochner's
theorem). The density of Matérn :math:`\nu` is a Student's t with :math:`2\nu` degrees of freedom, and that of the
squared exponential is normal. A mean of kernels has the mixture of their densities. A category is a one-hot vector, so
its distance is Euclidean too.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtri
from jaxtyping import Array, Float, Key

from jbo import designs
from jbo.linalg import robust_whitening
from jbo.numerics import jitter, matmul
from jbo.surrogates import kernels
from jbo.surrogates.kernels import GPParams, Kernel, Stationary

_SPECTRA = {
    kernels.rbf.profile: ((1.0, 0),),
    kernels.matern12.profile: ((1.0, 1),),
    kernels.matern32.profile: ((1.0, 3),),
    kernels.matern52.profile: ((1.0, 5),),
    kernels.multiscale.profile: ((2.0, 3), (1.0, 3), (1 / 3, 0)),
}
"""Components of equal weight: factor of the frequencies, and degrees of freedom (0: a normal density)."""
_NUM_INDUCING = 256


class Basis(NamedTuple):
    """Frequencies or inducing points from which `features` are computed."""

    points: Float[Array, "w f"]
    """Frequencies in units of the scaled features; or inducing points of the cube, for a kernel of unknown spectrum."""
    whitening: Float[Array, "s w w"] | None
    """Whitening matrix of the inducing points for each hyperparameter sample; None: Fourier features."""


def make_basis(key: Key[Array, ""], params: GPParams, kernel: Kernel, num_columns: int, num_features: int) -> Basis:
    """The random frequencies of a kernel's Fourier features; 256 inducing points if its spectrum is unknown.

    Args:
      key: Random key.
      params: Hyperparameter samples, along a leading axis.
      kernel: Covariance function.
      num_columns: Columns ``d`` of the inputs.
      num_features: Number of frequencies, each with a cosine and a sine. They are a shifted Sobol sequence.

    References:
      Rahimi and Recht, Random Features for Large-Scale Kernel Machines, 2007; Rasmussen and Williams, Gaussian
      Processes for Machine Learning, 2006, eq. 4.15 (the density of Matérn).
    """
    dtype = params.log_signal_variance.dtype
    components = _SPECTRA.get(kernel.profile) if isinstance(kernel, Stationary) else None
    if components is None or not isinstance(kernel, Stationary):
        points = designs.sobol(key, _NUM_INDUCING, num_columns, dtype)

        def whiten(p: GPParams) -> Float[Array, "w w"]:
            gram = kernel(p, points, points)
            scale = jnp.mean(jnp.diagonal(gram))
            return robust_whitening(gram + jitter(dtype) * scale * jnp.eye(_NUM_INDUCING, dtype=dtype), scale)[0]

        return Basis(points, jax.vmap(whiten)(params))

    one = jax.eval_shape(lambda p: kernel.scaled(p, jnp.zeros((1, num_columns), dtype)), _first(params))
    num_inputs = one.shape[1]
    most = max(dof for _, dof in components)
    uniform = designs.sobol(key, num_features, num_inputs + most + 1, dtype)
    normal = ndtri(jnp.clip(uniform, 1e-7, 1 - 1e-7))
    direction, rest = normal[:, :num_inputs], normal[:, num_inputs:-1]
    component = jnp.minimum((uniform[:, -1] * len(components)).astype(jnp.int32), len(components) - 1)
    length = jnp.stack(
        [
            stretch / jnp.sqrt(jnp.sum(rest[:, :dof] ** 2, axis=1) / dof)
            if dof
            else jnp.full(num_features, stretch, dtype)
            for stretch, dof in components
        ]
    )
    return Basis(direction * length[component, np.arange(num_features)][:, None], None)


def features(basis: Basis, params: GPParams, kernel: Kernel, x: Float[Array, "m d"]) -> Float[Array, "s m w"]:
    """Features of points for each hyperparameter sample, whose scalar products approximate the covariances.

    Args:
      basis: From `make_basis`.
      params: Hyperparameter samples, along a leading axis.
      kernel: Covariance function that the basis was made for.
      x: Points of the unit cube.

    Returns:
      A matrix for each hyperparameter sample, with a row for each point. The columns are two features for each
      frequency and the features of effects of choices; or one feature for each inducing point.

    Example:
      >>> from jbo.surrogates import kernels
      >>> params = GPParams(jnp.zeros((1, 2)), jnp.zeros(1), jnp.zeros(1))
      >>> basis = make_basis(jax.random.key(0), params, kernels.rbf, 2, 512)
      >>> x = jnp.array([[0.2, 0.3], [0.4, 0.9]])
      >>> phi = features(basis, params, kernels.rbf, x)[0]
      >>> covariance = kernels.rbf(jax.tree.map(lambda leaf: leaf[0], params), x, x)
      >>> bool(jnp.max(jnp.abs(phi @ phi.T - covariance)) < 0.05)
      True
    """
    if basis.whitening is None:
        assert isinstance(kernel, Stationary)
        root = (1 / basis.points.shape[0]) ** 0.5

        def fourier(p: GPParams) -> Float[Array, "m w"]:
            phase = matmul(kernel.scaled(p, x), basis.points.T)
            deviation = jnp.asarray(root, x.dtype) * jnp.exp(0.5 * p.log_signal_variance)
            found = deviation * jnp.concatenate([jnp.cos(phase), jnp.sin(phase)], axis=1)
            return jnp.concatenate([found, kernel.effect_features(p, x)], axis=1) if kernel.has_effects else found

        return jax.vmap(fourier)(params)
    return jax.vmap(lambda p, w: matmul(kernel(p, x, basis.points), w.T))(params, basis.whitening)


def _first(params: GPParams) -> GPParams:
    """The first hyperparameter sample."""
    return jax.tree.map(lambda leaf: leaf[0], params)
