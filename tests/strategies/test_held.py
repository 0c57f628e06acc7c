"""A fit that lasts from one ask to the next: the one that is made anew, for less."""

import jax
import jax.numpy as jnp
import numpy as np

from jbo import Real, Space, bayesian, random_search
from jbo.strategies._held import Held, nothing_held, refit

REALS = Space(a=Real(0.0, 1.0), b=Real(0.0, 1.0))
KEY = jax.random.key(3)


def loss(x):
    return (x[..., 0] - 0.3) ** 2 + 2 * (x[..., 1] - 0.6) ** 2


def test_a_fit_is_kept_until_it_learns_from_other_rows(x64, table):
    """`refit` gives what `Strategy.fit` gives; it begins at what is held where that is the fit before."""
    x = np.random.default_rng(1).random((38, 2))
    strategy = bayesian(REALS)

    def told(number):
        return table(x[:number], loss(x[:number]), capacity=40)

    step = jax.jit(lambda state, held: refit(strategy, KEY, state, held))
    fit = jax.jit(lambda state: strategy.fit(KEY, state))
    held = nothing_held(strategy, KEY, told(5))
    assert not held.rows.any() and held.model[0].log_noise_variance.shape == (1,)
    of_fit = {30: 30, 31: 31, 32: 32, 33: 32, 34: 34, 36: 36, 38: 38}
    for number in of_fit:
        held = step(told(number), held)
        assert held.rows.sum() == of_fit[number]
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), held.model[0], fit(told(number))[0])

    params, info = held.model
    other = Held(held.rows, (params._replace(log_lengthscale=params.log_lengthscale + 1), info))
    assert np.all(step(told(38), other).model[0].log_lengthscale == params.log_lengthscale + 1), "nothing is computed"
    nothing = nothing_held(strategy, KEY, told(5))
    begun, made = step(told(38), step(told(36), nothing)), step(told(38), nothing)
    assert begun.model[1].num_evaluations == made.model[1].num_evaluations
    moved = Held(step(told(36), nothing).rows, other.model)
    assert step(told(38), moved).model[1].num_evaluations != begun.model[1].num_evaluations, "it begins elsewhere"
    of_others = moved._replace(rows=moved.rows.at[0].set(False))
    jax.tree.map(np.testing.assert_array_equal, step(told(38), of_others).model, made.model)
    random = random_search(REALS)
    assert refit(random, KEY, told(5), nothing_held(random, KEY, told(5))).model is None


def test_lanes_whose_rows_differ_each_have_their_own_fit(x64, table):
    x = np.random.default_rng(1).random((2, 36, 2))
    strategy = bayesian(REALS)

    def told(i, number):
        return table(x[i, :number], loss(x[i, :number]), capacity=40)

    together = jax.tree.map(lambda a, b: jnp.stack([a, b]), told(0, 34), told(1, 9))
    again = jax.tree.map(lambda a, b: jnp.stack([a, b]), told(0, 35), told(1, 10))
    step = jax.jit(jax.vmap(lambda state, held: refit(strategy, KEY, state, held)))
    held = step(together, jax.vmap(lambda state: nothing_held(strategy, KEY, state))(together))
    before, held = held, step(again, held)
    same = jax.tree.map(lambda a, b: np.array_equal(a[0], b[0]), held.model, before.model)
    assert all(jax.tree.leaves(same)), "34 results of 35: to the bit"
    for i, number in enumerate((34, 10)):
        alone, _ = jax.jit(lambda state: strategy.fit(KEY, state))(told(i, number))
        mine = jax.tree.map(lambda leaf, i=i: leaf[i], held)
        assert mine.rows.sum() == number
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), mine.model[0], alone)
