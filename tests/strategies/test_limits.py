"""Limits on what is measured: their probability against NumPy and SciPy, and what a search makes of it."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

import jbo
from jbo.region import Region
from jbo.strategies import Classifier, Feasible, Fitted
from jbo.types import ABANDONED, FAILED, OK, PENDING, Layout, Trials
from tests.selection import some

from .. import references
from ..surrogates.problems import as_sets

SPACE = jbo.Space(a=jbo.Real(0.0, 1.0), b=jbo.Real(0.0, 1.0))
LAYOUT = Layout(1, 2)
STRATEGY = jbo.bayesian(SPACE).for_table(LAYOUT)
REGION = Region(SPACE.encoding)
OF_VALUES = (np.array([-1.0, -0.5]), 0.3, -4.0)
OF_LIMITS = [(np.array([-0.8, -1.2]), 0.1, -5.0), (np.array([-0.3, -1.5]), -0.2, -3.0)]
WEIGHT = next(weight for weight in STRATEGY.weights if isinstance(weight, Feasible))


def params():
    one, two = (as_sets([values], "float64") for values in OF_LIMITS)
    limits = jax.tree.map(lambda *parts: jnp.stack(parts, axis=1), one, two)
    return Fitted(
        as_sets([OF_VALUES], "float64"),
        tuple(limits if isinstance(weight, Feasible) else () for weight in STRATEGY.weights),
    )


_from_arrays = jax.jit(partial(Trials.from_arrays, layout=LAYOUT))  # by itself a dozen programs for each shape


def table(y, status=None, is_known=None, x=None, noise=None):
    x = np.random.default_rng(7).random((len(y), 2)) if x is None else x
    state = _from_arrays(x, y, status, noise=noise)
    return state if is_known is None else state._replace(is_known=jnp.asarray(is_known))


def bilog(c):
    unit = np.sort(np.abs(c[c != 0]))[(np.sum(c != 0) - 1) // 2] if (c != 0).any() else 1.0
    return np.sign(c) * np.log1p(np.abs(c) / unit), 1 / (unit + np.abs(c))


def log_probability(state, at, noise=None):
    """That both limits hold, by a dense solve for each."""
    total = np.zeros(len(at))
    for j, values in enumerate(OF_LIMITS, 1):
        rows = np.asarray(state.is_known[:, j]) & np.isin(state.status, [OK, PENDING])
        coming = ~rows & (np.asarray(state.status) == PENDING)
        z, slope = bilog(np.asarray(state.y)[rows, j])
        mean, deviation = z.mean(), z.std() or 1.0
        x = np.asarray(state.x)[rows]
        told = 0 if noise is None else (np.asarray(noise)[rows, j] * slope / deviation) ** 2
        y = (z - mean) / deviation
        gram = references.observed_covariance("multiscale", values, x) + told * np.eye(len(x))
        if coming.any():  # at their mean, as if they had been measured
            there = np.asarray(state.x)[coming]
            y = np.r_[y, references.covariance("multiscale", values, there, x) @ np.linalg.solve(gram, y)]
            x = np.r_[x, there]
            noise_of_told = gram - references.observed_covariance("multiscale", values, x[: len(gram)])
            gram = references.observed_covariance("multiscale", values, x)
            gram[: len(noise_of_told), : len(noise_of_told)] += noise_of_told
        cross = references.covariance("multiscale", values, at, x)
        weights = np.linalg.solve(gram, cross.T).T
        centre = weights @ y
        variance = np.exp(values[1]) - np.sum(weights * cross, axis=1)
        total += norm.logcdf((-mean / deviation - centre) / np.sqrt(variance))
    return total


_PROBABILITY = jax.jit(lambda state, params, at: jax.vmap(WEIGHT.log_probability(params.weights[-1], state))(at))


@jax.jit
def _look(state, at, fixed=None):
    """What is known, its centre, the worth of points and the logarithm of their chance of success: one program."""
    known = STRATEGY.know(params(), state, Region(SPACE.encoding, fixed))
    worth = jax.vmap(STRATEGY.worth(jax.random.key(0), params(), state, known))(at)
    return known, known.centre, worth, jax.vmap(known.failures.log_success)(at)


def _worth(state, at):
    return _look(state, jnp.asarray(at))[2]


def random_table(seed, num=12, shift=0.0):
    """The first four trials succeeded, others may have failed or are pending."""
    rng = np.random.default_rng(seed)
    status = rng.choice([OK, OK, OK, FAILED, PENDING], num)
    status[:4] = OK
    return table(rng.normal(size=(num, 3)) + [0, shift, shift], status, x=rng.random((num, 2)))


@given(seed=st.integers(0, 2**32 - 1))
def test_the_probability_that_all_limits_hold(seed):
    with jax.enable_x64(True):
        rng, state = np.random.default_rng(seed), random_table(seed)
        state = state._replace(is_known=state.is_known & jnp.asarray(rng.random((12, 3)) < 0.8).at[:3].set(True))
        at = rng.random((8, 2))
        expected = log_probability(state, at)
        np.testing.assert_allclose(_PROBABILITY(state, params(), jnp.asarray(at)), expected, rtol=1e-6, atol=1e-9)


def test_a_told_noise_of_a_limit_counts_as_its_value_is_seen(x64):
    rng = np.random.default_rng(3)
    noise = rng.uniform(0.1, 1.0, (12, 3))
    state = table(rng.normal(size=(12, 3)), x=rng.random((12, 2)), noise=noise)
    at = rng.random((8, 2))
    expected = log_probability(state, at, noise)
    np.testing.assert_allclose(_PROBABILITY(state, params(), jnp.asarray(at)), expected, rtol=1e-6, atol=1e-9)
    assert np.abs(expected - log_probability(state, at)).max() > 0.01


@pytest.mark.parametrize("factor", [1e-6, 1e3, 2.0**900])
def test_other_units_of_a_limit_change_nothing(x64, factor):
    rng, state = np.random.default_rng(0), random_table(0)
    at = jnp.asarray(rng.random((8, 2)))
    other = state._replace(y=state.y * jnp.array([1.0, factor, factor]))
    np.testing.assert_allclose(_PROBABILITY(other, params(), at), _PROBABILITY(state, params(), at), rtol=1e-6)


def test_a_trial_that_breaks_a_limit_is_not_what_has_to_be_improved_on(x64):
    """Log EI on the best feasible mean, plus the log probability; the infeasible rows still teach the model."""
    rng = np.random.default_rng(5)
    x, at = rng.random((12, 2)), rng.random((8, 2))
    y = np.stack([rng.normal(size=12), np.ones(12), -np.ones(12)], 1)
    y[[2, 5, 8], 1] = -1.0
    y[0, 0] = -6  # the best of all is infeasible
    state = table(y, x=x)
    data = jax.jit(STRATEGY.dataset)(state)
    assert data.is_valid.all()
    mean, covariance = references.posterior("multiscale", OF_VALUES, x, np.asarray(data.y), at)
    at_rows, _ = references.posterior("multiscale", OF_VALUES, x, np.asarray(data.y), x)
    best = at_rows[[2, 5, 8]].min()
    assert best > at_rows.min() + 0.5
    deviation = np.sqrt(np.diag(covariance))
    gain = [np.log(references.expected_improvement(*one, best)) for one in zip(mean, deviation, strict=True)]
    expected = np.array(gain) + log_probability(state, at)
    np.testing.assert_allclose(_worth(state, at), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(_look(state, jnp.asarray(at))[1], x[[2, 5, 8]][at_rows[[2, 5, 8]].argmin()])


def test_while_nothing_is_feasible_the_probability_alone_counts(x64):
    state = random_table(2, shift=4.0)
    assert not state.is_feasible.any()
    at = np.random.default_rng(2).random((8, 2))
    expected = log_probability(state, at)
    failed = np.asarray(state.status) == FAILED
    # The weight of failed trials is there too.
    success = _look(state, jnp.asarray(at))[3]
    assert failed.any() and np.ptp(success) > 0
    np.testing.assert_allclose(_worth(state, at), expected + success, rtol=1e-6, atol=1e-9)
    ok = np.asarray(state.status) != FAILED
    rows = np.asarray(state.x)[ok]
    np.testing.assert_array_equal(_look(state, jnp.asarray(at))[1], rows[log_probability(state, rows).argmax()])


def test_the_default_is_log_improvement_where_there_are_limits():
    assert isinstance(jbo.bayesian(SPACE).acquisition, type(jbo.UCB()))
    assert STRATEGY.acquisition == jbo.log_expected_improvement()
    assert not any(isinstance(weight, Classifier) for weight in STRATEGY.weights)
    own = jbo.bayesian(SPACE, acquisition=jbo.PI()).for_table(LAYOUT)
    assert own.acquisition == jbo.PI()
    assert STRATEGY.for_table(LAYOUT).weights == STRATEGY.weights, "once is enough"
    assert jbo.bayesian(SPACE).for_table(Layout(1, 0, True)).learns_cost


def test_the_recommended_trial_is_feasible(x64):
    rng = np.random.default_rng(4)
    x = rng.random((10, 2))
    y = np.stack([np.sum((x - 0.5) ** 2, 1), np.ones(10), -np.ones(10)], 1)
    y[[1, 7], 1] = 0.0  # at the limit it holds
    state = table(y, x=x)
    recommend = jax.jit(lambda state: STRATEGY.recommend(jax.random.key(0), state))
    assert recommend(state) == [1, 7][y[[1, 7], 0].argmin()]
    simple = jbo.random_search(SPACE).for_table(LAYOUT)
    assert simple.recommend(jax.random.key(0), state) == [1, 7][y[[1, 7], 0].argmin()]


_DENSITIES = jax.jit(jbo.parzen(SPACE, num_initial=3).densities)


@given(seed=st.integers(0, 2**32 - 1))
def test_parzen_takes_a_trial_that_breaks_a_limit_for_a_failed_one(seed):
    with jax.enable_x64(True):
        state = random_table(seed)
        broken = (np.asarray(state.y)[:, 1:] > 0).any(1) & (np.asarray(state.status) == OK)
        status = np.where(broken, FAILED, np.asarray(state.status))
        plain = jax.jit(Trials.from_arrays)(state.x, state.value, status)
        for one, other in zip(_DENSITIES(state), _DENSITIES(plain), strict=True):
            jax.tree.map(np.testing.assert_array_equal, one, other)


def test_a_pending_trial_makes_its_place_less_probable_while_nothing_is_feasible(x64):
    """So a batch spreads: the worth at a pending trial falls."""
    state = random_table(4, shift=4.0)
    empty = jnp.arange(12) >= 10
    status = jnp.where(empty, 0, OK).astype(jnp.int32)
    state = state._replace(status=status, is_known=state.is_known & ~empty[:, None])
    at = jnp.asarray(np.random.default_rng(2).random((8, 2)))
    before = _worth(state, at)
    pending = jax.jit(STRATEGY.pend)(state, at[0])
    assert _worth(pending, at)[0] < before[0] - 1
    np.testing.assert_allclose(_worth(pending, at), log_probability(pending, np.asarray(at)), rtol=1e-6)


def test_what_batches_improve_on_is_feasible(x64):
    state = random_table(9)
    known = _look(state, jnp.zeros((8, 2)))[0]
    np.testing.assert_array_equal(known.feasible_data.is_valid, state.is_feasible)
    np.testing.assert_array_equal(known.feasible_data.x, state.x)
    assert known.limits.has_feasible == state.is_feasible.any()


@pytest.mark.thorough
def test_in_a_context_the_model_says_which_trials_are_feasible(x64):
    """What was measured at another place of the context says nothing for certain."""
    rng = np.random.default_rng(6)
    x = rng.random((12, 2))
    y = np.stack([rng.normal(size=12), 0.5 - x[:, 1], -np.ones(12)], 1)  # feasible from b = 0.5 on
    state = table(y, x=x)
    fixed = jnp.array([jnp.nan, 0.1])
    known, centre, _, _ = _look(state, jnp.zeros((8, 2)), fixed)
    moved = np.stack([x[:, 0], np.full(12, 0.1)], 1)
    expected = log_probability(state, moved)
    np.testing.assert_allclose(known.limits.log_probability, expected, rtol=1e-6)
    np.testing.assert_array_equal(known.limits.is_feasible, expected > -0.6932)
    assert state.is_feasible.any() and not known.limits.has_feasible
    np.testing.assert_array_equal(centre, moved[expected.argmax()])


def test_the_design_ends_once_a_limit_differs():
    y = np.stack([np.zeros(5), np.arange(5.0), np.zeros(5)], 1)
    state = table(y)
    assert STRATEGY.has_enough(state) and not STRATEGY.has_enough(table(0 * y))
    lacking = state._replace(is_known=state.is_known.at[:, 0].set(False))
    assert STRATEGY.has_enough(lacking)
    assert not STRATEGY.has_enough(lacking._replace(is_known=lacking.is_known.at[:, 1].set(False)))


@pytest.mark.parametrize("strategy", [STRATEGY, jbo.random_search(SPACE).for_table(LAYOUT)], ids=["model", "none"])
def test_while_nothing_is_feasible_the_trial_that_breaks_fewest_limits_is_recommended(x64, strategy):
    y = np.stack([np.arange(6.0), np.ones(6), np.ones(6)], 1)
    y[[3, 5], 2] = -1
    status = np.array([OK] * 6 + [FAILED, PENDING, 0, 0])
    state = table(np.r_[y, np.zeros((4, 3))], status)
    assert jax.jit(lambda state: strategy.recommend(jax.random.key(0), state))(state) == 3


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_distances_from_a_limit_and_their_noise_of_any_size(x64, dtype):
    most = float(np.finfo(dtype).max)
    least = 1e3 * float(np.finfo(dtype).tiny)
    y = np.array([[0.0, most, -1], [1, least, 1], [2, -least, 0.5], [3, least, 2]], dtype)
    noise = np.full((4, 3), most, dtype)
    weight = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), WEIGHT)
    own = jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), params().weights[-1])
    at = jnp.asarray(np.random.default_rng(0).random((5, 2)), dtype)
    for noise_of in (None, noise):
        state = table(y, x=np.random.default_rng(1).random((4, 2)).astype(dtype), noise=noise_of)
        found = jax.jit(lambda state: jax.vmap(weight.log_probability(own, state))(at))(state)
        assert found.dtype == dtype and np.isfinite(found).all(), found


@some("acquisition", [jbo.UCB(), jbo.EI()], ids=["bound", "improvement"])
def test_while_nothing_is_feasible_the_gradient_is_that_of_the_probability(x64, acquisition):
    """A bound has no value to improve on there: what it promises is infinite, and must not enter the gradient."""
    strategy = jbo.bayesian(SPACE, acquisition=acquisition).for_table(LAYOUT)
    state = random_table(0, shift=4.0)
    state = state._replace(status=jnp.where(state.status == FAILED, ABANDONED, state.status))
    of_limits = params().weights[-1]
    own = Fitted(params().values, tuple(of_limits if isinstance(w, Feasible) else () for w in strategy.weights))

    @jax.jit
    def gradient(state, x):
        known = strategy.know(own, state, REGION)
        return jax.grad(strategy.worth(jax.random.key(0), own, state, known))(x)

    x = np.array([0.3, 0.4])
    expected = references.gradient(lambda x: log_probability(state, x[None])[0], x)
    assert not state.is_feasible.any()
    np.testing.assert_allclose(gradient(state, jnp.asarray(x)), expected, rtol=1e-4)
