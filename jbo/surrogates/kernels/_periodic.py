"""Kernels of periodic functions."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jbo.encoding import Encoding
from jbo.pytrees import pytree
from jbo.surrogates.kernels._kernel import Covariance, GPParams, Normal, Slot, as_normal
from jbo.surrogates.kernels._stationary import Stationary, rbf

_BOUNDS = (float(np.log(0.05)), float(np.log(20.0)))


@pytree
@dataclass(frozen=True)
class Periodic(Covariance):
    r"""A stationary kernel of columns that are mapped to circles, one turn for each period; made by `periodic`.

    A column becomes the point :math:`(\cos, \sin)(2\pi x / p) / 2\pi` of a circle. For close points, the distance on
    the circle is the distance of the columns in units of the period. The lengthscale is in the same units.
    """

    period: Normal | float | Float[Array, ""] | Float[Array, " d"] | Float[np.ndarray, " d"]
    """Period in units of the cube, for all columns or for each one; columns that are not periodic ignore it. Or the
    prior of the log period of each periodic column."""
    kernel: Stationary
    """Kernel of the distance between points on circles."""
    repeats: tuple[bool, ...] = field(default=(), metadata={"static": True})
    """True for periodic columns; empty: all columns that are not categories."""

    def __call__(self, params: GPParams, x1: Float[Array, "n d"], x2: Float[Array, "m d"]) -> Float[Array, "n m"]:
        """Covariance of the function at each pair of points."""
        features1 = self.features(params, x1)
        features2 = features1 if x1 is x2 else self.features(params, x2)
        sq = self.kernel.squared_of_features(features1, features2, self.scales(params), x1 is x2)
        return jnp.exp(params.log_signal_variance) * self.kernel.profile(sq)

    def gram(self, params: GPParams, x: Float[Array, "n d"]) -> Float[Array, "n n"]:
        """Covariance of the function at each pair of ``x``, with the derivative of `Stationary.gram`."""
        correlation = self.kernel.gram_of_features(self.features(params, x), self.scales(params))
        return jnp.exp(params.log_signal_variance) * correlation

    def variance(self, params: GPParams, x: Float[Array, "m d"]) -> Float[Array, " m"]:
        """Variance of the function at each point."""
        return self.kernel.variance(params, x)

    def bind(self, encoding: Encoding) -> "Periodic":
        """The kernel, bound to the columns of a space."""
        return dataclasses.replace(self, kernel=self.kernel.bind(encoding))

    def slots(self, num_columns: int) -> tuple[Slot, ...]:
        """An entry for the log period of each periodic column, if periods are inferred."""
        if not isinstance(self.period, Normal):
            return ()
        return (Slot("own", self.period, _BOUNDS),) * int(self._repeats(num_columns).sum())

    def features(self, params: GPParams, x: Float[Array, "n d"]) -> Float[Array, "n f"]:
        """Features whose Euclidean distance the kernel uses, before they are scaled."""
        repeats, period = self._repeats(x.shape[1]), self._period(params, x.shape[1])
        choices = self.kernel.num_choices or (0,) * x.shape[1]
        features = []
        for j, k in enumerate(choices):
            if k:
                one_hot = jax.nn.one_hot(jnp.clip(jnp.floor(x[:, j] * k), 0, k - 1).astype(jnp.int32), k, dtype=x.dtype)
                features.append(one_hot * 0.5**0.5)
            elif repeats[j]:
                angle = (x[:, j] - 0.5) * (2 * np.pi / period[j])
                features.append(jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=1) * (0.5 / np.pi))
            else:
                features.append(x[:, j : j + 1] - 0.5)
        return jnp.concatenate(features, axis=1)

    def scales(self, params: GPParams) -> Float[Array, " f"]:
        """Scale of each feature: the inverse lengthscale of its column."""
        d = params.log_lengthscale.shape[0]
        choices = self.kernel.num_choices or (0,) * d
        counts = [k or (2 if repeats else 1) for k, repeats in zip(choices, self._repeats(d), strict=True)]
        return jnp.exp(-params.log_lengthscale)[np.repeat(np.arange(d), counts)]

    def _repeats(self, num_columns: int) -> np.ndarray:
        is_category = np.array(self.kernel.num_choices or (0,) * num_columns) > 0
        return np.array(self.repeats or (True,) * num_columns) & ~is_category

    def _period(self, params: GPParams, num_columns: int) -> Float[Array, " d"]:
        dtype = params.log_lengthscale.dtype
        if isinstance(self.period, Normal):
            repeats, ones = np.flatnonzero(self._repeats(num_columns)), jnp.ones(num_columns, dtype)
            return ones.at[repeats].set(jnp.exp(params.of_kernel)) if len(repeats) else ones
        return jnp.broadcast_to(jnp.asarray(self.period, dtype), (num_columns,))


def periodic(
    period: float | tuple[float, float] | Float[Array, ""] = (0.0, 0.5), *, profile: Stationary = rbf
) -> Periodic:
    r"""A kernel of functions that are periodic in every numeric parameter; see `on` to select parameters.

    .. math:: k(x, x') = s^2 \exp\!\left(-\frac{2}{(2\pi\ell)^2} \sin^2\frac{\pi (x - x')}{p}\right)

    in one column, with the lengthscale in units of the period. Categories are treated as in other kernels. The product
    ``periodic() * rbf`` models a locally periodic function, whose shape changes from period to period.

    Args:
      period: Period of all parameters, as a fraction of a parameter's range (on its scale). Or the mean and the
        standard deviation of the log period; the period of each parameter is then inferred.
      profile: Stationary kernel of the distance between points on circles.

    Raises:
      ValueError: If ``period`` is not a finite number above 0.

    References:
      MacKay, Introduction to Gaussian Processes, 1998, section 5.2; Rasmussen and Williams, Gaussian Processes for
      Machine Learning, 2006, eq. 4.31.
    """
    if isinstance(period, tuple):
        return Periodic(as_normal(period), profile)
    if isinstance(period, int | float) and not (period > 0 and np.isfinite(period)):
        raise ValueError(f"period: expected a finite number above 0, got {period!r}")
    number: Any = 1.0 * period
    return Periodic(number, profile)
