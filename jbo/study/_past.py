"""Earlier trials, from another study or a CSV file, as the first trials of a new study."""

import csv
import json
import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

from jbo.choices import canonical, item, listing, plain
from jbo.outcomes import COST, VALUE, Outcomes
from jbo.parameters import Categorical, Integer, Ordinal, Parameter, Real, Share
from jbo.space import Space
from jbo.study._codec import text_of
from jbo.study._record import Ending
from jbo.study._trial import Trial
from jbo.study.export import ABOUT, CONFIG, FEASIBLE, INTERMEDIATE, KNOWN, NOISES, REPORTED, VALUES, value_of_cell
from jbo.study.value import as_ending, as_number, as_step

Row = tuple[str, Ending, float, float, dict[int, float], str | None]
"""Text of the configuration, ending, start time, end time, intermediate values by step, and their outcome."""


class Past(NamedTuple):
    """A finished trial of an earlier study."""

    name: str
    """Name of the trial in error messages."""
    config: dict[str, Any]
    ending: Ending
    started_at: float
    ended_at: float
    intermediate_values: dict[int, float]
    reported: str | None = None
    """Name of the outcome of the intermediate values; None: the single objective."""


class _Told(NamedTuple):
    """The results of an earlier trial, independent of the names in its study."""

    status: str
    failure: str | None
    value: float | None
    """Value of the objective."""
    cost: float | None
    noise: float | None
    """Standard deviation of the noise of ``value``."""
    values: dict[str, float]
    """A dict from the name of each outcome to its value."""
    noises: dict[str, float]
    is_named: bool | None
    """False: the values had no names in their study, so they go to the objective and the cost of the new study. None:
    the study is unknown; its values had names if one of the names is not jbo's own."""


_OF_JBO = {*ABOUT, *KNOWN, INTERMEDIATE, FEASIBLE}
"""Titles of `jbo.study.export.write_csv` that are not names of outcomes."""


def past_trials(
    source: Iterable[Trial] | str | os.PathLike[str],
    space: Space,
    outcomes: Outcomes,
    source_outcomes: Outcomes | None = None,
) -> list[Past]:
    """The finished trials of a source, in its order; abandoned trials are left out.

    Args:
      source: Trials, or a CSV file. The file has a column ``value`` and a column for each parameter, such as ``rate``
        or ``config.rate``. It may have further columns of `jbo.study.export.write_csv`. An outcome may have its own
        column, such as ``loss`` or ``values.loss``. If its name is a title of jbo, such as ``cost``, only the second
        form is possible.
      space: Space whose parameters define how cells are read.
      outcomes: Outcomes of the new study.
      source_outcomes: Outcomes of the study of the trials; None: unknown.

    Raises:
      ValueError: The file lacks these columns, or a cell is not a number. Or a trial has no outcome of the new study.
        Or an outcome of the source has the same name as an outcome of another kind in the new study.
      OSError: The file cannot be read.
    """
    if isinstance(source, str | os.PathLike):
        with Path(source).open(encoding="utf-8", newline="") as file:
            return list(_rows(csv.DictReader(file), space, outcomes, os.fspath(source)))
    if source_outcomes is not None:
        _check_kinds(source_outcomes, outcomes)
    is_named = None if source_outcomes is None else source_outcomes.is_named
    return [
        Past(
            f"trial {t.number}",
            dict(t.config),
            _ending(
                outcomes,
                _Told(
                    t.status,
                    t.failure,
                    None if t.is_of_several else t.value,
                    t.cost,
                    t.noise,
                    t.values,
                    t.noises,
                    True if t.is_of_several else is_named,
                ),
                f"trial {t.number}",
            ),
            t.started_at,
            t.ended_at,
            dict(t.intermediate_values),
            t.reported,
        )
        for t in source
        if t.ended_at is not None and t.status != "abandoned"
    ]


def _check_kinds(before: Outcomes, after: Outcomes) -> None:
    """Raise `ValueError` if an outcome changes its kind, such as its direction, and keeps its name."""
    if not (before.is_named and after.is_named):
        return
    for name, outcome in after.by_name.items():
        old = before.by_name.get(name, outcome)
        if type(old) is not type(outcome):
            raise ValueError(
                f"outcomes: expected {name!r} to be a jbo.{type(old).__name__} as in the study that the trials are of, "
                f"got {outcome!r}; pass study.trials in place of the study to take the numbers as they are"
            )


def _ending(outcomes: Outcomes, told: _Told, where: str) -> Ending:
    """The end of an earlier trial, in the outcomes of the new study."""
    failure = told.failure or "no value was written down"
    try:
        if not outcomes.is_named:
            if told.status == "ok" and told.value is not None:
                return as_ending(outcomes, told.value, None, told.cost, told.noise)
            failed = as_ending(outcomes, None, failure, told.cost)
            return failed if told.status != "stopped" else Ending("stopped", None, failed.values)
        values, noises = _by_name(outcomes, told)
        if not values and told.status != "ok":
            return Ending("stopped") if told.status == "stopped" else Ending("failed", failure)
        read = as_ending(outcomes, values, None, None, noises)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    if told.status == "failed":
        return Ending("failed", failure, read.values)
    if told.status == "stopped" and read.status == "ok":
        return Ending("stopped", None, read.values)
    return read


def _by_name(outcomes: Outcomes, told: _Told) -> tuple[dict[str, float], dict[str, float]]:
    """Two dicts from the outcomes' names in the new study: to values, and to noises."""
    cost = outcomes.cost
    is_named = told.is_named
    values = {name: value for name, value in told.values.items() if name in outcomes.by_name and is_named is not False}
    noises = dict(told.noises) if is_named is not False else {}
    if is_named is None:
        is_named = bool(told.values.keys() - {VALUE, COST})
    if not is_named:  # a value of another name may mean something else
        if told.value is not None or told.noise is not None:
            _check_one(outcomes)
        objective = outcomes.objectives[0].name
        if told.value is not None:
            values.setdefault(objective, told.value)
        if told.noise is not None:
            noises.setdefault(objective, told.noise)
        if told.cost is not None and cost is not None:
            values.setdefault(cost.name, told.cost)
    if told.status == "stopped" and not outcomes.has_several:
        values.pop(outcomes.objective.name, None)
    return values, {name: noise for name, noise in noises.items() if name in values}


def _check_one(outcomes: Outcomes) -> None:
    """Raise `ValueError` if there are several objectives, for a value without a name."""
    if outcomes.has_several:
        names = [objective.name for objective in outcomes.objectives]
        raise ValueError(f"expected a dict with the values of {names}, got a value without a name")


def rows_of_past(
    source: Iterable[Trial] | str | os.PathLike[str],
    space: Space,
    outcomes: Outcomes,
    widen: bool,
    defaults: Mapping[str, Any],
    source_outcomes: Outcomes | None = None,
) -> tuple[Space, list[Row]]:
    """The space of a study that starts with earlier trials, and these trials as rows of its file.

    Args:
      source: As in `past_trials`.
      space: As in `Study.from_trials`.
      outcomes: As in `past_trials`.
      widen: As in `Study.from_trials`.
      defaults: As in `Study.from_trials`.
      source_outcomes: As in `past_trials`.

    Raises:
      ValueError, OSError: As in `Study.from_trials`.
    """
    past = past_trials(source, space, outcomes, source_outcomes)
    if widen:
        space = widened(space, [trial.config for trial in past])
    try:
        space.complete({}, defaults)
    except ValueError as error:
        raise ValueError(f"defaults: {error}") from None
    names = [objective.name for objective in outcomes.objectives]
    rows = []
    for each in past:
        config = text_of(completed(space, each, defaults))
        # Reports of an outcome that is no longer an objective are left out.
        name = names[0] if len(names) == 1 else each.reported if each.reported in names else None
        steps = {} if name is None else each.intermediate_values
        ending = each.ending
        if ending.status == "stopped" and not steps and len(names) > 1:
            ending = Ending(
                "failed", "it was stopped, and no intermediate value of an objective is known", ending.values
            )
        rows.append((config, ending, each.started_at, each.ended_at, steps, name))
    return space, rows


def _rows(reader: csv.DictReader, space: Space, outcomes: Outcomes, path: str) -> Iterator[Past]:
    titles = list(reader.fieldnames or ())
    own = [*space.names, *space.constants]
    measured = [each.name for each in outcomes if outcomes.is_named]
    # The bare name may be one of jbo's own columns, or a parameter in the user's own table.
    not_bare = {*own, *_OF_JBO}
    of_outcome = {
        name: next((t for t in (VALUES + name, name) if t in titles and (t != name or name not in not_bare)), None)
        for name in measured
    }
    several, names_of = outcomes.has_several, [objective.name for objective in outcomes.objectives]
    if several and not any(of_outcome[name] for name in names_of):
        raise ValueError(f"{path}: expected a column for at least one of {names_of}, got {titles}")
    if not several and "value" not in titles and of_outcome.get(names_of[0]) is None:
        raise ValueError(f"{path}: expected a column 'value', got {titles}")
    names = [name for name in own if CONFIG + name in titles or name in titles]
    if not any(title.startswith(CONFIG) for title in titles):
        others = (*ABOUT, *KNOWN, INTERMEDIATE, REPORTED, FEASIBLE, *of_outcome.values())
        names = [title for title in titles if title not in others or title in space]
        names = [title for title in names if not title.startswith((VALUES, NOISES)) or title in space]
    # The user's own table may have a parameter of that name.
    known = [name for name in KNOWN if name in titles and (name not in names or CONFIG + name in titles)]
    for cells in reader:
        where = f"{path}, line {reader.line_num}"
        if cells.get("status") in ("pending", "abandoned"):
            continue
        found = {name: cells.get(CONFIG + name) or cells.get(name) for name in names}
        config = {name: _value(space.get(name), cell) for name, cell in found.items() if cell}

        def number(title: str | None, cells: Mapping[str, str | None] = cells) -> float | None:
            return None if title is None or not cells.get(title) else float(cells[title] or "")

        try:
            times = [float(cells.get(name) or time.time()) for name in ("started_at", "ended_at")]
            value = number("value")
            cost, noise = (number(name) if name in known else None for name in KNOWN)
            values = {name: number(title) for name, title in of_outcome.items()}
            noises = {name: number(NOISES + name) for name in measured}
        except ValueError as error:
            raise ValueError(f"{where}: expected numbers, got {error}") from None
        for name, given in ((names_of[0], value), (outcomes.cost.name if outcomes.cost else None, cost)):
            if several and name == names_of[0]:
                continue  # a value without a name has no known objective
            if name in values and values[name] is None:
                values[name] = given
        if not several and names_of[0] in noises and noises[names_of[0]] is None:
            noises[names_of[0]] = noise
        reported = _values_by_step(cells.get("intermediate_values"), where)
        is_stopped = cells.get("status") == "stopped" and reported
        has_objective = (value is not None and not several) or any(values.get(name) is not None for name in names_of)
        has_any = has_objective or any(each is not None for each in values.values())
        is_failed = not has_any or (not has_objective and bool(cells.get("failure")))
        told = _Told(
            status="stopped" if is_stopped else "failed" if is_failed else "ok",
            failure=cells.get("failure"),
            value=value,
            cost=cost,
            noise=noise,
            values={name: each for name, each in values.items() if each is not None},
            noises={name: each for name, each in noises.items() if each is not None},
            is_named=True,  # above, values without a name were assigned to the objective and the cost
        )
        of = cells.get(REPORTED) or None
        yield Past(where, config, _ending(outcomes, told, where), times[0], times[1], reported, of)


def _values_by_step(cell: str | None, where: str) -> dict[int, float]:
    """Intermediate values by step, from a cell of `jbo.study.export.write_csv`."""
    try:
        pairs = json.loads(cell or "[]")
        return {as_step(step): math.nan if value is None else as_number(value) for step, value in pairs}
    except (ValueError, TypeError):
        raise ValueError(f"{where}: expected pairs of step and value, got intermediate_values {cell!r}") from None


def _value(parameter: Parameter | None, cell: str) -> Any:
    """The value of a cell for a parameter: the first reading that the parameter accepts, else the simplest one."""
    value = value_of_cell(cell)
    readings = [value, cell]
    if isinstance(value, float) and value.is_integer():  # data frames turn columns with empty cells into floats
        readings.insert(1, int(value))
    for reading in readings if parameter is not None else ():
        try:
            return parameter.parse(reading) if parameter is not None else reading
        except (ValueError, TypeError):
            continue
    return readings[1] if isinstance(parameter, Integer) else value


def completed(space: Space, past: Past, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of an earlier trial in a given space, with defaults for missing parameters.

    Args:
      space: The space of the result.
      past: The earlier trial.
      defaults: A dict from the names of parameters that the trial lacks to their values.

    Raises:
      ValueError: The configuration does not fit the space; the message says what to do.
    """
    try:
        config = space.complete(past.config, defaults)
        known = [*space.names, *space.constants]
        unknown = [name for name in config if name not in known]
        if unknown:
            raise ValueError(
                f"{unknown[0]}: expected one of {listing(known)}, got an unknown name; keep the "
                "parameter in the space, fixed at one value by Space.fix, or leave it out of the configurations"
            )
        missing = [name for name in known if name not in config and name not in space.constants]
        try:
            return space.validate(config)
        except ValueError as error:
            if missing and str(error).startswith(f"{missing[0]}: expected a value of"):
                raise ValueError(
                    f"{error}; Study.from_trials(…, defaults={{{missing[0]!r}: …}}) gives trials a value of a "
                    "parameter that was added later"
                ) from None
            raise
    except ValueError as error:
        raise ValueError(f"{past.name}: {error}") from error


def widened(space: Space, configs: Sequence[Mapping[str, Any]]) -> Space:
    """The space with bounds and choices extended to include configurations.

    Args:
      space: The space. Its own values remain, in their order.
      configs: Configurations to include.

    Raises:
      ValueError: A value is of the wrong kind for its parameter, such as a word for a number.
    """
    wider = {name: _wider(name, space[name], [c[name] for c in configs if name in c]) for name in space}
    return space.replace(wider)


def _wider(name: str, parameter: Parameter, values: Sequence[Any]) -> Parameter:
    def lacks(value: Any) -> bool:
        try:
            parameter.parse(value)
        except ValueError:
            return True
        return False

    new = [item(value) for value in values if lacks(value)]
    if not new:
        return parameter
    types = {Real: (int, float), Integer: (int,)}.get(type(parameter))
    if types and not all(type(value) in types for value in new):
        raise ValueError(f"{name}: expected values for {parameter!r}, got {new[0]!r}")
    if isinstance(parameter, Real) and parameter.step is None:
        return replace(parameter, low=min(parameter.low, *new), high=max(parameter.high, *new))
    if isinstance(parameter, Real):
        return _wider_grid(name, parameter, [float(value) for value in new])
    if isinstance(parameter, Integer):
        return replace(parameter, low=min(parameter.low, *new), high=max(parameter.high, *new))
    if isinstance(parameter, Ordinal):
        if not all(type(value) in (int, float) for value in (*parameter.values, *new)):
            raise ValueError(f"{name}: expected values in the order of {parameter!r}, got {new[0]!r}")
        falls = parameter.values[0] > parameter.values[-1]
        values = sorted({*parameter.values, *new}, reverse=falls)
        return Ordinal(*values, monotone=parameter.monotone, when=parameter.when)
    if isinstance(parameter, Share):
        raise ValueError(f"{name}: expected a share in [0, 1], got {new[0]!r}")
    assert isinstance(parameter, Categorical)
    choices = {canonical(plain(choice)): plain(choice) for choice in (*parameter.choices, *new)}
    return Categorical(*choices.values(), when=parameter.when)


def _wider_grid(name: str, parameter: Real, values: Sequence[float]) -> Real:
    """A grid of reals with its bounds moved by whole steps; a value between two levels is an error."""
    step = Fraction(repr(parameter.step))
    low, high = Fraction(repr(float(parameter.low))), Fraction(repr(float(parameter.high)))
    first = min(0, round((Fraction(repr(min(values))) - low) / step))
    last = max(0, round((Fraction(repr(max(values))) - high) / step))
    wider = replace(parameter, low=float(low + first * step), high=float(high + last * step))
    for value in values:
        try:
            wider.parse(value)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return wider
