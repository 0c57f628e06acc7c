"""The course of a study as a picture."""

from pathlib import Path

from matplotlib.figure import Figure

import jbo
from jbo import plots
from jbo.diagnostics import Searched

_GREEN = "#009E73"  # Okabe and Ito: told apart by colour-blind readers


def trajectory_figure(study: Searched, recommended: jbo.Trial, loss_name: str) -> Figure:
    """The trajectory of a study, the recommended trial circled.

    Args:
      study: With a trial that ended.
      recommended: The trial to circle.
      loss_name: Label of the vertical axis, which is logarithmic if all values are positive.
    """
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = plots.trajectory(study, label=loss_name, ax=figure.add_subplot())
    ring = {"facecolors": "none", "edgecolors": _GREEN, "linewidths": 1.8}
    axes.scatter([recommended.number], [recommended.value], s=150, label="recommended", **ring)
    if all(trial.value > 0 for trial in study.trials if trial.value is not None):
        axes.set_yscale("log")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a picture as PNG, 150 dots per inch."""
    figure.savefig(path, dpi=150)
