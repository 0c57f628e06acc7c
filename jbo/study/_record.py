"""Rows of the study file as tuples: plain values, configurations and outcomes still as text."""

from typing import NamedTuple


class Header(NamedTuple):
    """What a study is, fixed when its file was made."""

    id: str
    space: str
    outcomes: str
    seed: int
    created_at: float
    """Seconds since 1970."""


class Record(NamedTuple):
    """One row of the table of trials, and what the table of values has of the trial."""

    number: int
    config: str
    """JSON text."""
    status: str
    failure: str | None
    started_at: float
    ended_at: float | None
    values: dict[str, float] = {}  # noqa: RUF012  never written to
    """Results by the name of the outcome."""
    noises: dict[str, float] = {}  # noqa: RUF012  never written to
    """Their standard deviations, as far as they are known."""
    intermediate_values: dict[int, float] = {}  # noqa: RUF012  never written to
    """By step."""
    reported: str | None = None
    """The name of the outcome whose intermediate values these are."""


class Ending(NamedTuple):
    """How a trial ended."""

    status: str
    """``ok``, ``failed``, ``stopped`` or ``abandoned``."""
    failure: str | None = None
    """Why it failed; None unless it did."""
    values: dict[str, float] = {}  # noqa: RUF012  never written to
    """What was measured, by the name of the outcome."""
    noises: dict[str, float] = {}  # noqa: RUF012  never written to
    """Standard deviations of values, at least 0."""


_OF_VALUES = ("values", "noises", "intermediate_values", "reported")
COLUMNS = tuple(name for name in Record._fields if name not in _OF_VALUES)
"""Fields of `Record` that are columns of the table of trials."""
ENDING_COLUMNS = tuple(name for name in Ending._fields if name not in _OF_VALUES)
"""Fields of `Ending` that are."""
