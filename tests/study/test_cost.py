"""What trials cost in a study: the seconds, learnt by a strategy that wants to know them."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest

import jbo
import jbo.study.storage as storage
from jbo.diagnostics import view_model
from jbo.study.model import Fits
from jbo.study.table import Table
from jbo.world import world
from tests.surrogates.smoother import Smoother
from tests.weights import log_cost_of

SPACE = jbo.Space(a=jbo.Real(0.0, 1.0), b=jbo.Real(0.0, 1.0))


@pytest.fixture
def clock(monkeypatch):
    """Time stands still unless somebody moves it."""
    now = SimpleNamespace(seconds=1e9)
    monkeypatch.setattr(storage, "time", SimpleNamespace(time=lambda: now.seconds))
    return now


def seconds(config):
    return np.exp(3 * config["a"])


def value(config):
    return 0.1 * (config["a"] - 0.6) ** 2 + (config["b"] - 0.3) ** 2


def rows_of(study):
    """What the strategy sees of a study."""
    return Table.of(study.trials, SPACE, study.outcomes, study.strategy.learns_cost).rows()


def learnt_cost(study):
    """The strategy's log cost as the next suggestion sees it, as a function of a point."""
    rows = rows_of(study)
    with world(None):
        (params, _), _ = Fits().model(study.strategy, study.seed, rows, None)
        return log_cost_of(study.strategy, params, jbo.types.Trials(*jax.tree.map(jax.numpy.asarray, rows)))


@pytest.mark.thorough
def test_a_study_learns_how_long_its_trials_take(clock):
    """Failed trials, a pending one, one that was told as it is, and a fit that is kept, in one study."""
    studies = {}
    for cost in ("seconds", None):
        strategy = jbo.bayesian(SPACE, acquisition=jbo.log_expected_improvement(), cost=cost)
        studies[cost] = study = jbo.Study(SPACE, strategy=strategy, seed=1)
        study.tell({"a": 0.25, "b": 0.75}, value({"a": 0.25, "b": 0.75}))
        study.ask()

        def objective(config):
            clock.seconds += seconds(config)
            if config["b"] > 0.7:
                raise RuntimeError("no memory")
            return value(config)

        study.optimize(objective, 16, progress=False)
    study = studies["seconds"]
    assert {trial.status for trial in study.trials} == {"ok", "failed", "pending"}
    rows = rows_of(study)
    took = [0.0 if t.number < 2 else seconds(t.config) for t in study.trials]
    np.testing.assert_allclose(rows.y[:17, 1], took, rtol=1e-6)
    assert rows.is_known[:17, 1].tolist() == [each > 0 for each in took]
    log_cost = learnt_cost(study)
    with world(None):
        for a in (0.2, 0.5, 0.8):
            # Over five seeds 0.045 at most, and 0.03 with this one.
            np.testing.assert_allclose(log_cost(jax.numpy.array([a, 0.3])), 3 * a, atol=0.06)
    spent = {
        cost: sum(t.ended_at - t.started_at for t in study.trials if t.ended_at is not None)
        for cost, study in studies.items()
    }
    assert spent["seconds"] < 0.9 * spent[None]
    assert rows_of(studies[None]).y.shape[1] == 1, "who does not ask for it has the programs of before"


def test_it_goes_on_as_if_it_had_not_stopped(clock, tmp_path):
    def run(path, times):
        for num_trials in times:
            improvement = jbo.log_expected_improvement()  # its program is small
            strategy = jbo.bayesian(SPACE, surrogate=Smoother(), acquisition=improvement, cost="seconds")
            with jbo.Study(SPACE, strategy=strategy, seed=0, path=path) as study:

                def objective(config):
                    clock.seconds += round(16 * seconds(config)) / 16
                    return value(config)

                study.optimize(objective, num_trials, progress=False)
                configs = [trial.config for trial in study.trials]
        return configs

    assert run(tmp_path / "whole.db", [9]) == run(tmp_path / "parts.db", [4, 7, 9])


def test_the_seconds_of_the_trials(clock):
    """Of what a clock that goes back says, and of what was not asked for, nothing is known."""
    study = jbo.Study(SPACE, strategy=jbo.random_search(SPACE), seed=0)
    for i, step in enumerate((2.5, -1.0, 0.5)):
        trial = study.ask()
        clock.seconds += step
        study.tell(trial, float(i))
    study.tell({"a": 0.5, "b": 0.5}, 3.0)
    study.ask()
    rows = Table.of(study.trials, SPACE, study.outcomes, learns_cost=True).rows()
    cost, is_known = rows.y[:, 1], rows.is_known[:, 1]
    assert cost[:5].tolist() == [2.5, 0.0, 0.5, 0.0, 0.0] and not cost[5:].any()
    assert is_known[:5].tolist() == [True, False, True, False, False] and not is_known[5:].any()


@pytest.mark.thorough
def test_a_model_of_the_values_is_seen_beside_it(clock):
    """The diagnostics see the surrogate of the values, and the acquisition with the cost."""
    study = jbo.Study(SPACE, strategy=jbo.bayesian(SPACE, cost="seconds"), seed=0)
    for _ in range(8):
        trial = study.ask()
        clock.seconds += seconds(trial.config)
        study.tell(trial, value(trial.config))
    view = view_model(study)
    x = np.random.default_rng(0).random((4, 2))
    mean, deviation = view.predict(x)
    assert np.isfinite(mean).all() and (deviation > 0).all() and view.params.log_lengthscale.shape == (1, 2)
    improvement = jbo.bayesian(SPACE, acquisition=jbo.log_expected_improvement())
    ordinary = jbo.Study.from_trials(study.trials, SPACE, strategy=lambda space: improvement, seed=0)
    difference = view_model(ordinary).worth(x) - view.worth(x)
    with world(None):
        np.testing.assert_allclose(
            difference, [float(learnt_cost(study)(jax.numpy.asarray(point))) for point in x], atol=1e-6
        )
