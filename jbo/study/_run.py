"""One call of `Study.optimize`: trials one after another or several at once, until enough have ended."""

import logging
import signal
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NamedTuple

from jbo.outcomes import Outcomes
from jbo.study._arguments import Arguments, workers_of
from jbo.study._evaluation import Evaluation, Reporter
from jbo.study._fault import Repetition
from jbo.study._history import History, num_finished
from jbo.study._progress import Progress, progress_of
from jbo.study._record import Ending
from jbo.study._report import Channel, Report
from jbo.study._stop import Stop
from jbo.study._suggester import Suggester
from jbo.study._trial import SpaceExhausted, Trial, best_of
from jbo.study._workers import Workers
from jbo.study.front import front_of
from jbo.study.value import as_ending, stopped_with

_log = logging.getLogger("jbo")


class Calls(NamedTuple):
    """The functions by which a run changes its study."""

    ask: Callable[[], Trial]
    end: Callable[[Trial, Ending], Trial]
    """Write the end of a trial, and return the trial. It is ``abandoned`` if it was abandoned meanwhile."""
    report: Callable[..., bool]
    """As `Study.report`."""
    forget: Callable[[int], None]
    """Delete the intermediate values of a trial that is run again."""


class Run:
    """One call of `Study.optimize`: asks for trials, evaluates them and writes their ends by `Calls.end`.

    Args:
      arguments: Arguments of the call.
      history: The trials of the study.
      outcomes: Outcomes of the study.
      calls: Functions of the study.

    Raises:
      TypeError, ValueError: The arguments are invalid; see `Study.optimize`.
    """

    def __init__(self, arguments: Arguments, history: History, outcomes: Outcomes, calls: Calls):
        arguments.check()
        self._arguments, self._history, self._outcomes, self._calls = arguments, history, outcomes, calls
        self._num_trials = int(arguments.num_trials)
        self._answers: dict[int, bool] = {}  # answer to the latest report of each trial
        self._repetition = Repetition()
        self._num_failures, self._is_stopped = 0, False

    def go(self, suggester: Suggester) -> None:
        """Run trials until enough have ended.

        Args:
          suggester: Suggester of the study, which learns how many trials to expect.
        """
        arguments, stop = self._arguments, self._arguments.stop
        is_over = stop.begin_for(self._outcomes) if isinstance(stop, Stop) else lambda trials: False

        def num_left() -> int:
            trials = self._history.sync().trials
            return 0 if self._is_stopped or is_over(trials) else self._num_trials - num_finished(trials)

        try:
            with (
                ended_by_sigterm(),
                progress_of(self._num_trials, self._num_finished(), arguments.progress) as show,
                Channel() as channel,
                workers_of(arguments, self._outcomes) as workers,
                suggester.expecting(self._num_trials, show),
            ):
                self._say_if_nothing_is_left(show)
                run_trials(
                    workers,
                    self._calls.ask,
                    lambda trial: self._report_of(trial, channel),
                    num_left,
                    lambda trial, evaluation: self._end(trial, evaluation, show),
                    arguments.retries,
                    self._is_pending,
                )
        except SpaceExhausted as reason:
            # A warning, because Python writes warnings to standard error unless the user has configured logging.
            words = "optimize ends after %d of %d trials: %s"
            _log.warning(words, self._num_finished(), self._num_trials, reason)
        self._say_what_was_never_measured()

    def _num_finished(self) -> int:
        return num_finished(self._history.sync().trials)

    def _say_what_was_never_measured(self) -> None:
        """Warn if an outcome is missing in every trial: without it no trial is feasible, or on the front."""
        succeeded = [trial for trial in self._history.sync().trials if trial.status == "ok"]
        never = [
            outcome.name
            for outcome in self._outcomes.columns
            if all(trial.values.get(outcome.name) is None for trial in succeeded)
        ]
        if succeeded and never and self._outcomes.is_named:
            words = "no trial has a value of %s, although the objective returned other values: did it leave a name out?"
            _log.warning(words, ", ".join(map(repr, never)))

    def _say_if_nothing_is_left(self, show: Progress) -> None:
        num_before = self._num_finished()
        if num_before >= self._num_trials > 0:
            words = (
                f"{num_before} trials of this study have ended already, so num_trials={self._num_trials} runs none: "
                f"num_trials includes earlier calls; num_trials={num_before + self._num_trials} runs "
                f"{self._num_trials} more"
            )
            _log.info(words)
            show.say(words)

    def _report_of(self, trial: Trial, channel: Channel) -> Reporter | None:
        """The argument ``report`` of the objective; None if the objective has no such parameter."""
        if not self._arguments.has_report:
            return None
        if self._answers.pop(trial.number, None) is not None:  # the trial is run again
            self._calls.forget(trial.number)

        def receive(step: int, value: float, name: str | None) -> bool:
            answer = self._calls.report(trial, step, value, name=name, pruner=self._arguments.pruner)
            self._answers[trial.number] = answer
            return answer

        return Report(receive, channel)

    def _end(self, trial: Trial, evaluation: Evaluation, show: Progress) -> None:
        """Write the result of a trial, show it, and raise the error that ends the run, if there is one."""
        arguments = self._arguments
        ended = self._write_end(trial, evaluation, self._answers.pop(trial.number, False))
        if ended.status == "abandoned":
            _log.info("trial %d was abandoned while it ran: its result is discarded", trial.number)
            return
        trials = self._history.sync().trials
        show.trial(ended, self._best(trials), num_finished(trials))
        if arguments.on_trial_end is not None:
            arguments.on_trial_end(ended.copy())
        if callable(arguments.stop) and arguments.stop(ended.copy()):
            self._is_stopped = True
        self._check_repeated(evaluation, self._history.table.trials)
        self._num_failures += ended.status == "failed"
        if arguments.max_failures is not None and self._num_failures > arguments.max_failures:
            why = (ended.failure or "").strip().splitlines()[-1:]
            raise RuntimeError(
                f"max_failures: {self._num_failures} trials of this call failed, and the maximum is "
                f"{arguments.max_failures}; the last one, trial {ended.number}: {''.join(why)}"
            )

    def _best(self, trials: Sequence[Trial]) -> Trial | Sequence[Trial] | None:
        """The best trial, or the front."""
        several = self._outcomes.has_several
        return front_of(trials, self._outcomes) if several else best_of(trials, self._outcomes.maximize)

    def _check_repeated(self, evaluation: Evaluation, trials: Sequence[Trial]) -> None:
        """Raise a programming error at which trial after trial fails, at the same line."""
        if self._arguments.stop_on_repeated_error:
            num_alike = self._repetition.of(evaluation.fault, trials)
            if evaluation.fault is not None and num_alike:
                raise evaluation.fault.raised(num_alike)

    def _is_pending(self, trial: Trial) -> bool:
        """True if a running trial has not been abandoned."""
        return self._history.sync().trials[trial.number].status == "pending"

    def _write_end(self, trial: Trial, evaluation: Evaluation, is_stopped: bool) -> Trial:
        """The trial after its result; an error if the objective returned something other than its outcomes."""
        ending, failure = evaluation.ending, evaluation.failure
        is_stopped = is_stopped and failure is None
        if is_stopped:
            reported = self._history.sync().trials[trial.number]
            if reported.status == "abandoned":
                return reported
            other = {} if ending is None else dict(ending.values)
            other.pop(reported.reported or "", None)
            ending = stopped_with(reported, other)
        wanted, got = ("its outcomes", "something else") if self._outcomes.is_named else ("a number", "no number")
        if ending is None and failure is None:
            failure = f"the objective returned {got}: {evaluation.wrong}"
        ended = self._calls.end(trial, as_ending(self._outcomes, None, failure) if ending is None else ending)
        if ended.status == "abandoned":
            return ended
        if is_stopped:
            _log.info("trial %d %s", ended.number, "was stopped" if ended.failure is None else ended.failure)
        elif evaluation.wrong is not None:
            raise evaluation.kind(f"the objective must return {wanted}; trial {trial.number}: {evaluation.wrong}")
        elif failure is not None:
            _log.warning("trial %d failed\n%s", ended.number, ended.failure)  # as stored: every handler can write it
        else:
            _log.info("trial %d: %s", ended.number, ended.values if self._outcomes.is_named else ended.value)
        return ended


def run_trials(
    workers: Workers,
    ask: Callable[[], Trial],
    report_of: Callable[[Trial], Reporter | None],
    num_left: Callable[[], int],
    end: Callable[[Trial, Evaluation], None],
    retries: int,
    is_pending: Callable[[Trial], bool],
) -> None:
    """Keep all workers busy: a trial starts as soon as another one has ended, without rounds.

    Args:
      workers: Workers that call the objective.
      ask: Returns the next trial.
      report_of: Returns the argument ``report`` for a trial that starts; None: the objective has no such parameter.
      num_left: Returns the number of trials that must still end, including running ones.
      end: Called with each trial that has ended.
      retries: Number of times that a failing trial is run again before it counts as failed.
      is_pending: False for a running trial that was abandoned.

    Raises:
      SpaceExhausted: No new configuration is left to try, and no trial is running.
    """
    running: dict[Hashable, tuple[Trial, int]] = {}
    while True:
        try:
            while len(running) < min(workers.num, num_left()):
                trial = ask()
                running[workers.start(dict(trial.config), report_of(trial))] = trial, 0
        except SpaceExhausted:
            if not running:
                raise
        if not running:
            return
        for call, evaluation in workers.wait():
            trial, num_retries = running.pop(call)
            if evaluation.failure is not None and num_retries < retries and num_left() and is_pending(trial):
                num_retries += 1
                words = "trial %d is run again (%d of %d)\n%s"
                _log.warning(words, trial.number, num_retries, retries, evaluation.failure)
                running[workers.start(dict(trial.config), report_of(trial))] = trial, num_retries
            else:
                end(trial, evaluation)


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Context manager in which SIGTERM raises `SystemExit`, so that running trials return to the queue.

    Only the main thread can handle signals. A handler of the user stays in place.
    """
    is_ours = threading.current_thread() is threading.main_thread() and (
        signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)  # the exit code of a shell for a program ended by a signal

    if is_ours:
        signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        if is_ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
