"""A strategy with a model: it is fitted on a schedule, and an initial design comes first."""

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
from jbo.strategies import _table
from jbo.strategies._initial import is_over
from jbo.strategies._strategy import Strategy
from jbo.strategies.fits import Schedule, Start, first_set, fit_on_schedule
from jbo.surrogates import Surrogate
from jbo.types import EMPTY, Trials


@dataclass(frozen=True)
class ModelStrategy(Strategy):
    """A strategy that asks by a model once its initial design is over.

    What differs between them is `fit_to`, `design_at` and `suggest_by_model`. `jbo.Study` and `jbo.minimize` keep a fit
    for as long as `rows_of_fit` are the same, and hand it over as ``model``.
    """

    surrogate: Surrogate
    """The model of the values."""
    num_design: int = field(metadata={"static": True})
    """Results before the model speaks."""
    schedule: Schedule = field(default=Schedule(), kw_only=True, metadata={"static": True})
    """When the model is fitted again."""

    @property
    def num_initial(self) -> int:
        """Results before the model speaks."""
        return self.num_design

    @abstractmethod
    def fit_to(self, key: Key[Array, ""], state: Trials, start: Any, is_near: Bool[Array, ""]) -> tuple[Any, Any]:
        """The parameters given all trials of a table, with a leading axis of sets, and how the fit went.

        Args:
          key: The key of the search.
          state: The table, without the rows that the fit does not learn from.
          start: One set of parameters at which the fit begins.
          is_near: True if it is that of the fit before: other starts are then not needed.
        """

    @abstractmethod
    def design_at(self, key: Key[Array, ""], state: Trials, region: Region) -> tuple[Float[Array, " d"], Any]:
        """A point of the initial design, and how it was found.

        Args:
          key: The key of the search.
          state: The table.
          region: Where the point may be.
        """

    @abstractmethod
    def suggest_by_model(
        self, key: Key[Array, ""], state: Trials, region: Region, model: Any
    ) -> tuple[Float[Array, " d"], Any]:
        """One point, and how it was found.

        Args:
          key: The key of the search.
          state: The table, pending trials in it.
          region: Where the point may be.
          model: From `fit`.
        """

    def has_enough(self, state: Trials) -> Any:
        """True once the initial design is over: enough trials have ended, and two of their values differ.

        Args:
          state: The table; one of NumPy's arrays is looked at by NumPy.
        """
        return is_over(state, self.num_design)

    def first_params(self, dtype: jnp.dtype) -> Any:
        """One set of parameters at which a fit begins that has none before.

        Args:
          dtype: Floating type of the search.
        """
        return self.surrogate.init(self.encoding.num_columns, dtype)

    def oriented(self, maximize: bool) -> Any:
        """The same strategy, whose surrogate knows which way a parameter raises or lowers what it sees.

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

        The initial design goes on until ``num_initial`` trials have ended and two of their values differ. Whoever gives
        a ``model`` says that it is over.

        Args:
          key: The key of the search, the same at every ask.
          state: The table, pending trials in it.
          q: How many points; None: one, without a leading axis.
          fixed: The context, see `Strategy.ask`.
          model: What `fit` gives for this key and table, if that is at hand; None: it is made here.
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
        """One point."""
        return self.ask(key, state, fixed=region.fixed)

    def suggest_batch(
        self, key: Key[Array, ""], state: Trials, region: Region, model: Any, q: int
    ) -> tuple[Float[Array, "q d"], Any]:
        """Several points by one model, each in the knowledge of those before it.

        Args:
          key: As in `suggest_by_model`.
          state: As in `suggest_by_model`.
          region: As in `suggest_by_model`.
          model: As in `suggest_by_model`.
          q: How many.
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
        """Row of the trial to use in the end; without more knowledge, that of the least value.

        Args:
          key: The key of the search.
          state: The table.
          model: As in `ask`.
        """
        del model
        return Strategy.recommend(self, key, state)

    def rows_of_fit(self, status: Int[Array, " n"] | Int[np.ndarray, " n"]) -> Any:
        """True for the rows that `fit` learns from, in NumPy for NumPy; see `Schedule.rows`.

        Args:
          status: As in `Trials`.
        """
        return self.schedule.rows(status)

    def rows_of_start(self, status: Int[Array, " n"] | Int[np.ndarray, " n"]) -> Any:
        """True for the rows of the fit before, at which the fit to `rows_of_fit` begins; no row where it begins anew.

        Args:
          status: As in `Trials`, of the rows that the fit learns from; NumPy's gives NumPy's.
        """
        return self.schedule.rows_before(status) if self.surrogate.uses_start else status < 0

    def start(self, capacity: int, model: Any) -> Start | None:
        """Where a fit begins; None if every fit to a table of this capacity begins anew.

        Args:
          capacity: Rows of the table.
          model: What `fit` gave for `rows_of_start`; None: it is not at hand, or there are none.
        """
        if capacity <= self.schedule.least_of_start or not self.surrogate.uses_start:
            return None
        if model is not None:
            return Start(np.asarray(True), first_set(model))
        like = jax.eval_shape(lambda: self.first_params(jnp.zeros(()).dtype))
        return Start(np.asarray(False), jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), like))

    def fit(self, key: Key[Array, ""], state: Trials, start: Start | None = None) -> Any:
        """What `ask` and `recommend` take as ``model``: parameters given `rows_of_fit`, and how the fit went.

        It depends on the key, the capacity, `rows_of_fit` and `rows_of_start` alone, so whoever keeps it spares fits.
        Without a ``start`` the fits that come before it are made here, one after another, three at most.

        Args:
          key: The key of the search.
          state: The table.
          start: From `start`; without the earlier fit, or None: it is made here.
        """
        anew = self.first_params(state.x.dtype)

        def fit(rows: Bool[Array, " n"], params: Any, is_near: Bool[Array, ""]) -> tuple[Any, Any]:
            known = state._replace(status=jnp.where(rows, state.status, EMPTY))
            return self.fit_to(key, known, params, is_near)

        if not self.surrogate.uses_start:
            return fit(self.rows_of_fit(state.status), anew, jnp.asarray(False))
        return fit_on_schedule(self.schedule, fit, anew, state.status, start)
