"""What a rule would have done, told from whole runs, is what it does."""

import numpy as np
import pytest

import jbo
from architectures.population import halving, never, train_population
from experiments.early_stopping import Outcome, outcome, outcomes, stopped_in_turn, stopped_together
from tests.architectures.test_population import EXAMPLES, KEY, MEMBERS

RNG = np.random.default_rng(0)
SPACE = jbo.Space(row=jbo.Integer(0, 29))


@pytest.mark.thorough
def test_halving_told_from_whole_runs_is_halving():
    options = dict(num_epochs=7, num_reports=3)
    whole = train_population(KEY, MEMBERS, EXAMPLES, EXAMPLES, **options)
    losses = np.array([curve.losses for curve in whole])
    halved = train_population(KEY, MEMBERS, EXAMPLES, EXAMPLES, **options, stop=halving())
    assert stopped_together(losses, halving()).tolist() == [len(curve.losses) for curve in halved]
    assert stopped_together(losses, never).tolist() == [3] * 4


def test_the_median_rule_told_from_whole_runs_is_that_of_a_study():
    losses = np.sort(RNG.uniform(size=(30, 6)), axis=1)[:, ::-1]
    losses[[4, 20], 2:] = np.nan

    def objective(config, report):
        row = losses[config["row"]]
        for step in range(1, 6):
            if report(step, row[step - 1]):
                return None
        return row[-1]

    for rule in (jbo.MedianPruner(), jbo.MedianPruner(min_trials=3, min_step=3)):
        with jbo.Study(SPACE, strategy=jbo.random_search(SPACE), seed=0) as study:
            for row in range(30):
                study.enqueue({"row": row})
            study.optimize(objective, 30, pruner=rule)
            found = stopped_in_turn(losses, rule)
            is_whole = np.array([t.status == "ok" for t in study.trials])
            assert found[is_whole].tolist() == [6] * is_whole.sum() and 0 < (found < 6).sum()
            stopped = [t for t in study.trials if t.status == "stopped"]
            assert [found[t.number] for t in stopped] == [len(t.intermediate_values) for t in stopped]


def test_what_it_saves_and_costs_by_hand():
    losses = np.array([[5.0, 1.0], [3.0, 2.0], [4.0, np.nan], [9.0, 9.0]])
    assert outcome(losses, np.array([1, 2, 2, 1])) == Outcome(0.25, 1.0, 2.0)
    assert outcome(losses, np.array([1, 1, 2, 1])) == Outcome(3 / 8, 1.0, np.inf)
    found = outcomes(np.tile(np.linspace(1, 2, 9)[:, None], 6), size=4)
    assert [len(each) for each in found.values()] == [2, 2, 1, 1]
    (first, second) = found["halving of 4"]
    assert first.share_saved == pytest.approx(1 - (1 + 1 + 2 + 6) / 24) and first.best_left == first.best_of_all == 1
    assert second.best_left == second.best_of_all == 1.5
