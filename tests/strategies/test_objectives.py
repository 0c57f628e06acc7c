"""Strategies with several objectives: what each model learns from, what counts, and whole searches in one program."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jbo
from jbo import pareto
from jbo.region import Region
from jbo.strategies import Bayesian, Feasible, MultiObjective, ParzenInfo
from jbo.types import ABANDONED, EMPTY, FAILED, OK, PENDING, Layout, Trials

SPACE = jbo.Space(a=jbo.Real(0.0, 1.0), b=jbo.Real(0.0, 1.0))
LAYOUT = Layout(2, 1)
STRATEGY = jbo.bayesian(SPACE).for_table(LAYOUT)
REGION = Region(SPACE.encoding)
TWO = [jbo.Minimize("u", reference=1.1), jbo.Minimize("v", reference=1.1)]


def table(n=12, capacity=14, seed=0):
    """Rows of every kind: the last four are pending, failed, without the second objective, not feasible."""
    random = np.random.default_rng(seed)
    x, y = random.random((capacity, 2)), np.zeros((capacity, 3))
    y[:, 0], y[:, 1] = x[:, 0] + 0.3 * x[:, 1], 1 - x[:, 0] + x[:, 1] ** 2
    y[:, 2] = -1 + 0.1 * x[:, 0]
    status, is_known = np.full(capacity, OK), np.ones((capacity, 3), bool)
    status[n - 4], status[n - 3] = PENDING, FAILED
    is_known[n - 4] = is_known[n - 3] = False
    is_known[n - 2, 1] = False
    y[n - 1, 2] = 1.0
    status[n:] = EMPTY
    return Trials.from_arrays(jnp.asarray(x), jnp.asarray(y), status, is_known=is_known, layout=LAYOUT)


@jax.jit
def _look(strategy, key, state):
    """A fit, what is known by it, and the same of each objective alone."""
    params, _ = strategy.fit(key, state)
    known = strategy.know(params, state, REGION)
    alone = dataclasses.replace(
        jbo.bayesian(SPACE, classifier_weight=0.0), layout=Layout(1, 0), weights=(), surrogate=strategy.surrogate
    )
    means = []
    for j in range(2):
        one = state.of_objective(j)
        values = jax.tree.map(lambda leaf, j=j: leaf[:, j], params.values)
        from jbo.knowledge import learn

        means.append(learn(alone.surrogate, values, alone.dataset(one), one, REGION, known.limits).mean)
    units = [alone.units(state.of_objective(j)).to_model(jnp.asarray(1.1, state.y.dtype)) for j in range(2)]
    value = strategy.worth(key, params, state, known)
    at = jnp.asarray([[0.1, 0.1], [0.9, 0.9]], state.x.dtype)
    return known.front, jnp.stack(means, axis=1), jnp.stack(units), jax.vmap(value)(at), known.centre


def test_each_objective_has_a_model_of_the_rows_in_which_it_was_measured(x64):
    key, state = jax.random.key(0), table()
    front, means, units, values, centre = _look(STRATEGY, key, state)
    np.testing.assert_allclose(front.mean[:12], means[:12], rtol=1e-9, atol=1e-9)
    # Pending trials and those that lack an objective count with their means; failed and infeasible ones do not.
    assert front.counts.tolist() == [True] * 8 + [True, False, True, False] + [False] * 2
    told = np.asarray(front.counts) & (np.asarray(state.status) == OK)
    expected = pareto.reference(jnp.asarray(means), jnp.asarray(told))
    np.testing.assert_allclose(front.reference, expected, rtol=1e-9)
    assert np.isfinite(values).all() and values[0] > values[1]
    is_front = np.asarray(pareto.front(front.mean, jnp.asarray(told)))
    assert any(np.array_equal(centre, x) for x in np.asarray(state.x)[is_front])
    # What the user gave is taken to the units of the model.
    given = STRATEGY.with_reference(np.array([1.1, np.inf]))
    front, *_ = _look(given, key, state)
    np.testing.assert_allclose(front.reference, [units[0], expected[1]], rtol=1e-9)


@jax.jit
def _limits(strategy, key, state):
    params, _ = strategy.fit(key, state)
    limits = strategy.know(params, state, REGION).front.limits
    means = jax.vmap(lambda posterior: posterior.predict(state.x)[0])(limits.posteriors)
    return limits.is_there, means <= limits.limit[:, None]


def test_a_noisy_acquisition_gets_the_models_of_the_limits(x64):
    """The limit holds with a wide margin at all trials but one; a failed trial and padding rows are not there."""
    acquisition = jbo.log_noisy_expected_hypervolume_improvement(4)
    strategy = jbo.bayesian(SPACE, acquisition=acquisition).for_table(LAYOUT)
    is_there, holds = _limits(strategy, jax.random.key(0), table())
    assert is_there.tolist() == [True] * 9 + [False] + [True] * 2 + [False] * 2
    assert holds.shape == (1, 14) and holds[0, :8].all() and not holds[0, 11]


def test_padding_and_what_stands_in_unknown_cells_change_nothing(x64):
    key, state = jax.random.key(0), table()
    garbage = state._replace(x=state.x.at[12:].set(0.123), y=jnp.where(state.is_known, state.y, 77.0))
    for one, other in zip(_look(STRATEGY, key, state)[0][:4], _look(STRATEGY, key, garbage)[0][:4], strict=True):
        np.testing.assert_allclose(
            one[:2] if one.shape == (2,) else one[:12], other[:2] if other.shape == (2,) else other[:12]
        )


def test_the_strategy_follows_the_number_of_objectives():
    one = jbo.bayesian(SPACE)
    several = one.for_table(Layout(2, 1))
    assert type(several) is MultiObjective and several.for_table(Layout(2, 1)) is several
    assert [type(weight).__name__ for weight in several.weights] == ["Success", "Feasible"]
    assert several.reference.tolist() == [np.inf, np.inf]
    back = several.for_table(Layout(1, 0))
    assert type(back) is Bayesian and back.layout == Layout(1, 0)
    assert not any(isinstance(weight, Feasible) for weight in back.weights)
    assert several.for_table(Layout(3, 0)).reference.shape == (3,)
    named = jbo.bayesian(SPACE, acquisition=jbo.parego(), classifier_weight=1.0)
    assert named.acquisition == jbo.log_expected_improvement()
    assert [type(weight).__name__ for weight in named.for_table(Layout(2)).weights] == ["Success", "Classifier"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: jbo.bayesian(SPACE, acquisition=jbo.expected_improvement()),
            "acquisition: expected an acquisition for several",
        ),
        (lambda: jbo.bayesian(SPACE, batch=jbo.batches.local_penalization()), "batch: expected None with several"),
        (
            lambda: jbo.bayesian(jbo.Space(a=jbo.Real(0, 1, monotone="increasing"))),
            "monotone: expected no monotone parameter",
        ),
        (lambda: jbo.trust_region(SPACE), "got jbo.trust_region, which supports one objective"),
    ],
)
def test_what_knows_one_objective_is_refused_with_several(make, message):
    with pytest.raises(ValueError, match=message):
        make().for_table(Layout(2))


def test_a_result_has_a_value_for_each_objective():
    strategy = jbo.random_search(SPACE).for_table(LAYOUT)
    state = strategy.init(2)
    x = jnp.asarray([0.5, 0.25])
    with pytest.raises(ValueError, match=r"y: expected an array of shape \[3\] with several objectives, got a scalar"):
        strategy.tell(state, x, 1.0)
    told = strategy.tell(state, x, jnp.asarray([1.0, 0.0, -1.0]), is_known=jnp.asarray([True, False, True]))
    assert told.is_known[0].tolist() == [True, False, True] and told.status.tolist() == [OK, EMPTY]
    failed = strategy.tell(state, x, jnp.asarray([1.0, jnp.nan, -1.0]))
    assert failed.status.tolist() == [FAILED, EMPTY] and not failed.is_known.any()


def test_one_trial_of_several_objectives_is_not_recommended():
    state, strategy = table(), jbo.random_search(SPACE).for_table(LAYOUT)
    with pytest.raises(ValueError, match="recommend_front"):
        strategy.recommend(jax.random.key(0), state)
    with pytest.raises(ValueError, match="recommend_front"):
        STRATEGY.recommend(jax.random.key(0), state)
    front = np.asarray(strategy.recommend_front(jax.random.key(0), state))
    counts = np.asarray(state.has_value & state.is_feasible)
    np.testing.assert_array_equal(front, pareto.front(state.objectives, jnp.asarray(counts)))
    assert front.any() and not front[8:].any()


def test_the_good_trials_of_densities_have_the_lowest_ranks():
    """Of five feasible trials two are on the front: with four good ones these and the two of the next front."""
    y = np.array([[0.0, 1.0, -1], [1.0, 0.0, -1], [1.0, 1.0, -1], [0.5, 2.0, -1], [3.0, 3.0, -1], [-9.0, -9.0, 1.0]])
    x = np.random.default_rng(0).random((7, 2))
    status = np.array([OK] * 6 + [ABANDONED])
    state = Trials.from_arrays(x, np.vstack([y, np.zeros(3)]), status, layout=LAYOUT)
    strategy = jbo.parzen(SPACE, good_fraction=0.5, num_initial=2).for_table(LAYOUT)
    good, bad = jax.jit(strategy.densities)(state)
    assert good.weight[1:].tolist() == [1, 1, 0.5, 0.5, 0, 0, 0]
    assert bad.weight[1:].tolist() == [0, 0, 0.5, 0.5, 1, 1, 0]
    x, info = jax.jit(strategy.ask)(jax.random.key(0), state)
    assert isinstance(info, ParzenInfo) and bool(info.is_model_based) and x.shape == (2,)


def ends_of_a_cube(config):
    """ZDT1 in two parameters: the front is b = 0, where v = 1 - sqrt(u)."""
    g = 1 + 9 * config["b"]
    return {"u": config["a"], "v": g * (1 - jnp.sqrt(config["a"] / g))}


def run_of(strategy, num_steps, keys):
    def one(key):
        return jbo.minimize(key, ends_of_a_cube, strategy, num_steps, space=SPACE, outcomes=TWO)

    return jax.jit(jax.vmap(one))(keys)


def test_a_search_of_two_objectives_is_one_program_also_under_vmap():
    keys = jax.random.split(jax.random.key(0), 3)
    runs = run_of(jbo.random_search(SPACE), 20, keys)
    assert runs.y.shape == (3, 20, 2) and runs.best_y is None and runs.hypervolume.shape == (3, 20)
    for i in range(3):
        run = jax.tree.map(lambda leaf, i=i: leaf[i], runs)
        np.testing.assert_allclose(run.y[:, 1], run.values["v"], rtol=1e-6)
        all_count = jnp.ones(20, bool)
        np.testing.assert_array_equal(run.is_pareto, pareto.front(run.y, all_count))
        assert float(run.hypervolume[-1]) == pytest.approx(float(pareto.hypervolume(run.y, run.reference, all_count)))
        assert (np.diff(run.hypervolume) >= 0).all() and run.reference.tolist() == pytest.approx([1.1, 1.1])


@pytest.mark.thorough
def test_bayesian_search_finds_more_of_the_front_than_random_search_with_four_times_the_trials():
    """Threshold fixed beforehand: in each of three searches of 16 trials, against the mean of 64 random ones."""
    keys = jax.random.split(jax.random.key(1), 3)
    found = run_of(jbo.bayesian(SPACE), 16, keys).hypervolume[:, -1]
    random = run_of(jbo.random_search(SPACE), 64, keys).hypervolume[:, -1]
    assert (found > random.mean()).all() and found.min() > 0.75  # the largest is 0.877


@pytest.mark.thorough
@pytest.mark.parametrize(
    "strategy",
    [
        jbo.bayesian(SPACE, acquisition=jbo.log_noisy_expected_hypervolume_improvement()),
        jbo.bayesian(SPACE, acquisition=jbo.hypervolume_scalarization()),
        jbo.bayesian(SPACE, acquisition=jbo.parego()),
        jbo.bayesian(SPACE, surrogate=jbo.forest()),
        jbo.parzen(SPACE),
        jbo.bayesian(SPACE, surrogate=jbo.gp_mcmc(num_warmup=16, num_sets=4, thinning=1)),
    ],
    ids=["noisy", "scalarization", "parego", "forest", "parzen", "sampled"],
)
def test_other_searches_of_several_objectives_beat_random_search(strategy):
    keys = jax.random.split(jax.random.key(2), 2)
    found = run_of(strategy, 24, keys).hypervolume[:, -1]
    assert found.mean() > run_of(jbo.random_search(SPACE), 24, keys).hypervolume[:, -1].mean()


@pytest.mark.thorough
def test_three_objectives_with_a_limit_and_a_cost_and_missing_values():
    """The front of three squared distances is the triangle between their minima; the limit cuts it in half."""
    places = np.array([[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]])

    def function(config):
        x = jnp.stack([config["a"], config["b"]])
        values = {f"f{i}": jnp.sum((x - place) ** 2) for i, place in enumerate(places)}
        return {**values, "limit": config["a"], "seconds": 1 + config["b"]}

    outcomes = [
        *(jbo.Minimize(f"f{i}", reference=1.0) for i in range(3)),
        jbo.AtMost("limit", 0.5),
        jbo.Cost("seconds"),
    ]

    def one(strategy, num_steps, key):
        return jbo.minimize(key, function, strategy, num_steps, space=SPACE, outcomes=outcomes).hypervolume[-1]

    found = jax.jit(one, static_argnums=1)(jbo.bayesian(SPACE), 24, jax.random.key(0))
    random = jax.jit(one, static_argnums=1)(jbo.random_search(SPACE), 96, jax.random.key(0))
    assert found > random


def test_trials_that_are_equal_in_one_objective_are_not_all_recommended(x64):
    """The second objective depends on ``b`` alone, in three steps: the means of a step differ by little."""
    x = np.random.default_rng(4).random((14, 2))
    x[:, 1] = np.round(2 * x[:, 1]) / 2
    y = np.stack([(x[:, 0] - 0.3) ** 2 + 0.2 * x[:, 1], 1 - x[:, 1], -np.ones(14)], axis=1)
    state = Trials.from_arrays(jnp.asarray(x), jnp.asarray(y), layout=LAYOUT)
    found = np.flatnonzero(_recommend_front(STRATEGY, jax.random.key(0), state))
    assert found.tolist() == np.flatnonzero(pareto.front(jnp.asarray(y[:, :2]), jnp.ones(14, bool))).tolist()


_recommend_front = jax.jit(lambda strategy, key, state: strategy.recommend_front(key, state))
