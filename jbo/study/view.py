"""HTML cards of a study and of a trial for notebooks, and a trial as one line of text."""

import heapq
import os
from collections.abc import Sequence

from jbo.markup import Table, card, shown
from jbo.outcomes import COST, VALUE, Maximize, Outcomes
from jbo.space import Space
from jbo.study._trial import Trial, best_of
from jbo.study._trial import why_none as why_none
from jbo.study.front import front_of

_MOST = 10
"""Maximum number of listed trials."""
_MOST_NAMES = 20
"""Maximum number of parameters with a column."""
_LONGEST = 200
"""Maximum number of characters of a configuration in a line."""


def line_of_trial(trial: Trial) -> str:
    """A trial as one line of text: number, status, result, configuration.

    Args:
      trial: A trial of any status.
    """
    config = repr(trial.config)
    config = config if len(config) <= _LONGEST else config[: _LONGEST - 1] + "…"
    return f"<Trial {trial.number}: {trial.status}{_outcome(trial)}, {config}>"


def line_of_study(trials: Sequence[Trial], outcomes: Outcomes, seed: int) -> str:
    """A study in one line: goal, seed, counts of trials, and the best trial or the size of the front.

    Args:
      trials: All trials of the study, in the order of their numbers.
      outcomes: Outcomes of the study.
      seed: Seed of the study.
    """
    counts = [(status, sum(trial.status == status for trial in trials)) for status in _STATUSES]
    told = ", ".join(f"{number} {status}" for status, number in counts if number) or "none"
    if outcomes.has_several:
        found = f", front: {len(front_of(trials, outcomes))}"
    else:
        best = best_of(trials, outcomes.maximize)
        found = "" if best is None else f", best: {best.value:.6g} (trial {best.number})"
    return f"{', '.join(goal_in_words(outcomes))}, seed {seed}, trials: {told}{found}"


def of_trial(trial: Trial) -> str:
    """An HTML card of a trial.

    Args:
      trial: A trial of any status.
    """
    facts = {"status": trial.status}
    of_one = None if trial.is_of_several else trial.value
    for name, value in (("value", of_one), ("noise", trial.noise), ("cost", trial.cost)):
        if value is not None:
            facts[name] = f"{value:.6g}"
    if trial.values.keys() - {VALUE, COST}:  # outcomes named by the user
        facts |= {name: f"{value:.6g}" for name, value in trial.values.items()}
    if trial.is_feasible is False:
        facts["feasible"] = "no"
    if trial.ended_at is not None:
        facts["seconds"] = f"{trial.ended_at - trial.started_at:.3g}"
    rows = [(name, str(value)) for name, value in trial.config.items()]  # with all digits
    notes = []
    if trial.intermediate_values:
        step, value = list(trial.intermediate_values.items())[-1]
        number = len(trial.intermediate_values)
        notes.append(f"{number} intermediate value{'s' if number > 1 else ''}, the last {value:.6g} at step {step}.")
    if trial.failure is not None:
        notes.append(f"{_reason(trial)}. The attribute failure holds all that is known.")
    return card(f"Trial {trial.number}", facts, Table(("parameter", "value"), rows), notes)


def of_study(
    space: Space,
    trials: Sequence[Trial],
    outcomes: Outcomes,
    *,
    seed: int,
    path: str | os.PathLike[str] | None,
    is_open: bool,
) -> str:
    """An HTML card of a study: its goal, its number of trials, and the best trials.

    Args:
      space: The search space.
      trials: Trials in the order of their numbers.
      outcomes: Outcomes of a trial.
      seed: Seed of the study.
      path: Name of the file; None: the study is in memory.
      is_open: False for a closed study.
    """
    counts = [(status, sum(trial.status == status for trial in trials)) for status in _STATUSES]
    facts = {
        "goal": ", ".join(goal_in_words(outcomes)),
        "seed": str(seed),
        "trials": ", ".join(f"{number:,} {status}" for status, number in counts if number) or "none",
    }
    several = outcomes.has_several
    if several:
        succeeded = front_of(trials, outcomes)
        listed = succeeded[:_MOST]
    else:
        sign = -1.0 if outcomes.maximize else 1.0
        succeeded = [trial for trial in trials if trial.value is not None and trial.is_feasible]
        listed = heapq.nsmallest(_MOST, succeeded, key=lambda trial: (sign * (trial.value or 0.0), trial.number))
    notes = []
    if listed and several:
        facts["front"] = f"{len(succeeded):,} trials that no other one dominates"
        if len(succeeded) > _MOST:
            notes.append(f"These are the first {_MOST} of them.")
    elif listed:
        facts["best"] = f"{listed[0].value:.6g} (trial {listed[0].number})"
        if len(succeeded) > _MOST:
            notes.append(f"These are the best {_MOST} of {len(succeeded):,} trials that succeeded.")
    else:
        listed = list(trials[-_MOST:])
        if listed:
            is_any = any(trial.status == "ok" and (several or trial.value is not None) for trial in trials)
            missing = "No trial meets the limits yet" if is_any else "No trial has succeeded yet"
            notes.append(f"{missing}; these are the latest.")
    failed = [trial for trial in trials if trial.failure is not None]
    if failed:
        notes.append(f"The latest failure, of trial {failed[-1].number}: {_reason(failed[-1])}")
    names = space.names[:_MOST_NAMES]
    if len(names) < len(space.names):
        notes.append(f"{len(names)} of {len(space.names)} parameters are shown.")
    measured = [objective.name for objective in outcomes.objectives] if several else ["value"]
    rows = [
        (
            t.number,
            t.status,
            *(t.values.get(name) if several else t.value for name in measured),
            *(t.config.get(name) for name in names),
        )
        for t in listed
    ]
    title = f"Study {'in memory' if path is None else os.fspath(path)}{'' if is_open else ' (closed)'}"
    return card(title, facts, Table(("trial", "status", *measured, *names), rows), notes)


def goal_in_words(outcomes: Outcomes) -> list[str]:
    """The directions of the objectives in words, with their names if there are several.

    Args:
      outcomes: Outcomes of a study.
    """
    ways = ["maximize" if isinstance(each, Maximize) else "minimize" for each in outcomes.objectives]
    if not outcomes.has_several:
        return ways
    return [f"{way} {each.name}" for way, each in zip(ways, outcomes.objectives, strict=True)]


_STATUSES = ("ok", "stopped", "failed", "pending", "abandoned")


def _outcome(trial: Trial) -> str:
    if trial.is_of_several and trial.status == "ok":
        values = ", ".join(f"{name} {value:.6g}" for name, value in trial.values.items())
        return f", {values}{', not feasible' if trial.is_feasible is False else ''}"
    if not trial.is_of_several and trial.value is not None:
        return f", value {trial.value:.6g}{', not feasible' if trial.is_feasible is False else ''}"
    if trial.failure is not None:
        return f" ({_reason(trial)})"
    if trial.status == "stopped" and trial.intermediate_values:
        return f", last value {list(trial.intermediate_values.values())[-1]:.6g}"
    return ""


def _reason(trial: Trial) -> str:
    """The last line of a failure, which names the exception."""
    lines = (trial.failure or "").strip().splitlines()
    return shown(lines[-1].strip() if lines else "no reason was told")
