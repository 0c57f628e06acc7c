"""``kill -9`` loses nothing: what was told is there, and what follows is what would have followed."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
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
QUICK += [("random_search of several", *moment) for moment in (("write of tell", 5), ("asked", 4), ("told", 7))]
LONG = [("random_search", moment, count) for moment in ("write of ask", "write of tell", "told") for count in (1, 9)]
LONG += [(strategy, *moment) for strategy in ("bayesian", "bayesian of several") for _, *moment in QUICK[:9]]
KILLS = QUICK + [pytest.param(*kill, marks=pytest.mark.thorough) for kill in LONG]


def begin(*arguments, **streams):
    env = {**os.environ, "PYTHONPATH": str(Path(jbo.__file__).parents[1]), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env, **streams)


@pytest.fixture(scope="module")
def kill():
    """Run a study that dies at an instant; how its process ended, and what it said."""
    server = begin(stdin=subprocess.PIPE)

    def kill(path, strategy, moment, count):
        print(path, strategy, moment, count, sep="\t", file=server.stdin, flush=True)
        status = server.stdout.readline()
        errors = Path(f"{path}.errors").read_text()
        return int(status), Path(f"{path}.said").read_text(), errors

    yield kill
    server.stdin.close()
    assert server.wait(timeout=60) == 0
    server.stdout.close()


@pytest.fixture(scope="module")
def unbroken():
    """What a study holds that nobody kills, by strategy."""
    known = {}

    def unbroken(strategy):
        if strategy not in known:
            with killed.open_study(strategy) as study:
                killed.run(study, killed.objective_of(strategy))
                known[strategy] = study.trials
        return known[strategy]

    return unbroken


@pytest.fixture
def go_on(outcome, unbroken):
    """Check that a study holds what it said it was told, and goes on to the end that it would have had."""

    def go_on(path, strategy, said):
        with killed.open_study(strategy, path) as study:
            check_told(study.trials, said)
            before = [t for t in study.trials if t.status != "pending"]
            killed.run(study, killed.objective_of(strategy))
            assert [t for t in study.trials if t.number in {b.number for b in before}] == before, "run again"
            assert strip(outcome(study.trials)) == strip(outcome(unbroken(strategy)))
        return before

    return go_on


def check_told(trials, said):
    told = {t.number: killed.told(t).split()[1:] for t in trials if t.status != "pending"}
    whole = said[: said.rfind("\n") + 1]  # a line on which the process died was not said
    for line in whole.splitlines()[1:]:
        number, *result = line.split()
        assert told[int(number)] == result


def strip(rows):
    """Without the text of tracebacks, which names files and lines."""
    return [(*row[:4], bool(row[4])) for row in rows]


@pytest.mark.parametrize(("strategy", "moment", "count"), KILLS)
def test_killed_at(tmp_path, kill, go_on, strategy, moment, count):
    status, said, errors = kill(tmp_path / "study.db", strategy, moment, count)
    assert status == -signal.SIGKILL, errors
    go_on(tmp_path / "study.db", strategy, said)


# 200 instants spread evenly in `make thorough`, some of them in `make test`.


def spread(num, low, high):
    return [low + (high - low) * (i + 0.5) / num for i in range(num)]


def forms(few, many):
    return pytest.mark.parametrize("num_kills", [few, pytest.param(many, marks=pytest.mark.thorough)])


@forms(3, 50)
@pytest.mark.parametrize("name", ["ask", "tell"])
def test_killed_at_any_line(tmp_path, kill, go_on, name, num_kills):
    status, said, errors = kill(tmp_path / "whole.db", "random_search", f"lines of {name}", 0)
    assert status == 0, errors
    num_lines = int(said.split()[-1])
    assert num_lines > 200
    ended = Counter()
    for count in spread(num_kills, 0, num_lines):
        path = tmp_path / f"{int(count)}.db"
        status, said, errors = kill(path, "random_search", f"lines of {name}", int(count) + 1)
        assert status == -signal.SIGKILL, errors
        ended[len(go_on(path, "random_search", said))] += 1
    print(f"{name}: {num_kills} kills at {num_lines} lines, by how many trials had ended: {sorted(ended.items())}")
    assert max(ended.values()) <= num_kills / 3, "in all trials"


@forms(2, 50)
def test_killed_in_the_middle_of_a_write(tmp_path, kill, go_on, num_kills):
    found = Counter()
    for i, fraction in enumerate(spread(num_kills, 0, 1)):
        path, number = tmp_path / f"{i}.db", 5 + i % 13  # of the 18 writes of asks and tells
        status, said, errors = kill(path, "random_search", "in write", number + fraction)
        assert status == -signal.SIGKILL, errors
        left = path.with_name(f"{path.name}-journal").exists()
        num_written = num_writes(path)
        found["journal left" if left else "written" if num_written >= number else "not written"] += 1
        assert num_written >= number - 1
        go_on(path, "random_search", said)
    print(f"write: {num_kills} kills, what they left: {dict(found)}")
    assert found["journal left"]


def num_writes(path):
    with killed.open_study("random_search", path) as study:
        return sum(1 + (trial.status != "pending") for trial in study.trials)


@pytest.mark.thorough
@forms(2, 25)
def test_killed_while_a_worker_works(tmp_path, kill, go_on, num_kills):
    ended = Counter()
    for i, seconds in enumerate(spread(num_kills, 0.0, 2 * killed.SECONDS_IN_WORKER)):
        path = tmp_path / f"{i}.db"
        status, said, errors = kill(path, "random_search", "in a worker", seconds)
        assert status == -signal.SIGKILL, errors
        ended[len(go_on(path, "random_search", said))] += 1
    print(f"worker: {num_kills} kills in the third trial, by how many trials had ended: {sorted(ended.items())}")
    assert ended[2]


@pytest.mark.thorough
@forms(2, 25)
def test_a_worker_is_killed_at_any_instant(tmp_path, outcome, num_kills):
    configs = [{"x": i / 100, "kind": "b"} for i in range(num_kills)]
    delays = spread(num_kills, 0.0, 2 * killed.SECONDS_IN_WORKER)

    def objective(config):
        i = round(config["x"] * 100)
        if not (tmp_path / f"begun {i}").exists():
            (tmp_path / f"begun {i}").touch()
            killed.kill_after(delays[i], os.getpid())
        time.sleep(killed.SECONDS_IN_WORKER)
        return i + 0.5

    told = []
    with killed.open_study("random_search", tmp_path / "study.db") as study:
        for config in configs:
            study.enqueue(config)
        study.optimize(
            objective, num_kills, timeout=60.0, retries=3, on_trial_end=lambda t: told.append((t.number, t.value))
        )
        trials = study.trials
    assert [(t.number, t.config, t.value) for t in trials] == [(i, c, i + 0.5) for i, c in enumerate(configs)]
    assert told == [(i, i + 0.5) for i in range(num_kills)]


@pytest.mark.thorough
def test_killed_at_random_again_and_again(tmp_path, go_on):
    path = tmp_path / "study.db"
    draw = random.Random(0)
    num_kills = 0
    while True:
        process = begin(path, "random_search", "slow", 0, stderr=subprocess.PIPE)
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
    assert len(go_on(path, "random_search", "")) == killed.NUM_TRIALS
    assert num_kills > 0
