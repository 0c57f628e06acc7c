import os
import subprocess
import sys
from pathlib import Path

import pytest

from jbo.study import owner
from jbo.study.owner import current, is_alive, owner_of

SLEEP = [sys.executable, "-S", "-c", "input()"]


@pytest.fixture(params=["proc", "ps"])
def system(request, monkeypatch, tmp_path):
    """Both ways to learn when a process started."""
    if request.param == "ps":
        monkeypatch.setattr(owner, "PROC", tmp_path)


def test_this_process_is_alive(system):
    assert current().pid == os.getpid()
    assert current().started
    assert current() == current()
    assert is_alive(current())


def test_another_process_until_it_ends(system):
    with subprocess.Popen(SLEEP, stdin=subprocess.PIPE) as process:
        other = owner_of(process.pid)
        assert other.started
        assert is_alive(other)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(other), "killed, its parent has not asked yet"
    assert not is_alive(other)


def test_same_number_but_later_start_is_somebody_else(system):
    assert not is_alive(current()._replace(started="earlier"))


def test_other_boot_is_dead():
    assert current().boot
    assert not is_alive(current()._replace(boot="an earlier boot"))


def test_other_host_counts_as_alive():
    assert is_alive(current()._replace(host="elsewhere", boot="b", pid=1, started=""))


def test_nobody_never_ends(monkeypatch, tmp_path):
    nobody, me = owner_of(0), owner_of(os.getpid())
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text("after a restart of the machine")
    monkeypatch.setattr(owner, "PROC", tmp_path)
    assert is_alive(nobody) and not is_alive(me)


def test_a_process_that_cannot_be_seen_counts_as_alive(monkeypatch):
    def hidden(pid, signal):
        raise PermissionError

    monkeypatch.setattr(os, "kill", hidden)
    assert is_alive(current()._replace(pid=2**22 + 1, started="hidden from other users"))


def test_names_of_processes_may_hold_brackets(tmp_path):
    program = tmp_path / "a) R (b 1 2"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([str(program), "60"]) as process:
        seconds_since_boot = float(Path("/proc/uptime").read_text().split()[0])
        started = int(owner_of(process.pid).started) / os.sysconf("SC_CLK_TCK")
        assert 0 <= seconds_since_boot - started < 60
        assert is_alive(owner_of(process.pid))
        process.kill()
