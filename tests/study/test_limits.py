"""What ends a trial or a search early: timeouts, failures, reasons to stop, signals."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import loky
import pytest

import jbo
from jbo.study import Stop
from tests.selection import some

SCRIPT = Path(__file__).parent / "overworked.py"


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.thorough), 2])
def test_a_timeout_ends_the_process(make, tmp_path, workers):
    def objective(config):
        (tmp_path / f"{os.getpid()} {config['n']}").touch()
        if config["n"] == 1:
            while True:  # nothing but a kill ends it
                time.sleep(0.01)
        if config["n"] == 2:
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            (tmp_path / f"{child.pid} child").touch()
            child.wait()
        return config["x"]

    study = make()
    for k, n in enumerate((5, 1, 5, 2, 5)):
        study.enqueue({"x": k / 10, "n": n, "c": "b"})
    start = time.monotonic()
    study.optimize(objective, 5, workers=workers, timeout=0.6)
    assert time.monotonic() - start < 30
    trials = study.trials
    assert [t.value for t in trials] == [0.0, None, 0.2, None, 0.4]
    assert {t.failure for t in trials if t.failure} == {"it took longer than the timeout of 0.6 s"}
    assert all(t.ended_at - t.started_at >= 0.6 for t in trials if t.failure)
    late = [int(path.name.split()[0]) for path in tmp_path.iterdir() if path.name.split()[1] in ("1", "2", "child")]
    assert len(late) == 3 and not any(map(is_running, late))


@pytest.mark.thorough
def test_what_ends_after_its_time_is_ignored(tmp_path):
    """The process that asks is busy with one trial until the result of the other one is there."""
    space = jbo.Space(seconds=jbo.Real(0.0, 3.0))
    for seconds, status in ((2.0, "failed"), (0.1, "ok")):

        def objective(config, seconds=seconds):
            time.sleep(config["seconds"])
            (tmp_path / f"{seconds} {config['seconds']}").touch()
            return 1.0

        def busy(trial, seconds=seconds):
            if trial.number == 0:
                wait_for((tmp_path / f"{seconds} {seconds}").exists)
                time.sleep(1.0)

        study = jbo.Study(space, strategy=jbo.random_search(space), seed=0)
        for each in (0.0, seconds):
            study.enqueue({"seconds": each})
        study.optimize(objective, 2, workers=2, timeout=1.0, on_trial_end=busy)
        assert [t.status for t in study.trials] == ["ok", status]
        assert status == "ok" or study.trials[1].failure == "it took longer than the timeout of 1 s"


@pytest.mark.thorough
def test_the_start_of_a_process_does_not_count(make):
    class Slow:
        def __getstate__(self):
            return "loaded"

        def __setstate__(self, state):
            time.sleep(1.0)
            self.state = state

        def __call__(self, config):
            return 2.0 if self.state == "loaded" else 1.0

    study = make()
    study.optimize(Slow(), 2, timeout=0.5)
    assert [t.value for t in study.trials] == [2.0, 2.0]


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.thorough)])
def test_retries(make, tmp_path, caplog, workers):
    def objective(config):
        attempt = len(list(tmp_path.glob(f"{config['n']} *")))
        (tmp_path / f"{config['n']} {attempt}").touch()
        if attempt < config["n"]:
            raise OSError(f"attempt {attempt}")
        if config["n"] == 0:
            config.clear()
        return float("nan") if config["n"] == 2 else float(attempt)

    study = make()
    for n in (1, 2, 3, 4):
        study.enqueue({"x": 0.0, "n": n, "c": "b"})
    study.optimize(objective, 4, workers=workers, retries=3)
    assert [t.value for t in study.trials] == [1.0, None, 3.0, None]
    assert study.trials[1].failure == "the value is nan, not finite"
    assert "attempt 3" in study.trials[3].failure and "attempt 2" not in study.trials[3].failure
    assert len(list(tmp_path.iterdir())) == 2 + 3 + 4 + 4
    again = sorted(r.getMessage().splitlines()[0] for r in caplog.records if "is run again" in r.getMessage())
    assert again == sorted(f"trial {n - 1} is run again ({k + 1} of 3)" for n in (1, 2, 3, 4) for k in range(min(n, 3)))


@pytest.mark.parametrize("most", [0, 2])
def test_max_failures(make, most):
    study = make()
    study.tell(study.ask(), failed="before")

    def objective(config):
        if len(study.trials) % 2:
            raise ArithmeticError("diverged\nhere")
        return 1.0

    with pytest.raises(RuntimeError, match=rf"max_failures: {most + 1} trials .* the maximum is {most}; .*: here$"):
        study.optimize(objective, 100, max_failures=most)
    assert [t.status for t in study.trials] == ["failed", *["ok", "failed"] * (most + 1)]
    study.optimize(objective, len(study.trials) + 2, max_failures=1)


@pytest.mark.thorough
def test_all_fail_and_all_are_equal(make):
    study = make(strategy=None)

    def objective(config):
        raise ArithmeticError

    study.optimize(objective, 8)
    assert [t.status for t in study.trials] == ["failed"] * 8
    study.optimize(lambda config: 1.0, 16)
    assert len({str(t.config) for t in study.trials}) == 16 and study.best.number == 8


@pytest.mark.parametrize("maximize", [False, True])
def test_reasons_to_stop(make, maximize):
    sign = -1.0 if maximize else 1.0
    values = [3.0, 4.0, 2.0, 2.0, None, 5.0, 1.0, 0.0]

    def search(stop):
        study, rest = make(maximize=maximize), iter(values)

        def objective(config):
            value = next(rest)
            if value is None:
                raise ArithmeticError
            return sign * value

        study.optimize(objective, 8, stop=stop)
        num = len(study.trials)
        study.optimize(objective, 8, stop=stop)
        assert len(study.trials) == num, "a reason that holds already begins nothing"
        return num

    assert search(Stop(target=sign * 2.0)) == 3
    assert search(Stop(target=sign * 2.5)) == 3
    assert search(Stop(target=sign * -1.0)) == 8
    assert search(Stop(no_improvement=3)) == 6
    assert search(Stop(no_improvement=1)) == 2
    assert search(Stop(no_improvement=4)) == 8
    assert search(Stop(no_improvement=3, target=sign * 2.0)) == 3
    assert search(Stop(seconds=0.0)) == 0
    assert search(Stop(seconds=1000.0)) == 8


def test_seconds_are_those_of_the_call(make):
    study, stop = make(), Stop(seconds=0.3)
    for _ in range(2):
        start = time.monotonic()
        study.optimize(lambda config: time.sleep(0.05) or 1.0, 1000, stop=stop)
        assert 0.3 <= time.monotonic() - start < 5
    assert 2 <= len(study.trials) <= 14


@pytest.mark.parametrize(
    ("reasons", "words"),
    [
        ({}, "expected target, seconds or no_improvement, got none"),
        ({"target": float("nan")}, "target: expected a number, got nan"),
        ({"seconds": -1.0}, "seconds: expected at least 0, got -1.0"),
        ({"seconds": float("nan")}, "seconds: expected at least 0, got nan"),
        ({"no_improvement": 0}, "no_improvement: expected at least 1, got 0"),
    ],
)
def test_reasons_that_are_none(reasons, words):
    with pytest.raises(ValueError, match=words):
        Stop(**reasons)


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.thorough)])
def test_on_trial_end(make, workers):
    study, seen = make(), []

    def see(trial):
        seen.append((trial.number, trial.status, trial.value, study.trials[trial.number].value))
        trial.config.clear()  # a copy of its own

    study.optimize(lambda config: 1.0 / (config["n"] - 1), 6, workers=workers, on_trial_end=see)
    assert sorted(seen) == [(t.number, t.status, t.value, t.value) for t in study.trials]
    assert all(t.config for t in study.trials)

    def fail(trial):
        raise LookupError("of the user's")

    with pytest.raises(LookupError, match="of the user's"):
        study.optimize(lambda config: 1.0, 20, workers=workers, on_trial_end=fail)
    assert [t.status for t in study.trials][6:] in (["ok"], ["ok", "pending"], ["pending", "ok"])
    assert workers == 1 or study.ask().number in (6, 7), "what ran beside it is given back"


@some(
    ("set_before", "expected"),
    [
        ({}, [0.375, 0.0]),
        ({"XLA_PYTHON_CLIENT_PREALLOCATE": "true"}, [0.375, 1.0]),
        ({"XLA_CLIENT_MEM_FRACTION": "0.2"}, [0.2, -1.0]),
        ({"XLA_PYTHON_CLIENT_MEM_FRACTION": "0.2"}, [0.2, -1.0]),
        ({"XLA_PYTHON_CLIENT_ALLOCATOR": "platform"}, [-1.0, -1.0]),
    ],
    ids=["nothing", "preallocate", "fraction", "older-fraction", "allocator"],
)
def test_workers_share_the_memory_of_an_accelerator(make, monkeypatch, set_before, expected):
    """What JAX gives to the driver of a GPU in a worker; what the environment says already is left alone."""

    def share(config):
        from jaxlib.xla_client import generate_pjrt_gpu_plugin_options

        options = generate_pjrt_gpu_plugin_options()
        return 10 * float(options.get("memory_fraction", -1)) + float(options.get("preallocate", -1))

    for name in ("PYTHON_CLIENT_PREALLOCATE", "PYTHON_CLIENT_MEM_FRACTION", "PYTHON_CLIENT_ALLOCATOR"):
        monkeypatch.delenv(f"XLA_{name}", raising=False)
    monkeypatch.delenv("XLA_CLIENT_MEM_FRACTION", raising=False)
    for name, value in set_before.items():
        monkeypatch.setenv(name, value)
    study = make()
    study.optimize(share, 2, workers=2)
    assert [t.value for t in study.trials] == pytest.approx([10 * expected[0] + expected[1]] * 2)


@pytest.mark.thorough
def test_workers_share_the_cores(make, monkeypatch):
    """As many threads of linear algebra as cores, over all workers; a worker has its own before NumPy is there."""

    def threads(config):
        from threadpoolctl import threadpool_info

        pools = [pool["num_threads"] for pool in threadpool_info() if pool["internal_api"] == "openblas"]
        assert pools and len(set(pools)) == 1
        return pools[0] + 100 * int(os.environ["MKL_NUM_THREADS"])

    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    study = make()
    study.optimize(threads, 2, workers=2)
    each = max(loky.cpu_count() // 2, 1)
    assert [t.value for t in study.trials] == [101 * each] * 2
    assert not any(name in os.environ for name in names), "the process that asks keeps its own"
    monkeypatch.setenv(names[2], "7")
    study.optimize(threads, 3, workers=2)
    assert study.trials[2].value == 700 + each, "the environment has the last word"


@pytest.mark.parametrize("to", [pytest.param("the process", marks=pytest.mark.thorough), "the whole group"])
def test_sigterm_ends_a_study_cleanly(tmp_path, to):
    env = {**os.environ, "PYTHONPATH": str(Path(jbo.__file__).parents[1])}
    process = subprocess.Popen(
        [sys.executable, "-W", "error", str(SCRIPT), str(tmp_path), "4", "wait"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=tmp_path, start_new_session=True,
    )  # fmt: skip
    wait_for(lambda: len(list(tmp_path.glob("worker *"))) == 2)
    workers = [int(path.name.split()[1]) for path in tmp_path.glob("worker *")]
    if to == "the process":
        process.terminate()
    else:
        os.killpg(process.pid, signal.SIGTERM)
    said, errors = process.communicate(timeout=60)
    assert (process.returncode, said, errors) == (128 + signal.SIGTERM, "", "")
    assert not any(map(is_running, workers))
    space = jbo.Space(x=jbo.Real(-1.0, 1.0))
    with jbo.Study(space, strategy=jbo.random_search(space), path=tmp_path / "study.db") as study:
        assert [t.status for t in study.trials] == ["pending"] * 2
        assert jbo.study.read_study(tmp_path / "study.db").workers == {}, "given back, and not only left behind"


@pytest.mark.guard
@pytest.mark.thorough
def test_the_end_of_a_job_gives_the_trials_back(tmp_path):
    """A scheduler sends SIGTERM to every process, workers too, one after another."""
    env = {**os.environ, "PYTHONPATH": str(Path(jbo.__file__).parents[1])}
    process = subprocess.Popen([sys.executable, str(SCRIPT), str(tmp_path), "4", "wait"], env=env, cwd=tmp_path)
    wait_for(lambda: len(list(tmp_path.glob("worker *"))) == 2)
    for worker in [int(path.name.split()[1]) for path in tmp_path.glob("worker *")]:
        os.kill(worker, signal.SIGTERM)
        time.sleep(0.05)
    process.terminate()
    assert process.wait(timeout=60) == 128 + signal.SIGTERM
    space = jbo.Space(x=jbo.Real(-1.0, 1.0))
    with jbo.Study(space, strategy=jbo.random_search(space), path=tmp_path / "study.db") as study:
        assert [t.status for t in study.trials] == ["pending"] * 2


def test_a_handler_of_the_users_stays(make):
    def mine(*_):
        raise LookupError("mine")

    def objective(config):
        os.kill(os.getpid(), signal.SIGTERM)
        return 1.0

    study = make()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    with pytest.raises(SystemExit) as end:
        study.optimize(objective, 1)
    assert end.value.code == 143 and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    signal.signal(signal.SIGTERM, mine)
    try:
        study.optimize(objective, 1)
        assert "LookupError: mine" in study.trials[0].failure
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
