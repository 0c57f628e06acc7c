"""Calling the objective, here or in processes that start afresh, are never forked, and end with the one that asks."""

import os
import pickle
import re
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Future
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

from jbo.study._value import as_number

Objective = Callable[[dict[str, Any]], Any]


class Evaluation(NamedTuple):
    """What came of calling an objective once; one of the three is there."""

    value: float | None = None
    """The number that it returned."""
    failure: str | None = None
    """Why there is none: the traceback of an exception, or how its process ended."""
    no_number: str | None = None
    """What it returned in place of a number, in words."""


def evaluate(objective: Objective, config: dict[str, Any]) -> Evaluation:
    """What comes of an objective at a configuration. `SystemExit` and `KeyboardInterrupt` pass."""
    try:
        value = objective(config)
    except Exception:
        return Evaluation(failure=traceback.format_exc())
    try:
        return Evaluation(as_number(value))
    except TypeError as error:
        return Evaluation(no_number=str(error))


def outcome(future: "Future[Evaluation]") -> Evaluation:
    """What came of a call that `processes` started and that is done; raises what is no fault of the objective."""
    try:
        return future.result()
    except BrokenExecutor as error:
        codes = re.search(r"exit codes of the workers are \{(.*)\}", str(error))
        return Evaluation(
            failure=f"the worker process died before the objective returned: {codes[1] if codes else error}"
        )


@contextmanager
def processes(objective: Objective, num_workers: int) -> Iterator[Callable[[dict[str, Any]], "Future[Evaluation]"]]:
    """A function that has the objective called at a configuration in another process, and returns at once.

    The processes end with the block; where it ends by an exception, those at work are killed.

    Args:
      objective: Lambdas and functions of the main script are sent as they are, others by their name; each process
        receives it once, so that what it has compiled is kept.
      num_workers: How many calls may be under way at the same time.

    Raises:
      ImportError: loky is not installed.
      TypeError: The objective cannot be sent to another process.
    """
    try:
        import cloudpickle
        from loky import ProcessPoolExecutor
    except ImportError as error:
        raise ImportError("workers: more than one needs loky; pip install jbo[parallel]") from error
    try:
        text = cloudpickle.dumps(objective)
    except Exception as error:
        raise TypeError(f"workers: the objective cannot be sent to another process: {error}") from error

    def new_pool() -> Any:
        return ProcessPoolExecutor(1, initializer=_begin, initargs=(os.getpid(),))

    # A pool for each process: when one dies, its pool is broken and no other call is lost.
    pools = [new_pool() for _ in range(num_workers)]
    calls: list[Future[Evaluation] | None] = [None] * num_workers

    def start(config: dict[str, Any]) -> "Future[Evaluation]":
        free = next(i for i, call in enumerate(calls) if call is None or call.done())
        try:
            call = pools[free].submit(_evaluate_there, text, config)
        except BrokenExecutor:
            pools[free] = new_pool()
            call = pools[free].submit(_evaluate_there, text, config)
        calls[free] = call
        return call

    kill = True
    try:
        yield start
        kill = False
    finally:
        for pool in pools:
            pool.shutdown(kill_workers=kill)


def _evaluate_there(text: bytes, config: dict[str, Any]) -> Evaluation:
    return evaluate(_received(text), config)


@lru_cache(maxsize=1)
def _received(text: bytes) -> Objective:
    return pickle.loads(text)


def _begin(parent: int) -> None:
    """What a new process does first."""
    # Ctrl-C in a terminal reaches all processes: the one that asks ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process once the one that started it is gone, however it went: its trials will be run again."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
