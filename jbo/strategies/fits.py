"""The schedule of fits: when a model is fitted again, where the fit starts, and how long it is kept.

A fit uses some rows of the table, `Schedule.rows_of_fit`. A cold fit starts from scratch. Any other fit has a warm
start: the parameters of the previous fit, which used `Schedule.rows_of_warm_start`. A surrogate is told so by its
argument ``is_near``. `KeptFit` keeps the latest fit inside a traced search; `jbo.study.model.Fits` does so in a study.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Key

from jbo.linalg import largest_of_lanes
from jbo.numerics import choose, traced_once, zeros_of
from jbo.renamed import renamed_attribute
from jbo.types import EMPTY, FAILED, OK, Trials


class WarmStart(NamedTuple):
    """The starting point of a fit, if the previous fit is at hand."""

    is_known: Bool[Array, ""] | Bool[np.ndarray, ""]
    """False: the previous fit is missing, or there is none; the parameters are then not used."""
    params: Any
    """One hyperparameter sample of the previous fit."""


@dataclass(frozen=True)
class Schedule:
    """After how many results a model is fitted again, and which fits have a warm start.

    A fit costs more than a suggestion. From 32 results on, several suggestions therefore share a fit. Most fits start
    from the previous fit, which makes them cheaper. A study that is opened again must find the same fit without the
    previous one. It recomputes all fits since the last cold one, at most ``chain``.

    By default, 32 to 41 results give these fits:

    | results | rows of the fit | start |
    |---|---|---|
    | 32 or 33 | the first 32 | cold |
    | 34 or 35 | the first 34 | warm, the fit to 32 rows |
    | 36 or 37 | the first 36 | warm, the fit to 34 rows |
    | 38 or 39 | the first 38 | warm, the fit to 36 rows |
    | 40 or 41 | the first 40 | cold |

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
          ValueError: ``chain`` is below 1. ``first`` is below 2, or neither it nor ``first - 2`` is a multiple of
            ``2 * chain``. ``least_of_start`` is below the number of results in a chain of fits.
        """
        if self.chain < 1:
            raise ValueError(f"chain: expected at least 1, got {self.chain}")
        if self.first is not None:
            # Where the lag doubles, the fit must be cold, or start from a cold fit. The fit to ``first`` results is
            # cold if its number, ``first / 2``, is a multiple of the chain. It starts from the fit to ``first - 2``.
            num = 2 * self.chain
            if self.first < 2 or self.first % num not in (0, 2):
                raise ValueError(
                    f"first: expected None, or a number of at least 2 that is a multiple of {num}, or 2 more than one, "
                    f"got {self.first}"
                )
        least = self.chain * int(self.lag(np.asarray(self.least_of_start)))
        if self.least_of_start < least:
            raise ValueError(f"least_of_start: expected at least {least}, got {self.least_of_start}")

    def rows_of_fit(self, status: Int[Array, " n"] | Int[np.ndarray, " n"]) -> Any:
        """True for the rows that a fit uses: the first of the finished trials.

        Args:
          status: As in `Trials`.
        """
        has_ended = (status == OK) | (status == FAILED)
        count = has_ended.sum()
        return has_ended & (has_ended.cumsum() <= count - count % self.lag(count))

    def rows_of_warm_start(self, status: Int[Array, " n"] | Int[np.ndarray, " n"]) -> Any:
        """True for the rows of the previous fit, from which the fit to `rows_of_fit` starts; all False for a cold fit.

        Args:
          status: As in `Trials`.
        """
        is_fitted = self.rows_of_fit(status)
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

    rows = renamed_attribute("jbo.strategies.Schedule", "rows", "rows_of_fit")
    rows_before = renamed_attribute("jbo.strategies.Schedule", "rows_before", "rows_of_warm_start")


def fit_on_schedule(
    schedule: Schedule,
    fit: Callable[[Bool[Array, " n"], Any, Bool[Array, ""]], Any],
    cold_start: Any,
    status: Int[Array, " n"],
    warm_start: WarmStart | None,
) -> Any:
    """The fit that a schedule prescribes. If the previous fit is missing, it is recomputed first.

    Args:
      schedule: When to fit.
      fit: Function of the rows to use, of starting parameters, and of whether these are a warm start. It returns
        parameters with a leading axis of hyperparameter samples, and diagnostics of the fit.
      cold_start: Starting parameters of a cold fit.
      status: As in `Trials`.
      warm_start: The previous fit. None, or a previous fit that is not known: it is recomputed here, which takes at
        most three fits.
    """
    fit = traced_once(fit)
    rows = schedule.rows_of_fit(status)
    if status.shape[0] <= schedule.least_of_start:
        return fit(rows, cold_start, jnp.asarray(False))
    count = jnp.sum(rows)
    lag, num_before = schedule.lag(count), schedule.num_before(count)
    given = WarmStart(np.asarray(False), cold_start) if warm_start is None else warm_start
    is_given = jnp.asarray(given.is_known)
    first_start = choose(is_given, given.params, cold_start)
    num_more = jnp.where(is_given, 0, num_before).astype(jnp.int32)

    def go_on(i: Int[Array, ""], model: Any) -> Any:
        start = choose(i == 0, first_start, first_sample(model))
        return fit(rows & (jnp.cumsum(rows) <= count - lag * (num_more - i)), start, (i > 0) | is_given)

    nothing = zeros_of(fit, rows, cold_start, is_given)
    return jax.lax.fori_loop(np.int32(0), num_more + 1, go_on, nothing)


def first_sample(model: Any) -> Any:
    """The first hyperparameter sample of a fit.

    Args:
      model: Parameters with a leading axis of hyperparameter samples, and diagnostics of the fit.
    """
    return jax.tree.map(lambda leaf: leaf[0], model[0])


class KeptFit(NamedTuple):
    """A fit that a traced search keeps, and the rows that the fit used."""

    rows: Bool[Array, " n"]
    """True for the rows of the table that the fit used; all False: no fit is kept."""
    model: Any
    """Result of `ModelStrategy.fit`."""


def no_fit(strategy: Any, key: Key[Array, ""], state: Trials) -> KeptFit:
    """The initial value for `refit`: no fit is kept.

    Args:
      strategy: The `ModelStrategy` of the fits.
      key: The key of the search.
      state: The table.
    """
    return KeptFit(jnp.zeros(state.status.shape, bool), zeros_of(strategy.fit, key, state))


def refit(strategy: Any, key: Key[Array, ""], state: Trials, kept: KeptFit) -> KeptFit:
    """The result of `ModelStrategy.fit` for a table. If the kept fit used the same rows, it is returned unchanged.

    Args:
      strategy: The `ModelStrategy` of the fits.
      key: The key of the search, the same as for ``kept``.
      state: The table, in which the results that ``kept`` used have not changed.
      kept: The latest fit, from this function or from `no_fit`.
    """
    rows = strategy.rows_of_fit(state.status)
    rows_of_warm_start = strategy.rows_of_warm_start(jnp.where(rows, state.status, EMPTY))
    warm_start = strategy.warm_start(state.status.shape[0], kept.model)
    if warm_start is not None:
        is_kept = jnp.any(rows_of_warm_start) & jnp.all(rows_of_warm_start == kept.rows)
        warm_start = warm_start._replace(is_known=is_kept)

    # A loop with 0 or 1 rounds: under `jax.vmap` a `cond` would compute both branches.
    is_other = jnp.any(rows != kept.rows)

    def fit(i: Int[Array, ""], model: Any) -> Any:
        # Without the barrier the compiler sees that the fit does not depend on the loop, and hoists the fit out of it.
        table, _ = jax.lax.optimization_barrier((state, i))
        made = strategy.fit(key, table, warm_start)
        return jax.tree.map(lambda new, old: jnp.where(is_other, new, old), made, model)

    number = largest_of_lanes(is_other.astype(jnp.int32))
    return KeptFit(rows, jax.lax.fori_loop(np.int32(0), number, fit, kept.model))
