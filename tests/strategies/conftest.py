"""One compiled program a strategy method and structure, shared by the tests: the strategy is an argument."""

import jax
import numpy as np
import pytest

from jbo.types import EMPTY, OK, Trials

_ASK = jax.jit(lambda strategy, key, state: strategy.ask(key, state))
_ASK_BATCH = jax.jit(lambda strategy, key, state, q: strategy.ask(key, state, q), static_argnums=3)
_RECOMMEND = jax.jit(lambda strategy, key, state: strategy.recommend(key, state))
_TABLE = jax.jit(Trials.from_arrays)  # by itself a dozen programs for each shape
_PEND = jax.jit(lambda strategy, state, x: strategy.pend(state, x))


@pytest.fixture(scope="session")
def ask():
    """``ask(strategy, key, state[, q])``, compiled once for all strategies of one structure."""

    def ask(strategy, key, state, q=None):
        state = jax.tree.map(np.asarray, state)  # of one type each, whether it comes from `init` or from `pend`
        return _ASK(strategy, key, state) if q is None else _ASK_BATCH(strategy, key, state, q)

    ask.num_programs = _ASK._cache_size
    return ask


@pytest.fixture(scope="session")
def pend():
    return lambda strategy, state, x: _PEND(strategy, jax.tree.map(np.asarray, state), x)


@pytest.fixture(scope="session")
def recommend():
    return _RECOMMEND


@pytest.fixture(scope="session")
def table():
    """A table of given rows: ``table(x, y, status, capacity)``; x and garbage for the rows that are empty."""

    def table(x, y=None, status=None, capacity=None, dtype="float64", garbage=0.5):
        n, d = np.shape(x)
        capacity = n if capacity is None else capacity
        full_x, full_y = np.full((capacity, d), garbage, dtype), np.zeros(capacity, dtype)
        full_status = np.full(capacity, EMPTY, np.int32)
        full_x[:n], full_y[:n] = x, 0 if y is None else y
        full_status[:n] = OK if status is None else status
        return _TABLE(full_x, full_y, full_status)

    return table
