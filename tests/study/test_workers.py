"""Trials that run at the same time, each in a process of its own."""

import math
import multiprocessing
import operator
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import jax
import numpy as np
import pytest

import jbo
from jbo.space import Integer, Space
from jbo.strategies import random_search
from jbo.study import Study, model
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


@pytest.mark.thorough
def test_four_at_once_and_no_barrier(make, tmp_path, monkeypatch):
    seen = []
    suggest = model.suggest
    monkeypatch.setattr(model, "suggest", lambda *args: (seen.append(args[2].status), suggest(*args))[1])

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


@pytest.mark.thorough
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
    numbers = {t.number for t in study.trials if t.status == "pending"}
    assert study.ask().number in numbers, "the other one is given back"


def test_stop_in_the_sequential_form(make, loss):
    study = make()
    study.optimize(loss, 9, stop=lambda trial: trial.number == 3)
    assert len(study.trials) == 4


@pytest.mark.parametrize("workers", [0, -1, True])
def test_how_many_workers(make, loss, workers):
    with pytest.raises(ValueError, match=f"workers: expected at least 1, got {workers}"):
        make().optimize(loss, 3, workers=workers)


def test_what_cannot_be_sent(make, monkeypatch):
    study, lock = make(), threading.Lock()
    with pytest.raises(TypeError, match="workers: the objective cannot be sent to another process: .*lock"):
        study.optimize(lambda config: float(lock.locked()), 3, workers=2)
    monkeypatch.setitem(sys.modules, "loky", None)
    with pytest.raises(ImportError, match=r"pip install jbo\[parallel\]"):
        study.optimize(lambda config: 1.0, 3, workers=2)
    assert study.trials == []


@pytest.mark.thorough
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


def enqueue(study, numbers):
    """One trial for each number, which is its ``n``."""
    for n in numbers:
        study.enqueue({"x": n / 100, "n": n, "c": "b"})


def cases(num):
    return Space(x=jbo.Real(-1.0, 1.0), n=Integer(1, num), c=jbo.Categorical("a", "b"))


class Loader:
    """Batches that two processes load, as the data loaders of deep learning libraries do it."""

    def __init__(self, method):
        self.method = method

    def __iter__(self):
        context = multiprocessing.get_context(self.method)
        tasks, batches = context.JoinableQueue(), context.Queue()
        processes = [context.Process(target=tasks_to_batches, args=(tasks, batches), daemon=True) for _ in range(2)]
        for process in processes:
            process.start()
        for k in range(4):
            tasks.put(k)
        for _ in range(4):
            yield batches.get(timeout=20)
        for process in processes:
            process.terminate(), process.join()


def tasks_to_batches(tasks, batches):
    while True:
        batches.put(10 * tasks.get())


def test_an_objective_starts_processes(make):
    """Workers have the standard start methods: what they start knows nothing of loky, and SIGTERM ends it."""

    def objective(config):
        if config["n"] == 1:
            with multiprocessing.get_context("spawn").Pool(2) as pool:
                return sum(pool.map(math.factorial, [3, 4]))
        if config["n"] == 2:
            with multiprocessing.Pool(2) as pool:  # by the start method that the script has set
                return sum(pool.map(math.factorial, [3, 4]))
        if config["n"] == 3:
            process = multiprocessing.get_context("spawn").Process(target=os._exit, args=(7,))
            process.start(), process.join()
            return process.exitcode
        if config["n"] == 4:
            with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as executor:
                return sum(executor.map(operator.neg, [3, 4]))
        if config["n"] == 5:
            return sum(Loader("spawn"))
        return len(multiprocessing.get_start_method())

    space = cases(6)
    study = make(space, strategy=random_search(space))
    enqueue(study, range(1, 7))
    multiprocessing.set_start_method("forkserver", force=True)
    try:
        study.optimize(objective, 6, workers=2, timeout=30.0)
    finally:
        multiprocessing.set_start_method(None, force=True)
    assert [t.value for t in study.trials] == [30, 30, 7, -7, 60, len("forkserver")], study.trials


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_an_objective_starts_processes_by_all_ways(make):
    methods = ["fork", "spawn", "forkserver"]

    def objective(config):
        way, context = divmod(config["n"] - 1, 3)
        method = methods[context]
        context = multiprocessing.get_context(method)
        if way == 0:
            with context.Pool(2) as pool:
                return sum(pool.map(math.factorial, [3, 4]))
        if way == 1:
            process = context.Process(target=os._exit, args=(7,))
            process.start(), process.join()
            return process.exitcode
        if way == 2:
            with ProcessPoolExecutor(2, context) as executor:
                return sum(executor.map(operator.neg, [3, 4]))
        if way == 3:
            return sum(Loader(method))
        if way == 4:
            from joblib import Parallel, delayed

            return sum(Parallel(n_jobs=2)(delayed(math.factorial)(k) for k in (3, 4)))
        if way == 5:
            from sklearn.ensemble import RandomForestRegressor

            x = np.linspace(0, 1, 40)[:, None]
            return RandomForestRegressor(4, n_jobs=2, random_state=0).fit(x, x[:, 0]).score(x, x[:, 0]) > 0.9
        with make_inner() as inner:
            inner.optimize(lambda config: config["x"], 4, workers=2)
            return sum(trial.status == "ok" for trial in inner.trials)

    def make_inner():
        space = Space(x=jbo.Real(0, 1))
        return Study(space, strategy=random_search(space), seed=0)

    space = cases(21)
    study = make(space, strategy=random_search(space))
    enqueue(study, range(1, 22))
    study.optimize(lambda config: float(objective(config)), 21, workers=2, timeout=120.0)
    assert [t.value for t in study.trials] == np.repeat([30, 7, -7, 60, 30, 1, 4], 3).tolist(), study.trials


@pytest.mark.thorough
def test_what_a_script_defines_is_sent_on_to_processes_of_the_objective(tmp_path):
    """Functions, and objects of its classes; the script needs no main guard, because no process loads it."""
    script = tmp_path / "script.py"
    script.write_text(
        "import jbo, multiprocessing\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "class Times:\n"
        "    def __init__(self, factor):\n"
        "        self.factor = factor\n"
        "    def __call__(self, x):\n"
        "        return self.factor * x\n"
        "def double(x):\n"
        "    return 2 * x\n"
        "def objective(config):\n"
        "    spawn = multiprocessing.get_context('spawn')\n"
        "    if config['n'] == 1:\n"
        "        with spawn.Pool(2) as pool:\n"
        "            return sum(pool.map(double, [1, 2]))\n"
        "    with ProcessPoolExecutor(2, spawn) as executor:\n"
        "        return sum(executor.map(Times(3), [1, 2]))\n"
        "space = jbo.Space(n=jbo.Integer(1, 2))\n"
        "study = jbo.Study(space, strategy=jbo.grid_search(space), seed=0)\n"
        "study.optimize(objective, 2, timeout=60, progress=False)\n"
        "for trial in study.trials:\n"
        "    print(trial.value, trial.failure)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(jbo.__file__).parents[1])}
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, env=env, timeout=200)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == ["6.0 None", "9.0 None"]


def test_workers_have_the_options_of_jax(make, tmp_path):
    """Those that the script has set, before or around the call: an objective computes the same in a worker."""

    def objective(config):
        assert jax.config.jax_numpy_rank_promotion == "raise"
        assert jax.config.jax_default_device == jax.devices("cpu")[0]
        assert jax.config.jax_persistent_cache_min_compile_time_secs == 0.1
        assert jax.config.jax_compilation_cache_dir == str(folder)
        return jax.numpy.asarray(1.0) * 1e-10 + 1.0 - 1.0

    folder, study = tmp_path / "cache", make()
    names = ["jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs", "jax_default_device"]
    before = {name: jax.config.values[name] for name in names}
    try:
        jbo.use_compile_cache(folder)
        jax.config.update("jax_default_device", jax.devices("cpu")[0])
        with jax.enable_x64(True), jax.numpy_rank_promotion("raise"):
            study.optimize(objective, 1, timeout=60.0)
    finally:
        for name, value in before.items():
            jax.config.update(name, value)
    assert study.trials[0].value == pytest.approx(1e-10, rel=1e-5), study.trials[0].failure


@pytest.mark.thorough
def test_a_worker_that_grows_is_kept(make, recwarn):
    """A process keeps what it has compiled: loky would restart one that has grown by 300 MB."""

    def objective(config, kept=[]):  # noqa: B006  each worker has its own
        kept.append(b"x" * (400 * 2**20 if len(kept) == 1 else 1))
        time.sleep(1.1 if len(kept) == 2 else 0.0)
        return len(kept)

    study = make()
    study.optimize(objective, 4, timeout=60.0)
    assert [t.value for t in study.trials] == [1, 2, 3, 4]


def test_what_ends_a_worker_ends_its_trial_only(make):
    class Odd(BaseException):
        def __init__(self, one, two):
            super().__init__(one)

        def __str__(self):
            raise KeyboardInterrupt

    def objective(config):
        if config["n"] == 1:
            sys.exit("bad lr")
        if config["n"] == 2:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)
        if config["n"] == 3:
            raise KeyboardInterrupt("mine")
        if config["n"] == 4:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(10)
        if config["n"] == 5:
            raise GeneratorExit
        if config["n"] == 6:
            raise Odd(1, 2)
        if config["n"] == 7:
            sys.stdout.close(), os.close(1)
        return os.getpgrp() == os.getpid() and 1.0  # a signal to its group reaches nobody else

    space = cases(8)
    study = make(space, strategy=random_search(space))
    enqueue(study, range(1, 9))
    study.optimize(objective, 8, timeout=60.0)
    last = [(t.failure or "").strip().splitlines()[-1:] for t in study.trials]
    assert last[0] == ["SystemExit: bad lr"]
    assert last[1] == ["the worker process died before the objective returned: SIGTERM(-15)"]
    assert last[2] == ["KeyboardInterrupt: mine"]
    assert last[3:5] == [["KeyboardInterrupt"], ["GeneratorExit"]]
    assert "Odd: <exception str() failed>" in last[5][0]
    assert [t.value for t in study.trials[6:]] == [1.0, 1.0]


def test_an_objective_that_exits_runs_again_as_retries_say(make, tmp_path):
    def objective(config):
        if not (tmp_path / "tried").exists():
            (tmp_path / "tried").touch()
            sys.exit(1)
        return 3.0

    study = make()
    study.optimize(objective, 1, timeout=60.0, retries=1)
    assert [t.value for t in study.trials] == [3.0]


def test_what_cannot_be_loaded_ends_the_call(make):
    class Ends:
        def __reduce__(self):
            return sys.exit, ("at its import",)

        def __call__(self, config):
            return 1.0

    study = make()
    with pytest.raises(TypeError, match="the objective cannot be loaded in another process:(.|\n)*at its import"):
        study.optimize(Ends(), 2, timeout=60.0)
    assert [t.status for t in study.trials] == ["pending"] and study.ask().number == 0, "it is given back"


def test_a_nested_study_that_cannot_send_its_objective_fails_the_trial(make):
    lock, inner = threading.Lock(), make()

    def objective(config):
        if config["n"] == 1:
            inner.optimize(lambda config: float(lock.locked()), 1, workers=2)
        return 1.0

    study = make()
    enqueue(study, [1, 2])
    study.optimize(objective, 2)
    assert [t.value for t in study.trials] == [None, 1.0]
    assert "CannotBeSent: workers: the objective cannot be sent to another process" in study.trials[0].failure


@pytest.mark.thorough
def test_a_thread_that_the_objective_left_does_not_hold_the_end_up(make):
    """A worker has 30 seconds to end."""

    def objective(config):
        threading.Thread(target=time.sleep, args=(600,)).start()
        return 1.0

    study, start = make(), time.monotonic()
    study.optimize(objective, 1, timeout=500.0)
    assert 29 < time.monotonic() - start < 300 and study.trials[0].value == 1.0


@pytest.mark.thorough
def test_a_fork_of_the_objective_is_no_second_worker(make, tmp_path):
    def objective(config):
        os.fork()
        (tmp_path / f"{config['n']} {os.getpid()}").touch()
        return 1.0

    study = make()
    enqueue(study, [1, 2, 3])
    study.optimize(objective, 3, timeout=60.0)
    wait_for(lambda: len(list(tmp_path.iterdir())) == 6)
    seen = [path.name.split() for path in tmp_path.iterdir()]
    assert sorted(n for n, _ in seen) == ["1", "1", "2", "2", "3", "3"]
    worker = set.intersection(*({pid for n, pid in seen if n == each} for each in "123"))
    assert len(worker) == 1, "all trials ran in the one worker"
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for _, pid in seen), 60)


@pytest.mark.guard
@pytest.mark.thorough
def test_a_terminals_ctrl_c(tmp_path):
    """Typed into a pseudo terminal: the study ends and its trials are given back."""
    env = {**os.environ, "PYTHONPATH": str(Path(jbo.__file__).parents[1])}
    terminal, other_end = pty.openpty()
    controlled = (
        "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
        "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    )
    command = [sys.executable, "-c", controlled, str(SCRIPT), str(tmp_path), "4", "wait"]
    process = subprocess.Popen(
        command, stdin=other_end, stdout=other_end, stderr=other_end, env=env, start_new_session=True
    )
    os.close(other_end)
    wait_for(lambda: len(list(tmp_path.glob("worker *"))) == 2)
    workers = [int(path.name.split()[1]) for path in tmp_path.glob("worker *")]
    os.write(terminal, b"\x03")
    said = b""
    try:
        while part := os.read(terminal, 10_000):
            said += part
    except OSError:  # the other end is closed
        pass
    assert process.wait(60) == -signal.SIGINT
    os.close(terminal)
    assert said.endswith(b"KeyboardInterrupt\r\n")
    wait_for(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers), 60)
    space = Space(x=jbo.Real(-1.0, 1.0))
    with Study(space, strategy=random_search(space), path=tmp_path / "study.db") as study:
        assert [t.status for t in study.trials] == ["pending"] * 2
        assert [t.number for t in study.ask(3)] == [0, 1, 2], "those that ran come first"
