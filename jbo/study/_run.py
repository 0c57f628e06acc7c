"""Trials one after another or several at once, until enough have ended."""

import logging
import signal
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from types import FrameType

from jbo.study._evaluation import Evaluation, Reporter
from jbo.study._trial import SpaceExhausted, Trial
from jbo.study._workers import Workers

_log = logging.getLogger("jbo")


def run_trials(
    workers: Workers,
    ask: Callable[[], Trial],
    report_of: Callable[[Trial], Reporter | None],
    num_left: Callable[[], int],
    end: Callable[[Trial, Evaluation], None],
    retries: int,
) -> None:
    """Keep all workers busy: a trial begins as soon as one has ended, there is no round that waits for its slowest.

    Args:
      workers: Call the objective.
      ask: The next trial.
      report_of: What the objective is given to report by, each time that a trial begins; None: it takes none.
      num_left: How many trials shall still end, those that run among them.
      end: Called with each trial that ended.
      retries: How often one that fails is run again before it has failed.

    Raises:
      SpaceExhausted: There is nothing new to try, and nothing runs any more.
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
            if evaluation.failure is not None and num_retries < retries and num_left():
                num_retries += 1
                words = "trial %d is run again (%d of %d)\n%s"
                _log.warning(words, trial.number, num_retries, retries, evaluation.failure)
                running[workers.start(dict(trial.config), report_of(trial))] = trial, num_retries
            else:
                end(trial, evaluation)


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """A block that SIGTERM ends as Ctrl-C does, by `SystemExit`, so that what is under way is given back.

    Signals are the main thread's, and a handler of the user's stays in place.
    """
    is_ours = threading.current_thread() is threading.main_thread() and (
        signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)  # what a shell says of a program that a signal ended

    if is_ours:
        signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        if is_ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
