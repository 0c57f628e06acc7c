"""Colours of plots, and axes of parameters with their names, scales and choices."""

from typing import Any

import numpy as np

from jbo.numerics import widened
from jbo.parameters import Integer, Parameter, Real, Share

BLUE, ORANGE, GREEN, PINK, SKY, VERMILION = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"
"""Colours that colour-blind readers can distinguish: Okabe and Ito, Color Universal Design, 2008."""
CYCLE = (BLUE, VERMILION, GREEN, ORANGE, PINK, SKY)
MAP = "cividis"
"""Colour map of values, increasing in brightness, also for colour-blind readers (Nuñez, Anderton and Renslow 2018)."""
GREY = "#888888"


def axes_of(ax: Any, size: tuple[float, float] = (6.4, 4.0)) -> Any:
    """The given axes, or axes of a new pyplot figure.

    Args:
      ax: Matplotlib axes; None: new axes.
      size: Size of a new figure, in inches.
    """
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.subplots(figsize=size, layout="constrained")[1]


def place(parameter: Parameter, value: Any) -> float:
    """Coordinate of a value on an axis: the number itself, or the index of a choice.

    Args:
      parameter: Parameter of the axis.
      value: A value of the parameter.
    """
    return float(value) if isinstance(parameter, Real | Integer | Share) else float(parameter.level_of(value))


def grid(parameter: Parameter, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Points along a column of the cube, and their coordinates on an axis. Up to ``size`` levels are all included.

    Args:
      parameter: Parameter of the column.
      size: Number of points.
    """
    num_levels = parameter.num_levels
    if 0 < num_levels <= size:
        units = np.array([parameter.unit_of_level(level) for level in range(num_levels)])
    else:
        units = parameter.units(size)
    return units, np.array([place(parameter, parameter.from_unit(float(unit))) for unit in units])


def dress(ax: Any, which: str, name: str, parameter: Parameter) -> None:
    """Label an axis with a parameter's name, and set its log scale or the names of its choices.

    Args:
      ax: Matplotlib axes.
      which: ``x`` or ``y``.
      name: Name of the parameter.
      parameter: Parameter of the axis.
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
    """A user's text as a label for matplotlib, shortened, and escaped so that it is not read as a formula.

    Args:
      text: Any text.
    """
    text = text.replace("\n", " ")
    return (text if len(text) <= 40 else text[:37] + "…").replace("$", r"\$")


def show_range(ax: Any, which: str, values: np.ndarray, margin: float = 0.15) -> None:
    """Limit an axis to the observed values and a margin, so that wide intervals do not compress the rest.

    Args:
      ax: Matplotlib axes.
      which: ``x`` or ``y``.
      values: Finite values.
      margin: Margin as a fraction of the range of the values.
    """
    getattr(ax, f"set_{which}lim")(*widened(float(np.min(values)), float(np.max(values)), margin))


def unit_of(values: Any) -> float:
    """The number that divides the values on an axis: 1, or 1e300 for larger values, which matplotlib cannot draw.

    Args:
      values: Numbers, which need not be finite.
    """
    sizes = np.abs(np.asarray(values, np.float64))
    return 1e300 if np.any((sizes > 1e300) & np.isfinite(sizes)) else 1.0


def in_units(text: str, unit: float) -> str:
    """The label of an axis whose values were divided by a unit."""
    return text if unit == 1 else f"{text}, in units of {unit:g}"


def legend(ax: Any) -> None:
    """Add a small, slightly transparent legend."""
    ax.legend(fontsize="small", framealpha=0.8)


def shown_part(values: np.ndarray, front: np.ndarray, reference: float, is_better_high: bool) -> tuple[float, float]:
    """The range of an axis to show: all values, or only the part around the front.

    A diverged trial has a loss far above all others, next to which the front would shrink to a point. Values worse than
    the front, the reference and nine tenths of the trials are therefore left out, if this shrinks the axis to a fifth.

    Args:
      values: Values of one objective, at least one.
      front: Values of the front.
      reference: Reference of the hypervolume, the worst value that counts.
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
    """True if nine tenths of the values span a factor of more than 30, and all values are positive.

    Args:
      part: Ends of the axis.
      values: Values of one objective.
    """
    return bool(min(values.min(), part[0]) > 0 and part[1] > 30 * np.quantile(values, 0.1, method="lower"))
