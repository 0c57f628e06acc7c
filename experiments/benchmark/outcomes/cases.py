"""The problems with several outcomes: six fronts of functions, three fronts of measured networks, five with limits.

Every outcome of a case is minimised or is feasible up to 0, so that all libraries can be given the same numbers.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import jbo
from experiments.benchmark.real import tables
from experiments.benchmark.real.tasks import grid_space
from jbo import Space, functions

_REFERENCE = 0.9
"""The reference of an objective is this quantile of the table's cells."""


@dataclass(frozen=True)
class Case:
    """One problem."""

    space: Space
    objectives: tuple[str, ...]
    """Names of the minimised outcomes."""
    limits: tuple[str, ...]
    """Names of the outcomes that are feasible up to 0."""
    reference: tuple[float, ...]
    """The worst value of each objective that still counts; empty for one objective."""
    best: float
    """The maximum hypervolume, or the minimum value within the limits."""
    evaluate: Callable[[dict[str, Any]], dict[str, float]]
    """Function from a config to all outcomes, without noise."""

    def outcomes(self) -> list[dict[str, Any]]:
        """The outcomes as plain data, for other processes."""
        references = self.reference or (None,) * len(self.objectives)
        found = [
            {"name": n, "is_limit": False, "reference": r} for n, r in zip(self.objectives, references, strict=True)
        ]
        return found + [{"name": name, "is_limit": True, "reference": None} for name in self.limits]

    def gaps(self, told: list[dict[str, float]]) -> np.ndarray:
        """The gap to the best after each evaluation, at least 0; infinite while no trial is feasible.

        Args:
          told: The observed outcomes of a search in order.
        """
        y = np.array([[row[name] for name in self.objectives] for row in told], float)
        is_feasible = np.array([all(row[name] <= 0 for name in self.limits) for row in told])
        if not self.reference:
            return np.minimum.accumulate(np.where(is_feasible, y[:, 0] - self.best, np.inf)).clip(0)
        volumes = [hypervolume(y[: i + 1][is_feasible[: i + 1]], np.array(self.reference)) for i in range(len(y))]
        return (self.best - np.array(volumes)).clip(0)


def hypervolume(y: np.ndarray, reference: np.ndarray) -> float:
    """Volume dominated by the rows, bounded by the reference and computed by slices along the last column.

    Args:
      y: ``[n, k]``, lower is better.
      reference: ``[k]``.
    """
    y = y[np.all(y < reference, axis=1)]
    if not len(y):
        return 0.0
    if y.shape[1] == 1:
        return float(reference[0] - y.min())
    y = y[np.argsort(y[:, -1], kind="stable")]
    ends = np.append(y[1:, -1], reference[-1])
    if y.shape[1] == 2:
        return float(np.sum((reference[0] - np.minimum.accumulate(y[:, 0])) * (ends - y[:, -1])))
    return sum(
        (end - row[-1]) * hypervolume(y[: i + 1, :-1], reference[:-1])
        for i, (row, end) in enumerate(zip(y, ends, strict=True))
        if end > row[-1]
    )


def _of_problem(problem: functions.ParetoProblem | functions.ConstrainedProblem) -> Case:
    objectives = tuple(o.name for o in problem.outcomes if isinstance(o, jbo.Minimize))
    limits = tuple(o for o in problem.outcomes if isinstance(o, jbo.AtMost | jbo.AtLeast))

    def evaluate(config: dict[str, Any]) -> dict[str, float]:
        values = {name: float(value) for name, value in problem(config).items()}
        for o in limits:
            # The minimisers of `jbo.functions` meet their limits up to this tolerance.
            beyond = values[o.name] - o.limit if isinstance(o, jbo.AtMost) else o.limit - values[o.name]
            values[o.name] = beyond - 1e-9 * abs(o.limit)
        return values

    is_front = isinstance(problem, functions.ParetoProblem)
    return Case(
        problem.space,
        objectives,
        tuple(o.name for o in limits),
        problem.reference if is_front else (),
        problem.hypervolume if is_front else problem.minimum,
        evaluate,
    )


def _of_table(name: str, metrics: tuple[str, str]) -> Case:
    table, space = tables.read_table(name), grid_space(name)
    columns = {metric: np.nanmean(table.values[metric], axis=1) for metric in metrics}
    y = np.stack([100 - v if m == "val_acc" else np.log10(v) for m, v in columns.items()], axis=1)
    reference = np.quantile(y, _REFERENCE, axis=0)

    def evaluate(config: dict[str, Any]) -> dict[str, float]:
        levels = [
            list(p.values if isinstance(p, jbo.Ordinal) else p.choices).index(config[n])  # pyright: ignore
            for n, p in space.items()
        ]
        row = y[np.ravel_multi_index(tuple(levels), table.sizes)]
        return dict(zip(metrics, (float(v) for v in row), strict=True))

    return Case(space, metrics, (), tuple(map(float, reference)), hypervolume(y, reference), evaluate)


_PROBLEMS: dict[str, functions.ParetoProblem | functions.ConstrainedProblem] = {
    "branin_currin": functions.branin_currin,
    "zdt1_6": functions.zdt1(6),
    "zdt2_6": functions.zdt2(6),
    "zdt3_6": functions.zdt3(6),
    "dtlz2_6_3": functions.dtlz2(6, 3),
    "constrained_branin_currin": functions.constrained_branin_currin,
    "gramacy": functions.gramacy,
    "tension_spring": functions.tension_spring,
    "welded_beam": functions.welded_beam,
    "pressure_vessel": functions.pressure_vessel,
    "speed_reducer": functions.speed_reducer,
}

_TABLES = {
    "protein_loss_time": ("hpolib/protein_structure", ("val_loss", "train_time")),
    "slice_loss_size": ("hpolib/slice_localization", ("val_loss", "model_size")),
    "nas_error_latency": ("nasbench201/cifar10", ("val_acc", "latency")),
}

GROUPS = {
    "fronts": ("branin_currin", "zdt1_6", "zdt2_6", "zdt3_6", "dtlz2_6_3", "constrained_branin_currin"),
    "networks": tuple(_TABLES),
    "limits": ("gramacy", "tension_spring", "welded_beam", "pressure_vessel", "speed_reducer"),
}
"""The names of all cases by group."""


@functools.cache
def case(name: str) -> Case:
    """The case with a given name.

    Args:
      name: A name in `GROUPS`.

    Raises:
      KeyError: No case has this name.
      FileNotFoundError: The case needs a table, and ``make tables`` has not run.
    """
    return _of_table(*_TABLES[name]) if name in _TABLES else _of_problem(_PROBLEMS[name])
