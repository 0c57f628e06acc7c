"""What an evaluation costs: learnt from what the trials cost, or known."""

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
    """Base class of a weight that divides by what an evaluation costs."""


@pytree
@dataclass(frozen=True)
class LogCost:
    """Natural logarithm of what an evaluation costs, as a function of a point; made by `LearntCost.log_cost`."""

    posterior: Posterior
    """Of standardised log costs."""
    mean: Float[Array, ""]
    """Of the log costs."""
    deviation: Float[Array, ""]
    """Of the log costs."""

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
    r"""What an evaluation costs by a Gaussian process of its own, on the logarithm of what the trials cost.

    A cost is positive and its ratios are what counts, so its logarithm :math:`\ell(x)` is modelled. What divides the
    acquisition is :math:`\exp E[\ell(x)]`, the median of the cost. It is between the two other expectations that could
    be meant: :math:`E[c]` shuns places where the cost is not known, and :math:`1 / E[1/c]`, for the expected
    improvement per second of independent models, seeks them; each differs by the factor
    :math:`\exp(\pm \operatorname{var} \ell / 2)`. With the median, :math:`\log \mathrm{EI} - E[\ell]` is the
    expectation of the logarithm of improvement per cost.

    All trials that ended count whose cost is known, failed ones too: what they cost was spent.

    References:
      Snoek, Larochelle and Adams, Practical Bayesian Optimization of Machine Learning Algorithms, 2012, section 3.2,
      model the logarithm of the duration beside the objective and independent of it.
    """

    surrogate: GP
    """Over the columns of the space."""

    @property
    def learns_cost(self) -> bool:
        """True."""
        return True

    def init(self, num_columns: int, dtype: jnp.dtype) -> Any:
        """Where a fit begins if there is nothing better; see `Surrogate.init`."""
        return self.surrogate.init(num_columns, dtype)

    def fit(self, key: Key[Array, ""], state: Trials, start: Any, is_near: Bool[Array, ""]) -> Any:
        """Parameters given what the trials cost; see `Weight.fit`."""
        return self.surrogate.fit(key, _log_costs(state)[0], start, is_near)[0]

    def log_weight(self, params: Any, state: Trials, known: Knowledge) -> LogWeight:
        """The logarithm of one over the cost."""
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
    """What the model of the cost sees, and the mean and the deviation that were taken out."""
    rows = (state.status == OK) | (state.status == FAILED)
    costs = jnp.zeros_like(state.y[:, 0]) if state.cost is None else state.cost
    is_valid = rows & (costs > 0)
    logs = jnp.log(jnp.where(is_valid, costs, 1))
    y, mean, deviation = standardise(logs, is_valid)
    return Dataset(state.x, y, is_valid, deviation), mean, deviation


@pytree
@dataclass(frozen=True)
class KnownCost(CostWeight):
    """What an evaluation costs by a function of the config that the user knows."""

    space: Space = field(metadata={"static": True})
    """Decodes points."""
    function: Callable[[dict[str, Any]], Any] = field(metadata={"static": True})
    """From a config of traced scalars, as the objective of `jbo.minimize` gets it, to a number above 0."""

    def log_weight(self, params: Any, state: Trials, known: Knowledge) -> LogWeight:
        """The logarithm of one over the cost."""
        return lambda x: -self(x)

    def __call__(self, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Logarithm of the cost; infinite where the function gives no number above 0.

        Args:
          x: A point of the unit cube.

        Raises:
          ValueError: The function gives no scalar.
        """
        cost = jnp.asarray(self.function(self.space.decode_traced(x)))
        if cost.shape:
            raise ValueError(f"cost: expected a scalar, got a value of shape {cost.shape}")
        cost = cost.astype(x.dtype)
        is_cost = (cost > 0) & jnp.isfinite(cost)
        return jnp.where(is_cost, jnp.log(jnp.where(is_cost, cost, 1)), jnp.inf).astype(x.dtype)


def cost_of(cost: Any, space: Space, batch: Batch | None) -> LearntCost | KnownCost:
    """The user's word for what an evaluation costs, as a strategy has it.

    Args:
      cost: ``"seconds"``, or a function of the config.
      space: The search space.
      batch: The rule for batches.

    Raises:
      ValueError: ``cost`` is neither, or stands beside a rule that values a batch as a whole.
    """
    if isinstance(batch, JointBatch):
        raise ValueError(f"cost: expected no rule that values a batch as a whole beside it, got {batch!r}")
    if isinstance(cost, str) and cost == "seconds":
        return LearntCost(over_columns(space.encoding))
    if not callable(cost):
        raise ValueError(f"cost: expected 'seconds' or a function of the config, got {cost!r}")
    return KnownCost(space, cost)
