"""Progress of a long call: a bar in a terminal, plain lines elsewhere, or nothing."""

import contextlib
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

from jbo.study._trial import Trial

_SECONDS_BETWEEN_LINES = 1.0
_SECONDS_BETWEEN_BARS = 0.1
_SECONDS_BEFORE_WORDS = 0.5
"""Seconds; a shorter wait is not reported."""


class Progress:
    """Shows nothing; the base class of displays that show progress."""

    def trial(self, trial: Trial, best: Trial | Sequence[Trial] | None, num_finished: int) -> None:
        """Show a trial that has ended.

        Args:
          trial: The finished trial.
          best: The best trial so far, or the Pareto front of several objectives.
          num_finished: Number of finished trials.
        """

    def say(self, words: str) -> None:
        """Show a line.

        Args:
          words: Text in ASCII, which every stream can write.
        """

    def end(self) -> None:
        """Show everything that is not shown yet."""

    @contextmanager
    def waiting(self, words: str) -> Iterator[None]:
        """A context that shows the reason of a wait if the wait takes longer than half a second.

        Args:
          words: As in `say`.
        """
        timer = threading.Timer(_SECONDS_BEFORE_WORDS, self.say, (words,))
        timer.daemon = True
        with contextlib.suppress(RuntimeError):  # no thread can be started
            timer.start()
        try:
            yield
        finally:
            timer.cancel()


class _Shown(Progress):
    """Writes to the standard error stream. If writing fails, the text is lost and the study continues."""

    def __init__(self, num_trials: int, num_finished: int):
        self._num_trials, self._num_before = num_trials, num_finished
        self._start = time.monotonic()
        self._waited = 0.0
        """Seconds of waiting for compilation, which later trials do not need."""
        self._lock = threading.RLock()

    @contextmanager
    def waiting(self, words: str) -> Iterator[None]:
        start = time.monotonic()
        try:
            with super().waiting(words):
                yield
        finally:
            self._waited += time.monotonic() - start

    def _fields(self, trial: Trial, best: Trial | Sequence[Trial] | None, finished: int) -> dict[str, str]:
        num_left = max(self._num_trials - finished, 0)
        elapsed = time.monotonic() - self._start - self._waited
        left = elapsed / max(finished - self._num_before, 1) * num_left
        value = trial.status
        if trial.is_of_several:
            value = ", ".join(f"{name} {number:.6g}" for name, number in trial.values.items()) or value
        elif trial.value is not None:
            value = f"{trial.value:.6g}"
        best_value = "none"
        if isinstance(best, Trial):
            best_value = f"{best.value:.6g}"
        elif best:
            best_value = f"front of {len(best)}"
        return {"trial": str(trial.number), "value": value, "best": best_value, "left": _clock(left)}

    def _line(self, trial: Trial, best: Trial | Sequence[Trial] | None, finished: int) -> str:
        fields = self._fields(trial, best, finished)
        return f"{finished}/{self._num_trials}: " + ", ".join(f"{k} {v}" for k, v in fields.items())

    def _write(self, text: str) -> None:
        with self._lock, contextlib.suppress(OSError, ValueError, AttributeError):
            sys.stderr.write(text)
            sys.stderr.flush()


class _Lines(_Shown):
    """Writes a line for the first trial, for the last trial, and at most one line per second between them."""

    def __init__(self, num_trials: int, num_finished: int, seconds_between: float):
        super().__init__(num_trials, num_finished)
        self._between, self._latest = seconds_between, -float("inf")
        self._waiting: str | None = None

    def trial(self, trial: Trial, best: Trial | Sequence[Trial] | None, num_finished: int) -> None:
        line = f"{self._line(trial, best, num_finished)}\n"
        now = time.monotonic()
        if now - self._latest < self._between and num_finished < self._num_trials:
            self._waiting = line
            return
        self._latest, self._waiting = now, None
        self._write(line)

    def say(self, words: str) -> None:
        self._write(f"{words}\n")

    def end(self) -> None:
        if self._waiting is not None:
            self._write(self._waiting)
            self._waiting = None


class _Bar(_Shown):
    """One line of a terminal, which is overwritten."""

    def __init__(self, num_trials: int, num_finished: int):
        super().__init__(num_trials, num_finished)
        self._latest, self._text = -float("inf"), ""

    def trial(self, trial: Trial, best: Trial | Sequence[Trial] | None, num_finished: int) -> None:
        share = min(num_finished / max(self._num_trials, 1), 1.0)
        bar = "#" * round(20 * share)
        self._text = f"[{bar:<20}] {self._line(trial, best, num_finished)}"
        now = time.monotonic()
        if now - self._latest >= _SECONDS_BETWEEN_BARS or num_finished >= self._num_trials:
            self._latest = now
            self._draw(self._text)

    def _draw(self, text: str, end: str = "") -> None:
        width = shutil.get_terminal_size().columns - 1
        self._write(f"\r{text[:width]:<{width}}{end}")

    def say(self, words: str) -> None:
        with self._lock:
            self._draw("")
            self._write(f"\r{words}\n")
            if self._text:
                self._draw(self._text)

    def end(self) -> None:
        if self._text:
            self._draw(self._text, "\n")


class _Rich(_Shown):
    """A progress bar of the library rich."""

    def __init__(self, num_trials: int, num_finished: int, bar: Any):
        super().__init__(num_trials, num_finished)
        self._bar = bar

    def trial(self, trial: Trial, best: Trial | Sequence[Trial] | None, num_finished: int) -> None:
        self._bar.advance(num_finished, self._fields(trial, best, num_finished))

    def say(self, words: str) -> None:
        self._bar.say(words)


@contextmanager
def progress_of(num_trials: int, num_finished: int, progress: bool | None) -> Iterator[Progress]:
    """The display of progress, which writes to the standard error stream.

    Args:
      num_trials: Number of finished trials at the end of the run.
      num_finished: Number of trials that are already finished.
      progress: None: a bar in a terminal, and elsewhere at most one line per second. True: a bar in a terminal, and
        elsewhere a line for each trial. False: nothing.
    """
    if progress is False or sys.stderr is None:
        yield Progress()
        return
    rich = None
    if not _is_terminal():
        shown: Progress = _Lines(num_trials, num_finished, 0.0 if progress else _SECONDS_BETWEEN_LINES)
    elif (rich := _rich()) is not None and num_finished < num_trials:
        with rich(num_trials, num_finished) as bar:
            yield _Rich(num_trials, num_finished, bar)
        return
    else:
        shown = _Bar(num_trials, num_finished)
    try:
        yield shown
    finally:
        shown.end()


def _is_terminal() -> bool:
    try:
        return sys.stderr.isatty()
    except (AttributeError, OSError, ValueError):  # a custom stream of the user, or a closed stream
        return False


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


def _rich() -> Callable[[int, int], AbstractContextManager[Any]] | None:
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn
    except ImportError:
        return None

    class Bar:
        def __init__(self, progress: Any, task: Any):
            self._progress, self._task = progress, task

        def advance(self, finished: int, fields: dict[str, str]) -> None:
            self._progress.update(self._task, completed=finished, **cast(Any, fields))

        def say(self, words: str) -> None:
            self._progress.console.print(words, markup=False, highlight=False)

    @contextmanager
    def bar(num_trials: int, num_finished: int) -> Iterator[Bar]:
        names = ("trial", "value", "best", "left")
        columns = [TextColumn(f"{name} {{task.fields[{name}]}}") for name in names]
        console = Console(stderr=True)
        with Progress(TextColumn("{task.completed}/{task.total}"), BarColumn(), *columns, console=console) as rich:
            yield Bar(rich, rich.add_task("", total=num_trials, completed=num_finished, **dict.fromkeys(names, "-")))

    return bar
