"""Base class of strategies with a model, which is fitted on a schedule after an initial design."""

import dataclasses
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from jbo.checks import checked
from jbo.region import Region
from jbo.renamed import renamed_attribute
from jbo.strategies import _table
from jbo.strategies._initial import is_over
from jbo.strategies._strategy import Strategy
from jbo.strategies.fits import Schedule, WarmStart, first_sample, fit_on_schedule
from jbo.surrogates import Surrogate
from jbo.types import EMPTY, Trials


@dataclass(frozen=True)
class ModelStrategy(Strategy):
    """Base class of a strategy that suggests by a model after its initial design.

    A subclass defines `fit_to`, `design_at` and `suggest_by_model`. `jbo.Study` and `jbo.minimize` keep a fit as long
    as `rows_of_fit` does not change, and pass it as ``model``.
    """

    surrogate: Surrogate
    """The model of the values."""
    num_design: int = field(metadata={"static": True})
    """Number of results of the initial design."""
    schedule: Schedule = field(default=Schedule(), kw_only=True, metadata={"static": True})
    """When the model is fitted again."""

    @property
    def num_initial(self) -> int:
        """Number of results of the initial design."""
        return self.num_design

    @abstractmethod
    def fit_to(self, key: Key[Array, ""], state: Trials, start: Any, is_near: Bool[Array, ""]) -> tuple[Any, Any]:
        """Parameters fitted to all trials of a table, along a leading axis of samples, and diagnostics of the fit.

        Args:
          key: The key of the search.
          state: The table, without the rows that the fit does not use.
          start: Starting parameters, one hyperparameter sample.
          is_near: True for a warm start: ``start`` is from the previous fit. It is then the only start.
        """

    @abstractmethod
    def design_at(self, key: Key[Array, ""], state: Trials, region: Region) -> tuple[Float[Array, " d"], Any]:
        """A point of the initial design, and how it was found.

        Args:
          key: The key of the search.
          state: The table.
          region: Region of the point.
        """

    @abstractmethod
    def suggest_by_model(
        self, key: Key[Array, ""], state: Trials, region: Region, model: Any
    ) -> tuple[Float[Array, " d"], Any]:
        """One point, and how it was found.

        Args:
          key: The key of the search.
          state: The table, with its pending trials.
          region: Region of the point.
          model: From `fit`.
        """

    def has_enough(self, state: Trials) -> Any:
        """True once the initial design is over: enough trials have ended, and two of their values differ.

        Args:
          state: The table. NumPy arrays give a NumPy result.
        """
        return is_over(state, self.num_design)

    def first_params(self, dtype: jnp.dtype) -> Any:
        """Starting parameters of a cold fit, one hyperparameter sample.

        Args:
          dtype: Floating type of the search.
        """
        return self.surrogate.init(self.encoding.num_columns, dtype)

    def oriented(self, maximize: bool) -> Any:
        """The same strategy for the given direction of the objective, which monotone parameters depend on.

        Args:
          maximize: True if the values of the table are the negative of the objective's.
        """
        if not any(column.monotone for column in self.encoding.columns):
            return self
        encoding = dataclasses.replace(self.encoding, is_negated=maximize)
        return dataclasses.replace(self, surrogate=self.surrogate.bind(encoding))

    @checked
    def ask(
        self,
        key: Key[Array, ""],
        state: Trials,
        q: int | None = None,
        *,
        fixed: Float[Array, " d"] | None = None,
        model: Any = None,
    ) -> tuple[Float[Array, "*q d"], Any]:
        """The next point, or the next ``q`` of them; see `Strategy.ask`. A batch shares one fit.

        The initial design continues until ``num_initial`` trials have ended and two of their values differ. With a
        ``model``, the initial design is taken to be over.

        Args:
          key: The key of the search, the same at every `ask`.
          state: The table, with its pending trials.
          q: Number of points; None: one point, without a leading axis.
          fixed: The context, see `Strategy.ask`.
          model: The result of `fit` for this key and table; None: it is computed here.
        """
        _table.require_room(state, 1 if q is None else q)
        region = Region(self.encoding, fixed)

        def by_model() -> tuple[Float[Array, "q d"], Any]:
            fitted = self.fit(key, state) if model is None else model
            return self.suggest_batch(key, state, region, fitted, q or 1)

        def by_design() -> tuple[Float[Array, "q d"], Any]:
            return _table.one_after_another(lambda state: self.design_at(key, state, region), self.pend, state, q or 1)

        if model is not None:
            points, info = by_model()
        else:
            points, info = jax.lax.cond(self.has_enough(state), by_model, by_design)
        if q is None:
            return points[0], jax.tree.map(lambda leaf: leaf[0], info)
        return points, info

    def suggest(self, key: Key[Array, ""], state: Trials, region: Region) -> tuple[Float[Array, " d"], Any]:
        """Suggest one point."""
        return self.ask(key, state, fixed=region.fixed)

    def suggest_batch(
        self, key: Key[Array, ""], state: Trials, region: Region, model: Any, q: int
    ) -> tuple[Float[Array, "q d"], Any]:
        """Suggest several points by one fit, one after another with the earlier ones pending.

        Args:
          key: As in `suggest_by_model`.
          state: As in `suggest_by_model`.
          region: As in `suggest_by_model`.
          model: As in `suggest_by_model`.
          q: Number of points.
        """
        return _table.one_after_another(
            lambda state: self.suggest_by_model(key, state, region, model), self.pend, state, q
        )

    @checked
    def design(
        self, key: Key[Array, ""], state: Trials, *, fixed: Float[Array, " d"] | None = None
    ) -> tuple[Float[Array, " d"], Any]:
        """A point of the initial design; see `design_at`.

        Args:
          key: The key of the search.
          state: The table.
          fixed: The context, see `Strategy.ask`.
        """
        return self.design_at(key, state, Region(self.encoding, fixed))

    @checked
    def recommend(self, key: Key[Array, ""], state: Trials, *, model: Any = None) -> Int[Array, ""]:
        """Row of the recommended trial: the trial with the minimum value, unless a subclass uses its model.

        Args:
          key: The key of the search.
          state: The table.
          model: As in `ask`.
        """
        del model
        return Strategy.recommend(self, key, state)

    def rows_of_fit(self, status: Int[Array, " n"] | Int[np.ndarray, " n"]) -> Any:
        """True for the rows that `fit` uses; see `Schedule.rows_of_fit`. NumPy statuses give a NumPy result.

        Args:
          status: As in `Trials`.
        """
        return self.schedule.rows_of_fit(status)

    def rows_of_warm_start(self, status: Int[Array, " n"] | Int[np.ndarray, " n"]) -> Any:
        """True for the rows of the previous fit, from which the fit to `rows_of_fit` starts; all False for a cold fit.

        Args:
          status: As in `Trials`, for the rows that the fit uses. NumPy statuses give a NumPy result.
        """
        return self.schedule.rows_of_warm_start(status) if self.surrogate.uses_start else status < 0

    def warm_start(self, capacity: int, model: Any) -> WarmStart | None:
        """The warm start of a fit; None if every fit to a table of this capacity is cold.

        Args:
          capacity: Number of rows of the table.
          model: The fit to `rows_of_warm_start`; None: it is missing, or there are no such rows.
        """
        if capacity <= self.schedule.least_of_start or not self.surrogate.uses_start:
            return None
        if model is not None:
            return WarmStart(np.asarray(True), first_sample(model))
        like = jax.eval_shape(lambda: self.first_params(jnp.zeros(()).dtype))
        return WarmStart(np.asarray(False), jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), like))

    def fit(self, key: Key[Array, ""], state: Trials, start: WarmStart | None = None) -> Any:
        """Parameters fitted to `rows_of_fit`, and diagnostics of the fit: the ``model`` of `ask` and `recommend`.

        The result depends only on the key, the capacity, `rows_of_fit` and `rows_of_warm_start`, so it can be kept and
        used again. If the previous fit is missing, it is recomputed first, with its own warm starts: at most three
        fits.

        Args:
          key: The key of the search.
          state: The table.
          start: From `warm_start`. If it is None or lacks the previous fit, that fit is recomputed.
        """
        cold_start = self.first_params(state.x.dtype)

        def fit(rows: Bool[Array, " n"], params: Any, is_near: Bool[Array, ""]) -> tuple[Any, Any]:
            known = state._replace(status=jnp.where(rows, state.status, EMPTY))
            return self.fit_to(key, known, params, is_near)

        if not self.surrogate.uses_start:
            return fit(self.rows_of_fit(state.status), cold_start, jnp.asarray(False))
        return fit_on_schedule(self.schedule, fit, cold_start, state.status, start)

    rows_of_start = renamed_attribute("jbo.strategies.ModelStrategy", "rows_of_start", "rows_of_warm_start")
    start = renamed_attribute("jbo.strategies.ModelStrategy", "start", "warm_start")
