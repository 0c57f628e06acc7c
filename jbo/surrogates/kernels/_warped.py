"""A kernel of warped parameters: where the objective is rough, space is drawn out."""

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
"""How far inside of the unit interval the ends are warped, so that slopes are finite there."""


@pytree
@dataclass(frozen=True)
class InputWarped(Covariance):
    """A kernel of parameters that went through a monotone function each; made by `input_warped`."""

    prior: Normal
    """Of the logarithm of each of the two exponents of a column; at 0 nothing is warped."""
    kernel: Covariance
    is_fixed: tuple[bool, ...] = field(default=(), metadata={"static": True})
    """Which columns are not warped: categories, and what has a period; empty: none is."""

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
        """The same kernel over the columns of a space."""
        is_fixed = tuple(
            bool(is_category) or bool(c.period) or c.simplex >= 0
            for c, is_category in zip(encoding.columns, encoding.is_category, strict=True)
        )
        return dataclasses.replace(self, kernel=self.kernel.bind(encoding), is_fixed=is_fixed if any(is_fixed) else ())

    def resolve(self, names: Sequence[str]) -> "InputWarped":
        """The same kernel with columns in place of names of parameters."""
        return dataclasses.replace(self, kernel=self.kernel.resolve(names))

    def slots(self, num_columns: int) -> tuple[Slot, ...]:
        """The log exponents a of the columns that are warped, then b, then what the kernel has."""
        own = (Slot("own", self.prior, _BOUNDS),) * (2 * len(self._warped(num_columns)))
        return (*own, *self.kernel.slots(num_columns))

    def columns(self, num_columns: int) -> tuple[int, ...]:
        """The columns that the kernel looks at, in order."""
        return self.kernel.columns(num_columns)

    def widths(self, num_columns: int) -> np.ndarray:
        """As of the kernel that it is about."""
        return self.kernel.widths(num_columns)

    def warp(self, params: GPParams, x: Float[Array, "m d"]) -> Float[Array, "m d"]:
        r"""The points as the kernel sees them, :math:`1 - (1 - x^a)^b` in each column that is warped.

        Args:
          params: Hyperparameters, those of this kernel among them.
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

    Each numeric parameter goes through the distribution function of Kumaraswamy, whose two exponents are inferred with
    the lengthscales. Where a parameter is known to act by its magnitude, ``log=True`` says so with nothing to infer.

    Args:
      kernel: Of the warped parameters.
      prior: Mean and deviation of the logarithm of each exponent; at 0 nothing is warped.

    References:
      Snoek, Swersky, Zemel and Adams, Input Warping for Bayesian Optimization of Non-Stationary Functions, 2014 (with
      the distribution function of the beta distribution, which that of Kumaraswamy, 1980, has in closed form).
    """
    return InputWarped(as_normal(prior), as_covariance(kernel))
