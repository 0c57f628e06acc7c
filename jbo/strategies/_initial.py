"""The initial design: the centre of the space, then a Sobol sequence, until the model has enough results."""

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
"""Minimum and maximum number of results of the default initial design: docs/research/initial_design.md."""


def design_point(
    key: Key[Array, ""], state: Trials, region: Region, belief: Belief | None = None
) -> tuple[Float[Array, " d"], Bool[Array, ""]]:
    """The next point of the initial design, and whether it is new and allowed.

    Args:
      key: The key of the search, the same at every `ask`: all points belong to one sequence.
      state: The table. Its number of trials is the index of the point.
      region: Region of the point.
      belief: Prior over the best point; None: no prior. The first point is the mode of the prior, and every second
        later point is sampled from the prior. The rest cover the whole space, so that the model can refute the prior.
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
    """True once ``num_results`` trials have ended, and two of them differ in an objective or a limit.

    Args:
      state: The table. NumPy arrays give a NumPy result.
      num_results: Number of results that a model needs.
    """
    is_ok, differs = state.status == OK, False
    for j in range(state.layout.num_objectives + state.layout.num_limits):
        column, is_there = state.y[:, j], is_ok & state.is_known[:, j]
        differs = differs | (is_there & (column != column[is_there.argmax()])).any()
    return ((is_ok | (state.status == FAILED)).sum() >= num_results) & differs


def design_size(encoding: Encoding, num_initial: int | Any) -> int:
    """Number of results of the initial design; by default the number of columns plus one, clipped to 5 to 7.

    Args:
      encoding: Columns of the space.
      num_initial: The user's number, an integer of at least 1; None: the default.

    Raises:
      ValueError: If ``num_initial`` is not an integer, or is below 1.
    """
    if num_initial is None:
        return min(_MOST_INITIAL, max(_LEAST_INITIAL, encoding.num_columns + 1))
    if not isinstance(num_initial, int | np.integer) or num_initial < 1:
        raise ValueError(f"num_initial: expected an integer of at least 1, got {num_initial!r}")
    return int(num_initial)
