"""The process that works on a pending trial, and whether it still runs."""

import operator
import os
import platform
import subprocess
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
"""Folder with the processes on Linux; on other systems ``ps`` is used."""


class Owner(NamedTuple):
    """A process, distinguished from a later process with the same number."""

    host: str
    """Name of the machine."""
    boot: str
    """Identifier of the machine's boot; empty if the system has none."""
    pid: int
    """Number of the process."""
    started: str
    """Start time of the process, in the format of the system."""


def current() -> Owner:
    """This process. The result is not cached, because a forked child is another process.

    A study calls `owner_of`, which calls this function by its name in this module. If a test replaces the function
    here, the study behaves as if the process had ended and another one had started.
    """
    pid = os.getpid()
    return Owner(platform.node(), _boot(), pid, _started(pid) or "")


def owner_of(pid: int | None = None) -> Owner:
    """A process of this machine, given its id.

    Args:
      pid: Number of the process. None: this process. 0: no process; such an owner counts as alive for ever.

    Raises:
      ValueError: No process has this id.
    """
    if pid is None:
        return current()
    if isinstance(pid, bool) or operator.index(pid) < 0:
        raise ValueError(f"owner: expected the id of a process, got {pid!r}")
    if pid == 0:
        return Owner("", "", 0, "")  # on an unknown machine, so it counts as alive
    if not _exists(pid) or _started(pid) == "":
        raise ValueError(f"owner: expected the id of a running process, got {pid}")
    return Owner(platform.node(), _boot(), pid, _started(pid) or "")


def is_alive(owner: Owner) -> bool:
    """True if a process may still be running.

    Args:
      owner: A process of this machine or of another one. A process that cannot be checked counts as alive, because
        running a trial twice at the same time is worse than waiting for it.
    """
    if owner.host != platform.node():
        return True
    if owner.boot != _boot():
        return False
    return _exists(owner.pid) and _started(owner.pid) in (owner.started, None)


def _boot() -> str:
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _started(pid: int) -> str | None:
    """Start time of a process; empty if it has ended, None if the system does not provide it."""
    if not (PROC / "self/stat").exists():
        return _started_by_ps(pid)
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:  # ended just now, or hidden from other users
        return None if _exists(pid) else ""
    state, *fields = stat.rpartition(")")[2].split()  # the name before it may contain spaces and brackets
    return "" if state in "ZX" else fields[18]  # zombies have ended; field 18: clock ticks since boot


def _started_by_ps(pid: int) -> str | None:
    command = ["ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)]
    try:
        line = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C", "TZ": "UTC"})
    except OSError:
        return None
    state, _, started = line.stdout.strip().partition(" ")
    return "" if state.startswith("Z") else started.strip()
