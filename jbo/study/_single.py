"""One of several objectives, seen as a study of its own: for diagnostics, plots and reports of a single value."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from jbo.outcomes import Outcomes, Role, Track
from jbo.space import Space
from jbo.strategies import Strategy, bayesian
from jbo.study._codec import known_of
from jbo.study._history import trajectory
from jbo.study._trial import Trial, best_of, why_none
from jbo.study.model import for_study
from jbo.study.view import line_of_study


@dataclass(frozen=True, repr=False)
class OneObjective:
    """The trials of a study with one of its objectives; made by `jbo.Study.of_objective`."""

    space: Space
    """The search space."""
    outcomes: Outcomes
    """The objective, the limits and the cost; the other objectives are only recorded."""
    seed: int
    """Seed of the study."""
    trials: list[Trial]
    """All trials, in the order of their numbers."""
    strategy: Strategy
    """``jbo.bayesian(space)``, for a single objective."""

    def __repr__(self) -> str:
        return f"<Objective {self.outcomes.objective.name}: {line_of_study(self.trials, self.outcomes, self.seed)}>"

    @property
    def maximize(self) -> bool:
        """True if higher values of the objective are better."""
        return self.outcomes.maximize

    @property
    def best(self) -> Trial:
        """The feasible trial with the best observed value of the objective; among equal trials, the first.

        Raises:
          ValueError: No trial has a value, or none meets the limits.
        """
        best = best_of(self.trials, self.maximize)
        if best is None:
            raise ValueError(f"{why_none(self.trials, self.outcomes)}, so none is best")
        return best

    @property
    def trajectory(self) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """The trajectory of the objective; see `jbo.Study.trajectory`."""
        return trajectory(self.trials, self.maximize)


def of_objective(trials: Sequence[Trial], space: Space, outcomes: Outcomes, seed: int, name: str) -> OneObjective:
    """The trials of a study with one of its objectives; see `jbo.Study.of_objective`.

    Args:
      trials: Trials of the study, in the order of their numbers.
      space: The search space.
      outcomes: Outcomes of the study.
      seed: Seed of the study.
      name: Name of the objective.

    Raises:
      ValueError: No objective has the name.
    """
    names = [objective.name for objective in outcomes.objectives]
    if name not in names:
        raise ValueError(f"name: expected one of the objectives {names}, got {name!r}")
    kept = [Track(each.name) if each.role is Role.OBJECTIVE and each.name != name else each for each in outcomes]
    one = Outcomes(kept, outcomes.is_named)

    def of_one(trial: Trial) -> Trial:
        values = vars(trial) | known_of(one, trial.status, trial.values, trial.noises)
        if trial.reported not in (None, name):
            values |= {"intermediate_values": {}, "reported": None}
        if values["status"] == "stopped" and not values["intermediate_values"]:
            # The trial was stopped because of another objective. Its value of this one counts as of a completed trial.
            known = trial.values.get(name)
            values |= {"status": "ok" if known is not None else "abandoned", "value": known}
        return Trial(**values)

    made = for_study(bayesian(space), space, one)
    return OneObjective(space, one, seed, [of_one(trial) for trial in trials], made)
