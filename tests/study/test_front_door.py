"""What a newcomer meets on the first day: progress, mistakes in the objective, copies and messages."""

import copy
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from jax.stages import Lowered

import jbo
from jbo import Categorical, Integer, Real, Space, Study


@pytest.fixture
def space():
    return Space(x=Real(0.0, 1.0), n=Integer(1, 5))


@pytest.fixture
def begin(space):
    """Studies without a model, closed at the end of the test."""
    opened = []

    def begin(space=space, **options):
        opened.append(Study(space, strategy=jbo.random_search(space), seed=0, **options))
        return opened[-1]

    yield begin
    for study in opened:
        study.close()


class Terminal:
    def __init__(self, stream):
        self.stream = stream

    def isatty(self):
        return True

    def __getattr__(self, name):
        return getattr(self.stream, name)


# Progress


def test_progress_is_lines_on_the_error_stream_of_which_fast_trials_make_few(begin, capsys):
    begin().optimize(lambda config: config["x"], 60)  # a table of one size: one program
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert said.out == ""
    assert lines[0].startswith("1/60: trial 0, value ") and lines[-1].startswith("60/60: trial 59, value ")
    assert 2 <= len(lines) < 20


def test_the_last_trial_of_a_search_that_was_stopped_is_shown(begin, capsys):
    begin().optimize(lambda config: config["x"], 50, stop=lambda trial: trial.number == 6)
    assert capsys.readouterr().err.splitlines()[-1].startswith("7/50: trial 6, value ")


def test_a_terminal_without_rich_has_a_bar_of_one_line(begin, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.setenv("COLUMNS", "90")
    monkeypatch.setattr(sys, "stderr", Terminal(sys.stderr))
    values = iter([3.0, 1.0])
    begin().optimize(lambda config: next(values), 2)
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.endswith("\n")
    last = said.split("\r")[-1]
    assert last.startswith("[####################] 2/2: trial 1, value 1, best 1, left 0:00:00") and len(last) == 90


def test_progress_false_is_silent(begin, capsys, monkeypatch):
    study = begin()
    study.optimize(lambda config: config["x"], 3, progress=False)
    study.optimize(lambda config: config["x"], 2, progress=False)
    monkeypatch.setattr(sys, "stderr", None)  # as under pythonw
    study.optimize(lambda config: config["x"], 4)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("error", [BrokenPipeError(), ValueError("I/O operation on closed file")])
def test_a_stream_that_takes_nothing_does_not_end_the_search(begin, monkeypatch, error):
    class Closed:
        def write(self, *_):
            raise error

        flush = isatty = write

    study = begin()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", Closed())
        study.optimize(lambda config: 1.0, 3)
    assert len(study.trials) == 3


def test_a_call_that_runs_nothing_says_so(begin, capsys):
    study = begin()
    study.optimize(lambda config: config["x"], 3, progress=False)
    study.optimize(lambda config: config["x"], num_trials=2)
    assert capsys.readouterr().err == (
        "3 trials of this study have ended already, so num_trials=2 runs none: num_trials includes earlier calls; "
        "num_trials=5 runs 2 more\n"
    )
    assert len(study.trials) == 3


def test_a_wait_for_the_program_of_a_model_is_said(begin, space, capsys, monkeypatch):
    compiled = Lowered.compile

    def slow(lowered, **options):
        time.sleep(0.8)
        return compiled(lowered, **options)

    study = Study(space, strategy=jbo.parzen(space, num_initial=2, num_candidates=63), seed=0)
    with study:
        study.optimize(lambda config: config["x"], 1, progress=False)
        monkeypatch.setattr(Lowered, "compile", slow)
        study.tell(study.ask(), 0.5)
        assert capsys.readouterr().err == ""
        study.optimize(lambda config: config["x"], 3)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "compiling the model's program ..."
    assert lines[-1].startswith("3/3: ")


@pytest.mark.guard
def test_gpyopt_is_silent_unless_asked(capsys):
    from jbo.compat.gpyopt.methods import BayesianOptimization

    search = BayesianOptimization(
        lambda x: x[:, :1], domain=[{"name": "x", "domain": (0, 1)}], initial_design_numdata=3
    )
    search.run_optimization(0)
    assert capsys.readouterr() == ("", "")


# A programming error


def no_such_name(config):
    return config["learning_rate"]


def no_such_function(config):
    return undefined(config)  # noqa: F821  # pyright: ignore[reportUndefinedVariable]


def unbound(config):
    if config["x"] > 2:
        value = 1.0
    return value  # pyright: ignore[reportPossiblyUnboundVariable]


def no_such_module(config):
    import no_such_module_anywhere  # pyright: ignore[reportMissingImports]

    return no_such_module_anywhere.value


@pytest.mark.parametrize(
    ("objective", "error"),
    [
        (no_such_name, KeyError),
        (no_such_function, NameError),
        (unbound, UnboundLocalError),
        (no_such_module, ModuleNotFoundError),
        (lambda config: config.x, AttributeError),
        (lambda config: config["x"] + "1", TypeError),
    ],
)
def test_five_trials_with_one_mistake_end_the_search(begin, objective, error):
    study = begin()
    with pytest.raises(error) as raised:
        study.optimize(objective, 20)
    assert [t.status for t in study.trials] == ["failed"] * 5
    assert "stop_on_repeated_error=False" in raised.value.__notes__[-1]
    assert Path(__file__).name in raised.value.__notes__[-1]


def test_the_mistake_may_be_let_pass(begin):
    study = begin()
    study.optimize(no_such_name, 7, stop_on_repeated_error=False)
    assert [t.status for t in study.trials] == ["failed"] * 7


@pytest.mark.guard
def test_other_failures_teach_the_model(begin):
    count = iter(range(100))

    def diverged(config):
        return float("nan")

    def no_memory(config):
        raise MemoryError

    def two_lines(config):
        if next(count) % 2:
            return config["a"]
        return config["b"]

    def once_right(config):
        return 1.0 if next(count) % 5 == 4 else config["a"]

    for objective in (diverged, no_memory, two_lines, once_right):
        study = begin()
        count = iter(range(100))
        study.optimize(objective, 9, progress=False)
        assert len(study.trials) == 9


def test_after_the_correction_the_same_file_goes_on(begin, tmp_path):
    calls = []

    def wrong(config):
        calls.append(config)
        return config["rate"]

    def wrong_again(config):
        calls.append(config)
        return config["momentum"]

    path = tmp_path / "study.db"
    first = begin(path=path)
    first.optimize(wrong, 3, progress=False)  # three trials of an earlier run
    first.close()
    for objective, num_calls in ((wrong, 5), (wrong, 6), (wrong_again, 11)):
        study = begin(path=path)
        with pytest.raises(KeyError):
            study.optimize(objective, 40, progress=False)
        assert len(calls) == len(study.trials) == num_calls
        study.close()
    study = begin(path=path)
    study.optimize(lambda config: config["x"], 14, progress=False)
    assert [t.status for t in study.trials] == ["failed"] * 11 + ["ok"] * 3


def test_a_trial_that_is_run_again_is_one_and_a_batch_is_several(begin):
    calls = []

    def wrong(config):
        calls.append(config)
        return config["rate"]

    study = begin()
    with pytest.raises(KeyError):
        study.optimize(wrong, 20, retries=1)
    assert len(study.trials) == 5 and len(calls) == 10
    study = begin()
    with pytest.raises(KeyError):
        study.optimize(lambda configs: [config["rate"] for config in configs], 20, batch=2)
    assert [t.status for t in study.trials].count("failed") == 6 - 1


IN_WORKERS = """
import logging, sys
import jbo
logging.getLogger("jbo").setLevel(logging.CRITICAL)
class OfTwo(KeyError):
    def __init__(self, first, second):
        super().__init__(first)
def wrong(config):
    return config["rate"]
def of_two(config):
    raise OfTwo("one", "two")
space = jbo.Space(x=jbo.Real(0, 1))
for objective in (wrong, of_two):
    study = jbo.Study(space, strategy=jbo.random_search(space), seed=0)
    try:
        study.optimize(objective, 30, workers=2, progress=False)
    except Exception as error:
        text = str(error) + "".join(getattr(error, "__notes__", []))
        print(type(error).__name__, sum(t.status == "failed" for t in study.trials), f"in {objective.__name__}" in text)
"""


@pytest.mark.thorough
def test_the_error_comes_back_from_the_process_of_a_worker():
    env = {**os.environ, "PYTHONPATH": str(Path(jbo.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", IN_WORKERS], capture_output=True, text=True, env=env, check=True)
    assert done.stdout.splitlines() == ["KeyError 5 True", "RuntimeError 5 True"], done.stderr


# Messages


@pytest.mark.parametrize(
    "make", [Study, jbo.bayesian, jbo.parzen, jbo.random_search, jbo.sobol_search, jbo.grid_search, jbo.trust_region]
)
@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ({"x": (0, 1)}, "jbo.Space({'x': jbo.Real(0, 1)})"),
        ([{"name": "x", "domain": (0, 1)}], "jbo.Space.from_domain(domain)"),
        (None, "jbo.Space(x=jbo.Real(0, 1)"),
    ],
)
def test_what_a_space_is(make, wrong, hint):
    with pytest.raises(TypeError) as raised:
        make(wrong)
    assert str(raised.value).startswith("space: expected jbo.Space(x=jbo.Real(0, 1), ")
    assert hint in str(raised.value) and f"got {wrong!r} of type {type(wrong).__name__}" in str(raised.value)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"maximize": "yes"}, TypeError, "maximize: expected True or False, got 'yes'"),
        ({"seed": 1.5}, TypeError, "seed: expected an integer from 0 to 2**63 - 1, got 1.5"),
        ({"path": 3}, TypeError, "path: expected the name of a file, or None for a study in memory, got 3"),
        ({"strategy": jbo.parzen}, TypeError, "write jbo.parzen(space)"),
        ({"strategy": "parzen"}, TypeError, "got 'parzen'; write jbo.parzen(space)"),
        (
            {"strategy": jbo.random_search(Space(n=Integer(1, 2)))},
            ValueError,
            "with columns (real, ordered of 5 levels), got one with columns (ordered of 2 levels)",
        ),
    ],
)
def test_arguments_of_a_study(space, options, error, message):
    with pytest.raises(error) as raised:
        Study(space, **options)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.optimize(0.5, 3), "objective: expected a function of a configuration, got 0.5"),
        (lambda s: s.optimize(abs, "3"), "num_trials: expected an integer of at least 0, got '3'"),
        (lambda s: s.optimize(lambda c: None, 1), "got None of type NoneType; it ended without a return statement"),
        (lambda s: s.optimize(lambda c: (1.0, 2), 1), "got (1.0, 2) of type tuple; return one number, or jbo.Result"),
        (lambda s: s.optimize(lambda c: {"loss": 1.0}, 1), "of type dict; return one number, or jbo.Result"),
        (lambda s: s.optimize(lambda c: np.ones(1), 1), "an array of shape (1,); return its only entry, by .item()"),
        (lambda s: Study.from_trials([], s.space, strategy=jbo.parzen(s.space)), "got a Parzen that is made already"),
    ],
)
def test_arguments_of_calls(begin, call, message):
    with pytest.raises(TypeError) as raised:
        call(begin())
    assert message in str(raised.value)


def test_a_scalar_of_another_library_is_a_number(begin):
    class Scalar:  # on a device, or with a gradient: NumPy cannot read it
        shape = ()

        def __array__(self, *args, **kwargs):
            raise RuntimeError("call detach first")

        def item(self):
            return 2.5

    study = begin()
    study.optimize(lambda config: Scalar(), 1)
    assert study.best.value == 2.5


def test_a_study_says_what_to_do_in_place_of_pickling(begin, tmp_path):
    for study, advice in ((begin(), "study.copy(path)"), (begin(path=tmp_path / "s.db"), "jbo.Study.open(")):
        for make in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="a study cannot be pickled or copied in memory") as raised:
                make(study)
            assert advice in str(raised.value)


def test_the_folder_of_the_cache_may_be_a_string(tmp_path):
    code = (
        "import jbo, jax; f = jbo.use_compile_cache('cache'); print(f.is_dir(), jax.config.jax_compilation_cache_dir)"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(jbo.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=env)
    assert done.stdout == f"True {tmp_path / 'cache'}\n", done.stderr


# Copies and trials of the past


def test_a_copy_goes_on_by_itself(begin, tmp_path):
    study = begin()
    study.optimize(lambda config: config["x"], 3, progress=False)
    study.enqueue({"x": 0.5, "n": 2})
    study.enqueue({"x": 0.25, "n": 2})
    pending = study.ask()
    with study.copy(tmp_path / "copy.db") as other:
        assert other.seed == study.seed and other.maximize is False
        assert [(t.number, t.config, t.value, t.status) for t in other.trials] == [
            (t.number, t.config, t.value, t.status) for t in study.trials
        ]
        with pytest.raises(ValueError, match="expected one of this study"):
            other.tell(pending, 1.0)
        again = other.ask()  # what was pending belongs to nobody in the copy
        assert (again.number, again.config) == (3, {"x": 0.5, "n": 2})
        other.tell(again, 7.0)
        assert other.ask().config == {"x": 0.25, "n": 2}
        assert study.tell(pending, 8.0).value == 8.0
        assert study.trials[3].value == 8.0 and other.trials[3].value == 7.0 and len(study.trials) == 4
        study.ask()
        assert study.ask().config == other.ask().config  # the same strategy, seed and number
        with pytest.raises(FileExistsError, match="expected the name of a new file"):
            study.copy(tmp_path / "copy.db")
    with Study.open(tmp_path / "copy.db", strategy=jbo.random_search) as opened:
        assert opened.trials[3].value == 7.0
    assert os.listdir(tmp_path) == ["copy.db"]


def test_a_copy_is_consistent_while_others_write(space, tmp_path):
    path = tmp_path / "study.db"
    code = (
        "import jbo, sys\n"
        f"s = jbo.Study.open({str(path)!r}, strategy=jbo.random_search)\n"
        "print('begun', flush=True)\n"
        "for i in range(400): s.tell({'x': 0.5, 'n': 1}, float(i))\n"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(jbo.__file__).parents[1])}
    with Study(space, strategy=jbo.random_search(space), seed=0, path=path) as study:
        writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=env)
        assert writer.stdout is not None and writer.stdout.readline()
        for i in range(4):
            with study.copy(tmp_path / f"copy{i}.db") as other:
                values = [t.value for t in other.trials]
                assert values == [float(j) for j in range(len(values))]
        writer.communicate()
        assert writer.returncode == 0


def test_parameters_that_were_added_later(begin, space):
    old = begin()
    old.tell({"x": 0.5, "n": 1}, 3.0)
    old.tell({"x": 0.25, "n": 4}, 2.0)
    new = Space(
        x=Real(0.0, 1.0), n=Integer(1, 5), dropout=Real(0.0, 0.9), norm=Categorical("batch", "none"),
        momentum=Real(0.0, 1.0, when=("n", {4})),
    )  # fmt: skip

    def begun(**options):
        return Study.from_trials(old.trials, new, strategy=jbo.random_search, **options)

    with begun(defaults={"dropout": 0, "norm": "none", "momentum": 0.5}) as study:
        assert [t.config for t in study.trials] == [
            {"x": 0.5, "n": 1, "dropout": 0.0, "norm": "none"},
            {"x": 0.25, "n": 4, "dropout": 0.0, "norm": "none", "momentum": 0.5},
        ]
        assert [t.value for t in study.trials] == [3.0, 2.0]
    with pytest.raises(ValueError, match=r"trial 0: dropout: .*defaults=\{'dropout': …\}"):
        begun()
    with pytest.raises(ValueError, match=r"defaults: dropout: expected a number in \[0.0, 0.9\], got 2"):
        begun(defaults={"dropout": 2})
    with pytest.raises(ValueError, match="defaults: drop: .*; nearest is 'dropout'"):
        begun(defaults={"drop": 0.0})
    with pytest.raises(ValueError, match="trial 0: n: .*an unknown name; keep the parameter in the space"):
        Study.from_trials(old.trials, Space(x=Real(0.0, 1.0)), strategy=jbo.random_search)
