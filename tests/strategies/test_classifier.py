"""How likely a trial is a good one, beside the surrogate: what that changes, and where it helps."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

import jbo
from jbo import Categorical, Integer, Real, Space
from jbo.acquisitions import Scale
from jbo.region import Region
from jbo.strategies import _mixture
from jbo.strategies.weights import Success
from jbo.types import OK, PENDING, Trials, is_taken
from tests.selection import some
from tests.weights import classifier_of

SPACE = Space(kind=Categorical("a", "b", "c"), size=Integer(1, 9), rate=Real(0.0, 1.0), depth=Real(0.0, 1.0))
UNIFORM = 1 / 3 / 9
"""The prior of `parzen` in both of its densities, as heavy as one trial."""
KEY = jax.random.key(5)
NUM, CAPACITY = 14, 16
FIT = jax.jit(lambda strategy, state: strategy.fit(KEY, state))
ASK = jax.jit(lambda strategy, state, model: strategy.ask(KEY, state, model=model))
OTHERS = np.random.default_rng(3).random((2000, SPACE.encoding.num_columns))


@pytest.fixture
def state(x64):
    """A table of a cliff and a slope, with two rows to spare."""
    x = np.zeros((CAPACITY, SPACE.encoding.num_columns))
    x[:NUM] = np.random.default_rng(2).random((NUM, x.shape[1]))
    y = np.where(x[:, 2] > 0.6, 5.0, 0.0) + x[:, 3]
    status = np.where(np.arange(CAPACITY) < NUM, OK, 0).astype(np.int8)
    return Trials.from_arrays(jnp.asarray(jbo.encoding.snap(SPACE.encoding, x)), jnp.asarray(y), jnp.asarray(status))


@some("acquisition", [None, jbo.lower_confidence_bound()], ids=["improvement", "bound"])
@some("weight", [0.0, 0.7, 1.0], [0.7])
def test_what_is_asked_is_worth_its_gain_times_the_chance_to_be_good(state, weight, acquisition):
    strategy = jbo.bayesian(SPACE, acquisition=acquisition, classifier_weight=weight)
    model = FIT(strategy, state)
    x, info = ASK(strategy, state, model)

    @jax.jit
    def parts(first):
        """At a point, and at all others after it."""
        points = jnp.concatenate([first[None], jbo.encoding.snap(SPACE.encoding, jnp.asarray(OTHERS))])
        posterior = strategy.surrogate.condition(model[0].values, strategy.dataset(state))
        best = jnp.min(jnp.where(state.status == OK, posterior.predict(state.x)[0], jnp.inf))
        good, bad = jbo.parzen(SPACE).densities(state)
        by_good, by_bad = (
            jnp.exp(_mixture.log_density(SPACE.encoding, density, points)) * density.weight.sum() - UNIFORM
            for density in (good, bad)
        )
        return *posterior.predict(points), best, by_good, by_bad

    def worth(first):
        mean, variance, best, by_good, by_bad = (np.asarray(part) for part in parts(first))
        deviation = np.sqrt(variance)
        z = (best - mean) / deviation
        improvement = deviation * (z * norm.cdf(z) + norm.pdf(z))
        chance = (by_good + 0.1 * UNIFORM) / (by_good + by_bad + UNIFORM)
        if acquisition is not None:
            gain = best - (mean - 2 * deviation)
            return -best + np.where(gain > 0, gain * chance**weight, gain)
        with np.errstate(divide="ignore"):
            return np.log(improvement) + weight * np.log(chance)

    assert info.is_model_based
    values = worth(x)
    np.testing.assert_allclose(info.value, values[0], rtol=1e-6)
    assert info.value > values[1:].max()
    if acquisition is None:  # where less is to be gained than is said, the densities ask in even rows
        rarely = dataclasses.replace(strategy, doubt=dataclasses.replace(strategy.doubt, least_improvement=1e9))
        likeliest, _ = ASK(rarely, state, model)
        by_good, by_bad = parts(likeliest)[3:]
        ratio = np.asarray((by_good + UNIFORM) / (by_bad + UNIFORM))
        assert jnp.any(likeliest != x) and ratio[0] > np.median(ratio)
        odd = state._replace(x=state.x.at[NUM].set(x), status=state.status.at[NUM].set(PENDING))
        np.testing.assert_array_equal(ASK(rarely, odd, model)[0], ASK(strategy, odd, model)[0])


@pytest.mark.thorough
def test_in_a_context_what_is_gained_is_beyond_the_least_mean_there(state):
    """Of a bound it is multiplied; where the trials were, in other contexts, the mean is lower."""
    strategy = jbo.bayesian(SPACE, acquisition=jbo.lower_confidence_bound(), classifier_weight=1.0)
    fixed = jnp.array([jnp.nan, jnp.nan, 0.9, jnp.nan])
    x, info = jax.jit(lambda state: strategy.ask(KEY, state, fixed=fixed))(state)
    params, _ = FIT(strategy, state)
    posterior = strategy.surrogate.condition(params.values, strategy.dataset(state))
    there, here = (
        float(jnp.min(jnp.where(state.status == OK, posterior.predict(rows)[0], jnp.inf)))
        for rows in (state.x, state.x.at[:, 2].set(0.9))
    )
    assert here > there + 0.1 and x[2] == 0.9 and info.is_model_based
    mean, variance = posterior.predict(x[None])
    chance = jnp.exp(classifier_of(strategy).log_weight((), state)(x))
    gain = here - (mean[0] - 2 * jnp.sqrt(variance[0]))
    np.testing.assert_allclose(info.value, -here + gain * chance, rtol=1e-6)


def test_a_point_costs_one_exponential_a_trial_in_each_density():
    """Whatever its columns are: of an integer of hundreds of levels it was nine, and an ask took ten times as long."""
    space = Space(size=Integer(8, 512, log=True), kind=Categorical("a", "b"), rate=Real(0, 1, when=("kind", "a")))
    classifier, rows = classifier_of(jbo.bayesian(space)), 256

    def count(num_points):
        def factor(state, points):
            return jax.vmap(classifier.log_weight((), state))(points)

        state = Trials.from_arrays(jnp.zeros((rows, 3)), jnp.zeros(rows), jnp.full(rows, OK, jnp.int8))
        return jax.jit(factor).lower(state, jnp.zeros((num_points, 3))).cost_analysis()["transcendentals"]

    assert count(1100) - count(100) < 2.2 * 1000 * rows


@pytest.mark.thorough
def test_a_weight_of_nothing_changes_nothing(state, ask):
    plain, none = (
        jbo.bayesian(SPACE, acquisition=jbo.log_expected_improvement(), classifier_weight=w) for w in (None, 0.0)
    )
    np.testing.assert_allclose(ask(plain, KEY, state)[0], ask(none, KEY, state)[0], atol=1e-6)


@pytest.mark.thorough
def test_a_pending_trial_is_a_bad_one(state, ask):
    strategy = jbo.bayesian(SPACE, classifier_weight=5.0)
    x, _ = ask(strategy, KEY, state)
    before, after = (classifier_of(strategy).log_weight((), table)(x) for table in (state, strategy.pend(state, x)))
    assert after < before - 0.5


@pytest.mark.thorough
def test_far_from_all_trials_a_trial_is_good_as_often_as_anywhere(x64):
    space = Space(kind=Categorical("a", "b", "c"), x=Real(0.0, 1.0))
    x = np.array([[1 / 6, 0.1], [1 / 6, 0.11], [1 / 6, 0.12]])
    state = Trials.from_arrays(jnp.asarray(x), jnp.array([0.0, 1.0, 2.0]), jnp.full(3, OK, jnp.int8))
    log_weight = classifier_of(jbo.bayesian(space)).log_weight((), state)
    near, far = (np.exp(log_weight(jnp.array([1 / 6, at]))) for at in (0.1, 0.95))
    np.testing.assert_allclose(far, 0.1, rtol=1e-2)
    np.testing.assert_allclose(near, 1 / 3, atol=0.05)


@pytest.mark.thorough
def test_a_large_table_is_left_to_the_model(x64):
    classifier = classifier_of(jbo.bayesian(SPACE))
    sizes = {
        n: Trials.from_arrays(jnp.full((n, 4), 0.5), jnp.zeros(n), jnp.full(n, OK, jnp.int8)) for n in (1024, 1025)
    }
    assert [classifier.log_weight((), state) is None for state in sizes.values()] == [False, True]


def test_when_it_counts_unless_it_is_said():
    assert classifier_of(jbo.bayesian(SPACE)).weight == 1.0
    assert classifier_of(jbo.bayesian(SPACE, cost="seconds")).weight == 1.0
    assert classifier_of(jbo.bayesian(SPACE, classifier_weight=0.5)).weight == 0.5
    numbers = Space(a=Real(0.0, 1.0), b=Integer(1, 3))
    assert classifier_of(jbo.bayesian(numbers)).weight == 1.0
    assert jbo.bayesian(numbers).acquisition.scale is Scale.OBJECTIVE
    ten, eleven = (Space({f"x{i}": Real(0.0, 1.0) for i in range(n)}) for n in (10, 11))
    assert classifier_of(jbo.bayesian(ten)).weight == 1.0
    for strategy in (
        jbo.bayesian(eleven),
        jbo.bayesian(numbers, cost="seconds"),
        jbo.bayesian(numbers, belief={"a": (0.5, 0.1)}),
        jbo.bayesian(numbers, batch=jbo.batches.local_penalization()),
        jbo.bayesian(numbers, acquisition=jbo.lower_confidence_bound()),
        jbo.bayesian(SPACE, surrogate=jbo.forest()),
        jbo.bayesian(SPACE, acquisition=jbo.log_expected_improvement()),
    ):
        assert classifier_of(strategy) is None


@pytest.fixture
def explored(x64):
    """A table with two rows in each of two categories and many around the best place of the third; its length."""
    space = Space(kind=Categorical("a", "b", "c"), x=Real(0.0, 1.0))
    x = np.array([(1 / 6, 0.5 + 0.01 * i) for i in range(-6, 7)] + [(k, at) for k in (0.5, 5 / 6) for at in (0.3, 0.7)])
    y = (x[:, 1] - 0.5) ** 2 + (x[:, 0] > 0.3)
    pad = CAPACITY + 16 - len(x)
    status = np.array([OK] * len(x) + [0] * pad, np.int8)
    return (
        space,
        Trials.from_arrays(
            jnp.asarray(np.pad(x, ((0, pad), (0, 0)))), jnp.asarray(np.pad(y, (0, pad))), jnp.asarray(status)
        ),
        len(x),
    )


@pytest.mark.thorough
def test_where_nothing_is_to_be_gained_densities_ask_every_second_point(explored, ask):
    space, state, num = explored
    strategy = jbo.bayesian(space)
    plain = dataclasses.replace(strategy, doubt=None)
    by_densities = []
    for _ in range(4):
        x, info = ask(strategy, KEY, state)
        of_model, promised = ask(plain, KEY, state)
        assert info.value == promised.value < np.log(0.01) and info.is_new
        by_densities.append(bool(jnp.any(x != of_model)))
        if by_densities[-1]:
            good, bad = jbo.parzen(space).densities(state)
            worth = [
                _mixture.log_density(space.encoding, good, points) - _mixture.log_density(space.encoding, bad, points)
                for points in (x[None], jbo.encoding.snap(space.encoding, np.random.default_rng(1).random((500, 2))))
            ]
            assert worth[0][0] > np.median(worth[1])
        state = strategy.pend(state, x)
    assert by_densities == [row % 2 == 0 for row in range(num, num + 4)]


CONDITIONAL = Space(
    kind=Categorical("a", "b", "c"),
    size=Integer(1, 9),
    rate=Real(0.0, 1.0, when=("kind", {"a", "b"})),
    depth=Real(0.0, 1.0),
)


@pytest.mark.thorough
@some("space", [SPACE, CONDITIONAL], ids=["flat", "conditional"])
@pytest.mark.parametrize("is_fixed", [False, True])
def test_the_likeliest_point_is_that_of_the_densities(state, space, is_fixed):
    fixed = jnp.where(jnp.array([False, False, False, is_fixed]), 0.25, jnp.nan) if is_fixed else None
    region, parzen = Region(space.encoding, fixed), jbo.parzen(space)
    state = state._replace(x=jbo.encoding.snap(space.encoding, state.x))
    good, bad = parzen.densities(state)
    drawn = parzen.draw(KEY, good, region, state)
    ratio = _mixture.log_density(space.encoding, good, drawn) - _mixture.log_density(space.encoding, bad, drawn)
    classifier = classifier_of(jbo.bayesian(space))
    x, value = classifier.likeliest(KEY, state, region)
    np.testing.assert_array_equal(x, drawn[jnp.argmax(ratio)])
    np.testing.assert_allclose(value, ratio.max() + jnp.log(good.weight.sum() / bad.weight.sum()), rtol=1e-6)
    assert not is_fixed or x[3] == 0.25
    table = state._replace(x=state.x.at[NUM].set(x), status=state.status.at[NUM].set(PENDING))
    other, value = classifier.likeliest(KEY, table, region)
    assert jnp.any(is_taken(table, x)) and not jnp.any(is_taken(table, other)) and value > -jnp.inf


@pytest.mark.thorough
def test_where_there_is_something_to_be_gained_the_model_asks(state, ask):
    for _ in range(2):
        strategy = jbo.bayesian(SPACE)
        plain = dataclasses.replace(strategy, doubt=None)
        (x, info), (of_model, _) = (ask(one, KEY, state) for one in (strategy, plain))
        assert info.value > np.log(0.01)
        np.testing.assert_array_equal(x, of_model)
        state = strategy.tell(state, x, jnp.asarray(1.0))


def test_when_the_densities_ask_unless_it_is_said():
    assert [jbo.bayesian(SPACE, classifier_weight=w).doubt.least_improvement for w in (None, 2.0, 0.0)] == [
        0.01,
        0.01,
        0,
    ]
    for strategy in (
        jbo.bayesian(SPACE, cost="seconds"),
        jbo.bayesian(SPACE, belief={"rate": (0.5, 0.1)}),
        jbo.bayesian(SPACE, batch=jbo.batches.local_penalization()),
        jbo.bayesian(SPACE, weights=(Success(),)),  # where a weight is least densities would ask all the same
        jbo.bayesian(SPACE, surrogate=jbo.forest()),
        jbo.bayesian(SPACE, acquisition=jbo.log_expected_improvement(), classifier_weight=1.0),
        jbo.bayesian(Space(a=Real(0.0, 1.0), b=Integer(1, 3))),
    ):
        assert strategy.doubt is None


def test_a_negative_weight_is_refused():
    with pytest.raises(ValueError, match=r"classifier_weight: .*at least 0, got -1"):
        jbo.bayesian(SPACE, classifier_weight=-1.0)


JAGGED = Space(
    kind=Categorical("a", "b", "c"),
    form=Categorical("x", "y"),
    size=Integer(1, 12),
    **{name: Real(0.0, 1.0) for name in "abc"},
)


def jagged(key):
    """Stairs down to a centre, and on each point what looks like noise and is the same each time."""
    centre = jax.random.uniform(key, (4,))

    def value(config):
        place = jnp.stack([config["a"], config["b"], config["c"], config["size"] / 12.0])
        stairs = jnp.sum(jnp.floor(4 * jnp.abs(place - centre))) / 4
        choice = 0.5 * (config["kind"] != 1) + 0.5 * (config["form"] != 0)
        angle = jnp.dot(place, jnp.array([913.0, 771.0, 1319.0, 1777.0])) + 3 * config["kind"] + 5 * config["form"]
        return stairs + choice + 1e4 * jnp.sin(angle) % 1.0

    return jbo.functions.Problem("jagged", JAGGED, value, 0.0, ())


@functools.partial(jax.jit, static_argnames="draw")
def least_of_searches(draw, strategy, keys):
    def one(key):
        key_problem, key_search = jax.random.split(key)
        return jbo.minimize(key_search, draw(key_problem), strategy, 40).best_y[-1]

    return jax.lax.map(one, keys)


@pytest.mark.thorough
@pytest.mark.searches
def test_among_cliffs_a_classifier_finds_more(x64):
    """On 720 functions: the mean gain is 0.06 to 0.08, and its standard error is 0.011."""
    keys = jnp.concatenate([jax.random.split(jax.random.key(seed), 144) for seed in range(11, 16)])
    improvement = jbo.bayesian(JAGGED, acquisition=jbo.log_expected_improvement())
    gain = np.asarray(
        least_of_searches(jagged, improvement, keys) - least_of_searches(jagged, jbo.bayesian(JAGGED), keys)
    )
    assert gain.mean() > 0.05 and gain.mean() > 2 * gain.std() / np.sqrt(gain.size)


WELL = Space(kind=Categorical("bowl", "well", "flat"), x=Real(0.0, 1.0), y=Real(0.0, 1.0))


def hidden_well(key):
    """A wide bowl in one category, and in another one a narrow well, at a place of its own, that is deeper."""
    centre, place = jax.random.uniform(key, (2, 2), minval=0.2, maxval=0.8)

    def value(config):
        at = jnp.stack([config["x"], config["y"]])
        bowl, well = 0.2 + jnp.sum((at - centre) ** 2), 1 - jnp.exp(-jnp.sum((at - place) ** 2) / 0.02)
        return jnp.select([config["kind"] == 0, config["kind"] == 1], [bowl, well], 1.0)

    return jbo.functions.Problem("well", WELL, value, 0.0, ())


@pytest.mark.thorough
@pytest.mark.searches
def test_a_search_among_categories_is_not_stuck(x64):
    keys = jax.random.split(jax.random.key(12), 384)
    strategy = jbo.bayesian(WELL)
    doubts = (dataclasses.replace(strategy.doubt, least_improvement=at) for at in (0.0, 0.01))
    least = [
        np.asarray(least_of_searches(hidden_well, dataclasses.replace(strategy, doubt=doubt), keys)) for doubt in doubts
    ]
    gain = least[0] - least[1]
    assert gain.mean() > 2 * gain.std() / np.sqrt(gain.size)
    assert np.mean(least[1] < 0.15) > np.mean(least[0] < 0.15)
