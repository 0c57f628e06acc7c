"""Convergence of a search: the best value so far, the regret, and the expected further improvement."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jbo.acquisitions import log_expected_improvement, over_sets
from jbo.diagnostics._view import ModelView, Searched, check_constraint, view_model
from jbo.maximize import maximize
from jbo.region import Region
from jbo.strategies import Bayesian, Feasible
from jbo.study import Trial
from jbo.types import Dataset, Trials
from jbo.world import world


def best_so_far(values: Any, *, maximize: bool = False) -> Float[np.ndarray, "*b n"]:
    """The best value so far, along the last axis.

    Args:
      values: An array or nested lists in the user's sign, NaN for failed trials.
      maximize: True if higher is better.

    Returns:
      An array of the same shape; NaN before the first success.
    """
    return (np.fmax if maximize else np.fmin).accumulate(np.asarray(values, np.float64), axis=-1)


def simple_regret(values: Any, optimum: float, *, maximize: bool = False) -> Float[np.ndarray, "*b n"]:
    """Difference between the best value so far and the optimum, along the last axis.

    Args:
      values: An array or nested lists in the user's sign, NaN for failed trials.
      optimum: The optimal value.
      maximize: True if higher is better.

    Returns:
      At least 0 if ``optimum`` is right; NaN before the first success. Clipped to the largest float.
    """
    best, limit = best_so_far(values, maximize=maximize), np.finfo(np.float64).max
    with np.errstate(over="ignore"):
        regret = best - optimum
    regret = np.where(np.isfinite(best) & np.isfinite(optimum), np.clip(regret, -limit, limit), regret)
    return -regret if maximize else regret


@jax.jit
def _log_improvement_left(
    strategy: Bayesian, key: Array, state: Trials, params: Any, data: Dataset, posterior: Any
) -> Array:
    data = replace(data, is_valid=data.is_valid & state.is_feasible)
    limits = [
        weight.log_probability(learnt, state)
        for weight, learnt in zip(strategy.weights, params.weights, strict=True)
        if isinstance(weight, Feasible)
    ]
    acquisition = over_sets(log_expected_improvement(), posterior)
    mean, _ = posterior.predict(data.x)
    key_prepare, key_maximize = jax.random.split(key)
    aux = acquisition.prepare(key_prepare, posterior, data)
    found = maximize(
        key_maximize,
        lambda x: sum((limit(x) for limit in limits), acquisition.value(aux, posterior, x)),
        Region(strategy.encoding),
        state,
        state.x[jnp.argmin(jnp.where(data.is_valid, mean, jnp.inf))],
        is_smooth=strategy.surrogate.is_smooth,
    )
    return found.value


def improvement_left(study: Searched | ModelView) -> float:
    """Maximum expected improvement of one more trial over the best posterior mean.

    Args:
      study: A study, or a view of its model.

    Returns:
      The maximum over the space in units of the objective, at least 0; 0 if nothing is left to try. Under limits, the
      improvement is relative to the feasible trials, and is multiplied by the probability that the point is feasible.
      The result is infinite while no trial is feasible, because the possible improvement is unknown. If the model is
      wrong (see `health`), so is the result.

    Raises:
      ValueError: As in `view_model`.
    """
    if study.outcomes.limits and not any(trial.value is not None and trial.is_feasible for trial in study.trials):
        return math.inf
    view = study if isinstance(study, ModelView) else view_model(study)
    with world(None):
        log_value = _log_improvement_left(view.strategy, view.key, view.state, view.fitted, view.data, view.posterior)
        left = view.in_units(float(jnp.exp(log_value)))
    check_constraint(view.strategy)
    return left


def stop_when_little_is_left(study: Any, least: float) -> Callable[[Trial], bool]:
    """A rule for ``study.optimize(..., stop=)``: it stops once another trial is expected to gain less than ``least``.

    Args:
      study: The study that is optimised.
      least: Minimum expected improvement to continue, in units of the objective, above 0.

    Returns:
      A function of the trial that has ended. It returns False during the initial design, while there are too few
      different values, and while no trial meets the limits.

    Raises:
      ValueError: ``least`` is not a number above 0.

    References:
      Makarova et al., Automatic Termination for Hyperparameter Optimization, 2022, argue for stopping by the model's
      expected gain; Nguyen et al., Regret for Expected Improvement over the Best-Observed Value and Stopping Condition,
      2017, stop by expected improvement.
    """
    if not least > 0:
        raise ValueError(f"least: expected a number above 0, got {least!r}")

    def stop(trial: Trial) -> bool:
        trials = study.trials
        if sum(t.is_finished for t in trials) <= study.strategy.num_initial:
            return False
        values = [t.value for t in trials if t.value is not None]
        return len(values) >= 3 and len(set(values)) > 1 and improvement_left(study) < least

    return stop
