"""What is known at an ask: a model given the trials that succeeded, those that are pending, and those that failed."""

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
"""Logarithm of a little less than a half: a limit that is met exactly has that probability."""
_LEAST_SUCCESS = 1e-3
"""What the probability of success is at least: a trial that failed may have been unlucky."""


@pytree
@dataclass(frozen=True)
class Failures:
    r"""What is known of where trials fail.

    The surrogate of the values, conditioned on 1 where trials failed and 0 where they succeeded, has the probability of
    a failure as its mean. Far from all trials the mean is 0, that of the prior. An acquisition is multiplied by the
    probability of a success, :math:`1 - p(x)`.

    References:
      Gardner et al., Bayesian Optimization with Inequality Constraints, 2014, eq. 6, with a probability for each
      constraint; here the constraint is seen through its violations only.
    """

    posterior: Posterior
    """Of the function that is 1 where trials fail and 0 where they succeed; any where none failed."""
    has_any: Bool[Array, ""]
    """True if a trial failed."""

    def log_success(self, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Logarithm of the probability that a trial succeeds, from log 0.001 to 0; 0 everywhere if none failed.

        Args:
          x: A point of the unit cube.
        """

        def of_model(x: Float[Array, " d"]) -> Float[Array, ""]:
            mean = mean_of(self.posterior, x[None, :])
            return jnp.log1p(-jnp.clip(mean[0], 0, 1 - _LEAST_SUCCESS)).astype(x.dtype)

        # The zero is made of the point: under a mesh of devices it has to lie where the point does.
        return jax.lax.cond(self.has_any, of_model, lambda x: 0 * x[0], x)


class Knowledge(NamedTuple):
    """What is known at an ask, with and without the trials whose results are still to come; made by `learn`.

    In a context the inputs of all rows are moved to it; their values stay. The value to improve on is then the model's
    mean for the same parameters in this context.
    """

    told: Posterior
    """Given the trials that succeeded."""
    told_data: Dataset
    """The trials that succeeded; those that break a limit are not among them."""
    believed: Posterior
    """Given pending and failed trials too, as if they had returned their mean."""
    believed_data: Dataset
    """Successful trials, and pending ones at their mean. Those that failed or break a limit are not among them, since
    none of them can be the incumbent."""
    is_pending: Bool[Array, " n"]
    """Rows of the data that are pending."""
    mean: Float[Array, " n"]
    """Posterior mean of ``told`` at each row of the table."""
    failures: Failures
    """Where trials fail."""
    region: Region
    """Where the point may be."""
    limits: "Limits | None" = None
    """What is known of the limits; None: there are none."""

    @property
    def least_mean(self) -> Float[Array, ""]:
        """The least posterior mean of feasible and pending trials; infinite where there are none.

        Pending ones count, so that a point near one of them does not look as good as before.
        """
        return jnp.min(jnp.where(self.believed_data.is_valid, self.mean, jnp.inf))

    @property
    def centre(self) -> Float[Array, " d"]:
        """The feasible trial with the least mean; while there is none, the most probably feasible one."""
        x, is_valid = self.told_data.x, self.told_data.is_valid
        if self.limits is None:
            return x[jnp.argmin(jnp.where(is_valid, self.mean, jnp.inf))]
        best = jnp.argmin(jnp.where(is_valid, self.mean, jnp.inf))
        return x[jnp.where(self.limits.has_feasible, best, jnp.argmax(self.limits.log_probability))]


class Limits(NamedTuple):
    """What is known at the rows of a table of its limits."""

    is_feasible: Bool[Array, " n"]
    """Of a trial that succeeded: whether it meets all limits. Of a pending one, and of all in a context: whether it
    does so probably."""
    log_probability: Float[Array, " n"]
    """Logarithm of the probability of that; ``-inf`` for rows that neither succeeded nor are pending."""
    has_feasible: Bool[Array, ""]
    """True if a trial with a value meets all limits."""


def limits_at(state: Trials, log_probability: Float[Array, " n"], is_moved: bool = False) -> Limits:
    """What is known of limits at the rows of a table.

    Args:
      state: The table.
      log_probability: Of meeting all limits, by the model, at each row.
      is_moved: True where the rows were moved to a context: what was measured elsewhere says nothing for certain then.
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
    """What a model knows of a table: see `Knowledge`.

    A trial that is pending, failed or has no value is there as if it had returned its mean. That keeps the mean and
    tells the model that something is coming, or that nothing can be learnt there.

    Args:
      surrogate: The model.
      params: From its fit.
      data: What it sees of the successful trials, a row for each of the table.
      state: The table.
      region: Where the next point may be, with its context.
      limits: From `limits_at`: a trial that does not meet them is not the incumbent. None: there are no limits.

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
        # Whether a trial failed is known without noise, and is not compressed.
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
        # Another model changes its mean where it is told that mean.
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
    """The three posteriors and the mean at the rows; one that there are no further rows for equals the first."""
    told = condition(data)
    mean = mean_of(told, data.x)
    believed = jax.lax.cond(jnp.any(is_believed), lambda: condition(believing(mean)), lambda: told)
    failed = jax.lax.cond(jnp.any(is_failed), lambda: condition(of_failures()), lambda: told)
    return told, mean, believed, failed


def _in_one_loop(condition: Any, data: Dataset, believing: Any, of_failures: Any, is_believed: Array, is_failed: Array):
    """As `_one_by_one`, with one factorisation in the program in place of three: it takes long to compile."""

    def step(i: Int[Array, ""], made: tuple[Any, Any, Any, Any]) -> tuple[Any, Any, Any, Any]:
        told, mean, believed, failed = made
        rows = choose(i == 2, of_failures(), choose(i == 1, believing(mean), data))
        new, at_rows = conditioned(rows)
        # Round 0 is of the successful trials, round 1 of pending and failed ones too, round 2 of failures. A failed
        # trial is one of round 1, so with failures all three rounds are made. What no round is made for equals `told`.
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
