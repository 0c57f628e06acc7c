"""A study of several outcomes: what is told, what is kept, what is best, and what the strategy sees."""

import csv
import io
import json
import math
import random

import numpy as np
import pytest

import jbo
from jbo import AtLeast, AtMost, Cost, Maximize, Minimize, Space, Study, Track
from jbo.__main__ import main
from jbo.study import export, read_study
from jbo.study.table import Table
from jbo.types import ABANDONED, FAILED, OK, PENDING
from tests.surrogates.smoother import Smoother

SPACE = Space(x=jbo.Real(0.0, 1.0))
GOALS = [AtMost("memory", 8.0), Minimize("loss"), Cost("hours"), AtLeast("accuracy", 0.5), Track("steps")]


def begin(outcomes=GOALS, **options):
    return Study(SPACE, strategy=jbo.random_search(SPACE), outcomes=outcomes, seed=0, **options)


def at(x):
    return {"x": x}


# What is told


def test_everything_that_is_told_is_kept_by_name(tmp_path):
    told = {"loss": np.float32(0.5), "memory": 3, "accuracy": 0.75, "hours": 2.0, "steps": math.nan}
    with begin(path=tmp_path / "s.db") as study:
        trial = study.tell(study.ask(), told, noise={"loss": 0.25, "accuracy": 0.125})
        assert (trial.status, trial.value, trial.cost, trial.noise) == ("ok", 0.5, 2.0, 0.25)
        assert trial.is_feasible is True and trial.noises == {"loss": 0.25, "accuracy": 0.125}
        assert list(trial.values) == ["memory", "loss", "hours", "accuracy", "steps"], "in the order of the study"
        np.testing.assert_equal(trial.values, {**told, "loss": 0.5, "memory": 3.0})
        study.tell(at(0.5), {"loss": 0.25, "steps": math.inf}, cost=7, noise=0.5)
        study.tell(at(0.25), failed="no memory", cost=1.5)
        trials = study.trials
    assert (trials[1].values, trials[1].cost, trials[1].noise) == (
        {"loss": 0.25, "hours": 7.0, "steps": math.inf}, 7.0, 0.5
    )  # fmt: skip
    assert trials[1].is_feasible is None, "memory and accuracy decide it"
    assert (trials[2].status, trials[2].values, trials[2].is_feasible) == ("failed", {"hours": 1.5}, None)
    for again in (read_study(tmp_path / "s.db"), Study.open(tmp_path / "s.db", strategy=jbo.random_search)):
        np.testing.assert_equal([vars(t) for t in again.trials], [vars(t) for t in trials])
        assert list(again.outcomes) == GOALS and again.maximize is False


def test_missing_outcomes(tmp_path):
    study = begin()
    for told, feasible in [
        ({"loss": 1.0, "memory": 9.0}, False),
        ({"loss": 1.0, "memory": 7.0}, None),
        ({"loss": 1.0, "memory": None, "accuracy": 0.4}, False),
        ({"memory": 8.0, "accuracy": 0.5}, True),
        ({"steps": 3}, None),
    ]:
        trial = study.tell(at(0.5), told)
        assert trial.status == "ok" and trial.is_feasible is feasible, told
        assert trial.value == told.get("loss") and trial.cost is None
        assert trial.values == {name: value for name, value in told.items() if value is not None}
    with pytest.raises(ValueError, match=r"none of the 3 trials .* meets all limits \(1 break AtLeast"):
        _ = study.best


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["loss", "memory", "accuracy"])
def test_what_is_not_finite_in_an_objective_or_a_limit_fails_the_trial(name, wrong):
    told = {"loss": 1.0, "memory": 1.0, "accuracy": 1.0, "hours": 2.0, "steps": 5.0}
    trial = begin().tell(at(0.5), told | {name: wrong}, noise=0.5)
    assert trial.status == "failed" and trial.failure == f"the value of {name!r} is {wrong}, not finite"
    assert trial.value is None and trial.noise is None and trial.cost == 2.0 and trial.is_feasible is None
    assert trial.values == {key: value for key, value in told.items() if key != name}


@pytest.mark.parametrize(
    ("told", "kind", "words"),
    [
        (
            {"value": {"los": 1.0}},
            ValueError,
            r"outcomes: expected one of \['memory', .*got 'los'; did you mean 'loss'",
        ),
        ({"value": {}}, ValueError, r"value: expected at least one of \['memory', .*got {}"),
        ({"value": {"loss": None}}, ValueError, r"value: expected at least one of .*got {'loss': None}"),
        ({"value": 1.0}, TypeError, r"value: expected a dict such as {'memory': …, 'loss': …, .*got 1.0"),
        ({"value": {"loss": "1"}}, TypeError, "loss: expected a number, got '1'"),
        ({"value": {"loss": 1, "hours": 0.0}}, ValueError, "hours: expected a finite number above 0, got 0.0"),
        ({"value": {"loss": 1, "hours": math.nan}}, ValueError, "hours: expected a finite number above 0, got nan"),
        (
            {"value": {"loss": 1, "hours": 2}, "cost": 2},
            ValueError,
            "cost: expected the cost once, got cost=2 and 'hours'",
        ),
        (
            {"value": {"loss": 1}, "noise": {"memory": 1}},
            ValueError,
            "noise: expected the noise of given values only, got .*'memory'",
        ),
        (
            {"value": {"memory": 1}, "noise": 1.0},
            ValueError,
            "noise: expected the noise of given values only, got .*'loss'",
        ),
        ({"value": {"loss": 1}, "noise": {"memori": 1}}, ValueError, "got 'memori'; did you mean 'memory'"),
        ({"value": {"loss": 1}, "noise": {"loss": -1}}, ValueError, "noise of 'loss': expected a finite number of at"),
        (
            {"failed": "why", "noise": {"loss": 1}},
            ValueError,
            "noise: expected None with a failure, because a",
        ),
        ({"value": {"loss": 1}, "failed": "why"}, TypeError, "value, failed: expected one of the two, got both"),
    ],
)
def test_what_cannot_be_told(told, kind, words):
    study = begin()
    with pytest.raises(kind, match=words):
        study.tell(study.ask(), **told)
    assert [t.status for t in study.trials] == ["pending"]


def test_a_study_of_one_named_objective_takes_a_number_and_one_without_outcomes_no_dict():
    assert begin([Maximize("score")]).tell(at(0.5), 2.5).values == {"score": 2.5}
    plain = begin(None)
    assert plain.tell(at(0.5), 2.5).values == {"value": 2.5}
    with pytest.raises(TypeError, match="value: expected a number, got {'value': 1.0} of type dict"):
        plain.tell(at(0.5), {"value": 1.0})
    with pytest.raises(ValueError, match="cost: expected None, because the study has no jbo.Cost"):
        begin([Minimize("loss")]).tell(at(0.5), {"loss": 1.0}, cost=2.0)


def test_a_stopped_trial_may_have_other_outcomes():
    study = begin()
    trial = study.ask()
    study.report(trial, 1, 0.5)
    with pytest.raises(TypeError, match="stopped: expected no value and no failure with it"):
        study.tell(trial, {"loss": 0.5}, stopped=True)
    told = study.tell(trial, {"memory": 9.0, "steps": 1}, stopped=True, cost=2.0)
    assert (told.status, told.value, told.is_feasible) == ("stopped", None, False)
    assert told.values == {"memory": 9.0, "hours": 2.0, "steps": 1.0} and told.intermediate_values == {1: 0.5}
    other = study.ask()
    study.report(other, 1, 0.5)
    with pytest.raises(ValueError, match="outcomes: expected one of .*got 'los'"):
        study.tell(other, {"los": None}, stopped=True)
    told = study.tell(other, {"loss": None}, stopped=True, cost=3.0)
    assert (told.status, told.values) == ("stopped", {"hours": 3.0})
    gone = study.ask()
    study.abandon(gone)
    with pytest.raises(ValueError, match="got trial 2, which was abandoned"):
        study.tell(gone, stopped=True)


def test_a_name_that_no_file_can_hold_is_refused_at_the_beginning():
    with pytest.raises(ValueError, match=r"outcomes: expected names that can be written as UTF-8, got '\\ud800'"):
        begin([Minimize("loss"), Track("\ud800")])
    assert begin([Minimize("größe")]).tell(at(0.5), 1.0).values == {"größe": 1.0}


def test_an_objective_returns_a_dict_or_a_result():
    def objective(config):
        values = {"loss": config["x"], "memory": 9.0 * config["x"], "accuracy": 1.0, "hours": 1.0 + config["x"]}
        return values if config["x"] < 0.5 else jbo.Result({"loss": 1.0}, cost=3.0, noise={"loss": 0.5})

    study = begin()
    study.optimize(objective, 8, progress=False)
    assert {t.noise for t in study.trials} == {None, 0.5}
    for trial in study.trials:
        x = trial.config["x"]
        assert (trial.value, trial.cost) == ((x, 1.0 + x) if x < 0.5 else (1.0, 3.0))
    with pytest.raises(TypeError, match=r"must return its outcomes; trial 8: value: expected a dict .*return a dict"):
        study.optimize(lambda config: 1.0, 9, progress=False)
    with pytest.raises(ValueError, match="must return its outcomes; trial 9: .*got 'los'; did you mean 'loss'"):
        study.optimize(lambda config: {"los": 1.0}, 10, progress=False)
    assert study.trials[9].failure.startswith("the objective returned something else: outcomes: expected one of")


@pytest.mark.parametrize("outcomes", [None, [Minimize("loss"), Cost("hours")]])
def test_a_cost_of_zero_ends_the_search_and_is_named(outcomes):
    study, name = begin(outcomes), "hours" if outcomes else "cost"
    with pytest.raises(ValueError, match=f"; trial 0: {name}: expected a finite number above 0, got 0.0"):
        study.optimize(lambda _: {"loss": 1.0, "hours": 0} if outcomes else jbo.Result(1.0, cost=0), 3, progress=False)
    assert [t.status for t in study.trials] == ["failed"]
    assert f"{name}: expected a finite number above 0, got 0.0" in study.trials[0].failure


def test_a_batch_returns_a_list_of_dicts():
    study = begin([Minimize("loss"), AtMost("memory", 8.0)])
    study.optimize(lambda configs: [{"loss": c["x"], "memory": 1.0} for c in configs], 4, batch=2, progress=False)
    assert [t.values for t in study.trials] == [{"loss": t.config["x"], "memory": 1.0} for t in study.trials]
    with pytest.raises(TypeError, match="expected a list of 2 dicts, got one of 3"):
        study.optimize(lambda configs: [1, 2, 3], 6, batch=2, progress=False)


def test_whatever_is_told_is_taken_whole_or_refused_in_words(tmp_path):
    """Dicts of anything: what is refused changes nothing, what is taken is read back from the file."""
    draw, kept = random.Random(0), []
    names = ["loss", "memory", "accuracy", "hours", "steps", "other", ""]
    numbers = [0.0, -1.5, 1e308, -1e308, 5e-324, math.nan, math.inf, None, "1", 2, True, np.float64(0.25), [1.0]]
    with begin(path=tmp_path / "s.db") as study:
        for _ in range(300):
            told = {draw.choice(names): draw.choice(numbers) for _ in range(draw.randrange(5))}
            try:
                kept.append((told, study.tell(at(0.5), told)))
            except (ValueError, TypeError) as error:
                assert "expected" in str(error), told
        assert len(kept) > 30
    trials = read_study(tmp_path / "s.db").trials
    np.testing.assert_equal([vars(t) for t in trials], [vars(t) for _, t in kept])
    for told, trial in kept:
        given = {name: value for name, value in told.items() if value is not None}
        wrong = [n for n in ("memory", "loss", "accuracy") if not math.isfinite(given.get(n, 0.0))]
        assert trial.status == ("failed" if wrong else "ok")
        np.testing.assert_equal(trial.values, {n: given[n] for n in trial.values})
        assert set(trial.values) == set(given) - set(wrong)


# What a study is


@pytest.mark.parametrize(
    ("outcomes", "words"),
    [
        (None, r"has \[AtMost.*got no named outcomes"),
        ([*GOALS[1:]], r"has AtMost\(name='memory', limit=8.0\) under the name 'memory', got no outcome"),
        ([*GOALS, Track("more")], r"has no outcome under the name 'more', got Track\(name='more'\)"),
        (
            [AtMost("memory", 9.0), *GOALS[1:]],
            r"limit=8.0\) under the name 'memory', got AtMost\(name='memory', limit=9.0",
        ),
        ([GOALS[0], Maximize("loss"), *GOALS[2:]], r"Minimize\(name='loss'\) under the name 'loss', got Maximize"),
    ],
)
def test_a_file_of_other_outcomes_is_refused(tmp_path, outcomes, words):
    begin(path=tmp_path / "s.db").close()
    with pytest.raises(ValueError, match=words):
        begin(outcomes, path=tmp_path / "s.db")
    with begin(GOALS[::-1], path=tmp_path / "s.db") as study:
        assert list(study.outcomes) == GOALS, "the order is the file's"


def test_named_outcomes_are_refused_by_a_file_without(tmp_path):
    begin(None, path=tmp_path / "s.db").close()
    with pytest.raises(ValueError, match=r"has no named outcomes, got \[Minimize\(name='value'\)\]"):
        begin([Minimize("value")], path=tmp_path / "s.db")


def test_a_direction_is_told_once():
    assert begin([Maximize("score")]).maximize and not begin().maximize
    with pytest.raises(ValueError, match="maximize: expected False with outcomes"):
        begin(maximize=True)


# What is best


@pytest.mark.parametrize(("goal", "sign"), [(Minimize, 1.0), (Maximize, -1.0)])
def test_the_best_trial_meets_the_limits_both_ways(goal, sign, tmp_path):
    study = begin([goal("score"), AtMost("memory", 8.0), AtLeast("accuracy", 0.5)], path=tmp_path / "s.db")
    rows = [  # score to minimise, memory, accuracy
        (1.0, 8.1, 0.9), (2.0, 7.0, 0.4), (9.0, 8.0, 0.5), (3.0, 1.0, None), (7.0, 7.0, 0.6), (5.0, 9.0, 0.1),
        (8.0, 1.0, 0.9),
    ]  # fmt: skip
    bests = []
    for score, memory, accuracy in rows:
        study.tell(at(score / 10), {"score": sign * score, "memory": memory, "accuracy": accuracy})
        bests.append(study.trajectory[1][-1])
    np.testing.assert_array_equal(sign * np.array(bests), [math.nan, math.nan, 9.0, 9.0, 7.0, 7.0, 7.0])
    np.testing.assert_array_equal(study.trajectory[1], bests)
    assert study.trajectory[0].tolist() == [sign * score for score, *_ in rows]
    assert study.best.number == study.recommended.number == read_study(tmp_path / "s.db").best.number == 4
    assert "best: " + f"{sign * 7.0:.6g} (trial 4)" in repr(study)


def test_it_is_said_why_none_is_best(tmp_path):
    study = begin(path=tmp_path / "s.db")

    def said():
        words = []
        for ask in (lambda: study.best, lambda: read_study(tmp_path / "s.db").best, lambda: study.recommended):
            with pytest.raises(ValueError, match=", so none ") as error:
                ask()
            words.append(str(error.value).split(", so none ")[0])
        assert len(set(words)) == 1
        return words[0]

    assert said() == "no trial has succeeded"
    study.tell(at(0.5), failed="why")
    assert said() == "no trial has succeeded"
    study.tell(at(0.5), {"memory": 1.0})
    assert said() == "no trial has a value of 'loss'"
    study.tell(at(0.5), {"loss": 1.0})
    study.tell(at(0.5), {"loss": 1.0, "memory": 2.0})
    limit = "AtLeast(name='accuracy', limit=0.5)"
    assert said() == f"none of the 2 trials that succeeded meets all limits (2 have no value for {limit})"
    study.tell(at(0.5), {"loss": 1.0, "memory": 9.0, "accuracy": 0.4})
    study.tell(at(0.5), {"loss": 1.0, "accuracy": 0.3})
    assert said() == f"none of the 4 trials that succeeded meets all limits (2 break {limit})"


@pytest.mark.parametrize("goal", [Minimize, Maximize])
def test_a_stop_counts_feasible_trials(goal):
    sign = 1.0 if goal is Minimize else -1.0
    study = begin([goal("loss"), AtMost("memory", 8.0)])
    values = iter([(1.0, 9.0), (3.0, 1.0), (2.0, 9.0), (2.5, 1.0), (4.0, 1.0), (0.0, 9.0), (5.0, 1.0), (6.0, 1.0)])

    def objective(config):
        loss, memory = next(values)
        return {"loss": sign * loss, "memory": memory}

    study.optimize(objective, 8, stop=jbo.Stop(target=sign * 2.5), progress=False)
    assert len(study.trials) == 4
    study.optimize(objective, 8, stop=jbo.Stop(no_improvement=3), progress=False)
    assert len(study.trials) == 7


# What the strategy sees


def test_the_table_of_all_outcomes():
    study = begin([AtMost("memory", 8.0), Maximize("score"), Cost("hours"), AtLeast("accuracy", 0.5), Track("steps")])
    study.tell(at(0.1), {"score": 3.0, "memory": 9.5, "accuracy": 0.75, "steps": 4}, noise={"score": 0.5, "memory": 2})
    study.tell(at(0.2), {"score": 5.0, "memory": 8.0, "hours": 0.25})
    study.tell(at(0.3), {"memory": -1e308, "accuracy": 0.5})
    study.tell(at(0.4), {"score": math.nan, "memory": 1.0, "hours": 4.0})
    stopped = study.ask()
    study.report(stopped, 1, 4.5)
    study.tell(stopped, {"accuracy": 0.25}, stopped=True)
    study.abandon(study.ask())
    study.ask()
    rows = Table.of(study.trials, SPACE, study.outcomes).rows()
    nan = math.nan
    wanted = np.array(
        [  # score, memory, accuracy, hours
            [-3.0, 1.5, -0.25, nan],
            [-5.0, 0.0, nan, 0.25],
            [nan, -1e308, 0.0, nan],
            [nan, nan, nan, 4.0],
            [-4.0, nan, 0.25, nan],  # no better than the median of the trials before it
            [nan] * 4,
            [nan] * 4,
        ]
    )
    assert rows.status[:8].tolist() == [OK, OK, OK, FAILED, OK, ABANDONED, PENDING, 0]
    assert rows.trial[:8].tolist() == [0, 1, 2, 3, 4, 5, 6, -1]
    np.testing.assert_array_equal(rows.is_known[:7], np.isfinite(wanted))
    np.testing.assert_array_equal(rows.y[:7], np.nan_to_num(wanted))
    assert not rows.is_known[7:].any() and not rows.y[7:].any()
    np.testing.assert_array_equal(rows.noise[:2], [[0.5, 2.0, 0.0, 0.0], [0.0] * 4])
    assert (rows.layout.num_objectives, rows.layout.num_limits, rows.layout.has_cost) == (1, 2, True)
    whole = Table.of(study.trials, SPACE, study.outcomes).rows_without_stopped()
    assert whole.status[:7].tolist() == [OK, OK, OK, FAILED, 0, ABANDONED, PENDING]
    assert whole.trial[4] == -1 and not whole.is_known[4].any()


def test_limits_of_any_size_are_finite_in_the_table_and_keep_their_sign():
    study = begin([Minimize("loss"), AtMost("memory", -1e308)])
    for memory in (1.7e308, -1e308, np.nextafter(-1e308, 0), np.nextafter(-1e308, -1.7e308)):
        study.tell(at(0.5), {"loss": 1.0, "memory": memory})
    small = begin([Minimize("loss"), AtMost("memory", 5e-324)])
    for memory in (1e-323, 5e-324, 0.0):
        small.tell(at(0.5), {"loss": 1.0, "memory": memory})
    rows = [Table.of(each.trials, SPACE, each.outcomes).rows().y[:4, 1] for each in (study, small)]
    assert rows[0][0] == np.finfo(float).max and np.sign(rows[0]).tolist() == [1, 0, 1, -1]
    assert np.sign(rows[1][:3]).tolist() == [1, 0, -1]
    assert rows[1][0] >= np.finfo(float).tiny, "XLA takes smaller numbers for 0"
    assert [t.is_feasible for t in study.trials] == [False, True, False, True]
    assert [t.is_feasible for t in small.trials] == [False, True, True]


def test_seconds_are_no_cost_in_the_unit_of_a_named_one():
    for outcomes, has_column in ((GOALS, True), ([Minimize("loss")], False), (None, False)):
        study = begin(outcomes)
        study.tell(study.ask(), {"loss": 1.0} if outcomes else 1.0)
        rows = Table.of(study.trials, SPACE, study.outcomes).rows()
        assert rows.layout.has_cost == has_column
        assert not has_column or not rows.is_known[:, -1].any()
        learnt = Table.of(study.trials, SPACE, study.outcomes, learns_cost=True).rows()
        assert learnt.layout.has_cost and learnt.is_known[0, -1] == (outcomes is not GOALS)


@pytest.mark.thorough
def test_limits_keep_the_search_where_they_hold():
    space = Space(x=jbo.Real(0.0, 1.0), y=jbo.Real(0.0, 1.0))
    study = Study(space, outcomes=[Minimize("loss"), AtMost("memory", 1.0), Track("steps")], seed=0)

    def objective(config):
        loss = (config["x"] - 0.9) ** 2 + (config["y"] - 0.9) ** 2
        return {"loss": loss, "memory": config["x"] + config["y"], "steps": 7}

    study.optimize(objective, 30, progress=False)
    assert sum(study.best.config.values()) <= 1.0 and study.best.value < 0.36, "0.32 at (0.5, 0.5)"
    assert study.recommended.is_feasible


# Twice the same configuration


def test_two_pending_trials_with_one_configuration_are_told_apart(tmp_path):
    path = tmp_path / "s.db"
    with begin(None, path=path) as study:
        assert study.enqueue(at(0.5)) and not study.enqueue(at(0.5)) and study.enqueue(at(0.5), again=True)
        first, second = study.ask(2)
        assert first.config == second.config == at(0.5) and (first.number, second.number) == (0, 1)
        study.tell(second, 2.0)
        assert [t.value for t in study.trials] == [None, 2.0]
        study.tell(first, 1.0)
        assert not study.enqueue(at(0.5)) and study.enqueue(at(0.5), again=True)
        third = study.ask()
        assert (third.number, third.config) == (2, at(0.5))
        study.tell(third, 3.0)
        assert study.enqueue(at(0.25)) and study.ask().config == at(0.25)
    assert [t.value for t in read_study(path).trials] == [1.0, 2.0, 3.0, None]


# Abandoned trials


def test_an_abandoned_trial_keeps_its_number_and_counts_for_nothing(tmp_path):
    path, space = tmp_path / "s.db", Space(n=jbo.Integer(1, 4))
    with Study(space, strategy=jbo.random_search(space), seed=0, path=path) as study:
        study.enqueue({"n": 2})
        study.report(study.ask(), 3, 0.5)
        left = study.abandon(study.trials[0])
        assert (left.number, left.status, left.value, left.is_feasible) == (0, "abandoned", None, None)
        assert left.ended_at is not None and left.intermediate_values == {3: 0.5}
        assert study.abandon(left) == study.trials[0] == left, "twice does nothing"
        with pytest.raises(ValueError, match="trial: expected a pending trial, got trial 0, which was abandoned"):
            study.tell(left, 1.0)
        assert study.report(left, 4, 1.0) is True and study.trials[0].intermediate_values == {3: 0.5}
        study.give_back(left)
        assert not study.enqueue({"n": 2}), "nor does the queue bring it back"
        assert "1 abandoned" in repr(study)
    with Study(space, strategy=jbo.random_search(space), seed=0, path=path) as study:
        study.optimize(lambda config: config["n"], 3, progress=False)
        assert [t.status for t in study.trials] == ["abandoned", "ok", "ok", "ok"]
        assert sorted(t.config["n"] for t in study.trials[1:]) == [1, 3, 4], "its point is not asked for again"
        with pytest.raises(jbo.SpaceExhausted):
            study.ask()
        assert len(study.trajectory[0]) == 3
        with pytest.raises(ValueError, match="abandon: expected a pending trial, got trial 1, which ended with"):
            study.abandon(study.trials[1])
    assert read_study(path).trials[0].status == "abandoned"


def test_the_model_learns_nothing_from_it():
    """The same study with the trial pending asks elsewhere; abandoned, its row changes the number of the trial only."""
    space = Space(x=jbo.Real(0.0, 1.0))
    strategy = jbo.bayesian(space, surrogate=Smoother(), acquisition=jbo.LCB(), num_initial=3)
    study = Study(space, strategy=strategy, seed=0)
    for x in (0.1, 0.35, 0.6, 0.9):
        study.tell({"x": x}, (x - 0.5) ** 2)
    study.enqueue({"x": 0.475})
    before = study.recommended.number
    trial = study.ask()
    study.abandon(trial)
    rows = Table.of(study.trials, space, study.outcomes).rows()
    assert rows.status[4] == ABANDONED and not rows.is_known[4].any()
    assert study.recommended.number == before
    assert study.ask().config != trial.config


@pytest.mark.parametrize("retries", [0, 2])
def test_a_result_of_a_trial_that_is_abandoned_while_it_runs_is_thrown_away(tmp_path, caplog, retries):
    path, calls, ended = tmp_path / "s.db", [], []
    caplog.set_level("INFO", logger="jbo")

    def objective(config, report):
        calls.append(config)
        if len(calls) in (2, 4):
            with Study.open(path, strategy=jbo.random_search) as other:  # as another process would
                other.abandon(other.trials[-1])
            assert report(1, 0.5) is True, "it is to be stopped"
            if len(calls) == 4:
                raise RuntimeError("stopped")
        return config["x"]

    with begin(None, path=path) as study:
        study.optimize(objective, 3, retries=retries, on_trial_end=lambda t: ended.append(t.number), progress=False)
        assert [t.status for t in study.trials] == ["ok", "abandoned", "ok", "abandoned", "ok"]
        assert ended == [0, 2, 4] and len(calls) == 5
        assert [t.value for t in study.trials if t.status == "abandoned"] == [None, None]
    thrown = [r.getMessage() for r in caplog.records if "is discarded" in r.getMessage()]
    assert thrown == [f"trial {n} was abandoned while it ran: its result is discarded" for n in (1, 3)]


# Out and in again


def mixed(path=None):
    study = begin(path=path)
    study.tell(at(0.125), {"loss": 0.1, "memory": 3, "accuracy": 0.75, "steps": math.nan}, noise={"memory": 0.5})
    study.tell(at(0.25), {"memory": 8.5, "hours": 0.25})
    study.tell(at(0.5), {"loss": math.inf, "memory": 2.0})
    study.tell(at(0.75), failed='why, "so"', cost=2)
    trial = study.ask()
    study.report(trial, 2, 0.3)
    study.tell(trial, {"accuracy": 0.25}, stopped=True)
    study.abandon(study.ask())
    study.tell(at(1.0), {"loss": -1e-300}, noise=0.25, cost=1e300)
    return study


def plain_of(trials):
    return [
        (
            t.config,
            t.status,
            t.value,
            t.values,
            t.noises,
            t.failure,
            t.cost,
            t.noise,
            t.is_feasible,
            t.intermediate_values,
        )
        for t in trials
    ]


def test_a_table_goes_out_and_comes_in_again(tmp_path):
    study = mixed()
    with (tmp_path / "t.csv").open("w", newline="") as file:
        export.write_csv(study.trials, ["x"], file, study.outcomes)
    kept = [t for t in study.trials if t.status != "abandoned"]
    for source in (study, study.trials, tmp_path / "t.csv"):
        with Study.from_trials(source, SPACE, strategy=jbo.random_search, outcomes=GOALS) as again:
            np.testing.assert_equal(plain_of(again.trials), plain_of(kept))
    lines = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))
    assert list(lines[0]) == [
        *export.ABOUT, "cost", "noise", "intermediate_values", "values.memory", "values.accuracy", "values.steps",
        "noises.memory", "feasible", "config.x",
    ]  # fmt: skip
    assert [line["feasible"] for line in lines] == ["True", "False", "", "", "False", "", ""]
    assert [line["values.memory"] for line in lines] == ["3.0", "8.5", "2.0", "", "", "", ""]
    frame = study.to_dataframe()
    assert list(frame["feasible"]) == [True, False, None, None, False, None, None]
    assert list(frame.columns) == list(lines[0])


def test_trials_change_their_outcomes_from_study_to_study():
    study = mixed()
    with Study.from_trials(study, SPACE, strategy=jbo.random_search) as plain:
        assert [(t.status, t.value, t.cost) for t in plain.trials] == [
            ("ok", 0.1, None), ("failed", None, 0.25), ("failed", None, None), ("failed", None, 2.0),
            ("stopped", None, None), ("ok", -1e-300, 1e300),
        ]  # fmt: skip
        named = [Minimize("score"), Cost("price"), AtMost("memory", 8.0)]
        with Study.from_trials(plain, SPACE, strategy=jbo.random_search, outcomes=named) as again:
            assert [t.values for t in again.trials] == [
                {"score": 0.1}, {"price": 0.25}, {}, {"price": 2.0}, {}, {"score": -1e-300, "price": 1e300},
            ]  # fmt: skip
            assert again.trials[5].noises == {"score": 0.25}
    stricter = [Minimize("loss"), AtMost("memory", 2.5), AtMost("steps", 5)]
    with Study.from_trials([study.trials[0]], SPACE, strategy=jbo.random_search, outcomes=stricter) as again:
        assert again.trials[0].failure == "the value of 'steps' is nan, not finite"
    with pytest.raises(ValueError, match="trial 0: value: expected at least one of .'other'."):
        Study.from_trials(study, SPACE, strategy=jbo.random_search, outcomes=[Minimize("other")])


OF_JBO = (*export.ABOUT, *export.KNOWN, export.INTERMEDIATE, export.FEASIBLE)


@pytest.mark.parametrize("name", OF_JBO)
@pytest.mark.parametrize("kind", [Minimize, Maximize, AtMost, Cost, Track])
def test_an_outcome_with_the_name_of_a_column_of_jbos_own_comes_in_again(name, kind, tmp_path):
    of_name = AtMost(name, 101.0) if kind is AtMost else kind(name)
    others = [Minimize("loss"), Cost("seconds"), AtLeast("accuracy", 0.5)]
    outcomes = [of_name, *(each for each in others[kind in (Minimize, Maximize) :] if type(each) is not kind)]
    study = begin(outcomes)
    for i in range(3):
        told = {each.name: 10.0 * j + i + 1 for j, each in enumerate(outcomes)} | {name: 100.0 + i}
        trial = study.ask()
        study.report(trial, 1, float(i))
        study.tell(trial, told, noise={name: 0.5 + i} if kind is not Cost else None)
    with (tmp_path / "t.csv").open("w", newline="") as file:
        export.write_csv(study.trials, ["x"], file, study.outcomes)
    for source in (study, study.trials, tmp_path / "t.csv"):
        with Study.from_trials(source, SPACE, strategy=jbo.random_search, outcomes=outcomes) as again:
            np.testing.assert_equal(plain_of(again.trials), plain_of(study.trials))
            assert [t.values[name] for t in again.trials] == [100.0, 101.0, 102.0]


def test_a_study_says_whether_its_values_have_names():
    named, plain = begin([Maximize("value"), Cost("cost")]), begin(None)
    for study in (named, plain):
        study.tell(at(0.5), 1.5 if study is plain else {"value": 1.5}, cost=2.0, noise=0.25)
    with pytest.raises(ValueError, match="trial 0: value: expected at least one of .'score'."):
        Study.from_trials(named, SPACE, strategy=jbo.random_search, outcomes=[Minimize("score")])
    crossed = [Minimize("cost"), Cost("value")]
    with Study.from_trials(plain, SPACE, strategy=jbo.random_search, outcomes=crossed) as again:
        assert again.trials[0].values == {"cost": 1.5, "value": 2.0} and again.trials[0].noises == {"cost": 0.25}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([Maximize("a")], [Minimize("a")]),
        ([Minimize("a"), AtMost("b", 1.0)], [Minimize("a"), AtLeast("b", 1.0)]),
        ([Minimize("a"), Track("b")], [Minimize("a"), Cost("b")]),
    ],
)
def test_an_outcome_keeps_its_kind_from_study_to_study(before, after):
    study = begin(before)
    study.tell(at(0.5), {each.name: 0.75 for each in before})
    old, new = before[-1], after[-1]
    words = (
        f"outcomes: expected '{new.name}' to be a jbo.{type(old).__name__} as in the study .*got {type(new).__name__}"
    )
    with pytest.raises(ValueError, match=words):
        Study.from_trials(study, SPACE, strategy=jbo.random_search, outcomes=after)
    with Study.from_trials(study.trials, SPACE, strategy=jbo.random_search, outcomes=after) as again:
        assert again.trials[0].values == study.trials[0].values
    if isinstance(old, AtMost):
        stricter = [before[0], AtMost("b", 0.5)]
        with Study.from_trials(study, SPACE, strategy=jbo.random_search, outcomes=stricter) as again:
            assert again.trials[0].is_feasible is False


def test_the_table_for_people_has_an_outcome_named_feasible():
    study, stream = begin([Minimize("loss"), AtMost("feasible", 5.0)]), io.StringIO()
    study.tell(at(0.5), {"loss": 1.0, "feasible": 7.25})
    export.write_table(study.trials, ["x"], None, stream, study.outcomes)
    title, row = (line.split() for line in stream.getvalue().splitlines())
    assert dict(zip(title, row, strict=True)).items() >= {("values.feasible", "7.25"), ("feasible", "False")}


def test_a_table_of_the_user_has_a_column_for_each_outcome(tmp_path):
    (tmp_path / "t.csv").write_text("x,loss,memory\n0.5,1.5,7\n0.25,0.5,\n")
    with Study.from_trials(tmp_path / "t.csv", SPACE, strategy=jbo.random_search, outcomes=GOALS) as study:
        assert [t.values for t in study.trials] == [{"memory": 7.0, "loss": 1.5}, {"loss": 0.5}]
        assert [t.config for t in study.trials] == [at(0.5), at(0.25)]


def test_a_snapshot_has_trials_of_its_own(tmp_path):
    with begin(None, path=tmp_path / "s.db") as study:
        study.tell(at(0.5), 1.0), study.tell(at(0.5), 2.0)
    snapshot = read_study(tmp_path / "s.db")
    snapshot.trials[0].config["x"] = 7
    assert snapshot.trials[1].config == at(0.5)


# The command line


@pytest.fixture
def call(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        status = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    (tmp_path / "space.json").write_text(json.dumps(SPACE.to_json()))
    return call


def test_a_study_of_outcomes_in_the_shell(call, capsys, tmp_path):
    plain = [{"kind": "Minimize", "name": "loss"}, {"kind": "AtMost", "name": "memory", "limit": 8},
             {"kind": "Track", "name": "steps"}]  # fmt: skip
    (tmp_path / "outcomes.json").write_text(json.dumps(plain))
    status, said, _ = call("new", "s.db", "--space", "space.json", "--outcomes", "outcomes.json", "--seed", 3)
    assert status == 0 and json.loads(said)["outcomes"] == plain
    with Study.open("s.db", strategy=jbo.random_search) as study:
        assert list(study.outcomes) == [Minimize("loss"), AtMost("memory", 8.0), Track("steps")]
        study.ask(4)
        study._held.clear()
    status, said, _ = call("tell", "s.db", 0, "loss=-0.5", "memory=9", "steps=nan", "--noise", "loss=0.25")
    told = json.loads(said)
    assert status == 0 and (told["value"], told["noise"], told["feasible"]) == (-0.5, 0.25, False)
    assert told["values"] == {"loss": -0.5, "memory": 9.0, "steps": None}
    assert json.loads(call("tell", "s.db", 1, "memory=3", "loss=2")[1])["feasible"] is True
    status, said, _ = call("abandon", "s.db", 2)
    assert status == 0 and json.loads(said)["status"] == "abandoned"
    assert call("abandon", "s.db", 2)[0] == 0
    for arguments, words in {
        ("tell", "s.db", 3, "0.5"): "value: expected a dict such as {'loss': …, 'memory': …, 'steps': …}, got 0.5",
        ("tell", "s.db", 3, "los=1"): "did you mean 'loss'?",
        ("tell", "s.db", 3, "loss=1", "loss=2"): "VALUE: expected one number, or NAME=NUMBER for each outcome",
        ("tell", "s.db", 3, "loss=1", "2"): "VALUE: expected one number, or NAME=NUMBER for each outcome",
        ("tell", "s.db", 2, "loss=1"): "got trial 2, which was abandoned",
        ("abandon", "s.db", 1): "abandon: expected a pending trial, got trial 1, which ended with",
        (
            "tell",
            "s.db",
            3,
            "--failed",
            "x",
            "--noise",
            "loss=1",
        ): "noise: expected None with a failure, because a",
        ("abandon", "s.db", 9): "NUMBER: expected the number of one of the 4 trials so far, got 9",
    }.items():
        status, _, said = call(*arguments)
        assert status == 1 and words in said, said
    for arguments, words in {
        ("tell", "s.db", 3, "loss=abc"): "VALUE: expected a number, or NAME=NUMBER, got 'loss=abc'",
        ("tell", "s.db", 3, "--failed", "x", "loss=1"): "VALUE: expected no value with --failed, because a failed "
        "trial has no value, got 'loss=1'",
        ("tell", "s.db", 3, "--failed", "x", "--cots", "1"): "unrecognized arguments: --cots 1",
    }.items():
        with pytest.raises(SystemExit, match="2"):
            call(*arguments)
        assert words in capsys.readouterr().err
    status, said, _ = call("best", "s.db")
    assert status == 0 and [line.split() for line in said.splitlines()][:1] == [["trial", "1"]]
    assert {tuple(line.split()) for line in said.splitlines()} >= {("memory", "3"), ("feasible", "True")}
    status, said, _ = call("trials", "s.db")
    title, first, second, *_ = said.splitlines()
    assert title.split()[:7] == ["trial", "status", "value", "seconds", "noise", "memory", "steps"]
    assert first.split()[0] == "0" and second.split()[0] == "1*" and "False" in first
    assert json.loads(call("trials", "s.db", "--json")[1])[2]["status"] == "abandoned"


def test_an_outcome_that_no_trial_has_is_told_once_at_the_end(caplog):
    """A limit whose name is misspelt would leave all trials without a word about it."""
    outcomes = [jbo.Minimize("loss"), jbo.AtMost("memory", 8.0), jbo.Track("steps")]
    space = jbo.Space(x=jbo.Real(0.0, 1.0))
    with jbo.Study(space, outcomes=outcomes, strategy=jbo.random_search(space), seed=0) as study:
        study.optimize(lambda config: {"loss": config["x"]}, 3, progress=False)
        told = [r.getMessage() for r in caplog.records if "did it leave a name out" in r.getMessage()]
        assert told == [
            "no trial has a value of 'memory', although the objective returned other values: did it leave a name out?"
        ]
        caplog.clear()
        study.optimize(lambda config: {"loss": config["x"], "memory": 1.0}, 5, progress=False)
        assert not [r for r in caplog.records if "did it leave a name out" in r.getMessage()]
