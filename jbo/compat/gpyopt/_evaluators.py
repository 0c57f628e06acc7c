"""GPyOpt's evaluators, which choose the points of a batch, for `ModularBayesianOptimization`."""

from typing import Any, ClassVar

import numpy as np

from jbo.compat.gpyopt._acquisitions import builtin


class EvaluatorBase:
    """Base class of all evaluators.

    Args:
      acquisition: One of `acquisitions`.
      batch_size: Points of a suggestion.
      **options: Accepted as in GPyOpt.
    """

    evaluator_type: ClassVar[str | None] = None

    def __init__(self, acquisition: Any, batch_size: int = 1, **options: Any):
        del options
        self.acquisition, self.batch_size = acquisition, batch_size
        self._optimization: Any = None

    def attach(self, optimization: Any) -> None:
        """Belong to an optimisation.

        Args:
          optimization: Makes the suggestions.
        """
        self._optimization = optimization

    def compute_batch(self, duplicate_manager: Any = None, context_manager: Any = None) -> np.ndarray:
        """The next points as rows.

        Args:
          duplicate_manager: Accepted as in GPyOpt.
          context_manager: Accepted as in GPyOpt.

        Raises:
          ValueError: The evaluator is part of no optimisation.
        """
        del duplicate_manager, context_manager
        if self._optimization is None:
            builtin(self.acquisition)
            raise ValueError("evaluator: expected an evaluator of an optimisation, because it needs evaluations")
        return self._optimization.suggest_next_locations()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_optimization": None}


class Sequential(EvaluatorBase):
    """One point after another; pending points are fantasised at the posterior mean."""

    evaluator_type = "sequential"


class RandomBatch(EvaluatorBase):
    """The maximum of the acquisition, and random points."""

    evaluator_type = "random"


class LocalPenalization(EvaluatorBase):
    """The acquisition is penalised around the points of the batch."""

    evaluator_type = "local_penalization"


class ThompsonBatch(EvaluatorBase):
    """Each point is the minimum of a function that is sampled from the model."""

    evaluator_type = "thompson_sampling"


_BY_NAME = {kind.evaluator_type: kind for kind in (Sequential, RandomBatch, LocalPenalization, ThompsonBatch)}


def select_evaluator(name: str) -> Any:
    """The class of an evaluator.

    Args:
      name: ``sequential``, ``random``, ``local_penalization`` or ``thompson_sampling``.

    Raises:
      ValueError: No evaluator has this name.
    """
    if name not in _BY_NAME:
        raise ValueError(f"name: expected one of {', '.join(map(repr, _BY_NAME))}, got {name!r}")
    return _BY_NAME[name]
