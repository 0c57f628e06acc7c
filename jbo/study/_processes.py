"""Calling the objective in processes that start afresh and are never forked, by loky."""

import math
import os
import threading
import time
from collections.abc import Hashable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import suppress
from typing import Any

from jbo.outcomes import Outcomes
from jbo.study._evaluation import Evaluation, Objective, Portable, Reporter, Sent
from jbo.study._worker_process import Settings, begin, current_settings, end_within, evaluate_once, load
from jbo.study._workers import Workers, died

_SECONDS_TO_END = 30.0
"""How long a worker may take to end after its last trial; threads that the objective left may never end."""
_NUMBERS_OF_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_SHARES_OF_MEMORY = ("XLA_CLIENT_MEM_FRACTION", "XLA_PYTHON_CLIENT_MEM_FRACTION", "XLA_PYTHON_CLIENT_ALLOCATOR")


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


class Processes(Workers):
    """Processes of our own, by loky."""

    def __init__(self, objective: Objective, outcomes: Outcomes, num: int, timeout: float | None):
        try:
            import cloudpickle  # noqa: F401
            import loky  # noqa: F401
        except ImportError as error:
            raise ImportError("workers: more than one, and a timeout, need loky; pip install jbo[parallel]") from error
        self.num = num
        self._timeout = timeout
        self._objective = Portable(objective, outcomes).sent
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
            return died(error)

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        ends = [threading.Thread(target=process.end, args=(error is not None,)) for process in self._processes]
        for end in ends:
            end.start()
        for end in ends:
            end.join()


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
