"""Diagnostics of several objectives and of limits: trade-offs, binding limits, and reasons of infeasibility."""

from collections.abc import Iterable
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from jbo.outcomes import AtMost, Maximize, Outcome, Outcomes, as_outcomes
from jbo.study import Trial
from jbo.study.front import front_of, losses_of, volumes_of

_MOST_NAMED = 3
"""Maximum number of trials whose numbers are listed in a sentence."""


@runtime_checkable
class Measured(Protocol):
    """An object with trials and outcomes: a `jbo.Study`, or a loaded study file."""

    @property
    def outcomes(self) -> Outcomes:
        """Outcomes of a trial."""
        ...

    @property
    def trials(self) -> list[Trial]:
        """All trials, in the order of their numbers."""
        ...


class Tradeoff(NamedTuple):
    """The objectives of the successful trials, one row for each trial, in the user's units."""

    names: tuple[str, ...]
    """Names of the objectives."""
    is_better_high: tuple[bool, ...]
    """For each objective, True if higher values are better."""
    trials: tuple[Trial, ...]
    """Trials with a value of each objective, in the order of their numbers."""
    values: Float[np.ndarray, "n k"]
    """Values of the objectives."""
    is_feasible: Bool[np.ndarray, " n"]
    """True for trials that are known to meet all limits."""
    is_front: Bool[np.ndarray, " n"]
    """True for feasible trials that no other feasible trial dominates."""
    reference: dict[str, float]
    """Reference point of the hypervolume, a dict from the name of each objective to a value."""

    def staircase(self, one: int, other: int) -> Float[np.ndarray, "m 2"]:
        """The border of the region that the front dominates, in the plane of two objectives, up to the reference.

        Args:
          one: Column of the horizontal axis.
          other: Column of the vertical axis.

        Returns:
          Corners of the border; no rows if no trial is in the front.
        """
        signs = np.array([-1.0 if high else 1.0 for high in self.is_better_high])[[one, other]]
        edge = np.array([self.reference[self.names[j]] for j in (one, other)]) * signs
        points = self.values[self.is_front][:, [one, other]] * signs
        points = points[(points < edge).all(axis=1)]
        points = points[np.lexsort((points[:, 1], points[:, 0]))]
        if not len(points):
            return np.zeros((0, 2))
        lowest = np.minimum.accumulate(np.append(edge[1], points[:, 1]))
        points, above = points[points[:, 1] < lowest[:-1]], lowest[:-1][points[:, 1] < lowest[:-1]]
        corners = [corner for (x, y), top in zip(points, above, strict=True) for corner in ((x, top), (x, y))]
        return np.array([*corners, (edge[0], points[-1, 1])]) * signs


def tradeoff(study: Measured) -> Tradeoff:
    """The objectives of all successful trials, and the Pareto front.

    Args:
      study: A study, or a loaded study file. With one objective the front is the best trial.

    Raises:
      ValueError: No trial has a value of each objective.
    """
    outcomes = study.outcomes
    names = tuple(objective.name for objective in outcomes.objectives)
    trials = tuple(t for t in study.trials if t.status == "ok" and all(name in t.values for name in names))
    if not trials:
        raise ValueError(f"study: expected at least one trial with values of {list(names)}, got none")
    is_front = {trial.number for trial in front_of(trials, outcomes)}
    return Tradeoff(
        names,
        tuple(isinstance(objective, Maximize) for objective in outcomes.objectives),
        trials,
        np.array([[trial.values[name] for name in names] for trial in trials], np.float64),
        losses_of(trials, outcomes)[1],
        np.array([trial.number in is_front for trial in trials]),
        volumes_of(trials, outcomes).reference,
    )


class Hypervolume(NamedTuple):
    """Hypervolume of the trials so far."""

    numbers: Int[np.ndarray, " n"]
    """Numbers of the finished trials."""
    so_far: Float[np.ndarray, " n"]
    """Hypervolume of the feasible trials up to each trial, in the product of the objectives' units."""
    reference: dict[str, float]
    """A dict from the name of each objective to its reference value: the user's, or one inferred from all trials."""


def hypervolume(study: Measured) -> Hypervolume:
    """The hypervolume after each trial, with one reference point for all of them.

    Args:
      study: A study, or a loaded study file.

    Raises:
      ValueError: No trial has ended.
    """
    ended = [trial for trial in study.trials if trial.is_finished]
    if not ended:
        raise ValueError("study: expected at least one trial that ended, got none")
    found = volumes_of(ended, study.outcomes)
    return Hypervolume(np.array([trial.number for trial in ended]), found.so_far, found.reference)


class LimitUse(NamedTuple):
    """The effect of a limit: how many trials break it, and how near the best trials come to it."""

    outcome: Outcome
    """The limit."""
    num_trials: int
    """Number of trials with a value of the limited outcome."""
    num_broken: int
    """Number of trials that break the limit."""
    num_alone: int
    """Number of trials that break this limit and meet all other limits."""
    nearest: Trial | None
    """The trial of the front, or the best trial, that is nearest to the limit; None if no trial is feasible."""
    gained: tuple[Trial, ...]
    """Trials that break only this limit, and would be among the best without it."""

    @property
    def binds(self) -> bool:
        """True if a trial would be among the best without this limit."""
        return bool(self.gained)

    def __str__(self) -> str:
        """The effect of the limit in two or three sentences."""
        name, share = limit_in_words(self.outcome), f"{self.num_broken} of {self.num_trials} trials break it"
        if self.num_alone:
            share += f", and {self.num_alone} break it alone"
        if self.gained:
            numbers = [str(trial.number) for trial in self.gained[:_MOST_NAMED]]
            others = [f"{len(self.gained) - _MOST_NAMED} more"] if len(self.gained) > _MOST_NAMED else []
            listed = " and ".join(filter(None, [", ".join((numbers + others)[:-1]), (numbers + others)[-1]]))
            found = f"binds: without it trial{'s' if len(self.gained) > 1 else ''} {listed} would be among the best"
        else:
            found = "does not bind: no trial that breaks it alone would be among the best"
        near = "No trial is feasible."
        if self.nearest is not None:
            near = f"The nearest of the best trials, {self.nearest.number}, has {self.value}."
        return f"{name} {found}. {share}. {near}"

    @property
    def value(self) -> str:
        """The value of the nearest trial as text; empty if there is no such trial."""
        return "" if self.nearest is None else _number(self.nearest.values[self.outcome.name])


def limits(study: Measured) -> list[LimitUse]:
    """For each limit of a study, which trials break it, and whether it binds.

    Args:
      study: A study, or a loaded study file.

    Returns:
      A list in the order of the outcomes; empty for a study without limits.
    """
    outcomes = study.outcomes
    best = front_of(study.trials, outcomes)
    measured = [trial for trial in study.trials if trial.status == "ok"]
    found = []
    for limit in outcomes.limits:
        known = [trial for trial in measured if limit.name in trial.values]
        excess = {trial.number: limit.to_table(trial.values[limit.name]) for trial in known}
        broken = [trial for trial in known if excess[trial.number] > 0]
        others = [other for other in outcomes.limits if other is not limit]
        alone = [trial for trial in broken if all(_holds(other, trial) for other in others)]
        nearest = max(best, key=lambda trial: excess[trial.number], default=None)
        gained = tuple(trial for trial in alone if _would_be_best(trial, best, alone, outcomes))
        found.append(LimitUse(limit, len(known), len(broken), len(alone), nearest, gained))
    return found


def _would_be_best(trial: Trial, best: list[Trial], others: list[Trial], outcomes: Outcomes) -> bool:
    """True if neither a best trial is at least as good, nor another trial dominates it."""

    def losses(each: Trial) -> np.ndarray:
        return np.array([float(o.to_table(each.values.get(o.name, np.inf))) for o in outcomes.objectives])

    own = losses(trial)
    if any((losses(each) <= own).all() for each in best):
        return False
    return not any((losses(each) <= own).all() and (losses(each) < own).any() for each in others)


def why_infeasible(trial: Trial, outcomes: Outcomes | Iterable[Outcome]) -> str:
    """A sentence that says which limits a trial breaks and by how much, or else describes its feasibility.

    Args:
      trial: A trial of any status.
      outcomes: Outcomes of the study.

    Example:
      >>> import jbo
      >>> study = jbo.Study(jbo.Space(x=jbo.Real(0, 1)), outcomes=[jbo.Minimize("loss"), jbo.AtMost("memory", 8.0)])
      >>> trial = study.tell({"x": 0.5}, {"loss": 0.1, "memory": 9.2})
      >>> print(why_infeasible(study.trials[0], study.outcomes))
      Trial 0 is infeasible: memory is 9.2, above its limit of 8 by 1.2 (15 %).
    """
    outcomes = as_outcomes(outcomes)
    who = f"Trial {trial.number}"
    if not trial.is_finished:
        return f"{who} has not ended, so nobody knows whether it is feasible."
    if trial.status == "failed":
        lines = (trial.failure or "").strip().splitlines()
        return f"{who} has failed{f' ({lines[-1].strip()})' if lines else ''}, so its limits are not known."
    if not outcomes.limits:
        return f"{who} is feasible: the study has no limits."
    broken = [limit for limit in outcomes.limits if _holds(limit, trial) is False]
    missing = [limit.name for limit in outcomes.limits if limit.name not in trial.values]
    if broken:
        parts = [_broken_in_words(limit, trial.values[limit.name]) for limit in broken]
        return f"{who} is infeasible: {'; '.join(parts)}."
    if missing:
        return f"{who} may be infeasible: it has no value of {' and '.join(missing)}."
    nearest = max(outcomes.limits, key=lambda limit: _share(limit, trial.values[limit.name]))
    every = "its limit holds" if len(outcomes.limits) == 1 else "all limits hold; the nearest is"
    value = f"{nearest.name} is {_number(trial.values[nearest.name])}"
    return (
        f"{who} is feasible: {every}{',' if len(outcomes.limits) == 1 else ''} {limit_in_words(nearest)}, and {value}."
    )


def limit_in_words(limit: Outcome) -> str:
    """A limit as a formula, such as ``memory ≤ 8``.

    Args:
      limit: A `jbo.AtMost`, a `jbo.AtLeast`, or a user's own limit.
    """
    number = getattr(limit, "limit", None)
    if number is None:
        return limit.name
    return f"{limit.name} {'≤' if isinstance(limit, AtMost) else '≥'} {_number(number)}"


def _holds(limit: Outcome, trial: Trial) -> bool | None:
    value = trial.values.get(limit.name)
    return None if value is None else bool(limit.to_table(value) <= 0)


def _share(limit: Outcome, value: float) -> float:
    """Excess of a value over its limit, as a fraction of the limit."""
    return float(limit.to_table(value)) / (abs(getattr(limit, "limit", 0.0)) or 1.0)


def _broken_in_words(limit: Outcome, value: float) -> str:
    number = getattr(limit, "limit", None)
    if number is None:
        return f"{limit.name} is {_number(value)}, which breaks its limit"
    side = "above" if isinstance(limit, AtMost) else "below"
    share = _share(limit, value)
    share = f" ({100 * share:.0f} %)" if number and share < 10 else ""
    excess = _number(float(limit.to_table(value)))
    return f"{limit.name} is {_number(value)}, {side} its limit of {_number(number)} by {excess}{share}"


def _number(value: float) -> str:
    """A number with four digits, or seven from 10,000 on."""
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.7g}"
