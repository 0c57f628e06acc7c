"""Programming errors: an error that every trial meets at the same line is a mistake of the script, not of a trial."""

import pickle
import re
import traceback
from collections.abc import Sequence
from typing import Any

from jbo.study._trial import Trial

_OF_PROGRAMMERS = (KeyError, TypeError, NameError, AttributeError, ImportError)
"""With their subclasses, such as `UnboundLocalError` and `ModuleNotFoundError`."""
NUM_ALIKE = 5
"""So many trials that fail at one line, and no success, end the search."""
_HEAD = "Traceback (most recent call last):"
_FRAME = re.compile(r'  File "(?P<file>.*)", line (?P<line>\d+)')


class Fault:
    """A programming error of the objective, which may be sent from one process to another.

    Args:
      error: As it was raised; or the bytes of it, from another process; or None if it could not be sent.
      text: Its traceback.
      place: File and line of the innermost frame.
    """

    def __init__(self, error: Exception | bytes | None, text: str, place: tuple[str, int]):
        self.place = place
        self._error, self._text = error, text

    def raised(self, num: int) -> Exception:
        """What to raise: the error itself if it came whole, otherwise a `RuntimeError` that tells of it.

        Args:
          num: How many trials failed at this line.
        """
        error = self._error
        if isinstance(error, bytes):
            try:
                error = pickle.loads(error)
            except Exception:  # its class is known there only, or is not made from its arguments
                error = None
        said = (
            f"jbo: {num} trials and no success: all failed with this error at {self.place[0]}, line {self.place[1]}. "
            "Correct it and run the script again, or pass stop_on_repeated_error=False to optimize"
        )
        if not isinstance(error, Exception):
            return RuntimeError(f"{self._text.strip()}\n{said}")
        if error is not self._error:  # from another process, which kept the traceback
            error.add_note(self._text.strip())
        error.add_note(said)
        return error

    def __reduce__(self) -> tuple[Any, ...]:
        error = self._error
        if not isinstance(error, bytes):
            try:
                error = pickle.dumps(error)
            except Exception:
                error = None
        return Fault, (error, self._text, self.place)


def fault_of(error: BaseException, text: str) -> Fault | None:
    """The programming error that an exception is; None if it is of another kind.

    Args:
      error: What the objective raised.
      text: Its traceback.
    """
    if not isinstance(error, _OF_PROGRAMMERS):
        return None
    frames = traceback.extract_tb(error.__traceback__)
    return Fault(error, text, (frames[-1].filename, frames[-1].lineno or 0)) if frames else None


def place_in(failure: str | None) -> tuple[str, int] | None:
    """File and line of the innermost frame of a traceback; None if there is none in the text.

    Args:
      failure: Of a trial.
    """
    if failure is None or _HEAD not in failure:
        return None
    place = None
    for line in failure[failure.rindex(_HEAD) :].splitlines()[1:]:
        if line and not line.startswith(" "):  # the error itself, after the frames
            break
        frame = _FRAME.match(line)
        place = (frame["file"], int(frame["line"])) if frame else place
    return place


class Repetition:
    """Tells when trials fail at one line again and again: the first ones of the study, or of one call of ``optimize``.

    After a correction the script runs again with the failed trials in its file. It is stopped by a trial of its own
    only, and by a second mistake as by the first.
    """

    def __init__(self):
        self._places: list[tuple[str, int] | None] = []

    def of(self, fault: Fault | None, trials: Sequence[Trial]) -> int:
        """How many trials failed alike, if that is enough to end the search; otherwise 0.

        Args:
          fault: Of the trial that has just ended; None: it has none.
          trials: All trials of the study.
        """
        place = None if fault is None else fault.place
        self._places.append(place)
        if place is None or any(trial.status in ("ok", "stopped") for trial in trials):
            return 0
        failed = [trial for trial in trials if trial.status == "failed"]
        first = [place_in(trial.failure) for trial in failed[:NUM_ALIKE]]
        for places in (first, self._places[:NUM_ALIKE]):
            if len(places) == NUM_ALIKE and set(places) == {place}:
                return sum(place_in(trial.failure) == place for trial in failed)
        return 0
