"""Where a search begins: the centre of the space, then Sobol's sequence, until a model has something to learn from."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from jbo import designs
from jbo.belief import Belief
from jbo.encoding import Encoding
from jbo.region import Region
from jbo.strategies import _table, streams
from jbo.types import FAILED, OK, Trials

_LEAST_INITIAL, _MOST_INITIAL = 5, 7
"""Results before the model speaks, whatever the number of columns: docs/research/initial_design.md."""


def design_point(
    key: Key[Array, ""], state: Trials, region: Region, belief: Belief | None = None
) -> tuple[Float[Array, " d"], Bool[Array, ""]]:
    """The next point of the initial design, and whether it is new and allowed.

    Args:
      key: The key of the search, the same at every ask: all points belong to one sequence.
      state: The table; its number of rows tells which point of the design is next.
      region: Where the point may be.
      belief: Where the best point is expected: there the design begins, and every second point of it is drawn there.
        The others are not: where the belief is wrong, the model has to see it.
    """
    row = state.num_trials
    d, dtype = region.encoding.num_columns, state.x.dtype
    sobol = designs.sobol_point(streams.stream(key, streams.DESIGN), jnp.maximum(row - 1, 0), d, dtype)
    first = jnp.full((d,), 0.5, dtype)
    if belief is not None:
        first, sobol = belief.mode(dtype), jnp.where(row % 2 == 1, belief.quantile(sobol), sobol)
    raw = jnp.where(row == 0, first, sobol)
    return _table.first_new(streams.stream(key, streams.DESIGN_NEW, row), region, state, raw)


def is_over(state: Trials, num_results: int) -> Any:
    """True once ``num_results`` trials have ended and two of them differ, in their value or in how far a limit is.

    Args:
      state: The table; one of NumPy's arrays is looked at by NumPy.
      num_results: How many results a model needs.
    """
    is_ok, differs = state.status == OK, False
    for j in range(state.layout.num_objectives + state.layout.num_limits):
        column, is_there = state.y[:, j], is_ok & state.is_known[:, j]
        differs = differs | (is_there & (column != column[is_there.argmax()])).any()
    return ((is_ok | (state.status == FAILED)).sum() >= num_results) & differs


def design_size(encoding: Encoding, num_initial: int | Any) -> int:
    """Number of results that a model needs: ``num_initial``, by default one more than columns, from 5 to 7.

    Args:
      encoding: Columns of the space.
      num_initial: The user's number, an integer of at least 1; None: the default.

    Raises:
      ValueError: If ``num_initial`` is no integer, or is below 1.
    """
    if num_initial is None:
        return min(_MOST_INITIAL, max(_LEAST_INITIAL, encoding.num_columns + 1))
    if not isinstance(num_initial, int | np.integer) or num_initial < 1:
        raise ValueError(f"num_initial: expected at least 1, an integer, got {num_initial!r}")
    return int(num_initial)
