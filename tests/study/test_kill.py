"""``kill -9`` loses nothing: what was told is there, and what follows is what would have followed."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import jbo

from . import killed

SCRIPT = Path(killed.__file__)
MOMENTS = {
    "ask": [("before the model", 2), ("after the model", 5), ("asked", 4)],
    "write": [("write of ask", 6), ("write of tell", 5), ("told", 7)],
    "objective": [("objective begins", 1), ("objective begins", 8), ("objective ends", 5)],
}
QUICK = [("random_search", *moment) for moments in MOMENTS.values() for moment in moments]
LONG = [("random_search", moment, count) for moment in ("write of ask", "write of tell", "told") for count in (1, 9)]
LONG += [("bayesian", *moment) for _, *moment in QUICK]
KILLS = QUICK + [pytest.param(*kill, marks=pytest.mark.thorough) for kill in LONG]


def start(path, strategy, moment, count):
    command = [sys.executable, str(SCRIPT), str(path), strategy, moment, str(count)]
    env = {**os.environ, "PYTHONPATH": str(Path(jbo.__file__).parents[1])}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)


@pytest.fixture(scope="module")
def unbroken():
    """What a study holds that nobody kills, by strategy."""
    known = {}

    def unbroken(strategy):
        if strategy not in known:
            with killed.open_study(strategy) as study:
                killed.run(study)
                known[strategy] = study.trials
        return known[strategy]

    return unbroken


def check_told(trials, said):
    told = {t.number: [t.status, "None" if t.value is None else t.value.hex()] for t in trials if t.status != "pending"}
    for line in said.splitlines()[1:]:
        number, *result = line.split()
        assert told[int(number)] == result


@pytest.mark.parametrize(("strategy", "moment", "count"), KILLS)
def test_killed_at(tmp_path, outcome, unbroken, strategy, moment, count):
    path = tmp_path / "study.db"
    process = start(path, strategy, moment, count)
    said, errors = process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL, errors
    with killed.open_study(strategy, path) as study:
        check_told(study.trials, said)
        before = [t for t in study.trials if t.status != "pending"]
        killed.run(study)
        assert study.trials[: len(before)] == before, "what was told is not run again"
        assert strip(outcome(study.trials)) == strip(outcome(unbroken(strategy)))


def strip(rows):
    """Without the text of tracebacks, which names files and lines."""
    return [(*row[:4], bool(row[4])) for row in rows]


@pytest.mark.thorough
def test_killed_at_random_again_and_again(tmp_path, outcome, unbroken):
    path = tmp_path / "study.db"
    draw = random.Random(0)
    num_kills = 0
    while True:
        process = start(path, "random_search", "slow", 0)
        assert process.stdout.readline() == "ready\n"
        if num_kills < 12:
            time.sleep(draw.uniform(0.0, 0.3))
            process.kill()
        said, errors = process.communicate()
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, errors
        num_kills += 1
        with killed.open_study("random_search", path) as study:
            check_told(study.trials, "\n" + said)
    with killed.open_study("random_search", path) as study:
        assert strip(outcome(study.trials)) == strip(outcome(unbroken("random_search")))
    assert num_kills > 0
