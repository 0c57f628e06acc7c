"""Functions of two variables.

Values are those of GPyOpt's classes. Its ``rosenbrock`` and ``beale`` are both the negative of Rosenbrock's function,
and ``dropwave`` is the negative of the drop wave. They have a maximum where those functions have a minimum. ``min``
and ``fmin`` are the points and the value of the minimum of the class.
"""

from typing import Any

import numpy as np
from jaxtyping import Float

from jbo.compat.gpyopt.objective_examples._function import Function as function2d


class rosenbrock(function2d):
    """The negative of Rosenbrock's function. The maximum of the negative is 0 at (1, 1)."""

    name, bounds, min, fmin = "Rosenbrock", ((-0.5, 3), (-1.5, 2)), [(3, -1.5)], -11029.0

    def value(self, X: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, " n"]:
        """The value at each row."""
        return -(100 * (X[:, 1] - X[:, 0] ** 2) ** 2 + (X[:, 0] - 1) ** 2)


class beale(rosenbrock):
    """The negative of Rosenbrock's function over another box. GPyOpt's class of this name computes the same."""

    name, bounds, min, fmin = "Beale", ((-1, 1), (-1, 1)), [(-1, -1)], -404.0


class dropwave(function2d):
    """The negative of the drop wave. The maximum of the negative is 1 at (0, 0)."""

    name, bounds, min, fmin = "dropwave", ((-1, 1), (-1, 1)), [(np.pi / 12, 0)], 0.0

    def value(self, X: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, " n"]:
        """The value at each row."""
        squares = np.sum(X**2, axis=1)
        return (1 + np.cos(12 * np.sqrt(squares))) / (0.5 * squares + 2)


class cosines(function2d):
    r"""A bowl with ripples: :math:`\sum_i (u_i^2 - 0.3 \cos 3 \pi u_i) - 1` with :math:`u = 1.6 x - 0.5`."""

    name, bounds, min, fmin = "Cosines", ((0, 1), (0, 1)), [(0.3125, 0.3125)], -1.6

    def value(self, X: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, " n"]:
        """The value at each row."""
        u = 1.6 * X - 0.5
        return -(1 - np.sum(u**2 - 0.3 * np.cos(3 * np.pi * u), axis=1))


class branin(function2d):
    """Branin's function, with three minima.

    Args:
      bounds: As in `Function`.
      a: Coefficient of the squared parabola.
      b: Coefficient of the square term of the parabola.
      c: Coefficient of the linear term of the parabola.
      r: Constant of the parabola.
      s: Coefficient of the cosine, and additive constant.
      t: Factor in the coefficient of the cosine, ``s * (1 - t)``.
      sd: As in `Function`.
    """

    name, bounds, fmin = "Branin", ((-5, 10), (1, 15)), 0.397887
    min = [(-np.pi, 12.275), (np.pi, 2.275), (9.42478, 2.475)]

    def __init__(
        self,
        bounds: Any = None,
        a: float | None = None,
        b: float | None = None,
        c: float | None = None,
        r: float | None = None,
        s: float | None = None,
        t: float | None = None,
        sd: float | None = None,
    ):
        super().__init__(bounds, sd)
        self.a = 1 if a is None else a
        self.b = 5.1 / (4 * np.pi**2) if b is None else b
        self.c = 5 / np.pi if c is None else c
        self.r = 6 if r is None else r
        self.s = 10 if s is None else s
        self.t = 1 / (8 * np.pi) if t is None else t

    def value(self, X: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, " n"]:
        """The value at each row."""
        x1, x2 = X.T
        parabola = x2 - self.b * x1**2 + self.c * x1 - self.r
        return self.a * parabola**2 + self.s * (1 - self.t) * np.cos(x1) + self.s


class goldstein(function2d):
    """Goldstein's and Price's function."""

    name, bounds, min, fmin = "Goldstein", ((-2, 2), (-2, 2)), [(0, -1)], 3

    def value(self, X: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, " n"]:
        """The value at each row."""
        x, y = X.T
        first = 1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)
        second = 30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)
        return first * second


class sixhumpcamel(function2d):
    """The six-hump camel function, with two global minima."""

    name, bounds, min, fmin = "Six-hump camel", ((-2, 2), (-1, 1)), [(0.0898, -0.7126), (-0.0898, 0.7126)], -1.0316

    def value(self, X: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, " n"]:
        """The value at each row."""
        x, y = X.T
        return (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (4 * y**2 - 4) * y**2


class mccormick(function2d):
    """McCormick's function."""

    name, bounds, min, fmin = "Mccormick", ((-1.5, 4), (-3, 4)), [(-0.54719, -1.54719)], -1.9133

    def value(self, X: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, " n"]:
        """The value at each row."""
        x, y = X.T
        return np.sin(x + y) + (x - y) ** 2 - 1.5 * x + 2.5 * y + 1


class powers(function2d):
    """``|x|^2 + |y|^3``."""

    name, bounds, min, fmin = "Sum of Powers", ((-1, 1), (-1, 1)), [(0, 0)], 0

    def value(self, X: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, " n"]:
        """The value at each row."""
        return np.abs(X[:, 0]) ** 2 + np.abs(X[:, 1]) ** 3


class eggholder(function2d):
    """The egg holder, with very many minima."""

    name, bounds, min, fmin = "Egg-holder", ((-512, 512), (-512, 512)), [(512, 404.2319)], -959.6407

    def value(self, X: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, " n"]:
        """The value at each row."""
        x, y = X.T
        return -(y + 47) * np.sin(np.sqrt(np.abs(y + x / 2 + 47))) - x * np.sin(np.sqrt(np.abs(x - (y + 47))))
