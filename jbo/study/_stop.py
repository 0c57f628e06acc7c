"""When a search ends before all its trials are run."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jbo.study._trial import Trial


@dataclass(frozen=True)
class Stop:
    """Reasons to end a search; the first that holds ends it, also right at the start of a study that goes on.

    Args:
      target: A value of a feasible trial that is good enough, in the study's sign.
      seconds: How long the call may last; what runs then is waited for.
      no_improvement: How many trials in a row, by number, may have ended without a new best one.

    Raises:
      ValueError: There is no reason, or one that makes no sense.

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

    def begin(self, maximize: bool) -> Callable[[Sequence[Trial]], bool]:
        """A function of the trials so far that says whether the search is over; its clock starts now.

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
