"""Rules for batches: each value against brute force or a formula worked out by hand."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

import jbo
from jbo import Categorical, Integer, Real, Space, acquisitions, batches
from jbo.acquisitions import Scale
from jbo.encoding import is_active, snap
from jbo.knowledge import Failures, Knowledge
from jbo.region import Region
from jbo.strategies import Fitted, Weight
from jbo.strategies._together import repeated
from jbo.surrogates import FitInfo
from jbo.types import FAILED, OK, PENDING, Trials
from tests.selection import some

from .. import references
from ..surrogates.problems import as_dataset, as_params, as_sets, condition, random_params, smooth_data

SPACE = Space(a=Real(0.0, 1.0), b=Real(0.0, 1.0), c=Real(0.0, 1.0))
CAPACITY = 24
WAITING = np.array([[0.62, 0.31, 0.5], [0.1, 0.85, 0.3]])
RULES = {
    "joint": batches.joint_improvement,
    "local": batches.local_penalization,
    "explore": batches.pure_exploration,
    "random": batches.random_batch,
    "thompson": batches.thompson_batch,
}


@jax.jit
def _values(rule, acquisition, known, x):
    aux = rule.prepare(jax.random.key(1), acquisition, known)
    return jax.vmap(jax.value_and_grad(lambda p: rule.value(aux, acquisition, known, p)))(x)


@jax.jit
def _together(rule, acquisition, known, x):
    aux = rule.prepare(jax.random.key(1), acquisition, known)
    return jax.value_and_grad(lambda p: rule.value_together(aux, known, p))(x)


@jax.jit
def _plain(acquisition, known, x):
    aux = acquisition.prepare(jax.random.key(0), known.observed, known.feasible_data)
    return jax.vmap(lambda p: acquisition.value(aux, known.observed, p))(x)


def _problem(dtype="float64", waiting=WAITING, noise=1e-3):
    """What is known of a smooth function with some trials to come, whatever the rule."""
    x, y = smooth_data(15, 3)
    values = random_params(3, noise=noise)
    params, data = as_params(values, dtype), as_dataset(x, y, dtype, CAPACITY, 0.5)
    told = condition(params, data)
    rows = np.vstack([x, waiting])
    mean = references.posterior("multiscale", values, x, y, waiting)[0] if len(waiting) else np.zeros(0)
    believed_data = as_dataset(rows, np.append(y, mean), dtype, CAPACITY, 0.5)
    is_pending = (np.arange(CAPACITY) >= len(x)) & (np.arange(CAPACITY) < len(rows))
    believed = condition(params, believed_data)
    mean = told.predict(believed_data.x)[0]
    failures = Failures(told, jnp.asarray(False))
    known = Knowledge(
        told, data, believed, believed_data, jnp.asarray(is_pending), mean, failures, Region(SPACE.encoding)
    )
    return (values, x, y), known


def _points(number=8, dtype="float64"):
    return jnp.asarray(np.random.default_rng(4).uniform(size=(number, 3)), dtype)


def _good_points(number=8):
    """Around the best observation, where there is something to gain."""
    x, y = smooth_data(15, 3)
    steps = np.random.default_rng(4).uniform(-0.3, 0.3, size=(number, 3))
    return jnp.asarray(np.clip(x[y.argmin()] + steps, 0, 1))


@jax.jit
def _worth(strategy, known, x):
    """What a strategy maximises; the weights are of no table."""
    params = Fitted(None, tuple(() for _ in strategy.weights))
    worth = strategy.worth(jax.random.key(1), params, strategy.init(8), known)
    return jax.vmap(jax.value_and_grad(worth))(x)


@some("kind", RULES, ["thompson"])
def test_where_nothing_is_pending_the_acquisition_decides(kind, slow_dtype):
    _, known = _problem(slow_dtype, np.zeros((0, 3)))
    rule, acquisition = RULES[kind](), acquisitions.log_expected_improvement()
    assert isinstance(rule, batches.Batch)
    strategy = jbo.bayesian(SPACE, acquisition=acquisition, batch=rule)
    value, slope = _worth(strategy, known, _points(8, slow_dtype))
    assert value.dtype == slow_dtype and np.isfinite(slope).all()
    tolerance = dict(rtol=1e-6, atol=1e-7) if slow_dtype == jnp.float64 else dict(rtol=2e-2, atol=2e-2)
    np.testing.assert_allclose(value, _plain(acquisition, known, _points(8, slow_dtype)), **tolerance)


@pytest.mark.parametrize("kind", ["random", "local", "joint", "explore"])
def test_beside_pending_trials_a_rules_value_is_weighed_on_its_scale(kind, x64):
    """But not that of a rule that draws, on which the chance of success alone acts.

    Where nothing is pending, a rule that values a batch as a whole is still asked, and no other rule.
    """

    class OfColumn(Weight):
        def log_weight(self, params, state, known):
            return lambda x: -2 * x[1]

    points, acquisition, rule = _points(), acquisitions.confidence_bound(), RULES[kind]()
    weight = jbo.pytree(dataclass(frozen=True)(OfColumn))()
    strategy = jbo.bayesian(SPACE, acquisition=acquisition, batch=rule, weights=(weight,))

    @jax.jit
    def both(known):
        key, params = jax.random.key(1), Fitted(None, ((), ()))
        aux = rule.prepare(jax.random.split(key)[1], acquisition, known)
        worth = strategy.worth(key, params, strategy.init(8), known)
        return jax.vmap(lambda p: (worth(p), rule.value(aux, acquisition, known, p)))(points)

    for waiting in (WAITING, np.zeros((0, 3))):
        _, known = _problem(waiting=waiting)
        value, of_rule = both(known)
        if len(waiting) or kind == "joint":
            log_weight = 0 if kind == "random" else -2 * np.asarray(points[:, 1])
            of_rule = np.asarray(of_rule)
            times = np.where(of_rule > 0, of_rule * np.exp(log_weight), of_rule)
            np.testing.assert_allclose(
                value, times if kind == "explore" else of_rule + log_weight, rtol=1e-9, atol=1e-9
            )
        else:
            plain, least = np.asarray(_plain(acquisition, known, points)), float(known.least_mean)
            gain = plain + least
            assert (gain > 0).any() and (gain < 0).any()
            expected = -least + np.where(gain > 0, gain * np.exp(-2 * points[:, 1]), gain)
            np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", RULES)
def test_values_and_slopes_are_finite_beside_pending_trials(kind, dtype):
    _, known = _problem(dtype)
    near = jnp.asarray(
        np.vstack([WAITING, WAITING + 1e-6, np.zeros((1, 3)), np.ones((1, 3))])[[0, 1, 2, 3, 4, 5, 0, 1]]
    )
    value, slope = _values(RULES[kind](), acquisitions.log_expected_improvement(), known, near.astype(dtype))
    assert np.isfinite(value).all() and np.isfinite(slope).all()


# Joint improvement


def test_joint_improvement_of_several_points_against_brute_force(x64):
    (values, x, y), known = _problem(waiting=np.zeros((0, 3)))
    best = references.posterior("multiscale", values, x, y, x)[0].min()
    points = _good_points(3)
    mean, covariance = references.posterior("multiscale", values, x, y, np.asarray(points))
    draws = np.random.default_rng(0).multivariate_normal(mean, covariance, 400_000)
    gains = np.maximum(best - draws.min(1), 0)
    value, _ = _together(batches.joint_improvement(num_samples=1024), acquisitions.EI(), known, points)
    np.testing.assert_allclose(np.exp(value), gains.mean(), rtol=0.01, atol=5 * gains.std() / np.sqrt(len(draws)))
    singles = np.exp(_plain(acquisitions.log_expected_improvement(), known, _good_points())[:3])
    assert singles.max() < np.exp(value) < singles.sum(), "several are better than one and gain less than each alone"


@pytest.mark.guard
def test_a_margin_of_joint_improvement_is_that_of_expected_improvement(x64):
    """At one point, where nothing is pending: less is gained, and as much less."""
    _, known = _problem(waiting=np.zeros((0, 3)))
    points = _good_points()
    expected, plain = (_plain(acquisitions.log_expected_improvement(m), known, points) for m in (0.3, 0.0))
    value, _ = _values(batches.joint_improvement(margin=0.3), acquisitions.log_expected_improvement(), known, points)
    np.testing.assert_allclose(value, expected, rtol=1e-6, atol=1e-7)
    assert (np.asarray(value) < np.asarray(plain) - 0.1).all()


def test_joint_improvement_beside_pending_trials_against_brute_force(x64):
    """What a point gains beyond the trials that are still to come, whatever they return."""
    points = _good_points()
    waiting = np.asarray(points[2:4]) + 0.02  # so near that what they return tells of the points
    (values, x, y), known = _problem(waiting=waiting)
    best = references.posterior("multiscale", values, x, y, x)[0].min()
    mean, covariance = references.posterior("multiscale", values, x, y, np.vstack([points, waiting]))
    draws = np.random.default_rng(0).multivariate_normal(mean, covariance, 400_000)
    base = np.minimum(draws[:, 8:].min(1), best)
    gains = np.maximum(base[:, None] - draws[:, :8], 0)
    value, _ = _values(batches.joint_improvement(num_samples=1024), acquisitions.EI(), known, points)
    error = gains.std(0) / np.sqrt(len(gains))
    np.testing.assert_array_less(np.abs(np.exp(value) - gains.mean(0)), 5 * error + 0.02 * gains.mean(0) + 1e-6)


def test_order_of_a_joint_batch_does_not_matter(x64):
    _, known = _problem()
    points = _good_points(3)
    rule = batches.joint_improvement(num_samples=1024)
    one, slope = _together(rule, acquisitions.EI(), known, points)
    other, _ = _together(rule, acquisitions.EI(), known, points[::-1])
    np.testing.assert_allclose(one, other, atol=0.02)
    assert np.isfinite(slope).all()


@pytest.mark.thorough
def test_slope_of_a_joint_batch_against_finite_differences(x64):
    _, known = _problem()
    rule, points = batches.joint_improvement(num_samples=64), _good_points(3)
    slope = _together(rule, acquisitions.EI(), known, points)[1]
    expected = references.gradient(lambda p: _together(rule, acquisitions.EI(), known, jnp.asarray(p))[0], points)
    np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-6)


# Local penalisation


def test_local_penalisation_by_hand(x64):
    (values, x, y), known = _problem()
    points, acquisition = _points(), acquisitions.expected_improvement()
    best = references.posterior("multiscale", values, x, y, x)[0].min()
    aux = jax.jit(lambda b: batches.local_penalization().prepare(jax.random.key(1), acquisition, b))(known)
    slope = float(aux[1].slope)
    grid = np.random.default_rng(0).uniform(size=(400, 3))
    steps = [references.posterior("multiscale", values, x, y, grid + 1e-4 * np.eye(3)[i])[0] for i in range(3)]
    steepest = np.linalg.norm(
        (np.array(steps) - references.posterior("multiscale", values, x, y, grid)[0]) / 1e-4, axis=0
    )
    assert 0.9 * steepest.max() < slope < 1.5 * steepest.max()

    mean, covariance = references.posterior("multiscale", values, x, y, WAITING)
    distance = np.linalg.norm(np.asarray(points)[:, None] - WAITING[None], axis=2)
    z = (slope * distance - (mean - best)[None]) / np.sqrt(np.diag(covariance))[None]
    expected = np.log(_plain(acquisition, known, points)) + norm.logcdf(z).sum(1)
    np.testing.assert_allclose(
        _values(batches.local_penalization(), acquisition, known, points)[0], expected, atol=1e-6
    )


@pytest.mark.parametrize(
    "acquisition", [acquisitions.confidence_bound(), acquisitions.probability_of_improvement()], ids=["UCB", "PI"]
)
def test_worth_is_a_logarithm_whatever_the_acquisition(acquisition, x64):
    is_gain = acquisition.scale is Scale.GAIN
    value = jnp.asarray([1e-300, 1e-5, 0.5]) if is_gain else jnp.asarray([-80.0, -2.0, 5.0])
    expected = np.log(value) if is_gain else np.log(np.logaddexp(0, value))
    expected = np.where(value == -80, -80, expected)
    found = jax.vmap(lambda v: acquisitions.log_worth(acquisition.scale, v))(value)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert acquisitions.log_worth(Scale.LOGARITHM, value[0]) == value[0]


# Pure exploration


def test_pure_exploration_by_hand(x64):
    (values, x, y), known = _problem()
    points = _points()
    mean, covariance = references.posterior("multiscale", values, x, y, points)
    rows = np.vstack([x, WAITING])
    rows_mean, rows_covariance = references.posterior("multiscale", values, x, y, rows)
    least = (rows_mean + 1.5 * np.sqrt(np.diag(rows_covariance))).min()
    left = np.diag(references.posterior("multiscale", values, rows, np.zeros(17), points)[1])
    over = np.maximum(mean - 1.5 * np.sqrt(np.diag(covariance)) - least, 0)
    assert over.max() > 0.1 and (over == 0).any()
    value, _ = _values(batches.pure_exploration(1.5), acquisitions.UCB(), known, points)
    np.testing.assert_allclose(value, np.sqrt(left) - 10 * over, atol=1e-6)


# Chance


@pytest.mark.thorough
def test_a_random_batch_is_uniform(x64):
    _, known = _problem()
    rule, acquisition = batches.random_batch(), acquisitions.EI()
    prepare = jax.jit(jax.vmap(lambda key: rule.prepare(key, acquisition, known)))
    drawn = np.asarray(prepare(jax.random.split(jax.random.key(0), 2000)))
    assert drawn.shape == (2000, 3) and np.abs(np.quantile(drawn, [0.25, 0.75], axis=0).T - [0.25, 0.75]).max() < 0.04
    own = rule.prepare(jax.random.key(1), acquisition, known)
    value, _ = _values(rule, acquisition, known, jnp.concatenate([own[None], _points(7)]))
    assert value[0] == 0 and (np.asarray(value[1:]) < 0).all()


@pytest.mark.thorough
def test_a_thompson_batch_minimises_draws_of_what_was_told(x64):
    _, known = _problem()
    value, _ = _values(batches.thompson_batch(), acquisitions.EI(), known, _points())
    np.testing.assert_allclose(value, -known.observed.paths(jax.random.key(1), 1)(_points())[0], atol=1e-9)


# In a strategy

NESTED = Space(
    a=Categorical("x", "y"), b=Integer(1, 300, log=True, when=("a", "x")), c=Real(-1.0, 1.0), d=Integer(0, 9)
)


@pytest.mark.thorough
def test_columns_of_several_points_are_those_of_each(x64):
    encoding = repeated(NESTED.encoding, 3)
    raw = jnp.asarray(np.random.default_rng(0).uniform(size=(50, 3, 4)))
    each = snap(NESTED.encoding, raw)
    np.testing.assert_array_equal(snap(encoding, raw.reshape(50, 12)), each.reshape(50, 12))
    np.testing.assert_array_equal(
        is_active(encoding, raw.reshape(50, 12)), is_active(NESTED.encoding, raw).reshape(50, 12)
    )
    space = Space(c=Real(-1.0, 1.0), d=Integer(0, 9), constraint=lambda c: c["c"] * 10 < c["d"])
    constraint, each = repeated(space.encoding, 3).constraint, snap(space.encoding, raw[:, :, :2])
    allowed = jax.vmap(constraint)(each.reshape(50, 6))
    np.testing.assert_array_equal(allowed, jax.vmap(jax.vmap(space.encoding.constraint))(each).all(1))
    assert allowed.any() and not allowed.all()
    assert hash(constraint) == hash(repeated(space.encoding, 3).constraint)


@pytest.mark.thorough
def test_a_joint_batch_is_at_least_as_good_as_one_after_another(x64):
    space = Space(a=Real(0.0, 1.0), b=Integer(0, 9))
    x = np.array(snap(space.encoding, np.random.default_rng(0).random((10, 2))))
    y = (x[:, 0] - 0.3) ** 2 + np.cos(3 * x[:, 1])
    rows = 2 * [np.full(2, 0.5)]
    state = Trials.from_arrays(
        jnp.asarray(np.vstack([x, rows])),
        jnp.asarray(np.append(y, [0, 0])),
        jnp.asarray([OK] * 10 + [0] * 2, jnp.int32),
    )
    rule = batches.joint_improvement(num_samples=64)
    strategy = jbo.bayesian(space, batch=rule)
    run = jax.jit(lambda strategy, state, q: strategy.ask(jax.random.key(0), state, q), static_argnums=2)
    together, info = run(strategy, state, 2)
    assert together.shape == (2, 2) and info.is_new.all() and info.is_model_based.all()
    np.testing.assert_array_equal(snap(space.encoding, together), together)

    @jax.jit
    def value(points):
        model = strategy.fit(jax.random.key(0), state)[0]
        known = strategy.know(model, state, Region(space.encoding))
        aux = rule.prepare(jax.random.key(9), strategy.acquisition, known)
        return jax.vmap(lambda p: rule.value_together(aux, known, p))(points)

    first, _ = run(strategy, state, None)
    second, _ = run(strategy, strategy.pend(state, first), None)
    greedy = jnp.stack([first, second])
    both = value(jnp.stack([together, greedy]))
    assert both[0] >= both[1] - 0.05
    random = value(jnp.asarray(snap(space.encoding, np.random.default_rng(1).random((50, 2, 2)))))
    assert both[0] > np.max(random)
    np.testing.assert_allclose(info.value[0], both[0], atol=0.1)


@pytest.mark.parametrize("kind", RULES)
@pytest.mark.thorough
def test_a_study_in_batches(kind):
    space = Space(a=Real(0.0, 1.0), b=Categorical("x", "y", "z"), c=Integer(1, 9, when=("b", "x")))
    strategy, found = jbo.bayesian(space, batch=RULES[kind]()), []
    for seed in range(3):
        with jbo.Study(space, strategy=strategy, seed=seed) as study:
            for _ in range(4):
                for trial in study.ask(4):
                    study.tell(trial, (trial.config["a"] - 0.3) ** 2 + 0.1 * trial.config.get("c", 3))
            assert len({str(trial.config) for trial in study.trials}) == 16
            found.append(study.best.value)
    # Three of four points that only explore leave four by the acquisition: enough to see what `c` is worth.
    assert np.median(found) < (0.3 if kind == "explore" else 0.12), found


def test_what_is_no_rule_is_refused():
    import inspect

    with pytest.raises(TypeError, match="batch: expected a rule such as jbo.batches.local_penalization"):
        inspect.unwrap(jbo.bayesian)(SPACE, batch=batches.local_penalization)
    with pytest.raises(ValueError, match="num_samples: expected at least 1, got 0"):
        batches.joint_improvement(num_samples=0)


def test_a_batch_that_draws_functions_keeps_away_from_where_trials_fail(x64):
    """The model of the values does not know failed trials; the chance of success does."""
    space = jbo.Space(x=jbo.Real(0.0, 1.0))
    x = np.array([0.02, 0.1, 0.18, 0.26, 0.4, 0.55, 0.7, 0.85, 1.0, 0.45])
    status = jnp.asarray([FAILED] * 4 + [OK] * 5 + [PENDING] + [0] * 6, jnp.int32)
    rows = jnp.asarray(np.concatenate([x, np.full(6, 0.5)]))
    state = Trials.from_arrays(rows[:, None], jnp.where(status == OK, rows, 0.0), status)
    strategy = jbo.bayesian(space, batch=batches.thompson_batch())
    info = FitInfo(jnp.zeros(()), jnp.zeros((), jnp.int32), jnp.asarray(True))
    values = as_sets([(np.array([-0.3]), 0.3, -6.0)], "float64")  # about where a fit ends
    model = Fitted(values, tuple(() for _ in strategy.weights)), info
    asked = jax.jit(jax.vmap(lambda key: strategy.ask(key, state, model=model)[0]))
    points = asked(jax.random.split(jax.random.key(0), 6))
    assert points.min() > 0.3, points
