"""GPyOpt's optimiser: a `jbo.Study` under its names; the package's docstring says what becomes of each option."""

import inspect
import math
import os
import time
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from typing import Any, cast

import numpy as np
from jaxtyping import Float

from jbo.acquisitions import Acquisition, ConfidenceBound
from jbo.batches import Batch, local_penalization, random_batch, thompson_batch
from jbo.compat.gpyopt import _files, _plots
from jbo.compat.gpyopt._cost import Cost, costs_and_gradients
from jbo.compat.gpyopt._design import initial_design
from jbo.compat.gpyopt._objective import Objective
from jbo.compat.gpyopt._options import without_effect
from jbo.compat.gpyopt._rows import Row
from jbo.compat.gpyopt._space import Design_space
from jbo.compat.gpyopt.acquisitions import AcquisitionEI, AcquisitionLCB, AcquisitionMPI, ModelAcquisition
from jbo.compat.gpyopt.models import GPModel, GPModel_MCMC, InputWarpedGPModel, RFModel, WarpedGPModel
from jbo.strategies import bayesian
from jbo.study import SpaceExhausted, Study, Trial
from jbo.surrogates import SampledGP, Surrogate

Path = str | os.PathLike[str]
_MODELS: dict[str, Callable[..., Any]] = {
    "GP": GPModel,
    "sparseGP": partial(GPModel, sparse=True),
    "GP_MCMC": GPModel_MCMC,
    "warpedGP": WarpedGPModel,
    "input_warped_GP": InputWarpedGPModel,
    "RF": RFModel,
}
_NO_LIMIT, _EPS = 2**31, 1e-8


class BayesianOptimization:
    """Bayesian optimisation of a function of one row of numbers.

    The options are GPyOpt's; the docstring of this package has a table of what becomes of each.

    Args:
      f: From one row, an array of shape ``(1, k)`` that also answers to the parameters' names (``row["rate"]``), to a
        number, or an array of one; None: results are given as ``X`` and ``Y``.
      domain: List of dicts, see `jbo.Space.from_domain`; or a `Design_space`.
      constraints: List of dicts, see `Design_space`.
      cost_withGradients: What evaluations cost, by which the acquisition is divided: None: nothing is known;
        ``evaluation_time``: the seconds that they take, learnt by a Gaussian process of their logarithm; or a function
        from rows ``(n, k)`` to costs above 0 ``(n, 1)`` and their gradients ``(n, k)``. With ``LCB`` it has no effect.
      model_type: ``GP``, ``sparseGP``, ``GP_MCMC``, ``warpedGP``, ``input_warped_GP`` or ``RF``.
      X: Points to begin with, as rows.
      Y: Their values, in the user's sign; None: ``f`` is evaluated there.
      initial_design_numdata: How many points are evaluated before the model speaks, if there is no ``X``.
      initial_design_type: ``random``, ``latin``, ``sobol`` or ``grid``.
      acquisition_type: ``EI``, ``MPI`` or ``LCB``; ``EI_MCMC``, ``MPI_MCMC`` or ``LCB_MCMC`` with ``GP_MCMC``.
      normalize_Y: Values are always standardised; False is warned about.
      exact_feval: True says that evaluations are exact.
      acquisition_optimizer_type: ``lbfgs``; others are warned about.
      model_update_interval: 1: the model is fitted for each suggestion; others are warned about.
      evaluator_type: How points keep apart whose results are still to come: ``sequential`` believes the model there,
        ``local_penalization``, ``thompson_sampling`` and ``random`` are those of `jbo.batches`.
      batch_size: Evaluations of one iteration, and points of one suggestion.
      num_cores: How many evaluations run at the same time, each in a process of its own.
      verbosity: True shows progress.
      verbosity_model: A model prints nothing; True is warned about.
      maximize: True if higher values are better, of ``f`` and of ``Y``.
      de_duplication: No point of a discrete domain comes twice, whatever is said here.
      acquisition_jitter: What counts as an improvement for ``EI`` and ``MPI``, in deviations of the objective; None:
        0.01.
      acquisition_weight: Deviations away from the mean, for ``LCB``; None: 2.
      kernel: As in `models.GPModel`.
      ARD: As in `models.GPModel`.
      noise_var: As in `models.GPModel`.
      optimize_restarts: As in `models.GPModel`.
      max_iters: As in `models.GPModel`.
      model_optimizer_type: As ``optimizer`` in `models.GPModel`.
      num_inducing: As in `models.GPModel`.
      model: One of `models` or a surrogate of `jbo`, in place of ``model_type``.
      acquisition: One of `acquisitions` or an acquisition of `jbo`, in place of ``acquisition_type``.
      objective_name: For the report.
      seed: Of all randomness; None: one of the system's.

    Raises:
      ValueError: An option is impossible or not there; the message begins with its name.

    Example:
      >>> optimization = BayesianOptimization(lambda row: row["x"] ** 2, [{"name": "x", "domain": (-1, 2)}], seed=0)
      >>> optimization.run_optimization(max_iter=0)
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
        initial_design_numdata: int = 5,
        initial_design_type: str = "random",
        acquisition_type: str = "EI",
        normalize_Y: bool = True,
        exact_feval: bool = False,
        acquisition_optimizer_type: str = "lbfgs",
        model_update_interval: int = 1,
        evaluator_type: str = "sequential",
        batch_size: int = 1,
        num_cores: int = 1,
        verbosity: bool = False,
        verbosity_model: bool = False,
        maximize: bool = False,
        de_duplication: bool = False,
        *,
        acquisition_jitter: int | float | None = None,
        acquisition_weight: int | float | None = None,
        kernel: Any = None,
        ARD: bool | None = None,
        noise_var: int | float | None = None,
        optimize_restarts: int | None = None,
        max_iters: int | None = None,
        model_optimizer_type: str | None = None,
        num_inducing: int | None = None,
        model: Any = None,
        acquisition: Any = None,
        objective_name: str = "no_name",
        seed: int | np.integer | None = None,
    ):
        for name, value in (("batch_size", batch_size), ("num_cores", num_cores)):
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise ValueError(f"{name}: expected an integer of at least 1, got {value!r}")
        if f is None and (X is None or Y is None):
            raise ValueError("f: expected a function, or both X and Y, got neither")
        if Y is not None and X is None:
            raise ValueError("X: expected the points of Y, got none")
        if not normalize_Y:
            without_effect("normalize_Y", normalize_Y, "values are standardised for each suggestion")
        if acquisition_optimizer_type != "lbfgs":
            reason = "jbo.maximize finds the best point, over reals and levels alike"
            without_effect("acquisition_optimizer_type", acquisition_optimizer_type, reason)
        if model_update_interval != 1:
            without_effect("model_update_interval", model_update_interval, "the model is fitted for each suggestion")
        if verbosity_model:
            without_effect("verbosity_model", verbosity_model, "a model prints nothing")
        batch = self._batch(evaluator_type, batch_size)

        self.f = f
        self.space = domain if isinstance(domain, Design_space) else Design_space(domain, constraints)
        if isinstance(domain, Design_space) and constraints is not None:
            raise ValueError(
                f"constraints: expected None beside a Design_space, which has its own, got {constraints!r}"
            )
        self.batch_size, self.num_cores, self.verbosity = int(batch_size), int(num_cores), verbosity
        self.maximize, self.objective_name = maximize, objective_name
        self.model_type, self.acquisition_type, self.exact_feval = model_type, acquisition_type, exact_feval

        asked = _acquisition(acquisition, acquisition_type, acquisition_jitter, acquisition_weight)
        if asked.space is not None and getattr(asked.space, "space", None) != self.space.space:
            raise ValueError("acquisition: expected one for the domain of the optimisation, got one for another space")
        if model is not None and asked.model is not None and asked.model is not model:
            raise ValueError(f"model: expected the model that the acquisition was made for, got {model!r}")
        options = {
            "kernel": kernel,
            "ARD": ARD,
            "noise_var": noise_var,
            "optimize_restarts": optimize_restarts,
            "max_iters": max_iters,
            "optimizer": model_optimizer_type,
            "num_inducing": num_inducing,
            "exact_feval": exact_feval or None,
        }
        given = {name: value for name, value in options.items() if value is not None}
        model = asked.model if model is None else model
        surrogate = self._surrogate(model, model_type, given)
        if acquisition is None and acquisition_type.endswith("_MCMC") and not isinstance(surrogate, SampledGP):
            raise ValueError(f"acquisition_type: expected model_type 'GP_MCMC' beside {acquisition_type!r}")

        self._cost = self._cost_of(cost_withGradients, asked)
        rows = None if X is None else self._rows(X, "X")
        values = None if Y is None else _column(Y, len(rows or []))
        # With X and Y a caller comes again with each new row: a number that stays the same compiles once.
        num_initial = initial_design_numdata if rows is None else 1
        self._num_initial = max(1, num_initial)
        self._strategy = bayesian(
            self.space.space,
            surrogate=surrogate,
            acquisition=asked.acquisition,
            batch=batch,
            num_initial=self._num_initial,
            cost=self._cost,
        )
        self.study = Study(self.space.space, strategy=self._strategy, maximize=maximize, seed=seed)
        """The search itself, in memory."""
        self._design: list[dict[str, Any]] = []  # what is evaluated before anything the model suggests
        self._ended, self._seconds = "not run yet", 0.0
        if rows is None:
            self._design = initial_design(initial_design_type, self.space.space, num_initial, self.study.seed)
        elif values is None:
            self._design = [config for i, config in enumerate(rows) if config not in rows[:i]]
            if len(self._design) < len(rows):
                warnings.warn("X: points that come again are evaluated once", UserWarning, stacklevel=2)
        else:
            self._tell(rows, values)

    # Running

    def run_optimization(
        self,
        max_iter: int | np.integer | None = 0,
        max_time: int | float | None = math.inf,
        eps: int | float = _EPS,
        context: Mapping[str, Any] | None = None,
        verbosity: bool = False,
        save_models_parameters: bool | None = None,
        report_file: Path | None = None,
        evaluations_file: Path | None = None,
        models_file: Path | None = None,
    ) -> None:
        """Evaluate what is left of the initial design and then ``max_iter`` times ``batch_size`` suggestions.

        An exception of ``f`` fails its evaluation: its value is NaN, the reason is logged, and the model learns from
        it. A suggestion knows all results so far and counts with those that are still to come.

        Args:
          max_iter: Iterations of this call; None: as many as ``max_time`` allows.
          max_time: Seconds after which no evaluation is begun; None: no limit.
          eps: With exact evaluations of real parameters, two suggestions in a row that are no farther apart end the
            run. Elsewhere such a pair says nothing and does not end it.
          context: Values by name of parameters that the environment sets.
          verbosity: True shows progress.
          save_models_parameters: Refused where True: a model is a function of the evaluations, which can be saved.
          report_file: As in `save_report`, at the end.
          evaluations_file: As in `save_evaluations`, at the end.
          models_file: Refused.

        Raises:
          ValueError: There is no ``f``, or an option is impossible.
          RuntimeError: All evaluations of the initial design failed; the message has the last reason.
        """
        f = self.f
        if f is None:
            raise ValueError("f: expected a function to evaluate, got None; use suggest_next_locations")
        if models_file is not None or save_models_parameters:
            raise ValueError("models_file: models are not saved; they follow from the evaluations, which are")
        max_time = math.inf if max_time is None else max_time
        max_iter = (0 if max_time == math.inf else _NO_LIMIT) if max_iter is None else int(max_iter)
        if eps != _EPS and not self._is_exact_and_real:
            without_effect("eps", eps, "it ends only exact evaluations of real parameters")
        started, failure = time.monotonic(), None
        ended = None if max_time > 0 else f"max_time={max_time} is over"

        def stop(trial: Trial) -> bool:
            nonlocal ended, failure
            if time.monotonic() - started >= max_time:
                ended = f"max_time={max_time} is over"
            elif self._is_still(trial, eps):
                ended = f"two suggestions in a row are no farther apart than eps={eps}"
            elif trial.failure and len(finished := self._finished()) >= max(1, len(self._design)):
                if all(t.status == "failed" for t in finished):
                    ended, failure = "every evaluation failed", trial.failure
            return ended is not None

        left = self._design_left()
        for config in left:
            self.study.enqueue(config)
        num_first = len(self._finished()) + len(left)
        target = num_first + max_iter * self.batch_size
        # The design is for all contexts.
        for num_trials, given in [(num_first, None), (target, context)] if context and left else [(target, context)]:
            if ended is None:
                self.study.optimize(
                    Objective(f, self.space.columns),
                    num_trials,
                    workers=self.num_cores,
                    stop=stop,
                    context=given,
                    progress=bool(verbosity or self.verbosity),
                )
        self._seconds += time.monotonic() - started
        if ended is None:
            ended = f"max_iter={max_iter} is reached"
            if len(self._finished()) < target:
                ended = "the domain has no new point"
                warnings.warn("every point of the domain has been tried: the run ends before max_iter", stacklevel=2)
        self._ended = ended
        if failure is not None:
            raise RuntimeError(f"f: every evaluation failed, the last one with\n{failure}")
        if report_file is not None:
            self.save_report(report_file)
        if evaluations_file is not None:
            self.save_evaluations(evaluations_file)

    def suggest_next_locations(
        self, context: Mapping[str, Any] | None = None, pending_X: Any = None, ignored_X: Any = None
    ) -> Float[np.ndarray, "q k"]:
        """The next ``batch_size`` points as rows; what is left of the initial design comes first.

        Asking changes nothing: the same question has the same answer, until there are other results.

        Args:
          context: Values by name of parameters that the environment sets.
          pending_X: Points whose results are still to come; the model counts with them.
          ignored_X: Points that shall not be suggested; they count as pending.

        Raises:
          jbo.SpaceExhausted: A discrete domain has no new point.
        """
        return np.array([self.space.columns.to_row(c) for c in self._next(context, pending_X, ignored_X)])

    # What is known

    @property
    def X(self) -> Float[np.ndarray, "n k"]:
        """The points that were evaluated, as rows."""
        rows = [self.space.columns.to_row(trial.config) for trial in self._finished()]
        return np.array(rows, np.float64).reshape(len(rows), len(self.space.columns.names))

    @property
    def Y(self) -> Float[np.ndarray, "n 1"]:
        """Their values, in the user's sign; NaN where an evaluation failed."""
        return self.study.trajectory[0][:, None]

    @property
    def Y_best(self) -> Float[np.ndarray, " n"]:
        """The best value after each evaluation, in the user's sign."""
        return self.study.trajectory[1]

    @property
    def x_opt(self) -> Row:
        """The best point that was evaluated; it answers to names, too.

        Raises:
          ValueError: No evaluation has succeeded.
        """
        best = self.study.best
        return Row(self.space.columns.to_row(best.config), best.config)

    @property
    def fx_opt(self) -> float:
        """Its value, in the user's sign.

        Raises:
          ValueError: No evaluation has succeeded.
        """
        return cast(float, self.study.best.value)

    def get_evaluations(self) -> tuple[Float[np.ndarray, "n k"], Float[np.ndarray, "n 1"]]:
        """`X` and `Y`."""
        return self.X, self.Y

    # Files and pictures

    def save_evaluations(self, evaluations_file: Path) -> None:
        """Write all evaluations as a table of text, every digit of them.

        Args:
          evaluations_file: Written anew.
        """
        _files.save(evaluations_file, self.space.columns.names, self.X, self.Y)

    def load_evaluations(self, evaluations_file: Path) -> None:
        """Add the evaluations of a file to those that are there; GPyOpt's files are read, too.

        What is loaded counts for the initial design, of which as many points fewer are evaluated.

        Args:
          evaluations_file: What `save_evaluations` wrote, of the same domain and the same sign.

        Raises:
          ValueError: The file has other columns, or a point that is not of the domain.
        """
        X, Y = _files.load(evaluations_file, self.space.columns.names)
        self._tell(self._rows(X, str(evaluations_file)), Y[:, 0])

    def save_report(self, report_file: Path) -> None:
        """Write what was optimised, how, and what came of it.

        Args:
          report_file: Written anew.
        """
        finished = self._finished()
        num_failed = sum(trial.status == "failed" for trial in finished)
        goal = "maximum" if self.maximize else "minimum"
        lines = {
            "jbo version": version("jbo"),
            "Date and time": time.strftime("%Y-%m-%d %H:%M:%S"),
            "Problem name": self.objective_name,
            "Optimization ended": self._ended,
            "Evaluations": f"{len(finished)}, {num_failed} of them failed",
            "Initial design": f"{len(self._design)} points",
            "Optimization time": f"{self._seconds:.1f} seconds",
            "Seed": str(self.study.seed),
            "Space": repr(self.space.space),
            "Exact evaluations": str(self.exact_feval),
            "Model": repr(self._strategy.surrogate),
            "Acquisition": repr(self._strategy.acquisition),
            "Batch size": str(self.batch_size),
            "Cores": str(self.num_cores),
        }
        if num_failed < len(finished):
            best = self.study.best
            lines |= {f"Value at {goal}": repr(best.value), f"Location of the {goal}": repr(best.config)}
        width = max(map(len, lines)) + 2
        text = "".join(f"{name + ':':<{width}}{value}\n" for name, value in lines.items())
        with open(report_file, "w") as file:
            file.write(text)

    def plot_convergence(self, filename: Path | None = None) -> Any:
        """A figure of the distances between consecutive points, and of the best value.

        Args:
          filename: Where to save it; None: it is shown.
        """
        return _plots.plot_convergence(self.X, self.Y[:, 0], self.Y_best, filename)

    def plot_acquisition(
        self, filename: Path | None = None, label_x: str | None = None, label_y: str | None = None
    ) -> Any:
        """A figure of the model and the acquisition over one or two parameters; it changes nothing in the run.

        Args:
          filename: Where to save it; None: it is shown.
          label_x: Of the first axis; None: the parameter's name.
          label_y: Of the second axis; None: the second parameter's name, or that of the model's values.

        Raises:
          ValueError: There are more parameters, or no two different values yet.
        """
        space = self.space.space
        if len(space) > 2:
            raise ValueError(f"plot_acquisition: expected one or two parameters, got {len(space)}")
        values = self.Y[:, 0]
        if len(set(values[np.isfinite(values)])) < 2:
            raise ValueError(f"plot_acquisition: expected two different values at least, got {values.tolist()}")
        x = np.array([space.encode(trial.config) for trial in self._finished()])
        y = -values if self.maximize else values
        try:
            following = np.array([space.encode(config) for config in self._next(None, None, None)])
        except SpaceExhausted:
            following = np.empty((0, len(space)))
        return _plots.plot_acquisition(
            space, self._strategy, self.study.seed, x, y, following, self.maximize, filename, label_x, label_y
        )

    # Inside

    def _finished(self) -> list[Trial]:
        return [trial for trial in self.study.trials if trial.status != "pending"]

    def _design_left(self) -> list[dict[str, Any]]:
        return self._design[len(self._finished()) :]

    def _next(self, context: Mapping[str, Any] | None, pending_X: Any, ignored_X: Any) -> list[dict[str, Any]]:
        """The next configs, from a study of the same trials that is thrown away."""
        space, trials = self.space.space, self._finished()
        with Study(space, strategy=self._strategy, maximize=self.maximize, seed=self.study.seed) as study:
            for trial in trials:
                # What this study is told took no time: the seconds of the other one are its costs.
                seconds = cast(float, trial.ended_at) - trial.started_at
                cost = seconds if self._cost == "seconds" and seconds > 0 else None
                study.tell(trial.config, trial.value, failed=trial.failure, cost=cost)
            for name, rows in (("pending_X", pending_X), ("ignored_X", ignored_X)):
                if rows is not None:
                    num_new = sum(study.enqueue(config) for config in self._rows(rows, name))
                    study.ask(num_new)
            for config in self._design_left():
                study.enqueue(config)
            return [trial.config for trial in study.ask(self.batch_size, context=context)]

    def _tell(self, rows: list[dict[str, Any]], values: Float[np.ndarray, " n"]) -> None:
        for config, value in zip(rows, values, strict=True):
            self.study.tell(config, float(value))

    def _rows(self, X: Any, name: str) -> list[dict[str, Any]]:
        try:
            return [self.space.columns.to_config(row) for row in np.atleast_2d(np.asarray(X, np.float64))]
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None

    def _is_still(self, trial: Trial, eps: int | float) -> bool:
        """Whether an exact search of reals makes no step any more."""
        before = [t for t in self._finished() if t.number == trial.number - 1]
        if not self._is_exact_and_real or not before or trial.number - 1 < self._num_initial:
            return False
        rows = [self.space.columns.to_row(t.config) for t in (*before, trial)]
        return float(np.linalg.norm(rows[1] - rows[0])) <= eps

    @property
    def _is_exact_and_real(self) -> bool:
        return self.exact_feval and not any(parameter.num_levels for parameter in self.space.space.values())

    def _surrogate(self, model: Any, model_type: str, given: dict[str, Any]) -> Surrogate:
        if model is not None and given:
            raise ValueError(f"{next(iter(given))}: expected it among the arguments of the model, which is given")
        if model is None:
            if model_type not in _MODELS:
                raise ValueError(f"model_type: expected one of {', '.join(map(repr, _MODELS))}, got {model_type!r}")
            make = _MODELS[model_type]
            for name in given.keys() - inspect.signature(make).parameters.keys():
                raise ValueError(f"{name}: expected it with model_type 'GP' only; {model_type!r} has none")
            model = make(**given)
        if isinstance(model, GPModel | GPModel_MCMC | RFModel):
            return model.surrogate(self.space)
        if not isinstance(model, Surrogate):
            raise ValueError(f"model: expected one of jbo.compat.gpyopt.models or a surrogate of jbo, got {model!r}")
        return model

    def _cost_of(self, given: Any, asked: ModelAcquisition) -> Any:
        """The cost as `jbo.bayesian` takes it."""
        if given is not None and asked.cost is not None and given is not asked.cost:
            raise ValueError(
                f"cost_withGradients: expected that of the acquisition, which has one, or None, got {given!r}"
            )
        given = asked.cost if given is None else given
        if given is None or isinstance(asked.acquisition, ConfidenceBound):
            if given is not None:
                without_effect("cost_withGradients", given, "a confidence bound cannot be divided by a cost", 2)
            return None
        if isinstance(given, str):
            if given != "evaluation_time":
                raise ValueError(f"cost_withGradients: expected None, 'evaluation_time' or a function, got {given!r}")
            return "seconds"
        if not callable(given):
            raise ValueError(f"cost_withGradients: expected None, 'evaluation_time' or a function, got {given!r}")
        columns = self.space.columns
        centre = self.space.space.decode(np.full(len(self.space.space), 0.5))
        costs_and_gradients(given, columns.to_row(centre)[None])
        return Cost(given, columns)

    @staticmethod
    def _batch(evaluator_type: str, batch_size: int) -> Batch | None:
        """The rule for batches; None where there are none, or the model is believed."""
        if evaluator_type not in _EVALUATORS:
            known = ", ".join(map(repr, _EVALUATORS))
            raise ValueError(f"evaluator_type: expected one of {known}, got {evaluator_type!r}")
        return _EVALUATORS[evaluator_type]() if batch_size > 1 else None


_EVALUATORS: dict[str, Callable[[], Batch | None]] = {
    "sequential": lambda: None,
    "random": random_batch,
    "local_penalization": local_penalization,
    "thompson_sampling": thompson_batch,
}


def _acquisition(
    acquisition: Any, kind: str, jitter: int | float | None, weight: int | float | None
) -> ModelAcquisition:
    if acquisition is not None:
        for name, value in (("acquisition_jitter", jitter), ("acquisition_weight", weight)):
            if value is not None:
                raise ValueError(f"{name}: expected it among the arguments of the acquisition, which is given")
        if isinstance(acquisition, ModelAcquisition):
            return acquisition
        if not isinstance(acquisition, Acquisition):
            raise ValueError(f"acquisition: expected one of jbo.compat.gpyopt.acquisitions, got {acquisition!r}")
        return ModelAcquisition(acquisition, None, None, None)
    base = kind.removesuffix("_MCMC")
    if base not in ("EI", "MPI", "LCB"):
        raise ValueError(f"acquisition_type: expected 'EI', 'MPI' or 'LCB', or one with '_MCMC', got {kind!r}")
    unused, value = ("acquisition_jitter", jitter) if base == "LCB" else ("acquisition_weight", weight)
    if value is not None:
        without_effect(unused, value, f"{kind} has none", 2)
    if base == "LCB":
        return AcquisitionLCB(None, exploration_weight=2.0 if weight is None else weight)
    return {"EI": AcquisitionEI, "MPI": AcquisitionMPI}[base](None, jitter=0.01 if jitter is None else jitter)


def _column(Y: Any, num_rows: int) -> Float[np.ndarray, " n"]:
    values = np.asarray(Y, np.float64)
    if values.shape not in ((num_rows,), (num_rows, 1)):
        raise ValueError(f"Y: expected one value for each of the {num_rows} rows of X, got shape {values.shape}")
    return values.reshape(num_rows)
