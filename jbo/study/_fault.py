"""Detection of programming errors: if all trials fail at the same line, the script is wrong, not the trials."""

import re
from collections.abc import Sequence

from jbo.study._evaluation import Fault
from jbo.study._trial import Trial

NUM_ALIKE = 5
"""Number of trials that must fail at one line, without any success, to end the search."""
_HEAD = "Traceback (most recent call last):"
_FRAME = re.compile(r'  File "(?P<file>.*)", line (?P<line>\d+)')


def place_in(failure: str | None) -> tuple[str, int] | None:
    """File and line of the innermost frame of a traceback; None if the text contains no traceback.

    Args:
      failure: Failure of a trial.
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
    """Detects repeated failures at one line among the first trials of the study, or of one call of ``optimize``.

    After a correction, the script runs again with the failed trials in its file. Only trials of its own call stop it
    then, and a second mistake stops it like the first.
    """

    def __init__(self):
        self._places: list[tuple[str, int] | None] = []

    def of(self, fault: Fault | None, trials: Sequence[Trial]) -> int:
        """Number of trials that failed at the same line, if this should end the search; otherwise 0.

        Args:
          fault: Programming error of the trial that has just ended; None: there was no such error.
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
