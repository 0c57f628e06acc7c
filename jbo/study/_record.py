"""Rows of the study file as tuples of plain values; configurations and outcomes are still text."""

from typing import NamedTuple


class Header(NamedTuple):
    """The identity of a study, fixed when its file is created."""

    id: str
    space: str
    outcomes: str
    seed: int
    created_at: float
    """Seconds since 1970."""


class Record(NamedTuple):
    """One row of the table of trials, with the trial's entries in the table of values."""

    number: int
    config: str
    """JSON text."""
    status: str
    failure: str | None
    started_at: float
    ended_at: float | None
    values: dict[str, float] = {}  # noqa: RUF012  never written to
    """A dict from the name of each outcome to its value."""
    noises: dict[str, float] = {}  # noqa: RUF012  never written to
    """A dict from the name of each outcome to the standard deviation of its noise, if it is known."""
    intermediate_values: dict[int, float] = {}  # noqa: RUF012  never written to
    """Intermediate values by step."""
    reported: str | None = None
    """Name of the outcome of the intermediate values."""


class Ending(NamedTuple):
    """The end of a trial: its status and its results."""

    status: str
    """``ok``, ``failed``, ``stopped`` or ``abandoned``."""
    failure: str | None = None
    """Reason of the failure; None unless ``status`` is ``failed``."""
    values: dict[str, float] = {}  # noqa: RUF012  never written to
    """A dict from the name of each outcome to its measured value."""
    noises: dict[str, float] = {}  # noqa: RUF012  never written to
    """A dict from the name of each outcome to the standard deviation of its noise, at least 0."""


_OF_VALUES = ("values", "noises", "intermediate_values", "reported")
COLUMNS = tuple(name for name in Record._fields if name not in _OF_VALUES)
"""Fields of `Record` that are columns of the table of trials."""
ENDING_COLUMNS = tuple(name for name in Ending._fields if name not in _OF_VALUES)
"""Fields of `Ending` that are columns of the table of trials."""
