"""The three forms of a configuration: a dict of values, text in the file, a point of the unit cube."""

import dataclasses
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from jbo.choices import as_json
from jbo.constraint import is_allowed
from jbo.outcomes import Outcomes
from jbo.space import Space
from jbo.study._record import Record
from jbo.study._trial import Trial


def text_of(values: Mapping[str, Any]) -> str:
    """The text of a configuration in a study file.

    Args:
      values: Valid values, from `Space.validate`.
    """
    return json.dumps({name: as_json(value) for name, value in values.items()}, allow_nan=False)


class Configuration:
    """A valid configuration of a space.

    Args:
      space: The search space.
      values: Valid values, from `Space.validate`.
      text: Text of the configuration in the file.
    """

    def __init__(self, space: Space, values: dict[str, Any], text: str):
        self.values, self.text = values, text
        self._space = space

    @cached_property
    def x(self) -> Float[np.ndarray, " d"]:
        """The point of the unit cube, computed at the first use, because a reader of the file does not need it."""
        return self._space.encode_valid(self.values)

    @property
    def is_allowed(self) -> bool:
        """True if the configuration satisfies the constraint of the space.

        `ValueError` if the constraint raises an error or does not return a truth value.
        """
        constraint = self._space.constraint
        return constraint is None or is_allowed(constraint, self.values)


class Codec:
    """Converts values of a user or a strategy, and rows of the file, to configurations and trials.

    Values of a user or a strategy are validated at each call, and a text of the file at its first use. A configuration
    is encoded only once in the life of a `Study` object. Its text identifies it.

    Args:
      space: The search space.
      outcomes: Outcomes of the study.
      study_id: Identifier of the study.
    """

    def __init__(self, space: Space, outcomes: Outcomes, study_id: str):
        self._space, self._outcomes, self._study_id = space, outcomes, study_id
        self._known: dict[str, Configuration] = {}

    def of_values(self, values: Mapping[str, Any]) -> Configuration:
        """The configuration with the values of a user or a strategy, which are validated at each call.

        Args:
          values: A dict from the name of each parameter to its value.

        Raises:
          ValueError: The values are not a configuration of the space.
        """
        valid = self._space.validate(values)
        text = text_of(valid)
        return self._known.setdefault(text, Configuration(self._space, valid, text))

    def of_text(self, text: str) -> Configuration:
        """The configuration with a text from the file.

        Args:
          text: Text from `text_of`, perhaps of another process.

        Raises:
          ValueError: The text is not a configuration of the space.
        """
        known = self._known.get(text)
        if known is None:
            known = Configuration(self._space, self._space.config_from_json(json.loads(text)), text)
            known = self._known.setdefault(text, known)
        return known

    def trial(self, record: Record) -> Trial:
        """The trial that is stored in a row of the file.

        Args:
          record: The row.

        Raises:
          ValueError: The text of the row is not a configuration of the space.
        """
        trial = Trial(
            **{name: getattr(record, name) for name in _AS_THEY_ARE},
            config=self.of_text(record.config).values,
            study_id=self._study_id,
            **known_of(self._outcomes, record.status, record.values, record.noises),
        )
        return trial.without_value() if self._outcomes.has_several else trial


def known_of(
    outcomes: Outcomes, status: str, values: Mapping[str, float], noises: Mapping[str, float]
) -> dict[str, Any]:
    """Fields of a trial that follow from the measured values.

    Args:
      outcomes: Outcomes of the study.
      status: Status of the trial.
      values: A dict from the name of each outcome to its value.
      noises: A dict from the name of each outcome to the standard deviation of its noise.
    """
    objective, cost = None if outcomes.has_several else outcomes.objective.name, outcomes.cost
    return {
        "values": {each.name: values[each.name] for each in outcomes if each.name in values},
        "value": values.get(objective) if objective is not None and status == "ok" else None,
        "cost": None if cost is None else values.get(cost.name),
        "noise": None if objective is None else noises.get(objective),
        "is_feasible": outcomes.is_feasible(values) if status in ("ok", "stopped") else None,
    }


_AS_THEY_ARE = tuple(
    each.name
    for each in dataclasses.fields(Trial)
    if each.name in Record._fields and each.name not in ("config", "values")
)
"""Fields that a trial takes unchanged from a row."""
