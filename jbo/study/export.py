"""Trials as a table of plain columns: what a CSV file and a data frame hold."""

import csv
import json
import math
from collections.abc import Iterable
from typing import Any

from jbo.choices import as_json
from jbo.study._trial import Trial

ABOUT = ("number", "status", "value", "started_at", "ended_at", "failure")
"""The columns that are no parameters."""
KNOWN = ("cost", "noise")
"""One column more each where any trial has it."""
INTERMEDIATE = "intermediate_values"
"""One column more where trials have any: their steps and values as JSON, null where one is not finite."""
CONFIG = "config."
"""Begins the name of a parameter's column, so that none is taken for one of the others."""


def as_plain(trial: Trial) -> dict[str, Any]:
    """A trial as JSON holds it."""
    config = {name: as_json(value) for name, value in trial.config.items()}
    plain = {name: getattr(trial, name) for name in ("number", "config", *ABOUT[1:])} | {"config": config}
    plain |= {name: getattr(trial, name) for name in _known([trial])}
    return plain | ({INTERMEDIATE: _pairs(trial)} if trial.intermediate_values else {})


def columns(trials: Iterable[Trial], names: Iterable[str]) -> dict[str, list[Any]]:
    """One list a column, None where there is nothing.

    Args:
      trials: Rows of the table.
      names: Parameters that get a column.
    """
    trials = list(trials)
    table = {name: [getattr(trial, name) for trial in trials] for name in (*ABOUT, *_known(trials))}
    if any(trial.intermediate_values for trial in trials):
        table[INTERMEDIATE] = [dict(trial.intermediate_values) for trial in trials]
    return table | {CONFIG + name: [trial.config.get(name) for trial in trials] for name in names}


def write_csv(trials: Iterable[Trial], names: Iterable[str], file: Any) -> None:
    """Write trials as CSV: numbers with all their digits, an empty cell where there is nothing.

    A word stands as it is, unless it could be taken for something else: then it is in JSON's quotation marks.

    Args:
      trials: Rows of the table.
      names: Parameters that get a column.
      file: Open for writing.
    """
    trials, names = list(trials), list(names)
    writer = csv.writer(file, lineterminator="\n")
    more = [INTERMEDIATE] if any(trial.intermediate_values for trial in trials) else []
    titles = [*ABOUT, *_known(trials)]
    writer.writerow([*titles, *more, *(CONFIG + name for name in names)])
    for trial in trials:
        about = ["" if (value := getattr(trial, name)) is None else value for name in titles]
        about += [json.dumps(_pairs(trial)) for _ in more]
        writer.writerow([*about, *(_cell(trial.config[name]) if name in trial.config else "" for name in names)])


def write_trial(trial: Trial, stream: Any) -> None:
    """Write what is known of a trial as a table for people, a line for each thing.

    Args:
      trial: Of any status.
      stream: What its encoding has not is escaped.
    """
    about = {"trial": trial.number, "status": trial.status, "value": trial.value, "seconds": _seconds(trial)}
    about |= {name: getattr(trial, name) for name in _known([trial])}
    rows = [
        [_text(name, stream), _text(value, stream)]
        for name, value in {**about, **trial.config}.items()
        if value is not None
    ]
    _write_rows(rows, [False, False], stream)


def write_table(trials: Iterable[Trial], names: Iterable[str], best: int | None, stream: Any) -> None:
    """Write trials as a table for people: one row each, numbers to six digits, the best one marked.

    Args:
      trials: Rows of the table.
      names: Parameters that get a column.
      best: Number of the best one; None: there is none.
      stream: What its encoding has not is escaped.
    """
    trials, names = list(trials), list(names)
    if not trials:
        stream.write("no trials yet\n")
        return
    known = _known(trials)
    has_failure = any(trial.failure for trial in trials)
    titles = ["trial", "status", "value", "seconds", *known, *names] + (["failure"] if has_failure else [])
    rows = []
    for trial in trials:
        about = [f"{trial.number}{'*' if trial.number == best else ' '}", trial.status, trial.value, _seconds(trial)]
        about += [getattr(trial, name) for name in known]
        about += [trial.config.get(name, _ABSENT) for name in names]
        lines = (trial.failure or "").strip().splitlines()
        rows.append([_text(value, stream) for value in about + (lines[-1:] or [""] if has_failure else [])])
    is_number = [
        all(isinstance(trial.config.get(name, 0), int | float) for trial in trials) for name in names
    ]  # the others begin at the left
    is_right = [True, False, True, True, *(True for _ in known), *is_number] + ([False] if has_failure else [])
    _write_rows([[_text(title, stream) for title in titles], *rows], is_right, stream)
    if best is not None:
        stream.write("* best\n")


_ABSENT = object()
_WIDEST = 60


def _write_rows(rows: list[list[str]], is_right: list[bool], stream: Any) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    placed = [str.rjust if right else str.ljust for right in is_right]
    for row in rows:
        stream.write("  ".join(place(row[i], widths[i]) for i, place in enumerate(placed)).rstrip() + "\n")


def _text(value: Any, stream: Any) -> str:
    """A value for a reader, in one line that the stream can write."""
    if value is None or value is _ABSENT:
        return "" if value is _ABSENT else "-"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    text = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
    text = text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _seconds(trial: Trial) -> str | None:
    return None if trial.ended_at is None else f"{trial.ended_at - trial.started_at:.1f}"


def value_of_cell(cell: str) -> Any:
    """What `write_csv` wrote into a cell that is not empty."""
    try:
        return json.loads(cell)
    except ValueError:
        return cell


def _known(trials: Iterable[Trial]) -> list[str]:
    """Those of `KNOWN` that any trial has."""
    trials = list(trials)
    return [name for name in KNOWN if any(getattr(trial, name) is not None for trial in trials)]


def _pairs(trial: Trial) -> list[list[Any]]:
    return [[step, value if math.isfinite(value) else None] for step, value in trial.intermediate_values.items()]


def _cell(value: Any) -> str:
    return value if isinstance(value, str) and value and value_of_cell(value) is value else json.dumps(as_json(value))
