"""The trials of a study as arrays, which a strategy takes as its table."""

import bisect
import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from jbo.numerics import lift, midpoint
from jbo.outcomes import Outcome, Outcomes, Role
from jbo.space import Space
from jbo.strategies import ModelStrategy, MultiObjective
from jbo.study._trial import Trial
from jbo.surrogates import GP
from jbo.types import ABANDONED, EMPTY, FAILED, OK, PENDING, Layout

_STATUS = {"ok": OK, "pending": PENDING, "failed": FAILED, "stopped": OK, "abandoned": ABANDONED}
_TINY = float(np.finfo(np.float64).tiny)
_CAPACITIES = sorted([2**k for k in range(6, 40)] + [3 * 2**k for k in range(5, 40)])
"""Capacities of tables. At the first one, a program compiles in ten seconds and runs in less than two milliseconds."""


def capacity_for(num_rows: int) -> int:
    """Capacity of a table: the smallest allowed number of rows that is enough. Each step grows it by at most half.

    Args:
      num_rows: Number of rows needed.

    Example:
      >>> [capacity_for(n) for n in (0, 64, 65, 97, 129, 193)]
      [64, 64, 96, 128, 192, 256]
    """
    return _CAPACITIES[bisect.bisect_left(_CAPACITIES, num_rows)]


class Rows(NamedTuple):
    """`jbo.types.Trials` as NumPy arrays, for the Python layer; new arrays at each call."""

    x: np.ndarray
    """Points of the unit cube, float64."""
    y: np.ndarray
    """Values in the columns of ``layout``, lower is better; objectives are multiplied by a power of two, see
    `Table.exponents`."""
    is_known: np.ndarray
    """As in `jbo.types`."""
    status: np.ndarray
    """As in `jbo.types`, int32."""
    trial: np.ndarray
    """As in `jbo.types`, int32."""
    noise: np.ndarray | None
    """As in `jbo.types`; the noise of objectives is multiplied by the same power of two."""
    layout: Layout
    """As in `jbo.types`."""


def empty_rows(capacity: int, num_columns: int, layout: Layout, has_noise: bool = False) -> Rows:
    """A table without trials.

    Args:
      capacity: Number of rows.
      num_columns: Columns of the encoding.
      layout: Columns of values.
      has_noise: True if the noise of values is known.
    """
    shape = capacity, layout.num_columns
    return Rows(
        x=np.full((capacity, num_columns), 0.5),
        y=np.zeros(shape),
        is_known=np.zeros(shape, bool),
        status=np.full(capacity, EMPTY, np.int32),
        trial=np.full(capacity, -1, np.int32),
        noise=np.zeros(shape) if has_noise else None,
        layout=layout,
    )


def rows_of_values(x: Any, values: Any, status: Any, cost: Any = None) -> Rows:
    """Rows of trials with a single objective, with room for at least one more.

    Args:
      x: Points of the unit cube, one row for each trial.
      values: Finite numbers, lower is better; ignored unless the status is ``OK``.
      status: As in `jbo.types`.
      cost: Cost of each trial, 0 if unknown; None: no column for the cost.
    """
    n, num_columns = np.shape(x)
    rows = empty_rows(capacity_for(n + 1), num_columns, Layout(has_cost=cost is not None))
    is_ok = np.asarray(status) == OK
    rows.x[:n], rows.status[:n], rows.trial[:n] = x, status, np.arange(n)
    rows.y[:n, 0], rows.is_known[:n, 0] = np.where(is_ok, values, 0.0), is_ok
    if cost is not None:
        rows.y[:n, 1], rows.is_known[:n, 1] = cost, np.asarray(cost) > 0
    return rows


def lifted(values: Sequence[float] | np.ndarray, exponent: int) -> np.ndarray:
    """Numbers multiplied by a power of two, clipped to the floating range.

    Args:
      values: Finite numbers.
      exponent: Exponent of the power.
    """
    with np.errstate(over="ignore"):
        return np.nan_to_num(np.ldexp(np.asarray(values, np.float64), exponent))


def with_noise(strategy: Any, exponent: int) -> Any:
    """The strategy for lifted values: a known noise of its surrogate is multiplied by the same power of two.

    Args:
      strategy: Strategy of a study.
      exponent: Exponent of the power; 0 changes nothing.
    """
    surrogate = strategy.surrogate if isinstance(strategy, ModelStrategy) else None
    if not exponent or not isinstance(surrogate, GP) or surrogate.fixed_noise is None:
        return strategy
    noise = float(lifted([float(surrogate.fixed_noise)], exponent)[0])
    return dataclasses.replace(strategy, surrogate=dataclasses.replace(surrogate, fixed_noise=noise))


def with_lift(strategy: Any, exponents: Sequence[int]) -> Any:
    """The strategy for lifted values of all objectives; see `with_noise`.

    Args:
      strategy: Strategy of a study.
      exponents: Exponent of the power of two for each objective.
    """
    if len(exponents) == 1:
        return with_noise(strategy, exponents[0])
    if not isinstance(strategy, MultiObjective) or not any(exponents):
        return strategy
    pairs = zip(strategy.reference, exponents, strict=True)
    # Infinity, which stands for a missing reference, stays.
    lift_one = [float(r) if np.isinf(r) else float(lifted([float(r)], exponent)[0]) for r, exponent in pairs]
    return strategy.with_reference(np.array(lift_one))


class Table:
    """The trials of a study in the order of their numbers, each with its point of the unit cube. A table never changes.

    Args:
      trials: Trials in the order of their numbers.
      points: Point of each trial.
      num_columns: Columns of the encoding.
      outcomes: Outcomes of the study.
      layout: Columns of values for the strategy.
    """

    def __init__(
        self,
        trials: Sequence[Trial],
        points: Sequence[Float[np.ndarray, " d"]],
        *,
        num_columns: int,
        outcomes: Outcomes,
        layout: Layout,
    ):
        self.trials, self.points = trials, points
        self._num_columns, self._outcomes, self._layout = num_columns, outcomes, layout

    @classmethod
    def of(cls, trials: Sequence[Trial], space: Space, outcomes: Outcomes, learns_cost: bool = False) -> "Table":
        """The table of trials; their points are computed here.

        Args:
          trials: All trials of a study, in the order of their numbers.
          space: The search space.
          outcomes: Outcomes of the study.
          learns_cost: True if the strategy uses the costs.

        Raises:
          ValueError: A configuration is not in the space.
        """
        points = [space.encode(trial.config) for trial in trials]
        num_columns = space.encoding.num_columns
        return cls(trials, points, num_columns=num_columns, outcomes=outcomes, layout=outcomes.layout_for(learns_cost))

    def with_trials(self, trials: Sequence[Trial], points: Sequence[Float[np.ndarray, " d"]]) -> "Table":
        """The table of the same study with other trials.

        Args:
          trials: Trials in the order of their numbers.
          points: Point of each trial.
        """
        outcomes, layout = self._outcomes, self._layout
        return Table(trials, points, num_columns=self._num_columns, outcomes=outcomes, layout=layout)

    def with_columns_for(self, learns_cost: bool) -> "Table":
        """The table of the same trials for another strategy.

        Args:
          learns_cost: True if the strategy uses the costs.
        """
        outcomes, layout = self._outcomes, self._outcomes.layout_for(learns_cost)
        return Table(self.trials, self.points, num_columns=self._num_columns, outcomes=outcomes, layout=layout)

    @property
    def num_distinct(self) -> int:
        """Number of different points in the table."""
        return len({x.tobytes() for x in self.points})

    def empty_rows(self, capacity: int) -> Rows:
        """Rows without trials, with the same columns as `rows`.

        Args:
          capacity: Number of rows.
        """
        has_noise = any(trial.noise is not None or trial.noises for trial in self.trials)
        return empty_rows(capacity, self._num_columns, self._layout, has_noise)

    def rows(self) -> Rows:
        """All rows, stopped trials included, with room for at least one more; lower is better from here on."""
        num_rows = len(self.trials)
        rows = self.empty_rows(capacity_for(num_rows + 1))
        if not num_rows:
            return rows
        rows.x[:num_rows] = self.points
        rows.status[:num_rows] = [_STATUS[t.status] for t in self.trials]
        rows.trial[:num_rows] = np.arange(num_rows)
        objectives, exponents = self._outcomes.objectives, self.exponents
        columns = [(self._losses(each), exponent) for each, exponent in zip(objectives, exponents, strict=True)]
        columns += [(self._excess(limit), 0) for limit in self._outcomes.limits]
        if self._layout.has_cost:
            columns.append((self._costs(), 0))
        for column, (values, exponent) in enumerate(columns):
            rows.is_known[:num_rows, column] = [value is not None for value in values]
            rows.y[:num_rows, column] = lifted([value or 0.0 for value in values], exponent)
        if rows.noise is not None:
            for column, outcome in enumerate(self._outcomes.columns):
                noises = [outcome.noise_to_table(self._noise(t, outcome)) for t in self.trials]
                rows.noise[:num_rows, column] = lifted(noises, [*exponents, *(0 for _ in columns)][column])
        return rows

    def rows_without_stopped(self) -> Rows:
        """A copy of `rows` with the rows of stopped trials empty, because a stopped trial may not be recommended."""
        rows = self.rows()
        is_stopped = np.array([t.status == "stopped" for t in self.trials], bool)
        rows.status[: len(self.trials)][is_stopped] = EMPTY
        rows.trial[: len(self.trials)][is_stopped] = -1
        rows.is_known[: len(self.trials)][is_stopped] = False
        return rows

    @property
    def exponents(self) -> list[int]:
        """For each objective, the exponent of the power of two that multiplies its values, noise and reference.

        See `jbo.numerics.lift`.
        """
        return [lift(loss for loss in self._losses(each) if loss is not None) for each in self._outcomes.objectives]

    @property
    def exponent(self) -> int:
        """The exponent of a single objective; see `exponents`.

        Raises:
          ValueError: The study has several objectives.
        """
        return lift(loss for loss in self._losses(self._outcomes.objective) if loss is not None)

    def _noise(self, trial: Trial, outcome: Outcome) -> float:
        """Known standard deviation of an outcome's noise, in the outcome's units; 0 if unknown."""
        is_one = outcome.role is Role.OBJECTIVE and not self._outcomes.has_several
        return (trial.noise if is_one else trial.noises.get(outcome.name)) or 0.0

    def _excess(self, limit: Outcome) -> list[float | None]:
        """Distance of each trial's value beyond a limit; None if the trial has failed or the value is missing."""
        values = [t.values.get(limit.name) if t.status in ("ok", "stopped") else None for t in self.trials]
        excess = [None if value is None else float(limit.to_table(value)) for value in values]
        # XLA treats subnormal numbers as 0, at which a limit holds.
        return [max(each, _TINY) if each is not None and each > 0 else each for each in excess]

    def _costs(self) -> list[float | None]:
        """The costs of the trials; None if unknown.

        These are the costs given to `Study.tell`. If no trial has such a cost, and there is no `jbo.Cost`, they are the
        durations in seconds. The two are never mixed, since their units may differ. A trial created by `Study.tell` for
        the user's own result has no known duration.
        """
        has_unit = self._outcomes.is_named and self._outcomes.cost is not None
        if has_unit or any(trial.cost is not None for trial in self.trials):
            costs = [trial.cost for trial in self.trials]
        else:
            costs = [None if t.ended_at is None else t.ended_at - t.started_at for t in self.trials]
        return [
            None if cost is None or cost <= 0 or trial.status == "abandoned" else cost
            for cost, trial in zip(costs, self.trials, strict=True)
        ]

    def _losses(self, objective: Outcome) -> list[float | None]:
        """The values of an objective that enter the model, lower is better; None if unknown.

        A stopped trial enters with its last value, clipped to lie between the median and the worst of the completed
        trials before it. Its last value comes from less training than the others had, and the trial is worse than most.
        A row depends only on the rows before it.
        """
        losses: list[float | None] = []
        completed: list[float] = []
        is_one = not self._outcomes.has_several
        for trial in self.trials:
            loss = None
            value = trial.value if is_one else trial.values.get(objective.name)
            if value is not None and (is_one or trial.status in ("ok", "stopped")):
                loss = float(objective.to_table(value))
                bisect.insort(completed, loss)
            elif trial.status == "stopped" and (is_one or trial.reported == objective.name):
                loss = float(objective.to_table(list(trial.intermediate_values.values())[-1]))
                if completed:
                    middle = midpoint(completed[(len(completed) - 1) // 2], completed[len(completed) // 2])
                    loss = min(max(loss, middle), completed[-1])
            losses.append(loss)
        return losses
