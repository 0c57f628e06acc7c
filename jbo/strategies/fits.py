"""The life of a fit: when a model is fitted again, where the fit begins, and how long it is kept."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Key

from jbo.linalg import largest_of_lanes
from jbo.numerics import choose, traced_once, zeros_of
from jbo.types import EMPTY, FAILED, OK, Trials


class Start(NamedTuple):
    """Where a fit begins."""

    is_known: Bool[Array, ""] | Bool[np.ndarray, ""]
    """False: it begins anew, whatever the parameters are."""
    params: Any
    """One set of the earlier fit."""


@dataclass(frozen=True)
class Schedule:
    """After how many results a model is fitted again, and which fits begin at the one before.

    A fit costs more than a suggestion, so from 32 results on it is kept for some of them. Most fits begin at the one
    before, which costs less. A study that is opened again has none at hand and has to find the same one: it makes all
    fits since one began anew, at most ``chain``. With 39 results the fit is to the first 38. It begins at that to 36,
    that begins at the fit to 34, that at the fit to 32, which begins anew; and so does the fit to 40.

    Statuses of NumPy give NumPy's arrays, traced ones give traced ones. The posterior always has all results; a
    schedule is about the hyperparameters. Failed trials count as results.
    """

    first: int | None = 32
    """Up to so many results every fit has all of them. Up to twice as many it is made after every second result, up to
    four times as many after every fourth, and so on: it lacks less than a sixteenth. None: it always has all."""
    least_of_start: int = 32
    """Results from which on a fit may begin at the one before: what an evaluation costs grows with their cube."""
    chain: int = 4
    """Every fit of this number begins anew, so that few fits have to be made where none is at hand."""

    def __post_init__(self):
        """Check the numbers: a fit has to be the same whether the ones before it are at hand or made again.

        Raises:
          ValueError: ``chain`` is below 1, ``first`` no positive multiple of twice of it, or ``least_of_start`` below a
            chain of fits.
        """
        if self.chain < 1:
            raise ValueError(f"chain: expected at least 1, got {self.chain}")
        if self.first is not None:
            # Where the lag doubles, a chain has to begin anew, or at a fit that began anew itself.
            steps = self.first // 2 % self.chain
            begins = steps == 0 or (steps == 1 and (self.first - 2) % self.chain == 0)
            if self.first < 2 or self.first % 2 or not begins:
                raise ValueError(f"first: expected None or a multiple of {2 * self.chain}, got {self.first}")
        least = self.chain * int(self.lag(np.asarray(self.least_of_start)))
        if self.least_of_start < least:
            raise ValueError(f"least_of_start: expected at least {least}, got {self.least_of_start}")

    def rows(self, status: Int[Array, " n"] | Int[np.ndarray, " n"]) -> Any:
        """True for the rows that a fit learns from: the first of those that have ended.

        Args:
          status: As in `Trials`.
        """
        is_told = (status == OK) | (status == FAILED)
        count = is_told.sum()
        return is_told & (is_told.cumsum() <= count - count % self.lag(count))

    def rows_before(self, status: Int[Array, " n"] | Int[np.ndarray, " n"]) -> Any:
        """True for the rows of the fit before, at which the fit to `rows` begins; none where that begins anew.

        Args:
          status: As in `Trials`.
        """
        is_fitted = self.rows(status)
        count = is_fitted.sum()
        return is_fitted & (is_fitted.cumsum() <= count - self.lag(count)) & (self.num_before(count) > 0)

    def lag(self, count: Any) -> Any:
        """Results between two fits.

        Args:
          count: Results.
        """
        if self.first is None:
            return 1
        # Whole numbers of the same kind in NumPy and in traced code.
        doublings = np.array([n for k in range(31) if (n := self.first * 2**k) < 2**31], np.int32)
        return 2 ** (count >= doublings).sum()

    def num_before(self, count: Any) -> Any:
        """How many fits come before the one to ``count`` results, counted from the last that began anew.

        Args:
          count: Results that are fitted to.
        """
        return count // self.lag(count) % self.chain * (count >= self.least_of_start).astype(count.dtype)


def fit_on_schedule(
    schedule: Schedule,
    fit: Callable[[Bool[Array, " n"], Any, Bool[Array, ""]], Any],
    anew: Any,
    status: Int[Array, " n"],
    start: Start | None,
) -> Any:
    """The fit to the rows that a schedule says; where the one before is not given, those before it are made first.

    Args:
      schedule: When to fit.
      fit: From rows, one set of parameters to begin at, and whether these are near, to parameters with a leading axis
        of sets, and how the fit went.
      anew: Parameters at which a fit begins that has none before.
      status: As in `Trials`.
      start: The fit before, if it is at hand; None: it is made here, three fits at most.
    """
    fit = traced_once(fit)
    rows = schedule.rows(status)
    if status.shape[0] <= schedule.least_of_start:
        return fit(rows, anew, jnp.asarray(False))
    count = jnp.sum(rows)
    lag, num_before = schedule.lag(count), schedule.num_before(count)
    known = Start(np.asarray(False), anew) if start is None else start
    is_known = jnp.asarray(known.is_known)
    begin = choose(is_known, known.params, anew)
    num_more = jnp.where(is_known, 0, num_before).astype(jnp.int32)

    def go_on(i: Int[Array, ""], model: Any) -> Any:
        params = choose(i == 0, begin, first_set(model))
        return fit(rows & (jnp.cumsum(rows) <= count - lag * (num_more - i)), params, (i > 0) | is_known)

    nothing = zeros_of(fit, rows, anew, is_known)
    return jax.lax.fori_loop(np.int32(0), num_more + 1, go_on, nothing)


def first_set(model: Any) -> Any:
    """The first hyperparameter set of a fit.

    Args:
      model: Parameters with a leading axis of sets, and how their fit went.
    """
    return jax.tree.map(lambda leaf: leaf[0], model[0])


class Held(NamedTuple):
    """A fit and what it was made from."""

    rows: Bool[Array, " n"]
    """Of the table, those that it learnt from; none: nothing is held."""
    model: Any
    """From `ModelStrategy.fit`."""


def nothing_held(strategy: Any, key: Key[Array, ""], state: Trials) -> Held:
    """What to begin with.

    Args:
      strategy: The `ModelStrategy` whose fits they are.
      key: The key of the search.
      state: The table.
    """
    return Held(jnp.zeros(state.status.shape, bool), zeros_of(strategy.fit, key, state))


def refit(strategy: Any, key: Key[Array, ""], state: Trials, held: Held) -> Held:
    """What `ModelStrategy.fit` gives for a table. Where its rows are those of the held fit, nothing is computed.

    Args:
      strategy: The `ModelStrategy` whose fits they are.
      key: The key of the search, the same as for ``held``.
      state: The table, in which the results of ``held`` stand as they did.
      held: The latest fit, from here or from `nothing_held`.
    """
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
