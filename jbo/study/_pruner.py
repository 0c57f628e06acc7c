"""Pruners: rules that stop unpromising trials early."""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from jbo.numerics import midpoint
from jbo.study._trial import Trial

Pruner = Callable[[Trial, Sequence[Trial], bool], bool]
"""Function of the reporting trial, all trials, and True if higher is better. Returns True to stop the trial."""


@dataclass(frozen=True)
class MedianPruner:
    """The median rule: stop a trial whose best value so far is worse than the median of the other trials at that step.

    The other trials are the completed ones, each with its best intermediate value up to the step. A value that is not
    finite stops its trial.

    Args:
      min_trials: Minimum number of other trials; with fewer, no trial is stopped.
      min_step: The first step at which a trial may be stopped.

    Raises:
      ValueError: A number is below its minimum.

    Example:
      >>> others = [Trial(i, {}, "ok", 0.1, 0.0, 1.0, None, "", {1: 0.1 * i}) for i in range(5)]
      >>> trial = Trial(5, {}, "pending", None, 0.0, None, None, "", {1: 0.25})
      >>> MedianPruner()(trial, others, False), MedianPruner(min_step=2)(trial, others, False)
      (True, False)

    References:
      Golovin et al., Google Vizier: A Service for Black-Box Optimization, KDD 2017, section 3.2.1, with the best value
      up to the step for the other trials as well. The paper takes the mean over their steps.
    """

    min_trials: int = 5
    min_step: int = 0

    def __post_init__(self):
        for name, number, least in (("min_trials", self.min_trials, 1), ("min_step", self.min_step, 0)):
            if isinstance(number, bool) or operator.index(number) < least:
                raise ValueError(f"{name}: expected at least {least}, got {number!r}")

    def __call__(self, trial: Trial, trials: Sequence[Trial], maximize: bool) -> bool:
        """True to stop a trial after its latest report.

        Args:
          trial: The trial, with at least one intermediate value.
          trials: All trials of the study. Only those with the status ``ok`` count.
          maximize: True if higher values are better.
        """
        step, sign = max(trial.intermediate_values), -1.0 if maximize else 1.0
        losses = [_least(t.intermediate_values, step, sign) for t in trials if t.status == "ok"]
        losses = sorted(loss for loss in losses if loss is not None)
        if step < self.min_step or len(losses) < self.min_trials:
            return False
        if not math.isfinite(trial.intermediate_values[step]):
            return True
        own = _least(trial.intermediate_values, step, sign)
        median = midpoint(losses[(len(losses) - 1) // 2], losses[len(losses) // 2])
        return own is not None and own > median


def _least(values: Mapping[int, float], last: int, sign: float) -> float | None:
    """The minimum loss up to a step, infinite if no loss is finite; None without values."""
    losses = [sign * value for step, value in values.items() if step <= last]
    return min((loss for loss in losses if math.isfinite(loss)), default=math.inf) if losses else None
