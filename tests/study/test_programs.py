"""Programs are compiled once, ahead of their first call where a study can know what comes, and a wait is told."""

import contextlib
import gc
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import pytest
from jax.stages import Lowered

import jbo
from jbo.encoding import snap
from jbo.space import Real, Space
from jbo.strategies import AskInfo, Strategy
from jbo.study import Study, programs

SPACE = Space(x=Real(0.0, 1.0))
log = []
"""One entry a trace: which method, of which capacity, in which thread."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Watched(Strategy):
    """A strategy with a design of three that tells when and where it is traced."""

    shift: float
    test: str = field(metadata={"static": True})
    """Another structure, so other programs, in each test."""
    num_initial = 3

    def suggest(self, key, state, region):
        log.append(("ask", len(state.y), threading.current_thread().name))
        return self._draw(key, state)

    def design(self, key, state, *, fixed=None):
        log.append(("design", len(state.y), threading.current_thread().name))
        return self._draw(key, state)

    def _draw(self, key, state):
        x = jax.random.uniform(jax.random.fold_in(key, jnp.sum(state.status)), (1,), state.x.dtype)
        return snap(self.encoding, (x + self.shift) % 1), AskInfo(jnp.asarray(True))


@pytest.fixture(autouse=True)
def begin_anew():
    del log[:]
    yield
    for thread in threading.enumerate():
        if thread.name == "jbo-compile":
            thread.join()


def test_a_thread_that_compiles_gives_way_until_somebody_waits_for_it(monkeypatch):
    asked, begun, go_on = [], threading.Event(), threading.Event()
    monkeypatch.setattr(os, "setpriority", lambda *request: asked.append(request))

    def slow(x):
        begun.set()
        assert go_on.wait(60)
        return x + 1

    call = programs.Call(slow, (jnp.float32(1),), None)
    programs.compile_ahead(call, contextlib.nullcontext)
    assert begun.wait(60)
    [compiles] = [thread.native_id for thread in threading.enumerate() if thread.name == "jbo-compile"]
    assert asked == [(os.PRIO_PROCESS, compiles, 10)]
    results = []
    waits = threading.Thread(target=lambda: results.append(programs.run(call)))
    waits.start()
    while len(asked) < 2 and waits.is_alive():
        time.sleep(0.01)
    go_on.set()
    waits.join()
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert asked[1:] == [(os.PRIO_PROCESS, compiles, own)]
    assert results[0][0] == 2 and results[0][1] > 0
    assert programs.run(call) == (2, 0.0) and len(asked) == 2


@pytest.fixture
def watched(request):
    return lambda shift=0.0: Study(SPACE, strategy=Watched(SPACE.encoding, shift, request.node.name), seed=0)


def told(study, number):
    for _ in range(number):
        study.tell(study.ask(), 0.0)


def settle():
    deadline = time.monotonic() + 300  # these threads are polite, and the machine may be busy
    while any(thread.name == "jbo-compile" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("collects", [True, False])
def test_a_program_is_traced_with_short_turns_and_without_the_collector(collects):
    before, seen = sys.getswitchinterval(), []

    def traced(x):
        seen.append((sys.getswitchinterval(), gc.isenabled()))
        return x + 1

    def broken(x):
        raise ValueError("broken")

    (gc.enable if collects else gc.disable)()
    try:
        programs.run(programs.Call(traced, (jnp.zeros(3),), None))
        [(interval, was_enabled)] = seen
        assert 0 < interval <= 1.1e-4 < before and not was_enabled
        with pytest.raises(ValueError, match="broken"):
            programs.run(programs.Call(broken, (jnp.zeros(3),), None))
        assert sys.getswitchinterval() == before and gc.isenabled() == collects
    finally:
        gc.enable()


def test_what_comes_next_is_compiled_in_the_background_and_once(watched):
    with watched() as study:
        told(study, 2)
        settle()
        assert log == [("design", 64, "MainThread"), ("ask", 64, "jbo-compile")]
        told(study, 44)
        settle()
        assert len(log) == 2, "nothing new for the rest of three quarters of a capacity"
        told(study, 30)
        settle()
        assert log[2:] == [("ask", 96, "jbo-compile"), ("ask", 128, "jbo-compile")]
        waits = []
        for _ in range(4):
            told(study, 1)
            waits.append(study.last_suggestion.seconds_compile)
        assert waits == [0.0] * 4 and study.last_suggestion.is_model_based


def test_the_program_of_the_model_is_compiled_while_the_queue_is_run(watched):
    with watched() as study:
        for k in range(4):
            study.enqueue({"x": k / 4})
        told(study, 2)
        settle()
        assert log == [("ask", 64, "jbo-compile")]
        told(study, 3)
        assert len(log) == 1 and study.last_suggestion.seconds_compile == 0.0


def test_the_program_of_the_model_is_compiled_while_the_last_trial_of_the_design_runs(watched):
    with watched() as study:
        study.tell({"x": 0.5}, 0.0)
        told(study, 2)
        settle()
        assert log == [("design", 64, "MainThread"), ("ask", 64, "jbo-compile")]


def test_the_end_of_a_run_is_known(watched):
    with watched() as study:
        study.optimize(lambda config: 0.0, 64)
        settle()
        assert [capacity for _, capacity, _ in log] == [64, 64], "no program for trials that will not come"


def test_who_asks_once_waits_for_no_thread(watched):
    with watched() as study:
        study.ask()
    assert [entry[0] for entry in log] == ["design"]


def test_a_wait_is_told(watched, monkeypatch, caplog):
    real = Lowered.compile

    def slow(lowered, **options):
        time.sleep(0.3)
        return real(lowered, **options)

    monkeypatch.setattr(Lowered, "compile", slow)
    with watched() as study, caplog.at_level("INFO", "jbo"):
        study.ask()
        first = study.last_suggestion
        study.ask()
        second = study.last_suggestion
    assert first.seconds >= first.seconds_compile >= 0.3 and second.seconds_compile == 0.0
    assert not first.is_model_based and caplog.messages == [
        f"trial 0 waited {first.seconds_compile:.1f} s for a program"
    ]


def test_numbers_are_data_and_the_program_is_the_same(watched):
    with watched() as study, watched(0.25) as shifted:
        x, y = study.ask().config["x"], shifted.ask().config["x"]
    assert len(log) == 1 and (x + 0.25) % 1 == pytest.approx(y)


def test_an_error_of_a_background_compilation_reaches_the_one_who_needs_it(watched, monkeypatch):
    with watched() as study:
        monkeypatch.setattr(Watched, "suggest", lambda *_: 1 / 0)
        told(study, 2)
        settle()
        told(study, 1)
        with pytest.raises(ZeroDivisionError):
            study.ask()
        monkeypatch.undo()
        assert study.ask().number == 3, "and the next try begins anew"


@pytest.mark.thorough
def test_a_study_that_begins_with_trials_compiles_fit_and_ask_side_by_side(monkeypatch):
    settle()
    begun, real = [], Lowered.compile

    def compiled(lowered, **options):
        begun.append(threading.current_thread().name)
        deadline = time.monotonic() + 60
        while len(begun) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)  # this one is not there before the other one has begun
        return real(lowered, **options)

    monkeypatch.setattr(Lowered, "compile", compiled)
    programs.forget()
    problem = jbo.functions.branin
    with Study(problem.space, seed=0) as study:
        for x1 in range(8):
            study.tell({"x1": float(x1), "x2": 3.0}, float(problem({"x1": float(x1), "x2": 3.0})))
        start = time.monotonic()
        trial = study.ask()
    assert time.monotonic() - start < 60 and sorted(begun) == ["MainThread", "jbo-compile"]
    assert study.last_suggestion.is_model_based and trial.number == 8


def test_an_error_of_what_is_compiled_beside_belongs_to_it():
    def first(x):
        return x + 1

    def second(x):
        raise ZeroDivisionError

    other = programs.Call(second, (jnp.float32(1),), None)
    assert programs.run(programs.Call(first, (jnp.float32(1),), None), lambda _: other)[0] == 2
    with pytest.raises(ZeroDivisionError):
        programs.run(other)


def test_what_cannot_be_compiled_beside_is_compiled_when_it_is_needed():
    call = programs.Call(lambda x: x + 1, (jnp.float32(1),), None)
    assert programs.run(call, lambda _: 1 / 0)[0] == 2
    assert programs.run(call) == (2, 0.0)


@pytest.mark.parametrize("which", ["first", "following"])
def test_an_interrupted_compile_interrupts_whoever_waits(which, monkeypatch):
    calls = [programs.Call(lambda x, k=k: x + k, (jnp.float32(1),), None) for k in range(2)]
    real = Lowered.compile

    def interrupted(lowered, **options):
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        return real(lowered, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Lowered, "compile", interrupted)
        with pytest.raises(KeyboardInterrupt):
            programs.run(calls[0], (lambda _: calls[1]) if which == "following" else None)
    settle()
    assert [programs.run(call)[0] for call in calls] == [1, 2], "and the next try begins anew"


def test_without_a_thread_to_be_had_programs_are_compiled_one_after_another(monkeypatch):
    def no_thread(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_thread)
    first, second = (programs.Call(lambda x, k=k: x - k, (jnp.float32(1),), None) for k in range(2))
    assert programs.run(first, lambda _: second)[0] == 1
    assert programs.run(second) == (0, 0.0)
    third = programs.Call(lambda x: x - 2, (jnp.float32(1),), None)
    programs.compile_ahead(third, contextlib.nullcontext)
    assert programs.run(third)[0] == -1


@pytest.mark.parametrize("is_awaited", [True, False])
def test_what_is_compiled_beside_gives_way_unless_its_caller_waits(is_awaited, monkeypatch):
    asked = []
    monkeypatch.setattr(os, "setpriority", lambda _, thread, priority: asked.append(priority))
    first, second = (programs.Call(lambda x, k=k: x + k, (jnp.float32(1),), None) for k in range(2))
    if is_awaited:
        programs.run(first, lambda _: second)
    else:
        programs.compile_ahead(first, contextlib.nullcontext, lambda _: second)
    settle()
    assert asked == ([] if is_awaited else [10, 10])


@pytest.mark.thorough
def test_the_model_is_there_when_the_design_ends():
    """The default strategy, a cold start and an objective that takes its time: no wait once the design is over."""
    with Study(jbo.functions.branin.space, seed=0) as study:
        waits = []
        for _ in range(8):
            trial = study.ask()
            waits.append(study.last_suggestion.seconds_compile)
            settle()  # the objective
            study.tell(trial, float(jbo.functions.branin(trial.config)))
        assert waits[1:] == [0.0] * 7


@pytest.mark.thorough
def test_three_hundred_trials_compile_each_program_once_per_capacity(monkeypatch):
    compiled, real = [], Lowered.compile

    def seen(lowered, **options):
        # Of the arguments of two columns the points of the table are the longest.
        compiled.append(max(leaf.shape[0] for leaf in jax.tree.leaves(lowered.args_info) if leaf.shape[1:] == (2,)))
        return real(lowered, **options)

    monkeypatch.setattr(Lowered, "compile", seen)
    programs.forget()
    problem = jbo.functions.branin
    with Study(problem.space, seed=0) as study:
        for _ in range(300):
            told_trial = study.ask()
            study.tell(told_trial, float(problem(told_trial.config)))
        assert study.recommended.value == pytest.approx(problem.minimum, abs=1e-3)
    settle()
    # A fit and an ask for each capacity, the last one ahead of its time; the design; what is recommended.
    capacities = [64, 96, 128, 192, 256, 384, 512]
    assert sorted(compiled) == sorted([*capacities, *capacities, 64, 384])


GROWTH = """
import jbo

def megabytes():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 2**20

problem = jbo.functions.branin
for seed in range(200):
    with jbo.Study(problem.space, seed=seed) as study:
        for _ in range(9):
            trial = study.ask()
            study.tell(trial, float(problem(trial.config)))
        study.recommended
    if seed == 19:
        before = megabytes()
print(megabytes() - before)
"""


@pytest.mark.thorough
def test_two_hundred_studies_do_not_grow():
    grown = subprocess.run([sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True).stdout
    assert float(grown) < 20


def test_a_compiler_option_in_the_flags_of_the_user_keeps_its_value(monkeypatch):
    real, given = Lowered.compile, []

    def seen(lowered, compiler_options):
        given.append(compiler_options)
        return real(lowered)

    monkeypatch.setattr(Lowered, "compile", seen)
    for k, flags in enumerate(("--xla_dump_to=x --xla_backend_optimization_level=1", "")):
        monkeypatch.setenv("XLA_FLAGS", flags)
        programs.run(programs.Call(lambda x, k=k: x + k, (jnp.float32(1),), None))
    [options, without] = given
    assert "xla_backend_optimization_level" not in options and options["xla_cpu_use_fusion_emitters"] is False
    options = without
    assert options["xla_backend_optimization_level"] == 2 and options["xla_cpu_use_fusion_emitters"] is False
