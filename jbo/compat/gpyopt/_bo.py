"""GPyOpt's optimisation, a wrapper of `jbo.Study`; the package's docstring says how each option is handled."""

import math
import os
import time
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, cast

import numpy as np
from jaxtyping import Float

from jbo import strategies
from jbo.compat.gpyopt import _files, _plots
from jbo.compat.gpyopt._acquisitions import ModelAcquisition
from jbo.compat.gpyopt._cost import CostModel
from jbo.compat.gpyopt._design import initial_design
from jbo.compat.gpyopt._models import Model
from jbo.compat.gpyopt._objective import Objective
from jbo.compat.gpyopt._options import unknown_options, without_effect
from jbo.compat.gpyopt._parts import acquisition_of, batch_of, cost_of, model_of
from jbo.compat.gpyopt._rows import Row
from jbo.compat.gpyopt._space import Design_space
from jbo.compat.gpyopt._view import Table, View
from jbo.study import SpaceExhausted, Study, Trial
from jbo.surrogates import SampledGP

Path = str | os.PathLike[str]
_NO_LIMIT, _EPS = 2**31, 1e-8
_SIGNS = ("minimized", "user")


class BO:
    """Base class of `BayesianOptimization` and `ModularBayesianOptimization`: an optimisation in progress.

    ``_setup`` makes the study. ``_begin`` evaluates the initial design.
    """

    def _setup(
        self,
        *,
        f: Any,
        domain: Any,
        constraints: Any,
        cost_withGradients: Any,
        model_type: str,
        X: Any,
        Y: Any,
        initial_design_numdata: int | None,
        initial_design_type: str,
        acquisition_type: str | None,
        normalize_Y: bool,
        exact_feval: bool,
        acquisition_optimizer_type: str,
        model_update_interval: int,
        evaluator_type: str | None,
        batch_size: int,
        num_cores: int,
        verbosity: Any,
        verbosity_model: Any,
        maximize: bool,
        de_duplication: bool,
        acquisition_jitter: Any,
        acquisition_weight: Any,
        model: Any,
        acquisition: Any,
        model_options: dict[str, Any],
        objective_name: str,
        sign: str | None,
        seed: int,
    ) -> None:
        for name, value in (("batch_size", batch_size), ("num_cores", num_cores)):
            if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
                raise ValueError(f"{name}: expected an integer of at least 1, got {value!r}")
        if f is None and (X is None or Y is None):
            raise ValueError("f: expected a function, or both X and Y, got neither")
        if Y is not None and X is None:
            raise ValueError("X: expected the points of Y, got none")
        if sign is not None and sign not in _SIGNS:
            raise ValueError(f"sign: expected None, 'minimized' or 'user', got {sign!r}")
        if not normalize_Y:
            without_effect("normalize_Y", normalize_Y, "values are standardised for each suggestion", 2)
        if acquisition_optimizer_type not in ("lbfgs", None):
            reason = "jbo.maximize finds the best point, over reals and levels alike"
            without_effect("acquisition_optimizer_type", acquisition_optimizer_type, reason, 2)
        if model_update_interval != 1:
            without_effect("model_update_interval", model_update_interval, "the model is fitted for each suggestion", 2)
        if verbosity_model:
            without_effect("verbosity_model", verbosity_model, "a model prints nothing", 2)
        batch = batch_of(evaluator_type, batch_size)

        self.f = f
        self.space = domain if isinstance(domain, Design_space) else Design_space(domain, constraints)
        if isinstance(domain, Design_space) and constraints is not None:
            raise ValueError(
                f"constraints: expected None with a Design_space, which has constraints of its own, got {constraints!r}"
            )
        self.domain, self.constraints = self.space.config_space, self.space.constraints
        self.batch_size, self.num_cores, self.verbosity = int(batch_size), int(num_cores), verbosity
        self.maximize, self.objective_name = bool(maximize), objective_name
        self.model_type, self.acquisition_type, self.exact_feval = model_type, acquisition_type, exact_feval
        self.evaluator_type, self.initial_design_type = evaluator_type, initial_design_type
        self.normalize_Y, self.model_update_interval, self.de_duplication = normalize_Y, 1, True

        asked = acquisition_of(acquisition, acquisition_type, acquisition_jitter, acquisition_weight)
        if asked.space is not None and getattr(asked.space, "space", None) != self.space.space:
            raise ValueError(
                "acquisition: expected an acquisition for the domain of the optimisation, got one for another space"
            )
        if model is not None and asked.model is not None and asked.model is not model:
            raise ValueError(f"model: expected the model that the acquisition was made for, got {model!r}")
        given = {name: value for name, value in model_options.items() if value is not None}
        self.model: Model = model_of(asked.model if model is None else model, model_type, given)
        """GPyOpt's model: `Model.predict` and what else it has."""
        surrogate = self.model.surrogate(self.space)
        if acquisition is None and str(acquisition_type).endswith("_MCMC") and not isinstance(surrogate, SampledGP):
            raise ValueError(
                f"model_type: expected 'GP_MCMC' with acquisition_type={acquisition_type!r}, got {model_type!r}"
            )
        self.acquisition: ModelAcquisition = asked
        """GPyOpt's acquisition: `ModelAcquisition.acquisition_function` and what else it has."""
        if acquisition is None:
            asked.model, asked.space = self.model, self.space
        self._cost = cost_of(cost_withGradients, asked, self.space)
        self.cost = cost_withGradients if isinstance(cost_withGradients, CostModel) else CostModel(cost_withGradients)
        """GPyOpt's model of costs, as it was given."""

        # Values as the study has them times this are values as they come back.
        self._sign = -1.0 if self.maximize and sign != "user" else 1.0
        self._is_sign_said = not self.maximize or sign is not None
        rows = None if X is None else self._rows(X, "X")
        values = None if Y is None else _column(Y, len(rows or []))
        if values is not None:
            self._warn_of_sign("Y", 4)
        # With X and Y a caller comes again with each new row: a number that stays the same compiles once.
        num_initial = 1 if rows is not None else 5 if initial_design_numdata is None else int(initial_design_numdata)
        self.initial_design_numdata = num_initial if rows is None else len(rows)
        self._num_initial = max(1, num_initial)
        self._strategy = strategies.bayesian(
            self.space.space,
            surrogate=surrogate,
            acquisition=asked.acquisition,
            batch=batch,
            num_initial=self._num_initial,
            cost=self._cost,
        )
        self.study = Study(self.space.space, strategy=self._strategy, maximize=self.maximize, seed=seed)
        """The search itself, in memory."""
        self._design: list[dict[str, Any]] = []  # what is evaluated before anything the model suggests
        self._told: tuple[list[dict[str, Any]], np.ndarray] | None = None
        self._ended, self._seconds, self.num_acquisitions = "not run yet", 0.0, 0
        self._viewed: tuple[int, View] | None = None
        if rows is None:
            self._design = initial_design(initial_design_type, self.space.space, num_initial, self.study.seed)
        elif values is None:
            self._design = [config for i, config in enumerate(rows) if config not in rows[:i]]
            if len(self._design) < len(rows):
                warnings.warn("X: repeated points are evaluated only once", UserWarning, stacklevel=4)
        else:
            self._told = rows, self._sign * values
        self.model.attach(self.view)
        self.acquisition.attach(self)

    def _begin(self) -> None:
        """Tell the given values and evaluate the initial design, as GPyOpt's constructor does."""
        if self._told is not None:
            self._tell(*self._told)
        if self._design:
            for config in self._design:
                self.study.enqueue(config)
            self._run(len(self._design), None, math.inf, 0.0, bool(self.verbosity))
            self.num_acquisitions = 0

    # Running

    def run_optimization(
        self,
        max_iter: int | float | np.integer | None = 0,
        max_time: int | float | None = math.inf,
        eps: int | float = _EPS,
        context: Mapping[str, Any] | None = None,
        verbosity: Any = False,
        save_models_parameters: bool | None = None,
        report_file: Path | None = None,
        evaluations_file: Path | None = None,
        models_file: Path | None = None,
        **unknown: Any,
    ) -> None:
        """Evaluate ``max_iter`` times ``batch_size`` suggestions.

        An exception of ``f`` fails its evaluation: its value is NaN, the reason is logged, and the model learns from
        it. A suggestion knows all results so far and counts with those that are still to come.

        Args:
          max_iter: Iterations of this call; None: as many as ``max_time`` allows.
          max_time: Seconds after which no evaluation is begun; None: no limit.
          eps: With exact evaluations of real parameters, two suggestions in a row that are no farther apart end the
            run. Elsewhere such a pair says nothing and does not end it. 0 or less: nothing ends the run so.
          context: Values by name of parameters that the environment sets.
          verbosity: True shows progress.
          save_models_parameters: Accepted as in GPyOpt: a model is a function of the evaluations, which are there.
          report_file: As in `save_report`, at the end.
          evaluations_file: As in `save_evaluations`, at the end.
          models_file: As in `save_models`, at the end.
          **unknown: Other keywords, such as those of GPyOpt's older versions, give a warning.

        Raises:
          ValueError: The optimisation has no ``f``, or an option is impossible.
        """
        del save_models_parameters
        unknown_options(unknown, ("max_iter", "max_time", "eps", "context", "verbosity"))
        if self.f is None:
            raise ValueError("f: expected a function to evaluate, got None; use suggest_next_locations")
        max_time = math.inf if max_time is None else max_time
        if max_iter is None or max_iter == math.inf:
            max_iter = 0 if max_time == math.inf else _NO_LIMIT
        if eps != _EPS and eps > 0 and not self._is_exact_and_real:
            without_effect("eps", eps, "it ends only exact evaluations of real parameters")
        target = len(self._finished()) + int(max_iter) * self.batch_size
        self._run(target, self._context(context), max_time, eps, bool(verbosity or self.verbosity))
        if len(self._finished()) < target and self._ended == _EXHAUSTED:
            warnings.warn("every point of the domain has been tried: the run ends before max_iter", stacklevel=2)
        elif len(self._finished()) >= target:
            self._ended = f"max_iter={max_iter} is reached"
        if report_file is not None:
            self.save_report(report_file)
        if evaluations_file is not None:
            self.save_evaluations(evaluations_file)
        if models_file is not None:
            self.save_models(models_file)

    def _run(
        self, target: int, context: dict[str, Any] | None, max_time: int | float, eps: int | float, progress: bool
    ) -> None:
        """Evaluate until the given number of evaluations has ended, the time is over, or the search has converged."""
        started, failure = time.monotonic(), None
        ended = None if max_time > 0 else f"max_time={max_time} is over"
        num_before = len(self._finished())

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

        if ended is None and target > num_before:
            self.study.optimize(
                Objective(cast(Any, self.f), self.space.columns),
                target,
                workers=self.num_cores,
                stop=stop,
                context=context,
                progress=progress,
                stop_on_repeated_error=False,  # such a run ends below, with the traceback
            )
        self._seconds += time.monotonic() - started
        self.num_acquisitions = (len(self._finished()) - num_before) // self.batch_size
        self._ended = _EXHAUSTED if ended is None else ended
        if failure is not None:
            raise RuntimeError(f"f: every evaluation failed, the last one with\n{failure}")

    def suggest_next_locations(
        self, context: Mapping[str, Any] | None = None, pending_X: Any = None, ignored_X: Any = None
    ) -> Float[np.ndarray, "q k"]:
        """The next ``batch_size`` points as rows.

        Asking changes nothing: the same question has the same answer, until there are other results.

        Args:
          context: Values by name of parameters that the environment sets.
          pending_X: Points whose results are not known yet; the model treats them as pending trials.
          ignored_X: Points that must not be suggested; they are treated as pending.

        Raises:
          jbo.SpaceExhausted: A discrete domain has no new point.
        """
        return np.array(
            [self.space.columns.to_row(c) for c in self._next(self._context(context), pending_X, ignored_X)]
        )

    @property
    def suggested_sample(self) -> Float[np.ndarray, "q k"]:
        """The points of the last iteration, as rows."""
        return self.X[-self.batch_size :]

    @property
    def Y_new(self) -> Float[np.ndarray, "q 1"]:
        """The values of the last iteration, with the sign of `Y`."""
        return self.Y[-self.batch_size :]

    # What is known

    @property
    def X(self) -> Float[np.ndarray, "n k"]:
        """The points that were evaluated, as rows."""
        rows = [self.space.columns.to_row(trial.config) for trial in self._finished()]
        return np.array(rows, np.float64).reshape(len(rows), len(self.space.columns.names))

    @property
    def Y(self) -> Float[np.ndarray, "n 1"]:
        """Values at the points `X`, lower is better: values of ``-f`` if it is maximised; NaN for failed evaluations.

        With ``sign="user"`` they are as ``f`` gives them.
        """
        self._warn_of_sign("Y")
        return self._values()[:, None]

    @property
    def Y_best(self) -> Float[np.ndarray, " n"]:
        """The best value after each evaluation, with the sign of `Y`."""
        self._warn_of_sign("Y_best")
        return self._sign * self.study.trajectory[1]

    @property
    def x_opt(self) -> Row:
        """The best evaluated point; it also answers to names.

        Raises:
          ValueError: No evaluation has succeeded.
        """
        best = self.study.best
        return Row(self.space.columns.to_row(best.config), best.config)

    @property
    def fx_opt(self) -> float:
        """The value at `x_opt`, with the sign of `Y`.

        Raises:
          ValueError: No evaluation has succeeded.
        """
        self._warn_of_sign("fx_opt")
        return self._sign * cast(float, self.study.best.value)

    @property
    def cum_time(self) -> float:
        """Seconds that all runs have taken."""
        return self._seconds

    def get_evaluations(self) -> tuple[Float[np.ndarray, "n k"], Float[np.ndarray, "n 1"]]:
        """`X` and `Y`."""
        self._warn_of_sign("get_evaluations")
        return self.X, self._values()[:, None]

    def view(self) -> View:
        """The model fitted to all evaluations. `model` and `acquisition` use it for their predictions.

        Raises:
          ValueError: All observed values are equal.
        """
        trials = self._finished()
        if self._viewed is None or self._viewed[0] != len(trials):
            self._viewed = len(trials), self._view_of(trials)
        return self._viewed[1]

    def _view_of(self, trials: list[Trial]) -> View:
        space, flip = self.space, -1.0 if self.maximize else 1.0
        y = np.array([math.nan if t.value is None else flip * t.value for t in trials])
        seconds = [cast(float, t.ended_at) - t.started_at for t in trials]
        cost = np.maximum(seconds, 0.0) if self._cost == "seconds" else None
        table = Table(
            np.array([space.columns.to_row(t.config) for t in trials]).reshape(len(trials), len(space.columns.names)),
            np.array([space.space.encode(t.config) for t in trials]).reshape(len(trials), len(space.space)),
            y,
            cost,
        )
        return View(cast(Any, self.study.strategy), space, table, self.study.seed, self.normalize_Y)

    # Files and pictures

    def save_evaluations(self, evaluations_file: Path) -> None:
        """Write all evaluations as a text table, with all digits.

        Args:
          evaluations_file: Written from scratch. Its column of values says whether they are those of `Y` in GPyOpt
            (``Y``) or, with ``sign="user"``, those that are maximised.
        """
        self._warn_of_sign("save_evaluations")
        column = _files.MAXIMIZED if self.maximize and self._sign > 0 else _files.MINIMIZED
        _files.save(evaluations_file, self.space.columns.names, self.X, self._values()[:, None], column)

    def load_evaluations(self, evaluations_file: Path) -> None:
        """Add the evaluations of a file; it also reads files of GPyOpt.

        Args:
          evaluations_file: What `save_evaluations` wrote, of the same domain; it says which sign its values have.

        Raises:
          ValueError: The file has other columns, or a point that is not of the domain.
        """
        X, Y, column = _files.load(evaluations_file, self.space.columns.names)
        if column == _files.MAXIMIZED and not self.maximize:
            raise ValueError(f"{evaluations_file}: expected values to be minimized, got the column {column!r}")
        flip = -1.0 if self.maximize and column == _files.MINIMIZED else 1.0
        self._tell(self._rows(X, str(evaluations_file)), flip * Y[:, 0])

    def save_models(self, models_file: Path) -> None:
        """Write the hyperparameters of the model after each evaluation as a table of text.

        Args:
          models_file: Written from scratch; a line for each number of evaluations from the initial design on.

        Raises:
          ValueError: The model has none, as a forest, or all observed values are equal.
        """
        trials, lines = self._finished(), []
        for num in range(min(self._num_initial, len(trials)), len(trials) + 1):
            values = {trial.value for trial in trials[:num]} - {None}
            if len(values) > 1:
                found = self._view_of(trials[:num]).parameters()
                lines.append("\t".join([str(len(lines) + 1), *(repr(number) for _, number in found)]))
        header = "\t".join(["Iteration", *(name for name, _ in self.view().parameters())])
        with open(models_file, "w") as file:
            file.write("".join(line + "\n" for line in (header, *lines)))

    def save_report(self, report_file: Path) -> None:
        """Write a report of the problem, the options and the results.

        Args:
          report_file: Written from scratch.
        """
        self._warn_of_sign("save_report")
        finished = self._finished()
        num_failed = sum(trial.status == "failed" for trial in finished)
        goal = "maximum" if self.maximize and self._sign > 0 else "minimum"
        lines = {
            "jbo version": version("jbo"),
            "Date and time": time.strftime("%Y-%m-%d %H:%M:%S"),
            "Problem name": self.objective_name,
            "Optimization ended": self._ended,
            "Evaluations": f"{len(finished)}, {num_failed} of them failed",
            "Initial design": f"{self.initial_design_numdata} points",
            "Optimization time": f"{self._seconds:.1f} seconds",
            "Seed": str(self.study.seed),
            "Space": repr(self.space.space),
            "Exact evaluations": str(self.exact_feval),
            "Model": repr(self.study.strategy),
            "Acquisition": repr(self.acquisition.acquisition),
            "Batch size": str(self.batch_size),
            "Cores": str(self.num_cores),
        }
        if self._sign < 0:
            lines["Sign"] = "the function is maximized; values are those of its negative"
        if num_failed < len(finished):
            best = self.study.best
            value = self._sign * cast(float, best.value)
            lines |= {f"Value at {goal}": repr(value), f"Location of the {goal}": repr(best.config)}
        width = max(map(len, lines)) + 2
        text = "".join(f"{name + ':':<{width}}{value}\n" for name, value in lines.items())
        with open(report_file, "w") as file:
            file.write(text)

    def plot_convergence(self, filename: Path | None = None) -> Any:
        """A figure of the distances between consecutive points, and of the best value.

        Args:
          filename: File to save the figure in; None: the figure is shown.
        """
        self._warn_of_sign("plot_convergence")
        label = "objective with its sign reversed" if self._sign < 0 else "objective"
        best = self._sign * self.study.trajectory[1]
        return _plots.plot_convergence(self.X, self._values(), best, filename, label)

    def plot_acquisition(
        self, filename: Path | None = None, label_x: str | None = None, label_y: str | None = None
    ) -> Any:
        """A figure of the model and the acquisition over one or two parameters; it changes nothing in the run.

        Args:
          filename: File to save the figure in; None: the figure is shown.
          label_x: Label of the first axis; None: the parameter's name.
          label_y: Label of the second axis; None: the second parameter's name, or the name of the model's values.

        Raises:
          ValueError: The domain has more than two parameters, or all observed values are equal.
        """
        self._warn_of_sign("plot_acquisition")
        space = self.space.space
        if len(space) > 2:
            raise ValueError(f"plot_acquisition: expected one or two parameters, got {len(space)}")
        values = self._values()
        if len(set(values[np.isfinite(values)])) < 2:
            raise ValueError(f"plot_acquisition: expected at least two different values, got {values.tolist()}")
        x = np.array([space.encode(trial.config) for trial in self._finished()])
        is_maximum = self.maximize and self._sign > 0
        y = -values if is_maximum else values
        if self._sign < 0 and label_y is None and len(space) == 1:
            label_y = "standardised value, sign reversed"
        try:
            following = np.array([space.encode(config) for config in self._next(None, None, None)])
        except SpaceExhausted:
            following = np.empty((0, len(space)))
        return _plots.plot_acquisition(
            space, self._strategy, self.study.seed, x, y, following, is_maximum, filename, label_x, label_y
        )

    # Pickles

    def __getstate__(self) -> dict[str, Any]:
        arguments = {
            **self._arguments,
            "X": None,
            "Y": None,
            "f": self.f,
            "initial_design_numdata": self._num_initial,
            "seed": self.study.seed,
        }
        _files.check_pickles(arguments)
        return {
            "arguments": arguments,
            "trials": self._finished(),
            "rest": {name: self.__dict__[name] for name in _KEPT if name in self.__dict__},
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._arguments = state["arguments"]
        f = self._arguments["f"]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what there is to say was said before
            self._setup(**{**self._arguments, "f": _no_function if f is None else f})
        self.f = f
        self.study.close()
        self.study = Study.from_trials(
            state["trials"],
            self.space.space,
            strategy=lambda space: self._strategy,
            maximize=self.maximize,
            seed=self._arguments["seed"],
        )
        for name, value in state["rest"].items():
            setattr(self, name, value)
        if "evaluator" in state["rest"]:
            state["rest"]["evaluator"].attach(self)

    # Inside

    def _values(self) -> Float[np.ndarray, " n"]:
        return self._sign * self.study.trajectory[0]

    def _warn_of_sign(self, name: str, depth: int = 3) -> None:
        """Warn once about the sign of the values, if a user may expect the other sign."""
        if not self._is_sign_said:
            self._is_sign_said = True
            warnings.warn(
                f"{name}: with maximize=True the values are those of -f (lower is better), as in GPyOpt."
                " Pass sign='user' for values with the sign of f, or sign='minimized' to silence this warning",
                UserWarning,
                stacklevel=depth,
            )

    def _finished(self) -> list[Trial]:
        return [trial for trial in self.study.trials if trial.status != "pending"]

    def _context(self, context: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """The context, with values moved to a bound or a level from which they differ only by rounding."""
        if not context:
            return None
        return {name: self.space.columns.rounded(name, value) for name, value in context.items()}

    def _next(self, context: Mapping[str, Any] | None, pending_X: Any, ignored_X: Any) -> list[dict[str, Any]]:
        """The next configs, from a temporary study with the same trials."""
        study = Study.from_trials(
            self._finished(),
            self.space.space,
            strategy=lambda space: self._strategy,
            maximize=self.maximize,
            seed=self.study.seed,
        )
        with study:
            for name, rows in (("pending_X", pending_X), ("ignored_X", ignored_X)):
                if rows is not None and np.size(rows):
                    num_new = sum(study.enqueue(config) for config in self._rows(rows, name))
                    study.ask(num_new)
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
        """True if an exact search over real parameters has converged."""
        before = [t for t in self._finished() if t.number == trial.number - 1]
        if not self._is_exact_and_real or not before or trial.number - 1 < self._num_initial:
            return False
        rows = [self.space.columns.to_row(t.config) for t in (*before, trial)]
        return float(np.linalg.norm(rows[1] - rows[0])) <= eps

    @property
    def _is_exact_and_real(self) -> bool:
        return self.exact_feval and not any(parameter.num_levels for parameter in self.space.space.values())


_EXHAUSTED = "the domain has no new point"
_KEPT = (
    "_design",
    "_ended",
    "_seconds",
    "num_acquisitions",
    "initial_design_numdata",
    "_is_sign_said",
    "objective",
    "evaluator",
)


def _no_function(row: Any) -> Any:
    raise ValueError("f: expected a function to evaluate, got None")


def _column(Y: Any, num_rows: int) -> Float[np.ndarray, " n"]:
    values = np.asarray(Y, np.float64)
    if values.shape not in ((num_rows,), (num_rows, 1)):
        raise ValueError(f"Y: expected one value for each of the {num_rows} rows of X, got shape {values.shape}")
    return values.reshape(num_rows)
