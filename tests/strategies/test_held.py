"""A fit that lasts from one ask to the next: the one that is made anew, for less."""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jbo
from jbo import Real, Space, bayesian, pytree, random_search
from jbo.strategies import AskInfo, Strategy
from jbo.strategies.fits import KeptFit, no_fit, refit
from jbo.surrogates import FitInfo
from jbo.types import OK
from tests.selection import some

REALS = Space(a=Real(0.0, 1.0), b=Real(0.0, 1.0))
KEY = jax.random.key(3)


def loss(x):
    return (x[..., 0] - 0.3) ** 2 + 2 * (x[..., 1] - 0.6) ** 2


def test_a_fit_is_kept_until_it_learns_from_other_rows(x64, table):
    """`refit` gives what `ModelStrategy.fit` gives; it begins at what is held where that is the fit before."""
    x = np.random.default_rng(1).random((38, 2))
    strategy = bayesian(REALS)

    def told(number):
        return table(x[:number], loss(x[:number]), capacity=40)

    step = jax.jit(lambda state, held: refit(strategy, KEY, state, held))
    fit = jax.jit(lambda state: strategy.fit(KEY, state))
    held = no_fit(strategy, KEY, told(5))
    assert not held.rows.any() and held.model[0].values.log_noise_variance.shape == (1,)
    of_fit = {30: 30, 31: 31, 32: 32, 33: 32, 34: 34, 36: 36, 38: 38}
    for number in of_fit:
        held = step(told(number), held)
        assert held.rows.sum() == of_fit[number]
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), held.model[0], fit(told(number))[0])

    params, info = held.model
    moved_scale = params.values.log_lengthscale + 1
    other = KeptFit(held.rows, (params._replace(values=params.values._replace(log_lengthscale=moved_scale)), info))
    assert np.all(step(told(38), other).model[0].values.log_lengthscale == moved_scale), "nothing is computed"
    nothing = no_fit(strategy, KEY, told(5))
    begun, made = step(told(38), step(told(36), nothing)), step(told(38), nothing)
    assert begun.model[1].num_evaluations == made.model[1].num_evaluations
    moved = KeptFit(step(told(36), nothing).rows, other.model)
    assert step(told(38), moved).model[1].num_evaluations != begun.model[1].num_evaluations, "it begins elsewhere"
    of_others = moved._replace(rows=moved.rows.at[0].set(False))
    jax.tree.map(np.testing.assert_array_equal, step(told(38), of_others).model, made.model)


@pytest.mark.thorough
def test_lanes_whose_rows_differ_each_have_their_own_fit(x64, table):
    x = np.random.default_rng(1).random((2, 36, 2))
    strategy = bayesian(REALS)

    def told(i, number):
        return table(x[i, :number], loss(x[i, :number]), capacity=40)

    together = jax.tree.map(lambda a, b: jnp.stack([a, b]), told(0, 34), told(1, 9))
    again = jax.tree.map(lambda a, b: jnp.stack([a, b]), told(0, 35), told(1, 10))
    step = jax.jit(jax.vmap(lambda state, held: refit(strategy, KEY, state, held)))
    held = step(together, jax.vmap(lambda state: no_fit(strategy, KEY, state))(together))
    before, held = held, step(again, held)
    same = jax.tree.map(lambda a, b: np.array_equal(a[0], b[0]), held.model, before.model)
    assert all(jax.tree.leaves(same)), "34 results of 35: to the bit"
    for i, number in enumerate((34, 10)):
        alone, _ = jax.jit(lambda state: strategy.fit(KEY, state))(told(i, number))
        mine = jax.tree.map(lambda leaf, i=i: leaf[i], held)
        assert mine.rows.sum() == number
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), mine.model[0], alone)


@pytree
@dataclass(frozen=True)
class Told:
    """What `Counting` believes: the same everywhere."""

    level: Any

    def noise_variance(self):
        return jnp.zeros_like(self.level)

    def predict(self, x):
        return jnp.full(x.shape[0], self.level), jnp.full(x.shape[0], jnp.ones_like(self.level))


@pytree
@dataclass(frozen=True)
class Counting:
    """A surrogate whose parameter is a whole number: of the fits since one began anew, and three.

    How its fit went says whether the start was said to be near.
    """

    is_smooth: ClassVar[bool] = True
    uses_start: ClassVar[bool] = True
    has_parameter: bool = dataclasses.field(default=True, metadata={"static": True})

    def bind(self, encoding):
        return self

    def init(self, num_columns, dtype):
        return (jnp.asarray(3, jnp.int32),) if self.has_parameter else ()

    def fit(self, key, data, start, is_near):
        info = FitInfo(is_near.astype(data.y.dtype), jnp.zeros((), jnp.int32), jnp.asarray(True))
        return jax.tree.map(lambda number: number[None] + 1, start), info

    def condition(self, params, data):
        return Told(jnp.zeros((), data.y.dtype))

    def predict(self, posterior, x):
        return posterior.predict(x)


@pytest.mark.thorough
def test_parameters_may_be_whole_numbers_or_none(table):
    """Not a number says nothing of an integer: where a fit begins is told by a flag."""
    x = np.random.default_rng(1).random((48, 2))
    strategy = bayesian(REALS, surrogate=Counting())
    fit, step = jax.jit(lambda s: strategy.fit(KEY, s)), jax.jit(lambda s, held: refit(strategy, KEY, s, held))
    held = no_fit(strategy, KEY, table(x[:5], loss(x[:5]), capacity=48))
    for number, expected in ((31, 4), (32, 4), (33, 4), (34, 5), (36, 6), (38, 7), (40, 4), (46, 7)):
        state = table(x[:number], loss(x[:number]), capacity=48)
        held = step(state, held)
        assert fit(state)[0].values[0] == held.model[0].values[0] == expected
        assert held.model[1].log_posterior == (expected != 4), "of the first in a chain the start is not near"
    for has_parameter in (True, False):
        strategy = bayesian(REALS, surrogate=Counting(has_parameter))
        with jbo.Study(REALS, strategy=strategy, seed=0) as study:
            for point in x[:40]:
                study.tell(REALS.decode(point), 0.1)
            study.tell({"a": 0.5, "b": 0.5}, 0.2)
            study.ask()
        jax.jit(lambda key, strategy: jbo.minimize(key, jbo.functions.branin, strategy, 34))(
            KEY, bayesian(jbo.functions.branin.space, surrogate=Counting(has_parameter))
        )


@pytree
@dataclass(frozen=True)
class ByTheMean(Strategy):
    """A model that no rows are said of: it is made at each ask."""

    def fit(self, key, state, start=None):
        return jnp.mean(state.x, where=(state.status == OK)[:, None])

    def suggest(self, key, state, region):
        mean = self.fit(key, state)
        number = jnp.sum(state.status == OK)
        return jnp.stack([0.05 + 0.9 * jnp.nan_to_num(mean), number / 9]), AskInfo(jnp.asarray(True))


@pytest.mark.thorough
def test_a_strategy_that_says_no_rows_is_asked_without_a_model(x64):
    problem = jbo.functions.branin
    strategy = ByTheMean(problem.space.encoding)
    run = jax.jit(lambda key: jbo.minimize(key, problem, strategy, 8))(KEY)
    state = strategy.init(8)
    for x in run.x:
        point, _ = strategy.ask(KEY, state)
        np.testing.assert_allclose(point, x, rtol=1e-12)
        state = strategy.tell(state, point, problem(problem.space.decode_traced(point)))
    assert len(np.unique(np.round(run.x[:, 0], 6))) == 8


@some("make", [random_search, jbo.parzen, bayesian, jbo.trust_region])
def test_a_whole_search_is_the_loop_of_ask_and_tell(make, x64):
    """Through results at which fits begin at the one before."""
    problem, num_steps = jbo.functions.branin, 37
    strategy = make(problem.space)
    run = jax.jit(lambda key: jbo.minimize(key, problem, strategy, num_steps))(KEY)
    ask = jax.jit(lambda state: strategy.ask(KEY, state))
    for number in (3, 20, 33, 36):
        status = jnp.where(jnp.arange(num_steps) < number, run.trials.status, 0)
        point, _ = ask(run.trials._replace(status=status))
        np.testing.assert_allclose(point, run.x[number], atol=1e-6)
