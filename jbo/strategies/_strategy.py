"""Base class of all search strategies: ``init``, ``ask``, ``pend`` and ``tell`` over a table of trials."""

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from jbo import pareto
from jbo.checks import checked
from jbo.encoding import Encoding, snap
from jbo.region import Region
from jbo.strategies import _table
from jbo.types import ONE_VALUE, PENDING, Layout, Trials


class AskInfo(NamedTuple):
    """Diagnostics of a suggestion."""

    is_new: Bool[Array, ""]
    """False if no candidate was both new and allowed: nothing is left to try."""


@dataclass(frozen=True)
class Strategy(ABC):
    """A search method: a frozen dataclass registered as a pytree. Numbers are leaves, structure is static.

    Pass the same key to every `ask` of a search. The number of rows in the table is folded into it, so that each trial
    has its own random numbers. A suggestion depends only on the key and the table. A different key at each `ask` is
    allowed, but Sobol points are then no longer evenly spread.
    """

    encoding: Encoding
    """Columns of the space."""
    layout: Layout = field(default=ONE_VALUE, kw_only=True, metadata={"static": True})
    """Columns of values of the table; see `for_table`."""

    @property
    def num_initial(self) -> int:
        """Number of results of the initial design; 0 for strategies without one. Until then `ask` follows `design`."""
        return 0

    @property
    def learns_cost(self) -> bool:
        """True if the costs in the table change the suggestions."""
        return False

    def oriented(self, maximize: bool) -> Any:
        """The same strategy for the given direction of the objective; it matters only to strategies with a model.

        Args:
          maximize: True if the values of the table are the negative of the objective's.
        """
        del maximize
        return self

    def for_table(self, layout: Layout) -> Any:
        """The same strategy for a table with other columns of values.

        A strategy that supports neither limits nor several objectives treats a trial that breaks a limit as failed
        (`Trials.of_feasible`).

        Args:
          layout: Columns of the table.
        """
        return self if layout == self.layout else dataclasses.replace(self, layout=layout)

    def with_reference(self, reference: Any) -> Any:
        """The same strategy with a reference point for several objectives; itself if it has no use for one.

        Args:
          reference: Reference point in the sign of the table, ``[k]``; infinite for objectives without a reference.
        """
        del reference
        return self

    @checked
    def init(self, capacity: int, dtype: jnp.dtype | None = None) -> Trials:
        """A table without trials.

        Args:
          capacity: Number of rows, at least 1. Each trial takes one row, from `pend` or `tell` on.
          dtype: Floating type of the search; None: the default of JAX.

        Raises:
          TypeError: The capacity is not an integer.
          ValueError: The capacity is below 1.
        """
        if capacity < 1:
            raise ValueError(f"capacity: expected at least 1, got {capacity}")
        return _table.empty(capacity, self.encoding.num_columns, dtype, self.layout)

    @checked
    def ask(
        self, key: Key[Array, ""], state: Trials, q: int | None = None, *, fixed: Float[Array, " d"] | None = None
    ) -> tuple[Float[Array, "*q d"], Any]:
        """The next point, or the next ``q`` of them: the same as asking ``q`` times, each followed by `pend`.

        Args:
          key: The key of the search, the same at every `ask`.
          state: The table, with its pending trials.
          q: Number of points; None: one point, without a leading axis.
          fixed: The context: coordinates of the columns that the environment sets, NaN for searched columns. None: all
            columns are searched. The model learns from all contexts.

        Returns:
          Snapped points, and how they were found (with a leading axis if ``q`` is given).

        Raises:
          ValueError: If ``q`` is below 1. Outside of traced code: if the table has too few empty rows.
        """
        _table.require_room(state, 1 if q is None else q)
        region = Region(self.encoding, fixed)
        if q is None:
            return self.suggest(key, state, region)
        return _table.one_after_another(lambda state: self.suggest(key, state, region), self.pend, state, q)

    @abstractmethod
    def suggest(self, key: Key[Array, ""], state: Trials, region: Region) -> tuple[Float[Array, " d"], Any]:
        """One point; each strategy defines this method.

        Args:
          key: The key of the search.
          state: The table, with its pending trials.
          region: Region of the point.
        """

    @checked
    def design(
        self, key: Key[Array, ""], state: Trials, *, fixed: Float[Array, " d"] | None = None
    ) -> tuple[Float[Array, " d"], Any]:
        """A point of the initial design; the same as `ask` for strategies without a design."""
        return self.ask(key, state, fixed=fixed)

    @checked
    def pend(self, state: Trials, x: Float[Array, " d"]) -> Trials:
        """The table with a pending trial at ``x``, whose number is ``state.num_trials``.

        Args:
          state: The table. In traced code a full table is returned unchanged.
          x: A point of the cube.

        Raises:
          ValueError: If the table is full, outside of traced code.
        """
        return _table.add(state, snap(self.encoding, x), _table.entry_without_values(state, PENDING))

    @checked
    def tell(
        self, state: Trials, trial: Any, y: Any, *, is_known: Any = None, cost: Any = None, noise: Any = None
    ) -> Trials:
        """The table with the result of a pending trial, or of a new one.

        Args:
          state: The table. In traced code, if it is full or lacks the pending trial, it is returned unchanged.
          trial: Number of a pending trial, an integer; or the point of a new trial in the unit cube. Deprecated: the
            point of a pending trial, which then gets the result.
          y: Value of a single objective, lower is better, a scalar; or all columns of the table, ``[k]``. A limit holds
            if its column is at most 0. If an objective or a limit is not finite, the trial has failed.
          is_known: False for columns of ``y`` that were not measured, ``[k]``; None: all were measured.
          cost: Cost of the evaluation, a scalar above 0; None: unknown. The first cost adds a column to the table.
          noise: Standard deviation of the observation noise, at least 0, in units of ``y``, a scalar or ``[k]``; None:
            unknown. The first noise adds columns to the table.

        Raises:
          TypeError: If ``trial`` is neither an integer nor a point.
          ValueError: If a shape is wrong. Outside of traced code: if there is no row for the trial.
        """
        if cost is not None:
            state = state.with_cost()
        entry = _table.result(state, y, is_known, cost, noise)
        if _table.is_number(trial):
            return _table.fill(state, _table.pending_row(state, trial), entry)
        return _table.add_or_fill(state, snap(self.encoding, _table.point(state, trial)), entry)

    @checked
    def recommend(self, key: Key[Array, ""], state: Trials) -> Int[Array, ""]:
        """Row of the recommended trial; without a model, the trial with the minimum value.

        Only trials that may be best count (`Trials.may_be_best`).

        Args:
          key: The key of the search.
          state: The table.

        Raises:
          ValueError: The table has several objectives; see `recommend_front`.
        """
        if self.layout.num_objectives > 1:
            raise ValueError("recommend: expected one objective, got several; recommend_front gives the front")
        return jnp.argmin(jnp.where(state.may_be_best, state.value, jnp.inf)).astype(jnp.int32)

    @checked
    def recommend_front(self, key: Key[Array, ""], state: Trials) -> Bool[Array, " n"]:
        """True for the recommended trials; without a model, the Pareto front of the observed values.

        Only trials that may be best count (`Trials.may_be_best`).

        Args:
          key: The key of the search.
          state: The table.
        """
        return pareto.front(state.objectives, state.may_be_best)
