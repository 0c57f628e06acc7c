"""Code that runs inside a worker process: its start, and the calls of the objective."""

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
    """Settings that a worker inherits from its parent process, besides the environment and the working folder."""

    parent: int
    """Number of the parent process."""
    start_method: str | None
    """Start method of `multiprocessing` in the parent process; None: the default of the system."""
    jax_config: dict[str, Any]
    """A dict from the name of each option of JAX to its value in the thread that starts the worker."""


def current_settings() -> Settings:
    """The settings of this process and thread, for its workers."""
    method = multiprocessing.get_start_method(allow_none=True)
    return Settings(
        os.getpid(),
        method if method in multiprocessing.get_all_start_methods() else None,
        {name: _sendable(value) for name, value in jax.config.values.items()},
    )


def begin(settings: Settings) -> None:
    """Turn a new process into a worker, before the objective is loaded.

    Args:
      settings: Settings of the parent process.
    """
    # Signals to the parent's process group, such as Ctrl-C in a terminal, are for the parent, which ends its workers.
    # A worker gets its own session. It then needs no signal handlers, which its children would inherit. A signal that
    # the objective sends to its own group ends nothing else.
    if hasattr(os, "setsid"):
        os.setsid()
        # A script started in the background of a shell ignores SIGINT; its workers would ignore it too.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    else:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Loky makes its own start method the default in its processes. Processes spawned from there do not know it.
    multiprocessing.set_start_method(settings.start_method, force=True)
    _send_scripts_by_value()
    # Set the device last, because other options define the devices. Some options belong to modules not yet imported.
    own = {name: _sendable(value) for name, value in jax.config.values.items()}
    for name, value in sorted(settings.jax_config.items(), key=lambda option: isinstance(option[1], _Device)):
        if own.get(name, value) != value:
            jax.config.update(name, _received(value))
    threading.Thread(target=_end_with, args=(settings.parent,), daemon=True).start()


def _send_scripts_by_value() -> None:
    """Send definitions of the script by value to processes of the objective, because these do not load the script."""
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
      objective: The objective as sent by the parent process.
    """
    objective.load()


def evaluate_once(objective: Sent, config: dict[str, Any], report: Reporter | None) -> Evaluation:
    """The result of one call of the objective.

    Args:
      objective: The objective as sent by the parent process.
      config: A dict from the name of each parameter to its value.
      report: The objective's argument ``report``; None: the objective has no such parameter.
    """
    worker = os.getpid()
    evaluation = objective(config, report)
    if os.getpid() != worker:  # the objective forked, and this is the child
        os._exit(0)
    return evaluation


def end_within(seconds: float) -> None:
    """End this process and its children if they still run after a number of seconds.

    Args:
      seconds: Maximum duration.
    """

    def end() -> None:
        time.sleep(seconds)
        _log.warning("a worker was killed: %g s after its last trial a thread or child of it still ran", seconds)
        _end()

    threading.Thread(target=end, daemon=True).start()


class _Device(NamedTuple):
    """Platform and number of a JAX device; the device itself cannot be pickled."""

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
    """End this process once its parent process has ended, because its trials will be run again."""
    while os.getppid() == parent:
        time.sleep(0.5)
    _end()


def _end() -> None:
    """End this process and its children at once."""
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
