"""Best so far, regret, and what is left to gain, against NumPy."""

import jax
import numpy as np
import pytest

import jbo
from jbo.diagnostics import best_so_far, improvement_left, simple_regret, stop_when_little_is_left, view_model
from jbo.strategies import Feasible
from jbo.world import world
from tests import references


def test_best_and_regret():
    values = [[np.nan, 3.0, 4.0, np.nan, 1.0], [2.0, 5.0, 1.5, 1.0, 7.0]]
    np.testing.assert_array_equal(best_so_far(values), [[np.nan, 3, 3, 3, 1], [2, 2, 1.5, 1, 1]])
    np.testing.assert_array_equal(best_so_far(values, maximize=True), [[np.nan, 3, 4, 4, 4], [2, 5, 5, 5, 7]])
    np.testing.assert_array_equal(simple_regret(values[1], 0.5), [1.5, 1.5, 1, 0.5, 0.5])
    np.testing.assert_array_equal(simple_regret(values[1], 7.0, maximize=True), [5, 2, 2, 2, 0])


@pytest.fixture(scope="module")
def line():
    with jbo.Study(jbo.Space(x=jbo.Real(-1, 2)), maximize=True, seed=0) as study:
        for x in np.linspace(-1, 2, 7):
            study.tell({"x": float(x)}, 100 - 10 * (np.sin(3 * x) + x**2))
        yield study


def test_what_is_left_is_the_greatest_expected_improvement(line):
    view = view_model(line)
    mean, deviation = view.predict(np.linspace(0, 1, 4001)[:, None])
    best = view.predict(np.asarray(view.data.x)[:7])[0].min()
    expected = max(references.expected_improvement(m, s, best) for m, s in zip(mean, deviation, strict=True))
    scale = float(view.data.y_scale)
    assert improvement_left(view) == pytest.approx(expected * scale, rel=1e-3)
    worst_half = sorted(t.value for t in line.trials)[:3]
    assert scale > 1 and max(worst_half) < 100


def test_the_rule_stops_when_that_is_small(line):
    trial = line.trials[-1]
    left = improvement_left(line)
    assert stop_when_little_is_left(line, 1.01 * left)(trial) and not stop_when_little_is_left(line, 0.99 * left)(trial)
    with jbo.Study(line.space, maximize=True, seed=0) as young:
        for old in line.trials[:4]:
            young.tell(old.config, old.value)
        assert not stop_when_little_is_left(young, 1e9)(trial), "the design is not over"
    with pytest.raises(ValueError, match="least: expected a number above 0, got 0"):
        stop_when_little_is_left(line, 0.0)


@pytest.mark.thorough
def test_a_constraint_holds_for_what_is_left():
    allows = [None]
    space = jbo.Space(x=jbo.Real(-1, 2), constraint=lambda config: allows[0](config))
    with jbo.Study(space, seed=0) as study:
        for x in np.linspace(-1, 2, 7):
            study.tell({"x": float(x)}, np.sin(3 * x) + x**2)
        left = []
        for allows[0] in (lambda config: config["x"] > 1.6, lambda config: config["x"] < 0):
            left.append(improvement_left(study))
        assert left[0] < 0.1 * left[1]
        allows[0] = lambda config: config["nothing"]
        with pytest.raises(ValueError, match="constraint"):
            improvement_left(study)


@pytest.mark.thorough
def test_what_is_left_under_limits_counts_feasible_trials_and_places():
    space, goals = jbo.Space(x=jbo.Real(0, 1)), [jbo.Minimize("loss"), jbo.AtMost("size", 0.5)]
    with jbo.Study(space, outcomes=goals, seed=0) as study:
        for x in (0.0, 0.15, 0.35, 0.7, 0.85, 1.0):
            study.tell({"x": x}, {"loss": np.cos(5 * x), "size": x})
        view, grid = view_model(study), np.linspace(0, 1, 1001)
        strategy, points = view.strategy, np.asarray(view.data.x)[:3]
        weight, learnt = next(
            pair for pair in zip(strategy.weights, view.fitted.weights, strict=True) if isinstance(pair[0], Feasible)
        )
        with world(None):
            log_probability = jax.jit(jax.vmap(weight.log_probability(learnt, view.state)))(grid[:, None])
        mean, deviation = view.predict(grid[:, None])
        best = view.predict(points)[0].min()
        gains = [references.expected_improvement(m, s, best) for m, s in zip(mean, deviation, strict=True)]
        expected = max(np.array(gains) * np.exp(np.asarray(log_probability))) * float(view.data.y_scale)
        assert improvement_left(view) == pytest.approx(expected, rel=2e-3)
        assert expected < 0.9 * max(gains) * float(view.data.y_scale), "the limit counts"


def test_the_rule_does_not_stop_before_a_trial_is_feasible():
    space, goals = jbo.Space(x=jbo.Real(0, 1)), [jbo.Minimize("loss"), jbo.AtMost("size", 0.5)]
    with jbo.Study(space, outcomes=goals, seed=0) as study:
        for x in np.linspace(0.6, 1, 12):
            study.tell({"x": float(x)}, {"loss": x, "size": x})
        assert improvement_left(study) == np.inf
        assert not stop_when_little_is_left(study, 1e300)(study.trials[-1])
