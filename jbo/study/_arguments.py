"""The arguments of `Study.optimize`: their checks, and the workers that they select."""

import functools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ParamSpec, TypeVar

from jbo.outcomes import Outcomes
from jbo.study._processes import Processes
from jbo.study._pruner import Pruner
from jbo.study._report import takes_report
from jbo.study._stop import Stop
from jbo.study._trial import Trial
from jbo.study._workers import Batches, Foreign, Here, Workers
from jbo.study.value import as_count

_P = ParamSpec("_P")
_R = TypeVar("_R")


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """The arguments of `Study.optimize`."""

    objective: Any
    num_trials: Any
    batch: int | None
    workers: int | None
    executor: Executor | None
    timeout: float | None
    retries: int
    max_failures: int | None
    stop: Stop | Callable[[Trial], bool] | None
    on_trial_end: Callable[[Trial], object] | None
    pruner: Pruner | None
    progress: bool | None
    stop_on_repeated_error: bool

    def check(self) -> None:
        """Raise an error for invalid arguments.

        Raises:
          TypeError: The objective is not a function.
          ValueError: A number is below its minimum, or two arguments contradict each other.
        """
        if not callable(self.objective):
            raise TypeError(f"objective: expected a function of a configuration, got {self.objective!r}")
        as_count("num_trials", self.num_trials, 0)
        if self.batch is not None and not (self.workers is None and self.executor is None and self.timeout is None):
            raise ValueError(f"batch: expected None with workers, an executor or a timeout, got {self.batch!r}")
        if self.workers is None and self.executor is not None:
            raise ValueError("workers: expected the number of trials that the executor runs at the same time, got None")
        for name, number, least in (
            ("workers", self.workers, 1),
            ("retries", self.retries, 0),
            ("max_failures", self.max_failures, 0),
            ("batch", self.batch, 1),
        ):
            if number is not None:
                as_count(name, number, least)
        if self.timeout is not None and not 0 < self.timeout <= threading.TIMEOUT_MAX:
            raise ValueError(f"timeout: expected a number of seconds above 0, got {self.timeout!r}")
        if self.timeout is not None and self.executor is not None:
            raise ValueError(
                "timeout: expected None with an executor, because jbo cannot end the processes of an executor, got "
                f"{self.timeout!r}"
            )
        if self.pruner is not None and not self.has_report:
            raise ValueError("pruner: expected an objective with a parameter `report`, got one without")

    @cached_property
    def has_report(self) -> bool:
        """True if the objective has a parameter ``report``."""
        return takes_report(self.objective)


_ELSEWHERE = {
    "n_trials": "num_trials, which counts the trials of earlier calls too",
    **dict.fromkeys(("n_calls", "n_iter", "max_iter", "max_evals"), "num_trials"),
    "n_jobs": "workers",
    "batch_size": "batch",
    "callbacks": "on_trial_end",
    "callback": "on_trial_end",
    "show_progress_bar": "progress",
}
"""Arguments by the names that other libraries give them, and what they are called here."""


def knows_names_of_others(method: Callable[_P, _R]) -> Callable[_P, _R]:
    """The method, which refuses an argument's name in another library by a `TypeError` with the name in jbo.

    Args:
      method: `Study.optimize`.
    """

    @functools.wraps(method)
    def checked(*args: _P.args, **options: _P.kwargs) -> _R:
        for name in options:
            if name in _ELSEWHERE:
                raise TypeError(f"{name}: {method.__name__} has no such argument; it is called {_ELSEWHERE[name]}")
        return method(*args, **options)

    return checked


@contextmanager
def workers_of(arguments: Arguments, outcomes: Outcomes) -> Iterator[Workers]:
    """Context manager of the workers that call the objective. After the block only threads may still run.

    Args:
      arguments: Checked arguments.
      outcomes: Outcomes that the objective returns.

    Raises:
      ImportError: loky is needed and not installed.
      TypeError: The objective cannot be sent to another process.
    """
    objective, num = arguments.objective, arguments.workers or 1
    if arguments.batch is not None:
        yield Batches(objective, outcomes, arguments.batch)
    elif arguments.executor is not None:
        with Foreign(arguments.executor, objective, outcomes, num) as workers:
            yield workers
    elif num > 1 or arguments.timeout is not None:
        with Processes(objective, outcomes, num, arguments.timeout) as workers:
            yield workers
    else:
        yield Here(objective, outcomes)
