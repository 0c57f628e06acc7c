"""Who works on a pending trial, and whether that process still runs."""

import operator
import os
import platform
import subprocess
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
"""Where Linux tells of its processes; elsewhere ``ps`` is asked."""


class Owner(NamedTuple):
    """One process, told apart from a later one that got the same number."""

    host: str
    """Name of the machine."""
    boot: str
    """Identifier of the machine's current run; empty where the system has none."""
    pid: int
    """Number of the process."""
    started: str
    """When the process started, in the system's own words."""


def current() -> Owner:
    """This process. Not kept between calls: a forked child is somebody else.

    A study asks `owner_of`, which calls this function by its name in this module. A test that replaces it here makes a
    study believe that the process has ended and another one has begun.
    """
    pid = os.getpid()
    return Owner(platform.node(), _boot(), pid, _started(pid) or "")


def owner_of(pid: int | None = None) -> Owner:
    """A process of this machine, by its number.

    Args:
      pid: None is this process; 0 is nobody, who never ends.

    Raises:
      ValueError: There is no such process.
    """
    if pid is None:
        return current()
    if isinstance(pid, bool) or operator.index(pid) < 0:
        raise ValueError(f"owner: expected the number of a process, got {pid!r}")
    if pid == 0:
        return Owner("", "", 0, "")  # on no machine that can be seen, so alive
    if not _exists(pid) or _started(pid) == "":
        raise ValueError(f"owner: expected the number of a process that runs, got {pid}")
    return Owner(platform.node(), _boot(), pid, _started(pid) or "")


def is_alive(owner: Owner) -> bool:
    """Whether a process may still be working.

    Args:
      owner: A process of this machine or of another one. What cannot be seen from here counts as alive: running a trial
        twice at the same time is worse than waiting for it.
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
    """When a process started; empty if it has ended, None if the system does not tell."""
    if not (PROC / "self/stat").exists():
        return _started_by_ps(pid)
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:  # ended just now, or hidden from other users
        return None if _exists(pid) else ""
    state, *fields = stat.rpartition(")")[2].split()  # the name before it may hold spaces and brackets
    return "" if state in "ZX" else fields[18]  # zombies are dead; ticks of the clock since boot


def _started_by_ps(pid: int) -> str | None:
    command = ["ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)]
    try:
        line = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C", "TZ": "UTC"})
    except OSError:
        return None
    state, _, started = line.stdout.strip().partition(" ")
    return "" if state.startswith("Z") else started.strip()
