"""What stands around an acquisition loses nothing of it: neither what its values mean nor how it is averaged."""

import dataclasses
import functools
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jbo
from jbo.acquisitions import Around, Scale, over_region, over_sets, portfolio, weighted
from jbo.batches import local_penalization
from jbo.belief import belief_over
from jbo.knowledge import Failures, Knowledge
from jbo.region import Region

from ..surrogates.problems import as_dataset, as_sets, condition, random_params, smooth_data

SPACE = jbo.Space(a=jbo.Real(0, 1), b=jbo.Real(0, 1))
DENSITY = belief_over(SPACE, {"a": (0.3, 0.2)})
with jax.enable_x64(True):
    X = jnp.asarray([0.4, 0.7])
    LOG_DENSITY = float(jax.jit(DENSITY.log_density)(X))
KEY = jax.random.key(3)


LEAST = 1.5
"""The least mean that a bound has to promise more than."""


def times_density(acquisition, power):
    """The acquisition times a power of a density."""
    return weighted(acquisition, lambda x: power * DENSITY.log_density(x), jnp.asarray(LEAST))


def beyond_least(value, log_weight):
    """A value of the objective, weighed by hand."""
    assert value > -LEAST, "it promises something"
    return -LEAST + (value + LEAST) * np.exp(log_weight)


@dataclass(frozen=True)
class Shifted(Around):
    """A user's wrapper: it defines a value, and nothing else."""

    acquisition: Any

    def value(self, aux, posterior, x):
        return self.acquisition.value(aux, posterior, x) + 1.0


@functools.cache
def made():
    """A posterior and its data, the same for all tests."""
    x, y = smooth_data(6, 2)
    data = as_dataset(x, y, "float64", 8)
    # Three samples of the hyperparameters that believe very different functions.
    sets = [random_params(2, seed=s) for s in range(3)]
    return condition(as_sets(sets, "float64"), data), data


@pytest.fixture
def model(x64):
    return made()


def worth(acquisition, key, posterior, data):
    averaged = over_sets(acquisition, posterior)
    return averaged.value(averaged.prepare(key, posterior, data), posterior, X)


_WORTH = jax.jit(worth)


def value(acquisition, model, key=KEY):
    """One program for all acquisitions of a structure; what holds a function is no argument of a program."""
    if all(isinstance(leaf, int | float | jax.Array) for leaf in jax.tree.leaves(acquisition)):
        return float(_WORTH(acquisition, key, *model))
    return float(jax.jit(functools.partial(worth, acquisition))(key, *model))


@jax.jit
def draw(posterior, key):
    return posterior.paths(key, 1)(X[None, :])[0, 0]


def sampled(model, key=KEY):
    """The function that Thompson sampling draws, of one hyperparameter sample, with its sign turned."""
    return -float(draw(model[0], key))


@functools.cache
def place_that_asks():
    """Which of two members asks: the table says so, whatever they are."""
    two = portfolio(jbo.expected_improvement(), jbo.expected_improvement(), num_initial=0)
    return int(jax.jit(two.prepare)(KEY, *made())[0])


def asks_first(first, other):
    """The portfolio of two members that lets the first one ask, and the key that this one prepares with."""
    place = place_that_asks()
    order = [other, first] if place else [first, other]
    return portfolio(*order, num_initial=0), jax.random.split(KEY, 2)[place]


def test_a_sampled_function_times_a_density_is_that_of_one_hyperparameter_sample(model):
    density = 5.0 / int(model[1].is_valid.sum()) * LOG_DENSITY
    believed = times_density(jbo.thompson_sampling(), 5.0 / int(model[1].is_valid.sum()))
    assert value(believed, model) == pytest.approx(beyond_least(sampled(model), density), rel=1e-12)
    # The mean over the samples is another number, which is what a search saw before.
    every = -jax.jit(lambda posterior: jax.vmap(draw, (0, None))(posterior.sets(), KEY))(model[0])
    assert abs(float(jnp.mean(every)) - sampled(model)) > 1e-3


@pytest.mark.parametrize("wrap", [Shifted, lambda a: Shifted(times_density(a, 0.0))])
def test_a_wrapper_of_a_users_own_does_not_average_a_sampled_function(model, wrap):
    assert value(wrap(jbo.thompson_sampling()), model) == pytest.approx(sampled(model) + 1, rel=1e-12)


def test_each_member_of_a_portfolio_is_averaged_or_not_by_itself(model):
    thompson, improvement = jbo.thompson_sampling(), jbo.log_expected_improvement()
    of_thompson, key = asks_first(thompson, improvement)
    assert value(of_thompson, model) == pytest.approx(sampled(model, key), rel=1e-12)
    of_improvement, _ = asks_first(improvement, thompson)
    assert value(of_improvement, model) == pytest.approx(value(improvement, model), rel=1e-12)
    of_mixture = jax.jit(
        lambda posterior, data: improvement.value(improvement.prepare(KEY, posterior, data), posterior, X)
    )
    assert value(improvement, model) != pytest.approx(float(of_mixture(*model)), rel=1e-6), (
        "improvement is averaged over the samples"
    )


def test_a_density_multiplies_each_member_of_a_portfolio_by_what_its_values_mean(model):
    power = 5.0 / int(model[1].is_valid.sum())
    log_density = power * LOG_DENSITY
    positive, logarithm, of_values = jbo.expected_improvement(), jbo.log_expected_improvement(), jbo.LCB()
    first, _ = asks_first(positive, logarithm)
    assert first.scale is Scale.MIXED
    expected = value(positive, model) * np.exp(log_density)
    assert value(times_density(first, power), model) == pytest.approx(expected, rel=1e-10)
    second, _ = asks_first(logarithm, positive)
    assert value(times_density(second, power), model) == pytest.approx(value(logarithm, model) + log_density)
    third, _ = asks_first(of_values, positive)
    expected = beyond_least(value(of_values, model), log_density)
    assert value(times_density(third, power), model) == pytest.approx(expected, rel=1e-10)


def test_a_penalty_takes_the_logarithm_of_each_member_of_a_portfolio(model):
    rule = local_penalization()
    first, _ = asks_first(jbo.expected_improvement(), jbo.log_expected_improvement())

    @jax.jit
    def found(posterior, data):
        none = jnp.zeros(len(data.is_valid), bool)
        failures = Failures(posterior, jnp.asarray(False))
        mean = posterior.predict(data.x)[0]
        known = Knowledge(posterior, data, posterior, data, none, mean, failures, Region(SPACE.encoding))
        penalised = over_sets(first, posterior)
        return rule.value(rule.prepare(KEY, penalised, known), penalised, known, X)

    assert float(found(*model)) == pytest.approx(np.log(value(jbo.expected_improvement(), model)), rel=1e-10)


@pytest.mark.parametrize(
    "acquisition, scale",
    [
        (jbo.log_expected_improvement(), Scale.LOGARITHM),
        (jbo.expected_improvement(), Scale.GAIN),
        (jbo.lower_confidence_bound(), Scale.OBJECTIVE),
        (jbo.max_value_entropy_search(), Scale.GAIN),
        (jbo.thompson_sampling(), Scale.OBJECTIVE),
    ],
)
def test_wrappers_say_what_the_acquisition_inside_says(model, acquisition, scale):
    averaged = over_sets(acquisition, model[0])
    assert acquisition.scale is averaged.scale is scale
    assert (averaged is acquisition) == (acquisition == jbo.thompson_sampling())
    for wrapped in (times_density(acquisition, 1.0), Shifted(acquisition), portfolio(acquisition, acquisition)):
        assert wrapped.scale is scale


@pytest.mark.parametrize("make", [jbo.max_value_entropy_search, jbo.knowledge_gradient])
def test_an_acquisition_inside_of_others_learns_where_it_may_look(make):
    region = Region(SPACE.encoding, jnp.asarray([0.2, jnp.nan]))
    inner = make()
    for wrapped in (times_density(inner, 1.0), Shifted(times_density(inner, 1.0))):
        found = over_region(wrapped, region)
        while not hasattr(found, "region"):
            found = found.acquisition
        assert found.region is region
    assert [m.region for m in over_region(portfolio(inner, inner), region).members] == [region, region]
    assert dataclasses.is_dataclass(found)


@pytest.mark.guard
@pytest.mark.thorough
def test_a_search_of_failures_and_a_portfolio_multiplies_a_positive_member_by_the_probability(x64):
    space = jbo.Space(x=jbo.Real(0, 1))
    alone = jbo.bayesian(space, acquisition=jbo.expected_improvement(), num_initial=3)
    mixed = jbo.portfolio(jbo.expected_improvement(), jbo.expected_improvement(), num_initial=0)
    both = jbo.bayesian(space, acquisition=mixed, num_initial=3)
    asked = []
    for strategy in (alone, both):
        state = strategy.init(8)
        for x, y in ((0.1, 1.0), (0.5, 0.2), (0.8, 0.4), (0.6, np.nan)):
            state = strategy.tell(state, jnp.asarray([x]), jnp.asarray(y))
        x, info = jax.jit(lambda s, state: s.ask(jax.random.key(0), state))(strategy, state)
        asked.append((float(x[0]), float(info.value)))
    assert asked[1] == pytest.approx(asked[0], rel=1e-4)
