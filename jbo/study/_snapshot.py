"""A read-only snapshot of a study file."""

import json
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from jbo.outcomes import Outcomes
from jbo.space import Space
from jbo.strategies import Strategy, bayesian
from jbo.study._codec import Codec
from jbo.study._single import OneObjective, of_objective
from jbo.study._trial import Trial, best_of, why_none
from jbo.study.front import check_one, front_of
from jbo.study.schema import APPLICATION_ID, FORMAT, READABLE, SQLITE_ERRORS, begin, explained
from jbo.study.storage import read_header, read_records
from jbo.study.view import line_of_study


class Worker(NamedTuple):
    """The process that works on a pending trial."""

    host: str
    """Name of the machine."""
    pid: int
    """Number of the process."""


@dataclass(frozen=True, repr=False)
class Snapshot:
    """The contents of a study file: everything of a `jbo.Study` that needs no objective."""

    path: str
    """Name of the file."""
    space: Space
    """The search space without its constraint, which files do not store."""
    outcomes: Outcomes
    """Outcomes of a trial."""
    seed: int
    """Seed of all random numbers."""
    created_at: float
    """Time at which the file was created, in seconds since 1970."""
    trials: list[Trial]
    """All trials, in the order of their numbers."""
    workers: dict[int, Worker]
    """A dict from the number of each pending trial to its worker; trials without a worker are absent."""
    num_queued: int
    """Number of enqueued configurations."""
    strategy: Strategy
    """``jbo.bayesian(space)``, because files do not store the strategy."""

    def __repr__(self) -> str:
        return f"<Snapshot {self.path}: {line_of_study(self.trials, self.outcomes, self.seed)}>"

    @property
    def pareto(self) -> list[Trial]:
        """The Pareto front: the feasible trials that no other dominates by observed values, in trial order."""
        return front_of(self.trials, self.outcomes)

    def of_objective(self, name: str) -> OneObjective:
        """A view of the trials with one of several objectives; see `jbo.Study.of_objective`.

        Args:
          name: Name of the objective.
        """
        return of_objective(self.trials, self.space, self.outcomes, self.seed, name)

    @property
    def maximize(self) -> bool:
        """True if higher values of the objective are better."""
        return self.outcomes.maximize

    @property
    def best(self) -> Trial:
        """The feasible trial with the best observed value; among equal trials, the first.

        Raises:
          ValueError: No trial has succeeded, or none meets the limits, or the study has several objectives.
        """
        check_one(self.outcomes, "best")
        best = best_of(self.trials, self.maximize)
        if best is None:
            raise ValueError(f"{why_none(self.trials, self.outcomes)}, so none is best: {self.path}")
        return best


def read_study(path: str | os.PathLike[str]) -> Snapshot:
    """The current contents of a study file. The file is opened read-only; other processes may write meanwhile.

    Args:
      path: Name of the file.

    Raises:
      OSError: The file does not exist or cannot be read. After a crash the study must first be opened by `jbo.Study`,
        which repairs the file.
      ValueError: The file is not a study, or has a format that this version does not read.
    """
    place = Path(path)
    if not place.is_file():
        raise OSError(f"cannot open the study file {place}: there is no such file")
    try:
        connection = sqlite3.connect(f"{place.resolve().as_uri()}?mode=ro", timeout=60, uri=True, isolation_level=None)
        try:
            return _read(connection, str(place))
        finally:
            connection.close()
    except SQLITE_ERRORS as error:
        raise explained(error, place, "read") from error


def _read(connection: sqlite3.Connection, path: str) -> Snapshot:
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise ValueError(f"{path} is no jbo study; expected a study file")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version not in READABLE:
        raise ValueError(f"{path} has study format {version}, expected {FORMAT}")
    begin(connection)  # one transaction, so that everything is read at the same moment
    header = read_header(connection)
    if header is None:
        raise ValueError(f"{path} holds no study yet; expected one that a process has begun")
    space = Space.from_json(json.loads(header.space))
    outcomes = Outcomes.from_json_text(header.outcomes)
    codec = Codec(space, outcomes, header.id)
    trials = [codec.trial(record).copy() for record in read_records(connection, 0)]
    owners = "SELECT number, host, pid FROM trials WHERE status = 'pending' AND host IS NOT NULL"
    workers = {number: Worker(host, pid) for number, host, pid in connection.execute(owners)}
    queued = connection.execute("SELECT count(*) FROM queue WHERE number IS NULL").fetchone()[0]
    return Snapshot(
        path=path,
        space=space,
        outcomes=outcomes,
        seed=header.seed,
        created_at=header.created_at,
        trials=trials,
        workers=workers,
        num_queued=queued,
        strategy=bayesian(space),
    )
