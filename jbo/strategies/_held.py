"""A fit that lasts from one ask to the next."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Key

from jbo.linalg import largest_of_lanes
from jbo.strategies._strategy import Strategy
from jbo.types import EMPTY, OK, Trials


class Held(NamedTuple):
    """A fit and what it was made from."""

    rows: Bool[Array, " n"]
    """Of the table, those that it learnt from; none: nothing is held."""
    model: Any
    """From `Strategy.fit`; None for strategies without one."""


def nothing_held(strategy: Strategy, key: Key[Array, ""], state: Trials) -> Held:
    """What to begin with.

    Args:
      strategy: Whose fits they are.
      key: The key of the search.
      state: The table.
    """
    is_fitted = strategy.rows_of_fit(np.full(state.status.shape, OK)).any()
    like = jax.eval_shape(strategy.fit, key, state) if is_fitted else None
    return Held(jnp.zeros(state.status.shape, bool), jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), like))


def refit(strategy: Strategy, key: Key[Array, ""], state: Trials, held: Held) -> Held:
    """What `Strategy.fit` gives for a table; where its rows are those of the fit that is held, nothing is computed.

    Args:
      strategy: Whose fits they are.
      key: The key of the search, the same as for ``held``.
      state: The table, in which the results of ``held`` stand as they did.
      held: The latest fit, from here or from `nothing_held`.
    """
    if held.model is None:
        return held
    rows = strategy.rows_of_fit(state.status)
    of_start = strategy.rows_of_start(jnp.where(rows, state.status, EMPTY))
    start = strategy.start(state.status.shape[0], held.model)
    if start is not None:
        start = start._replace(is_known=jnp.any(of_start) & jnp.all(of_start == held.rows))

    # Under `jax.vmap` a condition would pay for both of its branches, and this loop ends before it begins.
    is_other = jnp.any(rows != held.rows)

    def fit(i: Int[Array, ""], model: Any) -> Any:
        # Else the compiler sees that nothing here depends on the loop, and fits before it.
        table, _ = jax.lax.optimization_barrier((state, i))
        made = strategy.fit(key, table, start)
        return jax.tree.map(lambda new, old: jnp.where(is_other, new, old), made, model)

    number = largest_of_lanes(is_other.astype(jnp.int32))
    return Held(rows, jax.lax.fori_loop(np.int32(0), number, fit, held.model))
