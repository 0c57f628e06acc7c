"""What a study is, whatever its trials: how arguments that make none, and files of another one, are told."""

import json
import operator
import os
from typing import Any

import numpy as np

from jbo.space import Space
from jbo.strategies import Strategy
from jbo.study._storage import Header


def check_strategy(strategy: Any, space: Space) -> Strategy:
    """The strategy, if it is one and made for the space.

    Raises:
      TypeError: It is no strategy.
      ValueError: It is one of another space.
    """
    if not isinstance(strategy, Strategy):
        raise TypeError(f"expected a strategy such as jbo.bayesian(space), got {strategy!r}")
    if strategy.encoding.columns != space.encoding.columns:
        raise ValueError(
            f"expected a strategy made for the study's space, with columns {space.encoding.columns}, "
            f"got one with columns {strategy.encoding.columns}"
        )
    return strategy


def check_seed(seed: int | np.integer) -> int:
    """The seed as a Python integer; `ValueError` if it is none."""
    if isinstance(seed, bool) or not 0 <= operator.index(seed) < 2**63:
        raise ValueError(f"expected a seed from 0 to 2**63 - 1, got {seed!r}")
    return operator.index(seed)


def stored_space(header: Header, path: str | os.PathLike[str] | None) -> Space:
    """The space that a file holds, without its constraint; `OSError` if the file is damaged."""
    try:
        return Space.from_json(json.loads(header.space))
    except ValueError as error:
        raise OSError(f"the study file {path} is damaged, its space cannot be read: {error}") from error


def check_same_study(
    header: Header, space: Space, maximize: bool, seed: int | None, path: str | os.PathLike[str] | None
) -> None:
    """Raise `ValueError` if a file holds another study than the arguments say.

    Args:
      header: Of the file.
      space: As asked for.
      maximize: As asked for.
      seed: As asked for; None: any.
      path: The file.
    """
    where = "this study" if path is None else str(path)
    difference = stored_space(header, path).describe_difference(space, here="in the file", there="as given")
    if difference is not None:
        raise ValueError(
            f"{where} holds a study of another space than the one given: {difference}; a new space needs a new path "
            "(Study.from_trials takes the trials along)"
        )
    if header.maximize != maximize:
        raise ValueError(f"{where} has maximize={header.maximize}, got maximize={maximize}")
    if seed is not None and header.seed != seed:
        raise ValueError(f"{where} has seed={header.seed}, got seed={seed}; leave seed out to go on with the file's")
