"""Functions of any number of variables."""

from typing import Any

import numpy as np
from jaxtyping import Float

from jbo.compat.gpyopt.objective_examples._function import Function


class alpine1(Function):
    """``sum |x sin x + 0.1 x|``.

    Args:
      input_dim: Number of variables.
      bounds: As in `Function`.
      sd: As in `Function`.
    """

    name = "alpine1"

    def __init__(self, input_dim: int, bounds: Any = None, sd: float | None = None):
        self.input_dim, self.bounds = input_dim, [(-10, 10)] * input_dim
        self.min, self.fmin = [0] * input_dim, 0
        super().__init__(bounds, sd)

    def value(self, X: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """The value at each row."""
        return np.sum(np.abs(X * np.sin(X) + 0.1 * X), axis=1)


class alpine2(Function):
    """``-prod sqrt(x) sin x``.

    Args:
      input_dim: Number of variables.
      bounds: As in `Function`.
      sd: As in `Function`.
    """

    name = "alpine2"

    def __init__(self, input_dim: int, bounds: Any = None, sd: float | None = None):
        self.input_dim, self.bounds = input_dim, [(1, 10)] * input_dim
        self.min, self.fmin = [7.917] * input_dim, -(2.808**input_dim)
        super().__init__(bounds, sd)

    def value(self, X: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """The value at each row."""
        return -np.prod(np.sqrt(X) * np.sin(X), axis=1)


class gSobol(Function):
    """Sobol's g function, ``prod (|4 x - 2| + a) / (1 + a)``.

    Args:
      a: One number above 0 for each variable.
      bounds: As in `Function`.
      sd: As in `Function`.

    Raises:
      ValueError: A number is not above 0.
    """

    name = "gSobol"

    def __init__(self, a: Any, bounds: Any = None, sd: float | None = None):
        self.a = np.asarray(a, np.float64)
        if not (self.a > 0).all():
            raise ValueError(f"a: expected numbers above 0, got {self.a.tolist()}")
        self.input_dim = len(self.a)
        self.bounds = [(-4, 6)] * self.input_dim
        self.S_coef = (1 / (3 * (1 + self.a) ** 2)) / (np.prod(1 + 1 / (3 * (1 + self.a) ** 2)) - 1)
        self.min, self.fmin = [0.5] * self.input_dim, float(np.prod(self.a / (1 + self.a)))
        super().__init__(bounds, sd)

    def value(self, X: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """The value at each row."""
        return np.prod((np.abs(4 * X - 2) + self.a) / (1 + self.a), axis=1)


class ackley(Function):
    """Ackley's function.

    Args:
      input_dim: Number of variables.
      bounds: As in `Function`.
      sd: As in `Function`.
    """

    name = "ackley"

    def __init__(self, input_dim: int, bounds: Any = None, sd: float | None = None):
        self.input_dim, self.bounds = input_dim, [(-32.768, 32.768)] * input_dim
        self.min, self.fmin = [0.0] * input_dim, 0
        super().__init__(bounds, sd)

    def value(self, X: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """The value at each row."""
        distance = np.sqrt(np.mean(X**2, axis=1))
        return 20 + np.exp(1) - 20 * np.exp(-0.2 * distance) - np.exp(np.mean(np.cos(2 * np.pi * X), axis=1))
