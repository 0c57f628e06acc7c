"""The user's function of a row, as a study's objective of a config."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jbo.compat.gpyopt._rows import Columns, Row


@dataclass(frozen=True)
class Objective:
    """Calls a function with one row that also answers to names, and takes an array of one number for the number."""

    function: Callable[[Row], Any]
    columns: Columns

    def __call__(self, config: Mapping[str, Any]) -> Any:
        """The value of the function; an array of several numbers is unchanged, so that the study raises an error."""
        value = self.function(Row([self.columns.to_row(config)], config))
        if isinstance(value, list | tuple):
            value = np.asarray(value)
        return value.reshape(()) if getattr(value, "size", None) == 1 and hasattr(value, "reshape") else value


class ObjectiveOfRows:
    """GPyOpt's ``Objective``: a class of your own with an ``evaluate``."""

    def evaluate(self, x: Any) -> Any:
        """Values ``(n, 1)`` and costs of rows.

        Args:
          x: The rows.

        Raises:
          NotImplementedError: A subclass has none.
        """
        raise NotImplementedError


class SingleObjective(ObjectiveOfRows):
    """A function of one row with its name and options.

    Args:
      func: Function of one row ``(1, k)`` that returns a number, or an array of one number.
      num_cores: Evaluations at the same time, as in `methods.BayesianOptimization`.
      objective_name: For the report.
      batch_type: ``synchronous``; another value is refused.
      space: Accepted as in GPyOpt.

    Raises:
      ValueError: The type of batches is another.
    """

    def __init__(
        self,
        func: Callable[[Any], Any],
        num_cores: Any = 1,
        objective_name: str = "no_name",
        batch_type: str = "synchronous",
        space: Any = None,
    ):
        if batch_type != "synchronous":
            raise ValueError(f"batch_type: expected 'synchronous', got {batch_type!r}")
        if not isinstance(num_cores, int | np.integer):  # in old code the space stands here
            num_cores, space = 1, num_cores
        self.func, self.n_procs, self.num_cores = func, int(num_cores), int(num_cores)
        self.objective_name, self.space, self.num_evaluations = objective_name, space, 0

    def evaluate(self, x: Any) -> tuple[np.ndarray, list[float]]:
        """Values ``(n, 1)`` of rows, and the seconds that each took.

        Args:
          x: The rows.
        """
        values, seconds = [], []
        for row in np.atleast_2d(x):
            started = time.time()
            values.append(float(np.asarray(self.func(np.atleast_2d(row))).reshape(())))
            seconds.append(time.time() - started)
        self.num_evaluations += len(values)
        return np.array(values).reshape(-1, 1), seconds


@dataclass(frozen=True)
class Evaluated:
    """The values of an objective that has only ``evaluate``, as a function of a row."""

    objective: Any

    def __call__(self, row: Any) -> Any:
        """The value at one row."""
        found = self.objective.evaluate(np.asarray(row))
        return found[0] if isinstance(found, tuple) else found
