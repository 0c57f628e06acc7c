"""Calling the objective: here, in processes that start afresh and are never forked, or by an executor of the user's."""

import math
import os
import pickle
import re
import threading
import time
import uuid
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import Any

from jbo.study._evaluation import (
    BatchObjective,
    CannotBeSent,
    Evaluation,
    Objective,
    Portable,
    Reporter,
    Sent,
    evaluate,
    evaluate_batch,
)
from jbo.study._worker_process import Settings, begin, current_settings, end_within, evaluate_once, load
from jbo.study.value import as_count

_SECONDS_TO_END = 30.0
"""How long a worker may take to end after its last trial; threads that the objective left may never end."""
_SECONDS_OF_DOUBT = 0.5
"""How long after the death of a worker a signal that ends all processes of a job may reach this one."""
_NUMBERS_OF_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_SHARES_OF_MEMORY = ("XLA_CLIENT_MEM_FRACTION", "XLA_PYTHON_CLIENT_MEM_FRACTION", "XLA_PYTHON_CLIENT_ALLOCATOR")


class Workers:
    """Whatever calls an objective, several times at once or not."""

    num = 1
    """How many calls may be under way at the same time."""

    def start(self, config: dict[str, Any], report: Reporter | None) -> Hashable:
        """Begin a call; what stands for it in `wait`.

        Args:
          config: Values by name.
          report: What the objective is given as ``report``; None: it takes none.
        """
        raise NotImplementedError

    def wait(self) -> list[tuple[Hashable, Evaluation]]:
        """Calls that have ended, one at least; waits for it. Raises what is no fault of the objective."""
        raise NotImplementedError


@contextmanager
def workers_of(
    objective: Callable[[Any], Any],
    num_workers: int,
    executor: Executor | None,
    timeout: float | None,
    batch: int | None,
) -> Iterator[Workers]:
    """What calls the objective; none of it is left running after the block, but for threads.

    Args:
      objective: What is called.
      num_workers: How many calls may be under way at the same time.
      executor: Calls it; None: this thread, or processes of our own if there are several workers or a timeout.
      timeout: Seconds after which a call is ended with its process; None: never.
      batch: How many configurations the objective takes at once, in this thread; None: one, not in a list.

    Raises:
      ImportError: loky is not installed and needed.
      TypeError: The objective cannot be sent to another process.
    """
    if batch is not None:
        yield _Batches(objective, batch)
    elif executor is not None:
        with _Foreign(executor, objective, num_workers) as workers:
            yield workers
    elif num_workers > 1 or timeout is not None:
        with _Processes(objective, num_workers, timeout) as workers:
            yield workers
    else:
        yield _Here(objective)


def check_settings(
    workers: int | None,
    executor: Executor | None,
    timeout: float | None,
    retries: int,
    max_failures: int | None,
    batch: int | None,
) -> int:
    """How many calls may be under way at the same time; `ValueError` for settings that make no sense.

    Args:
      workers: As in `Study.optimize`.
      executor: As in `Study.optimize`.
      timeout: As in `Study.optimize`.
      retries: As in `Study.optimize`.
      max_failures: As in `Study.optimize`.
      batch: As in `Study.optimize`.
    """
    if batch is not None and not (workers is None and executor is None and timeout is None):
        raise ValueError("batch: expected none beside workers, an executor or a timeout, got both")
    if workers is None and executor is not None:
        raise ValueError("workers: expected how many trials the executor runs at the same time, got none")
    num = 1 if workers is None else workers
    for name, number, least in (
        ("workers", num, 1),
        ("retries", retries, 0),
        ("max_failures", max_failures, 0),
        ("batch", batch, 1),
    ):
        if number is not None:
            as_count(name, number, least)
    if timeout is not None and not 0 < timeout <= threading.TIMEOUT_MAX:
        raise ValueError(f"timeout: expected seconds above 0, got {timeout!r}")
    if timeout is not None and executor is not None:
        raise ValueError(
            "timeout: expected none beside an executor, whose processes are not ours to end; leave one out"
        )
    return num


class _Here(Workers):
    """This thread."""

    def __init__(self, objective: Objective):
        self._objective = objective
        self._ended: list[tuple[Hashable, Evaluation]] = []

    def start(self, config: dict[str, Any], report: Reporter | None) -> Hashable:
        call = object()
        self._ended.append((call, evaluate(self._objective, config, report)))
        return call

    def wait(self) -> list[tuple[Hashable, Evaluation]]:
        ended, self._ended = self._ended, []
        return ended


class _Batches(Workers):
    """This thread, all configurations of a round in one call."""

    def __init__(self, objective: BatchObjective, num: int):
        self.num = num
        self._objective = objective
        self._waiting: list[tuple[Hashable, dict[str, Any], Reporter | None]] = []

    def start(self, config: dict[str, Any], report: Reporter | None) -> Hashable:
        call = object()
        self._waiting.append((call, config, report))
        return call

    def wait(self) -> list[tuple[Hashable, Evaluation]]:
        waiting, self._waiting = self._waiting, []
        calls, configs, reports = zip(*waiting, strict=True)
        given = [report for report in reports if report is not None]
        return list(zip(calls, evaluate_batch(self._objective, configs, given or None), strict=True))


class _Foreign(Workers):
    """An executor of the user's."""

    def __init__(self, executor: Executor, objective: Objective, num: int):
        from concurrent.futures import ProcessPoolExecutor  # its import is that of multiprocessing

        self.num = num
        self._executor, self._objective = executor, Portable(objective)
        if isinstance(executor, ProcessPoolExecutor):
            # Its shutdown may wait for ever (CPython 3.11) for calls that could not be sent: none shall be begun.
            _ = self._objective.sent
        self._running: set[Future[Evaluation]] = set()
        self._done: SimpleQueue[Future[Evaluation]] = SimpleQueue()

    def start(self, config: dict[str, Any], report: Reporter | None) -> Hashable:
        try:
            # Dask takes equal arguments for one call with one result; a trial that is run again is another call.
            call = self._executor.submit(self._objective, config, report, uuid.uuid4().hex)
        except BrokenExecutor as error:
            raise BrokenExecutor(
                "executor: one of its processes died and it takes no calls any more; nothing is lost, the same call of "
                "optimize with a new one goes on"
            ) from error
        self._running.add(call)
        call.add_done_callback(self._done.put)
        return call

    def wait(self) -> list[tuple[Hashable, Evaluation]]:
        # Not by `concurrent.futures.wait`, which misses what an executor cancels as it is shut down.
        done = [self._done.get()]
        while not self._done.empty():
            done.append(self._done.get())
        self._running.difference_update(done)
        return [(call, self._outcome(call)) for call in done]

    def _outcome(self, call: "Future[Evaluation]") -> Evaluation:
        try:
            return call.result()
        except (CancelledError, CannotBeSent):
            raise
        except pickle.PicklingError as error:
            raise TypeError(f"executor: it cannot send the objective: {error.__cause__ or error}") from error
        except BrokenExecutor as error:
            return _died(error)
        except Exception as error:  # of the executor: evaluate has caught those of the objective
            return Evaluation(failure=f"the executor lost the trial: {type(error).__name__}: {error}")

    def __enter__(self) -> "_Foreign":
        return self

    def __exit__(self, *_: object) -> None:
        for call in self._running:
            call.cancel()


class _Process:
    """One process, started with its first call, that loads the objective once."""

    def __init__(self, objective: Sent, num: int, settings: Settings):
        from loky import ProcessPoolExecutor

        # A pool for each process: when one dies, its pool is broken and no other call is lost.
        self._pool = ProcessPoolExecutor(1, initializer=begin, initargs=(settings,), env=_environment(num))
        self._objective = objective
        self._began = self._loaded = self._ended = math.inf
        self.loading: Future[None] | None = None
        self.call: Future[Evaluation] | None = None

    def start(self, config: dict[str, Any], report: Reporter | None) -> "Future[Evaluation]":
        """Begin a call; raises `RuntimeError` if the process has ended."""
        if self.loading is None:
            self.loading = self._pool.submit(load, self._objective)
            self.loading.add_done_callback(lambda _: setattr(self, "_loaded", time.monotonic()))
        self._began, self._ended = time.monotonic(), math.inf
        self.call = self._pool.submit(evaluate_once, self._objective, config, report)
        self.call.add_done_callback(lambda _: setattr(self, "_ended", time.monotonic()))
        return self.call

    @property
    def seconds(self) -> float:
        """How long the latest call has taken or took, without the time until the process had the objective."""
        return max(min(time.monotonic(), self._ended) - max(self._began, self._loaded), 0.0)

    def end(self, kill: bool) -> None:
        """End the process: at once, or when the threads and children that the objective left have ended."""
        if not kill and self.loading is not None:
            with suppress(RuntimeError):  # it died or was killed
                self._pool.submit(end_within, _SECONDS_TO_END)
        self._pool.shutdown(kill_workers=kill)


class _Processes(Workers):
    """Processes of our own, by loky."""

    def __init__(self, objective: Objective, num: int, timeout: float | None):
        try:
            import cloudpickle  # noqa: F401
            import loky  # noqa: F401
        except ImportError as error:
            raise ImportError("workers: more than one, and a timeout, need loky; pip install jbo[parallel]") from error
        self.num = num
        self._timeout = timeout
        self._objective = Portable(objective).sent
        self._settings = current_settings()
        self._processes = [self._new() for _ in range(num)]

    def start(self, config: dict[str, Any], report: Reporter | None) -> Hashable:
        free = next(i for i, process in enumerate(self._processes) if process.call is None)
        try:
            return self._processes[free].start(config, report)
        except RuntimeError:  # it died or was killed
            self._processes[free] = self._new()
            return self._processes[free].start(config, report)

    def wait(self) -> list[tuple[Hashable, Evaluation]]:
        ended: list[tuple[Hashable, Evaluation]] = []
        while not ended:
            busy = [i for i, process in enumerate(self._processes) if process.call is not None]
            futures: set[Any] = {self._processes[i].call for i in busy}
            seconds_left = None
            if self._timeout is not None:
                loading = {self._processes[i].loading for i in busy}
                futures |= {future for future in loading if future is not None and not future.done()}
                seconds_left = max(self._timeout - max(self._processes[i].seconds for i in busy), 0.0) + 1e-3
            wait(futures, seconds_left, FIRST_COMPLETED)
            for i in busy:
                process, call = self._processes[i], self._processes[i].call
                assert call is not None
                if self._timeout is not None and process.seconds > self._timeout:  # what came afterwards is too late
                    process.end(kill=True)
                    ended.append((call, Evaluation(failure=f"it took longer than the timeout of {self._timeout:g} s")))
                elif call.done():
                    ended.append((call, self._outcome(call)))
                else:
                    continue
                process.call = None
        return ended

    def _new(self) -> _Process:
        return _Process(self._objective, self.num, self._settings)

    def _outcome(self, call: "Future[Evaluation]") -> Evaluation:
        try:
            return call.result()
        except BrokenExecutor as error:
            return _died(error)

    def __enter__(self) -> "_Processes":
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        ends = [threading.Thread(target=process.end, args=(error is not None,)) for process in self._processes]
        for end in ends:
            end.start()
        for end in ends:
            end.join()


def _died(error: BrokenExecutor) -> Evaluation:
    """The failure of a trial whose process died."""
    time.sleep(_SECONDS_OF_DOUBT)  # if the whole job is being ended, its trials are given back
    codes = re.search(r"exit codes of the workers are \{(.*)\}", str(error))
    why = (codes[1] if codes else str(error)) or "its exit code is unknown"
    return Evaluation(failure=f"the worker process died before the objective returned: {why}")


def _environment(num: int) -> dict[str, str]:
    """Environment of one of ``num`` processes, in which each has its share; what is set already stays."""
    # Loky would restart a process that has grown by 300 MB, as each does that compiles programs with JAX.
    own = {} if os.environ.get("LOKY_MAX_MEMORY_LEAK_SIZE") else {"LOKY_MAX_MEMORY_LEAK_SIZE": "1e18"}
    if num == 1:
        return own
    from loky import cpu_count

    # Linear algebra starts a thread for each core, and threads that are more than the cores wait for each other.
    own |= {name: str(max(cpu_count() // num, 1)) for name in _NUMBERS_OF_THREADS if not os.environ.get(name)}
    # JAX takes three quarters of an accelerator's memory at its first use, unless it is told otherwise. The process
    # that asks may have done so: what a worker does not need is not taken.
    if not any(os.environ.get(name) for name in _SHARES_OF_MEMORY):
        own["XLA_CLIENT_MEM_FRACTION"] = f"{0.75 / num:.3f}"
        if not os.environ.get("XLA_PYTHON_CLIENT_PREALLOCATE"):
            own["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    return own
