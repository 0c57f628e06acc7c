"""Clocks of the time that an experiment spends in some functions and in compiling."""

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax


class Clock:
    """Sum of the seconds spent in the functions that it wraps."""

    def __init__(self):
        self.seconds = 0.0

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function that calls the given one and adds its time, whether it returns or raises."""

        @functools.wraps(function)
        def wrapped(*args: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*args, **options)
            finally:
                self.seconds += time.perf_counter() - start

        return wrapped


@contextmanager
def compile_clock() -> Iterator[Clock]:
    """A clock of the seconds that XLA spends compiling, in all threads, within the block."""
    clock = Clock()

    def listen(event: str, duration_secs: float, **_: Any) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            clock.seconds += duration_secs

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield clock
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
