"""The measured outcomes of a trial: objectives, limits, a cost, and numbers that are only recorded.

Each kind of outcome is a class, which defines how the search uses the values. The table of trials (`jbo.types.Trials`)
has a column for each objective, then for each limit, then for the cost.
"""

import dataclasses
import json
import math
import numbers
from abc import ABC
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import IntEnum
from functools import cached_property
from typing import Any, ClassVar

from jbo.types import Layout


class Role(IntEnum):
    """Role of an outcome in the search, in the order of the columns of the table."""

    OBJECTIVE = 0
    """Lower is better in the table."""
    LIMIT = 1
    """At most 0 in the table if the limit holds."""
    COST = 2
    """Above 0."""
    NOTE = 3
    """Not in the table."""


@dataclass(frozen=True)
class Outcome(ABC):
    """Base class of all outcomes. A subclass sets `role`, and overrides `to_table` if the table transforms values."""

    role: ClassVar[Role]
    """Role in the search."""

    name: str | Any
    """The key under which an objective returns its value."""

    def __post_init__(self) -> None:
        """Check the name.

        Raises:
          TypeError: The name is not a text.
          ValueError: The name is empty.
        """
        if not isinstance(self.name, str):
            raise TypeError(f"name: expected the name of an outcome, got {self.name!r}")
        if not self.name:
            raise ValueError("name: expected the name of an outcome, got an empty text")

    def to_table(self, value: Any) -> Any:
        """The value in the form of the table.

        Args:
          value: Measured value, a number or a traced scalar.
        """
        return value

    def noise_to_table(self, noise: Any) -> Any:
        """The standard deviation of a value, in the units of the table.

        Args:
          noise: Standard deviation in the units of the value.
        """
        return noise


def _finite(name: str, number: Any) -> float:
    """The number as a float; raises `TypeError` if it is not a number, and `ValueError` if it is not finite."""
    if isinstance(number, bool) or not isinstance(number, numbers.Real):
        raise TypeError(f"{name}: expected a number, got {number!r}")
    try:
        value = float(number)
    except OverflowError:
        raise ValueError(f"{name}: expected a finite number, got one beyond the range of floats") from None
    if not math.isfinite(value):
        raise ValueError(f"{name}: expected a finite number, got {value!r}")
    return value


@dataclass(frozen=True, repr=False)
class _Objective(Outcome):
    """An outcome that is minimised or maximised."""

    role: ClassVar[Role] = Role.OBJECTIVE

    reference: float | Any = None
    """With several objectives: the worst value that still counts, in the units of the value. A trial with a worse value
    adds nothing to the dominated hypervolume. None: it is inferred from the trials. Unused with one objective."""

    def __post_init__(self) -> None:
        """Check the name and the reference.

        Raises:
          TypeError: The reference is not a number.
          ValueError: The reference is not finite.
        """
        super().__post_init__()
        if self.reference is not None:
            object.__setattr__(self, "reference", _finite("reference", self.reference))

    def __repr__(self) -> str:
        known = "" if self.reference is None else f", reference={self.reference!r}"
        return f"{type(self).__name__}(name={self.name!r}{known})"


@dataclass(frozen=True, repr=False)
class Minimize(_Objective):
    """An objective: lower is better."""


@dataclass(frozen=True, repr=False)
class Maximize(_Objective):
    """An objective: higher is better."""

    def to_table(self, value: Any) -> Any:
        """The negative value."""
        return -value


@dataclass(frozen=True)
class _Limit(Outcome):
    """A limit on a measured value."""

    role: ClassVar[Role] = Role.LIMIT

    limit: float | Any
    """The limit, in the units of the value."""

    def __post_init__(self) -> None:
        """Check the name and the limit.

        Raises:
          TypeError: The limit is not a number.
          ValueError: The limit is not finite.
        """
        super().__post_init__()
        object.__setattr__(self, "limit", _finite("limit", self.limit))


@dataclass(frozen=True)
class AtMost(_Limit):
    """A constraint: a trial is feasible if the value is at most the limit."""

    def to_table(self, value: Any) -> Any:
        """The value minus the limit."""
        return value - self.limit


@dataclass(frozen=True)
class AtLeast(_Limit):
    """A constraint: a trial is feasible if the value is at least the limit."""

    def to_table(self, value: Any) -> Any:
        """The limit minus the value."""
        return self.limit - value


@dataclass(frozen=True)
class Cost(Outcome):
    """The cost of a trial, above 0, in any unit. The search divides the acquisition by the expected cost."""

    role: ClassVar[Role] = Role.COST


@dataclass(frozen=True)
class Track(Outcome):
    """A number that is recorded with the trial and does not affect the search."""

    role: ClassVar[Role] = Role.NOTE


KINDS: tuple[type[Outcome], ...] = (Minimize, Maximize, AtMost, AtLeast, Cost, Track)
"""Kinds of outcomes that a study file may hold, by class name."""

VALUE, COST = "value", "cost"
"""Names of the outcomes of a study without ``outcomes``: `Trial.value` and `Trial.cost`."""


class Outcomes(Sequence[Outcome]):
    """The outcomes of a search in the user's order; made by `as_outcomes`.

    Args:
      outcomes: Outcomes with different names: at least one objective, and at most one cost.
      is_named: False for a study without ``outcomes``, whose objective returns a number.

    Raises:
      TypeError: An element is not an outcome.
      ValueError: No outcome is an objective, two outcomes have the same name, or several outcomes are costs.
    """

    def __init__(self, outcomes: Iterable[Outcome | Any], is_named: bool = True):
        self._all = tuple(outcomes)
        self.is_named = is_named
        """True if an objective returns its values by name."""
        for outcome in self._all:
            if not isinstance(outcome, Outcome) or not hasattr(outcome, "role"):
                raise TypeError(f"outcomes: expected a list such as [jbo.Minimize('loss')], got {outcome!r} in it")
        names = [outcome.name for outcome in self._all]
        twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
        if twice is not None:
            raise ValueError(f"outcomes: expected each name once, got {twice!r} twice")
        if not any(outcome.role is Role.OBJECTIVE for outcome in self._all):
            raise ValueError("outcomes: expected at least one jbo.Minimize or jbo.Maximize, got 0")
        if sum(outcome.role is Role.COST for outcome in self._all) > 1:
            raise ValueError("outcomes: expected at most one jbo.Cost, got two")

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, index: Any) -> Any:
        return self._all[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Outcomes) and (self._all, self.is_named) == (other._all, other.is_named)

    def __hash__(self) -> int:
        return hash((self._all, self.is_named))

    def __repr__(self) -> str:
        return f"[{', '.join(map(repr, self._all))}]"

    @cached_property
    def by_name(self) -> dict[str, Outcome]:
        """A dict from the name of each outcome to the outcome, in the user's order."""
        return {outcome.name: outcome for outcome in self._all}

    @cached_property
    def columns(self) -> tuple[Outcome, ...]:
        """Objectives and limits, in the order of the table's columns; a column for the cost would follow."""
        kept = [outcome for outcome in self._all if outcome.role in (Role.OBJECTIVE, Role.LIMIT)]
        return tuple(sorted(kept, key=lambda outcome: outcome.role))

    @cached_property
    def layout(self) -> Layout:
        """What each column of the table means.

        A cost that the user named has a column. An unnamed cost has a column only if the strategy learns it.
        """
        return Layout(
            num_objectives=len(self.columns) - len(self.limits),
            num_limits=len(self.limits),
            has_cost=self.is_named and self.cost is not None,
        )

    def layout_for(self, learns_cost: bool) -> Layout:
        """The columns of a table for a strategy.

        Args:
          learns_cost: True if the strategy learns the cost of trials; the cost then has a column.
        """
        return dataclasses.replace(self.layout, has_cost=self.layout.has_cost or learns_cost)

    @property
    def objectives(self) -> tuple[Outcome, ...]:
        """The objectives, in the order of the columns."""
        return tuple(outcome for outcome in self.columns if outcome.role is Role.OBJECTIVE)

    @property
    def has_several(self) -> bool:
        """True if there is more than one objective."""
        return len(self.objectives) > 1

    @property
    def objective(self) -> Outcome:
        """The only objective.

        Raises:
          ValueError: The outcomes have several objectives.
        """
        if self.has_several:
            names = [outcome.name for outcome in self.objectives]
            raise ValueError(
                f"outcomes: expected one objective for this, got several, {names}; study.pareto has "
                "the trials that no other dominates, and study.of_objective(name) shows the study with one objective"
            )
        return self.columns[0]

    @property
    def references(self) -> tuple[float, ...]:
        """The reference point in the sign of the table; infinite for objectives without a reference."""
        given = [(outcome, getattr(outcome, "reference", None)) for outcome in self.objectives]
        return tuple(math.inf if value is None else float(outcome.to_table(value)) for outcome, value in given)

    @property
    def limits(self) -> tuple[Outcome, ...]:
        """The outcomes with a limit, in the order of the columns."""
        return tuple(outcome for outcome in self.columns if outcome.role is Role.LIMIT)

    @property
    def cost(self) -> Outcome | None:
        """The `Cost` among the outcomes; None if there is none."""
        return next((outcome for outcome in self._all if outcome.role is Role.COST), None)

    @property
    def maximize(self) -> bool:
        """True if higher values of the only objective are better.

        Raises:
          ValueError: The outcomes have several objectives.
        """
        return isinstance(self.objective, Maximize)

    def is_feasible(self, values: Mapping[str, float | None]) -> bool | None:
        """True if all limits hold, False if one does not; None if it depends on a missing value.

        Args:
          values: A dict from the name of each outcome to its measured value; an absent name or None is a missing value.
        """
        excess = [
            None if (value := values.get(outcome.name)) is None else outcome.to_table(value) for outcome in self.limits
        ]
        if any(number is not None and not number <= 0 for number in excess):
            return False
        return None if None in excess else True

    def named(self, name: str) -> Outcome:
        """The outcome with a given name.

        Args:
          name: Name of an outcome.

        Raises:
          ValueError: No outcome has this name; the message suggests the nearest name.
        """
        if name in self.by_name:
            return self.by_name[name]
        near = get_close_matches(str(name), self.by_name, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"outcomes: expected one of {list(self.by_name)}, got {name!r}{hint}")

    @property
    def json_text(self) -> str:
        """The outcomes as JSON text, as in a study file. Equal texts mean equal outcomes.

        Raises:
          ValueError: A file cannot hold a class of these outcomes, see `KINDS`.
        """
        own = next((outcome for outcome in self._all if type(outcome) not in KINDS), None)
        if own is not None:
            names = ", ".join(kind.__name__ for kind in KINDS)
            raise ValueError(f"outcomes: expected kinds that a study file can hold ({names}), got {own!r}")
        plain = [{"kind": type(outcome).__name__, **dataclasses.asdict(outcome)} for outcome in self._all]
        for fields in plain:  # the format of files from before references existed
            if fields.get("reference", 0) is None:
                del fields["reference"]
        return json.dumps({"is_named": self.is_named, "outcomes": plain}, allow_nan=False)

    @classmethod
    def from_json_text(cls, text: str) -> "Outcomes":
        """The outcomes stored in a study file.

        Args:
          text: From `json_text`.

        Raises:
          ValueError: The text is not from `json_text`.
        """
        kinds = {kind.__name__: kind for kind in KINDS}
        try:
            plain = json.loads(text)
        except ValueError as error:
            raise ValueError(f"outcomes: expected JSON, got {text:.100} ({error})") from error
        if not isinstance(plain, dict) or not isinstance(plain.get("outcomes"), list):
            raise ValueError(f"outcomes: expected a list under the key 'outcomes', got {text:.100}")
        made = []
        for fields in plain["outcomes"]:
            if not isinstance(fields, dict) or fields.get("kind") not in kinds:
                raise ValueError(f"outcomes: expected a kind, one of {list(kinds)}, got {fields!r:.100}")
            kind = kinds[fields["kind"]]
            try:
                made.append(kind(**{name: value for name, value in fields.items() if name != "kind"}))
            except TypeError as error:
                names = [field.name for field in dataclasses.fields(kind)]
                raise ValueError(f"outcomes: expected {names} for {fields['kind']}, got {fields!r:.100}") from error
        return cls(made, bool(plain.get("is_named", True)))


def unnamed(maximize: bool = False) -> Outcomes:
    """The outcomes of a search without named outcomes: one value and its cost.

    Args:
      maximize: True if higher values are better.
    """
    return Outcomes([Maximize(VALUE) if maximize else Minimize(VALUE), Cost(COST)], is_named=False)


def as_outcomes(outcomes: Any, maximize: bool = False) -> Outcomes:
    """The user's argument ``outcomes`` as `Outcomes`.

    Args:
      outcomes: A list of outcomes, or `Outcomes`; None: one value.
      maximize: True if higher values are better; only if ``outcomes`` is None.

    Raises:
      TypeError: ``outcomes`` is not a list of outcomes.
      ValueError: As in `Outcomes`; or ``maximize`` is given with a list.
    """
    if outcomes is None:
        return unnamed(maximize)
    if maximize:
        raise ValueError(
            "maximize: expected False with outcomes, which have directions: jbo.Maximize(name); got maximize=True"
        )
    if isinstance(outcomes, Outcomes):
        return outcomes
    if isinstance(outcomes, Outcome | str | Mapping) or not isinstance(outcomes, Iterable):
        hint = f"; write [{outcomes!r}]" if isinstance(outcomes, Outcome) else ""
        raise TypeError(f"outcomes: expected a list such as [jbo.Minimize('loss')], got {outcomes!r}{hint}")
    return Outcomes(outcomes)
