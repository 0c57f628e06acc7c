"""What the worth of a point is multiplied by, beside the acquisition: the chance of success, a belief, a cost."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from jbo.acquisitions import LogWeight
from jbo.belief import Belief
from jbo.knowledge import Knowledge
from jbo.pytrees import pytree
from jbo.types import OK, PENDING, Trials


class Weight(ABC):
    """A factor of the worth of a point that does not depend on the value to improve on.

    A subclass is a frozen dataclass registered by `jbo.pytree`, numbers as leaves. It defines `log_weight`; one that
    learns from the table defines `init` and `fit` too.
    """

    @property
    def learns_cost(self) -> bool:
        """True where `Trials.cost` changes the weight: a study then has that column, of seconds if nothing was told."""
        return False

    def init(self, num_columns: int, dtype: jnp.dtype) -> Any:
        """One set of parameters at which a fit begins; ``()`` where nothing is learnt.

        Args:
          num_columns: Columns of the space.
          dtype: Floating type of the search.
        """
        del num_columns, dtype
        return ()

    def fit(self, key: Key[Array, ""], state: Trials, start: Any, is_near: Bool[Array, ""]) -> Any:
        """The parameters given all trials of a table, with a leading axis of sets.

        Args:
          key: For a fit that draws.
          state: The table, without the rows that the fit does not learn from.
          start: One set at which the fit begins.
          is_near: True if it is that of the fit before.
        """
        del key, state, start, is_near
        return ()

    @abstractmethod
    def log_weight(self, params: Any, state: Trials, known: Knowledge) -> LogWeight | None:
        """The logarithm of the factor, as a function of a point; None: there is none for this table.

        Args:
          params: From `fit`.
          state: The table.
          known: What the model of the values knows.
        """


@pytree
@dataclass(frozen=True)
class Success(Weight):
    """The probability that a trial does not fail; see `Failures`."""

    def log_weight(self, params: Any, state: Trials, known: Knowledge) -> LogWeight:
        """The logarithm of the probability."""
        return known.failures.log_success


@pytree
@dataclass(frozen=True)
class Expected(Weight):
    r"""A power of a density that fades, :math:`\pi(x)^{\beta/n}` with :math:`n` results, pending trials among them.

    References:
      Hvarfner et al., piBO: Augmenting Acquisition Functions with User Beliefs for Bayesian Optimization, 2022, eq. 6.
    """

    belief: Belief
    """Where the best configuration is expected."""
    num_results: float | Float[Array, ""]
    """The number of results at which the belief counts as it stands."""

    def log_weight(self, params: Any, state: Trials, known: Knowledge) -> LogWeight:
        """The logarithm of the power."""
        count = jnp.maximum(jnp.sum((state.status == OK) | (state.status == PENDING)), 1)
        exponent = jnp.asarray(self.num_results, state.y.dtype) / count.astype(state.y.dtype)
        return lambda x: exponent * self.belief.log_density(x)
