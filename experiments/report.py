"""Output of an experiment: a JSON file and a table."""

import importlib.metadata
import json
import os
import platform
from pathlib import Path
from typing import Any

from rich.table import Table

import jbo
from experiments.task import Score


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that affect the results."""
    names = ("jax", "jaxlib", "flax", "optax", "numpy", "scipy", "scikit-learn", "babel", "sacrebleu")
    return {"jbo": jbo.__version__, "python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in names
    }


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file atomically."""
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(content, indent=2) + "\n")
    os.replace(draft, path)


def comparison_table(
    default: dict[str, Any],
    recommended: dict[str, Any],
    scores: dict[str, tuple[Score, Score]],
    loss_name: str,
    metric_name: str,
) -> Table:
    """A table of the two configurations and their scores.

    Args:
      default: Configuration without a search.
      recommended: Configuration that the search recommends.
      scores: From the name of a measurement to the scores of the default and of the recommended configuration; losses
        are shown for the first, metrics for all.
      loss_name: Name of the loss of the first measurement.
      metric_name: Name of the metric.
    """
    table = Table("", "default", "recommended")
    for name in dict.fromkeys([*default, *recommended]):
        table.add_row(name, _text(default.get(name)), _text(recommended.get(name)))
    table.add_section()
    losses = next(iter(scores.values()))
    table.add_row(loss_name, *(f"{score.loss:.4f}" for score in losses))
    for name, pair in scores.items():
        table.add_row(f"{name} {metric_name}", *(f"{score.metric:.4f}" for score in pair))
    return table


def _text(value: Any) -> str:
    """A value of a configuration as text; a dash for a parameter that does not exist in it."""
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
