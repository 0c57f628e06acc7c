"""What every search strategy is: ``init``, ``ask``, ``pend`` and ``tell`` over a table of trials."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from jbo.checks import checked
from jbo.encoding import Encoding, snap
from jbo.region import Region
from jbo.strategies import _table
from jbo.types import FAILED, OK, PENDING, Trials


class AskInfo(NamedTuple):
    """How a suggestion was made."""

    is_new: Bool[Array, ""]
    """False if every point that was looked at is in the table already or not allowed: nothing is left to try."""


@dataclass(frozen=True)
class Strategy(ABC):
    """A way of searching; a frozen dataclass registered as a pytree whose numbers are leaves and structure is static.

    The one key of a search goes into every `ask`: the number of rows in the table is folded in, so that each trial has
    its own randomness and a suggestion is a function of the key and the table, of nothing else. A different key at each
    ask is allowed too; only the evenness of Sobol's points is lost by it.
    """

    encoding: Encoding
    """Columns of the space."""

    @property
    def num_initial(self) -> int:
        """Results before which `ask` follows `design`; 0 for strategies that have none."""
        return 0

    @property
    def learns_cost(self) -> bool:
        """True where the costs in the table change what is asked for."""
        return False

    def oriented(self, maximize: bool) -> Any:
        """The same strategy, told which way what it sees points; without a model that makes no difference.

        Args:
          maximize: True if the values of the table are the negative of the objective's.
        """
        del maximize
        return self

    @checked
    def init(self, capacity: int, dtype: jnp.dtype | None = None) -> Trials:
        """A table without trials.

        Args:
          capacity: Number of rows, at least 1. Each trial takes a row once it is pending or told.
          dtype: Floating type of the search; None: JAX's default one.

        Raises:
          TypeError: The capacity is no integer.
          ValueError: The capacity is below 1.
        """
        if capacity < 1:
            raise ValueError(f"capacity: expected at least 1, got {capacity}")
        return _table.empty(capacity, self.encoding.num_columns, dtype)

    @checked
    def ask(
        self, key: Key[Array, ""], state: Trials, q: int | None = None, *, fixed: Float[Array, " d"] | None = None
    ) -> tuple[Float[Array, "*q d"], Any]:
        """The next point, or the next ``q`` of them: the same as asking ``q`` times, each followed by `pend`.

        Args:
          key: The key of the search, the same at every ask.
          state: The table, pending trials in it.
          q: How many points; None: one, without a leading axis.
          fixed: The context: where the columns stand that the environment sets, NaN for those that are searched; None:
            all are. The model learns from all contexts.

        Returns:
          Snapped points, and how they were found (with a leading axis if there is a ``q``).

        Raises:
          ValueError: If ``q`` is below 1 or, outside of traced code, if the table has no room for the points.
        """
        _table.require_room(state, 1 if q is None else q)
        region = Region(self.encoding, fixed)
        if q is None:
            return self.suggest(key, state, region)
        return _table.one_after_another(lambda state: self.suggest(key, state, region), self.pend, state, q)

    @abstractmethod
    def suggest(self, key: Key[Array, ""], state: Trials, region: Region) -> tuple[Float[Array, " d"], Any]:
        """One point: what each strategy defines.

        Args:
          key: The key of the search.
          state: The table, pending trials in it.
          region: Where the point may be.
        """

    @checked
    def design(
        self, key: Key[Array, ""], state: Trials, *, fixed: Float[Array, " d"] | None = None
    ) -> tuple[Float[Array, " d"], Any]:
        """A point of the initial design; for strategies that have none, the same as `ask`."""
        return self.ask(key, state, fixed=fixed)

    @checked
    def pend(self, state: Trials, x: Float[Array, " d"]) -> Trials:
        """The table with a pending trial at ``x``.

        Args:
          state: The table; a full one is returned as it was in traced code.
          x: A point of the cube.

        Raises:
          ValueError: If the table is full, outside of traced code.
        """
        return _table.write(state, snap(self.encoding, x), jnp.zeros((), state.y.dtype), jnp.asarray(PENDING))

    @checked
    def tell(
        self, state: Trials, x: Float[Array, " d"], y: Float[Array, ""], *, cost: Any = None, noise: Any = None
    ) -> Trials:
        """The table with the result of a trial: of the first pending one at ``x``, or of a new one.

        Args:
          state: The table; a full one without that pending trial is returned as it was in traced code.
          x: A point of the cube.
          y: Value of the objective, lower is better; one that is not finite makes a failed trial.
          cost: What the evaluation cost, a scalar above 0; None: that is not known. The first one makes a column of the
            table.
          noise: Standard deviation of the value, a scalar of at least 0 in units of ``y``; None: nothing is known of
            it. The first one makes a column of the table.

        Raises:
          ValueError: If there is no row for the trial, outside of traced code.
        """
        y = jnp.asarray(y, state.y.dtype)
        status = jnp.where(jnp.isfinite(y), OK, FAILED)
        return _table.write(state, snap(self.encoding, x), y, status, cost, noise)

    @checked
    def recommend(self, key: Key[Array, ""], state: Trials) -> Int[Array, ""]:
        """Row of the trial to use in the end; without a model, that of the least value.

        Args:
          key: The key of the search.
          state: The table.
        """
        return jnp.argmin(jnp.where(state.status == OK, state.y, jnp.inf)).astype(jnp.int32)
