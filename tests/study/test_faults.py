"""What may happen to a study file: no result that was told is lost, or an error says what to do."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

import jbo
from jbo.study import Study, schema
from tests.selection import some

from .conftest import Draws

SHARE = Path(__file__).parent / "shared.py"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "study.db"


def open_again(path, space):
    return Study(space, strategy=Draws(space.encoding), path=path)


def told_in(path, space):
    with open_again(path, space) as study:
        return [t for t in study.trials if t.status != "pending"]


def test_disk_full(make, path, loss, space, monkeypatch):
    connect, opened = sqlite3.connect, []
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **how: opened.append(connect(*args, **how)) or opened[-1])
    study = make(path=path)
    [connection] = opened
    monkeypatch.undo()
    study.optimize(loss, 3)
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    told, words = (
        study.trials,
        "cannot write the study file .*study.db: there is no room left; make some and do the same",
    )
    with pytest.raises(OSError, match=words):
        study.optimize(loss, 1000, on_trial_end=told.append)
    assert len(told) > 30
    with pytest.raises(OSError, match=words):
        study.tell({"x": 0.0, "n": 1, "c": "b"}, failed="x" * 10_000)
    connection.execute("PRAGMA max_page_count = 100000")
    study.optimize(loss, len(told) + 2)
    study.close()
    assert told_in(path, space)[: len(told)] == told and len(told_in(path, space)) == len(told) + 2


LIMITED = """
import resource
import jbo
resource.setrlimit(resource.RLIMIT_FSIZE, (80_000, resource.RLIM_INFINITY))  # bytes; Python ignores SIGXFSZ
space = jbo.Space(x=jbo.Real(0, 1))
with jbo.Study(space, strategy=jbo.random_search(space), seed=0, path="study.db") as study:
    study.optimize(lambda config: config["x"], 5000, on_trial_end=lambda trial: print(trial.number, trial.value))
"""


@pytest.mark.thorough
def test_a_limit_of_file_sizes(tmp_path, path):
    env = {**os.environ, "PYTHONPATH": str(Path(jbo.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", LIMITED], cwd=tmp_path, env=env, capture_output=True, text=True)
    words = "OSError: cannot write the study file study.db: the system refused it, as it does at a limit of file sizes"
    assert done.returncode == 1 and words in done.stderr
    said = {int(number): float(value) for number, value in map(str.split, done.stdout.splitlines())}
    space = jbo.Space(x=jbo.Real(0, 1))
    with Study(space, strategy=jbo.random_search(space), path=path) as study:
        assert len(said) > 30 and {t.number: t.value for t in study.trials if t.value is not None} == said
        study.optimize(lambda config: config["x"], len(said) + 2)
        assert [t.status for t in study.trials] == ["ok"] * (len(said) + 2)


def test_a_file_that_may_only_be_read(make, path, loss, space):
    with make(path=path) as study:
        study.optimize(loss, 3)
        study.ask()
        trials = study.trials
    before = path.read_bytes()
    read_only = f"file:{path}?mode=ro"  # also for root, who may write to any file
    for study in (open_again(read_only, space), Study.open(read_only, strategy=lambda space: Draws(space.encoding))):
        assert study.trials == trials and study.best.value == min(t.value for t in trials if t.value is not None)
        words = r"cannot write the study file file:.*: it may only be read; change"
        with pytest.raises(OSError, match=words):
            study.ask()
        with pytest.raises(OSError, match=words):
            study.tell(trials[3], 1.0)
        with pytest.raises(OSError, match=words):
            study.optimize(loss, 5)
        study.close()
    with pytest.raises(OSError, match="cannot open the study file file:"):
        open_again(f"file:{path.with_name('new.db')}?mode=ro", space)
    assert path.read_bytes() == before


def test_a_file_that_somebody_holds(make, path, loss, space, monkeypatch):
    monkeypatch.setattr(schema, "SECONDS_TO_WAIT", 0.2)
    study = make(path=path)
    trial = study.ask()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for call in (lambda: study.tell(trial, 1.0), study.ask, lambda: open_again(path, space)):
            with pytest.raises(OSError, match="another program has held it for 0.2 s; end that one or try again later"):
                call()
        other.execute("ROLLBACK")
    assert study.tell(trial, 1.0).value == 1.0 and study.ask().number == 1


def test_a_truncated_file(make, path, loss, space):
    with make(path=path) as study:
        study.optimize(loss, 60)
        whole = study.trials
    content = path.read_bytes()
    refused = 0
    for length in [*range(1, len(content), 1000), len(content) - 1]:
        path.write_bytes(content[:length])
        try:
            assert told_in(path, space) == whole, "what is cut off was not needed"
        except (OSError, ValueError) as error:
            refused += 1
            assert "is damaged" in str(error) or "is no jbo study" in str(error)
            assert "recover" in str(error) or "expected a study file" in str(error)
            assert path.read_bytes() == content[:length], "nothing starts anew"
    assert refused >= len(content) // 1000
    path.write_bytes(content)
    assert told_in(path, space) == whole


@some("size", [1, 100, 4096], [100])
def test_a_damaged_file(make, path, loss, space, size):
    with make(path=path) as study:
        study.optimize(loss, 60)
        whole = study.trials
    content, draw, refused = path.read_bytes(), random.Random(0), 0
    for _ in range(60):
        start = draw.randrange(0, len(content) // size) * size
        path.write_bytes(content[:start] + draw.randbytes(size) + content[start + size :])
        try:
            trials = told_in(path, space)
        except (OSError, ValueError) as error:
            refused += 1
            assert str(path) in str(error)
        else:
            # SQLite keeps no checksums: a byte inside of a value, or of unused space, goes unseen.
            assert [t.number for t in trials] == [t.number for t in whole]
            assert size < 4096 or trials == whole
    assert refused > (30 if size == 4096 else 3)


def test_a_file_that_is_replaced_while_it_is_open(make, path, loss, space):
    study = make(path=path)
    study.optimize(loss, 3)
    shutil.move(path, path.with_name("moved.db"))
    words = "study.db was moved, deleted or replaced while this study was open"
    with pytest.raises(OSError, match=words):
        study.optimize(loss, 4)
    other = make(path=path, seed=1)
    other.optimize(loss, 2)
    with pytest.raises(OSError, match=words):
        study.tell({"x": 0.0, "n": 1, "c": "b"}, 1.0)
    assert len(told_in(path, space)) == 2 and len(told_in(path.with_name("moved.db"), space)) == 3
    shutil.move(path.with_name("moved.db"), path)
    study.optimize(loss, 4)
    assert len(told_in(path, space)) == 4


def test_an_objective_that_works_in_another_folder(make, tmp_path, monkeypatch, loss, space):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with make(path="study.db") as study:
        study.optimize(lambda config: (os.chdir(tmp_path / "elsewhere"), loss(config))[1], 4)
    assert not list((tmp_path / "elsewhere").iterdir()) and len(told_in(tmp_path / "study.db", space)) == 4


def test_a_clock_that_goes_backwards(make, path, loss, outcome, monkeypatch):
    unbroken = make()
    unbroken.optimize(loss, 8)
    now = 1e9

    def back():
        nonlocal now
        now -= 1000.0
        return now

    monkeypatch.setattr(time, "time", back)
    for num_trials in (3, 5, 8):
        with make(path=path) as study:
            study.optimize(loss, num_trials, stop=jbo.Stop(seconds=1000.0))
    trials = make(path=path).trials
    assert outcome(trials) == outcome(unbroken.trials)
    assert all(later.started_at < t.ended_at < t.started_at for t, later in zip(trials, trials[1:], strict=False))


@pytest.mark.thorough
def test_processes_share_a_file_and_one_is_killed(tmp_path, path):
    env = {**os.environ, "PYTHONPATH": str(Path(jbo.__file__).parents[1])}
    command = [sys.executable, "-W", "error", str(SHARE), str(path)]
    others = [subprocess.Popen([*command, str(k)], cwd=tmp_path, env=env) for k in range(3)]
    space = jbo.Space(x=jbo.Real(0, 1))
    with Study(space, strategy=jbo.random_search(space), path=path, seed=0) as study:
        end = time.monotonic() + 120
        while not (tmp_path / "0 has begun 5").exists():
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.002)
        others[0].kill()
        (tmp_path / "go").touch()
        assert [other.wait(timeout=120) for other in others] == [-signal.SIGKILL, 0, 0]
        trials = study.trials
        said = [line.split() for k in range(3) for line in (tmp_path / f"told {k}").read_text().splitlines()]
        assert [t.number for t in trials] == list(range(len(trials)))
        told = {int(number): float(value) for number, value in said}
        assert len(told) == len(said) >= 60, "no number was told twice"
        assert {t.number: t.value for t in trials if t.value is not None and t.number in told} == told, "none is lost"
        assert all(t.status == "ok" for t in trials), "what ran in the one that was killed was run again"
        alone = Study(space, strategy=jbo.random_search(space), seed=0)
        assert [t.config for t in trials] == [t.config for t in alone.ask(len(trials))]


LOAD = """
import sys, time
import jbo
space = jbo.Space(x=jbo.Real(0, 1), n=jbo.Integer(1, 5), m=jbo.Real(0.1, 10, log=True, when=("n", 1)))
configs = [{"x": i / 1e4, "n": 2 + i % 4} for i in range(10**4)]
past = [jbo.Trial(i, c, "ok", i / 7, float(i), i + 1.0, None, "") for i, c in enumerate(configs)]
seconds = []
for k in range(5):
    start = time.perf_counter()
    jbo.Study.from_trials(past, space, strategy=jbo.random_search, path=f"{k}.db").close()
    with jbo.Study(space, strategy=jbo.random_search(space), path=f"{k}.db") as study:
        trials = study.trials
    seconds.append(time.perf_counter() - start)
    assert [(t.number, t.config, t.value) for t in trials] == [(t.number, t.config, t.value) for t in past]
print(min(seconds))  # what others do on the machine does not count
"""


@pytest.mark.thorough
def test_ten_thousand_trials(tmp_path):
    env = {**os.environ, "PYTHONPATH": str(Path(jbo.__file__).parents[1])}  # a user's process, without type checks
    done = subprocess.run(
        [sys.executable, "-c", LOAD], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 2.0


@pytest.mark.thorough
def test_a_thousand_trials_of_a_millisecond(path, space, outcome):
    with Study(space, strategy=jbo.random_search(space), seed=0, path=path) as study:
        ended = []
        study.optimize(
            lambda config: (time.sleep(0.001), config["x"])[1], 1000, workers=8,
            on_trial_end=lambda trial: ended.append(trial.number),
        )  # fmt: skip
        trials = study.trials
    assert sorted(ended) == [t.number for t in trials] == list(range(1000))
    assert all(t.value == t.config["x"] for t in trials)
    with Study(space, strategy=jbo.random_search(space), seed=0) as alone:
        alone.optimize(lambda config: config["x"], 1000)
        assert outcome(alone.trials) == outcome(trials)
