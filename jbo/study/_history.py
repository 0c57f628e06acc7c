"""The trials of a study as this process knows them, brought up to date from the file."""

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
      storage: The file.
      codec: Of the study.
      empty: The table of trials before the first one.
      where: The file as messages call it.
    """

    def __init__(self, storage: Storage, codec: Codec, empty: Table, where: object):
        self._storage, self._codec, self._where = storage, codec, where
        self._lock = threading.Lock()
        self._num_settled = 0  # trials, from the first on, that have ended: they never change again
        self.table = empty
        """The trials at the latest `sync`. A table never changes; another one takes its place."""

    def sync(self) -> Table:
        """The trials as the file holds them now."""
        with self._lock:
            trials, points = list(self.table.trials), list(self.table.points)
            # A trial that is known to have ended never changes: behind a long pending one it is not read again.
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
            # In this order: after an interrupt in between, trials are only read once more.
            self.table = self.table.with_trials(trials, points)
            self._num_settled = num_settled
            return self.table

    def trial(self, record: Record) -> Trial:
        """The trial that a row of the file holds.

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
    """How many trials have ended, failed and stopped ones among them. An abandoned trial does not count.

    Args:
      trials: Of a study.
    """
    return sum(trial.is_finished for trial in trials)


def trajectory(trials: Sequence[Trial], maximize: bool) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Values of the trials that have ended, NaN where there is none, and the best feasible one so far at each of them.

    Args:
      trials: By number.
      maximize: True if higher values are better.
    """
    ended = [trial for trial in trials if trial.is_finished]
    values = np.array([np.nan if trial.value is None else trial.value for trial in ended], np.float64)
    is_feasible = np.array([bool(trial.is_feasible) for trial in ended], bool)
    feasible = np.where(is_feasible, values, np.nan)
    return values, (np.fmax if maximize else np.fmin).accumulate(feasible)
