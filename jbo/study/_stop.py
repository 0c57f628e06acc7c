"""Early stopping of a search, before all its trials have run."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from jbo.outcomes import Outcomes
from jbo.study._trial import Trial
from jbo.study.front import losses_of


@dataclass(frozen=True)
class Stop:
    """Conditions for ending a search. The first that holds ends it, also at the start of a resumed study.

    Args:
      target: The search ends when a feasible trial reaches this value, in the study's sign. Only with one objective.
      seconds: Maximum duration of the call. Running trials are waited for.
      no_improvement: The search ends after this many trials in a row, counted by trial number, without a new best
        trial. With several objectives: without a trial that no earlier feasible trial dominates or equals.

    Raises:
      ValueError: No condition is given, or a condition is invalid.

    Example:
      >>> Stop(target=0.01, no_improvement=20)
      Stop(target=0.01, seconds=None, no_improvement=20)
    """

    target: float | None = None
    seconds: int | float | None = None
    no_improvement: int | None = None

    def __post_init__(self):
        if self.target is None and self.seconds is None and self.no_improvement is None:
            raise ValueError("expected target, seconds or no_improvement, got none of them")
        if self.target is not None and math.isnan(self.target):
            raise ValueError(f"target: expected a number, got {self.target!r}")
        if self.seconds is not None and not self.seconds >= 0:
            raise ValueError(f"seconds: expected at least 0, got {self.seconds!r}")
        if self.no_improvement is not None and self.no_improvement < 1:
            raise ValueError(f"no_improvement: expected at least 1, got {self.no_improvement!r}")

    def begin_for(self, outcomes: Outcomes) -> Callable[[Sequence[Trial]], bool]:
        """The function of `begin`, with the direction taken from the outcomes of a study.

        Args:
          outcomes: Outcomes of the study.

        Raises:
          ValueError: A target is given, and the study has several objectives.
        """
        if not outcomes.has_several:
            return self.begin(outcomes.maximize)
        if self.target is not None:
            names = [objective.name for objective in outcomes.objectives]
            raise ValueError(
                f"target: expected None with several objectives {names}, because a trial has no single value; a "
                "function of the finished trial can stop the search: optimize(…, stop=function)"
            )
        start = time.monotonic()

        def is_over(trials: Sequence[Trial]) -> bool:
            if self.seconds is not None and time.monotonic() - start >= self.seconds:
                return True
            return self.no_improvement is not None and _num_since_front(trials, outcomes) >= self.no_improvement

        return is_over

    def begin(self, maximize: bool) -> Callable[[Sequence[Trial]], bool]:
        """A function of the trials so far that returns True if the search is over. Its clock starts now.

        Args:
          maximize: True if higher values are better.
        """
        start, sign = time.monotonic(), -1.0 if maximize else 1.0

        def is_over(trials: Sequence[Trial]) -> bool:
            if self.seconds is not None and time.monotonic() - start >= self.seconds:
                return True
            best, num_since = math.inf, 0
            for trial in trials:
                if trial.value is not None and trial.is_feasible and sign * trial.value < best:
                    best, num_since = sign * trial.value, 0
                elif trial.is_finished:
                    num_since += 1
            is_good = self.target is not None and best <= sign * self.target
            return is_good or (self.no_improvement is not None and num_since >= self.no_improvement)

        return is_over


def _num_since_front(trials: Sequence[Trial], outcomes: Outcomes) -> int:
    """Number of finished trials since the latest one that no earlier trial dominated or equalled."""
    y, counts = losses_of(trials, outcomes)
    num_since = 0
    for i, trial in enumerate(trials):
        if counts[i] and not np.any(np.all(y[:i] <= y[i], axis=1) & counts[:i]):
            num_since = 0
        elif trial.is_finished:
            num_since += 1
    return num_since
