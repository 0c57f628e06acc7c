"""Trials that run at the same time, each in a process of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import jbo
from jbo.space import Integer, Space
from jbo.strategies import random_search
from jbo.study import Study, _study
from jbo.types import PENDING

SCRIPT = Path(__file__).parent / "overworked.py"


def wait_for(condition, seconds=120):
    """Until the condition holds; an objective that waits in vain fails its trial."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def start(folder, num_trials, moment):
    env = {**os.environ, "PYTHONPATH": str(Path(jbo.__file__).parents[1])}
    command = [sys.executable, "-W", "error", str(SCRIPT), str(folder), str(num_trials), moment]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=folder, start_new_session=True
    )


def test_four_at_once_and_no_barrier(make, tmp_path, monkeypatch):
    seen = []
    suggest = _study.suggest
    monkeypatch.setattr(_study, "suggest", lambda *args: (seen.append(args[2].status), suggest(*args))[1])

    def objective(config):
        # The first four end only once all four have begun, the last of them only once a fifth and a sixth have ended.
        begin = time.time()
        place = len(list(tmp_path.glob("begun *")))
        while True:
            try:
                (tmp_path / f"begun {place}").touch(exist_ok=False)
                break
            except FileExistsError:
                place += 1
        needed = {3: 6}.get(place, 4)
        wait_for(lambda: len(list(tmp_path.glob("begun *"))) >= needed)
        (tmp_path / f"from {begin} to {time.time()}").touch()
        return float(place)

    study = make()
    study.optimize(objective, 6, workers=4)
    assert sorted(t.value for t in study.trials) == [0, 1, 2, 3, 4, 5], study.trials
    spans = np.array([path.name.split()[1::2] for path in tmp_path.glob("from *")], float)
    at_once = [np.sum((spans[:, 0] <= moment) & (moment <= spans[:, 1])) for moment in spans[:, 0]]
    assert max(at_once) == 4
    num_pending = [int(np.sum(status == PENDING)) for status in seen]
    assert num_pending[:4] == [0, 1, 2, 3] and min(num_pending[4:]) >= 1, (
        "trials under way are part of what the strategy sees"
    )


def test_what_goes_wrong_in_a_worker(make, caplog):
    def objective(config, attempts=[]):  # noqa: B006  each worker has its own
        attempts.append(config)
        if config["n"] == 1:
            raise ArithmeticError(f"diverged at {config['x']}")
        if config["n"] == 2:
            os._exit(3)
        if config["n"] == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return float("nan") if config["n"] == 4 else len(attempts)

    study = make()
    for k, n in enumerate((5, 1, 5, 2, 5, 3, 5, 4, 5)):
        study.enqueue({"x": 0.125 if n < 5 else k / 10, "n": n, "c": "b"})
    ended = []
    study.optimize(objective, 50, workers=2, stop=lambda trial: (ended.append(trial.number), len(ended) >= 8)[1])
    trials = study.trials
    assert sorted(ended) == list(range(9)), "at the eighth no other is begun, and the ninth is waited for"
    assert [t.status == "ok" for t in trials] == [t.config["n"] == 5 for t in trials]
    failures = {t.config["n"]: t.failure for t in trials if t.failure}
    assert failures[1].startswith("Traceback") and "in objective" in failures[1] and "diverged at 0.125" in failures[1]
    assert failures[2] == "the worker process died before the objective returned: EXIT(3)"
    assert failures[3] == "the worker process died before the objective returned: SIGKILL(-9)"
    assert failures[4] == "the value is nan, not finite"
    assert sorted(r.getMessage().splitlines()[0] for r in caplog.records if r.name == "jbo") == [
        f"trial {t.number} failed" for t in trials if t.config["n"] in (1, 2, 3)
    ]
    assert max(t.value for t in trials if t.value) > 1, "a worker that lives on keeps its objective"


def test_the_end_of_a_study_in_workers(make):
    space = Space(n=Integer(1, 3))
    study = make(space, strategy=random_search(space), maximize=True)
    study.optimize(lambda config: config["n"], 7, workers=2)
    assert sorted(t.value for t in study.trials) == [1, 2, 3], "a discrete space ends it, and what ran is told"

    study = make()
    study.enqueue({"x": 0.5, "n": 1, "c": "b"})
    with pytest.raises(
        TypeError, match="the objective must return a number; trial 0: value: expected a number, got 'a'"
    ):
        study.optimize(lambda config: "a" if config["x"] == 0.5 else time.sleep(60), 50, workers=2)
    assert sum(t.status == "failed" for t in study.trials) == 1
    assert study._storage.claim(_study.current(), lambda config: True) is not None, "the other one is given back"


def test_stop_in_the_sequential_form(make, loss):
    study = make()
    study.optimize(loss, 9, stop=lambda trial: trial.number == 3)
    assert len(study.trials) == 4


@pytest.mark.parametrize("workers", [0, -1, True])
def test_how_many_workers(make, loss, workers):
    with pytest.raises(ValueError, match=f"workers: expected at least 1, got {workers}"):
        make().optimize(loss, 3, workers=workers)


def test_what_cannot_be_sent(make, monkeypatch):
    study = make()
    with pytest.raises(TypeError, match="workers: the objective cannot be sent to another process: .*lock"):
        study.optimize(lambda config, lock=study._asking: 1.0, 3, workers=2)
    monkeypatch.setitem(sys.modules, "loky", None)
    with pytest.raises(ImportError, match=r"pip install jbo\[parallel\]"):
        study.optimize(lambda config: 1.0, 3, workers=2)
    assert study.trials == []


def test_a_script_without_a_main_guard(tmp_path):
    said, errors = start(tmp_path, 5, "go").communicate(timeout=300)
    assert (said.split(), errors) == (["ok"] * 6, "")
    assert len(list(tmp_path.glob("worker *"))) == 2
    texts = [path.read_text() for path in tmp_path.glob("traced *")]
    assert set(texts) == {"once\n"}, "each worker compiles once"


@pytest.mark.parametrize("how", ["the terminal's Ctrl-C", "kill -9"])
def test_workers_end_with_the_study(tmp_path, how):
    process = start(tmp_path, 4, "wait")
    wait_for(lambda: len(list(tmp_path.glob("worker *"))) == 2)
    workers = [int(path.name.split()[1]) for path in tmp_path.glob("worker *")]
    if how == "kill -9":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGINT)
    process.wait(timeout=60)
    wait_for(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers), 60)
    if how != "kill -9":
        assert process.stderr.read().endswith("KeyboardInterrupt\n")
    process.stdout.close(), process.stderr.close()
    (tmp_path / "go").touch()
    space = Space(x=jbo.Real(-1.0, 1.0))
    with Study(space, strategy=random_search(space), path=tmp_path / "study.db") as study:
        assert [t.status for t in study.trials] == ["pending"] * 2
        again = study.ask(3)
        assert [t.number for t in again] == [0, 1, 2], "those that ran come first"
