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
    """Posteriors for a suggestion, with and without fantasised results of pending trials; made by `learn`.

    In a context, the inputs of all rows are moved to the context, and their values stay. The incumbent value is then
    the posterior mean for the same parameters in this context.
    """

    told: Posterior
    """Posterior given the successful trials."""
    told_data: Dataset
    """The successful and feasible trials."""
    believed: Posterior
    """Posterior given pending and failed trials as well, fantasised at their posterior means (kriging believer)."""
    believed_data: Dataset
    """The successful trials, and pending trials at their posterior means. Failed and infeasible trials are left out,
    because they cannot be the incumbent."""
    is_pending: Bool[Array, " n"]
    """True for pending rows of the data."""
    mean: Float[Array, " n"]
    """Posterior mean of ``told`` at each row of the table."""
    failures: Failures
    """Model of the failures."""
    region: Region
    """Region of the suggestion."""
    limits: "Limits | None" = None
    """Feasibility of the rows; None: there are no limits."""

    @property
    def least_mean(self) -> Float[Array, ""]:
        """The minimum posterior mean of feasible and pending trials; infinite if there are none.

        Pending trials count, so that a point near a pending trial is less attractive than before.
        """
        return jnp.min(jnp.where(self.believed_data.is_valid, self.mean, jnp.inf))

    @property
    def centre(self) -> Float[Array, " d"]:
        """The feasible trial with the minimum mean; without feasible trials, the one most probably feasible."""
        x, is_valid = self.told_data.x, self.told_data.is_valid
        if self.limits is None:
            return x[jnp.argmin(jnp.where(is_valid, self.mean, jnp.inf))]
        best = jnp.argmin(jnp.where(is_valid, self.mean, jnp.inf))
        return x[jnp.where(self.limits.has_feasible, best, jnp.argmax(self.limits.log_probability))]


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

    A trial that is pending, failed or without a value is fantasised at its posterior mean. This leaves the mean
    unchanged, and reduces the variance where a result is coming or where nothing can be learnt.

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
    has_no_value = (state.status == OK) & ~state.is_known[:, 0]
    is_believed = is_pending | is_failed | has_no_value

    def believing(mean: Float[Array, " n"]) -> Dataset:
        y = jnp.where(is_believed, mean, data.y)
        return dataclasses.replace(data, x=state.x, y=y, is_valid=data.is_valid | is_believed)

    def of_failures() -> Dataset:
        # The failure indicator has no noise, and is not compressed.
        noise = None if data.noise_variance is None else jnp.zeros_like(data.noise_variance)
        slope = None if data.slope is None else jnp.ones_like(data.slope)
        y, is_valid = is_failed.astype(data.y.dtype), data.is_valid | is_failed
        return dataclasses.replace(data, x=state.x, y=y, is_valid=is_valid, noise_variance=noise, slope=slope)

    def condition(rows: Dataset) -> Any:
        return surrogate.condition(params, rows)

    condition_all = _in_one_loop if isinstance(surrogate, GP) else _one_by_one
    told, mean, believed, failed = condition_all(condition, data, believing, of_failures, is_believed, is_failed)
    is_exact = isinstance(told, GPPosterior) and told.is_exact
    x = state.x
    if region.fixed is not None:
        x = region.place(x)
    believed_data = dataclasses.replace(believing(mean), x=x, is_valid=data.is_valid | is_pending)
    if region.fixed is not None:
        mean = mean_of(told, x)
    if limits is not None:
        believed_data = dataclasses.replace(believed_data, is_valid=believed_data.is_valid & limits.is_feasible)
    if is_exact:
        # Only an exact GP keeps its mean when it is conditioned on that mean.
        believed_data = dataclasses.replace(believed_data, mean=mean)
    return Knowledge(
        told=told,
        told_data=dataclasses.replace(
            data, x=x, is_valid=data.is_valid if limits is None else data.is_valid & limits.is_feasible
        ),
        believed=believed,
        believed_data=believed_data,
        is_pending=is_pending,
        mean=mean,
        failures=Failures(failed, jnp.any(is_failed)),
        region=region,
        limits=limits,
    )


def _one_by_one(condition: Any, data: Dataset, believing: Any, of_failures: Any, is_believed: Array, is_failed: Array):
    """The three posteriors, and the mean at the rows. A posterior without further rows equals the first."""
    told = condition(data)
    mean = mean_of(told, data.x)
    believed = jax.lax.cond(jnp.any(is_believed), lambda: condition(believing(mean)), lambda: told)
    failed = jax.lax.cond(jnp.any(is_failed), lambda: condition(of_failures()), lambda: told)
    return told, mean, believed, failed


def _in_one_loop(condition: Any, data: Dataset, believing: Any, of_failures: Any, is_believed: Array, is_failed: Array):
    """The result of `_one_by_one`, with one factorisation in the program instead of three, which compiles faster."""

    def step(i: Int[Array, ""], made: tuple[Any, Any, Any, Any]) -> tuple[Any, Any, Any, Any]:
        told, mean, believed, failed = made
        rows = choose(i == 2, of_failures(), choose(i == 1, believing(mean), data))
        new, at_rows = conditioned(rows)
        # Round 0 conditions on the successful trials, round 1 on pending and failed trials as well, and round 2 on the
        # failure indicators. Failed trials are in round 1, so with failures there are three rounds. A posterior whose
        # round is left out equals `told`.
        first = i == 0
        told, mean = choose(first, (new, at_rows), (told, mean))
        return told, mean, choose(i <= 1, new, believed), choose(first | (i == 2), new, failed)

    @traced_once
    def conditioned(rows: Dataset) -> tuple[Any, Float[Array, " n"]]:
        posterior = condition(rows)
        return posterior, mean_of(posterior, data.x)

    nothing, no_mean = zeros_of(conditioned, data)
    num_rounds = 1 + jnp.any(is_believed).astype(jnp.int32) + jnp.any(is_failed).astype(jnp.int32)
    return jax.lax.fori_loop(jnp.int32(0), num_rounds, step, (nothing, no_mean, nothing, nothing))
