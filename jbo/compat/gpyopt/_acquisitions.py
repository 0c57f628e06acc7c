"""GPyOpt's acquisitions, for ``acquisition=`` of `BayesianOptimization`."""

from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from jbo.acquisitions import (
    Acquisition,
    confidence_bound,
    log_expected_improvement,
    log_probability_of_improvement,
    max_value_entropy_search,
)
from jbo.compat.gpyopt._optimizer import AcquisitionOptimizer
from jbo.compat.gpyopt._options import without_effect


class AcquisitionBase:
    """GPyOpt's base class of acquisitions, for programs that name it.

    An acquisition of your own that derives from it is refused where it is used: jbo traces its acquisitions, and cannot
    trace what Python computes. An acquisition of jbo can be given in its place, see ``docs/extend.md``.

    Args:
      model: One of `models`.
      space: The `Design_space` of the optimisation.
      optimizer: As in `AcquisitionEI`.
      cost_withGradients: As in `BayesianOptimization`.
    """

    analytical_gradient_prediction: ClassVar[bool] = False

    def __init__(self, model: Any, space: Any = None, optimizer: Any = None, cost_withGradients: Any = None):
        self.model, self.space, self.optimizer, self.cost_withGradients = model, space, optimizer, cost_withGradients

    def acquisition_function(self, x: Any) -> Any:
        """The negative acquisition at the rows of ``x``."""


class ModelAcquisition(AcquisitionBase):
    """An acquisition function together with the model that it was made for.

    Args:
      acquisition: The acquisition function of `jbo` that is maximised.
      model: The model of the optimisation if the optimisation gets no ``model=``.
      space: None, or the space. The optimisation must use this same space.
      optimizer: None, or an `AcquisitionOptimizer`; any other value gives a warning, because `jbo.maximize` maximises
        every acquisition.
      cost: The same values as for ``cost_withGradients`` of the optimisation.
    """

    analytical_gradient_prediction: ClassVar[bool] = True

    def __init__(
        self, acquisition: Acquisition, model: Any, space: Any = None, optimizer: Any = None, cost: Any = None
    ):
        if optimizer is not None and not isinstance(optimizer, AcquisitionOptimizer):
            reason = "jbo.maximize finds the best point, over reals and levels alike"
            without_effect("optimizer", optimizer, reason, 2)
        super().__init__(model, space, optimizer, cost)
        self.acquisition, self.cost = acquisition, cost

    def acquisition_function(self, x: Any) -> Float[np.ndarray, "m 1"]:
        """The negative acquisition at the rows of ``x``, lower is better; 0 for rows that a constraint forbids.

        The model is the model of the optimisation. Improvements are in units of the standardised objective.

        Args:
          x: The rows.

        Raises:
          ValueError: The acquisition is not part of an optimisation, or all observed values are equal.
        """
        view = self._view()
        x = np.atleast_2d(np.asarray(x, np.float64))
        return -view.at(x).acquisition[:, None] * view.space.indicator_constraints(x)

    def acquisition_function_withGradients(self, x: Any) -> tuple[Float[np.ndarray, "m 1"], Float[np.ndarray, "m k"]]:
        """`acquisition_function` and its gradient, from differences.

        Args:
          x: The rows.
        """
        view = self._view()
        x = np.atleast_2d(np.asarray(x, np.float64))
        slopes = view.differences(x, lambda rows: -view.at(rows).acquisition)
        allowed = view.space.indicator_constraints(x)
        return self.acquisition_function(x), slopes * allowed

    def _compute_acq(self, x: Any) -> Float[np.ndarray, "m 1"]:
        """The acquisition, higher is better, as GPyOpt's classes name it."""
        return self._view().at(x).acquisition[:, None]

    def optimize(self, duplicate_manager: Any = None) -> tuple[Any, Any]:
        """The row that maximises the acquisition, and `acquisition_function` at this row.

        Args:
          duplicate_manager: Accepted as in GPyOpt.
        """
        del duplicate_manager
        if self._optimization is None:
            raise ValueError("acquisition: expected an acquisition of an optimisation, because it needs evaluations")
        x = self._optimization.suggest_next_locations()[:1]
        return x, self.acquisition_function(x)

    _optimization: Any = None

    def attach(self, optimization: Any) -> None:
        """Belong to an optimisation.

        Args:
          optimization: Knows the evaluations.
        """
        self._optimization = optimization

    def _view(self) -> Any:
        if self._optimization is None:
            raise ValueError("acquisition: expected an acquisition of an optimisation, because it needs evaluations")
        return self._optimization.view()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_optimization"}


class AcquisitionEI(ModelAcquisition):
    """Expected improvement; maximised through its logarithm, which has the same maximum.

    Args:
      model: One of `models`, or a surrogate of `jbo`; None is the default one.
      space: The `Design_space` of the optimisation; None: any space.
      optimizer: None, or an `AcquisitionOptimizer`; any other value gives a warning, because `jbo.maximize` maximises
        every acquisition.
      cost_withGradients: As in `BayesianOptimization`: None, ``evaluation_time`` or a function.
      jitter: Minimum improvement on the best value, in standard deviations of the objective.
    """

    def __init__(
        self, model: Any, space: Any = None, optimizer: Any = None, cost_withGradients: Any = None, jitter: Any = 0.01
    ):
        super().__init__(log_expected_improvement(float(jitter)), model, space, optimizer, cost_withGradients)
        self.jitter = jitter


class AcquisitionMPI(ModelAcquisition):
    """Probability of improvement; maximised through its logarithm, which has the same maximum.

    Args:
      model: As in `AcquisitionEI`.
      space: As in `AcquisitionEI`.
      optimizer: As in `AcquisitionEI`.
      cost_withGradients: As in `AcquisitionEI`.
      jitter: As in `AcquisitionEI`.
    """

    def __init__(
        self, model: Any, space: Any = None, optimizer: Any = None, cost_withGradients: Any = None, jitter: Any = 0.01
    ):
        super().__init__(log_probability_of_improvement(float(jitter)), model, space, optimizer, cost_withGradients)
        self.jitter = jitter


class AcquisitionLCB(ModelAcquisition):
    """Confidence bound on the better side: lower (LCB), or upper (UCB) if the objective is maximised.

    Args:
      model: As in `AcquisitionEI`.
      space: As in `AcquisitionEI`.
      optimizer: As in `AcquisitionEI`.
      cost_withGradients: As in `AcquisitionEI`.
      exploration_weight: Number of standard deviations from the mean, at least 0.
    """

    def __init__(
        self,
        model: Any,
        space: Any = None,
        optimizer: Any = None,
        cost_withGradients: Any = None,
        exploration_weight: Any = 2.0,
    ):
        super().__init__(confidence_bound(float(exploration_weight)), model, space, optimizer, cost_withGradients)
        self.exploration_weight = exploration_weight


class AcquisitionEntropySearch(ModelAcquisition):
    """Entropy search of the minimum value, not of its location: `jbo.max_value_entropy_search`.

    Args:
      model: As in `AcquisitionEI`.
      space: As in `AcquisitionEI`.
      sampler: Accepted as in GPyOpt; jbo samples the minimum itself.
      optimizer: As in `AcquisitionEI`.
      cost_withGradients: As in `AcquisitionEI`.
      **options: Accepted as in GPyOpt: ``num_samples``, ``proposal_function``, ``burn_in_steps``.
    """

    def __init__(
        self,
        model: Any,
        space: Any = None,
        sampler: Any = None,
        optimizer: Any = None,
        cost_withGradients: Any = None,
        **options: Any,
    ):
        del sampler, options
        super().__init__(max_value_entropy_search(), model, space, optimizer, cost_withGradients)


class AcquisitionLP(ModelAcquisition):
    """An acquisition for `LocalPenalization`, which penalises it around the points of a batch.

    Args:
      model: As in `AcquisitionEI`.
      space: As in `AcquisitionEI`.
      optimizer: As in `AcquisitionEI`.
      acquisition: The acquisition that is penalised.
      transform: Accepted as in GPyOpt; jbo makes values positive where they need it.
    """

    def __init__(self, model: Any, space: Any, optimizer: Any, acquisition: Any, transform: str = "none"):
        del transform
        super().__init__(builtin(acquisition).acquisition, model, space, optimizer, acquisition.cost)


def builtin(acquisition: Any) -> ModelAcquisition:
    """The acquisition, if it is one of this module or of jbo.

    Args:
      acquisition: The acquisition that the user gave.

    Raises:
      ValueError: The acquisition is of another kind; the message says why it cannot be used.
    """
    if isinstance(acquisition, ModelAcquisition):
        changed = [
            name
            for name in ("acquisition_function", "acquisition_function_withGradients", "_compute_acq", "optimize")
            if getattr(type(acquisition), name) is not getattr(ModelAcquisition, name)
        ]
        if not changed:
            return acquisition
    elif isinstance(acquisition, Acquisition):
        return ModelAcquisition(acquisition, None)
    elif not isinstance(acquisition, AcquisitionBase):
        raise ValueError(f"acquisition: expected one of jbo.compat.gpyopt.acquisitions, got {acquisition!r}")
    raise ValueError(
        f"acquisition: expected one of jbo.compat.gpyopt.acquisitions or of jbo, got {type(acquisition).__name__}: jbo"
        " cannot trace what a class of your own computes in Python; docs/extend.md has acquisitions in JAX"
    )


ExpectedImprovement = AcquisitionEI
# Each is averaged over the hyperparameter samples of its model by itself, as these are in GPyOpt.
AcquisitionEI_MCMC, AcquisitionMPI_MCMC, AcquisitionLCB_MCMC = AcquisitionEI, AcquisitionMPI, AcquisitionLCB

_BY_NAME = {
    "EI": AcquisitionEI,
    "EI_MCMC": AcquisitionEI_MCMC,
    "LCB": AcquisitionLCB,
    "LCB_MCMC": AcquisitionLCB_MCMC,
    "MPI": AcquisitionMPI,
    "MPI_MCMC": AcquisitionMPI_MCMC,
    "LP": AcquisitionLP,
}


def select_acquisition(name: str) -> Any:
    """The class of an acquisition.

    Args:
      name: ``EI``, ``MPI`` or ``LCB``, alone or with ``_MCMC`` behind it, or ``LP``.

    Raises:
      ValueError: No acquisition has this name.
    """
    if name not in _BY_NAME:
        raise ValueError(f"name: expected one of {', '.join(_BY_NAME)}, got {name!r}")
    return _BY_NAME[name]
