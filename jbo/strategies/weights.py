"""Weights, the factors of an acquisition: the probability of success and the user's prior.

Others are in `_classifier.py` (good trials), `_cost.py` (the cost) and `_limits.py` (limits on outcomes).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from jbo.acquisitions import LogWeight
from jbo.belief import Belief
from jbo.knowledge import Knowledge
from jbo.pytrees import pytree
from jbo.renamed import renamed
from jbo.types import OK, PENDING, Trials


class Weight(ABC):
    """A factor of the acquisition that does not depend on the incumbent.

    A subclass is a frozen dataclass registered by `jbo.pytree`, with numbers as leaves. It defines `log_weight`. A
    subclass that learns from the table defines `init` and `fit` as well.

    The initial design ignores weights; only `Bayesian.belief` guides it. A `jbo.trust_region` has no weights.
    """

    @property
    def learns_cost(self) -> bool:
        """True if the weight uses `Trials.cost`. A study then has that column, in seconds unless costs are given."""
        return False

    def init(self, num_columns: int, dtype: jnp.dtype) -> Any:
        """Starting parameters of a cold fit; ``()`` if the weight learns nothing.

        Args:
          num_columns: Columns of the space.
          dtype: Floating type of the search.
        """
        del num_columns, dtype
        return ()

    def fit(self, key: Key[Array, ""], state: Trials, start: Any, is_near: Bool[Array, ""]) -> Any:
        """Parameters fitted to all trials of a table, with a leading axis of hyperparameter samples.

        Args:
          key: Random key of the fit.
          state: The table, without the rows that the schedule of fits leaves out.
          start: Starting parameters, one hyperparameter sample.
          is_near: True for a warm start: ``start`` is from the previous fit.
        """
        del key, state, start, is_near
        return ()

    @abstractmethod
    def log_weight(self, params: Any, state: Trials, known: Knowledge) -> LogWeight | None:
        """The logarithm of the factor, as a function of a point; None: the factor is not used for this table.

        Args:
          params: From `fit`.
          state: The table.
          known: Posteriors of the values.
        """


@pytree
@dataclass(frozen=True)
class Success(Weight):
    """The probability that a trial does not fail; see `Failures`."""

    def log_weight(self, params: Any, state: Trials, known: Knowledge) -> LogWeight:
        """The logarithm of the probability, as a function of a point."""
        return known.failures.log_success


@pytree
@dataclass(frozen=True)
class BeliefWeight(Weight):
    r"""The user's prior over the best configuration, with an exponent that fades: :math:`\pi(x)^{\beta/n}`.

    Here :math:`n` is the number of successful and pending trials.

    References:
      Hvarfner et al., piBO: Augmenting Acquisition Functions with User Beliefs for Bayesian Optimization, 2022, eq. 6.
    """

    belief: Belief
    """Prior over the best configuration."""
    num_results: float | Float[Array, ""]
    """The number of results at which the exponent is 1."""

    def log_weight(self, params: Any, state: Trials, known: Knowledge) -> LogWeight:
        """The logarithm of the factor, as a function of a point."""
        count = jnp.maximum(jnp.sum((state.status == OK) | (state.status == PENDING)), 1)
        exponent = jnp.asarray(self.num_results, state.y.dtype) / count.astype(state.y.dtype)
        return lambda x: exponent * self.belief.log_density(x)


__getattr__ = renamed(__name__, {"Expected": ("jbo.strategies.BeliefWeight", BeliefWeight)})
