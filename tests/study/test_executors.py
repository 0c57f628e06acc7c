"""Trials run by executors that are not ours: Python's own, loky's, and Dask's on a cluster of two processes."""

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import BrokenExecutor, CancelledError, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
import pytest

from jbo.study import model
from jbo.types import PENDING
from tests.selection import some


@contextmanager
def dask(allowed_failures=0):
    """An executor on a cluster of two processes; a trial is given up when more than so many workers died of it."""
    import dask.config
    from distributed import Client, LocalCluster

    settings = {"distributed.scheduler.allowed-failures": allowed_failures, "logging.distributed": "critical"}
    with (
        dask.config.set(settings),
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client.get_executor()


def processes():
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))


def loky():
    from loky import ProcessPoolExecutor

    return ProcessPoolExecutor(2)


EXECUTORS = {"threads": lambda: ThreadPoolExecutor(2), "processes": processes, "loky": loky, "dask": dask}


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


@some("name", EXECUTORS, ["threads", "processes"])
def test_two_at_once_and_no_barrier(make, tmp_path, monkeypatch, name):
    seen = []
    suggest = model.suggest
    monkeypatch.setattr(model, "suggest", lambda *args: (seen.append(args[2].status), suggest(*args))[1])

    def objective(config):
        # The first trial ends only once all the others have, one after another beside it.
        (tmp_path / f"process {os.getpid()}").touch()
        first = config["x"] == 0.5
        wait_for(lambda: not first or len(list(tmp_path.glob("ended *"))) == 4)
        if config["x"] == 0.25:
            raise ArithmeticError("diverged")
        (tmp_path / f"ended {config['x']}").touch()
        return -1.0 if first else config["x"]

    study = make()
    for x in (0.5, 0.25):
        study.enqueue({"x": x, "n": 1, "c": "b"})
    ended = []
    with EXECUTORS[name]() as executor:
        study.optimize(objective, 6, workers=2, executor=executor, on_trial_end=lambda t: ended.append(t.number))
        assert executor.submit(int, 3).result() == 3, "it stays open"
    trials = study.trials
    assert ended[:4] == [1, 2, 3, 4] and sorted(ended[4:]) == [0, 5]
    assert [t.value for t in trials] == [-1.0, None, *(t.config["x"] for t in trials[2:])]
    assert trials[1].failure.startswith("Traceback") and "diverged" in trials[1].failure
    pending = [np.flatnonzero(status == PENDING).tolist() for status in seen]
    assert pending == [[0], [0], [0], [0]], "what runs is part of what the strategy sees"
    num_processes = len(list(tmp_path.glob("process *")))
    assert num_processes == (1 if name == "threads" else 2)


def kills_its_worker_once(folder):
    def objective(config):
        if config["x"] == 0.5 and not (folder / "killed").exists():
            (folder / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return config["x"]

    return objective


@pytest.mark.thorough
@pytest.mark.parametrize("retries", [pytest.param(0, marks=pytest.mark.thorough), 1])
def test_a_worker_of_a_cluster_is_killed(make, tmp_path, caplog, retries):
    study = make()
    study.enqueue({"x": 0.0, "n": 1, "c": "b"})
    study.enqueue({"x": 0.5, "n": 1, "c": "b"})
    with dask() as executor:
        study.optimize(kills_its_worker_once(tmp_path), 7, workers=2, executor=executor, retries=retries)
    trials = study.trials
    assert [t.number for t in trials] == list(range(7)) and (tmp_path / "killed").exists()
    assert [t.value for t in trials if t.number != 1] == [t.config["x"] for t in trials if t.number != 1]
    if retries:
        assert trials[1].value == 0.5
        assert any("trial 1 is run again (1 of 1)" in r.getMessage() for r in caplog.records)
    else:
        assert trials[1].failure.startswith("the executor lost the trial: KilledWorker")


@pytest.mark.thorough
def test_a_cluster_runs_a_lost_trial_again_by_itself(make, tmp_path):
    study = make()
    study.enqueue({"x": 0.5, "n": 1, "c": "b"})
    with dask(allowed_failures=3) as executor:
        study.optimize(kills_its_worker_once(tmp_path), 3, workers=2, executor=executor)
    assert [t.status for t in study.trials] == ["ok"] * 3 and (tmp_path / "killed").exists()


@some("retries", [0, 1], [1])
@some("name", ["processes", "loky"])
def test_a_pool_that_breaks(make, tmp_path, outcome, name, retries):
    study = make()
    study.enqueue({"x": 0.5, "n": 1, "c": "b"})
    objective = kills_its_worker_once(tmp_path)
    with (
        EXECUTORS[name]() as executor,
        pytest.raises(BrokenExecutor, match="no result is lost, and the same call of optim"),
    ):
        study.optimize(objective, 4, workers=1, executor=executor, retries=retries)
    assert [t.status for t in study.trials] == (["pending"] if retries else ["failed", "pending"])
    with EXECUTORS[name]() as executor:
        study.optimize(objective, 4, workers=1, executor=executor, retries=retries)
    trials = study.trials
    assert [t.number for t in trials] == [0, 1, 2, 3]
    assert [t.value for t in trials] == [t.config["x"] if retries or t.number else None for t in trials]
    assert retries or trials[0].failure.startswith("the worker process died before the objective returned")


@pytest.mark.parametrize(
    "name", ["threads", *(pytest.param(name, marks=pytest.mark.thorough) for name in ("processes", "loky", "dask"))]
)
def test_what_ends_an_executors_call_ends_its_trial_only(make, name):
    class Odd(BaseException):
        pass

    def objective(config):
        ends = {0.1: SystemExit("bad lr"), 0.2: KeyboardInterrupt("mine"), 0.3: Odd("odd"), 0.4: CancelledError("no")}
        if config["x"] in ends:
            raise ends[config["x"]]
        return 1.0

    study = make()
    for x in (0.1, 0.2, 0.3, 0.4, 0.5):
        study.enqueue({"x": x, "n": 1, "c": "b"})
    with EXECUTORS[name]() as executor:
        study.optimize(objective, 5, workers=2, executor=executor)
    last = [(t.failure or "").strip().splitlines()[-1:] for t in study.trials]
    assert last[:2] == [["SystemExit: bad lr"], ["KeyboardInterrupt: mine"]]
    assert last[2][0].endswith("Odd: odd") and last[3][0].endswith("CancelledError: no")
    assert study.trials[4].value == 1.0


def test_threads_share_what_the_objective_holds(make):
    lock, seen = threading.Lock(), []

    def objective(config):
        with lock:
            seen.append(threading.get_ident())
        return config["x"]

    study = make()
    with ThreadPoolExecutor(2) as executor:
        study.optimize(objective, 6, workers=2, executor=executor)
    assert len(seen) == 6 and threading.get_ident() not in seen
    assert all(t.value == t.config["x"] for t in study.trials)


class EndedBySecond(ThreadPoolExecutor):
    """It is shut down, and what waits is cancelled, as soon as a second call is given to it."""

    num_calls = 0

    def submit(self, function, /, *args, **options):
        future = super().submit(function, *args, **options)
        self.num_calls += 1
        if self.num_calls == 2:
            self.shutdown(wait=False, cancel_futures=True)
        return future


def test_what_ends_the_call_gives_the_trials_back(make, outcome):
    unbroken, study = make(), make()
    unbroken.ask(3)

    def objective(config):
        return 1.0

    def leave(trial):
        raise SystemExit(3)

    with ThreadPoolExecutor(1) as executor:
        with pytest.raises(SystemExit):
            study.optimize(objective, 4, workers=2, executor=executor, on_trial_end=leave)
        assert [t.status for t in study.trials] == ["ok", "pending"]
        with pytest.raises(TypeError, match="the objective must return a number; trial 1"):
            study.optimize(lambda config: "a", 4, workers=1, executor=executor)
    executor, release = EndedBySecond(1), threading.Event()
    future = executor.submit(release.wait)
    with pytest.raises(CancelledError):
        study.optimize(objective, 4, workers=1, executor=executor)
    release.set(), future.result()
    assert [t.status for t in study.trials] == ["ok", "failed", "pending"]
    assert outcome(study.ask(1)) == outcome([unbroken.trials[2]])


@pytest.mark.parametrize("name", ["processes", "loky"])
def test_what_cannot_be_sent(make, name):
    study, lock = make(), threading.Lock()
    with EXECUTORS[name]() as executor, pytest.raises(TypeError, match="cannot be sent to another process: .*lock"):
        study.optimize(lambda config: float(lock.locked()), 3, workers=2, executor=executor)
    # Found out before the first trial where an executor may never end otherwise.
    assert [t.status for t in study.trials] == ["pending"] * (0 if name == "processes" else 2)
    assert study.ask().number == 0


def test_settings_that_make_no_sense(make, loss):
    study = make()
    with ThreadPoolExecutor(1) as executor:
        for words, options in {
            "workers: expected the number of trials that the executor runs at the same time, got None": {
                "executor": executor
            },
            "workers: expected at least 1, got 0": {"executor": executor, "workers": 0},
            "timeout: expected None with an executor": {"executor": executor, "workers": 1, "timeout": 1.0},
            "timeout: expected a number of seconds above 0, got 0.0": {"timeout": 0.0},
            "timeout: expected a number of seconds above 0, got nan": {"timeout": float("nan")},
            "retries: expected at least 0, got -1": {"retries": -1},
            "max_failures: expected at least 0, got True": {"max_failures": True},
        }.items():
            with pytest.raises(ValueError, match=words):
                study.optimize(loss, 3, **options)
    assert study.trials == []
