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
