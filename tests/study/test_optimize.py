import inspect
import logging
import re
import subprocess
import sys
import time

import jax.numpy as jnp
import numpy as np
import pytest

from jbo.space import Categorical, Integer, Space
from jbo.study import SpaceExhausted, model
from jbo.study.storage import Storage


def test_until_so_many_have_ended(make, loss):
    study = make()
    seen = []

    def objective(config):
        seen.append(dict(config))
        value = loss(config)
        config.clear()  # the objective's own
        return value

    study.tell(study.ask(), failed="by hand")
    study.tell(study.ask(), 3.0)
    assert study.optimize(objective, 5) is None
    assert [t.config for t in study.trials[2:]] == seen and len(seen) == 3
    assert [t.value for t in study.trials[2:]] == [loss(config) for config in seen]
    study.optimize(objective, 5)
    study.optimize(objective, 2)
    assert len(seen) == 3
    study.optimize(objective, num_trials=6)
    assert len(seen) == 4


def test_results_may_be_arrays(make):
    study = make()
    results = iter([jnp.asarray(0.5), np.float32(0.25), 1, np.array(2)])
    study.optimize(lambda config: next(results), 4)
    assert [t.value for t in study.trials] == [0.5, 0.25, 1.0, 2.0]


def test_an_exception_fails_its_trial(make, caplog):
    study = make()
    count = iter(range(10))

    def objective(config):
        if next(count) in (1, 2):
            raise RuntimeError(f"no luck with {config['n']} \udcff")
        return 1.0

    with caplog.at_level(logging.WARNING, "jbo"):
        study.optimize(objective, 4)
    assert [t.status for t in study.trials] == ["ok", "failed", "failed", "ok"]
    failure = study.trials[1].failure
    assert failure.startswith("Traceback (most recent call last):")
    assert f"no luck with {study.trials[1].config['n']}" in failure and "in objective" in failure
    logged = [f"trial {number} failed\n{study.trials[number].failure}" for number in (1, 2)]
    assert [record.getMessage() for record in caplog.records] == logged
    assert all(text.isascii() for text in logged), "text that no handler can write is escaped"


def test_values_that_are_not_finite_fail(make):
    study = make()
    values = iter([1.0, float("nan"), float("-inf"), 2.0])
    study.optimize(lambda config: next(values), 4)
    assert [t.status for t in study.trials] == ["ok", "failed", "failed", "ok"]
    assert [t.failure for t in study.trials[1:3]] == [f"the value is {v}, not finite" for v in ("nan", "-inf")]
    assert study.best.value == 1.0


@pytest.mark.parametrize("result", [None, "0.5", True, [1.0]], ids=repr)
def test_no_number_ends_at_its_first_trial(make, result):
    study = make()
    results = iter([1.0, result, 1.0])
    with pytest.raises(TypeError, match="the objective must return a number; trial 1: value: expected a number, got"):
        study.optimize(lambda config: next(results), 3)
    assert [t.status for t in study.trials] == ["ok", "failed"]
    assert study.trials[1].failure.startswith("the objective returned no number: value: expected a number, got")


def test_a_number_that_cannot_be_read_fails_its_trial(make):
    """As an array of JAX whose computation went wrong: the error comes when it is read."""

    class Array:
        shape = ()

        def __array__(self, *args, **kwargs):
            raise RuntimeError("RESOURCE_EXHAUSTED: out of memory")

    study, results = make(), iter([1.0, Array(), 1.0])
    study.optimize(lambda config: next(results), 3)
    assert [t.value for t in study.trials] == [1.0, None, 1.0]
    assert study.trials[1].failure.endswith("RuntimeError: RESOURCE_EXHAUSTED: out of memory\n")


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_gives_the_trial_back(make, loss, interrupt, outcome):
    study, unbroken = make(), make()
    mine = study.ask()
    unbroken.ask()
    unbroken.optimize(loss, 4)

    def objective(config):
        if sum(trial.status != "pending" for trial in study.trials) == 2:
            raise interrupt
        return loss(config)

    with pytest.raises(interrupt):
        study.optimize(objective, 4)
    assert [t.status for t in study.trials] == ["pending", "ok", "ok", "pending"]
    study.optimize(loss, 4)
    assert outcome(study.trials) == outcome(unbroken.trials), "the same numbers and configurations"
    study.tell(mine, 0.5)
    assert study.ask().number == 5, "what the user holds is not given back"


def test_an_interrupt_in_the_middle_of_ask_and_tell(make, loss, monkeypatch, outcome):
    unbroken = make()
    unbroken.optimize(loss, 3)
    for method in ("claim", "insert", "finish", "read"):
        for after in (False, True):
            study = make()
            study.optimize(loss, 1)
            real = getattr(Storage, method)

            def broken(*args, real=real, after=after):
                if after:
                    real(*args)
                raise KeyboardInterrupt

            with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
                patch.setattr(Storage, method, broken)
                study.optimize(loss, 3)
            study.optimize(loss, 3)
            assert outcome(study.trials) == outcome(unbroken.trials), (method, after)


def test_a_discrete_space_ends_the_study(make, draws):
    space = Space(n=Integer(1, 2), c=Categorical("a", "b"))
    study = make(space, strategy=draws(space.encoding, num_new=7))
    study.optimize(lambda config: 1.0, 100)
    assert len({str(t.config) for t in study.trials}) == 4 or len(study.trials) == 7
    with pytest.raises(SpaceExhausted):
        study.ask()


def test_space_exhausted_inside_the_objective_is_a_failure_like_others(make):
    study = make()

    def objective(config):
        raise SpaceExhausted("another study's")

    study.optimize(objective, 2)
    assert [t.status for t in study.trials] == ["failed", "failed"]


# Progress


class Terminal:
    def __init__(self, stream):
        self.stream = stream

    def isatty(self):
        return True

    def __getattr__(self, name):
        return getattr(self.stream, name)


def run(study):
    values = iter([3.0, None, 1.0, 2.0])

    def objective(config):
        value = next(values)
        if value is None:
            raise RuntimeError
        return value

    return lambda **options: study.optimize(objective, 4, **options)


def test_plain_lines(make, capsys):
    study = make()
    study.tell(study.ask(), 4.0)
    run(study)(progress=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert lines[:3] == [
        "2/4: trial 1, value 3, best 3, left 0:00:00",
        "3/4: trial 2, value failed, best 3, left 0:00:00",
        "4/4: trial 3, value 1, best 1, left 0:00:00",
    ]


def test_arguments_by_the_names_of_other_libraries(make):
    study = make()
    with pytest.raises(TypeError, match="^n_trials: optimize has no such argument; it is called num_trials, which"):
        study.optimize(lambda config: 1.0, n_trials=3)
    with pytest.raises(TypeError, match="^n_jobs: optimize has no such argument; it is called workers$"):
        study.optimize(lambda config: 1.0, 3, n_jobs=2)
    with pytest.raises(TypeError, match="unexpected keyword argument 'others'"):
        study.optimize(lambda config: 1.0, 3, others=2)
    assert not study.trials and list(inspect.signature(study.optimize).parameters)[:2] == ["objective", "num_trials"]


def test_silence(make, capsys):
    run(make())(progress=False)
    assert capsys.readouterr() == ("", "")


def test_time_left(monkeypatch, make, capsys):
    study = make()
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)

    def objective(config):
        nonlocal now
        now += 1800.6
        return 1.0

    study.optimize(objective, 3, progress=True)
    assert [line.split("left ")[1] for line in capsys.readouterr().err.splitlines()] == [
        "1:00:01",
        "0:30:01",
        "0:00:00",
    ]


def test_waiting_for_a_program_does_not_count_in_the_time_left(monkeypatch, make, capsys):
    study = make()
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    suggest = model.suggest

    def slow(*arguments):
        nonlocal now
        *_, waiting = arguments
        if now == 0.0:
            with waiting("compiling"):
                now += 500.0
        return suggest(*arguments)

    monkeypatch.setattr(model, "suggest", slow)

    def objective(config):
        nonlocal now
        now += 60.0
        return 1.0

    study.optimize(objective, 3, progress=True)
    left = [line.split("left ")[1] for line in capsys.readouterr().err.splitlines()]
    assert left == ["0:02:00", "0:01:00", "0:00:00"]


@pytest.mark.parametrize(("progress", "shown"), [(None, True), (True, True), (False, False)])
def test_bar_in_a_terminal(make, capsys, monkeypatch, progress, shown):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal(sys.stderr))
    run(make())(progress=progress)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert bool(captured.err) == shown
    if shown:
        last = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", captured.err).strip().splitlines()[-1]
        assert all(text in last for text in ("4/4", "trial 3", "value 2", "best 1", "left 0:00:00")), last


def test_without_rich(make, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.setattr(sys, "stderr", Terminal(sys.stderr))
    for progress in (None, True):
        run(make())(progress=progress)
        said = capsys.readouterr().err
        assert "4/4: trial 3, value 2, best 1" in said.split("\r")[-1] and said.count("\n") == 1


PLAIN = """
import sys
import time
import jbo.study
from jbo.space import Integer, Real, Space
from jbo.strategies import random_search
heavy = {"rich", "flax", "sklearn", "matplotlib"} & {name.split(".")[0] for name in sys.modules}
assert not heavy, heavy
space = Space(x=Real(0.0, 1.0))
for strategy in (random_search, random_search(Space(n=Integer(1, 2)))):
    try:
        jbo.study.Study(space, strategy=strategy)
    except (TypeError, ValueError) as error:
        print(str(error)[:60])
with jbo.study.Study(space, strategy=random_search(space)) as study:
    for arguments in [(0, 0.5), (None, 0.5)]:
        try:
            study.tell(*arguments)
        except TypeError as error:
            print(error)
    try:
        study.tell({"x": 0.5}, failed=OSError("no disk"))
    except TypeError as error:
        print(error)
    study.optimize(len, 0)
"""


def test_in_a_process_without_the_type_checker():
    done = subprocess.run([sys.executable, "-c", PLAIN], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        "expected a strategy such as jbo.bayesian(space), got <functi",
        "expected a strategy made for the study's space, with columns",
        "expected a trial or a configuration, got 0",
        "expected a trial or a configuration, got None",
        "failed: expected a string that says why the trial failed, got OSError('no disk')",
    ]
    assert done.stderr == ""
