"""The public interface of a durable study of any Python objective; the modules beside it do the work."""

import os
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from typing import Any, overload

import numpy as np

from jbo.outcomes import Maximize, Outcome, Outcomes, as_outcomes
from jbo.space import Space, check_space
from jbo.strategies import Strategy, bayesian
from jbo.study._arguments import Arguments, knows_names_of_others
from jbo.study._codec import Codec
from jbo.study._context import Context
from jbo.study._evaluation import BatchObjective, Objective
from jbo.study._history import History, trajectory
from jbo.study._identity import (
    check_maximize,
    check_names,
    check_path,
    check_same_study,
    check_strategy,
    header_in_file,
    stored_outcomes,
    stored_space,
    strategy_of,
)
from jbo.study._past import rows_of_past
from jbo.study._pruner import Pruner
from jbo.study._record import Ending
from jbo.study._run import Calls, Run
from jbo.study._single import OneObjective, of_objective
from jbo.study._stop import Stop
from jbo.study._suggester import Suggester
from jbo.study._trial import SpaceExhausted, SuggestInfo, Trial, best_of, why_none
from jbo.study.export import columns
from jbo.study.front import Volumes, check_one, front_of, volumes_of
from jbo.study.model import for_study
from jbo.study.owner import Owner, owner_of
from jbo.study.storage import Storage
from jbo.study.table import Table
from jbo.study.value import (
    as_count,
    as_ending,
    as_number,
    as_seed,
    as_step,
    as_stopped,
    check_stopped,
    in_words,
    reported_by,
)
from jbo.study.view import line_of_study, of_study


class Study:
    """A search for the best configuration, stored in one file that survives a crash of the process.

    A suggestion depends only on the seed, the number of the trial and the trials so far. A study that was killed and
    restarted therefore continues exactly as before. Trials that were running at that moment are run again first, under
    the same numbers. A study may be used from several threads.

    Args:
      space: The search space. A file made for another space is refused.
      strategy: The search method; None: Gaussian-process Bayesian optimisation, ``jbo.bayesian(space)``.
      outcomes: The named results of the objective, such as ``[jbo.Minimize("loss"), jbo.AtMost("memory", 8.0)]``: one
        or several objectives, limits that the best trial must meet, a `jbo.Cost`, and values that are only recorded
        (`jbo.Track`). None: the objective returns one number. A file with other outcomes is refused.
      maximize: True if higher values are better. Only without ``outcomes``, which state the direction themselves. A
        file with the other direction is refused.
      seed: Seed of all random numbers, from 0 to 2**63 - 1. None: the seed in the file; a random seed for a new study.
      path: File of the study, created if it does not exist. None: the study is kept in memory.
      device: JAX device of the model; None: the CPU.

    Raises:
      TypeError: An argument has the wrong type, such as a dict for a space.
      ValueError: The file is not a study, or its study differs from the arguments; the message names the difference.
      OSError: The file cannot be opened.

    Example:
      >>> import jbo
      >>> with Study(jbo.Space(x=jbo.Real(-1, 1)), strategy=..., seed=0) as study:   # doctest: +SKIP
      ...     study.optimize(lambda config: config["x"] ** 2, num_trials=20)
      ...     study.best.config
    """

    def __init__(
        self,
        space: Space | Any,
        *,
        strategy: Strategy | Any = None,
        outcomes: Iterable[Outcome] | Outcomes | Any = None,
        maximize: bool | Any = False,
        seed: int | Any = None,
        path: str | os.PathLike[str] | Any = None,
        device: Any = None,
    ):
        space, path = check_space(space), check_path(path)
        outcomes = check_names(as_outcomes(outcomes, check_maximize(maximize)))
        self.space = space
        self.path = path
        self._given_strategy, self._device = strategy, device
        strategy = bayesian(space) if strategy is None else check_strategy(strategy, space)
        strategy = for_study(strategy, space, outcomes)
        wanted_seed = None if seed is None else as_seed(seed)
        self._asking = threading.Lock()
        self._held: set[int] = set()  # numbers that this object may have to give back
        self._storage = Storage(path)
        try:
            drawn = secrets.randbits(32) if wanted_seed is None else wanted_seed
            header = self._storage.header(space.json_text, outcomes.json_text, drawn)
            check_same_study(header, space, outcomes, wanted_seed, path)
            self.outcomes: Outcomes = stored_outcomes(header, path)
            """The outcomes of a trial, in the order of the file."""
            self.seed = header.seed
            self._id = header.id
            self._codec = Codec(space, self.outcomes, header.id)
            empty = Table.of([], space, self.outcomes, strategy.learns_cost)
            self._history = History(self._storage, self._codec, empty, path)
            self._suggester = Suggester(strategy, space, header.seed, device)
            self._history.sync()
        except BaseException:
            self._storage.close()
            raise

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str] | Any,
        *,
        strategy: Callable[[Space], Strategy] | Any = bayesian,
        device: Any = None,
    ) -> "Study":
        """Open an existing study file, with the space, the outcomes and the seed stored in it.

        Files do not store a constraint: if the space has one, pass the space to `Study` instead.

        Args:
          path: File of the study, or an SQLite URI such as ``file:cnn.db?mode=ro``.
          strategy: Function from the space to a strategy, such as `jbo.bayesian`.
          device: JAX device of the model; None: the CPU.

        Raises:
          FileNotFoundError: The file does not exist.
          ValueError: The file is not a study.
          OSError: The file cannot be opened.
        """
        header = header_in_file(path)
        space = stored_space(header, path)
        outcomes = stored_outcomes(header, path)
        return cls(space, strategy=strategy_of(strategy, space), outcomes=outcomes, path=path, device=device)

    @classmethod
    def from_trials(
        cls,
        trials: "Study | Iterable[Trial] | str | os.PathLike[str]",
        space: Space | Any,
        *,
        widen: bool = False,
        defaults: Mapping[str, Any] | None = None,
        strategy: Callable[[Space], Strategy] | Any = bayesian,
        outcomes: Iterable[Outcome] | Outcomes | Any = None,
        maximize: bool = False,
        seed: int | np.integer | None = None,
        path: str | os.PathLike[str] | None = None,
        device: Any = None,
    ) -> "Study":
        """A new study that starts with earlier trials, under new numbers. Pending trials are left out.

        The new space may have parameters that the earlier trials lack: ``defaults`` gives their values.

        Args:
          trials: Another study or its ``trials``, or a CSV file as written by ``python -m jbo trials --csv``. The file
            has a column ``value`` and a column for each parameter.
          space: The search space.
          widen: True: bounds and choices are extended to include all trials. False: a trial outside them is an error.
          defaults: A dict of values for parameters that the trials lack, such as ``{"dropout": 0.0}``. A conditional
            parameter gets its value only in trials in which its condition holds.
          strategy: Function from the space to a strategy, such as `jbo.bayesian`.
          outcomes: As in `Study`. Values are matched to outcomes by name; an unnamed value belongs to the objective.
            Missing values stay missing, and values of other names are dropped. An outcome must not change its kind,
            for example from `jbo.Maximize` to `jbo.Minimize`. A list of trials or a CSV file does not state the kinds,
            so its numbers are taken as they are.
          maximize: As in `Study`, for the new study and for the values of the trials.
          seed: As in `Study`.
          path: As in `Study`. The file must not hold trials yet.
          device: As in `Study`.

        Raises:
          ValueError: A trial does not fit the space, the file already holds trials, or an outcome has changed its
            kind; or as in `Study`.
          OSError: A file cannot be read or written.
        """
        space = check_space(space)
        past, known = (trials.trials, trials.outcomes) if isinstance(trials, Study) else (trials, None)
        outcomes = as_outcomes(outcomes, check_maximize(maximize))
        space, rows = rows_of_past(past, space, outcomes, widen, defaults or {}, known)
        made = strategy_of(strategy, space)
        study = cls(space, strategy=made, outcomes=outcomes, seed=seed, path=path, device=device)
        if not study._storage.begin_with(rows):
            study.close()
            raise ValueError(f"{path} holds trials already; expected a new study")
        study._history.sync()
        return study

    def copy(self, path: str | os.PathLike[str]) -> "Study":
        """Copy this study to a new file, with its trials, its queue, its seed and its strategy.

        The copy is consistent even while other processes write to this study, which is not changed. The copy makes the
        suggestions that this study would have made next. It first runs the pending trials again, under the same
        numbers; this study still waits for its own. A trial of one study cannot be passed to `tell` of the other.

        Args:
          path: Name of the new file.

        Raises:
          TypeError: The path is None, or not a file name.
          FileExistsError: A file of that name exists.
          ValueError: This study is closed, or the path does not name a file.
          OSError: The file cannot be written.
        """
        if check_path(path) is None:
            raise TypeError("path: expected the name of a new file, got None")
        self._storage.copy(path)
        return Study(self.space, strategy=self._given_strategy, outcomes=self.outcomes, path=path, device=self._device)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Raise a `TypeError` that names the alternatives to `pickle.dumps` and `copy.deepcopy`."""
        if self.path is None:
            how = "study.copy(path) writes it to a file, and jbo.Study.open(path) opens that file in any process"
        else:
            how = f"open its file in another process by jbo.Study.open({os.fspath(self.path)!r})"
        raise TypeError(
            f"a study cannot be pickled or copied in memory, because it holds an open file: {how}; study.copy(path) "
            "makes a copy, and study.trials are plain data that can be pickled"
        )

    # Asking and telling

    @overload
    def ask(self, *, context: Mapping[str, Any] | None = None, owner: int | None = None) -> Trial: ...
    @overload
    def ask(
        self, num_trials: int, *, context: Mapping[str, Any] | None = None, owner: int | None = None
    ) -> list[Trial]: ...
    def ask(
        self,
        num_trials: int | None = None,
        *,
        context: Mapping[str, Any] | None = None,
        owner: int | None = None,
    ) -> Trial | list[Trial]:
        """The next trial to run, stored as pending before it is returned.

        Trials of processes that died come first, then enqueued configurations, then suggestions of the strategy.

        Args:
          num_trials: Number of trials to return as a list, the same trials as from single calls. The list is shorter
            if a discrete space has fewer new points. None: one trial, not in a list.
          context: A dict with the values of parameters that the environment sets; only the others are searched. The
            model learns from all contexts. Interrupted and enqueued trials come first only if they have these values.
          owner: Process id on this machine of the process that runs the trials. If it ends without a result, they are
            run again. None: this process. 0: no process is watched, and the trials stay pending until `tell`.

        Raises:
          SpaceExhausted: A discrete space has no new point.
          ValueError: A name in the context is not a searched parameter, or its value is invalid. Or a bounded search
            found no point that the constraint allows. Or no process has the id ``owner``.
        """
        given = Context(self.space, {} if context is None else context)
        runs_it = None if owner is None else owner_of(owner)
        if num_trials is None:
            return self._ask(given, runs_it)
        trials: list[Trial] = []
        for _ in range(as_count("num_trials", num_trials, 0)):
            try:
                trials.append(self._ask(given, runs_it))
            except SpaceExhausted:
                if not trials:
                    raise
                break
        return trials

    def report(
        self, trial: Trial, step: Any, value: Any, *, name: str | None = None, pruner: Pruner | None = None
    ) -> bool:
        """Store an intermediate value of a running trial; returns True if the trial should stop.

        Use it in a loop of your own; `optimize` passes the objective a function that does the same. For an abandoned
        trial it returns True and stores nothing.

        Args:
          trial: A result of `ask`.
          step: An integer of at least 0, such as an epoch. A second value for the same step replaces the first.
          value: Intermediate value of the objective, in your sign; may be NaN or infinite.
          name: Name of the objective, required if there are several. It must be the same in all reports of a trial. A
            pruner compares the trials that reported this objective.
          pruner: Decides whether to stop the trial; None: no trial is stopped.

        Raises:
          TypeError: ``value`` or ``step`` is not a number.
          ValueError: The trial has ended, or belongs to another study. Or the step is below 0. Or the name is missing,
            names no objective, or differs from the one that the trial has reported.
        """
        self._check_trial(trial)
        objective = reported_by(self.outcomes, name)
        reported: str = objective.name
        if self.outcomes.has_several:
            before = self._history.sync().trials[trial.number].reported
            if before not in (None, reported):
                raise ValueError(
                    f"name: expected {before!r}, which trial {trial.number} has reported, got {reported!r}"
                )
        if not self._storage.report(trial.number, reported, as_step(step), as_number(value)):
            known = self._history.sync().trials
            if trial.number < len(known) and known[trial.number].status == "abandoned":
                return True
            raise ValueError(f"report: expected a running trial, got trial {trial.number}, which does not run")
        if pruner is None:
            return False
        trials = self.trials
        now = trials[trial.number]
        if self.outcomes.has_several:
            trials = [each for each in trials if each.reported == reported]
        return bool(pruner(now, trials, isinstance(objective, Maximize)))

    def tell(
        self,
        trial: Trial | dict[str, Any],
        value: Any = None,
        *,
        failed: str | None = None,
        stopped: bool = False,
        cost: Any = None,
        noise: Any = None,
    ) -> Trial:
        """Store the result of a trial; returns the finished trial.

        Args:
          trial: A result of `ask`, or a configuration of your own, which becomes a new trial.
          value: A number, in your sign. In a study with ``outcomes``, a dict from names to numbers; absent names and
            None mean missing values. If an objective or a limit is NaN or infinite, the trial has failed.
          failed: The reason why the trial has no value.
          stopped: True: the trial was stopped early, and only its intermediate values are known. It is never the best
            or the recommended trial. It enters the model with its last intermediate value, clipped to lie between the
            median and the worst of the completed trials numbered before it. If that value is not finite, the trial has
            failed. ``value`` may hold a dict of other outcomes.
          cost: Cost of the trial, above 0, in a unit of your own, for a strategy that learns it:
            ``jbo.bayesian(space, cost="seconds")``. Once one trial has a cost, these costs replace the seconds, and
            the cost of the other trials counts as unknown. With ``outcomes`` it is the value of their `jbo.Cost`, which
            may be in the dict instead.
          noise: Standard deviation of the observation noise of this value, at least 0, in the units of the value: for
            example the standard error of a mean over folds. A number for the objective, or a dict from names to
            numbers. The inferred noise variance is added to it, unless `jbo.gp` has a fixed ``noise``.

        Raises:
          TypeError: ``value``, ``cost`` or ``noise`` is not a number. Or both a value and a failure are given. Or the
            value is a number although the study has several outcomes, or a dict although it has no ``outcomes``.
          ValueError: The trial already has a result, was abandoned, or belongs to another study. Or a name is not an
            outcome, or the configuration does not fit the space. Or a stopped trial has no intermediate value. Or the
            cost or the noise is invalid, or a noise is given without a value.
        """
        if stopped:
            now = self._history.sync().trials[self._check_trial(trial).number]
            check_stopped(self.outcomes, now.reported, value, failed, noise)
            ending = as_stopped(self.outcomes, _waited_for(now), value, cost)
        else:
            ending = as_ending(self.outcomes, value, failed, cost, noise)
        if isinstance(trial, dict):
            record = self._storage.append(self._codec.of_values(trial).text, ending)
            return self._history.trial(record).copy()
        return _waited_for(self._end(self._check_trial(trial), ending))

    def abandon(self, trial: Trial) -> Trial:
        """Stop waiting for a pending trial. It keeps its number, does not enter the model and is not run again.

        Its configuration is not suggested again, and `optimize` does not count it. If `optimize` is running it now, in
        any process, its result is discarded and the run continues.

        Args:
          trial: A result of `ask`. Nothing happens if it is already abandoned.

        Returns:
          The abandoned trial.

        Raises:
          ValueError: The trial has ended, or belongs to another study.
        """
        return self._end(self._check_trial(trial), Ending("abandoned"))

    def give_back(self, trial: Trial, *, owner: int | None = None) -> None:
        """Return a pending trial to the queue. The next `ask` returns it first, under the same number.

        Args:
          trial: A result of `ask`. Nothing happens if it has ended, or now belongs to another owner.
          owner: As in the call of `ask`.

        Raises:
          ValueError: The trial belongs to another study, or no process has the id ``owner``.
        """
        self._check_trial(trial)
        self._storage.release([trial.number], owner_of(owner))
        self._held.discard(trial.number)

    def enqueue(self, config: dict[str, Any], *, again: bool = False) -> bool:
        """Queue a configuration to be tried before the suggestions of the strategy.

        Args:
          config: A dict from the name of each parameter to its value.
          again: True: queue it as a new trial, even if it was enqueued before, and perhaps tried since.

        Returns:
          True if the configuration was queued. False if it was enqueued before, by this or by another process; then
          nothing happens.

        Raises:
          TypeError: The argument is not a configuration.
          ValueError: The configuration does not fit the space, or the constraint does not allow it.
        """
        if not isinstance(config, dict):
            raise TypeError(f"config: expected a dict from names to values, got {config!r}")
        configuration = self._codec.of_values(config)
        if not configuration.is_allowed:
            raise ValueError(f"expected a configuration that the constraint of the space allows, got {config}")
        return self._storage.enqueue(configuration.text, again)

    @knows_names_of_others
    def optimize(
        self,
        objective: Objective | BatchObjective | Any,
        num_trials: int | Any,
        *,
        context: Mapping[str, Any] | None = None,
        batch: int | None = None,
        workers: int | None = None,
        executor: Executor | None = None,
        timeout: float | None = None,
        retries: int = 0,
        max_failures: int | None = None,
        stop: Stop | Callable[[Trial], bool] | None = None,
        on_trial_end: Callable[[Trial], object] | None = None,
        pruner: Pruner | None = None,
        progress: bool | None = None,
        stop_on_repeated_error: bool = True,
    ) -> None:
        """Run trials until ``num_trials`` have ended, including those of earlier calls and failed ones.

        If the objective raises an exception, its trial fails, the traceback is stored, and the study continues. Ctrl-C
        and SIGTERM return the running trials to the queue, to be run again first. In a worker or an executor `sys.exit`
        and every other exception fail the trial. In this thread `SystemExit` and `KeyboardInterrupt` end the call, and
        the trial returns to the queue. The call returns early if a discrete space has no new point.

        If the objective has a parameter ``report``, it receives a function to call while it runs. ``report(step,
        value)`` stores an intermediate value (`Trial.intermediate_values`) and returns True if the trial should stop.
        With ``batch`` it takes one value for each configuration and returns a list of answers. The values of
        configurations that were already stopped are ignored. If the last answer was True when the objective returns,
        the trial is ``stopped``, whatever the return value; `tell` says how it enters the model.

        Args:
          objective: Function from a configuration to a number; with ``outcomes``, to a dict from names to numbers. It
            may return a `jbo.Result` with a cost and a noise instead (see `tell`). With ``batch`` it maps a list of
            configurations to a list of results. A parameter ``report`` works in threads and in processes of this
            machine.
          num_trials: Total number of finished trials; abandoned trials do not count.
          context: Values of parameters that the environment sets, as in `ask`.
          batch: Number of trials that the objective receives at once, as a list. Each suggestion takes the previous
            ones into account. The last batch may be smaller. An exception fails the whole batch, a value that is not
            finite only its own trial. Use it if evaluations are cheaper together, such as a population of networks in
            one program. None: one trial at a time, not in a list.
          workers: Number of trials that run at the same time; None: 1. It is required with an executor. More than one
            run in separate processes, which are started without fork and need no main guard. A new trial starts as
            soon as one ends, and the model takes the running trials into account. If a process dies, its trial fails.
            Needs loky (``pip install jbo[parallel]``). Each process has the JAX options of this thread and the same
            folder of compiled programs. On an accelerator each process gets an equal share of the memory that JAX
            takes, unless the environment sets an amount.
          executor: Executor that runs the objective, from `concurrent.futures` or another library, such as Dask's
            ``Client.get_executor()``. Use ``ThreadPoolExecutor`` for threads. It is not shut down.
          timeout: Seconds after which the process of a trial is killed, so that the trial fails. With a timeout the
            objective always runs in a separate process.
          retries: Number of times that a trial is run again, under the same number, after an exception, the death of
            its process or a timeout. A value that is not finite is a result, and the trial is not repeated.
          max_failures: Maximum number of failed trials in this call; one more raises an error. None: no maximum.
          stop: Ends the search early: a `Stop`, or a function that is called with each finished trial and returns True
            to end the search. No new trial starts then, and the running ones are waited for.
          on_trial_end: Function called with each finished trial, in this thread. Its exceptions end the call.
          pruner: Decides which trials ``report`` stops, such as `MedianPruner`; or a function of the trial, all trials
            and True if higher values are better. None: no trial is stopped, because the first steps of an objective do
            not always predict its last.
          progress: Progress on standard error. None: a bar in a terminal (by rich if it is installed), otherwise plain
            lines, at most one a second. True: outside a terminal, one line for each trial. False: nothing.
          stop_on_repeated_error: True: a programming error ends the search early. It is raised if no trial has
            succeeded, and the first five of the study or of this call fail at the same line. Programming errors are
            ``KeyError``, ``TypeError``, ``NameError``, ``AttributeError`` and ``ImportError``. The failed trials
            stay; once the error is corrected, the same call continues. Other errors, such as too little memory, never
            end the search.

        Raises:
          KeyError, TypeError, NameError, AttributeError, ImportError: See ``stop_on_repeated_error``. If the error
            cannot be sent from a worker process, a `RuntimeError` with its traceback.
          TypeError: The objective did not return a number; its trial has failed. Or an argument has an unknown name.
            Or the objective cannot be sent to other processes or loaded there, or, with ``report``, be sent to another
            machine.
          ValueError: As in `ask`. Or the objective returned a name that is not an outcome, a cost that is not above 0,
            or a negative noise; its trial has failed. Or a number is below its minimum. Or an executor is given without
            ``workers``, or with a timeout, because its processes are not ours to kill. Or a pruner is given, and the
            objective has no ``report``.
          RuntimeError: More trials failed than ``max_failures``.
          concurrent.futures.BrokenExecutor: The executor accepts no more calls, because one of its processes died.
        """
        arguments = Arguments(
            objective=objective,
            num_trials=num_trials,
            batch=batch,
            workers=workers,
            executor=executor,
            timeout=timeout,
            retries=retries,
            max_failures=max_failures,
            stop=stop,
            on_trial_end=on_trial_end,
            pruner=pruner,
            progress=progress,
            stop_on_repeated_error=stop_on_repeated_error,
        )
        given, held = Context(self.space, {} if context is None else context), set(self._held)
        calls = Calls(lambda: self._ask(given), self._end, self.report, self._storage.forget)
        run = Run(arguments, self._history, self.outcomes, calls)
        try:
            run.go(self._suggester)
        finally:
            self._storage.release(self._held - held, owner_of())

    # What is known

    @property
    def trials(self) -> list[Trial]:
        """All trials, in the order of their numbers."""
        return [trial.copy() for trial in self._history.sync().trials]

    @property
    def maximize(self) -> bool:
        """True if higher values of the objective are better.

        Raises:
          ValueError: The study has several objectives; ``outcomes`` gives the direction of each.
        """
        return self.outcomes.maximize

    @property
    def pareto(self) -> list[Trial]:
        """The Pareto front: the feasible trials that no other dominates by observed values, in trial order.

        A trial dominates another one if no objective is worse and at least one is better. Trials without the value of
        an objective are left out. With one objective the front is the best trial and those equal to it.
        """
        return [trial.copy() for trial in front_of(self._history.sync().trials, self.outcomes)]

    @property
    def hypervolume(self) -> float:
        """Hypervolume of the feasible trials up to ``reference``, in the product of the objectives' units; at least 0.

        It is exact for up to three objectives; see `jbo.pareto.hypervolume`.
        """
        volumes = self._volumes()
        return float(volumes.so_far[-1]) if len(volumes.so_far) else 0.0

    @property
    def reference(self) -> dict[str, float]:
        """The reference point of ``hypervolume``, a dict from the name of each objective to a value.

        Values that the user did not give are inferred from the trials so far and change with them, see
        `jbo.pareto.reference`.
        """
        return self._volumes().reference

    def of_objective(self, name: str) -> OneObjective:
        """A view of the trials with one of several objectives, for diagnostics, plots and reports of a single value.

        The limits stay; the other objectives are only recorded. Example: ``jbo.diagnostics.importance(
        study.of_objective("loss"))``.

        Args:
          name: Name of the objective.

        Raises:
          ValueError: No objective has the name.
        """
        return of_objective(self.trials, self.space, self.outcomes, self.seed, name)

    def _volumes(self) -> Volumes:
        finished = [trial for trial in self._history.sync().trials if trial.is_finished]
        return volumes_of(finished, self.outcomes)

    @property
    def best(self) -> Trial:
        """The feasible trial with the best observed value; among equal trials, the first.

        Raises:
          ValueError: No trial has succeeded, or none meets the limits, or the study has several objectives.
        """
        check_one(self.outcomes, "best")
        trials = self._history.sync().trials
        best = best_of(trials, self.maximize)
        if best is None:
            raise ValueError(f"{why_none(trials, self.outcomes)}, so none is best: {self!r}")
        return best.copy()

    @property
    def recommended(self) -> Any:
        """The feasible trial with the best posterior mean. Prefer it to ``best`` if values are noisy.

        This holds for `jbo.bayesian` after its initial design. During the design, and with any other strategy of jbo,
        it is the feasible trial with the best value. With several objectives it is a list of trials in trial order: the
        Pareto front of the posterior means, or of the values.

        Raises:
          ValueError: No trial has succeeded, or none meets the limits.
        """
        table = self._history.sync()
        if self.outcomes.has_several:
            if not front_of(table.trials, self.outcomes):
                raise ValueError(f"{why_none(table.trials, self.outcomes)}, so none can be recommended: {self!r}")
            return [table.trials[number].copy() for number in self._suggester.recommend_front(table)]
        if best_of(table.trials, self.maximize) is None:
            raise ValueError(f"{why_none(table.trials, self.outcomes)}, so none can be recommended: {self!r}")
        return table.trials[self._suggester.recommend(table)].copy()

    @property
    def trajectory(self) -> tuple[np.ndarray, np.ndarray]:
        """Two arrays: values of the finished trials in trial order, NaN if missing, and the best feasible value so far.

        With several objectives, the values have a column for each objective, in the order of ``outcomes.objectives``.
        The second array is then the hypervolume so far, up to the ``reference`` of all trials.
        """
        if self.outcomes.has_several:
            finished = [trial for trial in self._history.sync().trials if trial.is_finished]
            names = [objective.name for objective in self.outcomes.objectives]
            values = [[t.values.get(n, np.nan) if t.status == "ok" else np.nan for n in names] for t in finished]
            so_far = volumes_of(finished, self.outcomes).so_far
            return np.array(values, np.float64).reshape(len(finished), len(names)), so_far
        return trajectory(self._history.sync().trials, self.maximize)

    @property
    def strategy(self) -> Strategy:
        """The strategy, which suggests the next trials. It may be replaced."""
        return self._suggester.strategy

    @strategy.setter
    def strategy(self, strategy: Strategy) -> None:
        self._given_strategy = strategy
        strategy = for_study(check_strategy(strategy, self.space), self.space, self.outcomes)
        with self._asking:  # the fit and the programs of the strategy before go with it
            self._history.table = self._history.table.with_columns_for(strategy.learns_cost)
            self._suggester = Suggester(strategy, self.space, self.seed, self._device)

    @property
    def last_suggestion(self) -> SuggestInfo | None:
        """Duration and compile time of the latest suggestion; None before the first."""
        return self._suggester.latest

    def to_dataframe(self) -> Any:
        """All trials as a `pandas.DataFrame`: one row for each trial, a column ``config.NAME`` for each parameter.

        Raises:
          ImportError: pandas is not installed.
        """
        try:
            from pandas import DataFrame
        except ImportError as error:
            raise ImportError("to_dataframe needs pandas; pip install jbo[dataframe]") from error
        return DataFrame(columns(self.trials, [*self.space.names, *self.space.constants], self.outcomes))

    def close(self) -> None:
        """Close the file. Pending trials of this object return to the queue, as if this process had ended."""
        try:
            if self._storage.is_open:
                self._storage.release(self._held, owner_of())
                self._history.sync()  # what repr says from now on
        finally:
            self._held.clear()
            self._storage.close()

    def __enter__(self) -> "Study":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        trials = self._history.sync().trials if self._storage.is_open else self._history.table.trials
        where = ("in memory" if self.path is None else str(self.path)) + ("" if self._storage.is_open else " (closed)")
        return f"<Study {where}: {line_of_study(trials, self.outcomes, self.seed)}>"

    def _repr_html_(self) -> str:
        is_open = self._storage.is_open
        trials = self._history.sync().trials if is_open else self._history.table.trials
        return of_study(self.space, trials, self.outcomes, seed=self.seed, path=self.path, is_open=is_open)

    # Inside

    def _ask(self, context: Context, runs_it: Owner | None = None) -> Trial:
        with self._asking:
            while True:
                owner = runs_it or owner_of()
                record = self._storage.claim(owner, lambda text: context.holds(self._codec.of_text(text).values))
                if record is None:
                    table = self._history.sync()
                    number, values = len(table.trials), self._suggester.suggest(table, context)
                    self._held.add(number)  # before it is written: an interrupt may come in between
                    record = self._storage.insert(number, self._codec.of_values(values).text, owner)
                if record is not None:
                    self._held.add(record.number)
                    table = self._history.table
                    self._suggester.prepare(max(record.number + 1, len(table.trials)), table, context)
                    return self._history.trial(record).copy()

    def _end(self, trial: Trial, ending: Ending) -> Trial:
        """The trial after an ending; `ValueError` if it had ended otherwise before, but not if it was abandoned."""
        record, is_ours = self._storage.finish(trial.number, ending)
        if record is None:
            raise ValueError(f"there is no trial {trial.number} in {self!r}")
        if not is_ours and record.status != "abandoned":
            before = Ending(record.status, record.failure, record.values)
            was = in_words(self.outcomes, before)
            if ending.status == "abandoned":
                raise ValueError(f"abandon: expected a pending trial, got trial {trial.number}, which ended with {was}")
            got = in_words(self.outcomes, ending)
            raise ValueError(f"trial: expected one result for trial {trial.number}, got {got} after {was}")
        self._held.discard(trial.number)
        return self._history.trial(record).copy()

    def _check_trial(self, trial: Any) -> Trial:
        if not isinstance(trial, Trial):
            raise TypeError(f"expected a trial or a configuration, got {trial!r}")
        if trial.study_id != self._id:
            raise ValueError(
                f"trial {trial.number} is of study {trial.study_id}, expected one of this study, {self._id}"
            )
        return trial


def _waited_for(trial: Trial) -> Trial:
    """The trial itself; `ValueError` if it was abandoned."""
    if trial.status == "abandoned":
        raise ValueError(f"trial: expected a pending trial, got trial {trial.number}, which was abandoned")
    return trial
