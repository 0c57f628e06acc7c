"""Weights that divide the acquisition by the cost of an evaluation, learnt from the trials or known."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from jbo.acquisitions import LogWeight
from jbo.batches import Batch, JointBatch
from jbo.knowledge import Knowledge
from jbo.pytrees import pytree
from jbo.space import Space
from jbo.strategies._limits import over_columns
from jbo.strategies._transform import standardise
from jbo.strategies.weights import Weight
from jbo.surrogates import GP, Posterior, mean_of
from jbo.types import FAILED, OK, Dataset, Trials


class CostWeight(Weight):
    """Base class of a weight that divides the acquisition by the cost of an evaluation."""


@pytree
@dataclass(frozen=True)
class LogCost:
    """Natural logarithm of the cost of an evaluation, as a function of a point; made by `LearntCost.log_cost`."""

    posterior: Posterior
    """Posterior of the standardised log costs."""
    mean: Float[Array, ""]
    """Mean of the log costs."""
    deviation: Float[Array, ""]
    """Standard deviation of the log costs."""

    def __call__(self, x: Float[Array, " d"]) -> Float[Array, ""]:
        """The posterior mean of the log cost.

        Args:
          x: A point of the unit cube.
        """
        mean = mean_of(self.posterior, x[None, :])
        return self.mean + self.deviation * mean[0]


@pytree
@dataclass(frozen=True)
class LearntCost(CostWeight):
    r"""A weight that divides by the cost of an evaluation, by a Gaussian process of the log cost.

    A cost is positive and its ratios matter, so its logarithm :math:`\ell(x)` is modelled. The acquisition is divided
    by the median of the cost, :math:`\exp E[\ell(x)]`. Two other expectations are possible. :math:`E[c]` avoids regions
    of unknown cost. :math:`1 / E[1/c]` gives the expected improvement per second of independent models, and prefers
    these regions. They differ from the median by the factors :math:`\exp(\pm \operatorname{var} \ell / 2)`. With the
    median, :math:`\log \mathrm{EI} - E[\ell]` is the expectation of the logarithm of improvement per cost.

    The model learns from all finished trials of known cost, including failed ones.

    References:
      Snoek, Larochelle and Adams, Practical Bayesian Optimization of Machine Learning Algorithms, 2012, section 3.2,
      model the logarithm of the duration, independently of the objective.
    """

    surrogate: GP
    """Model of the standardised log cost over the columns of the space."""

    @property
    def learns_cost(self) -> bool:
        """True: the costs in the table change the suggestions."""
        return True

    def init(self, num_columns: int, dtype: jnp.dtype) -> Any:
        """Starting parameters of a cold fit; see `Surrogate.init`."""
        return self.surrogate.init(num_columns, dtype)

    def fit(self, key: Key[Array, ""], state: Trials, start: Any, is_near: Bool[Array, ""]) -> Any:
        """Parameters fitted to the costs of the trials; see `Weight.fit`."""
        return self.surrogate.fit(key, _log_costs(state)[0], start, is_near)[0]

    def log_weight(self, params: Any, state: Trials, known: Knowledge) -> LogWeight:
        """The negative log cost, as a function of a point."""
        log_cost = self.log_cost(params, state)
        return lambda x: -log_cost(x)

    def log_cost(self, params: Any, state: Trials) -> LogCost:
        """The log cost as a function of a point.

        Args:
          params: From `fit`.
          state: The table.
        """
        data, mean, deviation = _log_costs(state)
        return LogCost(self.surrogate.condition(params, data), mean, deviation)


def _log_costs(state: Trials) -> tuple[Dataset, Float[Array, ""], Float[Array, ""]]:
    """Standardised log costs, and the mean and the standard deviation of the log costs."""
    rows = (state.status == OK) | (state.status == FAILED)
    costs = jnp.zeros_like(state.y[:, 0]) if state.cost is None else state.cost
    is_valid = rows & (costs > 0)
    logs = jnp.log(jnp.where(is_valid, costs, 1))
    y, mean, deviation = standardise(logs, is_valid)
    return Dataset(state.x, y, is_valid, deviation), mean, deviation


@pytree
@dataclass(frozen=True)
class KnownCost(CostWeight):
    """A weight that divides by the cost of an evaluation, given as the user's function of a config."""

    space: Space = field(metadata={"static": True})
    """Space that decodes points."""
    function: Callable[[dict[str, Any]], Any] = field(metadata={"static": True})
    """Function from a config of traced scalars, as in `jbo.minimize`, to a number above 0."""

    def log_weight(self, params: Any, state: Trials, known: Knowledge) -> LogWeight:
        """The negative log cost, as a function of a point."""
        return lambda x: -self(x)

    def __call__(self, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Logarithm of the cost; infinite if the function does not return a finite number above 0.

        Args:
          x: A point of the unit cube.

        Raises:
          ValueError: The function does not return a scalar.
        """
        cost = jnp.asarray(self.function(self.space.decode_traced(x)))
        if cost.shape:
            raise ValueError(f"cost: expected a scalar, got a value of shape {cost.shape}")
        cost = cost.astype(x.dtype)
        is_cost = (cost > 0) & jnp.isfinite(cost)
        return jnp.where(is_cost, jnp.log(jnp.where(is_cost, cost, 1)), jnp.inf).astype(x.dtype)


def cost_of(cost: Any, space: Space, batch: Batch | None) -> LearntCost | KnownCost:
    """The cost weight for the argument ``cost`` of `jbo.bayesian`.

    Args:
      cost: ``"seconds"``, or a function of the config.
      space: The search space.
      batch: The batch rule.

    Raises:
      ValueError: ``cost`` is neither, or is combined with a rule that values a batch as a whole.
    """
    if isinstance(batch, JointBatch):
        raise ValueError(f"cost: cannot be combined with a rule that values a batch as a whole, got batch={batch!r}")
    if isinstance(cost, str) and cost == "seconds":
        return LearntCost(over_columns(space.encoding))
    if not callable(cost):
        raise ValueError(f"cost: expected 'seconds' or a function of the config, got {cost!r}")
    return KnownCost(space, cost)
