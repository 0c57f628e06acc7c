"""Rows of the study file as tuples: plain values, configurations still as text."""

from typing import NamedTuple


class Header(NamedTuple):
    """What a study is, fixed when its file was made."""

    id: str
    space: str
    maximize: bool
    seed: int
    created_at: float
    """Seconds since 1970."""


class Record(NamedTuple):
    """One row of the table of trials; the configuration is JSON text."""

    number: int
    config: str
    status: str
    value: float | None
    failure: str | None
    started_at: float
    ended_at: float | None
    cost: float | None = None
    noise: float | None = None
    intermediate_values: dict[int, float] = {}  # noqa: RUF012  never written to
    """By step."""


class Outcome(NamedTuple):
    """How a trial ended: with a value, with a failure, or, with neither, stopped before its end."""

    value: float | None
    failure: str | None
    cost: float | None = None
    """Its cost, above 0."""
    noise: float | None = None
    """Standard deviation of the value, at least 0; None unless there is one."""

    @property
    def status(self) -> str:
        """As in the table of trials."""
        if self.failure is not None:
            return "failed"
        return "stopped" if self.value is None else "ok"

    @property
    def in_words(self) -> str:
        """As an argument of `Study.tell`."""
        if self.failure is not None:
            return f"failed={self.failure!r}"
        return "stopped=True" if self.value is None else repr(self.value)
