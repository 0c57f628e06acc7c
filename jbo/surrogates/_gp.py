"""The Gaussian process as a surrogate: priors, bounds and the fit of its hyperparameters."""

import dataclasses
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jbo.bounded import minimize_bounded
from jbo.encoding import Encoding
from jbo.surrogates import _regression
from jbo.surrogates._regression import GPPosterior
from jbo.surrogates._surrogate import FitInfo
from jbo.surrogates.kernels import GPParams, Kernel, Stationary, matern52
from jbo.types import Dataset

_LENGTHSCALE_BOUNDS = (0.03, 30.0)
_SIGNAL_BOUNDS = (1e-2, 1e2)
_NOISE_BOUNDS = (1e-6, 1.0)
_LEAST_NOISE = 1e-12
"""Variance that stands for a noise of 0, whose logarithm must be finite."""
_LARGEST_NOISE = 1e12
"""Variance that stands for any noise beside which the values say nothing."""


class Normal(NamedTuple):
    """A normal prior on the logarithm of a parameter; both are numbers that may be traced."""

    loc: float | Float[Array, ""]
    scale: float | Float[Array, ""]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class GP:
    """A Gaussian process whose hyperparameters are the most probable ones (maximum a posteriori); made by `gp`."""

    lengthscale: Normal
    """Prior of log lengthscale - log(d) / 2, in units of the cube."""
    signal: Normal
    """Prior of the log variance of the function."""
    noise: Normal
    """Prior of the log variance of an observation, where it is inferred."""
    fixed_noise: float | Float[Array, ""] | None
    """Standard deviation of an observation in the units of the objective; None: inferred."""
    kernel: Kernel = field(metadata={"static": True})
    num_starts: int = field(metadata={"static": True})
    is_smooth: ClassVar[bool] = True

    def bind(self, encoding: Encoding) -> "GP":
        """The same surrogate over the columns of a space, so that its kernel knows the categories."""
        kernel = self.kernel.bind(encoding) if isinstance(self.kernel, Stationary) else self.kernel
        return dataclasses.replace(self, kernel=kernel)

    def init(self, num_columns: int, dtype: jnp.dtype) -> GPParams:
        """The mode of the prior: where a fit begins if there is nothing better.

        Args:
          num_columns: Columns ``d`` of the inputs.
          dtype: Floating type of the parameters.
        """
        loc = jnp.asarray(self.lengthscale.loc, dtype) + 0.5 * np.log(max(num_columns, 1))
        return GPParams(
            jnp.broadcast_to(loc, (num_columns,)),
            jnp.asarray(self.signal.loc, dtype),
            jnp.asarray(self.noise.loc, dtype),
        )

    def log_prior(self, params: GPParams) -> Float[Array, ""]:
        """Log density of the priors at one hyperparameter set, without its constant.

        Args:
          params: One set.
        """
        mode = self.init(params.log_lengthscale.shape[0], params.log_lengthscale.dtype)
        scales = GPParams(*(jnp.asarray(p.scale, mode[0].dtype) for p in (self.lengthscale, self.signal, self.noise)))
        terms = jax.tree.map(
            lambda value, loc, scale: -0.5 * jnp.sum(((value - loc) / scale) ** 2), params, mode, scales
        )
        return sum(terms, jnp.zeros((), mode[0].dtype))

    def fit(self, key: Key[Array, ""], data: Dataset, start: GPParams) -> tuple[GPParams, FitInfo]:
        """The most probable hyperparameters given ``data``, from several starts.

        Args:
          key: Draws the starts after the first.
          data: Standardised observations.
          start: One hyperparameter set, where the first start begins (`init` gives the prior's mode).

        Returns:
          Parameters with a leading axis of 1 and how the fit went. Never NaN.
        """
        dtype = data.x.dtype
        d = data.x.shape[1]
        lower, upper = self._bounds(data, dtype)
        count = jnp.maximum(jnp.sum(data.is_valid), 1).astype(dtype)

        def loss(theta: Float[Array, " p"]) -> Float[Array, ""]:
            params = _unpack(theta, d)
            evidence = _regression.log_marginal_likelihood(params, data, self.kernel)
            return -(evidence + self.log_prior(params)) / count

        # From the second start on: shorter lengthscales than the prior's mode, which alone is often stuck in the
        # optimum where everything is noise.
        centre = jnp.concatenate([jnp.full((d,), np.log(0.5)), jnp.array([0.0, np.log(1e-2)])]).astype(dtype)
        spread = jnp.concatenate([jnp.full((d,), 0.7), jnp.array([0.3, 1.0])]).astype(dtype)
        draws = jax.random.normal(key, (self.num_starts - 1, d + 2), dtype)
        starts = jnp.concatenate([_pack(start)[None, :], centre[None, :] + spread[None, :] * draws])

        result = jax.vmap(
            lambda theta: minimize_bounded(
                loss,
                theta,
                lower,
                upper,
                max_evaluations=100,
                gradient_tolerance=1e-5 if dtype == jnp.float64 else 1e-3,
                value_tolerance=1e-8 if dtype == jnp.float64 else 1e-6,
            )
        )(starts)
        best = jnp.argmin(result.value)
        info = FitInfo(-result.value[best] * count, jnp.max(result.num_evaluations), jnp.isfinite(result.value[best]))
        return _unpack(result.x[best][None, :], d), info

    def condition(self, params: GPParams, data: Dataset) -> GPPosterior:
        """The posterior given ``data``; see `gaussian_process.condition`."""
        return _regression.condition(params, data, self.kernel)

    def predict(self, posterior: GPPosterior, x: Float[Array, "m d"]) -> tuple[Float[Array, " m"], Float[Array, " m"]]:
        """Mean and variance of the function; see `gaussian_process.predict`."""
        return _regression.predict(posterior, x)

    def sample(
        self, key: Key[Array, ""], posterior: GPPosterior, x: Float[Array, "m d"], num_samples: int
    ) -> Float[Array, "{num_samples} m"]:
        """Joint samples of the function; see `gaussian_process.sample`."""
        return _regression.sample(key, posterior, x, num_samples)

    def _bounds(self, data: Dataset, dtype: jnp.dtype) -> tuple[Float[Array, " p"], Float[Array, " p"]]:
        d = data.x.shape[1]

        def side(i: int, noise: Float[Array, ""]) -> Float[Array, " p"]:
            fixed = [np.log(_LENGTHSCALE_BOUNDS[i])] * d + [np.log(_SIGNAL_BOUNDS[i])]
            return jnp.concatenate([jnp.asarray(fixed, dtype), noise[None]])

        if self.fixed_noise is None:
            low, high = (jnp.asarray(np.log(b), dtype) for b in _NOISE_BOUNDS)
        else:
            y_scale = jnp.maximum(data.y_scale.astype(dtype), jnp.finfo(dtype).tiny)
            deviation = jnp.asarray(self.fixed_noise, dtype) / y_scale
            low = high = jnp.log(jnp.clip(deviation**2, _LEAST_NOISE, _LARGEST_NOISE))
        return side(0, low), side(1, high)


def gp(
    *,
    kernel: Kernel = matern52,
    noise: str | float = "inferred",
    lengthscale_prior: tuple[float, float] = (-0.5, 1.0),
    signal_prior: tuple[float, float] = (0.0, 0.5),
    noise_prior: tuple[float, float] = (float(np.log(1e-3)), 2.0),
    num_starts: int = 3,
) -> GP:
    """A Gaussian process surrogate with maximum a posteriori hyperparameters.

    Args:
      kernel: Covariance function, see `jbo.surrogates.kernels`.
      noise: ``"inferred"``, or the standard deviation of an observation in the units of the objective; 0.0 says that
        evaluations are exact.
      lengthscale_prior: Mean and deviation of log lengthscale, less half the logarithm of the number of columns: that
        it grows with the root of their number is from Hvarfner et al., Vanilla Bayesian Optimization Performs Great in
        High Dimensions, 2024. Their (2**0.5, 3**0.5) is wider and longer; on Branin and Hartmann 6 it was slower.
      signal_prior: Mean and deviation of the log variance of the function; ``y`` is standardised, so near 0.
      noise_prior: Mean and deviation of the log variance of an observation, in units of standardised ``y``.
      num_starts: How many starts a fit has; the first is the prior's mode.

    Raises:
      ValueError: If ``noise`` is neither ``"inferred"`` nor a finite number of at least 0, or ``num_starts`` is
        below 1.
    """
    if isinstance(noise, str):
        if noise != "inferred":
            raise ValueError(f"noise: expected 'inferred' or a number >= 0, got {noise!r}")
    elif isinstance(noise, int | float) and not (noise >= 0 and np.isfinite(noise)):
        raise ValueError(f"noise: expected 'inferred' or a finite number >= 0, got {noise!r}")
    if num_starts < 1:
        raise ValueError(f"num_starts: expected at least 1, got {num_starts}")
    return GP(
        _normal(lengthscale_prior),
        _normal(signal_prior),
        _normal(noise_prior),
        None if isinstance(noise, str) else 1.0 * noise,
        kernel,
        num_starts,
    )


def _normal(prior: tuple[float, float]) -> Normal:
    """Times 1.0, so that a whole number is the same kind of leaf as any other and compiles nothing new."""
    return Normal(1.0 * prior[0], 1.0 * prior[1])


def _pack(params: GPParams) -> Float[Array, " p"]:
    return jnp.concatenate([params.log_lengthscale, params.log_signal_variance[None], params.log_noise_variance[None]])


def _unpack(theta: Float[Array, "*r p"], d: int) -> GPParams:
    return GPParams(theta[..., :d], theta[..., d], theta[..., d + 1])
