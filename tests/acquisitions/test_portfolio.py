"""The portfolio: gains and choices against a loop in plain Python, and that the chosen member asks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from jbo import acquisitions
from jbo.acquisitions._portfolio import replay
from jbo.types import Dataset

from ..surrogates.problems import as_dataset, as_params, condition, random_params, smooth_data

CAPACITY, NUM_INITIAL = 24, 3
_replay = jax.jit(lambda data, rate: replay(data, 3, NUM_INITIAL, rate))


def by_hand(values, rate):
    """Exp3 as a loop; None is a row that does not count."""
    gains = np.zeros(3)

    def choice(row):
        weights = np.exp(rate * (gains - gains.max()))
        probability = 0.9 * weights / weights.sum() + 0.1 / 3
        place = (row * (5**0.5 - 1) / 2) % 1
        return probability, int(np.searchsorted(np.cumsum(probability)[:-1], place, side="right"))

    after = 0
    for row, value in enumerate(values):
        if value is None:
            continue
        after = row + 1
        if row >= NUM_INITIAL:
            probability, member = choice(row)
            gains[member] += norm.cdf(-value) / probability[member]
    return gains, choice(after)[1]


@given(st.lists(st.one_of(st.floats(-3, 3), st.none()), max_size=CAPACITY), st.sampled_from([0.0, 0.1, 2.0]))
def test_gains_and_choice_are_a_function_of_the_table(values, rate):
    padding = CAPACITY - len(values)
    with jax.enable_x64(True):
        y = jnp.asarray([v or 0.0 for v in values] + [9.0] * padding, jnp.float64)
        is_valid = jnp.asarray([v is not None for v in values] + [False] * padding)
        gains, member = _replay(Dataset(jnp.zeros((CAPACITY, 1)), y, is_valid), jnp.asarray(rate))
        gains, member = np.asarray(gains), int(member)
    expected, choice = by_hand(values, rate)
    np.testing.assert_allclose(gains, expected, rtol=1e-9)
    assert member == choice


def test_a_member_that_pays_asks_more_often():
    """Whenever the first member asked the value was good, else bad."""
    values, chosen = [0.0] * NUM_INITIAL, []
    for _ in range(40):
        member = by_hand(values, 0.3)[1]
        chosen.append(member)
        values.append(-2.0 if member == 0 else 2.0)
    assert chosen[20:].count(0) > 14 and len(set(chosen)) == 3


def test_the_chosen_member_asks(x64):
    x, y = smooth_data(15, 3)
    data = as_dataset(x, y, jnp.float64, CAPACITY)
    posterior = condition(as_params(random_params(3), jnp.float64), data)
    members = (acquisitions.EI(), acquisitions.UCB(1.0), acquisitions.PI())
    acquisition = acquisitions.portfolio(*members, num_initial=NUM_INITIAL)
    point = jnp.asarray([0.2, 0.7, 0.4])
    _, member = by_hand(list(y), 0.1)

    @jax.jit
    def value(acquisition, posterior, data):
        aux = acquisition.prepare(jax.random.key(0), posterior, data)
        return jax.value_and_grad(lambda p: acquisition.value(aux, posterior, p))(point)

    found, slope = value(acquisition, posterior, data)
    expected, _ = value(members[member], posterior, data)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert np.isfinite(slope).all() and np.abs(slope).max() > 0


def test_numbers_out_of_range_are_refused():
    with pytest.raises(ValueError, match="num_initial: expected at least 0, got -1"):
        acquisitions.portfolio(num_initial=-1)
    assert acquisitions.portfolio(num_initial=0).num_initial == 0
    assert len(acquisitions.portfolio().members) == 3
