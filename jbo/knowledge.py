"""Knowledge for a suggestion: posteriors given the successful, the pending and the failed trials."""

import dataclasses
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jbo.numerics import choose, traced_once, zeros_of
from jbo.pytrees import pytree
from jbo.region import Region
from jbo.renamed import renamed_attribute
from jbo.surrogates import GP, GPPosterior, Posterior, Surrogate, mean_of
from jbo.types import FAILED, OK, PENDING, Dataset, Trials

_LOG_HALF = -0.6932
"""Logarithm of a little less than 1/2, the probability of meeting a limit whose mean is on the limit."""
_LEAST_SUCCESS = 1e-3
"""Minimum of the probability of success, because a failed trial may have been unlucky."""


@pytree
@dataclass(frozen=True)
class Failures:
    r"""A model of the probability that a trial fails.

    The surrogate of the values is conditioned on 1 at failed trials and 0 at successful trials. Its mean is the
    probability :math:`p(x)` of a failure; far from all trials it is 0, the mean of the prior. An acquisition is
    multiplied by the probability of success, :math:`1 - p(x)`.

    References:
      Gardner et al., Bayesian Optimization with Inequality Constraints, 2014, eq. 6, with a probability for each
      constraint; here only the violations of the constraint are observed.
    """

    posterior: Posterior
    """Posterior of the failure indicator (1: failed, 0: succeeded); arbitrary if no trial failed."""
    has_any: Bool[Array, ""]
    """True if a trial failed."""

    def log_success(self, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Logarithm of the probability that a trial succeeds, from log 0.001 to 0; 0 everywhere if no trial failed.

        Args:
          x: A point of the unit cube.
        """

        def of_model(x: Float[Array, " d"]) -> Float[Array, ""]:
            mean = mean_of(self.posterior, x[None, :])
            return jnp.log1p(-jnp.clip(mean[0], 0, 1 - _LEAST_SUCCESS)).astype(x.dtype)

        # The zero is computed from the point, so that it is on the same device under a mesh of devices.
        return jax.lax.cond(self.has_any, of_model, lambda x: 0 * x[0], x)


class Knowledge(NamedTuple):
    """What the model knows at a suggestion: posteriors and the trials that may be the incumbent; made by `learn`.

    | field | rows of the table that count |
    |---|---|
    | ``observed``, ``mean`` | successful trials, whether they meet the limits or not |
    | ``fantasised`` | the same; and pending, failed and valueless trials, each at its mean under ``observed`` |
    | ``failures`` | successful and failed trials |
    | ``feasible_data`` | successful trials that meet the limits |
    | ``feasible_data_with_pending`` | the same; and pending trials that probably do |

    A valueless trial is a successful trial without a value of the objective. The data sets hold the trials that may be
    the incumbent; they are not the data of the posteriors. So failed trials count in ``fantasised`` and in no data set.

    In a context, the inputs of all rows are moved to the context, and their values stay. The incumbent value is then
    the posterior mean for the same parameters in this context.
    """

    observed: Posterior
    """Posterior given the successful trials."""
    feasible_data: Dataset
    """Data set ``[n]`` whose valid rows are the successful trials that meet the limits."""
    fantasised: Posterior
    """Posterior given fantasised results as well (kriging believer): of pending, failed and valueless trials."""
    feasible_data_with_pending: Dataset
    """Data set ``[n]``: ``feasible_data``, and pending trials with their means as values."""
    is_pending: Bool[Array, " n"]
    """True for pending rows of the table."""
    mean: Float[Array, " n"]
    """Mean of ``observed`` at each row of the table."""
    failures: Failures
    """Model of the failures."""
    region: Region
    """Region of the suggestion."""
    limits: "Limits | None" = None
    """Feasibility of the rows; None: there are no limits."""

    @property
    def least_mean(self) -> Float[Array, ""]:
        """The minimum of ``mean`` over ``feasible_data_with_pending``; infinite if it has no valid rows.

        Pending trials count, so that a point near a pending trial is less attractive than before.
        """
        return jnp.min(jnp.where(self.feasible_data_with_pending.is_valid, self.mean, jnp.inf))

    @property
    def centre(self) -> Float[Array, " d"]:
        """The feasible trial with the minimum mean; without feasible trials, the one most probably feasible."""
        x, is_valid = self.feasible_data.x, self.feasible_data.is_valid
        if self.limits is None:
            return x[jnp.argmin(jnp.where(is_valid, self.mean, jnp.inf))]
        best = jnp.argmin(jnp.where(is_valid, self.mean, jnp.inf))
        return x[jnp.where(self.limits.has_feasible, best, jnp.argmax(self.limits.log_probability))]

    told = renamed_attribute("jbo.knowledge.Knowledge", "told", "observed")
    told_data = renamed_attribute("jbo.knowledge.Knowledge", "told_data", "feasible_data")
    believed = renamed_attribute("jbo.knowledge.Knowledge", "believed", "fantasised")
    believed_data = renamed_attribute("jbo.knowledge.Knowledge", "believed_data", "feasible_data_with_pending")


class Limits(NamedTuple):
    """Feasibility of the rows of a table: whether they meet all limits."""

    is_feasible: Bool[Array, " n"]
    """True for successful trials that meet all limits. For pending trials, and for all trials in a context: True if
    they probably do."""
    log_probability: Float[Array, " n"]
    """Log probability that a row meets all limits; ``-inf`` for rows that are neither successful nor pending."""
    has_feasible: Bool[Array, ""]
    """True if a trial with a value meets all limits."""


def limits_at(state: Trials, log_probability: Float[Array, " n"], is_moved: bool = False) -> Limits:
    """Feasibility of the rows of a table.

    Args:
      state: The table.
      log_probability: Log probability of meeting all limits at each row, by the model.
      is_moved: True if the rows were moved to a context. Measurements outside the context are then not certain.
    """
    is_pending = state.status == PENDING
    is_there = is_pending | (state.status == OK)
    is_probable = is_there & (log_probability > _LOG_HALF)
    is_feasible = is_probable if is_moved else jnp.where(is_pending, is_probable, state.is_feasible)
    return Limits(
        is_feasible=is_feasible,
        log_probability=jnp.where(is_there, log_probability, -jnp.inf),
        has_feasible=jnp.any(is_feasible & state.has_value),
    )


def learn(
    surrogate: Surrogate, params: Any, data: Dataset, state: Trials, region: Region, limits: Limits | None = None
) -> Knowledge:
    """Posteriors of a model given a table; see `Knowledge`.

    A trial that is pending, failed or without a value is fantasised at its posterior mean. For an exact Gaussian
    process this leaves the mean unchanged. It reduces the variance where a result is coming or nothing can be learnt.

    Args:
      surrogate: The model.
      params: Fitted parameters of the surrogate.
      data: The successful trials as the data of the surrogate, with a row for each row of the table.
      state: The table.
      region: Region of the next point, with its context.
      limits: From `limits_at`. A trial that does not meet the limits is not the incumbent. None: there are no limits.

    References:
      Ginsbourger, Le Riche and Carraro, Kriging Is Well-Suited to Parallelize Optimization, 2010, section 4.3
      (the kriging believer).
    """
    is_pending, is_failed = state.status == PENDING, state.status == FAILED
    is_valueless = (state.status == OK) & ~state.is_known[:, 0]
    is_fantasised = is_pending | is_failed | is_valueless

    def with_fantasies(mean: Float[Array, " n"]) -> Dataset:
        y = jnp.where(is_fantasised, mean, data.y)
        return dataclasses.replace(data, x=state.x, y=y, is_valid=data.is_valid | is_fantasised)

    def of_failures() -> Dataset:
        # The failure indicator has no noise, and is not compressed.
        noise = None if data.noise_variance is None else jnp.zeros_like(data.noise_variance)
        slope = None if data.slope is None else jnp.ones_like(data.slope)
        y, is_valid = is_failed.astype(data.y.dtype), data.is_valid | is_failed
        return dataclasses.replace(data, x=state.x, y=y, is_valid=is_valid, noise_variance=noise, slope=slope)

    def condition(rows: Dataset) -> Any:
        return surrogate.condition(params, rows)

    condition_all = _in_one_loop if isinstance(surrogate, GP) else _one_by_one
    observed, mean, fantasised, of_failure = condition_all(
        condition, data, with_fantasies, of_failures, is_fantasised, is_failed
    )
    is_exact = isinstance(observed, GPPosterior) and observed.is_exact
    x = state.x
    if region.fixed is not None:
        x = region.place(x)
    feasible_data = dataclasses.replace(data, x=x)
    with_pending = dataclasses.replace(with_fantasies(mean), x=x, is_valid=data.is_valid | is_pending)
    if region.fixed is not None:
        mean = mean_of(observed, x)
    if limits is not None:
        feasible_data = dataclasses.replace(feasible_data, is_valid=data.is_valid & limits.is_feasible)
        with_pending = dataclasses.replace(with_pending, is_valid=with_pending.is_valid & limits.is_feasible)
    if is_exact:
        # Only an exact GP keeps its mean when it is conditioned on that mean.
        with_pending = dataclasses.replace(with_pending, mean=mean)
    return Knowledge(
        observed=observed,
        feasible_data=feasible_data,
        fantasised=fantasised,
        feasible_data_with_pending=with_pending,
        is_pending=is_pending,
        mean=mean,
        failures=Failures(of_failure, jnp.any(is_failed)),
        region=region,
        limits=limits,
    )


def _one_by_one(
    condition: Any, data: Dataset, with_fantasies: Any, of_failures: Any, is_fantasised: Array, is_failed: Array
):
    """Three posteriors and the means at the rows: ``observed``, ``mean``, ``fantasised`` and that of the failures.

    A posterior without rows of its own equals ``observed``.
    """
    observed = condition(data)
    mean = mean_of(observed, data.x)
    fantasised = jax.lax.cond(jnp.any(is_fantasised), lambda: condition(with_fantasies(mean)), lambda: observed)
    of_failure = jax.lax.cond(jnp.any(is_failed), lambda: condition(of_failures()), lambda: observed)
    return observed, mean, fantasised, of_failure


def _in_one_loop(
    condition: Any, data: Dataset, with_fantasies: Any, of_failures: Any, is_fantasised: Array, is_failed: Array
):
    """The result of `_one_by_one`, with one factorisation in the program instead of three, which compiles faster.

    | round | conditions on | is left out |
    |---|---|---|
    | 0 | the successful trials: ``observed`` and ``mean`` | never |
    | 1 | pending, failed and valueless trials as well, at ``mean``: ``fantasised`` | if there are none |
    | 2 | the failure indicators of successful and failed trials | if no trial failed |

    Round 0 sets all results, so a posterior whose round is left out equals ``observed``. A failed trial is in round 1
    too, so with failures there are three rounds.
    """

    def step(i: Int[Array, ""], made: tuple[Any, Any, Any, Any]) -> tuple[Any, Any, Any, Any]:
        observed, mean, fantasised, of_failure = made
        rows = choose(i == 2, of_failures(), choose(i == 1, with_fantasies(mean), data))
        new, at_rows = conditioned(rows)
        first = i == 0
        observed, mean = choose(first, (new, at_rows), (observed, mean))
        return observed, mean, choose(i <= 1, new, fantasised), choose(first | (i == 2), new, of_failure)

    @traced_once
    def conditioned(rows: Dataset) -> tuple[Any, Float[Array, " n"]]:
        posterior = condition(rows)
        return posterior, mean_of(posterior, data.x)

    nothing, no_mean = zeros_of(conditioned, data)
    num_rounds = 1 + jnp.any(is_fantasised).astype(jnp.int32) + jnp.any(is_failed).astype(jnp.int32)
    return jax.lax.fori_loop(jnp.int32(0), num_rounds, step, (nothing, no_mean, nothing, nothing))
