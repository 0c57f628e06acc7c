"""Calls of the objective in new processes, which are never forked, by loky."""

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
"""Seconds that a worker may take to end after its last trial. Threads left by the objective may never end."""
_NUMBERS_OF_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_SHARES_OF_MEMORY = ("XLA_CLIENT_MEM_FRACTION", "XLA_PYTHON_CLIENT_MEM_FRACTION", "XLA_PYTHON_CLIENT_ALLOCATOR")


class _Process:
    """A process that starts with its first call and loads the objective only once."""

    def __init__(self, objective: Sent, num: int, settings: Settings):
        from loky import ProcessPoolExecutor

        # A pool for each process: if a process dies, only its own pool is broken, and no other call is lost.
        self._pool = ProcessPoolExecutor(1, initializer=begin, initargs=(settings,), env=_environment(num))
        self._objective = objective
        self._began = self._loaded = self._ended = math.inf
        self.loading: Future[None] | None = None
        self.call: Future[Evaluation] | None = None

    def start(self, config: dict[str, Any], report: Reporter | None) -> "Future[Evaluation]":
        """Start a call; raises `RuntimeError` if the process has ended."""
        if self.loading is None:
            self.loading = self._pool.submit(load, self._objective)
            self.loading.add_done_callback(lambda _: setattr(self, "_loaded", time.monotonic()))
        self._began, self._ended = time.monotonic(), math.inf
        self.call = self._pool.submit(evaluate_once, self._objective, config, report)
        self.call.add_done_callback(lambda _: setattr(self, "_ended", time.monotonic()))
        return self.call

    @property
    def seconds(self) -> float:
        """Duration of the latest call so far in seconds, without the time to load the objective."""
        return max(min(time.monotonic(), self._ended) - max(self._began, self._loaded), 0.0)

    def end(self, kill: bool) -> None:
        """End the process: at once, or when the threads and child processes of the objective have ended."""
        if not kill and self.loading is not None:
            with suppress(RuntimeError):  # it died or was killed
                self._pool.submit(end_within, _SECONDS_TO_END)
        self._pool.shutdown(kill_workers=kill)


class Processes(Workers):
    """Workers in separate processes, by loky."""

    def __init__(self, objective: Objective, outcomes: Outcomes, num: int, timeout: float | None):
        try:
            import cloudpickle  # noqa: F401
            import loky  # noqa: F401
        except ImportError as error:
            raise ImportError(
                "workers: more than one worker, or a timeout, needs loky; pip install jbo[parallel]"
            ) from error
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
                if self._timeout is not None and process.seconds > self._timeout:  # a result after it is too late
                    process.end(kill=True)
                    ended.append((call, Evaluation(failure=f"it took longer than the timeout of {self._timeout:g} s")))
                elif call.done():
                    ended.append((call, self._evaluation(call)))
                else:
                    continue
                process.call = None
        return ended

    def _new(self) -> _Process:
        return _Process(self._objective, self.num, self._settings)

    def _evaluation(self, call: "Future[Evaluation]") -> Evaluation:
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
    """Environment of one of ``num`` processes, with its share of cores and memory. Variables that are set are kept."""
    # Loky would restart a process that has grown by 300 MB, and each process that compiles JAX programs does.
    own = {} if os.environ.get("LOKY_MAX_MEMORY_LEAK_SIZE") else {"LOKY_MAX_MEMORY_LEAK_SIZE": "1e18"}
    if num == 1:
        return own
    from loky import cpu_count

    # Linear algebra starts a thread for each core. If there are more threads than cores, they wait for each other.
    own |= {name: str(max(cpu_count() // num, 1)) for name in _NUMBERS_OF_THREADS if not os.environ.get(name)}
    # By default JAX allocates three quarters of an accelerator's memory at its first use. This process may have done
    # so already, so workers allocate only what they need.
    if not any(os.environ.get(name) for name in _SHARES_OF_MEMORY):
        own["XLA_CLIENT_MEM_FRACTION"] = f"{0.75 / num:.3f}"
        if not os.environ.get("XLA_PYTHON_CLIENT_PREALLOCATE"):
            own["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    return own
