"""What objectives report on their way, what stops them, and what is known of those that were stopped."""

import contextlib
import csv
import io
import json
import math
import multiprocessing
import pickle
import platform
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jbo
from jbo.__main__ import main
from jbo.outcomes import unnamed
from jbo.study import Study, read_study
from jbo.study.table import Table
from jbo.types import EMPTY, OK
from tests.selection import some

LINE = jbo.Space(x=jbo.Real(0.0, 1.0))


def curve(x, step):
    """Falls to ``x`` in four steps; smaller x are better at each of them."""
    return x + (1 + x) * 0.5**step


def falling(config, report):
    for step in range(1, 5):
        if report(step, curve(config["x"], step)):
            return curve(config["x"], step)
    return config["x"]


def line(**options):
    return Study(LINE, strategy=jbo.random_search(LINE), seed=0, **options)


def enqueue(study, *xs):
    for x in xs:
        study.enqueue({"x": x})


def told(study, x, values, status="ok"):
    """A trial with a curve, of a study without a queue."""
    study.enqueue({"x": x})
    trial = study.ask()
    for step, value in values.items():
        assert not study.report(trial, step, value)
    return study.tell(trial, x) if status == "ok" else study.tell(trial, stopped=True)


def test_values_are_kept_and_nothing_is_stopped_unless_asked_for(tmp_path):
    def objective(config, report):
        answers = [report(np.int64(3), np.float32(0.5)), report(1, math.nan), report(1, math.inf), report(0, 2)]
        assert answers == [False] * 4
        return 1.0

    with line(path=tmp_path / "s.db") as study:
        study.optimize(objective, 1)
        found = study.trials[0]
    with Study.open(tmp_path / "s.db") as study:
        for trial in (found, study.trials[0], read_study(tmp_path / "s.db").trials[0]):
            assert trial.status == "ok" and trial.value == 1.0 and list(trial.intermediate_values) == [0, 1, 3]
            np.testing.assert_array_equal(list(trial.intermediate_values.values()), [2.0, math.nan, 0.5])
        study.trials[0].intermediate_values[9] = 0.0
        assert 9 not in study.trials[0].intermediate_values, "a copy"


@given(
    curves=st.lists(st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0, math.nan]), min_size=1, max_size=4), max_size=9),
    own=st.lists(st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, math.nan]), min_size=1, max_size=4),
    maximize=st.booleans(),
)
def test_the_median_rule_by_numpy(curves, own, maximize):
    sign = -1.0 if maximize else 1.0

    def trial(number, values, status):
        values = {step: sign * value for step, value in enumerate(values)}
        value = 0.0 if status == "ok" else None
        return jbo.Trial(number, {}, status, value, 0.0, 0.0 if value == 0 else None, None, "", values)

    others = [trial(i, values, "ok") for i, values in enumerate(curves)]
    others += [trial(len(others), [9.0], "stopped"), trial(len(others) + 1, [9.0], "pending")]
    rule = jbo.MedianPruner(min_trials=3)
    least = [np.nanmin([*values[: len(own)], math.inf]) for values in curves]
    expected = len(curves) >= 3 and (math.isnan(own[-1]) or np.nanmin(own) > np.median(least))
    assert rule(trial(99, own, "pending"), others, maximize) == expected


def test_the_numbers_of_the_median_rule():
    with pytest.raises(ValueError, match="min_trials: expected at least 1, got 0"):
        jbo.MedianPruner(min_trials=0)
    with pytest.raises(ValueError, match="min_step: expected at least 0, got -1"):
        jbo.MedianPruner(min_step=-1)


def test_a_trial_is_stopped_at_the_step_where_it_falls_behind():
    with line() as study:
        enqueue(study, 0.1, 0.2, 0.3, 0.9, 0.15, 0.25)
        study.optimize(falling, 6, pruner=jbo.MedianPruner(min_trials=3, min_step=2))
        trials = study.trials
        assert [t.status for t in trials] == ["ok", "ok", "ok", "stopped", "ok", "stopped"]
        assert trials[3].value is None and trials[3].failure is None and trials[3].ended_at is not None
        assert trials[3].intermediate_values == {step: curve(0.9, step) for step in (1, 2)}
        assert "ok: 4" not in repr(study) and "4 ok, 2 stopped" in repr(study)
        np.testing.assert_array_equal(study.trajectory[0][3:5], [math.nan, 0.15])


@pytest.mark.thorough
def test_a_stopped_trial_is_neither_best_nor_recommended():
    with line(maximize=True) as study:
        told(study, 0.5, {1: 0.9, 2: 0.5})
        told(study, 0.3, {1: 0.2}, "stopped")
        told(study, 0.9, {1: 0.99}, "stopped")
        assert study.best.number == study.recommended.number == 0
        assert study.tell(study.ask(), 0.1).status == "ok"
    with Study(LINE, seed=0) as study:  # with a model
        for i in range(12):
            told(study, i / 12, {1: 0.0}, "stopped" if i in (0, 1) else "ok")
        assert study.recommended.status == "ok" and study.best.number == 2


def test_what_a_stopped_trial_counts_with():
    """Its last value, clipped between median and worst of the whole trials before it, whatever comes after it."""
    with line() as study:
        told(study, 0.4, {1: 7.0, 2: 5.0}, "stopped")
        for x in (0.1, 0.3, 0.8):
            told(study, x, {1: x})
        for last in (0.2, 0.5, 7.0):
            told(study, 0.9, {1: 1.0, 4: last}, "stopped")
        study.tell({"x": 0.0}, -9.0)
        study.tell({"x": 0.05}, failed="no")
        assert len(study.trials) == 9
        table = Table.of(study.trials, LINE, unnamed())
        rows = table.rows()
        np.testing.assert_array_equal(rows.y[:9, 0], [5.0, 0.1, 0.3, 0.8, 0.3, 0.5, 0.8, -9.0, 0.0])
        assert rows.status[:8].tolist() == [OK] * 8
        whole = table.rows_without_stopped()
        assert np.flatnonzero(whole.status[:9] == EMPTY).tolist() == [0, 4, 5, 6]
    with line(maximize=True) as study:
        for x in (0.1, 0.3):
            told(study, x, {1: x})
        told(study, 0.5, {1: 0.25}, "stopped")
        assert len(study.trials) == 3
        np.testing.assert_array_equal(
            Table.of(study.trials, LINE, unnamed(maximize=True)).rows().y[:3, 0], [-0.1, -0.3, -0.2]
        )


@some("how", ["workers", "threads", "processes"], ["threads"])
def test_values_come_from_wherever_the_objective_runs(how):
    executor = {
        "workers": contextlib.nullcontext,
        "threads": lambda: ThreadPoolExecutor(2),
        "processes": lambda: ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")),
    }[how]()

    with line() as study, executor as pool:
        enqueue(study, 0.1, 0.2, 0.3)
        study.optimize(falling, 3)
        enqueue(study, 0.9, 0.15, 0.8, 0.05)
        study.optimize(falling, 7, workers=2, executor=pool, pruner=jbo.MedianPruner(min_trials=3))
        for trial in study.trials:
            is_bad = trial.config["x"] > 0.5
            assert trial.status == ("stopped" if is_bad else "ok")
            steps = range(1, 2 if is_bad else 5)
            assert trial.intermediate_values == {step: curve(trial.config["x"], step) for step in steps}


def test_errors_of_a_report_are_the_objectives():
    def objective(config, report):
        report(*config["x"])

    cases = [(-1, 1.0), (1.5, 1.0), (True, 1.0), (1, "a"), (1, None)]
    space = jbo.Space(x=jbo.Categorical(*cases))
    words = [
        "expected at least 0, got -1",
        "a whole number, got 1.5",
        "a whole number, got True",
        "got 'a'",
        "got None",
    ]
    with Study(space, strategy=jbo.random_search(space), seed=0) as study:
        for case in cases:
            study.enqueue({"x": case})
        study.optimize(objective, len(cases))
        for trial, word in zip(study.trials, words, strict=True):
            assert trial.status == "failed" and word in trial.failure and not trial.intermediate_values


def test_an_error_of_the_study_reaches_the_process_that_reports():
    def broken(trial, trials, maximize):
        raise OSError(f"no room for step {max(trial.intermediate_values)}")

    def objective(config, report):
        sent = pickle.loads(pickle.dumps(report))
        with pytest.raises(RuntimeError, match="report: no room for step 3"):
            sent(3, 2.0)
        with pytest.raises(ValueError, match="step: expected at least 0, got -1"):
            sent(-1, 2.0)
        return 1.0

    with line() as study:
        study.optimize(objective, 1, pruner=broken)
        assert study.trials[0].value == 1.0, study.trials[0].failure


def test_a_trial_that_begins_anew_has_no_values_of_before(tmp_path, die):
    calls = []

    def objective(config, report):
        calls.append(config)
        report(len(calls), 1.0)
        if len(calls) == 1:
            raise RuntimeError("once")
        return 2.0

    with line() as study:
        study.optimize(objective, 1, retries=1)
        assert study.trials[0].intermediate_values == {2: 1.0}
    study = line(path=tmp_path / "s.db")
    trial = study.ask()
    study.report(trial, 5, 1.0)
    die(study)
    with line(path=tmp_path / "s.db") as study:
        assert study.trials[0].intermediate_values == {5: 1.0}
        again = study.ask()
        assert again.number == trial.number and again.intermediate_values == {}
        study.tell(again, 1.0)
        assert study.trials[0].intermediate_values == {}


def test_an_answer_of_before_does_not_stop_a_trial_that_begins_anew():
    answers = []

    def objective(config, report):
        if answers:
            return 2.0
        answers.append(report(1, 1.0))
        raise RuntimeError("once")

    with line() as study:
        study.optimize(objective, 1, retries=1, pruner=lambda trial, trials, maximize: True)
        assert answers == [True] and study.trials[0].status == "ok" and study.trials[0].value == 2.0


@pytest.mark.thorough
def test_a_search_that_stops_trials_goes_on_as_if_it_had_not_been_killed(tmp_path, die, outcome):
    def run(study, num):
        study.optimize(falling, num, pruner=jbo.MedianPruner(min_trials=2))

    with Study(LINE, seed=3) as whole:
        run(whole, 9)
        study = Study(LINE, seed=3, path=tmp_path / "s.db")
        run(study, 5)
        study.report(study.ask(), 1, 0.5)
        die(study)
        with Study(LINE, path=tmp_path / "s.db") as study:
            run(study, 7)
        with Study(LINE, path=tmp_path / "s.db") as study:
            run(study, 9)
            assert outcome(study.trials) == outcome(whole.trials)
            assert [t.intermediate_values for t in study.trials] == [t.intermediate_values for t in whole.trials]
        assert sum(t.status == "stopped" for t in whole.trials) > 1


def test_a_batch_reports_together():
    seen = []

    def objective(configs, report):
        values = [falling_at(config, 1) for config in configs]
        seen.append(report(1, values))
        seen.append(report(2, [math.nan if over else 0.5 for over in seen[-1]]))
        return values

    def falling_at(config, step):
        return curve(config["x"], step)

    with line() as study:
        enqueue(study, 0.1, 0.2, 0.3, 0.9, 0.15, 0.7)
        study.optimize(objective, 6, batch=3, pruner=jbo.MedianPruner(min_trials=3))
        assert seen == [[False] * 3, [False] * 3, [True, False, True], [True, False, True]]
        assert [t.status for t in study.trials] == ["ok", "ok", "ok", "stopped", "ok", "stopped"]
        assert study.trials[3].intermediate_values == {1: curve(0.9, 1)}
        study.optimize(lambda configs, report: report(1, [1.0]), 9, batch=3)
        assert "report: expected 3 values, got 1" in study.trials[-1].failure


def test_a_value_that_is_not_finite_fails_a_trial_that_is_stopped_by_it():
    with line() as study:
        enqueue(study, 0.1, 0.2)
        study.optimize(falling, 2)
        study.optimize(
            lambda config, report: None if report(1, math.nan) else 1.0, 3, pruner=jbo.MedianPruner(min_trials=2)
        )
        assert study.trials[2].failure == "the value is nan, not finite"


def test_what_is_refused():
    with line() as study, line() as other:
        with pytest.raises(
            ValueError, match="pruner: expected an objective with a parameter `report`, got one without"
        ):
            study.optimize(lambda config: 1.0, 1, pruner=jbo.MedianPruner())
        trial = study.ask()
        with pytest.raises(ValueError, match="stopped: expected an intermediate value of trial 0, got none"):
            study.tell(trial, stopped=True)
        study.report(trial, 1, 1.0)
        with pytest.raises(TypeError, match="stopped: expected no value and no failure with it, got value=1.0"):
            study.tell(trial, 1.0, stopped=True)
        with pytest.raises(ValueError, match="expected one of this study"):
            other.report(trial, 1, 1.0)
        study.tell(trial, stopped=True)
        with pytest.raises(ValueError, match="report: expected a running trial, got trial 0, which does not run"):
            study.report(trial, 2, 1.0)
        with pytest.raises(ValueError, match="one result for trial 0, got 1.0 after stopped=True"):
            study.tell(trial, 1.0)


def test_another_machine_is_refused(monkeypatch):
    def objective(config, report):
        sent = pickle.loads(pickle.dumps(report))
        assert sent(1, 2.0) is True
        with monkeypatch.context() as patch:
            patch.setattr(platform, "node", lambda: "another")
            sent(2, 2.0)

    words = "report: expected an executor whose processes are on the study's machine"
    with line() as study:
        with pytest.raises(TypeError, match=words):
            study.optimize(objective, 1, pruner=lambda *_: True)
        assert study.trials[0].status == "pending"


def test_an_objective_takes_a_report_by_its_name():
    with line() as study:
        for objective in (falling, lambda config, *, report: 1.0):
            study.optimize(objective, 0, pruner=jbo.MedianPruner())
        for objective in (lambda config, other=None: 1.0, lambda report: 1.0, max):
            with pytest.raises(ValueError, match="pruner: expected an objective with a parameter `report`"):
                study.optimize(objective, 0, pruner=jbo.MedianPruner())


def test_tables_in_json_and_csv(tmp_path, capsys):
    with line(path=tmp_path / "s.db") as study:
        told(study, 0.5, {1: 0.75, 2: math.nan})
        told(study, 0.25, {3: 1.5}, "stopped")
        study.tell({"x": 0.1}, 0.1)
        trials, frame = study.trials, study.to_dataframe()
    assert frame["intermediate_values"][1] == {3: 1.5}
    assert main(["trials", str(tmp_path / "s.db"), "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert [each.get("intermediate_values") for each in plain] == [[[1, 0.75], [2, None]], [[3, 1.5]], None]
    assert plain[1]["status"] == "stopped" and plain[1]["value"] is None
    assert main(["trials", str(tmp_path / "s.db"), "--csv"]) == 0
    text = capsys.readouterr().out
    assert next(csv.DictReader(io.StringIO(text)))["intermediate_values"] == "[[1, 0.75], [2, null]]"
    (tmp_path / "s.csv").write_text(text)
    for source in (trials, tmp_path / "s.csv"):
        with Study.from_trials(source, LINE, strategy=jbo.random_search) as again:
            assert [t.status for t in again.trials] == ["ok", "stopped", "ok"]
            assert again.trials[1].intermediate_values == {3: 1.5}
            np.testing.assert_array_equal(list(again.trials[0].intermediate_values.values()), [0.75, math.nan])
