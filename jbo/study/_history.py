"""This process's copy of a study's trials, updated from the file."""

import threading
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from jbo.study._codec import Codec
from jbo.study._record import Record
from jbo.study._trial import Trial
from jbo.study.storage import Storage
from jbo.study.table import Table


class History:
    """All trials of a study file; may be used from several threads.

    Args:
      storage: The study file.
      codec: Codec of the study.
      empty: Table without trials.
      where: Name of the file in error messages.
    """

    def __init__(self, storage: Storage, codec: Codec, empty: Table, where: object):
        self._storage, self._codec, self._where = storage, codec, where
        self._lock = threading.Lock()
        self._num_settled = 0  # all trials below this number have ended, and never change again
        self.table = empty
        """The trials at the latest `sync`. A table never changes; `sync` replaces it."""

    def sync(self) -> Table:
        """The current trials of the file."""
        with self._lock:
            trials, points = list(self.table.trials), list(self.table.points)
            # Finished trials never change, so those after a long pending trial are not decoded again.
            ended = {trial.number for trial in trials[self._num_settled :] if trial.status != "pending"}
            for record in self._storage.read(self._num_settled):
                if record.number in ended:
                    continue
                trial = self.trial(record)
                if trial.number == len(trials):
                    trials.append(trial)
                    points.append(self._codec.of_text(record.config).x)
                else:
                    trials[trial.number] = trial
            num_settled = self._num_settled
            while num_settled < len(trials) and trials[num_settled].status != "pending":
                num_settled += 1
            # In this order, so that after an interrupt in between trials are just read again.
            self.table = self.table.with_trials(trials, points)
            self._num_settled = num_settled
            return self.table

    def trial(self, record: Record) -> Trial:
        """The trial that is stored in a row of the file.

        Args:
          record: The row.

        Raises:
          OSError: The file is damaged.
        """
        try:
            return self._codec.trial(record)
        except ValueError as error:
            raise OSError(
                f"the study file {self._where} is damaged, trial {record.number} cannot be read ({error}); go on from "
                "a copy of it"
            ) from error


def num_finished(trials: Sequence[Trial]) -> int:
    """Number of finished trials, including failed and stopped ones.

    Pending trials do not count, nor do trials that `jbo.Study.abandon` took out of the search.

    Args:
      trials: Trials of a study.
    """
    return sum(trial.is_finished for trial in trials)


def trajectory(trials: Sequence[Trial], maximize: bool) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Values of the finished trials, NaN if missing, and for each of them the best feasible value so far.

    Args:
      trials: Trials in the order of their numbers.
      maximize: True if higher values are better.
    """
    ended = [trial for trial in trials if trial.is_finished]
    values = np.array([np.nan if trial.value is None else trial.value for trial in ended], np.float64)
    is_feasible = np.array([bool(trial.is_feasible) for trial in ended], bool)
    feasible = np.where(is_feasible, values, np.nan)
    return values, (np.fmax if maximize else np.fmin).accumulate(feasible)
