"""The study file: its tables, its creation, and checks that reject files that are not usable studies."""

import contextlib
import logging
import os
import re
import sqlite3
from pathlib import Path

from jbo.outcomes import COST, VALUE, unnamed

_log = logging.getLogger("jbo")

FORMAT = 4
"""Version of the tables below. Any change of the tables needs a new number."""
READABLE = (1, 2, 3, FORMAT)
"""Formats that can be read. Format 2 added stopped trials, format 3 cost and noise, and format 4 outcomes."""
APPLICATION_ID = 0x6A626F21
"""Marks an SQLite file as a study: "jbo!" in ASCII."""
SQLITE_ERRORS = (sqlite3.DatabaseError, UnicodeDecodeError)
"""Errors for a damaged file. If SQLite's message quotes damaged text, Python cannot even decode the message."""
SECONDS_TO_WAIT = 60.0
"""Seconds that a process waits for another process that holds the file."""

TABLES = {
    "study": """
  only_row INTEGER PRIMARY KEY CHECK (only_row = 0),
  id TEXT NOT NULL,
  space TEXT NOT NULL,                          -- JSON
  outcomes TEXT NOT NULL,                       -- JSON
  seed INTEGER NOT NULL,
  created_at REAL NOT NULL
""",
    "trials": """
  number INTEGER PRIMARY KEY CHECK (number >= 0),
  config TEXT NOT NULL,                         -- JSON
  status TEXT NOT NULL CHECK (status IN ('pending', 'ok', 'failed', 'stopped', 'abandoned')),
  failure TEXT,
  started_at REAL NOT NULL,
  ended_at REAL,
  host TEXT, boot TEXT, pid INTEGER, process_started TEXT,   -- the owner; all NULL: nobody, free to be run again
  CHECK ((status = 'failed') = (failure IS NOT NULL)),
  CHECK ((status = 'pending') = (ended_at IS NULL))
""",
    "outcome_values": """
  number INTEGER NOT NULL REFERENCES trials (number),
  outcome TEXT NOT NULL,                        -- its name
  step INTEGER NOT NULL CHECK (step >= -1),     -- -1: the result of the trial; from 0 on: what it reported on its way
  replicate INTEGER NOT NULL DEFAULT 0,
  value REAL,                                   -- in the user's sign; NULL: not a number, on the way: not finite
  noise REAL CHECK (noise >= 0),                -- standard deviation of the value, in its unit
  PRIMARY KEY (number, outcome, step, replicate)
""",
    "queue": """
  position INTEGER PRIMARY KEY,
  config TEXT NOT NULL,                         -- JSON; stays once tried, so that a script run again queues nothing
  number INTEGER REFERENCES trials (number)     -- the trial it became
""",
}
"""A dict from the name of each table of this format to its columns."""
_INDEX = "CREATE INDEX queue_by_config ON queue (config)"


def older_rows(version: int) -> dict[str, str]:
    """A SELECT for each table of `TABLES`, which gives the rows of a file of an older format in this format.

    A migration copies these rows to new tables. If a file is read-only, views of these rows replace its tables. Each
    SELECT writes a table of the file as ``main.name``: a migration drops the tables that are named so, and a view may
    have the same name.

    Only this function depends on older formats. A new `FORMAT` adds a case for the present format here.

    Args:
      version: An older format.

    Raises:
      ValueError: There is no case for the format.
    """
    if version not in (1, 2, 3):
        raise ValueError(f"version: expected an older format, one of 1, 2 and 3, got {version}")
    up, down = (unnamed(maximize).json_text.replace("'", "''") for maximize in (True, False))
    values = f"""
        SELECT number, '{VALUE}' AS outcome, -1 AS step, 0 AS replicate, value, {"noise" if version == 3 else "NULL"}
            AS noise FROM main.trials WHERE value IS NOT NULL
        UNION ALL SELECT number, '{VALUE}', step, 0, value, NULL FROM main.intermediate_values"""
    if version == 3:
        values += f"\nUNION ALL SELECT number, '{COST}', -1, 0, cost, NULL FROM main.trials WHERE cost IS NOT NULL"
    return {
        "study": f"""
        SELECT only_row, id, space, CASE WHEN maximize THEN '{up}' ELSE '{down}' END AS outcomes, seed, created_at
            FROM main.study""",
        "trials": """
        SELECT number, config, status, failure, started_at, ended_at, host, boot, pid, process_started
            FROM main.trials""",
        "outcome_values": values,
        "queue": "SELECT position, config, number FROM main.queue",
    }


def connect(path: str | os.PathLike[str] | None) -> sqlite3.Connection:
    """An open connection to a study file. A committed transaction is on disk.

    A read-only file can be opened for reading.

    Args:
      path: The study file, whose folder is created if it does not exist; or an SQLite URI that starts with ``file:``.
        None: a database in memory.

    Raises:
      OSError: The file cannot be opened, or is damaged.
      ValueError: The path does not name a file, the file is not a study, or this version does not read its format.
    """
    name = ":memory:" if path is None else os.fspath(path)
    if path is not None and name in ("", ":memory:"):  # to SQLite, no file at all
        raise ValueError(f"path: expected the name of a file, or None for a study in memory, got {name!r}")
    is_place = path is not None and not _is_uri(name)
    was_there = is_place and os.path.exists(name)
    if is_place:
        with contextlib.suppress(OSError):  # SQLite will raise the error
            Path(name).absolute().parent.mkdir(parents=True, exist_ok=True)
    connection = None
    try:
        connection = sqlite3.connect(
            name, timeout=SECONDS_TO_WAIT, isolation_level=None, check_same_thread=False, uri=_is_uri(name)
        )
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN")
        is_study = _holds_study(connection, name)
        connection.execute("COMMIT")
        if not is_study:
            connection.execute("BEGIN IMMEDIATE")
            if not _holds_study(connection, name):  # and no other process has just created one
                if path is not None and not _is_uri(name) and 0 < os.path.getsize(name) < 512:
                    raise sqlite3.DatabaseError("it is truncated")  # SQLite would treat the rest as an empty file
                if was_there:  # a new file is empty for a moment, and a full disk may leave an empty file
                    _log.warning("the file %s was empty: a new study begins in it", name)
                _create(connection, name)
            connection.execute("COMMIT")
        damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if damage != "ok":
            raise sqlite3.DatabaseError(damage)
        _migrate(connection, name)
        return connection
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, SQLITE_ERRORS):
            raise explained(error, path, "open") from error
        raise


def begin(connection: sqlite3.Connection, write: bool = False) -> None:
    """Begin a transaction that sees the tables of this format, even if the file has an older format.

    Args:
      connection: A connection to a study file.
      write: True for a transaction that writes, which is not possible with an older format.
    """
    connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
    version = _version(connection)
    # The temporary database, which only this connection sees, has its own version number.
    shown = connection.execute("PRAGMA temp.user_version").fetchone()[0]
    wanted = 0 if version == FORMAT else version
    if shown == wanted:
        return
    for name, rows in (older_rows(version) if wanted else TABLES).items():
        connection.execute(f"DROP VIEW IF EXISTS temp.{name}")
        if wanted:
            connection.execute(f"CREATE TEMP VIEW {name} AS {rows}")
    connection.execute(f"PRAGMA temp.user_version = {wanted:d}")


def is_older(connection: sqlite3.Connection) -> bool:
    """True for a file of an older format that could not be migrated, because it is read-only.

    Args:
      connection: A connection to a study file.
    """
    return _version(connection) < FORMAT


def explained(error: Exception, path: str | os.PathLike[str] | None, action: str) -> Exception:
    """An SQLite error as an exception for the user: what is wrong with the file, and what to do.

    Args:
      error: The original exception.
      path: The study file.
      action: Verb for the action that failed, such as ``"open"``.
    """
    name = ":memory:" if path is None else os.fspath(path)
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF  # the lowest byte is the primary code
    if code == sqlite3.SQLITE_NOTADB:
        return ValueError(f"{name} is no jbo study ({error}); expected a study file or a new name")
    if code == sqlite3.SQLITE_CORRUPT:
        return OSError(
            f"the study file {name} is damaged ({error}); go on from a copy of it, or save what can be read by "
            f"`sqlite3 {name} .recover | sqlite3 NEW`"
        )
    advice = {
        sqlite3.SQLITE_FULL: "there is no room left; make some and do the same again, what was told before is safe",
        sqlite3.SQLITE_IOERR: "the system refused it, as it does at a limit of file sizes or a fault of the disk; mend "
        "that and do the same again, what was told before is safe",
        sqlite3.SQLITE_READONLY: "it may only be read; change its permissions or work on a copy",
        sqlite3.SQLITE_BUSY: f"another program has held it for {SECONDS_TO_WAIT:g} s; end that one or try again later",
    }.get(code)
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_READONLY_ROLLBACK:
        advice = "a crash left it in the middle of a write; open it once by jbo.Study, which takes that back"
    if advice is None and path is not None and not _is_uri(name):
        if Path(path).is_dir():
            advice = "it is a folder"
        elif not Path(path).parent.is_dir():
            advice = "there is no such folder"
    return OSError(f"cannot {action} the study file {name}{f': {advice}' if advice else ''} ({error})")


def place_of(path: str | os.PathLike[str] | None) -> str | None:
    """The absolute path of a file, which still names the file if the process changes its working folder.

    Args:
      path: The study file. For an SQLite URI or a study in memory the result is None.
    """
    return None if path is None or _is_uri(os.fspath(path)) else os.path.abspath(path)


def file_at(place: str | None) -> tuple[int, int] | None:
    """Device and inode of the file at a path; None if there is no file, or if the path is unknown."""
    if place is None:
        return None
    try:
        status = os.stat(place)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _is_uri(name: str | bytes) -> bool:
    return isinstance(name, str) and name.startswith("file:")


def _holds_study(connection: sqlite3.Connection, name: str) -> bool:
    """True for a study file, False for an empty database; `ValueError` for anything else."""
    num_tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application == 0 and num_tables == 0:
        return False
    if application != APPLICATION_ID:
        raise ValueError(f"{name} is an SQLite file but no jbo study; expected a study file or a new name")
    if version not in READABLE:
        advice = "a newer jbo wrote it" if version > FORMAT else "it is too old"
        raise ValueError(f"{name} has study format {version}, expected {FORMAT}: {advice}")
    return True


def _create(connection: sqlite3.Connection, name: str) -> None:
    if name != ":memory:":
        _log.info("a new study begins in %s", name)
    for table, columns in TABLES.items():
        connection.execute(f"CREATE TABLE {table} ({columns})")
    connection.execute(_INDEX)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID:d}")
    connection.execute(f"PRAGMA user_version = {FORMAT:d}")


def _migrate(connection: sqlite3.Connection, name: str) -> None:
    """Migrate an older file to this format, completely or not at all. A read-only file is left unchanged.

    The rows are copied to new tables, which replace the old ones (as in SQLite's manual of ALTER TABLE). The tables of
    the older file are those that `older_rows` reads.
    """
    if _version(connection) == FORMAT:
        return
    connection.execute("PRAGMA foreign_keys = OFF")  # has an effect only outside of a transaction
    try:
        connection.execute("BEGIN IMMEDIATE")
        version = _version(connection)
        if version != FORMAT:  # and no other process has just migrated the file
            selected = older_rows(version)
            for table, rows in selected.items():
                connection.execute(f"CREATE TABLE new_{table} ({TABLES[table]})")
                columns = [row[1] for row in connection.execute(f"SELECT * FROM pragma_table_info('new_{table}')")]
                listed = ", ".join(columns)
                connection.execute(f"INSERT INTO new_{table} ({listed}) SELECT {listed} FROM ({rows})")
            for table in sorted({name for rows in selected.values() for name in re.findall(r"\bmain\.(\w+)", rows)}):
                connection.execute(f"DROP TABLE {table}")
            for table in TABLES:
                connection.execute(f"ALTER TABLE new_{table} RENAME TO {table}")
            connection.execute(_INDEX)
            if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
                raise sqlite3.DatabaseError("a row refers to a trial that does not exist")
            connection.execute(f"PRAGMA user_version = {FORMAT:d}")
            _log.info("the study file %s is of format %d now", name, FORMAT)
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_READONLY:
            raise
    finally:
        connection.execute("PRAGMA foreign_keys = ON")


def _version(connection: sqlite3.Connection) -> int:
    return connection.execute("PRAGMA user_version").fetchone()[0]
