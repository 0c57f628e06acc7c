"""What an evaluation costs: the learnt cost and the acquisition over it against NumPy, and what a search does."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

import jbo
from jbo import batches
from jbo.region import Region
from jbo.strategies import Fitted
from jbo.surrogates import GPParams
from jbo.surrogates.kernels import rbf
from jbo.types import FAILED, OK, PENDING, Trials
from tests.selection import some
from tests.weights import cost_of, log_cost_of

from ..surrogates.smoother import Smoother, smoothed

SPACE = jbo.Space(a=jbo.Real(0.0, 1.0), b=jbo.Real(-2.0, 2.0))
KEY = jax.random.key(3)
LOG_LENGTHSCALES, LOG_SIGNAL, LOG_NOISE = np.array([-1.0, -0.5]), 0.3, -4.0
ORDINARY = jbo.bayesian(SPACE, acquisition=jbo.log_expected_improvement())
LEARNT = jbo.bayesian(SPACE, cost="seconds")


def linear(config):
    return 1 + 19 * config["a"]


KNOWN = jbo.bayesian(SPACE, cost=linear)


def search(seed=0, num=9, capacity=16, has_cost=True):
    """A table with failed and pending trials, the costs of two of them unknown."""
    rng = np.random.default_rng(seed)
    x, y, status, cost = rng.random((capacity, 2)), np.zeros(capacity), np.zeros(capacity, np.int32), np.zeros(capacity)
    status[:num] = [OK] * (num - 3) + [FAILED, PENDING, OK]
    y[:num] = np.where(status[:num] == OK, 0.1 * (x[:num, 0] - 0.8) ** 2 + (x[:num, 1] - 0.3) ** 2, 0)
    cost[:num] = np.where(np.arange(num) % 4 == 1, 0, np.exp(rng.normal(size=num) + 2 * x[:num, 0]))
    cost[num - 2] = 0
    cost = jnp.asarray(cost) if has_cost else None
    return Trials.from_arrays(jnp.asarray(x), jnp.asarray(y), jnp.asarray(status), cost=cost)


def predicted(x, y, at):
    """Mean of a Gaussian process written out."""

    def k(x1, x2):
        scaled = (x1[:, None] - x2[None]) / np.exp(LOG_LENGTHSCALES)
        return np.exp(LOG_SIGNAL) * np.exp(-0.5 * (scaled**2).sum(-1))

    return k(at, x) @ np.linalg.solve(k(x, x) + np.exp(LOG_NOISE) * np.eye(len(x)), y)


def test_the_learnt_cost_is_the_exponential_of_the_mean_log_cost(x64):
    """Of the trials that ended with a known cost, failed ones among them; the others change nothing."""
    state = search()
    model = dataclasses.replace(cost_of(LEARNT), surrogate=jbo.gp(kernel=rbf).bind(SPACE.encoding))
    params = GPParams(*(jnp.asarray(p)[None] for p in (LOG_LENGTHSCALES, LOG_SIGNAL, LOG_NOISE)))
    at = np.random.default_rng(1).random((5, 2))
    log_cost = jax.jit(lambda state: jax.vmap(model.log_cost(params, state))(jnp.asarray(at)))
    got = log_cost(state)
    status, cost = np.asarray(state.status), np.asarray(state.cost)
    rows = ((status == OK) | (status == FAILED)) & (cost > 0)
    assert rows.sum() == 6 and rows[status == FAILED].all()
    logs = np.log(cost[rows])
    expected = logs.mean() + logs.std() * predicted(
        np.asarray(state.x)[rows], (logs - logs.mean()) / logs.std(), np.asarray(at)
    )
    np.testing.assert_allclose(got, expected, rtol=1e-7)
    other = state.with_cost(state.cost.at[np.flatnonzero(status == PENDING)].set(1e9))
    np.testing.assert_array_equal(log_cost(other), got)


def log_worth(strategy, state, params):
    """The logarithm of what a suggestion at a point is worth."""
    assert any(isinstance(of_weight, GPParams) for of_weight in params.weights) == strategy.learns_cost

    @jax.jit
    def parts(at):
        known = strategy.know(params, state, Region(SPACE.encoding))
        mean, variance = known.fantasised.predict(at)
        best = jnp.where(known.feasible_data_with_pending.is_valid, known.fantasised.predict(state.x)[0], jnp.inf).min()
        log_cost = jax.vmap(log_cost_of(strategy, params, state))(at) if strategy.learns_cost else 0.0
        return mean, variance, best, log_cost, jax.vmap(known.failures.log_success)(at)

    def worth(at):
        mean, variance, best, log_cost, log_success = (np.asarray(part) for part in parts(jnp.asarray(at)))
        log_cost = log_cost if strategy.learns_cost else np.log(1 + 19 * at[:, 0])
        z = (best - mean) / np.sqrt(variance)
        improvement = 0.5 * np.log(variance) + np.log(np.maximum(norm.pdf(z) + z * norm.cdf(z), 1e-300))
        return improvement + log_success - log_cost

    return worth


@some("strategy", [LEARNT, KNOWN], [KNOWN], ids=["learnt", "known"])
def test_the_point_is_the_best_improvement_per_cost_of_a_grid(x64, strategy):
    """Beside failed and pending trials, with everything but the maximum written in NumPy."""
    state = search()
    model = jax.jit(lambda state: strategy.fit(KEY, state))(state)
    worth = log_worth(strategy, state, model[0])
    side = np.linspace(0, 1, 101)
    grid = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    x, info = jax.jit(lambda state, model: strategy.ask(KEY, state, model=model))(state, model)
    assert info.is_model_based and info.is_new
    of_point, *values = worth(np.vstack([x, grid]))
    best_there = np.nanmax(values)
    np.testing.assert_allclose(info.value, of_point, atol=1e-5)
    assert best_there - 1e-3 < info.value < best_there + 0.2
    assert np.linalg.norm(grid[np.nanargmax(values)] - x) < 0.03


@pytest.mark.guard
@pytest.mark.thorough
@pytest.mark.parametrize("strategy", [LEARNT, KNOWN], ids=["learnt", "known"])
def test_another_point_is_asked_than_without_a_cost(x64, ask, strategy):
    state = search()
    x, info = ask(strategy, KEY, state)
    without, _ = ask(ORDINARY, KEY, search(has_cost=False))
    params, _ = jax.jit(lambda state: strategy.fit(KEY, state))(state)
    value_there = log_worth(strategy, state, params)(np.asarray(without)[None])[0]
    assert value_there < info.value - 1e-3, "the cost counts"


@pytest.mark.thorough
@pytest.mark.parametrize("strategy", [LEARNT, KNOWN], ids=["learnt", "known"])
def test_a_batch_is_that_many_asks(x64, ask, pend, strategy):
    """Failed trials, pending ones and a cost together; the cost's fit is one for the batch, and for each ask."""
    state = search()
    points, infos = ask(strategy, KEY, state, 3)
    for i in range(3):
        x, info = ask(strategy, KEY, state)
        np.testing.assert_allclose(x, points[i], atol=1e-5)
        np.testing.assert_allclose(info.value, infos.value[i], atol=1e-5)
        state = pend(strategy, state, points[i])
        assert (state.cost is None) == (search().cost is None)


@pytest.mark.thorough
def test_costs_in_other_units_change_no_suggestion(x64, ask):
    state = search()
    x, info = ask(LEARNT, KEY, state)
    y, other = ask(LEARNT, KEY, state.with_cost(state.cost * 1000))
    np.testing.assert_allclose(y, x, atol=1e-5)
    np.testing.assert_allclose(other.value, info.value - np.log(1000), atol=1e-6)


@pytest.mark.thorough
@some("cost", [None, 0.0, 3.0], ids=["no column", "none known", "all equal"])
def test_without_costs_that_differ_it_is_the_ordinary_search(x64, ask, cost):
    without = search(has_cost=False)
    state = without if cost is None else without.with_cost(jnp.full_like(without.value, cost))
    x, info = ask(LEARNT, KEY, state)
    y, other = ask(ORDINARY, KEY, without)
    np.testing.assert_allclose(x, y, atol=1e-4)
    np.testing.assert_allclose(info.value, other.value - np.log(cost or 1), atol=1e-5)


@pytest.mark.thorough
def test_no_point_is_asked_for_where_a_cost_is_none(x64, ask):
    """NaN, infinity and what is not above 0 are no cost: no improvement is worth that."""
    state = search()
    for nothing in (jnp.nan, jnp.inf, 0.0, -1.0):
        strategy = jbo.bayesian(SPACE, cost=lambda c, nothing=nothing: jnp.where(c["a"] > 0.4, nothing, 1.0))
        log_cost = cost_of(strategy)
        assert log_cost(jnp.array([0.5, 0.5])) == np.inf and log_cost(jnp.array([0.3, 0.5])) == 0
    assert ask(strategy, KEY, state)[0][0] <= 0.4


def test_what_is_told_of_a_trial(x64):
    state = LEARNT.init(4)
    assert state.cost is None and state.noise is None
    state = LEARNT.tell(LEARNT.pend(state, jnp.array([0.25, 0.5])), 0, jnp.float64(1), cost=3.0)
    state = LEARNT.tell(state, jnp.array([0.75, 0.5]), jnp.float64(jnp.nan), cost=5.0, noise=0.5)
    state = LEARNT.tell(state, jnp.array([0.75, 0.25]), jnp.float64(2), cost=jnp.nan, noise=0.125)
    assert state.cost.tolist() == [3, 5, 0, 0] and state.noise_of_value.tolist() == [0, 0, 0.125, 0]
    assert state.status.tolist() == [OK, FAILED, OK, 0]


class Priced:
    space = SPACE

    def __call__(self, config):
        return jbo.Result(0.05 * (config["a"] - 0.7) ** 2 + 0.1 * config["b"] ** 2, cost=linear(config))


@pytest.mark.thorough
@pytest.mark.parametrize(
    "strategy", [pytest.param(LEARNT, marks=pytest.mark.thorough, id="learnt"), pytest.param(KNOWN, id="known")]
)
def test_whole_searches_side_by_side_spend_less(strategy):
    """Under `jax.vmap`; the table has what each step cost."""

    @jax.jit
    def spent(strategy):
        keys = jax.random.split(KEY, 4)
        return jax.vmap(lambda key: jbo.minimize(key, Priced(), strategy, 12))(keys)

    run, without = spent(strategy), spent(ORDINARY)
    a = np.asarray(run.x)[..., 0]
    np.testing.assert_allclose(run.trials.cost, 1 + 19 * a, rtol=1e-5)
    assert run.trials.noise is None
    by_model = [np.asarray(each.trials.cost)[:, 5:].sum(1).mean() for each in (run, without)]
    assert by_model[0] < 0.9 * by_model[1]


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="^cost: expected 'seconds' or a function of the config, got 'minutes'"):
        jbo.bayesian(SPACE, cost="minutes")
    with pytest.raises(ValueError, match="^cost: cannot be combined with a rule that values a batch as a whole"):
        jbo.bayesian(SPACE, cost="seconds", batch=batches.joint_improvement())
    with pytest.raises(ValueError, match=r"^cost: expected a scalar, got a value of shape \(2,\)"):
        cost_of(jbo.bayesian(SPACE, cost=lambda config: jnp.ones(2)))(jnp.zeros(2))
    with pytest.raises(ValueError, match=r"^function: expected a scalar, got a cost of shape \(2,\)"):
        Vector = type("Vector", (Priced,), {"__call__": lambda self, config: jbo.Result(1.0, cost=jnp.ones(2))})
        jbo.minimize(KEY, Vector(), jbo.random_search(SPACE), 3)


@pytest.mark.thorough
def test_a_value_that_is_no_logarithm_is_divided(x64, ask):
    """Expected improvement over the cost has the maximum of its logarithm less that of the cost."""
    state = search()
    x, info = ask(KNOWN, KEY, state)
    y, other = ask(jbo.bayesian(SPACE, cost=linear, acquisition=jbo.expected_improvement()), KEY, state)
    np.testing.assert_allclose(np.log(other.value), info.value, atol=1e-3)
    np.testing.assert_allclose(y, x, atol=0.02)


def test_of_a_bound_what_it_promises_beyond_the_least_mean_is_divided(x64):
    strategy = jbo.bayesian(SPACE, surrogate=Smoother(), acquisition=jbo.LCB(1.0), cost=linear)
    state = search(num=8)
    state = Trials.from_arrays(state.x, state.value, jnp.where(jnp.arange(16) < 8, OK, 0))
    at = np.random.default_rng(1).random((32, 2))
    centre = np.array([0.3, 0.4])

    @jax.jit
    def worth(state):
        params = Fitted(jnp.asarray(centre)[None], ((), ()))
        known = strategy.know(params, state, Region(SPACE.encoding))
        return jax.vmap(strategy.worth(KEY, params, state, known))(jnp.asarray(at))

    x, y = np.asarray(state.x)[:8], np.asarray(strategy.dataset(state).y)[:8]
    mean, variance = smoothed(centre, x, y, at)
    least = smoothed(centre, x, y, x)[0].min()
    gain = least - (mean - np.sqrt(variance))
    assert (gain > 0).any() and (gain < 0).any()
    expected = np.where(gain > 0, gain / (1 + 19 * at[:, 0]), gain) - least
    np.testing.assert_allclose(worth(state), expected, rtol=1e-9)


@pytest.mark.thorough
def test_local_penalization_weighs_with_the_cost(x64, ask):
    state = search()
    rule = batches.local_penalization()
    x, _ = ask(jbo.bayesian(SPACE, cost=linear, batch=rule), KEY, state)
    y, _ = ask(jbo.bayesian(SPACE, batch=rule), KEY, state)
    assert x[0] < y[0], "what is cheaper comes first"
