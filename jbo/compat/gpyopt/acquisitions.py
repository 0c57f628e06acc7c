"""GPyOpt's acquisitions, and the guide's name for the first: what ``acquisition=`` of `BayesianOptimization` takes."""

from dataclasses import dataclass
from typing import Any

from jbo.acquisitions import Acquisition, confidence_bound, log_expected_improvement, log_probability_of_improvement
from jbo.compat.gpyopt._options import without_effect


@dataclass(frozen=True)
class ModelAcquisition:
    """An acquisition and the model that it was made for."""

    acquisition: Acquisition
    """The same as `jbo` has it."""
    model: Any
    """Takes effect if ``model=`` is not given beside the acquisition."""
    space: Any
    """None, or the space that the optimisation must have."""
    cost: Any
    """As ``cost_withGradients`` of the optimisation."""


def AcquisitionEI(
    model: Any, space: Any = None, optimizer: Any = None, cost_withGradients: Any = None, jitter: int | float = 0.01
) -> ModelAcquisition:
    """Expected improvement; climbed by its logarithm, which has the same maximum.

    Args:
      model: One of `models`, or a surrogate of `jbo`; None is the default one.
      space: The `Design_space` of the optimisation; None: whichever it has.
      optimizer: None; an acquisition is maximised by `jbo.maximize`, so another value is warned about.
      cost_withGradients: As in `BayesianOptimization`: None, ``evaluation_time`` or a function.
      jitter: How much better than the best counts as an improvement, in deviations of the objective.
    """
    _check(optimizer)
    return ModelAcquisition(log_expected_improvement(float(jitter)), model, space, cost_withGradients)


def AcquisitionMPI(
    model: Any, space: Any = None, optimizer: Any = None, cost_withGradients: Any = None, jitter: int | float = 0.01
) -> ModelAcquisition:
    """Probability of improvement; climbed by its logarithm, which has the same maximum. Arguments as `AcquisitionEI`.

    Args:
      model: As in `AcquisitionEI`.
      space: As in `AcquisitionEI`.
      optimizer: As in `AcquisitionEI`.
      cost_withGradients: As in `AcquisitionEI`.
      jitter: As in `AcquisitionEI`.
    """
    _check(optimizer)
    return ModelAcquisition(log_probability_of_improvement(float(jitter)), model, space, cost_withGradients)


def AcquisitionLCB(
    model: Any,
    space: Any = None,
    optimizer: Any = None,
    cost_withGradients: Any = None,
    exploration_weight: int | float = 2.0,
) -> ModelAcquisition:
    """Confidence bound on the better side: the lower one, or the upper one (UCB) where the objective is maximised.

    Args:
      model: As in `AcquisitionEI`.
      space: As in `AcquisitionEI`.
      optimizer: As in `AcquisitionEI`.
      cost_withGradients: As in `AcquisitionEI`.
      exploration_weight: Deviations away from the mean, at least 0.
    """
    _check(optimizer)
    return ModelAcquisition(confidence_bound(float(exploration_weight)), model, space, cost_withGradients)


ExpectedImprovement = AcquisitionEI
# Each is averaged over the hyperparameter sets of its model by itself, as these are in GPyOpt.
AcquisitionEI_MCMC, AcquisitionMPI_MCMC, AcquisitionLCB_MCMC = AcquisitionEI, AcquisitionMPI, AcquisitionLCB


def _check(optimizer: Any) -> None:
    if optimizer is not None:
        without_effect("optimizer", optimizer, "jbo.maximize finds the best point, over reals and levels alike", 2)
