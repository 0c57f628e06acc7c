"""The course of a study as a picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

import jbo

_BLUE, _ORANGE, _GREEN = "#0072B2", "#D55E00", "#009E73"  # Okabe and Ito: told apart by colour-blind readers


def trajectory_figure(trials: Sequence[jbo.Trial], recommended: jbo.Trial, loss_name: str) -> Figure:
    """Each trial, the best value so far as a step line, failed trials as crosses, the recommended one circled.

    Args:
      trials: Of a study that minimises, by number; pending ones are left out.
      recommended: The trial to circle.
      loss_name: Label of the vertical axis, which is logarithmic if all values are positive.
    """
    finished = [trial for trial in trials if trial.status != "pending"]
    numbers = np.array([trial.number for trial in finished])
    values = np.array([np.nan if trial.value is None else trial.value for trial in finished])
    failed = np.array([trial.status == "failed" for trial in finished])

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(numbers, values, "o", color=_BLUE, alpha=0.7, markersize=5, label="trial")
    axes.step(numbers, np.fmin.accumulate(values), where="post", color=_ORANGE, label="best so far")
    if failed.any():
        top = np.full(failed.sum(), 0.97)
        axes.plot(numbers[failed], top, "x", color="black", transform=axes.get_xaxis_transform(), label="failed")
    circled = numbers == recommended.number
    ring = {"facecolors": "none", "edgecolors": _GREEN, "linewidths": 1.8}
    axes.scatter(numbers[circled], values[circled], s=150, label="recommended", **ring)
    if np.all(values[np.isfinite(values)] > 0):
        axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("trial")
    axes.set_ylabel(loss_name)
    axes.grid(alpha=0.25)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a picture as PNG, 150 dots per inch."""
    figure.savefig(path, dpi=150)
