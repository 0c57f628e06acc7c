"""Inside a worker: how the process begins, and what it does for each call."""

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from multiprocessing.reduction import ForkingPickler
from types import FunctionType
from typing import Any, NamedTuple

import jax

from jbo.study._evaluation import Evaluation, Reporter, Sent

_log = logging.getLogger("jbo")


class Settings(NamedTuple):
    """What a worker takes over from the process that starts it, besides the environment and the working folder."""

    parent: int
    """Number of the process that starts it."""
    start_method: str | None
    """How that process starts processes by `multiprocessing`; None: by the default of the system."""
    jax_config: dict[str, Any]
    """Every option of JAX by name, as it holds in the thread that starts the worker."""


def current_settings() -> Settings:
    """The settings of this process and thread, for its workers."""
    method = multiprocessing.get_start_method(allow_none=True)
    return Settings(
        os.getpid(),
        method if method in multiprocessing.get_all_start_methods() else None,
        {name: _sendable(value) for name, value in jax.config.values.items()},
    )


def begin(settings: Settings) -> None:
    """Make a new process a worker, before the objective is loaded.

    Args:
      settings: What it takes over.
    """
    # Signals to the group of the process that asks, such as a terminal's Ctrl-C, are for that process, which ends its
    # workers. In a session of its own a worker needs no handlers, which its children would inherit, and a signal that
    # the objective sends to its own group ends nothing else.
    if hasattr(os, "setsid"):
        os.setsid()
        # A script that was started in the background of a shell ignores SIGINT, and so would its workers.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    else:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Loky makes its own start method the default of its processes. A process that they spawn does not know it.
    multiprocessing.set_start_method(settings.start_method, force=True)
    _send_scripts_by_value()
    # A device last: other options say which devices there are. Some come with modules that are not imported yet.
    own = {name: _sendable(value) for name, value in jax.config.values.items()}
    for name, value in sorted(settings.jax_config.items(), key=lambda option: isinstance(option[1], _Device)):
        if own.get(name, value) != value:
            jax.config.update(name, _received(value))
    threading.Thread(target=_end_with, args=(settings.parent,), daemon=True).start()


def _send_scripts_by_value() -> None:
    """Let the objective send what its script defines to processes of its own, which do not load the script either."""
    from cloudpickle import dumps, loads

    def reducer_override(pickler: ForkingPickler, value: Any) -> Any:
        is_of_script = isinstance(value, FunctionType | type) and value.__module__ == "__main__"
        if is_of_script and getattr(sys.modules["__main__"], value.__qualname__, None) is not value:
            return loads, (dumps(value),)
        return NotImplemented

    ForkingPickler.reducer_override = reducer_override  # type: ignore[attr-defined]


def load(objective: Sent) -> None:
    """Load the objective.

    Args:
      objective: As it was sent.
    """
    objective.load()


def evaluate_once(objective: Sent, config: dict[str, Any], report: Reporter | None) -> Evaluation:
    """The result of one call of the objective.

    Args:
      objective: As it was sent.
      config: Values by name.
      report: The objective's argument ``report``; None: it has none.
    """
    worker = os.getpid()
    evaluation = objective(config, report)
    if os.getpid() != worker:  # the objective forked, and its child came back
        os._exit(0)
    return evaluation


def end_within(seconds: float) -> None:
    """End this process and its children if they still run after so many seconds.

    Args:
      seconds: How long they may take.
    """

    def end() -> None:
        time.sleep(seconds)
        _log.warning("a worker was killed: %g s after its last trial a thread or child of it still ran", seconds)
        _end()

    threading.Thread(target=end, daemon=True).start()


class _Device(NamedTuple):
    """A device of JAX, which cannot be pickled."""

    platform: str
    id: int


def _sendable(value: Any) -> Any:
    return _Device(value.platform, value.id) if isinstance(value, jax.Device) else value


def _received(value: Any) -> Any:
    if not isinstance(value, _Device):
        return value
    devices = {device.id: device for device in jax.local_devices(backend=value.platform)}
    return devices.get(value.id, value.platform)


def _end_with(parent: int) -> None:
    """End this process once the process that started it is gone: its trials will be run again."""
    while os.getppid() == parent:
        time.sleep(0.5)
    _end()


def _end() -> None:
    """End this process and its children, whatever they do."""
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
