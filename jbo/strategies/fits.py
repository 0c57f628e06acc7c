"""The schedule of fits: when a model is fitted again, where the fit starts, and how long it is kept."""

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
    """Starting point of a fit."""

    is_known: Bool[Array, ""] | Bool[np.ndarray, ""]
    """False: a cold start, whatever the parameters."""
    params: Any
    """One hyperparameter sample of the previous fit."""


@dataclass(frozen=True)
class Schedule:
    """After how many results a model is fitted again, and which fits have a warm start.

    A fit costs more than a suggestion. From 32 results on, several suggestions therefore share a fit. Most fits start
    from the previous fit, which makes them cheaper. A study that is opened again must find the same fit without the
    previous one. It recomputes all fits since the last cold one, at most ``chain``. With 39 results the fit uses the
    first 38. Its warm start is the fit to 36, whose warm start is the fit to 34, and so on. The fits to 32 and to 40
    are cold.

    NumPy statuses give NumPy arrays, traced ones give traced arrays. The posterior always uses all results; only the
    hyperparameters follow the schedule. Failed trials count as results.
    """

    first: int | None = 32
    """Up to this many results, the model is fitted after each one. Up to twice as many it is fitted after every second
    result, up to four times as many after every fourth, and so on. A fit thus misses less than one result in sixteen.
    None: always after each result."""
    least_of_start: int = 32
    """Number of results from which on a fit may have a warm start: a cold fit costs the cube of their number."""
    chain: int = 4
    """One in so many fits is cold, so that a reopened study recomputes few fits."""

    def __post_init__(self):
        """Check the numbers: a fit must be the same whether the previous fits were kept or recomputed.

        Raises:
          ValueError: ``chain`` is below 1, ``first`` no positive multiple of twice of it, or ``least_of_start`` below a
            chain of fits.
        """
        if self.chain < 1:
            raise ValueError(f"chain: expected at least 1, got {self.chain}")
        if self.first is not None:
            # If the lag doubles, the fit must be cold, or have a cold fit as its warm start.
            steps = self.first // 2 % self.chain
            begins = steps == 0 or (steps == 1 and (self.first - 2) % self.chain == 0)
            if self.first < 2 or self.first % 2 or not begins:
                raise ValueError(f"first: expected None or a multiple of {2 * self.chain}, got {self.first}")
        least = self.chain * int(self.lag(np.asarray(self.least_of_start)))
        if self.least_of_start < least:
            raise ValueError(f"least_of_start: expected at least {least}, got {self.least_of_start}")

    def rows(self, status: Int[Array, " n"] | Int[np.ndarray, " n"]) -> Any:
        """True for the rows that a fit uses: the first of the finished trials.

        Args:
          status: As in `Trials`.
        """
        is_told = (status == OK) | (status == FAILED)
        count = is_told.sum()
        return is_told & (is_told.cumsum() <= count - count % self.lag(count))

    def rows_before(self, status: Int[Array, " n"] | Int[np.ndarray, " n"]) -> Any:
        """True for the rows of the previous fit, the warm start of the fit to `rows`; all False for a cold fit.

        Args:
          status: As in `Trials`.
        """
        is_fitted = self.rows(status)
        count = is_fitted.sum()
        return is_fitted & (is_fitted.cumsum() <= count - self.lag(count)) & (self.num_before(count) > 0)

    def lag(self, count: Any) -> Any:
        """Number of results between two fits.

        Args:
          count: Number of results so far.
        """
        if self.first is None:
            return 1
        # The same integer dtype in NumPy and in traced code.
        doublings = np.array([n for k in range(31) if (n := self.first * 2**k) < 2**31], np.int32)
        return 2 ** (count >= doublings).sum()

    def num_before(self, count: Any) -> Any:
        """Number of fits before the fit to ``count`` results, from the last cold one on; 0 if the fit itself is cold.

        Args:
          count: Number of results of the fit.
        """
        return count // self.lag(count) % self.chain * (count >= self.least_of_start).astype(count.dtype)


def fit_on_schedule(
    schedule: Schedule,
    fit: Callable[[Bool[Array, " n"], Any, Bool[Array, ""]], Any],
    anew: Any,
    status: Int[Array, " n"],
    start: Start | None,
) -> Any:
    """The fit that a schedule prescribes. If the previous fit is missing, it is recomputed first.

    Args:
      schedule: When to fit.
      fit: Function of the rows, of starting parameters, and of whether these are a warm start. It returns parameters
        with a leading axis of hyperparameter samples, and diagnostics of the fit.
      anew: Starting parameters of a cold fit.
      status: As in `Trials`.
      start: The previous fit; None: it is recomputed here, which takes at most three fits.
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
    """The first hyperparameter sample of a fit.

    Args:
      model: Parameters with a leading axis of hyperparameter samples, and diagnostics of the fit.
    """
    return jax.tree.map(lambda leaf: leaf[0], model[0])


class Held(NamedTuple):
    """A kept fit and the rows that it used."""

    rows: Bool[Array, " n"]
    """True for the rows of the table that the fit used; all False: no fit is kept."""
    model: Any
    """Result of `ModelStrategy.fit`."""


def nothing_held(strategy: Any, key: Key[Array, ""], state: Trials) -> Held:
    """The initial value for `refit`: no fit is kept.

    Args:
      strategy: The `ModelStrategy` of the fits.
      key: The key of the search.
      state: The table.
    """
    return Held(jnp.zeros(state.status.shape, bool), zeros_of(strategy.fit, key, state))


def refit(strategy: Any, key: Key[Array, ""], state: Trials, held: Held) -> Held:
    """The result of `ModelStrategy.fit` for a table. If the kept fit used the same rows, it is returned unchanged.

    Args:
      strategy: The `ModelStrategy` of the fits.
      key: The key of the search, the same as for ``held``.
      state: The table, in which the results that ``held`` used have not changed.
      held: The latest fit, from this function or from `nothing_held`.
    """
    rows = strategy.rows_of_fit(state.status)
    of_start = strategy.rows_of_start(jnp.where(rows, state.status, EMPTY))
    start = strategy.start(state.status.shape[0], held.model)
    if start is not None:
        start = start._replace(is_known=jnp.any(of_start) & jnp.all(of_start == held.rows))

    # A loop with 0 or 1 rounds: under `jax.vmap` a `cond` would compute both branches.
    is_other = jnp.any(rows != held.rows)

    def fit(i: Int[Array, ""], model: Any) -> Any:
        # Without the barrier the compiler sees that the fit does not depend on the loop, and hoists the fit out of it.
        table, _ = jax.lax.optimization_barrier((state, i))
        made = strategy.fit(key, table, start)
        return jax.tree.map(lambda new, old: jnp.where(is_other, new, old), made, model)

    number = largest_of_lanes(is_other.astype(jnp.int32))
    return Held(rows, jax.lax.fori_loop(np.int32(0), number, fit, held.model))
