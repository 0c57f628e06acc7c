"""Export of trials as a table of plain columns: CSV files, data frames, JSON and text."""

import csv
import json
import math
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from jbo.choices import as_json
from jbo.outcomes import Outcomes
from jbo.study._trial import Trial

ABOUT = ("number", "status", "value", "started_at", "ended_at", "failure")
"""The columns of every table that are not parameters."""
KNOWN = ("cost", "noise")
"""Further columns, each present if any trial has a value."""
INTERMEDIATE = "intermediate_values"
"""Column of intermediate values, if there are any: pairs of step and value as JSON, null for values not finite."""
REPORTED = "reported"
"""Column with the objective of the intermediate values, if there are several objectives."""
VALUES, NOISES = "values.", "noises."
"""Prefixes of the columns of other named outcomes and of their noises. With one objective, the others are all outcomes
but the objective and the cost; with several objectives, all outcomes but the cost."""
FEASIBLE = "feasible"
"""Column of feasibility, if there are limits: True, False, or empty if unknown."""
CONFIG = "config."
"""Prefix of the columns of parameters, which distinguishes them from other columns."""


def as_plain(trial: Trial, outcomes: Outcomes | None = None) -> dict[str, Any]:
    """A trial as a dict for JSON.

    Args:
      trial: A trial of any status.
      outcomes: Outcomes of its study. Named outcomes form one object ``values``, with null for values not finite.
    """
    config = {name: as_json(value) for name, value in trial.config.items()}
    plain = {name: getattr(trial, name) for name in ("number", "config", *_titles([trial])[1:])} | {"config": config}
    plain |= {name: getattr(trial, name) for name in _known([trial])}
    if outcomes is not None and outcomes.is_named:
        plain["values"] = {name: value if math.isfinite(value) else None for name, value in trial.values.items()}
        plain |= {FEASIBLE: trial.is_feasible} if outcomes.limits else {}
    if trial.intermediate_values:
        plain[INTERMEDIATE] = _pairs(trial)
        plain |= {REPORTED: trial.reported} if trial.is_of_several else {}
    return plain


def columns(trials: Iterable[Trial], names: Iterable[str], outcomes: Outcomes | None = None) -> dict[str, list[Any]]:
    """The table as a list for each column, with None for missing entries.

    Args:
      trials: Rows of the table.
      names: Parameters with a column.
      outcomes: Outcomes of the study; None: no named outcomes.
    """
    trials = list(trials)
    titles = (*_titles(trials, outcomes), *_known(trials))
    table = {name: [getattr(trial, name) for trial in trials] for name in titles}
    if any(trial.intermediate_values for trial in trials):
        table[INTERMEDIATE] = [dict(trial.intermediate_values) for trial in trials]
        if "value" not in titles:
            table[REPORTED] = [trial.reported for trial in trials]
    table |= _of_outcomes(trials, outcomes)
    return table | {CONFIG + name: [trial.config.get(name) for trial in trials] for name in names}


def write_csv(trials: Iterable[Trial], names: Iterable[str], file: Any, outcomes: Outcomes | None = None) -> None:
    """Write trials as CSV: numbers with all digits, empty cells for missing entries.

    A text is written as it is, unless it could be read as another value; then it is in JSON quotation marks.

    Args:
      trials: Rows of the table.
      names: Parameters with a column.
      file: A file open for writing.
      outcomes: Outcomes of the study; None: no named outcomes.
    """
    trials, names = list(trials), list(names)
    writer = csv.writer(file, lineterminator="\n")
    more = [INTERMEDIATE] if any(trial.intermediate_values for trial in trials) else []
    titles = [*_titles(trials, outcomes), *_known(trials)]
    of_whom = [REPORTED] if more and "value" not in titles else []
    others = _of_outcomes(trials, outcomes)
    writer.writerow([*titles, *more, *of_whom, *others, *(CONFIG + name for name in names)])
    for i, trial in enumerate(trials):
        about = [getattr(trial, name) for name in titles] + [json.dumps(_pairs(trial)) for _ in more]
        about += [trial.reported for _ in of_whom]
        about = ["" if value is None else value for value in (*about, *(column[i] for column in others.values()))]
        writer.writerow([*about, *(_cell(trial.config[name]) if name in trial.config else "" for name in names)])


def write_trial(trial: Trial, stream: Any, outcomes: Outcomes | None = None) -> None:
    """Write a trial as a readable table, with a line for each entry.

    Args:
      trial: A trial of any status.
      stream: A text stream. Characters outside its encoding are escaped.
      outcomes: Outcomes of the study; None: no named outcomes.
    """
    about = {"trial": trial.number, "status": trial.status}
    about |= {} if trial.is_of_several else {"value": trial.value}
    about["seconds"] = _seconds(trial)
    about |= {name: getattr(trial, name) for name in _known([trial])}
    more = {title: column[0] for title, column in _of_outcomes([trial], outcomes, prefix="").items()}
    rows = [
        [_text(name, stream), _text(value, stream)]
        for name, value in [*about.items(), *more.items(), *trial.config.items()]
        if value is not None
    ]
    _write_rows(rows, [False, False], stream)


def write_table(
    trials: Iterable[Trial],
    names: Iterable[str],
    best: int | Collection[int] | None,
    stream: Any,
    outcomes: Outcomes | None = None,
) -> None:
    """Write trials as a readable table: numbers to six digits, with the best trial or the front marked.

    Args:
      trials: Rows of the table.
      names: Parameters with a column.
      best: Number of the best trial; None: there is none. With several objectives, the numbers of the front.
      stream: A text stream. Characters outside its encoding are escaped.
      outcomes: Outcomes of the study; None: no named outcomes.
    """
    trials, names = list(trials), list(names)
    if not trials:
        stream.write("no trials yet\n")
        return
    known = _known(trials)
    has_failure = any(trial.failure for trial in trials)
    others = _of_outcomes(trials, outcomes, prefix="")
    of_value = [] if outcomes is not None and outcomes.has_several else ["value"]
    titles = ["trial", "status", *of_value, "seconds", *known, *others, *names] + (["failure"] if has_failure else [])
    marked = {best} if best is None or isinstance(best, int) else set(best)
    rows = []
    for i, trial in enumerate(trials):
        about = [f"{trial.number}{'*' if trial.number in marked else ' '}", trial.status]
        about += [*(getattr(trial, name) for name in of_value), _seconds(trial)]
        about += [getattr(trial, name) for name in known] + [column[i] for column in others.values()]
        about += [trial.config.get(name, _ABSENT) for name in names]
        lines = (trial.failure or "").strip().splitlines()
        rows.append([_text(value, stream) for value in about + (lines[-1:] or [""] if has_failure else [])])
    is_number = [
        all(isinstance(trial.config.get(name, 0), int | float) for trial in trials) for name in names
    ]  # other columns are left-aligned
    is_right = [True, False, *(True for _ in of_value), True, *(True for _ in (*known, *others)), *is_number]
    is_right += [False] if has_failure else []
    _write_rows([[_text(title, stream) for title in titles], *rows], is_right, stream)
    if marked - {None}:
        stream.write("* best\n" if of_value else "* no other trial is better in every objective\n")


_ABSENT = object()
_WIDEST = 60


def _write_rows(rows: list[list[str]], is_right: list[bool], stream: Any) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    placed = [str.rjust if right else str.ljust for right in is_right]
    for row in rows:
        stream.write("  ".join(place(row[i], widths[i]) for i, place in enumerate(placed)).rstrip() + "\n")


def _text(value: Any, stream: Any) -> str:
    """A value as one readable line that the stream can write."""
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
    """The value of a cell of `write_csv` that is not empty."""
    try:
        return json.loads(cell)
    except ValueError:
        return cell


def _titles(trials: Sequence[Trial], outcomes: Outcomes | None = None) -> list[str]:
    """The columns of `ABOUT`, without the value if there are several objectives."""
    several = outcomes.has_several if outcomes is not None else any(trial.is_of_several for trial in trials)
    return [name for name in ABOUT if name != "value" or not several]


def _known(trials: Iterable[Trial]) -> list[str]:
    """The columns of `KNOWN` for which any trial has a value."""
    trials = list(trials)
    return [name for name in KNOWN if any(getattr(trial, name) is not None for trial in trials)]


def _of_outcomes(
    trials: Sequence[Trial], outcomes: Outcomes | None, prefix: str = VALUES
) -> dict[str, list[float | bool | None]]:
    """Columns of the outcomes other than the cost and a single objective, which have columns already."""
    if outcomes is None or not outcomes.is_named:
        return {}
    one = None if outcomes.has_several else outcomes.objective
    others = [each.name for each in outcomes if each not in (one, outcomes.cost)]
    title_of = {name: VALUES + name if prefix + name == FEASIBLE else prefix + name for name in others}
    table: dict[str, list[Any]] = {title: [t.values.get(name) for t in trials] for name, title in title_of.items()}
    for name in others:
        noises = [trial.noises.get(name) for trial in trials]
        if prefix and any(noise is not None for noise in noises):
            table[NOISES + name] = noises
    if outcomes.limits:
        table[FEASIBLE] = [trial.is_feasible for trial in trials]
    return table


def _pairs(trial: Trial) -> list[list[Any]]:
    return [[step, value if math.isfinite(value) else None] for step, value in trial.intermediate_values.items()]


def _cell(value: Any) -> str:
    return value if isinstance(value, str) and value and value_of_cell(value) is value else json.dumps(as_json(value))
