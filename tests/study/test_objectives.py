"""A study of several objectives: its front, what it dominates, and what has no meaning there."""

import copy
import csv
import inspect
import io
import json
import logging
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jbo
import jbo.__main__ as command
from jbo.diagnostics import view_model
from jbo.study import export
from jbo.study.table import Table, with_lift
from jbo.types import FAILED, OK

SPACE = jbo.Space(x=jbo.Real(0.0, 1.0), n=jbo.Integer(1, 9))
TWO = [jbo.Minimize("loss"), jbo.Maximize("recall"), jbo.AtMost("memory", 8.0), jbo.Track("steps")]
REFERRED = [jbo.Minimize("loss", reference=1.0), jbo.Maximize("recall", reference=0.0), jbo.AtMost("memory", 8.0)]


def study_of(outcomes=TWO, **options):
    options.setdefault("strategy", jbo.random_search(SPACE))
    return jbo.Study(SPACE, outcomes=outcomes, seed=0, **options)


def tell(study, *rows, **options):
    """A trial for each row: loss, recall, memory; None is missing."""
    told = []
    for i, row in enumerate(rows):
        values = {name: value for name, value in zip(("loss", "recall", "memory"), row, strict=True)}
        told.append(study.tell({"x": 0.01 * (len(study.trials) + i), "n": 1}, values, **options))
    return told


ROWS = [
    (0.5, 0.5, 1.0),  # 0: on the front
    (0.6, 0.4, 1.0),  # 1: dominated
    (0.2, 0.2, 9.0),  # 2: not feasible
    (0.2, 0.2, 8.0),  # 3: on the front
    (0.2, 0.2, 8.0),  # 4: equal to it
    (0.1, None, 1.0),  # 5: no recall
    (0.9, 0.9, None),  # 6: nobody knows whether it is feasible
    (0.2, 0.1, 1.0),  # 7: dominated in one objective only
]


def test_the_front_is_of_feasible_trials_that_no_other_dominates():
    with study_of() as study:
        tell(study, *ROWS)
        assert [trial.number for trial in study.pareto] == [0, 3, 4]
        assert study.pareto == [study.trials[number] for number in (0, 3, 4)]
        assert study.pareto[0].values == {"loss": 0.5, "recall": 0.5, "memory": 1.0}
        assert [trial.number for trial in study.recommended] == [0, 3, 4]  # there is no model


def test_the_hypervolume_is_in_the_units_of_the_user_up_to_the_reference():
    with study_of(REFERRED) as study:
        assert study.hypervolume == 0 and study.reference == {"loss": 1.0, "recall": 0.0}
        tell(study, *ROWS)
        # (0.5, 0.5) has half of a half, and (0.2, 0.2) adds what is left of it below 0.5.
        assert study.hypervolume == pytest.approx(0.5 * 0.5 + 0.3 * 0.2)
        values, so_far = study.trajectory
        assert values.shape == (8, 2) and values[0].tolist() == [0.5, 0.5] and math.isnan(values[5, 1])
        np.testing.assert_allclose(so_far, [0.25, 0.25, 0.25, 0.31, 0.31, 0.31, 0.31, 0.31])


def test_a_reference_that_nobody_gave_is_inferred_from_the_feasible_trials():
    with study_of([jbo.Minimize("loss"), jbo.Maximize("recall", reference=0.1), jbo.AtMost("memory", 8)]) as study:
        tell(study, *ROWS)
        assert study.reference == {"loss": pytest.approx(0.64), "recall": 0.1}
        assert study.hypervolume == pytest.approx(0.14 * 0.4 + 0.3 * 0.1)


def test_what_is_one_number_of_one_objective_says_what_to_use():
    with study_of() as study:
        (trial,) = tell(study, ROWS[0])
        with pytest.raises(ValueError, match=r"best: expected one objective.*study.pareto"):
            _ = study.best
        with pytest.raises(ValueError, match=r"expected one objective for this, got several, \['loss', 'recall'\]"):
            _ = study.maximize
        with pytest.raises(ValueError, match=r"value: expected a study with one objective.*trial.values"):
            _ = trial.value
        with pytest.raises(AttributeError):
            _ = trial.values_of
        with pytest.raises(ValueError, match="target: expected None with several objectives"):
            study.optimize(lambda config: {}, 3, stop=jbo.Stop(target=0.1))
        with pytest.raises(TypeError, match="expected a dict such as"):
            study.tell({"x": 0.5, "n": 1}, 0.3)
        with pytest.raises(ValueError, match="noise: expected a dict from names"):
            study.tell({"x": 0.5, "n": 1}, {"loss": 0.3}, noise=0.1)


def test_no_trial_of_a_front_is_a_reason():
    with study_of() as study:
        with pytest.raises(ValueError, match="no trial has succeeded"):
            _ = study.recommended
        tell(study, (0.1, None, 1.0))
        with pytest.raises(ValueError, match=r"no trial has values of all of \['loss', 'recall'\]"):
            _ = study.recommended
        tell(study, (0.1, 0.2, 9.0))
        with pytest.raises(ValueError, match="1 break AtMost"):
            _ = study.recommended
        assert study.pareto == [] and study.hypervolume == 0


def test_a_trial_of_several_objectives_is_like_any_other():
    with study_of() as study:
        (trial,) = tell(study, ROWS[0], noise={"loss": 0.1})
        for same in (trial.copy(), pickle.loads(pickle.dumps(trial)), copy.deepcopy(trial), study.trials[0]):
            assert same == trial and hash(same) == hash(trial) and same.is_of_several
            with pytest.raises(ValueError, match="value"):
                _ = same.value
        assert trial != study.tell({"x": 0.5, "n": 2}, trial.values) and trial != "trial"
        assert trial.noise is None and trial.noises == {"loss": 0.1}
        assert "loss 0.5, recall 0.5, memory 1" in repr(trial) and "recall" in trial._repr_html_()
        assert "minimize loss, maximize recall" in repr(study) and "front: 2" in repr(study)
        assert "2 trials that no other one dominates" in study._repr_html_()


def test_an_objective_that_is_not_finite_fails_its_trial():
    with study_of() as study:
        told = study.tell({"x": 0.5, "n": 1}, {"loss": 0.1, "recall": math.nan, "memory": 1.0})
        assert told.status == "failed" and "'recall' is nan" in told.failure and "loss" in told.values
        assert study.pareto == []


def test_the_table_has_a_column_for_each_objective():
    with study_of(noise_free := TWO) as study:
        tell(study, (0.5, 0.25, 1.0), (None, 0.5, 9.0), noise={"recall": 0.125})
        study.tell({"x": 0.9, "n": 1}, failed="no memory")
        rows = Table.of(study.trials, SPACE, study.outcomes).rows()
    assert noise_free and rows.status[:4].tolist() == [OK, OK, FAILED, 0]
    assert rows.y[:3].tolist() == [[0.5, -0.25, -7.0], [0.0, -0.5, 1.0], [0, 0, 0]]
    assert rows.is_known[:3].tolist() == [[True, True, True], [False, True, True], [False] * 3]
    assert rows.noise[:2].tolist() == [[0.0, 0.125, 0.0], [0.0, 0.125, 0.0]]


def test_each_objective_is_lifted_by_a_power_of_two_of_its_own():
    outcomes = [jbo.Minimize("small", reference=1e-309), jbo.Minimize("plain", reference=4.0)]
    with study_of(outcomes, strategy=jbo.bayesian(SPACE)) as study:
        for small, plain in ((5e-310, 1.0), (2e-310, 3.0)):
            study.tell({"x": plain / 8, "n": 1}, {"small": small, "plain": plain})
        table = Table.of(study.trials, SPACE, study.outcomes)
        first, second = table.exponents
        assert first > 900 and second == 0
        np.testing.assert_array_equal(table.rows().y[:2, 0], np.ldexp([5e-310, 2e-310], first))
        lifted = with_lift(study.strategy, table.exponents).reference
        assert lifted.tolist() == [math.ldexp(1e-309, first), 4.0]
        assert study.strategy.reference.tolist() == [1e-309, 4.0]


def test_reports_are_of_a_named_objective():
    with study_of() as study:
        trial = study.ask()
        with pytest.raises(
            ValueError, match=r"name: expected the objective of the intermediate value, one of \['loss', 'recall'\]"
        ):
            study.report(trial, 1, 0.5)
        with pytest.raises(ValueError, match="name: expected one of the objectives"):
            study.report(trial, 1, 0.5, name="memory")
        assert study.report(trial, 1, 0.5, name="recall") is False
        with pytest.raises(ValueError, match="name: expected 'recall', which trial 0 has reported"):
            study.report(trial, 2, 0.5, name="loss")
        assert study.trials[0].intermediate_values == {1: 0.5} and study.trials[0].reported == "recall"
        with pytest.raises(TypeError, match="stopped: expected no value"):
            study.tell(trial, {"recall": 0.5}, stopped=True)
        told = study.tell(trial, {"loss": 0.3, "memory": 2.0}, stopped=True)
        assert told.status == "stopped" and told.values == {"loss": 0.3, "memory": 2.0} and study.pareto == []
        rows = Table.of(study.trials, SPACE, study.outcomes).rows()
        assert rows.y[0].tolist() == [0.3, -0.5, -6.0] and rows.is_known[0].all()


def test_a_pruner_compares_the_trials_that_reported_the_same_objective():
    """Higher recall is better: the median rule stops the trial with the lowest one."""

    def objective(config, report):
        for step in range(3):
            if report(step, config["x"], name="recall"):
                break
        return {"loss": config["x"], "recall": config["x"], "memory": 1.0}

    with study_of() as study:
        other = study.ask()
        study.report(other, 0, 5.0, name="loss")
        study.tell(other, {"loss": 5.0, "recall": 5.0, "memory": 1.0})
        for x in (0.5, 0.6, 0.7, 0.2, 0.8):
            study.enqueue({"x": x, "n": 1})
        study.optimize(objective, 6, pruner=jbo.MedianPruner(min_trials=3))
        assert [t.status for t in study.trials] == ["ok", "ok", "ok", "ok", "stopped", "ok"]
        assert study.trials[4].reported == "recall" and "recall" not in study.trials[4].values
        for value in ({"loss": 1.0}, None):
            trial = study.ask()
            with pytest.raises(ValueError, match="stopped: expected an intermediate value"):
                study.tell(trial, value, stopped=True)


@pytest.mark.thorough
def test_reports_come_from_other_processes_by_name():
    def objective(config, report):
        report(0, 1.0, name="loss")
        return {"loss": 1.0, "recall": 0.5, "memory": 1.0}

    with study_of() as study:
        study.optimize(objective, 2, workers=2, progress=False)
        assert [trial.reported for trial in study.trials] == ["loss", "loss"]


def test_no_improvement_is_no_new_trial_of_the_front(capsys):
    rows = iter([(0.5, 0.5), (0.4, 0.4), (0.6, 0.5), (0.4, 0.4), (0.9, 0.9), (0.5, 0.4), (0.5, 0.5), (0.3, 0.3)])

    def objective(config):
        loss, recall = next(rows)
        return {"loss": loss, "recall": recall, "memory": 1.0}

    with study_of() as study:
        study.optimize(objective, 50, stop=jbo.Stop(no_improvement=2), progress=True)
        # The second is not dominated by the first. The third is, and the fourth equals the second.
        assert len(study.trials) == 4
        assert "value loss 0.5, recall 0.5, memory 1, best front of 1" in capsys.readouterr().err


def test_what_is_written_down_is_read_again(tmp_path, monkeypatch):
    path = tmp_path / "study.db"
    with study_of(REFERRED, path=path) as study:
        tell(study, *ROWS, noise={"loss": 0.125})
        trial = study.ask()
        study.report(trial, 3, 0.5, name="recall")
        study.tell(trial, {"loss": 1.0}, stopped=True)
        trials, volume = study.trials, study.hypervolume
        with study.copy(tmp_path / "copy.db") as same:
            assert [t.values for t in same.trials] == [t.values for t in trials]
    with jbo.Study.open(path, strategy=jbo.random_search) as study:
        assert study.trials == trials and study.hypervolume == volume and study.outcomes == tuple_of(REFERRED)
        assert list(study.outcomes) == REFERRED
        frame = study.to_dataframe()
        assert "value" not in frame.columns and frame["values.loss"].tolist()[0] == 0.5
        text = io.StringIO()
        export.write_csv(study.trials, SPACE.names, text, study.outcomes)
        assert json.loads(json.dumps(export.as_plain(trials[-1], study.outcomes)))["reported"] == "recall"
    with pytest.raises(ValueError, match="has Minimize"):
        study_of(TWO[:3], path=path)
    table = tmp_path / "trials.csv"
    table.write_text(text.getvalue())
    assert "value" not in next(csv.reader(io.StringIO(text.getvalue())))
    for source in (table, trials):
        with jbo.Study.from_trials(
            source, SPACE, outcomes=REFERRED, strategy=jbo.random_search, path=tmp_path / f"{type(source).__name__}.db"
        ) as again:
            for name in ("config", "status", "values", "noises", "is_feasible", "reported", "intermediate_values"):
                assert [getattr(t, name) for t in again.trials] == [getattr(t, name) for t in trials], name


def tuple_of(outcomes):
    return jbo.Outcomes(outcomes)


def test_a_search_of_one_objective_becomes_one_of_several_and_back():
    with jbo.Study(SPACE, strategy=jbo.random_search(SPACE), seed=0) as study:
        study.optimize(lambda config: config["x"], 3)
        with pytest.raises(ValueError, match="expected a dict with the values of"):
            jbo.Study.from_trials(study, SPACE, strategy=jbo.random_search, outcomes=TWO)
    with study_of() as study:
        tell(study, *ROWS[:3])
        one = [jbo.Maximize("recall"), jbo.Minimize("loss")]
        with jbo.Study.from_trials(study, SPACE, strategy=jbo.random_search, outcomes=one) as other:
            assert [t.number for t in other.pareto] == [0, 2]
        with jbo.Study.from_trials(study, SPACE, strategy=jbo.random_search, outcomes=one[:1]) as other:
            assert other.best.value == 0.5
        with pytest.raises(ValueError, match="'loss' to be a jbo.Minimize"):
            jbo.Study.from_trials(study, SPACE, outcomes=[jbo.Maximize("loss")])


def test_a_csv_table_needs_a_column_of_an_objective(tmp_path):
    table = tmp_path / "trials.csv"
    table.write_text("value,x,n\n1.0,0.5,3\n")
    with pytest.raises(ValueError, match=r"expected a column for at least one of \['loss', 'recall'\]"):
        jbo.Study.from_trials(table, SPACE, outcomes=TWO)
    table.write_text("loss,recall,x,n\n1.0,0.5,0.25,3\n")
    with jbo.Study.from_trials(table, SPACE, outcomes=TWO[:2], strategy=jbo.random_search) as study:
        assert study.trials[0].values == {"loss": 1.0, "recall": 0.5} and study.trials[0].config == {"x": 0.25, "n": 3}


def test_the_command_line_shows_the_front(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "use_compile_cache", lambda: None)  # a setting of the whole process

    def jbo_(*arguments, status=0):
        assert command.main([str(argument) for argument in arguments]) == status
        said = capsys.readouterr()
        return said.out if status == 0 else said.err

    study, space, outcomes = tmp_path / "study.db", tmp_path / "space.json", tmp_path / "outcomes.json"
    space.write_text(json.dumps(SPACE.to_json()))
    outcomes.write_text(
        '[{"kind": "Minimize", "name": "loss", "reference": 1.0}, {"kind": "Maximize", "name": "recall"}]'
    )
    about = json.loads(jbo_("new", study, "--space", space, "--outcomes", outcomes, "--seed", "1"))
    assert "maximize" not in about and about["outcomes"][0]["reference"] == 1.0
    assert "so there is no front" in jbo_("best", study, status=1)
    for i, (loss, recall) in enumerate([(0.5, 0.5), (0.6, 0.4), (0.2, 0.2)]):
        assert json.loads(jbo_("ask", study))["number"] == i
        assert json.loads(jbo_("tell", study, i, f"loss={loss}", f"recall={recall}"))["values"]["loss"] == loss
    listing = jbo_("trials", study)
    assert [line.split()[0] for line in listing.splitlines()] == ["trial", "0*", "1", "2*", "*"]
    assert listing.splitlines()[0].split()[:6] == ["trial", "status", "seconds", "loss", "recall", "x"]
    assert [trial["number"] for trial in json.loads(jbo_("best", study, "--json"))] == [0, 2]
    assert len(jbo_("best", study).splitlines()) == 3


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3, st.booleans()), max_size=12))
def test_the_front_is_what_no_other_dominates(rows):
    outcomes = [jbo.Minimize("a"), jbo.Maximize("b"), jbo.Minimize("c"), jbo.AtMost("d", 0)]
    losses = [(a, -b, c) for a, b, c, _ in rows]

    def dominates(i, j):
        pairs = list(zip(losses[i], losses[j], strict=True))
        return rows[i][3] and all(p <= q for p, q in pairs) and any(p < q for p, q in pairs)

    expected = [j for j in range(len(rows)) if rows[j][3] and not any(dominates(i, j) for i in range(len(rows)))]
    with study_of(outcomes) as study:
        for a, b, c, is_feasible in rows:
            study.tell({"x": 0.5, "n": 1}, {"a": a, "b": b, "c": c, "d": 0 if is_feasible else 1})
        assert [trial.number for trial in study.pareto] == expected


def test_logs_have_all_values(caplog):
    caplog.set_level(logging.INFO, "jbo")
    with study_of() as study:
        study.optimize(lambda config: {"loss": 1.0, "recall": 0.5, "memory": 1.0}, 1, progress=False)
    assert "{'loss': 1.0, 'recall': 0.5, 'memory': 1.0}" in caplog.text


def measured(config):
    """Two trade-offs in x, of which the larger n is cheaper in memory."""
    return {"loss": config["x"] ** 2 + 0.01 * config["n"], "recall": config["x"], "memory": 12.0 - config["n"]}


def test_a_front_is_searched_by_models():
    with jbo.Study(SPACE, outcomes=TWO[:2], strategy=jbo.bayesian(SPACE, num_initial=3), seed=0) as study:
        study.optimize(lambda config: {"loss": config["x"] ** 2, "recall": config["x"]}, 5, progress=False)
        assert study.last_suggestion.is_model_based and len({t.config["x"] for t in study.trials}) == 5


@pytest.mark.thorough
def test_a_search_by_models_goes_on_to_the_bit_and_takes_all_kinds_of_trials(tmp_path):
    """Pending, failed, abandoned and stopped trials, missing values, a batch, a context; then it is opened again."""

    def make(space):
        return jbo.bayesian(space, num_initial=4)

    path = tmp_path / "study.db"
    with study_of(REFERRED, strategy=make(SPACE), path=path) as study:
        study.optimize(measured, 5, progress=False)
        study.tell({"x": 0.5, "n": 5}, {"loss": 0.3})
        study.tell({"x": 0.6, "n": 5}, failed="no memory")
        study.abandon(study.ask())
        trial = study.ask()
        study.report(trial, 0, 0.4, name="loss")
        study.tell(trial, {"memory": 4.0}, stopped=True)
        assert study.last_suggestion.is_model_based
        batch = study.ask(2)
        assert batch[0].config != batch[1].config
        study.tell(batch[1], measured(batch[1].config))
        assert study.ask(context={"n": 3}).config["n"] == 3
        study.copy(tmp_path / "copy.db").close()
        coming = study.ask()
        recommended = study.recommended
        assert recommended and all(trial.is_feasible and trial.status == "ok" for trial in recommended)
        assert study.hypervolume > 0
        one = study.of_objective("loss")
        losses = [t.values["loss"] for t in study.trials if t.status == "ok" and t.is_feasible]
        assert one.best.value == min(losses)
        assert not one.maximize and study.of_objective("recall").maximize
    with jbo.Study.open(tmp_path / "copy.db", strategy=make) as again:
        waiting = {t.number for t in again.trials if t.status == "pending"}
        given = [again.ask() for _ in waiting]  # nobody runs them there, so they come first
        assert {t.number for t in given} == waiting
        assert again.ask().config == coming.config


def test_one_objective_alone_has_its_limits_and_its_reports():
    with study_of() as study:
        tell(study, *ROWS)
        trial = study.ask()
        study.report(trial, 0, 0.4, name="loss")
        study.tell(trial, {"recall": 0.75, "memory": 1.0}, stopped=True)
        one, other = study.of_objective("recall"), study.of_objective("loss")
        assert one.best.number == 8 and one.best.value == 0.75 and one.trials[8].intermediate_values == {}
        assert other.trials[8].status == "stopped" and other.trials[8].intermediate_values == {0: 0.4}
        assert other.best.number == 5 and [t.value for t in other.trials[:3]] == [0.5, 0.6, 0.2]
        assert list(one.outcomes) == [jbo.Track("loss"), *TWO[1:]]
        np.testing.assert_array_equal(one.trajectory[1][:4], [0.5, 0.5, 0.5, 0.5])
        assert repr(other) == "<Objective loss: minimize, seed 0, trials: 8 ok, 1 stopped, best: 0.1 (trial 5)>"
        with pytest.raises(ValueError, match=r"name: expected one of the objectives \['loss', 'recall'\]"):
            study.of_objective("memory")
        # Past the check of types, which asks a study for its direction.
        with pytest.raises(ValueError, match=r"study: expected one objective.*study.of_objective\('loss'\)"):
            inspect.unwrap(view_model)(study)
