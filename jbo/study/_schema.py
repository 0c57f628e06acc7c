"""The study file: its tables, how one is made, and how a file that is no study is told."""

import os
import sqlite3
from pathlib import Path

FORMAT = 1
"""Version of the tables below; a change to them is a new number."""
APPLICATION_ID = 0x6A626F21
"""Marks an SQLite file as a study: "jbo!" in ASCII."""

_TABLES = """
CREATE TABLE study (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 0),
  id TEXT NOT NULL,
  space TEXT NOT NULL,                          -- JSON
  maximize INTEGER NOT NULL,
  seed INTEGER NOT NULL,
  created_at REAL NOT NULL
);
CREATE TABLE trials (
  number INTEGER PRIMARY KEY CHECK (number >= 0),
  config TEXT NOT NULL,                         -- JSON
  status TEXT NOT NULL CHECK (status IN ('pending', 'ok', 'failed')),
  value REAL,                                   -- in the user's sign
  failure TEXT,
  started_at REAL NOT NULL,
  ended_at REAL,
  host TEXT, boot TEXT, pid INTEGER, process_started TEXT,   -- the owner; all NULL: nobody, free to be run again
  CHECK ((status = 'ok') = (value IS NOT NULL)),
  CHECK ((status = 'failed') = (failure IS NOT NULL)),
  CHECK ((status = 'pending') = (ended_at IS NULL))
);
CREATE TABLE intermediate_values (
  number INTEGER NOT NULL REFERENCES trials (number),
  step INTEGER NOT NULL,
  value REAL,
  PRIMARY KEY (number, step)
);
CREATE TABLE queue (
  position INTEGER PRIMARY KEY,
  config TEXT NOT NULL UNIQUE,                  -- JSON; stays once tried, so that a script run again queues nothing
  number INTEGER REFERENCES trials (number)     -- the trial it became
);
"""


def connect(path: str | os.PathLike[str] | None) -> sqlite3.Connection:
    """An open connection, every change of which is on the disk once its transaction is committed.

    Args:
      path: The study file; None keeps everything in memory.

    Raises:
      OSError: The file cannot be opened.
      ValueError: The file is something else than a study, or a study of a format that this version does not read.
    """
    name = ":memory:" if path is None else os.fspath(path)
    connection = None
    try:
        connection = sqlite3.connect(name, timeout=60, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN IMMEDIATE")
        _create_or_check(connection, name)
        connection.execute("COMMIT")
        return connection
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, sqlite3.OperationalError):
            where = "" if path is None or Path(path).parent.is_dir() else ": there is no such folder"
            raise OSError(f"cannot open the study file {name}{where} ({error})") from error
        if isinstance(error, sqlite3.DatabaseError):
            raise ValueError(f"{name} is no jbo study ({error}); expected a study file or a new name") from error
        raise


def _create_or_check(connection: sqlite3.Connection, name: str) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    is_new = application == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if is_new:
        for statement in _TABLES.split(";\n"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID:d}")
        connection.execute(f"PRAGMA user_version = {FORMAT:d}")
    elif application != APPLICATION_ID:
        raise ValueError(f"{name} is an SQLite file but no jbo study; expected a study file or a new name")
    elif version != FORMAT:
        advice = "a newer jbo wrote it" if version > FORMAT else "it is too old"
        raise ValueError(f"{name} has study format {version}, expected {FORMAT}: {advice}")
