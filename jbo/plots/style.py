"""Colours, and axes that speak of parameters: their names, their scales, their choices."""

from typing import Any

import numpy as np

from jbo.numerics import widened
from jbo.parameters import Integer, Parameter, Real, Share

BLUE, ORANGE, GREEN, PINK, SKY, VERMILION = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"
"""Told apart by colour-blind readers: Okabe and Ito, Color Universal Design, 2008."""
CYCLE = (BLUE, VERMILION, GREEN, ORANGE, PINK, SKY)
MAP = "cividis"
"""Of values: rising in brightness, for colour-blind readers too (Nuñez, Anderton and Renslow 2018)."""
GREY = "#888888"


def axes_of(ax: Any, size: tuple[float, float] = (6.4, 4.0)) -> Any:
    """The axes to draw on: those that are given, or those of a new figure of pyplot.

    Args:
      ax: Axes of matplotlib, or None.
      size: Of a new figure, in inches.
    """
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.subplots(figsize=size, layout="constrained")[1]


def place(parameter: Parameter, value: Any) -> float:
    """Where a value is drawn: a number at itself, a choice at its level.

    Args:
      parameter: Of the axis.
      value: One that it takes.
    """
    return float(value) if isinstance(parameter, Real | Integer | Share) else float(parameter.level_of(value))


def grid(parameter: Parameter, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of a column of the cube, all levels of it if they are no more than ``size``, and where each is drawn.

    Args:
      parameter: Of the column.
      size: How many points.
    """
    num_levels = parameter.num_levels
    if 0 < num_levels <= size:
        units = np.array([parameter.unit_of_level(level) for level in range(num_levels)])
    else:
        units = parameter.units(size)
    return units, np.array([place(parameter, parameter.from_unit(float(unit))) for unit in units])


def dress(ax: Any, which: str, name: str, parameter: Parameter) -> None:
    """Give an axis a parameter's name, its log scale, and names where it has no numbers.

    Args:
      ax: Axes of matplotlib.
      which: ``x`` or ``y``.
      name: Of the parameter.
      parameter: What is along it.
    """
    getattr(ax, f"set_{which}label")(plain(name))
    if isinstance(parameter, Real | Integer | Share):
        if getattr(parameter, "log", False):
            getattr(ax, f"set_{which}scale")("log")
        elif isinstance(parameter, Integer):
            getattr(ax, f"{which}axis").get_major_locator().set_params(integer=True)
    else:
        texts = [plain(str(parameter.value_at(level))) for level in range(parameter.num_levels)]
        getattr(ax, f"set_{which}ticks")(range(parameter.num_levels), labels=texts)


def plain(text: str) -> str:
    """A user's text as matplotlib shows it as it is: without formulas, and short enough for a label.

    Args:
      text: Any.
    """
    text = text.replace("\n", " ")
    return (text if len(text) <= 40 else text[:37] + "…").replace("$", r"\$")


def show_range(ax: Any, which: str, values: np.ndarray, margin: float = 0.15) -> None:
    """Limit an axis to what was observed and a margin, so that wide intervals do not flatten the rest.

    Args:
      ax: Axes of matplotlib.
      which: ``x`` or ``y``.
      values: Finite ones.
      margin: As a share of their range.
    """
    getattr(ax, f"set_{which}lim")(*widened(float(np.min(values)), float(np.max(values)), margin))


def unit_of(values: Any) -> float:
    """1, or what values are divided by, since matplotlib cannot draw an axis of numbers beyond 1e300.

    Args:
      values: Numbers, perhaps some that are not finite.
    """
    sizes = np.abs(np.asarray(values, np.float64))
    return 1e300 if np.any((sizes > 1e300) & np.isfinite(sizes)) else 1.0


def in_units(text: str, unit: float) -> str:
    """The label of an axis whose values were divided by a unit."""
    return text if unit == 1 else f"{text}, in units of {unit:g}"


def legend(ax: Any) -> None:
    """A small legend that hides as little as can be."""
    ax.legend(fontsize="small", framealpha=0.8)


def shown_part(values: np.ndarray, front: np.ndarray, reference: float, is_better_high: bool) -> tuple[float, float]:
    """The part of an axis that is worth drawing: all values, or no more than is needed around the front.

    A diverged trial has a loss far above all others, next to which the front would be a point. So values that are worse
    than the front, the reference and nine tenths of the trials are left out where that shrinks the axis to a fifth.

    Args:
      values: Of one objective, at least one.
      front: Those of the front.
      reference: The worst value that counts.
      is_better_high: True if higher values are better.
    """
    sign = -1.0 if is_better_high else 1.0
    losses, edge = sign * values, sign * reference
    least, most = losses.min(), losses.max()
    usual = float(np.quantile(losses, 0.9, method="lower"))
    need = max(usual, *((sign * front).max(), edge) if len(front) else (usual,))
    top = max(most, need) if 0.2 * (most / 2 - least / 2) < need / 2 - least / 2 else need
    return (-top, -least) if is_better_high else (least, top)


def needs_log(part: tuple[float, float], values: np.ndarray) -> bool:
    """True if nine tenths of the values span a factor of more than 30 and none is 0 or negative.

    Args:
      part: The ends of the axis.
      values: Of one objective.
    """
    return bool(min(values.min(), part[0]) > 0 and part[1] > 30 * np.quantile(values, 0.1, method="lower"))
