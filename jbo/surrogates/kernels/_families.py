"""Rational quadratic, linear and polynomial kernels."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jbo.encoding import Encoding
from jbo.numerics import matmul
from jbo.pytrees import pytree
from jbo.surrogates.kernels._kernel import Covariance, GPParams, Normal, Slot, as_normal
from jbo.surrogates.kernels._stationary import Stationary, rbf


@pytree
@dataclass(frozen=True)
class RationalQuadratic(Covariance):
    """A scale mixture of squared exponential kernels; made by `rational_quadratic`."""

    alpha: Normal | float | Float[Array, ""]
    """Shape of the mixture: the larger, the more alike the lengthscales are. Or the prior of its logarithm."""
    base: Stationary
    """Stationary kernel that defines the distance."""

    def __call__(self, params: GPParams, x1: Float[Array, "n d"], x2: Float[Array, "m d"]) -> Float[Array, "n m"]:
        """Covariance of the function at each pair of points."""
        alpha = _number(self.alpha, params)
        # exp and log1p stay exact for large alpha, where the kernel tends to the squared exponential.
        profile = jnp.exp(-alpha * jnp.log1p(self.base.squared(params, x1, x2) / (2 * alpha)))
        return jnp.exp(params.log_signal_variance) * profile

    def variance(self, params: GPParams, x: Float[Array, "m d"]) -> Float[Array, " m"]:
        """Variance of the function at each point."""
        return self.base.variance(params, x)

    def bind(self, encoding: Encoding) -> "RationalQuadratic":
        """The kernel, bound to the columns of a space."""
        return dataclasses.replace(self, base=self.base.bind(encoding))

    def slots(self, num_columns: int) -> tuple[Slot, ...]:
        """The entry of log alpha, if it is inferred."""
        del num_columns
        return _slot(self.alpha, (0.05, 100.0))


@pytree
@dataclass(frozen=True)
class Polynomial(Covariance):
    """A power of a scalar product plus a constant; made by `polynomial` and `linear`."""

    offset: Normal | float | Float[Array, ""]
    """Constant added to the scalar product; or the prior of its logarithm."""
    base: Stationary
    """Stationary kernel that defines the features."""
    degree: int = field(metadata={"static": True})

    def __call__(self, params: GPParams, x1: Float[Array, "n d"], x2: Float[Array, "m d"]) -> Float[Array, "n m"]:
        """Covariance of the function at each pair of points."""
        products = matmul(self.base.scaled(params, x1), self.base.scaled(params, x2).T)
        return jnp.exp(params.log_signal_variance) * (_number(self.offset, params) + products) ** self.degree

    def variance(self, params: GPParams, x: Float[Array, "m d"]) -> Float[Array, " m"]:
        """Variance of the function at each point."""
        products = jnp.sum(self.base.scaled(params, x) ** 2, axis=1)
        return jnp.exp(params.log_signal_variance) * (_number(self.offset, params) + products) ** self.degree

    def bind(self, encoding: Encoding) -> "Polynomial":
        """The kernel, bound to the columns of a space."""
        return dataclasses.replace(self, base=self.base.bind(encoding))

    def slots(self, num_columns: int) -> tuple[Slot, ...]:
        """The entry of the log offset, if it is inferred."""
        del num_columns
        return _slot(self.offset, (1e-3, 1e3))


def rational_quadratic(alpha: float | tuple[float, float] | Float[Array, ""] = (0.0, 1.0)) -> RationalQuadratic:
    r"""The rational quadratic kernel, for functions that vary on many lengthscales.

    .. math:: k = s^2 \left(1 + \frac{r^2}{2\alpha}\right)^{-\alpha}

    with the distance :math:`r` of the other stationary kernels.

    Args:
      alpha: A number above 0; for large values the kernel tends to the squared exponential. Or the mean and the
        standard deviation of log alpha, which is then inferred.

    Raises:
      ValueError: If ``alpha`` is not a finite number above 0.

    References:
      Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, eq. 4.19.
    """
    return RationalQuadratic(_given("alpha", alpha, False), rbf)


def polynomial(degree: int, offset: float | tuple[float, float] | Float[Array, ""] = (0.0, 1.0)) -> Polynomial:
    r"""The polynomial kernel: functions that are polynomials of the parameters.

    .. math:: k(x, x') = s^2 \left(c + \sum_j (x_j - \tfrac12)(x_j' - \tfrac12) / \ell_j^2\right)^p

    A category adds :math:`1[=] / 2\ell^2` to the sum, so each choice has its own coefficient.

    Args:
      degree: The power :math:`p`, at least 1.
      offset: The constant :math:`c`, at least 0; or the mean and the standard deviation of its logarithm, which is then
        inferred.

    Raises:
      ValueError: If a number is out of range.

    References:
      Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, section 4.2.2 (eq. 4.23).
    """
    if degree < 1:
        raise ValueError(f"degree: expected an integer of at least 1, got {degree!r}")
    return Polynomial(_given("offset", offset, True), rbf, degree)


def linear(offset: float | tuple[float, float] | Float[Array, ""] = (0.0, 1.0)) -> Polynomial:
    """The linear kernel, `polynomial` of degree 1: Bayesian linear regression.

    Args:
      offset: As in `polynomial`.

    Raises:
      ValueError: If ``offset`` is below 0.

    References:
      Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, section 4.2.2.
    """
    return Polynomial(_given("offset", offset, True), rbf, 1)


def _given(name: str, value: Any, may_be_zero: bool) -> Any:
    """The given number as a float, or a prior made of the given pair."""
    if isinstance(value, tuple):
        return as_normal(value)
    if isinstance(value, int | float) and not (np.isfinite(value) and (value > 0 or (may_be_zero and value == 0))):
        raise ValueError(f"{name}: expected a finite number {'>= 0' if may_be_zero else '> 0'}, got {value!r}")
    return 1.0 * value


def _number(value: Any, params: GPParams) -> Float[Array, ""]:
    """The value of a parameter: a given number, or the only entry of ``of_kernel``."""
    if isinstance(value, Normal):
        return jnp.exp(jnp.squeeze(params.of_kernel, 0))
    return jnp.asarray(value, params.log_lengthscale.dtype)


def _slot(value: Any, bounds: tuple[float, float]) -> tuple[Slot, ...]:
    low, high = np.log(bounds)
    return (Slot("own", value, (float(low), float(high))),) if isinstance(value, Normal) else ()
