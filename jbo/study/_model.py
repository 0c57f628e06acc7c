"""Calls into the model: float64 on the CPU inside, plain NumPy and Python outside, the user's settings untouched."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jbo.constraint import OnHost
from jbo.space import Space
from jbo.strategies import Strategy
from jbo.study._table import Rows
from jbo.types import FAILED, OK, Trials

# At module level, the strategy an argument: a second study of the same structure compiles nothing.
_ask = jax.jit(lambda strategy, key, state, fixed: strategy.ask(key, state, fixed=fixed))
_design = jax.jit(lambda strategy, key, state, fixed: strategy.design(key, state, fixed=fixed))
_recommend = jax.jit(lambda strategy, key, state: strategy.recommend(key, state))


def with_host_constraint(strategy: Strategy, space: Space) -> Strategy:
    """The same strategy, its constraint called with Python values in place of traced ones.

    Args:
      strategy: Made for the space.
      space: Where the study searches.
    """
    constraint = None if space.constraint is None else OnHost(space, space.constraint)
    return dataclasses.replace(strategy, encoding=dataclasses.replace(strategy.encoding, constraint=constraint))


def suggest(
    strategy: Strategy, seed: int, rows: Rows, device: Any, fixed: Float[np.ndarray, " d"] | None = None
) -> tuple[Float[np.ndarray, " d"], bool]:
    """The next point of the unit cube, and whether it is new and allowed.

    Args:
      strategy: Folds the number of rows into the key, so the same key serves all trials of a study.
      seed: Of the study.
      rows: All trials so far; their number is the number of the trial asked for.
      device: Where to run; None is the CPU.
      fixed: Where the columns stand that the context gives, NaN for the others; None: there is no context.

    Raises:
      ValueError: The constraint raised an error, or gave no truth value.
    """
    # While the design lasts the same point comes from a program that is compiled in a tenth of the time.
    is_design = np.isin(rows.status, (OK, FAILED)).sum() < strategy.num_initial
    with _world(device):
        given = None if fixed is None else jnp.asarray(fixed)
        x, info = (_design if is_design else _ask)(strategy, _key(seed), _state(rows), given)
        result = np.array(x, np.float64), bool(info.is_new)
    constraint = strategy.encoding.constraint
    error = constraint.take_error() if isinstance(constraint, OnHost) else None
    if error is not None:
        raise error
    return result


def recommend(strategy: Strategy, seed: int, rows: Rows, device: Any) -> int:
    """Row of the trial with the best posterior mean.

    Args:
      strategy: Holds the model.
      seed: Of the study.
      rows: All trials so far, one of them succeeded at least.
      device: Where to run; None is the CPU.
    """
    with _world(device):
        return int(_recommend(strategy, _key(seed), _state(rows)))


def _key(seed: int) -> jax.Array:
    return jax.random.key(seed, impl="threefry2x32")  # by name: a user's default would change what a seed means


def _state(rows: Rows) -> Trials:
    return Trials(*(jnp.asarray(column) for column in rows))


@contextmanager
def _world(device: Any) -> Iterator[None]:
    with jax.enable_x64(True), jax.default_device(device or _cpu()):
        yield


def _cpu() -> Any:
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError:  # the user allows JAX other platforms only
        return None
