"""What a user sees of one evaluation."""

from dataclasses import dataclass, field, replace
from typing import Any, Literal


class SpaceExhausted(Exception):
    """Every point of a discrete space was asked for or told: there is nothing new to try."""


@dataclass(frozen=True)
class Trial:
    """One evaluation of the objective: a configuration, and what came of it."""

    number: int
    """Counts from 0, in the order in which trials were asked or told."""
    config: dict[str, Any] = field(hash=False)
    """Values by name; names that are not active are absent."""
    status: Literal["pending", "ok", "failed"]
    """``pending`` until it is told."""
    value: float | None
    """What the objective gave, in the user's sign; None unless ``status`` is ``ok``."""
    started_at: float
    """When it was asked or told, in seconds since 1970."""
    ended_at: float | None
    """When it was told, in seconds since 1970; None while pending."""
    failure: str | None
    """Why it failed: the traceback, or the reason that was told; None unless ``status`` is ``failed``."""
    study_id: str = field(repr=False)
    """Which study it belongs to."""

    def copy(self) -> "Trial":
        """The same trial with a dict of its own, so that nobody changes the configuration of anybody else."""
        return replace(self, config=dict(self.config))
