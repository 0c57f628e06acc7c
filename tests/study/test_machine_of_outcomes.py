"""A study with named outcomes against a plain list, over any order of calls, kills and restarts; see test_machine.py.

The front, the best trial, what is feasible and the hypervolume are worked out here by loops over Python numbers.
"""

import math
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import jbo
from jbo.study import Study, owner, read_study

from .conftest import close_as_killed
from .test_machine import SPACE, STRATEGY, configs, suggested

LIMITED = [jbo.AtMost("memory", 8.0), jbo.AtLeast("speed", 1.0)]
OUTCOMES = {
    "given": [jbo.Minimize("loss", reference=10.0), jbo.Maximize("score", reference=0.0), *LIMITED, jbo.Track("size")],
    "inferred": [jbo.Maximize("score"), LIMITED[0], jbo.Minimize("loss"), jbo.Cost("hours")],
    "free": [jbo.Minimize("loss", reference=8.0), jbo.Minimize("score")],
    "one": [jbo.Maximize("loss"), *LIMITED, jbo.Cost("hours"), jbo.Track("size")],
}
numbers = st.integers(-3, 12).map(float) | st.floats(-1e3, 1e3)
missing = object()


def is_feasible(outcomes, values):
    """True, False, or None where nobody knows."""
    holds = []
    for limit in outcomes:
        if isinstance(limit, jbo.AtMost | jbo.AtLeast):
            value = values.get(limit.name)
            sign = 1 if isinstance(limit, jbo.AtMost) else -1
            holds.append(None if value is None else sign * value <= sign * limit.limit)
    return False if False in holds else None if None in holds else True


def volume_of(points, reference):
    """Area that is between points and a reference, lower is better: the sum of vertical strips."""
    points = [point for point in points if point[0] < reference[0] and point[1] < reference[1]]
    edges = sorted({x for x, _ in points}) + [reference[0]]
    return sum(
        (right - left) * (reference[1] - min(y for x, y in points if x <= left))
        for left, right in zip(edges, edges[1:], strict=False)
    )


class Machine(RuleBasedStateMachine):
    @initialize(in_file=st.booleans(), kind=st.sampled_from(sorted(OUTCOMES)))
    def begin(self, in_file, kind):
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "study.db" if in_file else None
        self.outcomes = OUTCOMES[kind]
        self.objectives = [each for each in self.outcomes if isinstance(each, jbo.Minimize | jbo.Maximize)]
        self.life = 0
        self.expected = []  # [config, status, values]
        self.reports = {}  # number -> (name of the objective, values by step)
        self.queue, self.queued = [], []
        self.held = {}  # number -> trial, asked in this life
        self.orphans = set()
        self.real_current = real = owner.current
        owner.current = lambda: real()._replace(started=f"life {self.life}")
        self.study = self.open(seed=0)

    def open(self, seed):
        return Study(SPACE, strategy=STRATEGY, seed=seed, outcomes=self.outcomes, path=self.path)

    def teardown(self):
        if hasattr(self, "study"):
            self.study.close()
            owner.current = self.real_current
            self.folder.cleanup()

    def expect_next(self):
        if self.orphans:
            number = min(self.orphans)
            self.orphans.remove(number)
            self.reports.pop(number, None)  # it is run again
            return number
        config = self.queue.pop(0) if self.queue else suggested(len(self.expected))
        self.expected.append([config, "pending", {}])
        return len(self.expected) - 1

    def draw(self, data, without=()):
        """Values to tell: some of them absent, some None."""
        values = {}
        for each in self.outcomes:
            if each.name in without:
                continue
            number = st.integers(1, 9).map(float) if isinstance(each, jbo.Cost) else numbers
            value = data.draw(st.sampled_from([missing, None]) | number | number | number, label=each.name)
            if value is not missing:
                values[each.name] = value
        return values

    @staticmethod
    def known(values):
        return {name: value for name, value in values.items() if value is not None}

    def draw_held(self, data):
        return data.draw(st.sampled_from(sorted(self.held)))

    @rule(count=st.integers(1, 3))
    def ask(self, count):
        wanted = [self.expect_next() for _ in range(count)]
        trials = self.study.ask(count)
        assert [t.number for t in trials] == wanted
        self.held.update(zip(wanted, trials, strict=True))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def tell(self, data):
        number, values = self.draw_held(data), self.draw(data)
        if not self.known(values):
            with pytest.raises(ValueError, match="value: expected at least one of"):
                self.study.tell(self.held[number], values)
            return
        self.study.tell(self.held.pop(number), values)
        self.expected[number][1:] = ["ok", self.known(values)]

    @precondition(lambda self: self.held)
    @rule(data=st.data(), wrong=st.sampled_from([math.nan, math.inf, -math.inf]))
    def tell_what_is_not_finite(self, data, wrong):
        number, values = self.draw_held(data), self.draw(data)
        name = data.draw(st.sampled_from([o.name for o in self.outcomes if not isinstance(o, jbo.Cost)]))
        self.study.tell(self.held.pop(number), values | {name: wrong})
        if name == "size":  # a number that is only kept may be anything
            self.expected[number][1:] = ["ok", self.known(values) | {name: wrong}]
        else:
            self.expected[number][1:] = ["failed", self.known({n: v for n, v in values.items() if n != name})]

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def fail(self, data):
        number = self.draw_held(data)
        self.study.tell(self.held.pop(number), failed="why")
        self.expected[number][1:] = ["failed", {}]

    @precondition(lambda self: self.held)
    @rule(data=st.data(), value=numbers, step=st.integers(0, 3))
    def report(self, data, value, step):
        number = self.draw_held(data)
        name = data.draw(st.sampled_from([each.name for each in self.objectives]))
        told = self.reports.setdefault(number, (name, {}))
        if told[0] != name or any(step <= earlier for earlier in told[1]):
            return  # of another objective, or of a step that is past
        self.study.report(self.held[number], step, value, name=name)
        told[1][step] = value

    @precondition(lambda self: self.reports.keys() & self.held.keys())
    @rule(data=st.data())
    def stop(self, data):
        number = data.draw(st.sampled_from(sorted(self.reports.keys() & self.held.keys())))
        values = self.draw(data, without=[self.reports[number][0]])
        self.study.tell(self.held.pop(number), values, stopped=True)
        self.expected[number][1:] = ["stopped", self.known(values)]

    @rule(config=configs, data=st.data())
    def tell_of_ones_own(self, config, data):
        values = self.draw(data) | {"loss": data.draw(numbers)}
        done = self.study.tell(config, values)
        assert done.number == len(self.expected)
        self.expected.append([config, "ok", self.known(values)])

    @precondition(lambda self: any(status != "pending" for _, status, _ in self.expected))
    @rule(data=st.data())
    def tell_twice(self, data):
        done = [n for n, (_, status, _) in enumerate(self.expected) if status != "pending"]
        number = data.draw(st.sampled_from(done))
        words = "abandoned" if self.expected[number][1] == "abandoned" else f"expected one result for trial {number}"
        with pytest.raises(ValueError, match=words):
            self.study.tell(self.study.trials[number], {"loss": 0.123})

    @precondition(lambda self: any(status in ("pending", "abandoned") for _, status, _ in self.expected))
    @rule(data=st.data())
    def abandon(self, data):
        there = [n for n, (_, status, _) in enumerate(self.expected) if status in ("pending", "abandoned")]
        number = data.draw(st.sampled_from(there))
        assert self.study.abandon(self.study.trials[number]).status == "abandoned"
        self.held.pop(number, None)
        self.orphans.discard(number)
        self.expected[number][1] = "abandoned"

    @rule(config=configs)
    def enqueue(self, config):
        is_new = config not in self.queued
        assert self.study.enqueue(config) == is_new
        if is_new:
            self.queue.append(config)
            self.queued.append(config)

    @rule(num_more=st.integers(0, 3))
    def optimize(self, num_more):
        def objective(config):
            if config["n"] == 1:
                raise ArithmeticError("a one")
            values = {"loss": 3 * config["x"], "score": None if config["n"] == 2 else 5.0 + config["x"]}
            values |= {"memory": 2.0 * config["n"], "speed": 4.0 - config["n"], "hours": 2.0, "size": 1.0}
            return {each.name: values[each.name] for each in self.outcomes}

        num_finished = sum(status not in ("pending", "abandoned") for _, status, _ in self.expected)
        self.study.optimize(objective, num_finished + num_more, progress=False)
        for _ in range(num_more):
            number = self.expect_next()
            config = self.expected[number][0]
            self.expected[number][1:] = ["failed", {}] if config["n"] == 1 else ["ok", self.known(objective(config))]

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
        read = read_study(self.path)
        self.study = self.open(seed)
        assert repr(read.trials) == repr(self.study.trials)
        if len(self.objectives) > 1:
            assert [t.number for t in read.pareto] == self.front()

    def losses(self):
        """Objectives of the trials that count, lower is better, by number."""
        signs = [-1.0 if isinstance(each, jbo.Maximize) else 1.0 for each in self.objectives]
        return {
            number: tuple(sign * values[each.name] for sign, each in zip(signs, self.objectives, strict=True))
            for number, (_, status, values) in enumerate(self.expected)
            if status == "ok"
            and is_feasible(self.outcomes, values)
            and all(each.name in values for each in self.objectives)
        }

    def front(self):
        losses = self.losses()

        def dominates(one, other):
            return one != other and all(a <= b for a, b in zip(one, other, strict=True))

        return [n for n, own in losses.items() if not any(dominates(other, own) for other in losses.values())]

    def reference(self):
        columns = list(zip(*self.losses().values(), strict=True)) or [(0.0,)] * 2
        found = []
        for each, column in zip(self.objectives, columns, strict=True):
            sign = -1.0 if isinstance(each, jbo.Maximize) else 1.0
            span = max(column) - min(column)
            inferred = max(column) + 0.1 * (span or abs(max(column)) or 1.0)
            found.append(inferred if each.reference is None else sign * each.reference)
        return found

    @invariant()
    def the_study_holds_what_it_was_told(self):
        if not hasattr(self, "study"):
            return
        trials = self.study.trials
        assert [t.number for t in trials] == list(range(len(self.expected)))
        assert [(t.config, t.status) for t in trials] == [(config, status) for config, status, _ in self.expected]
        order = [each.name for each in self.outcomes]
        for trial, (_, status, values) in zip(trials, self.expected, strict=True):
            assert list(trial.values) == [name for name in order if name in values]
            assert all(value == values[n] or value != value != values[n] for n, value in trial.values.items())
            measured = is_feasible(self.outcomes, values) if status in ("ok", "stopped") else None
            assert trial.is_feasible is measured
            name, reports = self.reports.get(trial.number, (None, {}))
            assert trial.intermediate_values == reports and trial.reported == (name if reports else None)
        if len(self.objectives) == 1:
            self.the_best_is_right()
        else:
            self.the_front_is_right()

    def the_best_is_right(self):
        losses = self.losses()
        if not losses:
            with pytest.raises(ValueError, match="none is best"):
                _ = self.study.best
            return
        assert self.study.best.number == min(losses, key=lambda number: (losses[number], number))
        assert self.study.trajectory[1][-1] == self.study.best.value

    def the_front_is_right(self):
        front, losses, reference = self.front(), self.losses(), self.reference()
        assert [t.number for t in self.study.pareto] == front
        volume = volume_of(losses.values(), reference)
        assert self.study.hypervolume == pytest.approx(volume, rel=1e-9, abs=1e-9)
        for each, want in zip(self.objectives, reference, strict=True):
            sign = -1.0 if isinstance(each, jbo.Maximize) else 1.0
            assert self.study.reference[each.name] == pytest.approx(sign * want, rel=1e-12)
        values, so_far = self.study.trajectory
        finished = [n for n, (_, status, _) in enumerate(self.expected) if status not in ("pending", "abandoned")]
        assert values.shape == (len(finished), 2) and len(so_far) == len(finished)
        assert all(so_far[1:] >= so_far[:-1])
        with pytest.raises(ValueError, match="study.pareto"):
            _ = self.study.best
        if front:
            assert [t.number for t in self.study.recommended] == front
        alone = self.study.of_objective("loss")
        # A trial that was stopped by its reports of the other objective may have been told this one.
        known = {
            n: values["loss"]
            for n, (_, status, values) in enumerate(self.expected)
            if status in ("ok", "stopped") and is_feasible(self.outcomes, values) and "loss" in values
        }
        if known:
            assert alone.best.number == min(known, key=lambda number: (known[number], number))


class TestStudyOfOutcomes(Machine.TestCase):
    settings = settings(stateful_step_count=20, max_examples=min(settings().max_examples // 2, 250))
