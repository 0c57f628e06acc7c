"""Problems with one value: standard test functions, and two functions made for this library.

Unless stated otherwise, formulas, domains and minima are from Surjanovic and Bingham, Virtual Library of Simulation
Experiments, https://www.sfu.ca/~ssurjano/optimization.html.
"""

import math
from collections.abc import Callable, Mapping
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from jbo.functions._problem import Problem, namespace, vector
from jbo.space import Categorical, Integer, Ordinal, Real, Space


def _branin(config: Mapping[str, Any]) -> Any:
    xp, x = vector(config)
    valley = x[1] - 5.1 / (4 * math.pi**2) * x[0] ** 2 + 5 / math.pi * x[0] - 6
    return valley**2 + 10 * (1 - 1 / (8 * math.pi)) * xp.cos(x[0]) + 10


branin = Problem(
    name="branin",
    space=Space(x1=Real(-5.0, 10.0), x2=Real(0.0, 15.0)),
    function=_branin,
    minimum=5 / (4 * math.pi),
    minimizers=(
        {"x1": -math.pi, "x2": 12.275},
        {"x1": math.pi, "x2": 2.275},
        {"x1": 3 * math.pi, "x2": 2.475},
    ),
)
r"""Branin: three equal minima at the bottom of a bent valley.

.. math:: f(x) = (x_2 - \tfrac{5.1}{4\pi^2} x_1^2 + \tfrac{5}{\pi} x_1 - 6)^2 + 10 (1 - \tfrac{1}{8\pi}) \cos x_1 + 10

on :math:`[-5, 10] \times [0, 15]`; the minimum is :math:`\tfrac{5}{4\pi} \approx 0.397887`.
"""


def _hartmann(exponents: np.ndarray, centres: np.ndarray) -> Callable[[Mapping[str, Any]], Any]:
    heights = np.array([1.0, 1.2, 3.0, 3.2])

    def hartmann(config: Mapping[str, Any]) -> Any:
        xp, x = vector(config)
        a, p, alpha = (xp.asarray(constant, x.dtype) for constant in (exponents, centres, heights))
        return -(alpha * xp.exp(-(a * (x[None, :] - p) ** 2).sum(1))).sum()

    return hartmann


hartmann3 = Problem(
    name="hartmann3",
    space=Space({f"x{i}": Real(0.0, 1.0) for i in range(1, 4)}),
    function=_hartmann(
        np.array([[3.0, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]]),
        1e-4 * np.array([[3689, 1170, 2673], [4699, 4387, 7470], [1091, 8732, 5547], [381, 5743, 8828]]),
    ),
    minimum=-3.862779787332663,
    minimizers=({"x1": 0.11458887665506896, "x2": 0.5556488946169301, "x3": 0.8525469846866774},),
)
r"""Hartmann in three dimensions: four local minima.

.. math:: f(x) = -\sum_{i=1}^4 \alpha_i \exp(-\sum_{j=1}^3 A_{ij} (x_j - P_{ij})^2)

on :math:`[0, 1]^3`, with the source's constants; the minimum is -3.86278, with further digits by Newton's method.
"""

hartmann6 = Problem(
    name="hartmann6",
    space=Space({f"x{i}": Real(0.0, 1.0) for i in range(1, 7)}),
    function=_hartmann(
        np.array(
            [
                [10, 3, 17, 3.5, 1.7, 8],
                [0.05, 10, 17, 0.1, 8, 14],
                [3, 3.5, 1.7, 10, 17, 8],
                [17, 8, 0.05, 10, 0.1, 14],
            ]
        ),
        1e-4
        * np.array(
            [
                [1312, 1696, 5569, 124, 8283, 5886],
                [2329, 4135, 8307, 3736, 1004, 9991],
                [2348, 1451, 3522, 2883, 3047, 6650],
                [4047, 8828, 8732, 5743, 1091, 381],
            ]
        ),
    ),
    minimum=-3.322368011415515,
    minimizers=(
        {
            "x1": 0.20168951100670543,
            "x2": 0.15001069182345797,
            "x3": 0.47687397422189703,
            "x4": 0.2753324304940561,
            "x5": 0.31165161660011326,
            "x6": 0.6573005340656204,
        },
    ),
)
r"""Hartmann in six dimensions: six local minima.

.. math:: f(x) = -\sum_{i=1}^4 \alpha_i \exp(-\sum_{j=1}^6 A_{ij} (x_j - P_{ij})^2)

on :math:`[0, 1]^6`, with the source's constants; the minimum is -3.32237, with further digits by Newton's method.
"""


@cache
def ackley(d: int) -> Problem:
    r"""Ackley: a nearly flat, rippled plain around one deep hole.

    .. math:: f(x) = -20 \exp(-0.2 \sqrt{\tfrac1d \sum x_i^2}) - \exp(\tfrac1d \sum \cos 2 \pi x_i) + 20 + e

    on :math:`[-32.768, 32.768]^d`; the minimum is 0 at the origin, where the gradient jumps (it is defined as 0).

    Args:
      d: Number of dimensions, at least 1.
    """

    def function(config: Mapping[str, Any]) -> Any:
        xp, x = vector(config)
        mean_square = (x**2).mean()
        # The second `where` keeps the gradient of the square root finite at the origin.
        is_origin = mean_square == 0
        radius = xp.where(is_origin, 0 * mean_square, xp.sqrt(xp.where(is_origin, 1 + mean_square, mean_square)))
        # expm1 keeps the digits near the minimum that 20 - 20 exp(.) and e - exp(.) lose.
        ripple = (xp.cos(2 * math.pi * x) - 1).mean()
        return -20 * xp.expm1(-0.2 * radius) - math.e * xp.expm1(ripple)

    return _cube("ackley", d, 32.768, function, 0.0, 0.0)


@cache
def levy(d: int) -> Problem:
    r"""Levy: wavy, with many local minima.

    .. math:: f(x) = \sin^2 \pi w_1 + \sum_{i<d} (w_i - 1)^2 (1 + 10 \sin^2(\pi w_i + 1))
              + (w_d - 1)^2 (1 + \sin^2 2 \pi w_d), \quad w_i = 1 + \tfrac{x_i - 1}{4}

    on :math:`[-10, 10]^d`; the minimum is 0 at :math:`(1, \dots, 1)`.

    Args:
      d: Number of dimensions, at least 1.
    """

    def function(config: Mapping[str, Any]) -> Any:
        xp, x = vector(config)
        v = (x - 1) / 4  # w - 1; sin² has the period π, so that sin²(πw) = sin²(πv).
        inner = (v[:-1] ** 2 * (1 + 10 * xp.sin(math.pi * v[:-1] + math.pi + 1) ** 2)).sum()
        last = v[-1] ** 2 * (1 + xp.sin(2 * math.pi * v[-1]) ** 2)
        return xp.sin(math.pi * v[0]) ** 2 + inner + last

    return _cube("levy", d, 10.0, function, 0.0, 1.0)


@cache
def rosenbrock(d: int) -> Problem:
    r"""Rosenbrock: a long, bent, nearly flat valley.

    .. math:: f(x) = \sum_{i<d} 100 (x_{i+1} - x_i^2)^2 + (x_i - 1)^2

    on :math:`[-5, 10]^d`; the minimum is 0 at :math:`(1, \dots, 1)`.

    Args:
      d: Number of dimensions, at least 2.
    """
    if d < 2:
        raise ValueError(f"rosenbrock needs at least 2 dimensions, got d={d}")

    def function(config: Mapping[str, Any]) -> Any:
        _, x = vector(config)
        return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (x[:-1] - 1) ** 2).sum()

    return _cube("rosenbrock", d, (-5.0, 10.0), function, 0.0, 1.0)


@cache
def rastrigin(d: int) -> Problem:
    r"""Rastrigin: a bowl with a regular grid of local minima.

    .. math:: f(x) = 10 d + \sum x_i^2 - 10 \cos 2 \pi x_i

    on :math:`[-5.12, 5.12]^d`; the minimum is 0 at the origin.

    Args:
      d: Number of dimensions, at least 1.
    """

    def function(config: Mapping[str, Any]) -> Any:
        xp, x = vector(config)
        return (x**2 + 10 * (1 - xp.cos(2 * math.pi * x))).sum()

    return _cube("rastrigin", d, 5.12, function, 0.0, 0.0)


@cache
def styblinski_tang(d: int) -> Problem:
    r"""Styblinski–Tang: two holes of different depths along every axis.

    .. math:: f(x) = \tfrac12 \sum x_i^4 - 16 x_i^2 + 5 x_i

    on :math:`[-5, 5]^d`; the minimum is :math:`-39.16617 d`, where every :math:`x_i` is the smallest root
    of :math:`4 x^3 - 32 x + 5`.

    Args:
      d: Number of dimensions, at least 1.
    """

    def function(config: Mapping[str, Any]) -> Any:
        _, x = vector(config)
        return (x**4 - 16 * x**2 + 5 * x).sum() / 2

    return _cube("styblinski_tang", d, 5.0, function, -39.16616570377142 * d, -2.903534027771177)


@cache
def michalewicz(d: int) -> Problem:
    r"""Michalewicz: steep valleys and flat plains, ``d!`` local minima.

    .. math:: f(x) = -\sum \sin(x_i) \sin^{20}(i x_i^2 / \pi)

    on :math:`[0, \pi]^d`. Each term has its own variable, so the minimum is known for every ``d``: -1.801303
    for 2, -4.687658 for 5, -9.660152 for 10.

    Args:
      d: Number of dimensions, at least 1.
    """

    def term(xp: ModuleType, i: Any, x: Any) -> Any:
        return xp.sin(x) * (xp.sin(i * x**2 / math.pi) ** 2) ** 10

    def function(config: Mapping[str, Any]) -> Any:
        xp, x = vector(config)
        return -term(xp, xp.arange(1, d + 1).astype(x.dtype), x).sum()

    def best_of(i: int) -> float:
        """Maximiser of one term: the best point of a fine grid, refined by successively finer grids around it."""
        low, best, high = 0.0, 0.0, math.pi
        for _ in range(12):
            grid = np.linspace(low, high, 200 * i + 1000)
            best, step = grid[np.argmax(term(np, i, grid))], grid[1] - grid[0]
            low, high = best - step, best + step
        return float(best)

    best = [best_of(i) for i in range(1, d + 1)]
    minimizer = {f"x{i}": x for i, x in enumerate(best, 1)}
    space = Space({name: Real(0.0, math.pi) for name in minimizer})
    return Problem(f"michalewicz{d}", space, function, float(function(minimizer)), (minimizer,))


def _mixed(config: Mapping[str, Any]) -> Any:
    xp = namespace(config)
    x, rate, n, width, kind = (config[name] for name in ("x", "rate", "n", "width", "kind"))
    real = xp.asarray(x).dtype
    n, width = xp.asarray(n).astype(real), xp.asarray(width).astype(real)
    slope, offset, best_n = xp.asarray([[-1.0, 0.5, 1.0], [0.5, 0.0, 0.2], [2.0, 6.0, 4.0]], real)[:, kind]
    along = (x - slope * n / 8) ** 2 + (xp.log10(rate) + x) ** 2
    return along + (n - xp.log2(width)) ** 2 / 10 + (n - best_n) ** 2 / 20 + offset


mixed = Problem(
    name="mixed",
    space=Space(
        x=Real(-2.0, 2.0),
        rate=Real(1e-2, 1e2, log=True),
        n=Integer(1, 8),
        width=Ordinal(16, 32, 64, 128),
        kind=Categorical(0, 1, 2),
    ),
    function=_mixed,
    minimum=0.0,
    minimizers=({"x": 0.375, "rate": 10**-0.375, "n": 6, "width": 64, "kind": 1},),
)
r"""Reals, an integer, an ordinal and a category that all interact.

.. math:: f = (x - \tfrac{s_k n}{8})^2 + (\log_{10} r + x)^2 + \tfrac{1}{10} (n - \log_2 w)^2
          + \tfrac{1}{20} (n - b_k)^2 + o_k

with :math:`s = (-1, \tfrac12, 1)`, :math:`b = (2, 6, 4)`, :math:`o = (\tfrac12, 0, \tfrac15)` for the kinds
k = 0, 1, 2; r is the rate, w the width. No term is negative, and all terms are 0 at the minimum, 0. The best value of
kind 2 is 0.2. Made for this library.
"""


def _conditional(config: Mapping[str, Any]) -> Any:
    xp = namespace(config)
    x, model = config["x"], config["model"]
    # The choices decide which names are active, because a traced config holds the inactive names too.
    a, b, depth, rate = (config.get(name, 0.0) for name in ("a", "b", "depth", "rate"))
    real = xp.asarray(x).dtype
    depth = xp.asarray(depth).astype(real)
    of_rate = xp.where(depth >= 3, (rate - depth / 10) ** 2, xp.asarray(0.2, real))
    of_model = xp.stack(
        [
            xp.asarray(0.3 + (a - 0.2) ** 2, real),
            xp.asarray((depth - 4) ** 2 / 10 + (b - x) ** 2 + of_rate, real),
            xp.asarray(0.5, real),
        ]
    )
    return of_model[model] + (x - 0.25) ** 2


conditional = Problem(
    name="conditional",
    space=Space(
        x=Real(-1.0, 1.0),
        model=Categorical(0, 1, 2),
        a=Real(-1.0, 1.0, when=("model", 0)),
        depth=Integer(1, 5, when=("model", 1)),
        b=Real(0.0, 1.0, when=("model", 1)),
        rate=Real(0.0, 1.0, when=("depth", {3, 4, 5})),
    ),
    function=_conditional,
    minimum=0.0,
    minimizers=({"x": 0.25, "model": 1, "depth": 4, "b": 0.25, "rate": 0.4},),
)
r"""A choice of three models with different parameters; one of these parameters activates a further parameter.

.. math:: f = (x - \tfrac14)^2 + \begin{cases} 0.3 + (a - 0.2)^2 & \text{model } 0 \\
          \tfrac{1}{10} (depth - 4)^2 + (b - x)^2 + g & \text{model } 1 \\ 0.5 & \text{model } 2 \end{cases}

with :math:`g = (rate - depth / 10)^2` if depth is at least 3, else 0.2. The minimum is 0, for model 1. The best
value of model 0 is 0.3, and of model 2 it is 0.5. Made for this library.
"""


def _cube(
    name: str, d: int, bounds: float | tuple[float, float], function: Callable, minimum: float, best: float
) -> Problem:
    """A problem on ``d`` equal intervals with the same minimiser on each; one number b means ``[-b, b]``."""
    low, high = bounds if isinstance(bounds, tuple) else (-bounds, bounds)
    names = [f"x{i}" for i in range(1, d + 1)]
    space = Space({name: Real(low, high) for name in names})
    return Problem(f"{name}{d}", space, function, minimum, ({name: best for name in names},))
