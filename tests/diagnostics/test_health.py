"""The health of a study's surrogate, and which parameters matter in it."""

import dataclasses
import re

import numpy as np
import pytest
from scipy.stats import norm

import jbo
from jbo.diagnostics import LEVELS, dependence, health, importance

from .conftest import SPACE, accuracy, fill


def test_a_good_model_is_told_from_a_constant(study, view):
    found = health(view)
    succeeded = [t for t in study.trials if t.status == "ok"]
    assert found.method == "leave-one-out" and found.held_out is None
    assert found.numbers.tolist() == [t.number for t in succeeded]
    assert found.values.tolist() == [t.value for t in succeeded]
    assert found.model.rmse < 0.7 * found.constant.rmse and found.model.log_density > found.constant.log_density
    assert found.model.rank_correlation > 0.8 and found.model.residuals.shape == found.values.shape
    assert list(found.model.coverage) == list(LEVELS)
    assert not any("no better than the mean" in finding for finding in found.findings)
    seen = np.asarray(view.data.y)[found.numbers]
    others = np.array([np.delete(seen, i).mean() for i in range(len(seen))])
    assert found.constant.rmse == pytest.approx(np.sqrt(np.mean((seen - others) ** 2)))
    inside = (found.predicted.low <= found.values) & (found.values <= found.predicted.high)
    assert inside.mean() == pytest.approx(found.model.coverage[0.95]), "the interval is the one that is counted"
    assert set(found.lengthscales) == set(SPACE.names)


def test_health_is_said_in_a_line_and_in_a_card(view):
    found = health(view)
    number, finding = len(found.values), "The lengthscale of <b>rate</b> is the least allowed."
    quiet, loud = dataclasses.replace(found, findings=[]), dataclasses.replace(found, findings=[finding, "More."])
    start = f"<Health by leave-one-out of {number} trials: error {found.model.rmse:.3g} (the mean's "
    assert repr(quiet) == f"{start}{found.constant.rmse:.3g}), no finding>"
    assert repr(loud).startswith(start) and repr(loud).endswith("2 findings>")
    card = loud._repr_html_()
    rows = [re.findall("<td>(.*?)</td>", row) for row in re.findall("<tr>(.*?)</tr>", card)]
    assert ["error (root mean square)", f"{found.model.rmse:.3g}", f"{found.constant.rmse:.3g}"] in rows
    assert ["rank correlation", f"{found.model.rank_correlation:.3f}", "–"] in rows
    assert ["inside of 95% intervals", *(f"{q.coverage[0.95]:.0%}" for q in (found.model, found.constant))] in rows
    assert "of &lt;b&gt;rate&lt;/b&gt; is" in card and "nothing speaks against the model" in quiet._repr_html_()
    twice = dataclasses.replace(quiet, held_out=dataclasses.replace(found.model, rank_correlation=float("nan")))
    assert "<th>model, held out</th>" in twice._repr_html_() and ">nan<" not in twice._repr_html_()


@pytest.mark.guard
def test_noise_and_scores_are_in_their_units(view):
    """The noise in units of the objective, where these are linear; densities of held out trials with the noise."""
    rng = np.random.default_rng(11)
    configs = [c for c in (SPACE.decode(u) for u in rng.random((24, len(SPACE)))) if c["rate"] < 0.1]
    values = np.array([accuracy(c) for c in configs]) + 0.02 * rng.normal(size=len(configs))
    found = health(view, held_out=list(zip(configs, values, strict=True)))
    variance = float(np.exp(view.params.log_noise_variance[0]))
    low, high = view.told(np.array([-1.2, -0.7]), np.zeros(2)).middle
    np.testing.assert_allclose(found.noise, np.sqrt(variance) * abs(high - low) / 0.5, rtol=1e-9)
    mean, deviation = view.predict(view.encode(configs))
    expected = norm.logpdf(view.seen(values), mean, np.sqrt(deviation**2 + variance))
    np.testing.assert_allclose(found.held_out.log_density, expected.mean(), rtol=1e-9)
    np.testing.assert_allclose(
        found.held_out.residuals, (view.seen(values) - mean) / np.sqrt(deviation**2 + variance), rtol=1e-9
    )


@pytest.mark.thorough
def test_values_times_a_thousand_have_a_noise_times_a_thousand(study):
    with jbo.Study(SPACE, maximize=True, seed=0) as large:
        for trial in study.trials:
            if trial.status == "ok":
                large.tell(trial.config, 1000 * trial.value)
            else:
                large.tell(trial.config, failed="diverged")
        np.testing.assert_allclose(health(large).noise, 1000 * health(study).noise, rtol=1e-2)


def test_failures_are_found(study):
    assert any("rate is at least" in finding for finding in health(study).findings)


@pytest.mark.thorough
def test_held_out_trials(view):
    rng = np.random.default_rng(11)
    configs = [SPACE.decode(u) for u in rng.random((40, len(SPACE)))]
    configs = [c for c in configs if c["rate"] < 0.1]
    pairs = [(c, accuracy(c)) for c in configs]
    found = health(view, held_out=pairs)
    mean, _ = view.predict(view.encode(configs))
    error = mean - view.seen(np.array([value for _, value in pairs]))
    assert (
        found.held_out.rmse == pytest.approx(np.sqrt(np.mean(error**2))) and found.held_out.rmse < found.constant.rmse
    )
    shuffled = [(c, value) for (c, _), (_, value) in zip(pairs, pairs[::-1], strict=True)]
    assert health(view, held_out=shuffled).held_out.rmse > 2 * found.held_out.rmse
    with pytest.raises(ValueError, match="held_out: expected finite values"):
        health(view, held_out=[(configs[0], np.nan)])


def test_noise_alone_is_no_better_than_the_mean():
    rng = np.random.default_rng(0)
    with jbo.Study(SPACE, seed=0) as study:
        for u in rng.random((24, len(SPACE))):
            study.tell(SPACE.decode(u), rng.normal())
        assert any("no better than the mean" in finding for finding in health(study).findings)


@pytest.mark.thorough
def test_a_forest_is_fitted_to_folds():
    strategy = jbo.bayesian(SPACE, surrogate=jbo.forest(num_trees=10))
    with jbo.Study(SPACE, strategy=strategy, maximize=True, seed=0) as study:
        found = health(fill(study), num_folds=4)
        assert found.method == "4 folds" and found.lengthscales == {}
        assert 0.05 < found.model.rmse < found.constant.rmse, "it does not predict what it grew on"


def test_importance_finds_what_matters(view):
    found = importance(view)
    assert found.main["rate"] > 0.4 and found.main["rate"] == max(found.main.values())
    assert found.total["layers"] > found.total["idle"] and found.total["idle"] < 0.1
    assert ("rate", "layers") in found.pairs and len(found.pairs) == 6
    assert sum(found.main.values()) + sum(found.pairs.values()) == pytest.approx(1, abs=0.1)
    assert found.lengthscales["idle"] == max(found.lengthscales.values())


def test_dependence_peaks_where_the_best_is(view):
    places = np.linspace(0, 1, 33)
    middle, low, high = dependence(view, "rate", places)
    assert abs(places[middle.argmax()] - 0.5) < 0.15 and (low < middle).all() and (middle < high).all()
    with pytest.raises(ValueError, match="name: expected one of rate, layers, kind, idle, got 'speed'"):
        dependence(view, "speed", places)
