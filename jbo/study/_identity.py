"""The identity of a study: checks of its arguments, and of a file against the arguments."""

import json
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from jbo.candidates import have_same_candidates
from jbo.encoding import Column
from jbo.outcomes import Outcomes
from jbo.space import Space
from jbo.strategies import Strategy
from jbo.study._record import Header
from jbo.study.storage import Storage


def check_strategy(strategy: Any, space: Space) -> Strategy:
    """The strategy, if it was made for the space.

    Raises:
      TypeError: The argument is not a strategy.
      ValueError: The strategy was made for another space.
    """
    if not isinstance(strategy, Strategy):
        name = getattr(strategy, "__name__", strategy if isinstance(strategy, str) else "")
        is_maker = callable(strategy) or isinstance(strategy, str)
        hint = f"; write jbo.{name}(space)" if is_maker and name in _STRATEGIES else ""
        raise TypeError(f"expected a strategy such as jbo.bayesian(space), got {strategy!r}{hint}")
    if strategy.encoding.columns != space.encoding.columns:
        ours, theirs = _in_words(space.encoding.columns), _in_words(strategy.encoding.columns)
        raise ValueError(
            f"expected a strategy made for the study's space, with columns {ours}, got one with columns {theirs}"
        )
    if not have_same_candidates(strategy.encoding, space.encoding):
        raise ValueError("expected a strategy made for the study's space, got one for another list of candidates")
    return strategy


def _in_words(columns: Sequence[Column]) -> str:
    def shown(column: Column) -> str:
        levels = f" of {column.num_levels} levels" if column.num_levels else ""
        known = "" if column.parent < 0 else f" under a condition on column {column.parent}"
        known += f" of period {column.period:.4g}" if column.period else ""
        known += {1: " increasing", -1: " decreasing"}.get(column.monotone, "")
        return f"{column.kind}{levels}{known}"

    return f"({', '.join(map(shown, columns[:8]))}{f', … {len(columns)} in all' if len(columns) > 8 else ''})"


def strategy_of(make: Any, space: Space) -> Strategy:
    """The strategy that a function returns for a space.

    Raises:
      TypeError: The argument is not a function.
    """
    if isinstance(make, Strategy) or not callable(make):
        given = f"a {type(make).__name__} that is made already" if isinstance(make, Strategy) else repr(make)
        raise TypeError(
            f"strategy: expected a function of a space such as jbo.bayesian, got {given}; for options write "
            "strategy=lambda space: jbo.bayesian(space, …)"
        )
    return check_strategy(make(space), space)


_STRATEGIES = ("bayesian", "grid_search", "parzen", "random_search", "sobol_search", "trust_region")


def check_maximize(maximize: Any) -> bool:
    """The argument ``maximize`` as a bool; `TypeError` if it is not a truth value."""
    if not isinstance(maximize, bool | np.bool_):
        raise TypeError(f"maximize: expected True or False, got {maximize!r}")
    return bool(maximize)


def check_names(outcomes: Outcomes) -> Outcomes:
    """The outcomes unchanged; `ValueError` if a study file cannot store one of the names."""
    for name in outcomes.by_name:
        try:
            name.encode()
        except UnicodeEncodeError:  # a lone surrogate
            raise ValueError(f"outcomes: expected names that can be written as UTF-8, got {name!r}") from None
    return outcomes


def check_path(path: Any) -> str | os.PathLike[str] | None:
    """The path unchanged; `TypeError` if it is not a path."""
    if path is not None and not isinstance(path, str | os.PathLike):
        raise TypeError(f"path: expected the name of a file, or None for a study in memory, got {path!r}")
    return path


def header_in_file(path: Any) -> Header:
    """The header of a study file.

    Args:
      path: As in `Study.open`.

    Raises:
      TypeError, FileNotFoundError, ValueError, OSError: As in `Study.open`.
    """
    if check_path(path) is None:
        raise TypeError("path: expected the name of a study file, got None")
    if not os.fspath(path).startswith("file:") and not os.path.exists(path):
        raise FileNotFoundError(f"there is no study {os.fspath(path)}")
    storage = Storage(path)
    try:
        header = storage.stored_header()
    finally:
        storage.close()
    if header is None:
        raise ValueError(f"{os.fspath(path)} holds no study yet")
    return header


def stored_space(header: Header, path: str | os.PathLike[str] | None) -> Space:
    """The space stored in a file, without its constraint; `OSError` if the file is damaged."""
    try:
        return Space.from_json(json.loads(header.space))
    except ValueError as error:
        raise OSError(f"the study file {path} is damaged, its space cannot be read: {error}") from error


def stored_outcomes(header: Header, path: str | os.PathLike[str] | None) -> Outcomes:
    """The outcomes stored in a file; `OSError` if the file is damaged."""
    try:
        return Outcomes.from_json_text(header.outcomes)
    except ValueError as error:
        raise OSError(f"the study file {path} is damaged, its outcomes cannot be read: {error}") from error


def check_same_study(
    header: Header, space: Space, outcomes: Outcomes, seed: int | None, path: str | os.PathLike[str] | None
) -> None:
    """Raise `ValueError` if the study of a file differs from the arguments.

    Args:
      header: Header of the file.
      space: The user's argument.
      outcomes: The user's argument, in any order.
      seed: The user's argument; None: any seed.
      path: The file.
    """
    where = "this study" if path is None else str(path)
    difference = None
    if header.space != space.json_text:
        difference = stored_space(header, path).describe_difference(space, here="in the file", there="as given")
    if difference is not None:
        raise ValueError(
            f"{where} holds a study of another space than the one given: {difference}; a new space needs a new path "
            "(Study.from_trials copies the trials)"
        )
    stored = stored_outcomes(header, path)
    if stored.is_named != outcomes.is_named:
        has, got = (list(each) if each.is_named else "no named outcomes" for each in (stored, outcomes))
        raise ValueError(f"{where} has {has}, got {got}")
    if stored.is_named:
        for name in [*stored.by_name, *outcomes.by_name]:
            has, got = stored.by_name.get(name, "no outcome"), outcomes.by_name.get(name, "no outcome")
            if has != got:
                raise ValueError(f"{where} has {has} under the name {name!r}, got {got}")
    elif stored.maximize != outcomes.maximize:
        raise ValueError(f"{where} has maximize={stored.maximize}, got maximize={outcomes.maximize}")
    if seed is not None and header.seed != seed:
        raise ValueError(f"{where} has seed={header.seed}, got seed={seed}; leave seed out to use the seed of the file")
