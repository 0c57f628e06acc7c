"""What a user sees of one evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple


class SpaceExhausted(Exception):
    """Every point of a discrete space was asked for or told: there is nothing new to try."""


class SuggestInfo(NamedTuple):
    """How the strategy's latest suggestion was made."""

    is_model_based: bool
    """False for a point of the initial design."""
    seconds: float
    """How long it took, waiting for a program among it."""
    seconds_compile: float
    """How long it waited for its program to be compiled; 0 where the program was there."""


@dataclass(frozen=True)
class Trial:
    """One evaluation of the objective: a configuration, and what came of it."""

    number: int
    """Counts from 0, in the order in which trials were asked or told."""
    config: dict[str, Any] = field(hash=False)
    """Values by name; names that are not active are absent."""
    status: Literal["pending", "ok", "failed", "stopped"]
    """``pending`` until it is told; ``stopped`` if it was told to end on its way."""
    value: float | None
    """What the objective gave, in the user's sign; None unless ``status`` is ``ok``: of a trial that was stopped the
    last of the intermediate values is what is known."""
    started_at: float
    """When it was asked or told, in seconds since 1970."""
    ended_at: float | None
    """When it was told, in seconds since 1970; None while pending."""
    failure: str | None
    """Why it failed: the traceback, or the reason that was told; None unless ``status`` is ``failed``."""
    study_id: str = field(repr=False)
    """Which study it belongs to."""
    intermediate_values: dict[int, float] = field(default_factory=dict, hash=False, repr=False)
    """What it reported on its way: values by step, in the order of the steps; NaN where one was not finite."""
    cost: float | None = None
    """What it cost, in the user's unit, as far as that was told; the seconds are between the two times."""
    noise: float | None = None
    """Standard deviation of the value around the true one, as far as that was told."""

    def __repr__(self) -> str:
        from jbo.study.view import line_of_trial  # which imports this file

        return line_of_trial(self)

    def _repr_html_(self) -> str:
        from jbo.study.view import of_trial  # which imports this file

        return of_trial(self)

    def copy(self) -> "Trial":
        """The same trial with dicts of its own, so that nobody changes those of anybody else."""
        return replace(self, config=dict(self.config), intermediate_values=dict(self.intermediate_values))


def best_of(trials: Sequence[Trial], maximize: bool) -> Trial | None:
    """The trial with the best value that was seen, the first of equals; None if no trial has succeeded.

    Args:
      trials: By number.
      maximize: True if higher values are better.
    """
    sign = -1.0 if maximize else 1.0
    values = [(sign * trial.value, trial.number) for trial in trials if trial.value is not None]
    return trials[min(values)[1]] if values else None
