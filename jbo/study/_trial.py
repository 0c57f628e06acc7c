"""The public record of one evaluation of the objective."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from jbo.outcomes import Outcomes


class SpaceExhausted(Exception):
    """Every point of a discrete space has been suggested or observed: there is nothing new to try."""


class SuggestInfo(NamedTuple):
    """Diagnostics of a study's suggestion."""

    is_model_based: bool
    """False for a point of the initial design."""
    seconds: float
    """Duration in seconds, including the wait for a compilation."""
    seconds_compile: float
    """Seconds of waiting for a compilation; 0 if the program was ready."""


@dataclass(frozen=True)
class Trial:
    """One evaluation of the objective: a configuration and its result."""

    number: int
    """Number of the trial in its study, from 0, in the order of creation."""
    config: dict[str, Any] = field(hash=False)
    """A dict from the name of each parameter to its value; inactive parameters are absent."""
    status: Literal["pending", "ok", "failed", "stopped", "abandoned"]
    """``pending`` until `Study.tell` writes the result; ``stopped`` if a pruner ended it early; ``abandoned`` by
    `Study.abandon`."""
    value: float | None = field(hash=False)
    """Value of the objective, in the user's sign. None unless ``status`` is ``ok``, or if the value is missing. For a
    stopped trial see the last of ``intermediate_values``. With several objectives the attribute raises a `ValueError`;
    ``values`` holds the value of each objective."""
    started_at: float
    """Time at which the trial was created by `Study.ask` or `Study.tell`, in seconds since 1970."""
    ended_at: float | None
    """Time at which the trial ended or was abandoned, in seconds since 1970; None while pending."""
    failure: str | None
    """Traceback, or the reason given to `Study.tell`; None unless ``status`` is ``failed``."""
    study_id: str = field(repr=False)
    """Identifier of the study that the trial belongs to."""
    intermediate_values: dict[int, float] = field(default_factory=dict, hash=False, repr=False)
    """Reported intermediate values by step, in the order of the steps; NaN for a value that was not finite. With
    several objectives they belong to the objective ``reported``."""
    cost: float | None = None
    """Cost in the user's unit, None if unknown. The duration in seconds is ``ended_at - started_at``."""
    noise: float | None = None
    """Standard deviation of the observation noise of the value, None if unknown. With several objectives see
    ``noises``."""
    values: dict[str, float] = field(default_factory=dict, hash=False)
    """A dict from the name of each outcome to its observed value; missing values are absent."""
    noises: dict[str, float] = field(default_factory=dict, hash=False, repr=False)
    """A dict from the name of each outcome to the standard deviation of its noise; unknown ones are absent."""
    is_feasible: bool | None = True
    """True if the trial meets all limits, also if there are none. None while it is pending, if it failed or was
    abandoned, or if it depends on a missing value."""
    reported: str | None = None
    """Name of the objective of ``intermediate_values``; None if there are no such values."""

    def __getattr__(self, name: str) -> Any:
        if name == "value":  # removed by `without_value`
            raise ValueError(
                "value: expected a study with one objective, got several, so that a trial has no single value; "
                "trial.values[name] is the value of one objective, and study.of_objective(name) shows the study with it"
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __eq__(self, other: object) -> bool:
        return vars(self) == vars(other) if type(other) is type(self) else NotImplemented

    def __repr__(self) -> str:
        from jbo.study.view import line_of_trial  # view imports this module

        return line_of_trial(self)

    def _repr_html_(self) -> str:
        from jbo.study.view import of_trial  # view imports this module

        return of_trial(self)

    @property
    def is_finished(self) -> bool:
        """True if the trial has ended and was not abandoned. `Study.optimize` counts such trials."""
        return self.status not in ("pending", "abandoned")

    def copy(self) -> "Trial":
        """The same trial with copies of its dicts, so that a change of one does not change the other."""
        same = object.__new__(type(self))
        vars(same).update({k: dict(v) if isinstance(v, dict) else v for k, v in vars(self).items()})
        return same

    @property
    def is_of_several(self) -> bool:
        """True if the study has several objectives, so that there is no `value`."""
        return "value" not in vars(self)

    def without_value(self) -> "Trial":
        """This trial, without its attribute `value`, for a study of several objectives; it is changed in place."""
        vars(self).pop("value", None)
        return self


def best_of(trials: Sequence[Trial], maximize: bool) -> Trial | None:
    """The feasible trial with the best observed value, among equal trials the first; None without such a trial.

    Args:
      trials: Trials in the order of their numbers.
      maximize: True if higher values are better.
    """
    sign = -1.0 if maximize else 1.0
    values = [(sign * trial.value, trial.number) for trial in trials if trial.value is not None and trial.is_feasible]
    return trials[min(values)[1]] if values else None


def why_none(trials: Sequence[Trial], outcomes: Outcomes) -> str:
    """The reason, in words, why `best_of` finds no trial.

    Args:
      trials: Trials of a study.
      outcomes: Outcomes of the study.
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
