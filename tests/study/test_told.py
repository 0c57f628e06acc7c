"""What is told of a trial beside its value: what it cost, and how noisy the value is."""

import csv
import io
import json

import jax.numpy as jnp
import numpy as np
import pytest

import jbo
from jbo.__main__ import main
from jbo.study import export, read_study
from jbo.study.table import Table

SPACE = jbo.Space(x=jbo.Real(0.0, 1.0))


@pytest.fixture
def study(tmp_path):
    """A trial of each kind, in a file."""
    with jbo.Study(SPACE, strategy=jbo.random_search(SPACE), seed=0, path=tmp_path / "s.db") as study:
        study.tell(study.ask(), 0.5, cost=np.float32(2), noise=jnp.asarray(0.25))
        study.tell(study.ask(), failed="no memory", cost=7)
        study.tell(study.ask(), float("nan"), cost=3.5, noise=1.0)
        trial = study.ask()
        study.report(trial, 0, 0.75)
        study.tell(trial, stopped=True, cost=1.25)
        study.tell({"x": 0.125}, 0.1, noise=0)
        study.tell({"x": 0.25}, 0.2)
        yield study


KNOWN = [(2.0, 0.25), (7.0, None), (3.5, None), (1.25, None), (None, 0.0), (None, None)]


def known(trials):
    return [(trial.cost, trial.noise) for trial in trials]


def test_it_is_kept(study):
    assert known(study.trials) == KNOWN
    assert [trial.status for trial in study.trials] == ["ok", "failed", "failed", "stopped", "ok", "ok"]
    assert known(read_study(study.path).trials) == KNOWN
    with jbo.Study(SPACE, strategy=jbo.random_search(SPACE), path=study.path) as again:
        assert known(again.trials) == KNOWN


def test_it_goes_wherever_trials_go(study, tmp_path):
    again = jbo.Study.from_trials(study.trials, SPACE, strategy=jbo.random_search)
    assert known(again.trials) == KNOWN
    with (tmp_path / "t.csv").open("w") as file:
        export.write_csv(study.trials, SPACE.names, file)
    assert known(jbo.Study.from_trials(tmp_path / "t.csv", SPACE, strategy=jbo.random_search).trials) == KNOWN
    frame = study.to_dataframe()
    assert list(frame.columns) == [*export.ABOUT, "cost", "noise", "intermediate_values", "config.x"]
    assert [None if np.isnan(c) else c for c in frame["cost"]] == [cost for cost, _ in KNOWN]
    plain = [export.as_plain(trial) for trial in study.trials]
    assert [(p.get("cost"), p.get("noise")) for p in plain] == KNOWN and "cost" not in plain[5]


def test_a_table_without_has_no_columns_for_it():
    study = jbo.Study(SPACE, strategy=jbo.random_search(SPACE), seed=0)
    study.tell({"x": 0.5}, 1.0)
    file = io.StringIO()
    export.write_csv(study.trials, SPACE.names, file)
    assert file.getvalue().splitlines()[0] == "number,status,value,started_at,ended_at,failure,config.x"


def test_a_column_of_that_name_may_be_a_parameter(tmp_path):
    space = jbo.Space(cost=jbo.Real(0.0, 9.0), noise=jbo.Real(0.0, 9.0))
    (tmp_path / "t.csv").write_text("value,cost,noise\n1.0,-0.0,8\n".replace("-0.0", "0"))
    (trial,) = jbo.Study.from_trials(tmp_path / "t.csv", space, strategy=jbo.random_search).trials
    assert trial.config == {"cost": 0.0, "noise": 8.0} and known([trial]) == [(None, None)]
    (tmp_path / "t.csv").write_text("value,cost,config.cost,config.noise\n1.0,3,0,8\n")
    (trial,) = jbo.Study.from_trials(tmp_path / "t.csv", space, strategy=jbo.random_search).trials
    assert trial.config == {"cost": 0.0, "noise": 8.0} and known([trial]) == [(3.0, None)]


def test_an_objective_may_say_it():
    def objective(config):
        return jbo.Result(config["x"], cost=1 + config["x"], noise=0.5)

    study = jbo.Study(SPACE, strategy=jbo.random_search(SPACE), seed=0)
    study.optimize(objective, 2, progress=False)
    study.optimize(lambda configs: [objective(c) for c in configs], 4, batch=2, progress=False)
    assert [t.value for t in study.trials] == [t.config["x"] for t in study.trials]
    assert known(study.trials) == [(1 + t.value, 0.5) for t in study.trials]
    with pytest.raises(ValueError, match="trial 4: cost: expected a finite number above 0, got -1.0"):
        study.optimize(lambda config: jbo.Result(1.0, cost=-1), 5, progress=False)
    assert study.trials[4].status == "failed"


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"value": 1.0, "cost": 0}, ValueError, "^cost: expected a finite number above 0, got 0.0"),
        ({"value": 1.0, "cost": np.inf}, ValueError, "^cost: expected a finite number above 0, got inf"),
        ({"value": 1.0, "cost": "2"}, TypeError, "^cost: expected a number, got '2'"),
        ({"value": 1.0, "noise": -1}, ValueError, "^noise: expected a finite number of at least 0, got -1.0"),
        ({"value": 1.0, "noise": np.nan}, ValueError, "^noise: expected a finite number of at least 0, got nan"),
        ({"failed": "why", "noise": 1}, ValueError, "^noise: expected None with a failure"),
        ({"stopped": True, "noise": 1}, ValueError, "^noise: expected None with stopped=True"),
    ],
)
def test_what_is_impossible_is_refused(options, error, words):
    study = jbo.Study(SPACE, strategy=jbo.random_search(SPACE), seed=0)
    trial = study.ask()
    study.report(trial, 0, 1.0)
    with pytest.raises(error, match=words):
        study.tell(trial, **options)
    assert study.trials[0].status == "pending"


def test_the_shell_tells_it(tmp_path, capsys):
    path = str(tmp_path / "s.db")
    with jbo.Study(SPACE, strategy=jbo.random_search(SPACE), seed=0, path=path) as study:
        study.ask(2, owner=0)
    assert main(["tell", path, "0", "0.5", "--cost", "2", "--noise", "0.25"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["cost"], said["noise"]) == (2.0, 0.25)
    assert main(["tell", path, "1", "0.5", "--cost", "-2"]) == 1
    assert "cost: expected a finite number above 0, got -2.0" in capsys.readouterr().err
    assert main(["trials", path, "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["cost"] for row in rows] == ["2.0", ""]


def test_what_was_told_takes_the_place_of_the_seconds(study):
    """Units are never mixed: of trials without a told cost nothing is known then."""
    rows = Table.of(study.trials, SPACE, study.outcomes, learns_cost=True).rows()
    assert rows.y[:6, 1].tolist() == [2.0, 7.0, 3.5, 1.25, 0.0, 0.0]
    assert rows.is_known[:6, 1].tolist() == [True] * 4 + [False] * 2
    assert rows.noise[:6].tolist() == [[0.25, 0.0]] + [[0.0, 0.0]] * 5
    assert Table.of([], SPACE, study.outcomes).rows().noise is None


def test_a_noisy_value_is_trusted_less():
    """Of two trials one beside the other the model follows the one whose value is said to be exact."""
    recommended = []
    for noise in (0.0, 2.0):
        study = jbo.Study(SPACE, strategy=jbo.bayesian(SPACE, surrogate=jbo.gp(noise=0.0)), seed=0)
        for i, x in enumerate(np.linspace(0, 1, 12)):
            study.tell({"x": float(x)}, 3 * (x - 0.8) ** 2, noise=0.0 if i else 0.001)
        study.tell({"x": 0.11}, -1.0, noise=noise)
        recommended.append(study.recommended.config["x"])
    assert recommended[0] == 0.11 and abs(recommended[1] - 0.8) < 0.1
