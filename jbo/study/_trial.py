"""What a user sees of one evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from jbo.outcomes import Outcomes


class SpaceExhausted(Exception):
    """Every point of a discrete space was asked for or told: there is nothing new to try."""


class SuggestInfo(NamedTuple):
    """How the strategy's latest suggestion was made."""

    is_model_based: bool
    """False for a point of the initial design."""
    seconds: float
    """How long it took, waiting for a program among it."""
    seconds_compile: float
    """How long it waited for its program to be compiled; 0 where the program was there."""


@dataclass(frozen=True)
class Trial:
    """One evaluation of the objective: a configuration, and what came of it."""

    number: int
    """Counts from 0, in the order in which trials were asked or told."""
    config: dict[str, Any] = field(hash=False)
    """Values by name; names that are not active are absent."""
    status: Literal["pending", "ok", "failed", "stopped", "abandoned"]
    """``pending`` until it is told; ``stopped`` if it was told to end on its way; ``abandoned`` by `Study.abandon`."""
    value: float | None = field(hash=False)
    """The objective's value, in the user's sign. None unless ``status`` is ``ok``, or if the value is missing. The last
    of the intermediate values is what is known of a stopped trial. With several objectives there is no such value: the
    attribute raises a `ValueError`, and ``values`` has that of each of them."""
    started_at: float
    """When it was asked or told, in seconds since 1970."""
    ended_at: float | None
    """When it was told or abandoned, in seconds since 1970; None while pending."""
    failure: str | None
    """Why it failed: the traceback, or the reason that was told; None unless ``status`` is ``failed``."""
    study_id: str = field(repr=False)
    """Which study it belongs to."""
    intermediate_values: dict[int, float] = field(default_factory=dict, hash=False, repr=False)
    """What it reported on its way: values by step, in the order of the steps; NaN where one was not finite. With
    several objectives they are those of one of them, see ``reported``."""
    cost: float | None = None
    """What it cost, in the user's unit, as far as that was told; the seconds are between the two times."""
    noise: float | None = None
    """Standard deviation of the value around the true one, as far as that was told; with several objectives ``noises``
    has them."""
    values: dict[str, float] = field(default_factory=dict, hash=False)
    """Everything that was measured, by the name of the outcome; missing outcomes are absent."""
    noises: dict[str, float] = field(default_factory=dict, hash=False, repr=False)
    """Standard deviations of values, by the name of the outcome, as far as they were told."""
    is_feasible: bool | None = True
    """Whether all limits on outcomes hold; True where there are none. None while it is pending, if it failed or was
    abandoned, or if a missing value decides it."""
    reported: str | None = None
    """The name of the objective whose intermediate values there are; None if there are none."""

    def __getattr__(self, name: str) -> Any:
        if name == "value":  # taken away by `without_value`
            raise ValueError(
                "value: expected a study with one objective, got several, of which a trial has no single value; "
                "trial.values has that of each of them by name, and study.of_objective(name) has trials of one of them"
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other) if type(other) is type(self) else NotImplemented

    def __repr__(self) -> str:
        from jbo.study.view import line_of_trial  # which imports this file

        return line_of_trial(self)

    def _repr_html_(self) -> str:
        from jbo.study.view import of_trial  # which imports this file

        return of_trial(self)

    @property
    def is_finished(self) -> bool:
        """True if it has ended and was not abandoned: `Study.optimize` counts such trials."""
        return self.status not in ("pending", "abandoned")

    def copy(self) -> "Trial":
        """The same trial with dicts of its own, so that nobody changes those of anybody else."""
        same = object.__new__(type(self))
        vars(same).update({k: dict(v) if isinstance(v, dict) else v for k, v in vars(self).items()})
        return same

    @property
    def is_of_several(self) -> bool:
        """True if its study has several objectives, so that there is no `value`."""
        return "value" not in vars(self)

    def without_value(self) -> "Trial":
        """This trial as one of several objectives, of which it has no single value; it changes in place."""
        vars(self).pop("value", None)
        return self


def best_of(trials: Sequence[Trial], maximize: bool) -> Trial | None:
    """The feasible trial with the best value that was seen, the first of equals; None if there is none.

    Args:
      trials: By number.
      maximize: True if higher values are better.
    """
    sign = -1.0 if maximize else 1.0
    values = [(sign * trial.value, trial.number) for trial in trials if trial.value is not None and trial.is_feasible]
    return trials[min(values)[1]] if values else None


def why_none(trials: Sequence[Trial], outcomes: Outcomes) -> str:
    """Why there is no trial that `best_of` could give, in words.

    Args:
      trials: Of a study.
      outcomes: Of the study.
    """
    names = [objective.name for objective in outcomes.objectives]
    measured = [trial for trial in trials if trial.status == "ok" and all(name in trial.values for name in names)]
    if not measured:
        which = f"a value of {names[0]!r}" if len(names) == 1 else f"values of all of {names}"
        return f"no trial has {which}" if any(t.status == "ok" for t in trials) else "no trial has succeeded"
    values = {limit: [trial.values.get(limit.name) for trial in measured] for limit in outcomes.limits}
    num_broken = {
        limit: sum(value is not None and limit.to_table(value) > 0 for value in of_limit)
        for limit, of_limit in values.items()
    }
    num_missing = {limit: of_limit.count(None) for limit, of_limit in values.items()}
    worst = max(values, key=lambda limit: (num_broken[limit], num_missing[limit]))
    how = f"{num_broken[worst]} break" if num_broken[worst] else f"{num_missing[worst]} have no value for"
    return f"none of the {len(measured)} trials that succeeded meets all limits ({how} {worst})"
