"""The timeline of the trials: when each trial ran, and which ran at the same time."""

from collections.abc import Sequence
from typing import NamedTuple

from jbo.study import Trial


class Span(NamedTuple):
    """The time of one trial."""

    trial: Trial
    start: float
    """Start, in seconds since the start of the first trial."""
    end: float
    """End, in seconds since the start of the first trial. A pending trial lasts until the latest known time."""
    lane: int
    """Number of the lane, from 0; trials of one lane ran one after another."""


def spans(trials: Sequence[Trial]) -> list[Span]:
    """The trials in the order in which they started, each in the first free lane.

    Args:
      trials: Trials of one study, in any order.
    """
    trials = sorted(trials, key=lambda trial: (trial.started_at, trial.number))
    now = max([trial.ended_at or trial.started_at for trial in trials], default=0.0)
    free: list[float] = []  # end of each lane
    found = []
    for trial in trials:
        start, end = trial.started_at, trial.ended_at or now
        lane = next((i for i, time in enumerate(free) if time <= start), len(free))
        free[lane:] = [end, *free[lane + 1 :]]
        found.append(Span(trial, start - trials[0].started_at, end - trials[0].started_at, lane))
    return found
