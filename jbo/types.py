"""Arrays of fixed capacity that carry a search: the table of trials and what a surrogate sees of it.

Axis names used in every signature: ``n`` rows (the capacity), ``m`` test points, ``d`` columns of the encoding,
``q`` points asked for at once, ``s`` hyperparameter sets or samples, ``r`` restarts.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jbo._pytree import pytree

EMPTY, OK, PENDING, FAILED = 0, 1, 2, 3


class Trials(NamedTuple):
    """The state of every strategy: one row a trial, in the order in which they were asked or told."""

    x: Float[Array, "n d"]
    """Snapped points of the unit-cube encoding."""
    y: Float[Array, " n"]
    """Objective values, lower is better; 0 where ``status`` is not ``OK``."""
    status: Int[Array, " n"]
    """``EMPTY``, ``OK``, ``PENDING`` or ``FAILED``."""
    cost: Float[Array, " n"] | None = None
    """What each trial cost, above 0, in any unit; 0 where that is not known. None: it is known of none."""
    noise: Float[Array, " n"] | None = None
    """Standard deviation of each value around the function, as far as it was told, in units of ``y``; 0 where nothing
    was. None: nothing was told of any."""


@pytree
@dataclass(frozen=True)
class Result:
    """What an objective may return in place of a number: the number, and what else is known of it."""

    value: Any
    """The objective's value."""
    cost: Any = None
    """What the evaluation cost, a positive number in any unit that is the same for all; None: nobody says."""
    noise: Any = None
    """Standard deviation of this one value around the true one, at least 0, in units of the value; None: nobody says.
    The Gaussian process adds what it infers from all values."""


@pytree
@dataclass(frozen=True)
class Dataset:
    """What a surrogate learns from. Rows that are not valid change nothing, whatever finite value they hold."""

    x: Float[Array, "n d"]
    """Inputs in ``[0, 1]^d``."""
    y: Float[Array, " n"]
    """Standardised values (mean 0, variance 1 over the valid rows), lower is better."""
    is_valid: Bool[Array, " n"]
    """True for rows that count."""
    y_scale: Float[Array, ""] = field(default_factory=lambda: jnp.ones(()))
    """How many units of the user's objective one unit of ``y`` is worth, near the best values."""
    noise_variance: Float[Array, " n"] | None = None
    """What is known of the variance of each observation around the function, in units of ``y``; the Gaussian process
    adds what it infers. None: nothing is known."""
    mean: Float[Array, " n"] | None = None
    """The model's mean at each row, where somebody has asked it already; None: whoever needs it has to ask."""


def is_taken(trials: Trials, x: Float[Array, " d"]) -> Bool[Array, " n"]:
    """True for the trials at ``x``, pending and failed ones among them.

    Args:
      trials: The table.
      x: A snapped point. Places of levels that two programs computed may differ in the last bits; they count as equal.
    """
    close = jnp.abs(trials.x - x[None, :]) <= 8 * jnp.finfo(trials.x.dtype).eps
    return (trials.status != EMPTY) & jnp.all(close, axis=1)
