"""Study files of earlier formats, as the code of their time wrote them: nothing in them is lost."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

import jbo
from jbo.outcomes import unnamed
from jbo.study import Study, read_study, schema
from jbo.study.schema import FORMAT, connect

FILES = Path(__file__).parent / "files"
FAILURE = "out of memory\n  é"


def config(i):
    return {"rate": 0.1 / (i + 1), "layers": i % 4 + 1, "kind": "b é"}


OWN = {"rate": 0.25, "layers": 2, "kind": "a", "momentum": 0.5}


def expected_of(version):
    """What ``write_old.py`` has written, without the code that reads it."""
    cost = 1 / 3 if version == 3 else None
    nan = float("nan")
    reported = [{0: 0.75, 2: 0.1 + 0.2, 3: nan}, {1: nan}, {5: -1e-300}, {7: 1e300}] if version > 1 else [{}] * 4
    third = ("stopped", None, None) if version > 1 else ("failed", None, "the value is nan, not finite")
    rows = [
        (config(0), "ok", 0.1, None, reported[0], cost, 0.0 if version == 3 else None),
        (config(1), "failed", None, FAILURE, reported[1], cost, None),
        (config(2), *third, reported[2], cost if version == 3 else None, None),
        (config(3), "pending", None, None, reported[3], None, None),
        (OWN, "ok", 5e-324, None, {}, None, 2.5 if version == 3 else None),
        (OWN, "ok", -1e308, None, {}, None, None),
    ]
    return [
        (i, row[0], *row[1:4], 1001.25 + i, None if row[1] == "pending" else 2002.125 + i, *row[4:])
        for i, row in enumerate(rows)
    ]


def found_in(trials):
    return [
        (
            t.number, t.config, t.status, t.value, t.failure, t.started_at, t.ended_at, t.intermediate_values, t.cost,
            t.noise,
        )
        for t in trials
    ]  # fmt: skip


@pytest.fixture(params=[1, 2, 3])
def version(request):
    return request.param


@pytest.fixture
def path(tmp_path, version):
    """A file of an earlier format."""
    shutil.copy(FILES / f"format_{version}.db", tmp_path / "s.db")
    return tmp_path / "s.db"


def version_of(path):
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        return connection.execute("PRAGMA user_version").fetchone()[0]


def check(study, version):
    """Every value of a study."""
    np.testing.assert_equal(found_in(study.trials), expected_of(version))
    assert study.seed == 2**40 + version and study.maximize == (version != 2)
    assert study.outcomes == unnamed(maximize=version != 2)
    for trial in study.trials:
        told = {"value": trial.value, "cost": trial.cost}
        assert trial.values == {name: number for name, number in told.items() if number is not None}
        assert trial.study_id == f"study of format {version}"
        assert trial.is_feasible is (True if trial.status in ("ok", "stopped") else None)


def test_an_older_file_is_brought_to_this_format_with_all_that_it_holds(path, version):
    assert version_of(path) == version
    with Study.open(path, strategy=jbo.random_search) as study:
        check(study, version)
        assert version_of(path) == FORMAT
        assert [study.ask().number for _ in range(2)] == [6, 7], "the queue goes on; trial 3 is watched by its owner"
        assert [t.config for t in study.trials[6:]] == [config(4), config(5)]
        assert not study.enqueue(config(0)) and study.enqueue(config(0), again=True)
        study.abandon(study.trials[3])
    with Study.open(path, strategy=jbo.random_search) as study:
        assert [t.status for t in study.trials[3:]] == ["abandoned", "ok", "ok", "pending", "pending"]


def test_what_the_new_tables_hold(path, version):
    """Owners, the queue and the order of its rows; the tables are those of a new file."""
    with closing(sqlite3.connect(path)) as before:
        trials = "SELECT number, config, status, failure, started_at, ended_at, host, boot, pid, process_started "
        trials += "FROM trials ORDER BY number"
        queries = trials, "SELECT * FROM queue ORDER BY position", "SELECT id, space, seed, created_at FROM study"
        wanted = [before.execute(query).fetchall() for query in queries]
    assert wanted[0][3][6:] == ("a host", "a boot", 77, "then") and wanted[0][4][6:] == (None,) * 4
    assert [row[2] for row in wanted[1]] == [0, 1, 2, 3, None, None] and wanted[2][0][3] == 1000.5
    connect(path).close()
    new = path.parent / "new.db"
    connect(new).close()
    tables = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"
    with closing(sqlite3.connect(path)) as after, closing(sqlite3.connect(new)) as fresh:
        assert [after.execute(query).fetchall() for query in queries] == wanted
        made = [(name, sql.replace(f'"{name}"', name)) for name, sql in after.execute(tables)]
        assert made == fresh.execute(tables).fetchall()


def test_an_older_file_that_may_only_be_read_is_read(path, version):
    before = path.read_bytes()
    check(read_study(path), version)
    assert read_study(path).num_queued == 2 and read_study(path).workers[3] == ("a host", 77)
    with Study.open(f"file:{path}?mode=ro", strategy=jbo.random_search) as study:
        check(study, version)
        refused = "cannot write the study file .*: it has an older format and is read-only"
        for write in (lambda: study.tell(OWN, 1.0), study.ask, lambda: study.enqueue(OWN)):
            with pytest.raises(OSError, match=refused):
                write()
        with pytest.raises(OSError, match=refused):
            study.abandon(study.trials[3])
        assert path.read_bytes() == before
        with Study.open(path, strategy=jbo.random_search) as writer:  # another process may bring it to this format
            writer.tell(writer.trials[3], 7.0)
        assert study.trials[3].value == 7.0 and len(study.trials) == 6


def test_a_copy_of_an_older_file_that_may_only_be_read_is_a_study(path, version):
    with Study.open(f"file:{path}?mode=ro", strategy=jbo.random_search) as study:
        with study.copy(path.parent / "copy.db") as copy:
            np.testing.assert_equal(found_in(copy.trials), expected_of(version))
            assert copy.ask().number == 3
    assert version_of(path) == version


class Breaks(sqlite3.Connection):
    """Raises an error, or ends the process, in place of one of its statements."""

    left = 10**9
    is_killed = False

    def execute(self, sql, *arguments):
        type(self).left -= 1
        if type(self).left == 0:
            if self.is_killed:
                os.kill(os.getpid(), 9)
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error
        return super().execute(sql, *arguments)


def open_with(path, breaks):
    """Open a study file by a connection of a class."""
    original = sqlite3.connect
    sqlite3.connect = lambda *args, **kwargs: original(*args, **kwargs, factory=breaks)
    try:
        connect(path).close()
    finally:
        sqlite3.connect = original


def num_statements(path):
    copy = path.parent / "whole.db"
    shutil.copy(path, copy)
    Breaks.left, before = 10**9, 10**9
    open_with(copy, Breaks)
    assert version_of(copy) == FORMAT
    return before - Breaks.left


def test_an_error_at_any_statement_of_a_migration_leaves_the_old_file(path, version):
    before, num, versions = path.read_bytes(), num_statements(path), []
    for i in range(1, num + 1):
        Breaks.left = i
        with pytest.raises(OSError, match="cannot open the study file"):
            open_with(path, Breaks)
        versions.append(version_of(path))
        if versions[-1] == version:
            assert path.read_bytes() == before
        else:
            check(read_study(path), version)
            path.write_bytes(before)
    assert num > 20 and versions.count(FORMAT) == 1, "only after it was whole: foreign keys are switched on again"


@pytest.mark.thorough
def test_a_kill_at_any_statement_of_a_migration_leaves_the_old_file(tmp_path):
    """A process for each statement would spend a second on its imports: one process forks before each."""
    killed = []
    for version in (1, 2, 3):
        (tmp_path / f"{version}").mkdir()
        whole = shutil.copy(FILES / f"format_{version}.db", tmp_path / f"{version}" / "s.db")
        for i in range(1, num_statements(Path(whole)) + 1):
            killed.append((version, i, str(shutil.copy(whole, tmp_path / f"{version}" / f"{i}.db"))))
    script = f"""
import os
from tests.study.test_formats import Breaks, open_with
for _, i, path in {killed!r}:
    child = os.fork()
    if child == 0:
        Breaks.left, Breaks.is_killed = i, True
        open_with(path, Breaks)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 9, i
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2])
    left = []
    for version, _, path in killed:
        with closing(sqlite3.connect(path)) as connection:  # the next one who opens it takes back what was begun
            left.append(connection.execute("PRAGMA user_version").fetchone()[0])
        with Study.open(path, strategy=jbo.random_search) as study:
            np.testing.assert_equal(found_in(study.trials), expected_of(version))
    assert left.count(FORMAT) == 3, "one statement comes after each migration"
    assert all(found in (version, FORMAT) for found, (version, *_) in zip(left, killed, strict=True))


def test_a_migration_of_a_damaged_file_is_refused_and_leaves_it(path, version):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO queue VALUES (9, '{}', 99)")  # a trial that is not there
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(OSError, match="damaged"):
        Study.open(path)
    assert path.read_bytes() == before


def test_a_file_whose_outcomes_are_damaged_is_told(path):
    connect(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("""UPDATE study SET outcomes = '{"outcomes": [{"kind": "Guess", "name": "x"}]}'""")
        connection.commit()
    with pytest.raises(OSError, match="s.db is damaged, its outcomes cannot be read: .*Guess"):
        Study.open(path)
    with pytest.raises(ValueError, match="outcomes: expected a kind, one of"):
        read_study(path)


def test_a_later_format_needs_its_tables_and_the_rows_of_this_one(tmp_path, monkeypatch):
    """A format with one more table, one fewer, and one with a longer name; no statement of the migration changes."""
    path = tmp_path / "s.db"
    space = jbo.Space(rate=jbo.Real(0.0, 1.0), layers=jbo.Integer(1, 4), kind=jbo.Categorical("a", "b é"))
    with Study(space, path=path, seed=3, strategy=jbo.random_search(space)) as study:
        study.enqueue(config(1))
        study.tell(config(0), 0.5)
    tables = {name: text for name, text in schema.TABLES.items() if name != "outcome_values"}
    tables |= {"results": schema.TABLES["outcome_values"], "notes": "number INTEGER PRIMARY KEY, note TEXT NOT NULL"}
    rows = {name: f"SELECT * FROM main.{name}" for name in ("study", "trials", "queue")}
    rows |= {
        "results": "SELECT * FROM main.outcome_values",
        "notes": "SELECT number, 'a note' AS note FROM main.trials",
    }
    for name, value in (("FORMAT", 5), ("READABLE", (4, 5)), ("TABLES", tables), ("older_rows", {4: rows}.get)):
        monkeypatch.setattr(schema, name, value)
    connect(path).close()
    assert version_of(path) == 5
    with closing(sqlite3.connect(path)) as file:
        found = file.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        assert [name for (name,) in found] == ["notes", "queue", "results", "study", "trials"]
        assert file.execute("SELECT outcome, step, value FROM results").fetchall() == [("value", -1, 0.5)]
        assert file.execute("SELECT * FROM notes").fetchall() == [(0, "a note")]
        assert file.execute("SELECT number FROM queue").fetchall() == [(None,)]


def test_each_readable_format_has_its_rows():
    assert schema.READABLE == (*range(1, FORMAT), FORMAT)
    assert [set(schema.older_rows(version)) for version in range(1, FORMAT)] == [set(schema.TABLES)] * (FORMAT - 1)
    with pytest.raises(ValueError, match=f"expected an older format, one of 1, 2 and 3, got {FORMAT}"):
        schema.older_rows(FORMAT)
