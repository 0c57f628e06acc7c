"""The model, acquisition, batch rule and cost that the options of an optimisation select."""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from jbo.acquisitions import ConfidenceBound
from jbo.batches import Batch, local_penalization, random_batch, thompson_batch
from jbo.compat.gpyopt._acquisitions import (
    AcquisitionEI,
    AcquisitionLCB,
    AcquisitionMPI,
    ModelAcquisition,
    builtin,
)
from jbo.compat.gpyopt._cost import Cost, CostModel, constant_cost_withGradients, costs_and_gradients
from jbo.compat.gpyopt._models import (
    BOModel,
    GPModel,
    GPModel_MCMC,
    InputWarpedGPModel,
    Model,
    RFModel,
    SurrogateModel,
    WarpedGPModel,
)
from jbo.compat.gpyopt._options import without_effect
from jbo.compat.gpyopt._space import Design_space
from jbo.surrogates import Surrogate

MODELS: dict[str, Callable[..., Model]] = {
    "GP": GPModel,
    "sparseGP": partial(GPModel, sparse=True),
    "GP_MCMC": GPModel_MCMC,
    "warpedGP": WarpedGPModel,
    "input_warped_GP": InputWarpedGPModel,
    "InputWarpedGP": InputWarpedGPModel,  # as GPyOpt's docstring calls it
    "RF": RFModel,
}
"""By the names that ``model_type`` has."""
EVALUATORS: dict[str, Callable[[], Batch | None]] = {
    "sequential": lambda: None,
    "random": random_batch,
    "local_penalization": local_penalization,
    "thompson_sampling": thompson_batch,
}
"""By the names that ``evaluator_type`` has."""


def model_of(model: Any, model_type: str, options: Mapping[str, Any]) -> Model:
    """The model that the options select.

    Args:
      model: Model given in place of a type, or None.
      model_type: One of `MODELS`.
      options: Options of models by name. An option that the model lacks gives a warning; GPyOpt ignores it.

    Raises:
      ValueError: No model has this name, or ``model`` is a class of the user's own.
    """
    if model is not None:
        for name, value in options.items():
            without_effect(name, value, "it is one of the arguments of the model, which is given", 3)
        if isinstance(model, Model):
            changed = [name for name in ("predict", "updateModel") if _is_changed(type(model), name)]
            if not changed:
                return model
        elif isinstance(model, Surrogate):
            return SurrogateModel(model)
        elif not isinstance(model, BOModel):
            raise ValueError(f"model: expected one of jbo.compat.gpyopt.models or a surrogate of jbo, got {model!r}")
        raise ValueError(
            f"model: expected one of jbo.compat.gpyopt.models or a surrogate of jbo, got {type(model).__name__}: jbo"
            " cannot trace what a class of your own computes in Python; docs/extend.md has surrogates in JAX"
        )
    if model_type not in MODELS:
        raise ValueError(f"model_type: expected one of {', '.join(map(repr, MODELS))}, got {model_type!r}")
    make = MODELS[model_type]
    known = inspect.signature(make).parameters
    for name in options.keys() - known.keys():
        if name == "exact_feval":
            continue  # a run still ends by it
        without_effect(_WRITTEN.get(name, name), options[name], f"model_type {model_type!r} has no such option", 3)
    return make(**{name: value for name, value in options.items() if name in known})


_WRITTEN = {"optimizer": "model_optimizer_type"}


def _is_changed(kind: type, name: str) -> bool:
    return getattr(kind, name) is not next(
        getattr(base, name) for base in kind.__mro__ if base.__module__ == Model.__module__
    )


def acquisition_of(
    acquisition: Any, kind: str | None, jitter: int | float | None, weight: int | float | None
) -> ModelAcquisition:
    """The acquisition that the options select.

    Args:
      acquisition: Acquisition given in place of a type, or None.
      kind: ``EI``, ``MPI`` or ``LCB``, or one with ``_MCMC``; None is ``EI``.
      jitter: Jitter of ``EI`` and ``MPI``; None: 0.01.
      weight: Weight of ``LCB``; None: 2.

    Raises:
      ValueError: No acquisition has this name, or ``acquisition`` is a class of the user's own.
    """
    if acquisition is not None:
        for name, value in (("acquisition_jitter", jitter), ("acquisition_weight", weight)):
            if value is not None:
                without_effect(name, value, "it is one of the arguments of the acquisition, which is given", 3)
        return builtin(acquisition)
    base = "EI" if kind is None else str(kind).removesuffix("_MCMC")
    if base not in ("EI", "MPI", "LCB"):
        raise ValueError(f"acquisition_type: expected 'EI', 'MPI' or 'LCB', or one with '_MCMC', got {kind!r}")
    unused, value = ("acquisition_jitter", jitter) if base == "LCB" else ("acquisition_weight", weight)
    if value is not None:
        without_effect(unused, value, f"{kind or base} has none", 3)
    if base == "LCB":
        return AcquisitionLCB(None, exploration_weight=2.0 if weight is None else weight)
    return {"EI": AcquisitionEI, "MPI": AcquisitionMPI}[base](None, jitter=0.01 if jitter is None else jitter)


def batch_of(evaluator_type: str | None, batch_size: int) -> Batch | None:
    """The batch rule; None for single points, and if pending points are fantasised at the posterior mean.

    Args:
      evaluator_type: One of `EVALUATORS`; None is ``sequential``.
      batch_size: Points of a suggestion.

    Raises:
      ValueError: No batch rule has this name.
    """
    kind = "sequential" if evaluator_type is None else evaluator_type
    if kind not in EVALUATORS:
        known = ", ".join(map(repr, EVALUATORS))
        raise ValueError(f"evaluator_type: expected one of {known}, got {evaluator_type!r}")
    return EVALUATORS[kind]() if batch_size > 1 else None


def cost_of(given: Any, asked: ModelAcquisition, space: Design_space) -> Any:
    """The cost as `jbo.bayesian` takes it.

    Args:
      given: ``cost_withGradients`` of the optimisation.
      asked: The acquisition, which may have a cost.
      space: The domain.

    Raises:
      ValueError: The cost makes no sense, or there are two.
    """
    given, of_acquisition = _plain_cost(given), _plain_cost(asked.cost)
    if given is not None and of_acquisition is not None and given is not of_acquisition:
        raise ValueError(
            f"cost_withGradients: expected None, or the cost that the acquisition has already, got {given!r}"
        )
    given = of_acquisition if given is None else given
    if given is None or isinstance(asked.acquisition, ConfidenceBound):
        if given is not None:
            without_effect("cost_withGradients", given, "a confidence bound cannot be divided by a cost", 3)
        return None
    if isinstance(given, str) and given == "evaluation_time":
        return "seconds"
    if not callable(given):
        raise ValueError(f"cost_withGradients: expected None, 'evaluation_time' or a function, got {given!r}")
    centre = space.space.decode(np.full(len(space.space), 0.5))
    costs_and_gradients(given, space.columns.to_row(centre)[None])
    return Cost(given, space.columns)


def _plain_cost(given: Any) -> Any:
    given = given.given if isinstance(given, CostModel) else given
    return None if given is constant_cost_withGradients else given
