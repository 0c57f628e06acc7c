import os
import subprocess
import sys
from pathlib import Path

import pytest

from jbo.study import _owner
from jbo.study._owner import current, is_alive

SLEEP = [sys.executable, "-S", "-c", "input()"]


def owner_of(pid):
    return current()._replace(pid=pid, started=_owner._started(pid))


@pytest.fixture(params=["proc", "ps"])
def system(request, monkeypatch, tmp_path):
    """Both ways to learn when a process started."""
    if request.param == "ps":
        monkeypatch.setattr(_owner, "_PROC", tmp_path)


def test_this_process_is_alive(system):
    assert current().pid == os.getpid()
    assert current().started
    assert current() == current()
    assert is_alive(current())


def test_another_process_until_it_ends(system):
    with subprocess.Popen(SLEEP, stdin=subprocess.PIPE) as process:
        owner = owner_of(process.pid)
        assert owner.started
        assert is_alive(owner)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(owner), "killed, its parent has not asked yet"
    assert not is_alive(owner)


def test_same_number_but_later_start_is_somebody_else(system):
    assert not is_alive(current()._replace(started="earlier"))


def test_other_boot_is_dead():
    assert current().boot
    assert not is_alive(current()._replace(boot="an earlier boot"))


def test_other_host_counts_as_alive():
    assert is_alive(current()._replace(host="elsewhere", boot="b", pid=1, started=""))


def test_a_process_that_cannot_be_seen_counts_as_alive(monkeypatch):
    monkeypatch.setattr(_owner, "_exists", lambda pid: True)
    assert is_alive(current()._replace(pid=2**22 + 1, started="hidden from other users"))


def test_names_of_processes_may_hold_brackets(tmp_path):
    program = tmp_path / "a) R (b 1 2"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([str(program), "60"]) as process:
        seconds_since_boot = float(Path("/proc/uptime").read_text().split()[0])
        started = int(_owner._started(process.pid)) / os.sysconf("SC_CLK_TCK")
        assert 0 <= seconds_since_boot - started < 60
        assert is_alive(owner_of(process.pid))
        process.kill()
