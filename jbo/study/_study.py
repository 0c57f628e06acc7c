"""A durable study of any Python objective: the face of the rooms that do the work."""

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
from jbo.study._arguments import Arguments
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
from jbo.study.view import goal_in_words, of_study

_STATUSES = ("ok", "stopped", "failed", "pending", "abandoned")


class Study:
    """A search for the best configuration, kept in one file that survives whatever happens to the process.

    A suggestion depends on the seed, the number of the trial and the table of trials so far, and on nothing else. So a
    study that was killed and started again goes on as if nothing had happened. A trial that was running then is
    run again first, under the same number. May be used from several threads.

    Args:
      space: Where to search. A file made for another space is refused.
      strategy: What to try next; None is Gaussian-process Bayesian optimisation, ``jbo.bayesian(space)``.
      outcomes: What the objective returns by name, such as ``[jbo.Minimize("loss"), jbo.AtMost("memory", 8.0)]``: one
        objective or several, limits that the best trial has to meet, a `jbo.Cost`, and numbers that are only kept
        (`jbo.Track`). None: it returns one number. A file with other outcomes is refused.
      maximize: True if higher values are better, without ``outcomes``, which say it themselves. A file with the other
        direction is refused.
      seed: Of all randomness, from 0 to 2**63 - 1; None takes the file's, or for a new study one of the system's.
      path: File of the study, made if it does not exist; None keeps the study in memory.
      device: Where the model runs; None is the CPU.

    Raises:
      TypeError: An argument is of the wrong type, such as a dict in place of a space.
      ValueError: The file holds another study than the arguments say, or is no study; the message names the difference.
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
            """What is measured of a trial, in the order of the file."""
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
        """The study that a file holds, with the space, the outcomes and the seed that stand there.

        Args:
          path: File of the study, or a URI of SQLite such as ``file:cnn.db?mode=ro``.
          strategy: From the space to what to try next.
          device: Where the model runs; None is the CPU.

        Raises:
          FileNotFoundError: There is no such file.
          ValueError: The file holds no study. (A constraint is in no file: a space that has one is given to `Study`.)
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
        """A new study that begins with trials of the past, under new numbers; pending ones are left out.

        Parameters may have been added since: ``defaults`` says which value the earlier trials had without knowing it.

        Args:
          trials: Another study or its ``trials``, or a CSV file as ``python -m jbo trials --csv`` writes it. The file
            has a column ``value`` and a column for each parameter.
          space: Where to search.
          widen: True: bounds and choices grow as far as the trials need it; False: a trial outside of them is an error.
          defaults: Values by name of parameters that the trials lack, such as ``{"dropout": 0.0}``. A parameter with a
            condition gets its value only in trials where the condition holds.
          strategy: From the space to what to try next.
          outcomes: As in `Study`. Values go to the outcomes of their names, and the value of trials without names to
            the objective. Missing values stay missing; what is no outcome any more is left out. An outcome of the
            other study may not become one of another kind under the same name, such as `jbo.Minimize` after
            `jbo.Maximize`. A list of trials or a CSV file says nothing of kinds: its numbers are taken as they are.
          maximize: As in `Study`, for the new study and for the values of the trials.
          seed: As in `Study`.
          path: As in `Study`; the file holds no trials yet.
          device: As in `Study`.

        Raises:
          ValueError: A trial is not of the space, or the file holds trials already, or an outcome has become one of
            another kind; or as in `Study`.
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
        """A new study in a file of its own, with the trials, the queue, the seed and the strategy of this one.

        The copy is consistent also while other processes write to this study, which goes on unchanged. The copy asks
        for what this study would have asked for next. Pending trials belong to nobody in the copy, which runs them
        again first, under the same numbers. This study still waits for its own. Trials of one study cannot be told
        to the other.

        Args:
          path: Name of the new file.

        Raises:
          TypeError: The path is None, or no name of a file.
          FileExistsError: There is a file of that name.
          ValueError: This study is closed, or the path names no file.
          OSError: The file cannot be written.
        """
        if check_path(path) is None:
            raise TypeError("path: expected the name of a new file, got None")
        self._storage.copy(path)
        return Study(self.space, strategy=self._given_strategy, outcomes=self.outcomes, path=path, device=self._device)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Says what to do in place of `pickle.dumps` and `copy.deepcopy`."""
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
        """The next trial to run, written down as pending before it is returned.

        Trials whose process died come first, then what was enqueued, then what the strategy suggests.

        Args:
          num_trials: Ask for so many at once, the same as asking one after another; a list is returned, shorter if a
            discrete space has fewer new points.
          context: Values by name of parameters that the environment sets: only the others are searched. The model
            learns from all contexts. What waits to be run comes first only if its values are these.
          owner: Number of the process of this machine that runs the trials, which are run again once it has ended
            without a result; None is this process; 0: nobody is watched, they stay pending until they are told.

        Raises:
          SpaceExhausted: There is nothing new to try in a discrete space.
          ValueError: The context names no parameter that is searched or has an impossible value; or a bounded search
            found nothing that the constraint of the space allows; or no process has the number of the owner.
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
        """Write an intermediate value of a trial that runs down, and say whether to stop it.

        For the loop of your own; `optimize` hands the objective a function that does this. A trial that was abandoned
        is to be stopped, and nothing is written.

        Args:
          trial: What `ask` gave.
          step: A whole number of at least 0, such as an epoch; a second value of a step takes the place of the first.
          value: A number, in your sign, which may be NaN or infinite: an intermediate value of the objective.
          name: Which objective it is of, where there are several: the same one in all reports of a trial. A pruner
            compares trials that reported that one.
          pruner: Decides; None: nothing is stopped.

        Raises:
          TypeError: ``value`` or ``step`` is no number.
          ValueError: The trial has ended, or belongs to another study; or the step is below 0; or no objective has the
            name, or there are several and none is named, or the trial has reported another one.
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
            raise ValueError(f"report: expected a trial that runs, got trial {trial.number}, which does not")
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
        """The trial as it ended, written down before it is returned.

        Args:
          trial: What `ask` gave, or a configuration of your own, which becomes a new trial.
          value: A number, in your sign; of a study with ``outcomes`` a dict of numbers by name, of which names that are
            absent or None are missing. An objective or a limit that is NaN or infinite makes it a failed trial.
          failed: Why there is no value.
          stopped: True: it was ended on its way, and the last of its intermediate values is what is known. It is never
            best nor recommended. The model takes it for that value, but for no better one than the median of the whole
            trials numbered before it and no worse one than their worst. If the value is not finite, the trial failed.
            A dict of other outcomes may stand beside it.
          cost: What it cost, a number above 0 in a unit of your own, for a strategy that learns it:
            ``jbo.bayesian(space, cost="seconds")``. Once one trial is told a cost, what was told counts in place of
            the seconds, and of the trials without one nothing is known. With ``outcomes``: the value of the `jbo.Cost`
            among them, which may stand in the dict as well.
          noise: Standard deviation of this one value around the true one, at least 0 in its units, such as the standard
            error of a mean over folds; of the objective, or a dict by name. A Gaussian process trusts the value the
            less; what it infers from all values comes on top, unless `jbo.gp` is told a noise.

        Raises:
          TypeError: ``value``, ``cost`` or ``noise`` is no number, or there are both a value and a failure; or the
            value is a number where the study has several outcomes, or a dict where it was given none.
          ValueError: The trial was told before or abandoned, or belongs to another study; or there is no outcome of a
            name; or the configuration is not of the space; or it was stopped without an intermediate value; or the
            cost or the noise is impossible, or there is a noise and no value.
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
        """Wait no longer for a pending trial: it keeps its number, teaches nothing and is not run again.

        Its configuration is not suggested again. It does not count among the trials that `optimize` has to run. If
        `optimize` runs it now, in whatever process, its result is thrown away, and the run goes on.

        Args:
          trial: What `ask` gave; nothing happens if it was abandoned before.

        Returns:
          The trial as it stands.

        Raises:
          ValueError: The trial has ended, or belongs to another study.
        """
        return self._end(self._check_trial(trial), Ending("abandoned"))

    def give_back(self, trial: Trial, *, owner: int | None = None) -> None:
        """Give a pending trial back, which then is the first that is asked for, under the same number.

        Args:
          trial: What `ask` gave; nothing happens if it has ended, or belongs to another owner by now.
          owner: As in the call of `ask`.

        Raises:
          ValueError: The trial belongs to another study; or no process has the number of the owner.
        """
        self._check_trial(trial)
        self._storage.release([trial.number], owner_of(owner))
        self._held.discard(trial.number)

    def enqueue(self, config: dict[str, Any], *, again: bool = False) -> bool:
        """Have a configuration tried before anything the strategy suggests.

        Args:
          config: Values by name.
          again: True: it is tried once more, as a new trial, even if it was enqueued or tried before.

        Returns:
          False if it was enqueued in this study before, be it in an earlier process: then nothing happens.

        Raises:
          TypeError: It is no configuration.
          ValueError: The configuration is not of the space, or its constraint does not allow it.
        """
        if not isinstance(config, dict):
            raise TypeError(f"config: expected a dict of values by name, got {config!r}")
        configuration = self._codec.of_values(config)
        if not configuration.is_allowed:
            raise ValueError(f"expected a configuration that the constraint of the space allows, got {config}")
        return self._storage.enqueue(configuration.text, again)

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
        """Run trials until ``num_trials`` have ended, those of earlier calls and failed ones among them.

        An exception of the objective fails its trial, the traceback is kept, and the study goes on. Ctrl-C and SIGTERM
        give the trials that run back, to be run again first. In a worker or an executor `sys.exit` and every other
        exception fail the trial. In this thread `SystemExit` and `KeyboardInterrupt` end the call, and the trial is
        given back. Returns early if a discrete space has nothing new.

        An objective with a parameter ``report`` is given a function to call on its way: ``report(step, value)`` writes
        an intermediate value down (`Trial.intermediate_values`) and says whether to stop. With ``batch`` it takes a
        value for each configuration, anything for those told to stop before, and gives as many answers. An objective
        that returns after its last answer was True makes a ``stopped`` trial, whatever it returns; `tell` says what
        that teaches the model.

        Args:
          objective: From a configuration to a number, or with ``outcomes`` to a dict of numbers by name; or to a
            `jbo.Result` of it and of its cost and its noise (see `tell`). With ``batch`` from a list of configurations
            to as many of them. Perhaps with a parameter ``report``, in threads and in processes of this machine.
          num_trials: How many trials shall have ended; those that were abandoned do not count.
          context: Parameters that the environment sets, as in `ask`.
          batch: How many trials are asked for, each in the knowledge of those before it, and given to the objective at
            once. The last batch may be smaller. An exception fails all of a batch, a number that is not finite its own
            trial. For objectives that are cheaper together, such as a population of networks in one program. None: one
            trial at a time, not in a list.
          workers: How many trials run at the same time; None is 1, and has to be said beside an executor. More than one
            run in processes of their own, which are started afresh (no fork) and need no main guard. A trial begins as
            soon as one has ended, and those that run count in the model. A process that dies fails its trial. Needs
            loky (``pip install jbo[parallel]``). Each has the options of JAX that this thread has, and the folder of
            compiled programs. On an accelerator each gets its share of the memory that JAX takes,
            unless the environment says how much.
          executor: Runs the objective: any of `concurrent.futures`, for threads its ``ThreadPoolExecutor``, or of
            another library, such as Dask's ``Client.get_executor()``. It stays open.
          timeout: Seconds after which a trial's process is killed and the trial has failed, however it would have ended
            later. The objective runs in a process of its own then, also where it is one at a time.
          retries: How often a trial is run again, under the same number, before it has failed: after an exception, the
            death of its process or the timeout. A value that is not finite is an answer and not asked for again.
          max_failures: How many trials of this call may fail; the next failure raises. None: all of them may.
          stop: Ends the search early: reasons (`Stop`), or a function called with each trial that ended, which returns
            True. No other trial is begun then, and those that run are waited for.
          on_trial_end: Called with each trial that ended, in this thread; its exceptions end the call.
          pruner: Which trials ``report`` stops, such as `MedianPruner`, or a function of the trial, all trials and
            whether higher values are better. None: no trial is stopped, since not every objective's first steps say
            something of its last.
          progress: How far the search is, on standard error. None: a bar in a terminal (by rich if that is installed),
            elsewhere plain lines, at most one a second; True: elsewhere a line for each trial; False: nothing.
          stop_on_repeated_error: True: a programming error ends the search early. It is raised if no trial has
            succeeded, and the first five of the study or of this call fail at the same line. Programming errors are
            ``KeyError``, ``TypeError``, ``NameError``, ``AttributeError`` and ``ImportError``. The failed trials
            stay; once the error is corrected, the same call goes on. Other errors, such as too little
            memory, never end it.

        Raises:
          KeyError, TypeError, NameError, AttributeError, ImportError: As ``stop_on_repeated_error`` says; a
            `RuntimeError` with the traceback if the error cannot be sent from the process of a worker.
          TypeError: The objective returned no number, its trial has failed; or it cannot be sent to other processes
            or loaded there, or, with ``report``, to another machine.
          ValueError: As in `ask`; or a number is below its least value; or there is no ``workers`` beside an executor,
            or a timeout beside one, whose processes are not ours to kill; or there is a pruner and an objective
            without ``report``.
          RuntimeError: More trials failed than ``max_failures``.
          concurrent.futures.BrokenExecutor: The executor takes no calls any more, since one of its processes died.
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
        """All trials, by number."""
        return [trial.copy() for trial in self._history.sync().trials]

    @property
    def maximize(self) -> bool:
        """True if higher values of the objective are better.

        Raises:
          ValueError: There are several objectives; ``outcomes`` says which way each of them goes.
        """
        return self.outcomes.maximize

    @property
    def pareto(self) -> list[Trial]:
        """The feasible trials that no other one dominates by its observed values, by number.

        A trial dominates another one if it is nowhere worse and somewhere better. Trials that lack the value of an
        objective are not among them. With one objective they are the best trial and its equals.
        """
        return [trial.copy() for trial in front_of(self._history.sync().trials, self.outcomes)]

    @property
    def hypervolume(self) -> float:
        """What the feasible trials dominate, up to ``reference``, in the product of the objectives' units; at least 0.

        Exact up to three objectives; see `jbo.pareto.hypervolume`.
        """
        volumes = self._volumes()
        return float(volumes.so_far[-1]) if len(volumes.so_far) else 0.0

    @property
    def reference(self) -> dict[str, float]:
        """The worst values that count for ``hypervolume``, by the name of the objective.

        They are those that the user gave. The others are inferred from the trials so far, so they change with them: see
        `jbo.pareto.reference`.
        """
        return self._volumes().reference

    def of_objective(self, name: str) -> OneObjective:
        """The trials so far as those of one of several objectives: for diagnostics, plots and reports of one value.

        The limits stay, and the other objectives are only kept. Such as ``jbo.diagnostics.importance(
        study.of_objective("loss"))``.

        Args:
          name: Of the objective.

        Raises:
          ValueError: No objective has the name.
        """
        return of_objective(self.trials, self.space, self.outcomes, self.seed, name)

    def _volumes(self) -> Volumes:
        finished = [trial for trial in self._history.sync().trials if trial.is_finished]
        return volumes_of(finished, self.outcomes)

    @property
    def best(self) -> Trial:
        """The feasible trial with the best value that was seen, the first of equals.

        Raises:
          ValueError: No trial has succeeded, or none meets the limits, or there are several objectives.
        """
        check_one(self.outcomes, "best")
        trials = self._history.sync().trials
        best = best_of(trials, self.maximize)
        if best is None:
            raise ValueError(f"{why_none(trials, self.outcomes)}, so none is best: {self!r}")
        return best.copy()

    @property
    def recommended(self) -> Any:
        """The feasible trial with the best posterior mean: what to use when values are noisy.

        With several objectives it is a list of trials, by number: those whose posterior means no other trial's
        dominate.

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
        """Values of the finished trials by number, NaN where there is none, and the best feasible one so far.

        With several objectives, the values have a column for each objective, in the order of ``outcomes.objectives``.
        The second array is the hypervolume so far, up to the ``reference`` of all trials.
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
        """What is tried next."""
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
        """How long the latest suggestion took and whether it waited for a compilation; None before the first."""
        return self._suggester.latest

    def to_dataframe(self) -> Any:
        """All trials as a `pandas.DataFrame`, one row a trial, with a column ``config.NAME`` for each parameter.

        Raises:
          ImportError: pandas is not installed.
        """
        try:
            from pandas import DataFrame
        except ImportError as error:
            raise ImportError("to_dataframe needs pandas; pip install jbo[dataframe]") from error
        return DataFrame(columns(self.trials, [*self.space.names, *self.space.constants], self.outcomes))

    def close(self) -> None:
        """Close the file. Trials asked here and not told are given back, as if this process had ended."""
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
        count = {status: sum(trial.status == status for trial in trials) for status in _STATUSES}
        counts = ", ".join(f"{number} {status}" for status, number in count.items() if number) or "none"
        if self.outcomes.has_several:
            found = f", front: {len(front_of(trials, self.outcomes))}"
            goal = ", ".join(goal_in_words(self.outcomes))
        else:
            best = best_of(trials, self.maximize)
            found = "" if best is None else f", best: {best.value:.6g} (trial {best.number})"
            goal = "maximize" if self.maximize else "minimize"
        where = ("in memory" if self.path is None else str(self.path)) + ("" if self._storage.is_open else " (closed)")
        return f"<Study {where}: {goal}, seed {self.seed}, trials: {counts}{found}>"

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
        """The trial as it stands; `ValueError` if it had ended otherwise, but not if it was abandoned."""
        record, is_ours = self._storage.finish(trial.number, ending)
        if record is None:
            raise ValueError(f"there is no trial {trial.number} in {self!r}")
        if not is_ours and record.status != "abandoned":
            before = Ending(record.status, record.failure, record.values)
            was = in_words(self.outcomes, before)
            if ending.status == "abandoned":
                raise ValueError(f"abandon: expected a pending trial, got trial {trial.number}, which ended with {was}")
            got = in_words(self.outcomes, ending)
            raise ValueError(f"expected one result of trial {trial.number}, got {got} after {was}")
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
    """The trial as it is; `ValueError` if it was abandoned."""
    if trial.status == "abandoned":
        raise ValueError(f"expected a trial that is waited for, got trial {trial.number}, which was abandoned")
    return trial
