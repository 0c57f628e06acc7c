"""Input warping: a kernel of monotonically transformed parameters, for objectives that vary more at one end."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jbo.encoding import Encoding
from jbo.pytrees import pytree
from jbo.surrogates.kernels._kernel import Covariance, GPParams, Kernel, Normal, Slot, as_covariance, as_normal

_BOUNDS = (float(np.log(0.1)), float(np.log(10.0)))
_EDGE = 1e-6
"""Distance from 0 and 1 to which the ends of the unit interval are moved before warping, so that slopes are finite."""


@pytree
@dataclass(frozen=True)
class InputWarped(Covariance):
    """A kernel of parameters that are each transformed by a monotone function; made by `input_warped`."""

    prior: Normal
    """Prior of the logarithm of each of the two exponents of a column; at 0 the warp is the identity."""
    kernel: Covariance
    is_fixed: tuple[bool, ...] = field(default=(), metadata={"static": True})
    """True for columns that are not warped: categories, columns with a period and shares; empty: all are warped."""

    def __call__(self, params: GPParams, x1: Float[Array, "n d"], x2: Float[Array, "m d"]) -> Float[Array, "n m"]:
        """Covariance of the function at each pair of points."""
        z1 = self.warp(params, x1)
        return self.kernel(self._inner(params), z1, z1 if x2 is x1 else self.warp(params, x2))

    def gram(self, params: GPParams, x: Float[Array, "n d"]) -> Float[Array, "n n"]:
        """Covariance of the function at each pair of ``x``."""
        return self.kernel.gram(self._inner(params), self.warp(params, x))

    def variance(self, params: GPParams, x: Float[Array, "m d"]) -> Float[Array, " m"]:
        """Variance of the function at each point."""
        return self.kernel.variance(self._inner(params), self.warp(params, x))

    def bind(self, encoding: Encoding) -> "InputWarped":
        """The kernel, bound to the columns of a space."""
        is_fixed = tuple(
            bool(is_category) or bool(c.period) or c.simplex >= 0
            for c, is_category in zip(encoding.columns, encoding.is_category, strict=True)
        )
        return dataclasses.replace(self, kernel=self.kernel.bind(encoding), is_fixed=is_fixed if any(is_fixed) else ())

    def resolve(self, names: Sequence[str]) -> "InputWarped":
        """The kernel, with parameter names replaced by column numbers."""
        return dataclasses.replace(self, kernel=self.kernel.resolve(names))

    def slots(self, num_columns: int) -> tuple[Slot, ...]:
        """The log exponents a of the warped columns, then the log exponents b, then the entries of the inner kernel."""
        own = (Slot("own", self.prior, _BOUNDS),) * (2 * len(self._warped(num_columns)))
        return (*own, *self.kernel.slots(num_columns))

    def columns(self, num_columns: int) -> tuple[int, ...]:
        """The columns that the kernel uses, in order."""
        return self.kernel.columns(num_columns)

    def widths(self, num_columns: int) -> np.ndarray:
        """As in the inner kernel."""
        return self.kernel.widths(num_columns)

    def warp(self, params: GPParams, x: Float[Array, "m d"]) -> Float[Array, "m d"]:
        r"""The points as the inner kernel sees them: :math:`1 - (1 - x^a)^b` in each warped column.

        Args:
          params: Hyperparameters, including the exponents.
          x: Points of the unit cube.
        """
        columns = self._warped(x.shape[1])
        if not len(columns):
            return x
        a, b = (jnp.exp(params.of_kernel[i * len(columns) : (i + 1) * len(columns)])[None, :] for i in range(2))
        inside = _EDGE + (1 - 2 * _EDGE) * x[:, columns]
        return x.at[:, columns].set(-jnp.expm1(b * jnp.log1p(-jnp.exp(a * jnp.log(inside)))))

    def _warped(self, num_columns: int) -> np.ndarray:
        return np.flatnonzero(~np.array(self.is_fixed or (False,) * num_columns))

    def _inner(self, params: GPParams) -> GPParams:
        d = params.log_lengthscale.shape[0]
        own = params.of_kernel[2 * len(self._warped(d)) :]
        return params._replace(of_kernel=own if self.kernel.slots(d) else ())


def input_warped(kernel: Kernel, prior: tuple[float, float] = (0.0, 0.5)) -> InputWarped:
    """A kernel of warped parameters, for objectives that change faster at one end of a parameter than at the other.

    Each numeric parameter is transformed by the Kumaraswamy distribution function, whose two exponents are inferred
    with the lengthscales. If a parameter is known to act by its magnitude, use ``log=True``: it needs no inference.

    Args:
      kernel: Kernel of the warped parameters.
      prior: Mean and standard deviation of the logarithm of each exponent; at 0 the warp is the identity.

    References:
      Snoek, Swersky, Zemel and Adams, Input Warping for Bayesian Optimization of Non-Stationary Functions, 2014. They
      use the beta distribution function; Kumaraswamy, 1980, gives a similar function in closed form.
    """
    return InputWarped(as_normal(prior), as_covariance(kernel))
