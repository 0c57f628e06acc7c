"""Kernels of a known mean function: the objective is an offset plus a multiple of that function."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jbo import designs
from jbo.numerics import matvec
from jbo.pytrees import pytree
from jbo.surrogates.kernels._kernel import Covariance, GPParams

_NUM_EVEN = 64


@pytree
@dataclass(frozen=True)
class Trend(Covariance):
    r"""The kernel :math:`s^2 (1 + m(x)\, m(x'))`: a mean function whose offset and weight are inferred.

    Offset and weight are :math:`N(0, s^2)` each, and are integrated out. The weight may be 0, which discards a wrong
    mean function, and it may be negative.

    References:
      Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, section 2.7.
    """

    function: Any
    """Function from points ``[n, d]`` to values ``[n]`` of order 1; a pytree."""

    def __call__(self, params: GPParams, x1: Float[Array, "n d"], x2: Float[Array, "m d"]) -> Float[Array, "n m"]:
        """Covariance of the function at each pair of points."""
        values1 = self.function(x1)
        values2 = values1 if x1 is x2 else self.function(x2)
        return jnp.exp(params.log_signal_variance) * (1 + values1[:, None] * values2[None, :])

    def variance(self, params: GPParams, x: Float[Array, "m d"]) -> Float[Array, " m"]:
        """Variance of the function at each point."""
        return jnp.exp(params.log_signal_variance) * (1 + self.function(x) ** 2)

    def columns(self, num_columns: int) -> tuple[int, ...]:
        """No columns, because the kernel has no lengthscales."""
        del num_columns
        return ()


@pytree
@dataclass(frozen=True)
class OfPoint:
    """A user's function of a point, standardised to mean 0 and variance 1 over the cube."""

    function: Callable[[Float[Array, " d"]], Float[Array, ""]] = field(metadata={"static": True})

    def __call__(self, x: Float[Array, "n d"]) -> Float[Array, " n"]:
        """The values at the points."""
        even = jax.vmap(self.function)(jnp.asarray(designs.even_points(_NUM_EVEN, x.shape[1]), x.dtype))
        deviation = jnp.std(even)
        deviation = jnp.where(deviation > 0, deviation, 1).astype(x.dtype)
        return ((jax.vmap(self.function)(x) - jnp.mean(even)) / deviation).astype(x.dtype)


@pytree
@dataclass(frozen=True)
class PosteriorMean:
    """The posterior mean of another Gaussian process."""

    params: GPParams
    """One hyperparameter sample."""
    x: Float[Array, "n d"] | Any
    weights: Float[Array, " n"] | Any
    """Weights of the covariances with the data; 0 in padding rows."""
    kernel: Covariance

    def __call__(self, x: Float[Array, "m d"]) -> Float[Array, " m"]:
        """The values at the points."""
        params = jax.tree.map(lambda leaf: jnp.asarray(leaf, x.dtype), self.params)
        cross = self.kernel(params, x, jnp.asarray(self.x, x.dtype))
        return matvec(cross, jnp.asarray(self.weights, x.dtype))


def trend(function: Callable[[Float[Array, " d"]], Float[Array, ""]]) -> Trend:
    """A kernel of functions that are an offset plus a multiple of a known function.

    Add it to another kernel, which models the residual.

    Args:
      function: Traceable function from a point of the unit cube to a number; ``space.decode_traced`` turns a point into
        a config. Scale and offset do not matter: the function is standardised to mean 0 and variance 1 over the cube.

    Example:
      >>> import jax.numpy as jnp
      >>> from jbo.surrogates import kernels
      >>> bowl = kernels.trend(lambda x: jnp.sum((x - 0.3) ** 2)) + kernels.multiscale
    """
    return Trend(OfPoint(function))
