"""The model of a study in the user's names, sign and units."""

import jax
import numpy as np
import pytest

import jbo
from jbo.diagnostics import view_model
from jbo.study.model import Fits
from jbo.study.table import Table
from jbo.surrogates import FitInfo
from jbo.world import world
from tests.weights import classifier_of

from .conftest import SPACE, accuracy


def test_predictions_have_the_users_sign_and_units(study, view):
    rng = np.random.default_rng(5)
    x = np.array([SPACE.encode(SPACE.decode(u)) for u in rng.random((64, len(SPACE)))])
    truth = np.array([accuracy(SPACE.decode(point)) for point in x])
    is_usual = np.array([SPACE.decode(point)["rate"] < 0.1 for point in x])
    middle, low, high = view.interval(x)
    assert (low <= middle).all() and (middle <= high).all()
    inside = (low <= truth) & (truth <= high)
    assert inside[is_usual].mean() > 0.8
    good = is_usual & (truth > 0.6)
    assert good.sum() > 10 and np.median(np.abs(middle - truth)[good]) < 0.03


def test_told_values_come_back(study, view):
    numbers = [t.number for t in study.trials if t.status == "ok"]
    values = np.array([study.trials[i].value for i in numbers])
    seen = np.asarray(view.data.y)[numbers]
    np.testing.assert_allclose(view.seen(values), seen, atol=1e-12)
    np.testing.assert_allclose(view.told(seen, np.zeros_like(seen)).middle, values, atol=1e-12)
    assert np.corrcoef(seen, values)[0, 1] < 0, "the model's sign is that lower is better"


def test_blocks_change_nothing(view):
    x = np.random.default_rng(0).random((600, len(SPACE)))
    mean, deviation = view.predict(x)
    np.testing.assert_array_equal(mean[590:], view.predict(x[590:])[0])
    assert deviation.shape == (600,) and view.predict(x[:0])[0].shape == (0,)


def test_the_hyperparameters_are_those_of_the_next_suggestion(study, view):
    table = Table.of(study.trials, SPACE, study.outcomes, study.strategy.learns_cost).rows()
    with world(None):
        (params, _), _ = Fits().model(study.strategy, study.seed, table, None)
    for ours, theirs in zip(view.params, params.values, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_strategy_without_a_model_gets_one(study, view):
    with jbo.Study(SPACE, strategy=jbo.random_search(SPACE), maximize=True, seed=0) as other:
        for trial in study.trials:
            other.tell(trial.config, trial.value, failed=trial.failure)
        other.ask()
        before = other.trials
        ours = view_model(other)
        np.testing.assert_allclose(ours.params.log_lengthscale, view.params.log_lengthscale, atol=1e-9)
        assert other.trials == before, "nothing is asked"


@pytest.mark.parametrize("values", [[], [1.0, 2.0], [3.0, 3.0, 3.0]])
def test_too_little_is_said(values):
    with jbo.Study(jbo.Space(x=jbo.Real(0, 1)), seed=0) as study:
        for i, value in enumerate(values):
            study.tell({"x": i / 4}, value)
        with pytest.raises(
            ValueError, match=f"study: expected at least three trials that succeeded.*got {len(values)} trials and"
        ):
            view_model(study)


@pytest.mark.thorough
def test_the_worth_of_a_point_is_what_the_next_suggestion_says_of_it(view):
    """With the chances to succeed and to be good that multiply the acquisition."""
    with world(None):
        zero = np.zeros(())
        model = view.fitted, FitInfo(zero, zero.astype(np.int32), zero.astype(bool))
        x, info = jax.jit(view.strategy.ask)(view.key, view.state, model=model)
    assert info.is_model_based and classifier_of(view.strategy) is not None
    np.testing.assert_allclose(view.worth(np.asarray(x)[None])[0], info.value, rtol=1e-6)
