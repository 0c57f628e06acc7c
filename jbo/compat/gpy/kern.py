"""GPy's common kernels, as descriptions that `jbo.compat.gpyopt` turns into kernels of jbo.

Kernels can be added with ``+`` and multiplied with ``*``. In GPy, variances, lengthscales and periods are the starting
point of the fit. jbo infers each of them with a prior, so the arguments are stored and have no effect. Every kernel has
one lengthscale for each column, with or without ``ARD``.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np


class Parameter(np.ndarray):
    """A hyperparameter of a kernel; fixing it or giving it a prior causes a warning."""

    def __new__(cls, value: Any) -> "Parameter":  # noqa: D102
        return np.atleast_1d(np.asarray(value, np.float64)).view(cls)


def _warning(name: str) -> Any:
    def method(self: Any, *arguments: Any, **options: Any) -> None:
        del arguments, options
        reason = "jbo infers the hyperparameters of a kernel, each with a prior"
        warnings.warn(f"{name} has no effect: {reason}", UserWarning, stacklevel=2)

    return method


for _name in ("fix", "constrain_fixed", "constrain_bounded", "constrain_positive", "set_prior", "unfix", "unconstrain"):
    setattr(Parameter, _name, _warning(_name))


class Kern:
    """A kernel over some columns.

    Args:
      input_dim: Number of columns that the kernel uses.
      variance: Accepted as in GPy.
      lengthscale: Accepted as in GPy.
      ARD: Accepted as in GPy.
      active_dims: The columns that the kernel uses; None: all.
      name: Accepted as in GPy.
      **options: Other arguments of the kernel in GPy, such as a period; each is kept as an attribute.
    """

    def __init__(
        self,
        input_dim: int,
        variance: Any = 1.0,
        lengthscale: Any = None,
        ARD: bool = False,
        active_dims: Sequence[int] | np.ndarray | None = None,
        name: str | None = None,
        **options: Any,
    ):
        self.input_dim = int(input_dim)
        self.ARD = ARD
        self.variance = Parameter(variance)
        self.lengthscale = Parameter(1.0 if lengthscale is None else lengthscale)
        self.active_dims = None if active_dims is None else np.asarray(active_dims, int)
        self.name = type(self).__name__ if name is None else name
        for option, value in options.items():
            setattr(self, option, value)

    def __add__(self, other: "Kern") -> "Add":
        return Add([self, other])

    def __mul__(self, other: "Kern") -> "Prod":
        return Prod([self, other])

    def add(self, other: "Kern", name: str = "sum") -> "Add":
        """The sum of this kernel and another kernel.

        Args:
          other: Another kernel.
          name: Name of the sum.
        """
        return Add([self, other], name)

    def prod(self, other: "Kern", name: str = "mul") -> "Prod":
        """The product of this kernel and another kernel.

        Args:
          other: Another kernel.
          name: Name of the product.
        """
        return Prod([self, other], name)

    def copy(self) -> "Kern":
        """The kernel itself, because it is only a description."""
        return self


for _method in ("fix", "constrain_fixed", "constrain_bounded", "constrain_positive", "set_prior", "unfix"):
    setattr(Kern, _method, _warning(_method))


class _Combination(Kern):
    def __init__(self, subkerns: Sequence[Kern], name: str | None = None):
        self.parts = [
            part for kernel in subkerns for part in (kernel.parts if type(kernel) is type(self) else [kernel])
        ]
        self.input_dim = max(part.input_dim for part in self.parts)
        self.active_dims = None
        self.name = type(self).__name__ if name is None else name


class Add(_Combination):
    """A sum of kernels."""


class Prod(_Combination):
    """A product of kernels."""


class RBF(Kern):
    """Squared exponential."""


class ExpQuad(Kern):
    """Squared exponential, under another name."""


class Matern32(Kern):
    """Matérn 3/2."""


class Matern52(Kern):
    """Matérn 5/2."""


class Exponential(Kern):
    """Matérn 1/2."""


class OU(Kern):
    """Matérn 1/2, under another name."""


class RatQuad(Kern):
    """Rational quadratic; its power is inferred."""


class StdPeriodic(Kern):
    """Periodic; its period is inferred."""


class Bias(Kern):
    """A constant; it has no effect in a sum, because jbo standardises values."""


class White(Kern):
    """Noise; it has no effect in a sum, because a Gaussian process has its own noise."""


class Linear(Kern):
    """Linear functions; ``variances`` as in GPy.

    Args:
      input_dim: As in `Kern`.
      variances: Accepted as in GPy.
      ARD: As in `Kern`.
      active_dims: As in `Kern`.
      name: As in `Kern`.
    """

    def __init__(
        self,
        input_dim: int,
        variances: Any = None,
        ARD: bool = False,
        active_dims: Sequence[int] | np.ndarray | None = None,
        name: str | None = None,
    ):
        super().__init__(input_dim, 1.0 if variances is None else variances, None, ARD, active_dims, name)
        self.variances = self.variance


class Poly(Kern):
    """Polynomials of degree ``order``.

    Args:
      input_dim: As in `Kern`.
      variance: As in `Kern`.
      scale: Accepted as in GPy.
      bias: Accepted as in GPy.
      order: The degree, a whole number of at least 1.
      active_dims: As in `Kern`.
      name: As in `Kern`.
    """

    def __init__(
        self,
        input_dim: int,
        variance: Any = 1.0,
        scale: Any = 1.0,
        bias: Any = 1.0,
        order: int | float = 3,
        active_dims: Sequence[int] | np.ndarray | None = None,
        name: str | None = None,
    ):
        super().__init__(input_dim, variance, None, False, active_dims, name, scale=scale, bias=bias, order=order)
