"""Problems with several objectives and their maximum hypervolumes.

The hypervolumes of ZDT and DTLZ are in closed form. The hypervolumes of Branin and Currin were found by successively
finer grids around the front (`tests/test_functions_of_outcomes.py`).
"""

import math
from collections.abc import Callable, Mapping
from functools import cache
from types import ModuleType
from typing import Any

from jbo.functions._problem import ParetoProblem, namespace, vector
from jbo.functions._single import branin
from jbo.outcomes import AtMost, Minimize
from jbo.space import Real, Space


def _branin_currin(config: Mapping[str, Any]) -> dict[str, Any]:
    xp, u, v = namespace(config), config["x1"], config["x2"]
    # The second `where` keeps the gradient finite at v = 0, where the exponential is 0.
    is_edge = v == 0
    fade = xp.where(is_edge, 0 * v, xp.exp(-0.5 / xp.where(is_edge, 1 + v, v)))
    ratio = (2300 * u**3 + 1900 * u**2 + 2092 * u + 60) / (100 * u**3 + 500 * u**2 + 4 * u + 20)
    return {"branin": branin({"x1": 15 * u - 5, "x2": 15 * v}), "currin": (1 - fade) * ratio}


branin_currin = ParetoProblem(
    name="branin_currin",
    space=Space(x1=Real(0.0, 1.0), x2=Real(0.0, 1.0)),
    function=_branin_currin,
    outcomes=(Minimize("branin", reference=18.0), Minimize("currin", reference=6.0)),
    reference=(18.0, 6.0),
    hypervolume=59.4065,
)
r"""Branin, and the exponential function of Currin, on one square.

.. math:: f_1 = \text{branin}(15 x_1 - 5, 15 x_2), \quad
          f_2 = \left(1 - e^{-1 / (2 x_2)}\right)
          \frac{2300 x_1^3 + 1900 x_1^2 + 2092 x_1 + 60}{100 x_1^3 + 500 x_1^2 + 4 x_1 + 20}

on :math:`[0, 1]^2`. The reference (18, 6) is the same as in BoTorch. With this reference the front has a hypervolume of
59.4065, to within 0.0003. A lower value, 59.36, has been published.
From Belakaria, Deshwal and Doppa, Max-value Entropy Search for Multi-Objective Bayesian Optimization, 2019.
"""


def _constrained_branin_currin(config: Mapping[str, Any]) -> dict[str, Any]:
    distance = (15 * config["x1"] - 7.5) ** 2 + (15 * config["x2"] - 7.5) ** 2
    return {**_branin_currin(config), "squared_distance": distance}


constrained_branin_currin = ParetoProblem(
    name="constrained_branin_currin",
    space=branin_currin.space,
    function=_constrained_branin_currin,
    outcomes=(
        Minimize("branin", reference=80.0),
        Minimize("currin", reference=12.0),
        AtMost("squared_distance", 50.0),
    ),
    reference=(80.0, 12.0),
    hypervolume=609.335,
)
r"""Branin and Currin within the disk of `constrained_branin`.

.. math:: (15 x_1 - 7.5)^2 + (15 x_2 - 7.5)^2 \le 50

The reference (80, 12) is the same as in BoTorch. With this reference the front has a hypervolume of 609.335, to within
0.001. A lower value, 608.40, has been published.
From Daulton, Balandat and Bakshy, Differentiable Expected Hypervolume Improvement, 2020.
"""


def _zdt(name: str, d: int, shape: Callable[[ModuleType, Any, Any], Any], hypervolume: float) -> ParetoProblem:
    """A problem of Zitzler, Deb and Thiele: a second objective ``g * shape(f1 / g, f1)``."""
    if d < 2:
        raise ValueError(f"{name} needs at least 2 dimensions, got d={d}")

    def function(config: Mapping[str, Any]) -> dict[str, Any]:
        xp, x = vector(config)
        g = 1 + 9 * x[1:].mean()
        return {"f1": x[0], "f2": g * shape(xp, x[0] / g, x[0])}

    space = Space({f"x{i}": Real(0.0, 1.0) for i in range(1, d + 1)})
    outcomes = (Minimize("f1", reference=11.0), Minimize("f2", reference=11.0))
    return ParetoProblem(f"{name}_{d}", space, function, outcomes, (11.0, 11.0), hypervolume)


def _root(xp: ModuleType, x: Any) -> Any:
    """The square root, with its gradient at 0 defined as 0."""
    is_zero = x == 0
    return xp.where(is_zero, 0 * x, xp.sqrt(xp.where(is_zero, 1 + x, x)))


@cache
def zdt1(d: int = 30) -> ParetoProblem:
    r"""ZDT1: a problem with a convex front.

    .. math:: f_1 = x_1, \quad f_2 = g (1 - \sqrt{x_1 / g}), \quad g = 1 + \frac{9}{d - 1} \sum_{i \ge 2} x_i

    on :math:`[0, 1]^d`. On the front :math:`g = 1`, so that :math:`f_2 = 1 - \sqrt{f_1}`. With the reference (11, 11)
    its hypervolume is :math:`120\tfrac23`.

    Args:
      d: Number of dimensions, at least 2.

    References:
      Zitzler, Deb and Thiele, Comparison of Multiobjective Evolutionary Algorithms, 2000, equation 7.
    """
    return _zdt("zdt1", d, lambda xp, ratio, _: 1 - _root(xp, ratio), 120 + 2 / 3)


@cache
def zdt2(d: int = 30) -> ParetoProblem:
    r"""ZDT2: a problem with a concave front, so that no weighted sum finds its middle.

    .. math:: f_1 = x_1, \quad f_2 = g (1 - (x_1 / g)^2), \quad g = 1 + \frac{9}{d - 1} \sum_{i \ge 2} x_i

    on :math:`[0, 1]^d`. On the front :math:`g = 1`, so that :math:`f_2 = 1 - f_1^2`. With the reference (11, 11) its
    hypervolume is :math:`120\tfrac13`.

    Args:
      d: Number of dimensions, at least 2.

    References:
      Zitzler, Deb and Thiele, Comparison of Multiobjective Evolutionary Algorithms, 2000, equation 8.
    """
    return _zdt("zdt2", d, lambda xp, ratio, _: 1 - ratio**2, 120 + 1 / 3)


@cache
def zdt3(d: int = 30) -> ParetoProblem:
    r"""ZDT3: a problem with a front of five pieces.

    .. math:: f_1 = x_1, \quad f_2 = g (1 - \sqrt{x_1 / g} - \tfrac{x_1}{g} \sin 10 \pi x_1), \quad
              g = 1 + \frac{9}{d - 1} \sum_{i \ge 2} x_i

    on :math:`[0, 1]^d`. On the front :math:`g = 1`, and :math:`f_2` is lower than at every smaller :math:`f_1`. With
    the reference (11, 11) its hypervolume is 128.778.

    Args:
      d: Number of dimensions, at least 2.

    References:
      Zitzler, Deb and Thiele, Comparison of Multiobjective Evolutionary Algorithms, 2000, equation 9.
    """

    def shape(xp: ModuleType, ratio: Any, x: Any) -> Any:
        return 1 - _root(xp, ratio) - ratio * xp.sin(10 * math.pi * x)

    return _zdt("zdt3", d, shape, 128.77811613)


@cache
def dtlz2(d: int = 6, num_objectives: int = 2) -> ParetoProblem:
    r"""DTLZ2: a problem with any number of objectives, whose front is part of a sphere.

    .. math:: f_j = (1 + g) \sin(\tfrac{\pi}{2} x_{k-j+1}) \prod_{i \le k - j} \cos(\tfrac{\pi}{2} x_i), \quad
              g = \sum_{i \ge k} (x_i - \tfrac12)^2

    on :math:`[0, 1]^d` with k objectives; the first one has no sine. On the front :math:`g = 0` and
    :math:`\sum f_j^2 = 1`. With the reference (1.1, …, 1.1) its hypervolume is :math:`1.1^k` minus a part of a ball,
    :math:`\pi^{k/2} / (2^k \Gamma(k/2 + 1))`.

    Args:
      d: Number of dimensions, at least the number of objectives.
      num_objectives: Number of objectives, at least 2.

    References:
      Deb, Thiele, Laumanns and Zitzler, Scalable Multi-Objective Optimization Test Problems, 2002, section 4.2.
    """
    k = num_objectives
    if k < 2:
        raise ValueError(f"dtlz2 needs at least 2 objectives, got num_objectives={k}")
    if d < k:
        raise ValueError(f"dtlz2 needs at least as many dimensions as objectives, got d={d} with {k} objectives")

    def function(config: Mapping[str, Any]) -> dict[str, Any]:
        xp, x = vector(config)
        angle = 0.5 * math.pi * x[: k - 1]
        radius = 1 + ((x[k - 1 :] - 0.5) ** 2).sum()
        cosines, sines = xp.cos(angle), xp.sin(angle)
        values = {}
        for j in range(1, k + 1):
            values[f"f{j}"] = radius * cosines[: k - j].prod() * (sines[k - j] if j > 1 else 1)
        return values

    space = Space({f"x{i}": Real(0.0, 1.0) for i in range(1, d + 1)})
    outcomes = tuple(Minimize(f"f{j}", reference=1.1) for j in range(1, k + 1))
    ball = math.pi ** (k / 2) / (2**k * math.gamma(k / 2 + 1))
    return ParetoProblem(f"dtlz2_{d}_{k}", space, function, outcomes, (1.1,) * k, 1.1**k - ball)
