"""The table of trials as arrays: what a strategy sees of a study."""

import bisect
import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from jbo.numerics import lift, midpoint
from jbo.space import Space
from jbo.strategies import ModelStrategy
from jbo.study._trial import Trial
from jbo.surrogates import GP
from jbo.types import EMPTY, FAILED, OK, PENDING

_STATUS = {"ok": OK, "pending": PENDING, "failed": FAILED, "stopped": OK}
_CAPACITIES = sorted([2**k for k in range(6, 40)] + [3 * 2**k for k in range(5, 40)])
"""A program costs ten seconds to compile and less than two milliseconds to run up to the first of them."""


def capacity_for(num_rows: int) -> int:
    """Number of rows to make room for; a function of the rows needed that grows by at most half.

    Args:
      num_rows: Rows needed.

    Example:
      >>> [capacity_for(n) for n in (0, 64, 65, 97, 129, 193)]
      [64, 64, 96, 128, 192, 256]
    """
    return _CAPACITIES[bisect.bisect_left(_CAPACITIES, num_rows)]


class Rows(NamedTuple):
    """`jbo.types.Trials` on the host: NumPy arrays, fresh at each call."""

    x: np.ndarray
    """Points of the unit cube, float64."""
    y: np.ndarray
    """Values, lower is better, times `Table.exponent`'s power of two; 0 where ``status`` is not ``OK``."""
    status: np.ndarray
    """As in `jbo.types`, int32."""
    cost: np.ndarray | None = None
    """As in `jbo.types`."""
    noise: np.ndarray | None = None
    """As in `jbo.types`."""


def empty_rows(capacity: int, num_columns: int, has_cost: bool = False, has_noise: bool = False) -> Rows:
    """A table without trials.

    Args:
      capacity: Number of rows.
      num_columns: Of the encoding.
      has_cost: Whether there is a column for what the trials cost.
      has_noise: Whether there is one for the noise of their values.
    """
    return Rows(
        np.full((capacity, num_columns), 0.5),
        np.zeros(capacity),
        np.full(capacity, EMPTY, np.int32),
        np.zeros(capacity) if has_cost else None,
        np.zeros(capacity) if has_noise else None,
    )


def lifted(values: Sequence[float] | np.ndarray, exponent: int) -> np.ndarray:
    """Numbers times a power of two, those beyond the floating range at its end.

    Args:
      values: Finite numbers.
      exponent: Of the power.
    """
    with np.errstate(over="ignore"):
        return np.nan_to_num(np.ldexp(np.asarray(values, np.float64), exponent))


def with_noise(strategy: Any, exponent: int) -> Any:
    """The strategy for lifted values: a noise that its surrogate was told is multiplied by the same power of two.

    Args:
      strategy: Of a study.
      exponent: Of the power; 0 changes nothing.
    """
    surrogate = strategy.surrogate if isinstance(strategy, ModelStrategy) else None
    if not exponent or not isinstance(surrogate, GP) or surrogate.fixed_noise is None:
        return strategy
    noise = float(lifted([float(surrogate.fixed_noise)], exponent)[0])
    return dataclasses.replace(strategy, surrogate=dataclasses.replace(surrogate, fixed_noise=noise))


class Table:
    """The trials of a study by number, each with its point of the unit cube. A table never changes.

    Args:
      trials: By number.
      points: The point of each of them.
      num_columns: Of the encoding.
      maximize: True if higher values are better.
      has_cost: Whether the strategy learns what trials cost.
    """

    def __init__(
        self,
        trials: Sequence[Trial],
        points: Sequence[Float[np.ndarray, " d"]],
        *,
        num_columns: int,
        maximize: bool,
        has_cost: bool = False,
    ):
        self.trials, self.points = trials, points
        self._num_columns, self._maximize, self._has_cost = num_columns, maximize, has_cost
        self._sign = -1.0 if maximize else 1.0

    @classmethod
    def of(cls, trials: Sequence[Trial], space: Space, maximize: bool, has_cost: bool = False) -> "Table":
        """The table of trials whose points are not known yet.

        Args:
          trials: All trials of a study, by number.
          space: Where it searches.
          maximize: True if higher values are better.
          has_cost: Whether the strategy learns what trials cost.

        Raises:
          ValueError: A configuration is not of the space.
        """
        points = [space.encode(trial.config) for trial in trials]
        columns = space.encoding.num_columns
        return cls(trials, points, num_columns=columns, maximize=maximize, has_cost=has_cost)

    def with_trials(self, trials: Sequence[Trial], points: Sequence[Float[np.ndarray, " d"]]) -> "Table":
        """The table of the same study with other trials.

        Args:
          trials: By number.
          points: The point of each of them.
        """
        columns, maximize, has_cost = self._num_columns, self._maximize, self._has_cost
        return Table(trials, points, num_columns=columns, maximize=maximize, has_cost=has_cost)

    @property
    def num_distinct(self) -> int:
        """Different points in the table."""
        return len({x.tobytes() for x in self.points})

    def empty_rows(self, capacity: int) -> Rows:
        """Rows without trials, with the columns that `rows` has now.

        Args:
          capacity: How many.
        """
        has_noise = any(trial.noise is not None for trial in self.trials)
        return empty_rows(capacity, self._num_columns, self._has_cost, has_noise)

    def rows(self) -> Rows:
        """All rows, with room for one more at least; lower is better from here on."""
        num_rows = len(self.trials)
        rows = self.empty_rows(capacity_for(num_rows + 1))
        if num_rows:
            rows.x[:num_rows] = self.points
            losses = self._losses()
            rows.y[:num_rows] = lifted(losses, lift(losses))
            rows.status[:num_rows] = [_STATUS[t.status] for t in self.trials]
        if rows.cost is not None:
            rows.cost[:num_rows] = self._costs()
        if rows.noise is not None:
            rows.noise[:num_rows] = lifted([t.noise or 0.0 for t in self.trials], self.exponent)
        return rows

    def whole_rows(self) -> Rows:
        """`rows` without the trials that were stopped: those of which one may be recommended."""
        rows = self.rows()
        is_stopped = np.array([t.status == "stopped" for t in self.trials], bool)
        rows.status[: len(self.trials)][is_stopped] = EMPTY
        return rows

    @property
    def exponent(self) -> int:
        """Exponent of the power of two that the values and their noise are multiplied by, see `jbo.numerics.lift`."""
        return lift(self._losses())

    def _costs(self) -> list[float]:
        """What the trials cost, 0 where that is not known: what was told, or where nothing was told of any the seconds.

        The two are never mixed, since they may have different units. A trial that was told when it began, as a result
        of the user's own, took no time that anybody knows.
        """
        if any(trial.cost is not None for trial in self.trials):
            return [trial.cost or 0.0 for trial in self.trials]
        return [0.0 if t.ended_at is None else max(t.ended_at - t.started_at, 0.0) for t in self.trials]

    def _losses(self) -> list[float]:
        """What the trials count with, lower is better.

        Of a trial that was stopped only its last value is known, of less training than the others had: it is worse
        than most, so it counts with that value, but with no better one than the median of the whole trials that are
        numbered before it and no worse one than the worst of them. A row depends on those before it alone.
        """
        losses, whole = [], []
        for trial in self.trials:
            loss = 0.0
            if trial.value is not None:
                loss = self._sign * trial.value
                bisect.insort(whole, loss)
            elif trial.status == "stopped":
                loss = self._sign * list(trial.intermediate_values.values())[-1]
                if whole:
                    middle = midpoint(whole[(len(whole) - 1) // 2], whole[len(whole) // 2])
                    loss = min(max(loss, middle), whole[-1])
            losses.append(loss)
        return losses
