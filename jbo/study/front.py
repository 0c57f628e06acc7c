"""The Pareto front and the hypervolume of a study with several objectives."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jbo import pareto
from jbo.outcomes import Outcomes
from jbo.study._trial import Trial
from jbo.study.programs import Call, run
from jbo.study.table import capacity_for
from jbo.world import world


def losses_of(trials: Sequence[Trial], outcomes: Outcomes) -> tuple[Float[np.ndarray, "n k"], Bool[np.ndarray, " n"]]:
    """Objectives of the trials, lower is better, and True for trials that count: feasible, with all objectives.

    Args:
      trials: Trials of a study.
      outcomes: Outcomes of the study.
    """
    objectives = outcomes.objectives
    counts = [
        bool(trial.status == "ok" and trial.is_feasible and all(each.name in trial.values for each in objectives))
        for trial in trials
    ]
    y = [
        [float(each.to_table(trial.values[each.name])) for each in objectives]
        if is_counted
        else [0.0] * len(objectives)
        for trial, is_counted in zip(trials, counts, strict=True)
    ]
    return np.array(y, np.float64).reshape(len(trials), len(objectives)), np.array(counts, bool)


def front_of(trials: Sequence[Trial], outcomes: Outcomes) -> list[Trial]:
    """The feasible trials that no other trial dominates by observed values, in order of their numbers.

    Args:
      trials: Trials of a study.
      outcomes: Outcomes of the study.
    """
    y, counts = losses_of(trials, outcomes)
    rows = np.flatnonzero(counts)
    y = y[rows]
    front = [
        row
        for row, values in zip(rows, y, strict=True)
        if not np.any(np.all(y <= values, axis=1) & np.any(y < values, axis=1))
    ]
    return [trials[int(row)] for row in front]


def check_one(outcomes: Outcomes, name: str) -> None:
    """Raise `ValueError` if there are several objectives; the message says what to use instead of the attribute.

    Args:
      outcomes: Outcomes of the study.
      name: Name of the attribute.
    """
    if outcomes.has_several:
        names = [objective.name for objective in outcomes.objectives]
        raise ValueError(
            f"{name}: expected one objective, got several, {names}; study.pareto has the trials that no other "
            "dominates, trial.values[name] is the value of one objective, and study.of_objective(name) shows the study "
            "with it"
        )


def check_alone(outcomes: Outcomes, instead: str = "") -> None:
    """Raise `ValueError` if a study has several objectives, for functions that need one objective.

    Args:
      outcomes: Outcomes of the study.
      instead: Name of the function that shows all objectives, if there is one.
    """
    if outcomes.has_several:
        names = [objective.name for objective in outcomes.objectives]
        hint = f"; {instead} shows all of them" if instead else ""
        raise ValueError(
            f"study: expected one objective, got several, {names}; study.of_objective({names[0]!r}) is the study of "
            f"one of them{hint}"
        )


class Volumes(NamedTuple):
    """Hypervolume that the trials of a study dominate."""

    so_far: Float[np.ndarray, " n"]
    """Hypervolume up to each trial, in the product of the objectives' units."""
    reference: dict[str, float]
    """Reference point: a dict from the name of each objective to the worst value that counts, in the user's units."""


def volumes_of(trials: Sequence[Trial], outcomes: Outcomes) -> Volumes:
    """Hypervolume up to each trial, with one reference point for all trials.

    Args:
      trials: Finished trials, in order of their numbers.
      outcomes: Outcomes of the study.
    """
    n, capacity = len(trials), capacity_for(len(trials) + 1)
    y, counts = losses_of(trials, outcomes)
    rows = np.zeros((capacity, y.shape[1])), np.zeros(capacity, bool)
    rows[0][:n], rows[1][:n] = y, counts
    with world(None):
        (so_far, reference), _ = run(Call(_volumes, (*rows, np.array(outcomes.references)), None))
        so_far, reference = np.asarray(so_far, np.float64), np.asarray(reference, np.float64)
    # If `to_table` changes the sign, a second call changes it back.
    in_units = {
        each.name: float(each.to_table(value)) for each, value in zip(outcomes.objectives, reference, strict=True)
    }
    return Volumes(so_far[:n], in_units)


def _volumes(
    y: Float[Array, "n k"], counts: Bool[Array, " n"], given: Float[Array, " k"]
) -> tuple[Float[Array, " n"], Float[Array, " k"]]:
    reference = jnp.where(jnp.isfinite(given), given, pareto.reference(y, counts))
    number = jnp.arange(len(y))
    return jax.lax.map(lambda i: pareto.hypervolume(y, reference, counts & (number <= i)), number), reference
