"""A weight of the user's own: what it learns, what it does to the worth of a point, and where a search then goes."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

import jbo
from jbo.region import Region
from jbo.strategies import Weight
from jbo.types import OK

from ..surrogates.smoother import Smoother, smoothed

SPACE = jbo.Space(a=jbo.Real(0.0, 1.0), b=jbo.Real(0.0, 1.0))
KEY = jax.random.key(3)


@jbo.pytree
@dataclass(frozen=True)
class Fading(Weight):
    """The weight falls on both sides of the middle of the trials, which it learns."""

    steepness: float = 4.0

    def init(self, num_columns, dtype):
        return jnp.zeros(num_columns, dtype)

    def fit(self, key, state, start, is_near):
        return jnp.mean(state.x, axis=0, where=(state.status == OK)[:, None])[None]

    def log_weight(self, params, state, known):
        return lambda x: -self.steepness * jnp.abs(x[0] - params[0, 0])


@jbo.pytree
@dataclass(frozen=True)
class Never(Weight):
    """Nothing is worth an evaluation beyond a border."""

    border: float

    def log_weight(self, params, state, known):
        return lambda x: jnp.where(x[0] > self.border, -jnp.inf, 0.0).astype(x.dtype)


class NotNow(Weight):
    """There is none for any table."""

    def log_weight(self, params, state, known):
        return None


def told(table, capacity=8):
    x = np.random.default_rng(0).random((6, 2))
    return x, table(x, 1 - x[:, 0] + (x[:, 1] - 0.5) ** 2, capacity=capacity)


def bayesian(*weights):
    return jbo.bayesian(SPACE, surrogate=Smoother(), acquisition=jbo.LCB(1.0), weights=weights)


def test_a_weight_that_learns_multiplies_what_is_promised(x64, table):
    x, state = told(table)
    strategy = bayesian(Fading(), jbo.pytree(dataclass(frozen=True)(NotNow))())
    at = np.random.default_rng(1).random((32, 2))

    @jax.jit
    def worth(state):
        params, _ = strategy.fit(KEY, state)
        known = strategy.know(params, state, Region(SPACE.encoding))
        return params, jax.vmap(strategy.worth(KEY, params, state, known))(jnp.asarray(at))

    params, value = worth(state)
    centre = x.mean(0)
    np.testing.assert_allclose(params.values[0], centre, rtol=1e-12)
    assert params.weights[0] == () == params.weights[2], "the chance of success learns nothing"
    np.testing.assert_allclose(params.weights[1][0], centre, rtol=1e-12)
    seen = np.asarray(strategy.dataset(state).y)[:6]
    least = smoothed(centre, x, seen, x)[0].min()
    mean, variance = smoothed(centre, x, seen, at)
    gain = least - (mean - np.sqrt(variance))
    assert (gain > 0).any() and (gain < 0).any()
    weight = np.exp(-4 * np.abs(at[:, 0] - centre[0]))
    np.testing.assert_allclose(value, np.where(gain > 0, gain * weight, gain) - least, rtol=1e-9)


def test_a_search_avoids_where_a_weight_is_nothing(x64, table, ask):
    """The best points are at the end that is forbidden; a number of the weight is data."""
    _, state = told(table)
    found = {border: ask(bayesian(Never(border)), KEY, state)[0] for border in (1.0, 0.4)}
    assert found[1.0][0] > 0.7 and found[0.4][0] <= 0.4
    programs = ask.num_programs()
    assert ask(bayesian(Never(0.2)), KEY, state)[0][0] <= 0.2 and ask.num_programs() == programs
