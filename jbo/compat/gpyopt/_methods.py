"""GPyOpt's classes that begin an optimisation; their base class is in `_bo`."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from jbo.compat.gpyopt._acquisitions import builtin
from jbo.compat.gpyopt._bo import BO
from jbo.compat.gpyopt._evaluators import EvaluatorBase
from jbo.compat.gpyopt._objective import Evaluated
from jbo.compat.gpyopt._options import unknown_options
from jbo.compat.gpyopt._space import bounds_to_space

_OPTIONS_OF_MODELS = {
    "model_optimizer_type": "optimizer",
    **{
        name: name
        for name in (
            "kernel ARD noise_var optimize_restarts max_iters num_inducing n_samples n_burnin subsample_interval"
            " step_size leapfrog_steps mean_function"
        ).split()
    },
}
"""Keywords of the constructor that are options of a model, and what the model calls them."""


class BayesianOptimization(BO):
    """Bayesian optimisation of a function that takes one row of numbers.

    The options are GPyOpt's; the docstring of this package has a table that says how each is handled.

    Args:
      f: Function of one row that returns a number, or an array of one number. A row is an array of shape ``(1, k)``
        that also answers to the parameters' names (``row["rate"]``). None: results are given as ``X`` and ``Y``.
      domain: List of dicts, see `jbo.Space.from_domain`; or a `Design_space`.
      constraints: List of dicts, see `Design_space`.
      cost_withGradients: Cost of an evaluation, which divides the acquisition. None: no cost. ``evaluation_time``: the
        seconds of an evaluation, modelled by a Gaussian process of their logarithm. Or a function from rows ``(n, k)``
        to costs above 0 ``(n, 1)`` and their gradients ``(n, k)``. With ``LCB`` it has no effect.
      model_type: ``GP``, ``sparseGP``, ``GP_MCMC``, ``warpedGP``, ``input_warped_GP`` or ``RF``.
      X: Initial points, as rows.
      Y: Values of the initial points, lower is better unless ``sign="user"``; None: ``f`` is evaluated at ``X``.
      initial_design_numdata: Number of points that the constructor evaluates, if there is no ``X``; None: 5.
      initial_design_type: ``random``, ``latin``, ``sobol`` or ``grid``.
      acquisition_type: ``EI`` (also None), ``MPI`` or ``LCB``; ``EI_MCMC``, ``MPI_MCMC`` or ``LCB_MCMC`` with
        ``GP_MCMC``.
      normalize_Y: Values are always standardised; False gives a warning.
      exact_feval: True says that evaluations are exact.
      acquisition_optimizer_type: ``lbfgs``; other values give a warning.
      model_update_interval: 1: the model is fitted for each suggestion; other values give a warning.
      evaluator_type: How pending points are taken into account. ``sequential`` fantasises them at the posterior mean.
        ``local_penalization``, ``thompson_sampling`` and ``random`` are rules of `jbo.batches`.
      batch_size: Number of evaluations of one iteration, and of points of one suggestion.
      num_cores: Number of evaluations at the same time, each in a separate process.
      verbosity: True shows progress.
      verbosity_model: A model prints nothing; True gives a warning.
      maximize: True if higher values of ``f`` are better.
      sign: None or ``minimized``: values have GPyOpt's sign, that of ``-f`` with ``maximize``; None also gives a
        warning once. ``user``: values have the sign of ``f``.
      de_duplication: Ignored: no point of a discrete domain is ever suggested twice.
      acquisition_jitter: Minimum improvement for ``EI`` and ``MPI``, in standard deviations of the objective; None:
        0.01.
      acquisition_weight: Number of standard deviations from the mean, for ``LCB``; None: 2.
      kernel: As in `models.GPModel`.
      ARD: As in `models.GPModel`.
      noise_var: As in `models.GPModel`.
      optimize_restarts: As in `models.GPModel`.
      max_iters: As in `models.GPModel`.
      model_optimizer_type: As ``optimizer`` in `models.GPModel`.
      num_inducing: As in `models.GPModel`.
      n_samples: As in `models.GPModel_MCMC`.
      n_burnin: As in `models.GPModel_MCMC`.
      subsample_interval: As in `models.GPModel_MCMC`.
      step_size: As in `models.GPModel_MCMC`.
      leapfrog_steps: As in `models.GPModel_MCMC`.
      mean_function: As in `models.GPModel`.
      model: One of `models` or a surrogate of `jbo`, in place of ``model_type``.
      acquisition: One of `acquisitions` or an acquisition of `jbo`, in place of ``acquisition_type``.
      acquisition_transformation: Accepted as in GPyOpt; jbo makes an acquisition positive where it has to be.
      bounds: Pairs ``(low, high)``, in place of a domain.
      objective_name: Name of the objective in the report.
      seed: Seed of all random numbers; None: sampled from NumPy's global state, so that ``np.random.seed`` makes a run
        repeatable.
      **unknown: Other keywords give a warning, because GPyOpt ignores them.

    Raises:
      ValueError: An option is invalid or missing; the message begins with its name.

    Example:
      >>> optimization = BayesianOptimization(lambda row: row["x"] ** 2, [{"name": "x", "domain": (-1, 2)}], seed=0)
      >>> optimization.X.shape, optimization.Y.shape
      ((5, 1), (5, 1))
    """

    def __init__(
        self,
        f: Callable[[Any], Any] | None,
        domain: Any = None,
        constraints: Any = None,
        cost_withGradients: Any = None,
        model_type: str = "GP",
        X: Any = None,
        Y: Any = None,
        initial_design_numdata: int | None = 5,
        initial_design_type: str = "random",
        acquisition_type: str | None = "EI",
        normalize_Y: bool = True,
        exact_feval: bool = False,
        acquisition_optimizer_type: str = "lbfgs",
        model_update_interval: int = 1,
        evaluator_type: str | None = "sequential",
        batch_size: int = 1,
        num_cores: int = 1,
        verbosity: Any = False,
        verbosity_model: Any = False,
        maximize: bool = False,
        de_duplication: bool = False,
        *,
        sign: str | None = None,
        acquisition_jitter: int | float | None = None,
        acquisition_weight: int | float | None = None,
        kernel: Any = None,
        ARD: bool | None = None,
        noise_var: int | float | None = None,
        optimize_restarts: int | None = None,
        max_iters: int | None = None,
        model_optimizer_type: str | None = None,
        num_inducing: int | None = None,
        n_samples: int | None = None,
        n_burnin: int | None = None,
        subsample_interval: int | None = None,
        step_size: float | None = None,
        leapfrog_steps: int | None = None,
        mean_function: Any = None,
        model: Any = None,
        acquisition: Any = None,
        acquisition_transformation: Any = None,
        bounds: Any = None,
        objective_name: str = "no_name",
        seed: int | np.integer | None = None,
        **unknown: Any,
    ):
        del acquisition_transformation  # jbo makes an acquisition positive where a rule for batches needs it
        names = locals()
        options = {of_model: names[name] for name, of_model in _OPTIONS_OF_MODELS.items()}
        unknown_options(unknown, inspect.signature(BayesianOptimization).parameters)
        self._arguments: dict[str, Any] = {
            "f": f,
            "domain": bounds_to_space(bounds) if domain is None and bounds is not None else domain,
            "constraints": constraints,
            "cost_withGradients": cost_withGradients,
            "model_type": model_type,
            "X": X,
            "Y": Y,
            "initial_design_numdata": initial_design_numdata,
            "initial_design_type": initial_design_type,
            "acquisition_type": acquisition_type,
            "normalize_Y": normalize_Y,
            "exact_feval": exact_feval,
            "acquisition_optimizer_type": acquisition_optimizer_type,
            "model_update_interval": model_update_interval,
            "evaluator_type": evaluator_type,
            "batch_size": batch_size,
            "num_cores": num_cores,
            "verbosity": verbosity,
            "verbosity_model": verbosity_model,
            "maximize": maximize,
            "de_duplication": de_duplication,
            "acquisition_jitter": acquisition_jitter,
            "acquisition_weight": acquisition_weight,
            "model": model,
            "acquisition": acquisition,
            "model_options": {**options, "exact_feval": exact_feval or None},
            "objective_name": objective_name,
            "sign": sign,
            "seed": _seed(seed),
        }
        self._setup(**self._arguments)
        self._begin()


class ModularBayesianOptimization(BO):
    """Bayesian optimisation with a model, an acquisition and other parts that were made one by one.

    Args:
      model: One of `models`, or a surrogate of `jbo`.
      space: A `Design_space`.
      objective: A `SingleObjective`, or an object with an ``evaluate`` from rows to values and costs.
      acquisition: One of `acquisitions`, or an acquisition of `jbo`.
      evaluator: One of ``core.evaluators``; it says how many points a suggestion has.
      X_init: Points to begin with, as rows.
      Y_init: Their values, lower is better; None: the objective is evaluated there.
      cost: As ``cost_withGradients`` of `BayesianOptimization`.
      normalize_Y: As in `BayesianOptimization`.
      model_update_interval: As in `BayesianOptimization`.
      de_duplication: As in `BayesianOptimization`.
      seed: As in `BayesianOptimization`.

    Raises:
      ValueError: A part is impossible, or computed by a class of the user's own.
    """

    def __init__(
        self,
        model: Any,
        space: Any,
        objective: Any,
        acquisition: Any,
        evaluator: Any,
        X_init: Any,
        Y_init: Any = None,
        cost: Any = None,
        normalize_Y: bool = True,
        model_update_interval: int = 1,
        de_duplication: bool = False,
        *,
        seed: int | np.integer | None = None,
    ):
        acquisition = builtin(acquisition)
        kind = getattr(evaluator, "evaluator_type", None)
        if not isinstance(evaluator, EvaluatorBase) or kind is None:
            raise ValueError(f"evaluator: expected one of core.evaluators, got {type(evaluator).__name__}")
        self.objective, self.evaluator = objective, evaluator
        if objective is None:
            f = None
        else:
            f = getattr(objective, "func", None) or Evaluated(objective)
        if acquisition.model is not None and acquisition.model is not model:
            raise ValueError("acquisition: expected an acquisition made for the model, got one made for another model")
        self._arguments = {
            "f": f,
            "domain": space,
            "constraints": None,
            "cost_withGradients": cost,
            "model_type": "GP",
            "X": X_init,
            "Y": Y_init,
            "initial_design_numdata": None,
            "initial_design_type": "random",
            "acquisition_type": None,
            "normalize_Y": normalize_Y,
            "exact_feval": bool(getattr(model, "exact_feval", False)),
            "acquisition_optimizer_type": "lbfgs",
            "model_update_interval": model_update_interval,
            "evaluator_type": kind,
            "batch_size": evaluator.batch_size,
            "num_cores": getattr(objective, "n_procs", 1),
            "verbosity": False,
            "verbosity_model": False,
            "maximize": False,
            "de_duplication": de_duplication,
            "acquisition_jitter": None,
            "acquisition_weight": None,
            "model": model,
            "acquisition": acquisition,
            "model_options": {},
            "objective_name": getattr(objective, "objective_name", "no_name"),
            "sign": None,
            "seed": _seed(seed),
        }
        self._setup(**self._arguments)
        evaluator.attach(self)
        self._begin()


def _seed(seed: int | np.integer | None) -> int:
    """The given seed, or a sample of NumPy's global state, so that ``np.random.seed`` makes a run repeatable."""
    return int(np.random.randint(2**31 - 1)) if seed is None else int(seed)  # noqa: NPY002
