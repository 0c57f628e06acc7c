"""Calls of the objective in this thread or by the user's executor."""

import pickle
import re
import time
import uuid
from collections.abc import Hashable
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from queue import SimpleQueue
from typing import Any

from jbo.outcomes import Outcomes
from jbo.study._evaluation import (
    BatchObjective,
    CannotBeSent,
    Evaluation,
    Objective,
    Portable,
    Reporter,
    evaluate,
    evaluate_batch,
)

_SECONDS_OF_DOUBT = 0.5
"""Seconds to wait after a worker has died, in case a signal is about to end all processes of the job."""


class Workers:
    """Base class of everything that calls an objective, one or several trials at a time."""

    num = 1
    """Maximum number of simultaneous calls."""

    def start(self, config: dict[str, Any], report: Reporter | None) -> Hashable:
        """Begin a call of the objective; returns the handle that `wait` reports.

        Args:
          config: A dict from the name of each parameter to its value.
          report: The argument ``report`` of the objective; None if the objective has no such parameter.
        """
        raise NotImplementedError

    def wait(self) -> list[tuple[Hashable, Evaluation]]:
        """Ended calls; waits until there is at least one. Raises errors that the objective did not cause."""
        raise NotImplementedError


class Here(Workers):
    """Calls in this thread, one at a time."""

    def __init__(self, objective: Objective, outcomes: Outcomes):
        self._objective, self._outcomes = objective, outcomes
        self._ended: list[tuple[Hashable, Evaluation]] = []

    def start(self, config: dict[str, Any], report: Reporter | None) -> Hashable:
        call = object()
        self._ended.append((call, evaluate(self._objective, config, self._outcomes, report)))
        return call

    def wait(self) -> list[tuple[Hashable, Evaluation]]:
        ended, self._ended = self._ended, []
        return ended


class Batches(Workers):
    """Calls in this thread, with all configurations of a batch in one call."""

    def __init__(self, objective: BatchObjective, outcomes: Outcomes, num: int):
        self.num = num
        self._objective, self._outcomes = objective, outcomes
        self._waiting: list[tuple[Hashable, dict[str, Any], Reporter | None]] = []

    def start(self, config: dict[str, Any], report: Reporter | None) -> Hashable:
        call = object()
        self._waiting.append((call, config, report))
        return call

    def wait(self) -> list[tuple[Hashable, Evaluation]]:
        waiting, self._waiting = self._waiting, []
        calls, configs, reports = zip(*waiting, strict=True)
        given = [report for report in reports if report is not None]
        evaluations = evaluate_batch(self._objective, configs, self._outcomes, given or None)
        return list(zip(calls, evaluations, strict=True))


class Foreign(Workers):
    """Calls by the user's executor."""

    def __init__(self, executor: Executor, objective: Objective, outcomes: Outcomes, num: int):
        from concurrent.futures import ProcessPoolExecutor  # this imports multiprocessing

        self.num = num
        self._executor, self._objective = executor, Portable(objective, outcomes)
        if isinstance(executor, ProcessPoolExecutor):
            # Check first that calls can be sent: with unsent calls its shutdown may wait for ever (CPython 3.11).
            _ = self._objective.sent
        self._running: set[Future[Evaluation]] = set()
        self._done: SimpleQueue[Future[Evaluation]] = SimpleQueue()

    def start(self, config: dict[str, Any], report: Reporter | None) -> Hashable:
        try:
            # Dask treats equal arguments as one call with one result, but a repeated trial is a new call.
            call = self._executor.submit(self._objective, config, report, uuid.uuid4().hex)
        except BrokenExecutor as error:
            raise BrokenExecutor(
                "executor: one of its processes died, so that it accepts no more calls; no result is "
                "lost, and the same call of optimize with a new executor continues"
            ) from error
        self._running.add(call)
        call.add_done_callback(self._done.put)
        return call

    def wait(self) -> list[tuple[Hashable, Evaluation]]:
        # Not `concurrent.futures.wait`, which misses calls that an executor cancels when it is shut down.
        done = [self._done.get()]
        while not self._done.empty():
            done.append(self._done.get())
        self._running.difference_update(done)
        return [(call, self._evaluation(call)) for call in done]

    def _evaluation(self, call: "Future[Evaluation]") -> Evaluation:
        try:
            return call.result()
        except (CancelledError, CannotBeSent):
            raise
        except pickle.PicklingError as error:
            raise TypeError(f"executor: it cannot send the objective: {error.__cause__ or error}") from error
        except BrokenExecutor as error:
            return died(error)
        except Exception as error:  # an error of the executor: evaluate has caught those of the objective
            return Evaluation(failure=f"the executor lost the trial: {type(error).__name__}: {error}")

    def __enter__(self) -> "Foreign":
        return self

    def __exit__(self, *_: object) -> None:
        for call in self._running:
            call.cancel()


def died(error: BrokenExecutor) -> Evaluation:
    """The failure of a trial whose process died.

    Args:
      error: Error of the executor.
    """
    time.sleep(_SECONDS_OF_DOUBT)  # if the whole job is being ended, its trials return to the queue instead
    codes = re.search(r"exit codes of the workers are \{(.*)\}", str(error))
    why = (codes[1] if codes else str(error)) or "its exit code is unknown"
    return Evaluation(failure=f"the worker process died before the objective returned: {why}")
