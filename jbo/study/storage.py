"""Storage of a study on disk: every change is one transaction, committed before its method returns."""

import math
import os
import sqlite3
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

from jbo.study._record import COLUMNS, ENDING_COLUMNS
from jbo.study._record import Ending as Ending
from jbo.study._record import Header as Header
from jbo.study._record import Record as Record
from jbo.study.owner import Owner, is_alive
from jbo.study.schema import SQLITE_ERRORS, begin, connect, explained, file_at, is_older, place_of


class Storage:
    """An SQLite database in a file or in memory. It may be used from any thread, and by several processes at once.

    If a change cannot be written, the method raises `OSError`, and the file is unchanged.
    """

    def __init__(self, path: str | os.PathLike[str] | None):
        self._path = path
        self._connection = connect(path)
        # Close the file of a study that is not closed explicitly; otherwise Python warns of an open connection. Not at
        # the exit of the interpreter, when other threads may still write.
        weakref.finalize(self, self._connection.close).atexit = False
        self._place = place_of(path)
        self._file = file_at(self._place)
        self._lock = threading.RLock()
        self.is_open = True
        """False once closed."""

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        with self._lock:
            self.is_open = False
            self._connection.close()

    def header(self, space: str, outcomes: str, seed: int) -> Header:
        """The header of the file; a new file gets one from the arguments."""
        stored = self.stored_header()
        if stored is None:
            row = (uuid.uuid4().hex, space, outcomes, seed, time.time())
            with self._transaction() as run:
                run.execute("INSERT OR IGNORE INTO study VALUES (0, ?, ?, ?, ?, ?)", row)
            stored = self.stored_header()
            assert stored is not None
        return stored

    def stored_header(self) -> Header | None:
        """The header of the file; None in a new file."""
        with self._transaction(write=False) as run:
            return read_header(run)

    def read(self, first: int) -> list[Record]:
        """All trials from number ``first`` on, in the order of their numbers."""
        with self._transaction(write=False) as run:
            return read_records(run, first)

    def claim(self, owner: Owner, is_wanted: Callable[[str], bool]) -> Record | None:
        """The trial to run before any new suggestion, now owned by ``owner``; None if there is no such trial.

        Pending trials without a living owner come first, in the order of their numbers, and then the queue, in order.

        Args:
          owner: The process that will run the trial.
          is_wanted: Function of the text of a configuration; False for trials to skip.
        """
        with self._transaction() as run:
            query = (
                "SELECT number, config, host, boot, pid, process_started FROM trials "
                "WHERE status = 'pending' ORDER BY number"
            )
            for number, config, *who in run.execute(query).fetchall():
                is_left = who[0] is None or (Owner(*who) != owner and not is_alive(Owner(*who)))
                if is_left and is_wanted(config):
                    update = "UPDATE trials SET host=?, boot=?, pid=?, process_started=?, started_at=? WHERE number = ?"
                    run.execute(update, (*owner, time.time(), number))
                    _forget(run, number)
                    return _record(run, number)
            queued = "SELECT position, config FROM queue WHERE number IS NULL ORDER BY position"
            for position, config in run.execute(queued):
                if not is_wanted(config):
                    continue
                number = _next_number(run)
                _insert_pending(run, number, config, owner)
                run.execute("UPDATE queue SET number = ? WHERE position = ?", (number, position))
                return _record(run, number)
        return None

    def insert(self, number: int, config: str, owner: Owner) -> Record | None:
        """A new pending trial; None if another process took the number first."""
        with self._transaction() as run:
            if _next_number(run) != number:
                return None
            _insert_pending(run, number, config, owner)
            return _record(run, number)

    def append(self, config: str, ending: Ending) -> Record:
        """A new trial that has already ended, under the next number."""
        now = time.time()
        with self._transaction() as run:
            number = _next_number(run)
            _insert_ended(run, number, config, ending, now, now)
            return _record(run, number)

    def report(self, number: int, outcome: str, step: int, value: float) -> bool:
        """Write an intermediate value of a pending trial; it replaces an earlier value of the same step.

        Args:
          number: Number of the trial.
          outcome: Name of the outcome.
          step: Number of the step, at least 0.
          value: The value; one that is not finite is stored as NaN.

        Returns:
          True if the value was written; False if the trial is not pending.
        """
        with self._transaction() as run:
            insert = (
                "INSERT OR REPLACE INTO outcome_values (number, outcome, step, value) "
                "SELECT number, ?, ?, ? FROM trials WHERE number = ? AND status = 'pending'"
            )
            return run.execute(insert, (outcome, step, _if_finite(value), number)).rowcount == 1

    def forget(self, number: int) -> None:
        """Delete the intermediate values of a trial, which is run again from the start."""
        with self._transaction() as run:
            _forget(run, number)

    def begin_with(self, rows: Sequence[tuple[str, Ending, float, float, dict[int, float], str | None]]) -> bool:
        """Write finished trials as the first trials of the study, all or none; False if the study already has trials.

        Args:
          rows: For each trial: text of the configuration, ending, start time, end time, intermediate values by step,
            and the name of the outcome of the intermediate values.
        """
        insert = "INSERT INTO outcome_values (number, outcome, step, value) VALUES (?, ?, ?, ?)"
        with self._transaction() as run:
            if _next_number(run):
                return False
            for number, (config, ending, started_at, ended_at, values, outcome) in enumerate(rows):
                _insert_ended(run, number, config, ending, started_at, ended_at)
                steps = values.items()
                run.executemany(insert, [(number, outcome, step, _if_finite(value)) for step, value in steps])
            return True

    def finish(self, number: int, ending: Ending) -> tuple[Record | None, bool]:
        """The trial after the call (None if there is no such number), and whether this call ended it."""
        with self._transaction() as run:
            assigned = ", ".join(f"{name} = ?" for name in ENDING_COLUMNS)
            update = f"UPDATE trials SET {assigned}, ended_at = ? WHERE number = ? AND status = 'pending'"
            is_ours = run.execute(update, (*_of_ending(ending), time.time(), number)).rowcount == 1
            if not 0 <= number < _next_number(run):
                return None, False
            if is_ours:
                _insert_values(run, number, ending)
            return _record(run, number), is_ours

    def release(self, numbers: Collection[int], owner: Owner) -> None:
        """Return pending trials of ``owner`` to the queue: the next `claim` by any process gets them."""
        if not numbers:
            return
        update = (
            "UPDATE trials SET host=NULL, boot=NULL, pid=NULL, process_started=NULL "
            "WHERE number=? AND status='pending' AND host=? AND boot=? AND pid=? AND process_started=?"
        )
        with self._transaction() as run:
            run.executemany(update, [(number, *owner) for number in sorted(numbers)])

    def enqueue(self, config: str, again: bool = False) -> bool:
        """Append a configuration to the queue; False if it was ever in the queue before.

        Args:
          config: Text of the configuration.
          again: True: append it even if it was in the queue before.
        """
        with self._transaction() as run:
            insert = (
                "INSERT INTO queue (config) SELECT ?1 WHERE ?2 OR NOT EXISTS (SELECT 1 FROM queue WHERE config = ?1)"
            )
            return run.execute(insert, (config, again)).rowcount == 1

    def copy(self, path: str | os.PathLike[str]) -> None:
        """Copy the study to a new file with a new identifier. Pending trials of the copy have no owner.

        The file appears under its name only once it is complete.

        Args:
          path: Name of the new file.

        Raises:
          FileExistsError: A file of that name exists.
          ValueError: The study is closed, or the path does not name a file.
          OSError: The file cannot be written.
        """
        name = os.fsdecode(path)
        if name in ("", ":memory:") or name.startswith("file:"):
            raise ValueError(f"path: expected the name of a new file, got {name!r}")
        if os.path.lexists(name):
            raise FileExistsError(f"path: expected the name of a new file, got {name}, which exists already")
        draft = f"{name}.{uuid.uuid4().hex}.draft"
        try:
            with self._lock:
                if not self.is_open:
                    raise ValueError("the study is closed")
                with closing(sqlite3.connect(draft, isolation_level=None)) as copied:
                    self._connection.backup(copied)
                    copied.execute("PRAGMA synchronous = FULL")
                    copied.execute("BEGIN IMMEDIATE")
                    copied.execute("UPDATE study SET id = ?", (uuid.uuid4().hex,))
                    owners = "host=NULL, boot=NULL, pid=NULL, process_started=NULL"
                    copied.execute(f"UPDATE trials SET {owners} WHERE status = 'pending'")
                    copied.execute("COMMIT")
            try:
                os.link(draft, name)  # atomic, and never replaces another file
            except FileExistsError:
                raise FileExistsError(
                    f"path: expected the name of a new file, got {name}, which exists already"
                ) from None
            except OSError:  # a file system without links
                os.rename(draft, name)
        except SQLITE_ERRORS as error:
            raise explained(error, path, "write") from error
        finally:
            with suppress(FileNotFoundError):
                os.unlink(draft)

    @contextmanager
    def _transaction(self, write: bool = True) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if not self.is_open:
                raise ValueError("the study is closed")
            if write and file_at(self._place) != self._file:
                raise OSError(
                    f"the study file {self._path} was moved, deleted or replaced while this study was open: what is "
                    "written now would be lost; restore the file, or open the study again"
                )
            try:
                if write and is_older(self._connection):
                    raise OSError(
                        f"cannot write the study file {self._path}: it has an older format and is read-only; "
                        "change its permissions or work on a copy"
                    )
                begin(self._connection, write)
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                if isinstance(error, SQLITE_ERRORS) and not isinstance(error, sqlite3.IntegrityError):
                    raise explained(error, self._path, "write" if write else "read") from error
                raise


def _insert_ended(
    run: sqlite3.Connection, number: int, config: str, ending: Ending, started_at: float, ended_at: float
) -> None:
    columns = ("number", "config", "started_at", "ended_at", *ENDING_COLUMNS)
    insert = f"INSERT INTO trials ({', '.join(columns)}) VALUES ({', '.join('?' for _ in columns)})"
    run.execute(insert, (number, config, started_at, ended_at, *_of_ending(ending)))
    _insert_values(run, number, ending)


def _insert_values(run: sqlite3.Connection, number: int, ending: Ending) -> None:
    """Write the measured values of a trial; SQLite stores NaN as NULL."""
    insert = "INSERT INTO outcome_values (number, outcome, step, value, noise) VALUES (?, ?, -1, ?, ?)"
    rows = [(number, name, value, ending.noises.get(name)) for name, value in ending.values.items()]
    run.executemany(insert, rows)


def _of_ending(ending: Ending) -> tuple[Any, ...]:
    return tuple(getattr(ending, name) for name in ENDING_COLUMNS)


def _if_finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _next_number(run: sqlite3.Connection) -> int:
    return run.execute("SELECT coalesce(max(number) + 1, 0) FROM trials").fetchone()[0]


def _insert_pending(run: sqlite3.Connection, number: int, config: str, owner: Owner) -> None:
    columns = "number, config, status, started_at, host, boot, pid, process_started"
    row = (number, config, time.time(), *owner)
    run.execute(f"INSERT INTO trials ({columns}) VALUES (?, ?, 'pending', ?, ?, ?, ?, ?)", row)


def _forget(run: sqlite3.Connection, number: int) -> None:
    run.execute("DELETE FROM outcome_values WHERE number = ? AND step >= 0", (number,))


def _record(run: sqlite3.Connection, number: int) -> Record:
    (record,) = read_records(run, number, number)
    return record


def read_header(run: sqlite3.Connection) -> Header | None:
    """The header of a study file; None in a new file.

    Args:
      run: A connection to the study file.
    """
    row = run.execute(f"SELECT {', '.join(Header._fields)} FROM study").fetchone()
    return None if row is None else Header(*row)


def read_records(run: sqlite3.Connection, first: int, last: int = 2**63 - 1) -> list[Record]:
    """The trials of a file, in the order of their numbers.

    Args:
      run: As in `read_header`.
      first: Number of the first trial to read.
      last: Number of the last trial to read.
    """
    query = f"SELECT {', '.join(COLUMNS)} FROM trials WHERE number BETWEEN ? AND ? ORDER BY number"
    rows = run.execute(query, (first, last)).fetchall()
    records = [
        Record(**dict(zip(COLUMNS, row, strict=True)), values={}, noises={}, intermediate_values={}) for row in rows
    ]
    by_number = {record.number: record for record in records}
    query = (
        "SELECT number, outcome, step, value, noise FROM outcome_values WHERE number BETWEEN ? AND ? "
        "ORDER BY number, step"
    )
    reported: dict[int, str] = {}
    for number, outcome, step, value, noise in run.execute(query, (first, last)):
        record, value = by_number.get(number), math.nan if value is None else value
        if record is None:
            continue
        if step >= 0:
            record.intermediate_values[step] = value
            reported[number] = outcome
            continue
        record.values[outcome] = value
        if noise is not None:
            record.noises[outcome] = noise
    return [record._replace(reported=reported.get(record.number)) for record in records]
