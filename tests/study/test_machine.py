"""A study against a plain list that says what it must hold, over any order of calls, kills and restarts."""

import sys
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import jax
import numpy as np
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from jbo.space import Integer, Real, Space
from jbo.study import Study, owner

from .conftest import Draws, close_as_killed

SPACE = Space(x=Real(-1.0, 1.0), n=Integer(1, 5))
STRATEGY = Draws(SPACE.encoding)
SUGGESTED = {}


def suggested(number):
    """What the strategy gives for a number, from a study that never stops."""
    if number not in SUGGESTED:
        with jax.enable_x64(True):
            key = jax.random.fold_in(jax.random.key(0), number)
            x = np.asarray(jax.random.uniform(key, (2,), np.float64))
        SUGGESTED[number] = SPACE.decode(x)
    return SUGGESTED[number]


configs = st.builds(lambda x, n: {"x": x, "n": n}, st.floats(-1, 1), st.integers(1, 5))
finite = st.floats(allow_nan=False, allow_infinity=False)


class StudyMachine(RuleBasedStateMachine):
    @initialize(in_file=st.booleans(), maximize=st.booleans())
    def begin(self, in_file, maximize):
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "study.db" if in_file else None
        self.maximize = maximize
        self.life = 0
        self.expected = []  # [config, status, value]
        self.queue, self.queued = [], []
        self.held = {}  # number -> trial, asked in this life
        self.orphans = set()
        self.real_current = real = owner.current
        owner.current = lambda: real()._replace(started=f"life {self.life}")
        self.study = self.open(seed=0)

    def open(self, seed):
        return Study(SPACE, strategy=STRATEGY, seed=seed, maximize=self.maximize, path=self.path)

    def teardown(self):
        if hasattr(self, "study"):
            self.study.close()
            owner.current = self.real_current
            self.folder.cleanup()

    def expect_next(self, context={}):  # noqa: B006  never changed
        def is_wanted(config):
            return config == config | context

        orphans = [number for number in sorted(self.orphans) if is_wanted(self.expected[number][0])]
        if orphans:
            self.orphans.remove(orphans[0])
            return orphans[0]
        waiting = [config for config in self.queue if is_wanted(config)]
        if waiting:
            self.queue.remove(waiting[0])
        config = waiting[0] if waiting else suggested(len(self.expected)) | context
        self.expected.append([config, "pending", None])
        return len(self.expected) - 1

    @rule(count=st.integers(1, 3))
    def ask(self, count):
        numbers = [self.expect_next() for _ in range(count)]
        trials = [self.study.ask()] if count == 1 else self.study.ask(count)
        assert [t.number for t in trials] == numbers
        self.held.update(zip(numbers, trials, strict=True))

    @rule(n=st.integers(1, 5))
    def ask_in_a_context(self, n):
        number = self.expect_next({"n": n})
        trial = self.study.ask(context={"n": n})
        assert (trial.number, trial.config["n"]) == (number, n)
        self.held[number] = trial

    @precondition(lambda self: self.held)
    @rule(data=st.data(), value=finite)
    def tell(self, data, value):
        number = data.draw(st.sampled_from(sorted(self.held)))
        self.study.tell(self.held.pop(number), value)
        self.expected[number][1:] = ["ok", value]

    @precondition(lambda self: self.held)
    @rule(data=st.data(), value=st.sampled_from([float("nan"), float("inf"), None]))
    def fail(self, data, value):
        number = data.draw(st.sampled_from(sorted(self.held)))
        trial = self.held.pop(number)
        self.study.tell(trial, failed="why") if value is None else self.study.tell(trial, value)
        self.expected[number][1:] = ["failed", None]

    @rule(config=configs, value=finite)
    def tell_of_ones_own(self, config, value):
        done = self.study.tell(config, value)
        assert done.number == len(self.expected)
        self.expected.append([config, "ok", value])

    @precondition(lambda self: any(status != "pending" for _, status, _ in self.expected))
    @rule(data=st.data(), value=finite)
    def tell_twice(self, data, value):
        done = [n for n, (_, status, _) in enumerate(self.expected) if status != "pending"]
        number = data.draw(st.sampled_from(done))
        with pytest.raises(ValueError, match=f"expected one result for trial {number}"):
            self.study.tell(self.study.trials[number], value)

    @rule(config=configs)
    def enqueue(self, config):
        is_new = config not in self.queued
        assert self.study.enqueue(config) == is_new
        if is_new:
            self.queue.append(config)
            self.queued.append(config)

    @rule(num_more=st.integers(0, 3))
    def optimize(self, num_more):
        num_trials = sum(status != "pending" for _, status, _ in self.expected) + num_more
        self.study.optimize(lambda config: config["x"] + config["n"], num_trials)
        for _ in range(num_more):
            number = self.expect_next()
            config = self.expected[number][0]
            self.expected[number][1:] = ["ok", config["x"] + config["n"]]

    @rule(num_more=st.integers(0, 5), batch=st.integers(1, 3), n=st.none() | st.integers(1, 5))
    def optimize_in_batches(self, num_more, batch, n):
        context = {} if n is None else {"n": n}
        num_trials = sum(status != "pending" for _, status, _ in self.expected) + num_more

        def objective(configs):
            if any(config["n"] == 1 for config in configs):
                raise ArithmeticError("a one is in it")
            return [config["x"] for config in configs]

        self.study.optimize(objective, num_trials, batch=batch, context=context)
        while num_more:
            numbers = [self.expect_next(context) for _ in range(min(batch, num_more))]
            num_more -= len(numbers)
            has_failed = any(self.expected[number][0]["n"] == 1 for number in numbers)
            for number in numbers:
                config = self.expected[number][0]
                self.expected[number][1:] = ["failed", None] if has_failed else ["ok", config["x"]]

    @precondition(lambda self: self.path is not None)
    @rule(killed=st.booleans(), seed=st.sampled_from([0, None]))
    def reopen(self, killed, seed):
        if killed:
            close_as_killed(self.study)
            self.life += 1
        else:
            self.study.close()
        self.orphans |= set(self.held)
        self.held.clear()
        self.study = self.open(seed)

    @invariant()
    def the_study_holds_what_it_was_told(self):
        if not hasattr(self, "study"):
            return
        trials = self.study.trials
        assert [t.number for t in trials] == list(range(len(self.expected)))
        assert [[t.config, t.status, t.value] for t in trials] == self.expected
        values = [value for _, _, value in self.expected if value is not None]
        if values:
            best = max(values) if self.maximize else min(values)
            assert self.study.best.value == best
            # To XLA what is below the least normal number is 0.
            assert abs(self.study.recommended.value - best) < sys.float_info.min
            assert self.study.trajectory[1][-1] == best


class TestStudy(StudyMachine.TestCase):
    # An example is up to 30 calls on files: half a second, where one of the other laws takes a hundredth of it.
    settings = settings(stateful_step_count=30, max_examples=min(settings().max_examples // 2, 250))
