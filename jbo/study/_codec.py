"""A configuration in its three forms: values by name, text in the file, a point in the unit cube."""

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
    """The text of a configuration as a study file holds it.

    Args:
      values: What `Space.validate` gave.
    """
    return json.dumps({name: as_json(value) for name, value in values.items()}, allow_nan=False)


class Configuration:
    """A valid configuration of a space.

    Args:
      space: Where the study searches.
      values: What `Space.validate` gave.
      text: As the file holds it.
    """

    def __init__(self, space: Space, values: dict[str, Any], text: str):
        self.values, self.text = values, text
        self._space = space

    @cached_property
    def x(self) -> Float[np.ndarray, " d"]:
        """Its point in the unit cube, which is found at the first use: who only reads a file needs none."""
        return self._space.encode_valid(self.values)

    @property
    def is_allowed(self) -> bool:
        """True if the constraint of the space holds at it; `ValueError` if that raised or gave no truth value."""
        constraint = self._space.constraint
        return constraint is None or is_allowed(constraint, self.values)


class Codec:
    """Makes configurations and trials of what a user, a strategy or the file gives.

    A configuration is validated and encoded once in the life of a study, when it enters. Its text tells it from
    others.

    Args:
      space: Where the study searches.
      outcomes: Of the study.
      study_id: Of the study.
    """

    def __init__(self, space: Space, outcomes: Outcomes, study_id: str):
        self._space, self._outcomes, self._study_id = space, outcomes, study_id
        self._known: dict[str, Configuration] = {}

    def of_values(self, values: Mapping[str, Any]) -> Configuration:
        """The configuration that a user or a strategy gave.

        Args:
          values: By name.

        Raises:
          ValueError: They are no configuration of the space.
        """
        valid = self._space.validate(values)
        text = text_of(valid)
        return self._known.setdefault(text, Configuration(self._space, valid, text))

    def of_text(self, text: str) -> Configuration:
        """The configuration that stands in the file.

        Args:
          text: What `text_of` gave, perhaps in another process.

        Raises:
          ValueError: It is no configuration of the space.
        """
        known = self._known.get(text)
        if known is None:
            known = Configuration(self._space, self._space.config_from_json(json.loads(text)), text)
            known = self._known.setdefault(text, known)
        return known

    def trial(self, record: Record) -> Trial:
        """The trial that a row of the file holds.

        Args:
          record: The row.

        Raises:
          ValueError: Its text is no configuration of the space.
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
    """Fields of a trial that follow from what was measured.

    Args:
      outcomes: Of the study.
      status: Of the trial.
      values: By the name of the outcome.
      noises: Standard deviations by the name of the outcome.
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
"""Fields that a trial takes from a row as they are."""
