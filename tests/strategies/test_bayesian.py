"""Bayesian optimisation as a function of key and table: what it must keep apart and what must not matter."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import Array

import jbo
from jbo import (
    Categorical,
    Integer,
    Real,
    Space,
    bayesian,
    forest,
    gp_mcmc,
    log_expected_improvement,
    lower_confidence_bound,
)
from jbo.acquisitions import Scale, incumbent
from jbo.encoding import snap
from jbo.region import Region
from jbo.strategies import BeliefWeight, Fitted
from jbo.study.table import capacity_for
from jbo.surrogates import FitInfo, mean_of
from jbo.types import EMPTY, FAILED, OK, PENDING, Trials
from tests.selection import some

from .. import references
from ..surrogates.problems import as_sets

REALS = Space(a=Real(0.0, 1.0), b=Real(0.0, 1.0))
DISCRETE = Space(
    a=Categorical("x", "y"),
    b=Integer(1, 6, log=True, when=("a", "x")),
    c=Integer(0, 1),
)
KEY = jax.random.key(3)
CAPACITY = 16
STRATEGY = bayesian(REALS)


def loss(x):
    return (x[..., 0] - 0.3) ** 2 + 2 * (x[..., 1] - 0.6) ** 2


POINTS = np.random.default_rng(0).random((8, 2))
VALUES = loss(POINTS)


@pytest.fixture
def told(table):
    """Eight told trials of a bowl."""
    return lambda dtype="float64", capacity=CAPACITY, garbage=0.5: table(
        POINTS, VALUES, capacity=capacity, dtype=dtype, garbage=garbage
    )


@pytest.mark.thorough
def test_a_batch_is_that_many_asks(slow_dtype, told, ask, pend):
    state = told(slow_dtype)
    points, infos = ask(STRATEGY, KEY, state, 3)
    assert points.shape == (3, 2) and points.dtype == slow_dtype and infos.is_model_based.all() and infos.is_new.all()
    for i in range(3):
        x, info = ask(STRATEGY, KEY, state)
        assert x.dtype == slow_dtype and info.value.dtype == slow_dtype
        # Two programs round differently and an ascent makes more of it.
        np.testing.assert_allclose(x, points[i], atol=1e-5 if slow_dtype == jnp.float64 else 2e-2)
        np.testing.assert_allclose(info.value, infos.value[i], atol=1e-6 if slow_dtype == jnp.float64 else 0.1)
        state = pend(STRATEGY, state, points[i])
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1) + np.eye(3)
    assert distance.min() > 0.02, "pending trials repel"


def test_fits_come_less_often_as_results_come_in():
    def lag(number):
        return number - STRATEGY.rows_of_fit(np.full(number, OK)).sum()

    assert [lag(n) for n in (1, 16, 17, 31, 32, 33, 34, 63, 64, 65, 67, 68, 127, 128, 135, 136)] == [
        *(0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 3, 0, 3, 0, 7, 0)
    ]
    assert all(16 * lag(n) < n for n in range(1, 3000))


STATUSES = st.lists(st.sampled_from([OK, PENDING, FAILED, EMPTY]), min_size=40, max_size=40)


@given(STATUSES)
def test_the_rows_of_a_fit_are_the_first_that_ended(status):
    status = np.array(status, np.int32)
    rows = STRATEGY.rows_of_fit(status)
    ended = [i for i, s in enumerate(status) if s in (OK, FAILED)]
    unit = 1 if len(ended) < 32 else 2
    assert np.flatnonzero(rows).tolist() == ended[: len(ended) // unit * unit]
    assert type(rows) is np.ndarray
    np.testing.assert_array_equal(STRATEGY.rows_of_fit(jnp.asarray(status)), rows)
    later = STRATEGY.rows_of_fit(np.where(status == EMPTY, PENDING, status))
    np.testing.assert_array_equal(later, rows, "a batch shares its fit, whatever is pending")


def test_a_capacity_begins_with_a_fit():
    """Then a fit that is kept is the one that a restarted study makes."""
    fitted = [STRATEGY.rows_of_fit(np.full(n, OK)).sum() for n in range(1, 3000)]
    of_fit = {}
    for n, rows in enumerate(fitted, 1):
        assert of_fit.setdefault(rows, capacity_for(n + 1)) == capacity_for(n + 1)


@pytest.mark.thorough
def test_a_model_that_is_kept_is_the_one_that_is_made(x64, table):
    rng = np.random.default_rng(1)
    x = rng.random((33, 2))
    state = table(x, loss(x), capacity=40)
    strategy = bayesian(REALS)
    model = jax.jit(lambda strategy, state: strategy.fit(KEY, state))(strategy, state)
    other = table(x[:32], loss(x[:32]), capacity=40)
    again = jax.jit(lambda strategy, state: strategy.fit(KEY, state))(strategy, other)
    jax.tree.map(np.testing.assert_array_equal, model, again)

    @jax.jit
    def with_model(strategy, state, model):
        return strategy.ask(KEY, state, model=model), strategy.recommend(KEY, state, model=model)

    @jax.jit
    def without(strategy, state):
        return strategy.ask(KEY, state), strategy.recommend(KEY, state)

    ((kept, info), row), ((made, info_made), row_made) = with_model(strategy, state, model), without(strategy, state)
    np.testing.assert_allclose(kept, made, atol=1e-5)
    np.testing.assert_allclose(info.value, info_made.value, atol=1e-6)
    assert row == row_made == np.argmin(loss(x))
    params, fit = model
    values = params.values
    shorter = params._replace(values=values._replace(log_lengthscale=values.log_lengthscale - 2))
    assert np.abs(with_model(strategy, state, (shorter, fit))[0][0] - kept).max() > 1e-3, "the model is used"


def test_what_is_asked_by_unless_it_is_said():
    bound, improvement = lower_confidence_bound(2.0), log_expected_improvement()
    assert bayesian(REALS).acquisition == bayesian(REALS, surrogate=gp_mcmc()).acquisition == bound
    assert bayesian(REALS, surrogate=forest()).acquisition == improvement
    assert bayesian(REALS, cost="seconds").acquisition == improvement
    assert bayesian(Space(a=Real(0.0, 1.0), b=Categorical("x", "y"))).acquisition == improvement
    assert bayesian(Space(a=Real(0.0, 1.0), b=Integer(1, 3))).acquisition == bound
    for num_columns, expected in ((20, bound), (21, improvement)):
        space = Space(**{f"x{i}": Real(0.0, 1.0) for i in range(num_columns)})
        assert bayesian(space).acquisition == expected and bayesian(space, acquisition=bound).acquisition == bound
    assert bayesian(REALS, surrogate=forest(), acquisition=bound).acquisition == bound


def test_every_fourth_fit_begins_anew_and_the_others_at_the_one_before():
    def before(number):
        rows = STRATEGY.rows_of_warm_start(np.full(number, OK))
        assert rows[: rows.sum()].all() and type(rows) is np.ndarray
        return rows.sum()

    assert [before(n) for n in (1, 31, 32, 34, 36, 38, 40, 60, 64, 68, 127, 128, 136, 144, 152, 160, 256, 272)] == [
        *(0, 0, 0, 32, 34, 36, 0, 58, 0, 64, 120, 0, 128, 136, 144, 0, 0, 256)
    ]
    forest_search = bayesian(REALS, surrogate=forest())
    assert not forest_search.rows_of_warm_start(np.full(136, OK)).any() and forest_search.warm_start(192, None) is None


@some(("numbers", "capacity"), [((32, 34, 36), 40), ((128, 136, 144), 192)])
def test_a_fit_is_the_end_of_its_chain(numbers, capacity, x64, table):
    """The fits made one after another are the one that is made at once, and each begins where the one before ended."""
    x = np.random.default_rng(1).random((numbers[-1], 2))
    strategy = bayesian(REALS)
    run = jax.jit(lambda strategy, state, start: strategy.fit(KEY, state, start))
    model, evaluations = None, []
    for number in numbers:
        start = strategy.warm_start(capacity, model)
        assert start.is_known == (model is not None)
        assert model is None or start.params.values.log_noise_variance == model[0].values.log_noise_variance[0]
        model = run(strategy, table(x[:number], loss(x[:number]), capacity=capacity), start)
        evaluations.append(int(model[1].num_evaluations))
    state = table(x, loss(x), capacity=capacity)
    for nothing in (None, strategy.warm_start(capacity, None)):
        at_once = run(strategy, state, nothing)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), at_once[0], model[0])
    assert max(evaluations[1:]) < evaluations[0]


@some("surrogate", [jbo.gp(), jbo.gp(warps_output=True), jbo.forest()], ids=["gp", "warp", "forest"])
def test_the_incumbent_is_the_least_mean_of_the_model_that_asks(surrogate, x64, table):
    strategy = bayesian(REALS, surrogate=surrogate)
    status = [OK] * 6 + [PENDING, FAILED]
    state = table(POINTS, VALUES, status, CAPACITY)

    @jax.jit
    def least(state):
        params, _ = strategy.fit(KEY, state)
        known = strategy.know(params, state, Region(REALS.encoding))
        posterior, believed = known.fantasised, known.feasible_data_with_pending
        mean = jnp.min(jnp.where(believed.is_valid, mean_of(posterior, state.x), jnp.inf))
        return incumbent(posterior, believed), known.least_mean, mean

    found, least_mean, expected = least(state)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    if surrogate == jbo.gp():  # another model is another one once it has been told its own mean
        np.testing.assert_allclose(least_mean, expected, rtol=1e-9)


def test_the_model_is_used(x64, told, ask):
    """From 12 tables of eight trials the suggestion is 0.08 to 0.15 from the best trial, whatever the key."""
    x, info = ask(STRATEGY, KEY, told())
    assert info.is_model_based and info.fit.is_finite
    best = POINTS[np.argmin(VALUES)]
    assert 0.05 < np.linalg.norm(x - best) < 0.18 and (np.abs(POINTS - x).max(1) > 0.05).all()
    assert loss(x) < VALUES.min() - 0.03, "0.06 better"


@jbo.pytree
@dataclass(frozen=True)
class Needle:
    """An acquisition that is 0 but within 0.005 of one point."""

    scale = Scale.GAIN

    where: Array

    def prepare(self, key, posterior, data):
        return None

    def value(self, aux, posterior, x):
        return jnp.exp(-0.5 * jnp.sum(((x - self.where) / 1e-3) ** 2))


@jax.jit
def ask_with_model(strategy, state, model):
    return strategy.ask(KEY, state, model=model)[0]


def noisy_table(table):
    """Fifteen noisy trials, seven near the minimum, and a lucky one among the bad ones: points, values and table."""
    rng = np.random.default_rng(1)
    good = np.array([0.3, 0.6]) + 0.02 * rng.normal(size=(7, 2))
    bad = np.array([0.8, 0.2]) + 0.02 * rng.normal(size=(8, 2))
    x = np.r_[good, bad, [[0.8, 0.2]]]
    y = loss(x) + 0.1 * rng.normal(size=16)
    y[15] = y[:7].min() - 0.05
    return x, y, table(x, y)


@pytest.mark.guard
def test_candidates_are_around_the_trial_of_the_least_mean(x64, table):
    """A needle beside that trial, by a dense solve, is found: it is neither the luckiest trial nor the worst one."""
    x, y, state = noisy_table(table)
    values = (np.log([0.3, 0.4]), 0.1, np.log(0.4))
    mean, _ = references.posterior("multiscale", values, x, np.asarray(jax.jit(STRATEGY.dataset)(state).y), x)
    least = np.argmin(mean)
    assert least not in (np.argmin(y), np.argmax(mean)) and np.argmin(y) == 15
    where = x[least] + np.array([0.003, -0.002])
    info = FitInfo(jnp.zeros(()), jnp.zeros((), jnp.int32), jnp.asarray(True))
    strategy = bayesian(REALS, acquisition=Needle(jnp.asarray(where)))
    found = ask_with_model(strategy, state, (Fitted(as_sets([values], "float64"), ((),)), info))
    np.testing.assert_allclose(found, where, atol=1e-5)


def test_a_suggestion_is_a_function_of_key_and_table(x64, told, ask):
    state = told()
    first, _ = ask(STRATEGY, KEY, state)
    ask(STRATEGY, jax.random.key(4), state)
    np.testing.assert_array_equal(first, ask(STRATEGY, KEY, told())[0])


@pytest.mark.parametrize("status", [PENDING, FAILED])
def test_garbage_changes_nothing(x64, told, ask, status):
    state = told()
    state = state._replace(
        status=state.status.at[5].set(status), y=state.y.at[5].set(0.0), is_known=state.is_known.at[5].set(False)
    )
    x, info = ask(STRATEGY, KEY, state)
    for garbage in (7.0, -1e3):
        dirty = told(garbage=garbage)
        dirty = Trials.from_arrays(dirty.x, dirty.y, state.status)
        dirty = dirty._replace(y=jnp.where(dirty.is_known, dirty.y, jnp.nan if garbage < 0 else 1e30))
        y, other = ask(STRATEGY, KEY, dirty)
        np.testing.assert_allclose(y, x, atol=1e-9)
        np.testing.assert_allclose(other.value, info.value, atol=1e-9)
        np.testing.assert_allclose(other.fit.log_posterior, info.fit.log_posterior, atol=1e-9)


@pytest.mark.thorough
def test_capacity_hardly_matters(x64, told, ask):
    small, large = (ask(STRATEGY, KEY, told(capacity=n))[0] for n in (CAPACITY, 24))
    np.testing.assert_allclose(small, large, atol=1e-5)


@pytest.mark.parametrize("kind", ["tie", "fail", "pend"])
def test_the_design_goes_on_until_values_differ(x64, kind, ask, pend, table):
    """The centre, then one Sobol sequence, whatever the trials return if they tell nothing apart."""
    tell = jax.jit(lambda state, x, y: STRATEGY.tell(state, x, y))
    state, points = table(np.empty((0, 2)), capacity=CAPACITY), []
    for _ in range(9):
        x, info = ask(STRATEGY, KEY, state)
        assert not info.is_model_based and info.is_new and info.value == 0
        points.append(np.asarray(x))
        state = pend(STRATEGY, state, x)
        if kind != "pend":
            state = tell(state, state.num_trials - 1, jnp.float64(3.0 if kind == "tie" else np.nan))
    np.testing.assert_array_equal(points[0], [0.5, 0.5])
    cells = np.floor(np.array(points[1:]) * [4, 2]).astype(int)
    assert len({tuple(cell) for cell in cells}) == 8, "one point in each cell of the net"


def test_told_trials_count_for_the_design(x64, ask, table):
    def state(num, status=OK):
        return table(POINTS[:num], VALUES[:num], [OK] * (num - 1) + [status], CAPACITY)

    for num in range(1, 5):
        x, info = ask(STRATEGY, KEY, state(num))
        assert not info.is_model_based and (x != 0.5).all(), "the centre is for the first trial only"
    assert ask(STRATEGY, KEY, state(5))[1].is_model_based
    assert ask(STRATEGY, KEY, state(5, FAILED))[1].is_model_based, "a failed trial has ended"
    assert not ask(STRATEGY, KEY, state(5, PENDING))[1].is_model_based


def test_failures_repel(x64, ask, table):
    """Where trials failed the model expects that trials fail."""
    x, _ = ask(STRATEGY, KEY, table(POINTS, VALUES, capacity=CAPACITY))
    around = np.clip(np.asarray(x) + [[0, 0.02], [0.02, 0], [-0.02, 0], [0, -0.02]], 0, 1)
    state = table(np.r_[POINTS, around], np.r_[VALUES, np.zeros(4)], [OK] * 8 + [FAILED] * 4, CAPACITY)
    y, info = ask(STRATEGY, KEY, state)
    assert info.is_model_based and np.linalg.norm(y - x) > 0.03


@pytest.mark.thorough
def test_a_discrete_space_is_exhausted(x64, ask, table):
    strategy = bayesian(DISCRETE)
    configs = list(DISCRETE.configs())
    points = np.array([DISCRETE.encode(c) for c in configs])
    rng = np.random.default_rng(0)
    for num_left in (3, 1, 1, 1, 0):
        order = rng.permutation(len(points))[num_left:]
        status = rng.choice([OK, OK, FAILED, PENDING], len(order))
        state = table(points[order], rng.normal(size=len(order)) * (status == OK), status, CAPACITY)
        x, info = ask(strategy, KEY, state)
        assert info.is_new == (num_left > 0)
        is_taken = (np.abs(points[order] - x) < 1e-9).all(1).any()
        assert is_taken == (num_left == 0) and DISCRETE.decode(np.asarray(x)) in configs


def test_recommend_is_not_the_luckiest(x64, recommend, table):
    """The model knows which of the trials to trust."""
    x, y, state = noisy_table(table)
    row = int(recommend(STRATEGY, KEY, state))
    assert np.argmin(y) == 15 and row < 7
    status = np.where(np.arange(16) == row, FAILED, OK)
    assert int(recommend(STRATEGY, KEY, table(x, y * (status == OK), status))) != row, "a failed trial is never best"


def test_recommend_without_a_model_is_the_least_value(x64, recommend, table):
    state = table(POINTS[:4], [3.0, 1.0, 2.0, 0.0], [OK, OK, OK, PENDING], CAPACITY)
    assert recommend(STRATEGY, KEY, state) == 1


def test_a_second_space_of_the_same_structure_compiles_nothing(x64, ask, told):
    ask(STRATEGY, KEY, told())
    before = ask.num_programs()
    other = bayesian(Space({"learning rate": Real(1e-5, 1e-1, log=True), "svm.C": Real(2.0, 3.0)}))
    ask(other, jax.random.key(9), told())
    ask(STRATEGY, KEY, told()._replace(status=told().status.at[3].set(EMPTY)))
    assert ask.num_programs() == before


@pytest.mark.thorough
def test_numbers_of_a_strategy_are_traced(x64, told):
    """A sweep over a weight is a `vmap`, and another weight compiles nothing."""
    run = jax.jit(
        jax.vmap(lambda w, state: bayesian(REALS, acquisition=lower_confidence_bound(w)).ask(KEY, state)[0], (0, None))
    )
    points = run(jnp.array([0.0, 1.0, 10.0]), told())
    assert len(np.unique(np.round(points, 4), axis=0)) == 3
    run(jnp.array([0.1, 3.0, 20.0]), told())
    assert run._cache_size() == 1
    best = POINTS[np.argmin(VALUES)]
    distance = np.linalg.norm(points - best, axis=1)
    assert distance[0] < distance[2], "a larger weight explores more"


@pytest.mark.parametrize("num_initial", [0, -1])
def test_a_model_needs_a_trial(num_initial):
    with pytest.raises(ValueError, match=f"num_initial: expected an integer of at least 1, got {num_initial}"):
        bayesian(REALS, num_initial=num_initial)


def test_the_default_design_grows_with_the_space():
    sizes = [bayesian(Space({f"x{i}": Real(0.0, 1.0) for i in range(d)})).num_initial for d in (1, 4, 5, 9, 40)]
    assert sizes == [5, 5, 6, 7, 7]


def test_a_suggestion_has_the_least_bound_of_all_points(x64, ask, table):
    """The default is the mean less two deviations, with a chance of its own; with a belief, expected improvement."""
    rng = np.random.default_rng(5)
    x = rng.uniform(size=(9, 2))
    state = table(x, loss(x) + 0.02 * rng.normal(size=9), capacity=CAPACITY)
    assert STRATEGY.acquisition == jbo.lower_confidence_bound(2.0)
    strategy = bayesian(REALS, acquisition=jbo.lower_confidence_bound(2.0))
    found, info = ask(strategy, KEY, state)
    axis = np.linspace(0, 1, 101)
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)

    @jax.jit
    def predicted(points):
        params, _ = strategy.fit(KEY, state)
        return strategy.surrogate.condition(params.values, strategy.dataset(state)).predict(points)

    mean, variance = predicted(jnp.asarray(np.vstack([found, grid])))
    bound = mean - 2 * jnp.sqrt(variance)
    assert info.value == pytest.approx(-float(bound[0]), abs=1e-9)
    assert bound[0] <= bound[1:].min() + 1e-9
    believing = bayesian(REALS, belief={next(iter(REALS)): (0.5, 0.2)})
    assert believing.acquisition == log_expected_improvement() and isinstance(believing.weights[-1], BeliefWeight)


@pytest.mark.thorough
def test_points_are_snapped(x64, ask, table):
    strategy = bayesian(DISCRETE)
    points = np.array([DISCRETE.encode(c) for c in DISCRETE.configs()])[::2]
    x, _ = ask(strategy, KEY, table(points, np.arange(len(points)), capacity=CAPACITY))
    np.testing.assert_allclose(snap(DISCRETE.encoding, x), x, rtol=0, atol=1e-15)


@pytest.mark.searches
@pytest.mark.thorough
def test_a_search_is_not_lost_where_bad_values_are_huge():
    """Two functions that categories choose, added, with a third one that weighs more; from -1 to a few thousand.

    The model takes the better half for noise, and by a confidence bound it looks into corners for the rest of the
    search: two of nine come below 0.05.

    References:
      Ru et al., Bayesian Optimisation over Multiple Continuous and Categorical Inputs, 2020, Func-3C.
    """
    space = Space(
        first=Categorical(*"abc"),
        second=Categorical(*"abcde"),
        third=Categorical(*"abcd"),
        x=Real(-1.0, 1.0),
        y=Real(-1.0, 1.0),
    )

    def objective(config):
        x, y = config["x"], config["y"]
        rosenbrock = (100 * (2 * y - 4 * x**2) ** 2 + (2 * x - 1) ** 2) / 300
        camel = ((4 - 8.4 * x**2 + 16 * x**4 / 3) * 4 * x**2 + 2 * x * y + (-4 + 4 * y**2) * y**2) / 10
        u, v = 4.5 * x, 4.5 * y
        beale = ((1.5 - u + u * v) ** 2 + (2.25 - u + u * v**2) ** 2 + (2.625 - u + u * v**3) ** 2) / 50
        one = {"a": rosenbrock, "b": camel, "c": beale}
        return (
            one[config["first"]]
            + (one | {"d": 0.9, "e": 1.2})[config["second"]]
            + {"a": 5 * camel, "b": 2 * rosenbrock, "c": 2 * beale, "d": 1.0}[config["third"]]
        )

    found = []
    for seed in range(9):
        with jbo.Study(space, seed=seed) as study:
            study.optimize(objective, 40, progress=False)
            found.append(study.best.value)
    assert np.sum(np.array(found) < 0.05) >= 6, found
