import gc
import json
import sqlite3
from contextlib import closing

import pytest

from jbo.study.owner import current
from jbo.study.schema import APPLICATION_ID, FORMAT, connect
from jbo.study.storage import Ending, Header, Storage


def anything(config):
    return True


def ok(value):
    return Ending("ok", values={"value": value})


@pytest.fixture(params=["file", "memory"])
def storage(request, tmp_path):
    with closing(Storage(tmp_path / "a.db" if request.param == "file" else None)) as storage:
        yield storage


def test_every_commit_waits_for_the_disk(tmp_path):
    with closing(connect(tmp_path / "a.db")) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert connection.execute("PRAGMA user_version").fetchone() == (FORMAT,)


def test_first_header_wins(storage):
    first = storage.header("{}", "outcomes", 3)
    assert first == Header(first.id, "{}", "outcomes", 3, first.created_at)
    assert storage.header("[]", "others", 4) == first


def test_rows(storage):
    me, other = current(), current()._replace(started="dead")
    assert storage.read(0) == [] and storage.claim(me, anything) is None
    first = storage.insert(0, "a", me)
    assert first[:4] == (0, "a", "pending", None) and first.values == {} and first.ended_at is None
    assert storage.insert(0, "b", me) is None, "somebody else was first"
    assert storage.claim(me, anything) is None, "this process is alive"
    assert storage.insert(1, "b", other)[:2] == (1, "b")
    assert storage.claim(me, anything)[:2] == (1, "b"), "its owner is dead"
    assert storage.claim(me, anything) is None
    done, is_ours = storage.finish(0, ok(0.1))
    assert (
        is_ours
        and done[:4] == (0, "a", "ok", None)
        and done.values == {"value": 0.1}
        and done.ended_at >= done.started_at
    )
    assert storage.finish(0, Ending("failed", "why")) == (done, False)
    assert storage.finish(7, ok(0.1)) == (None, False)
    told = storage.append("c", Ending("failed", "why"))
    assert told[:4] == (2, "c", "failed", "why") and told.values == {}
    assert [row.number for row in storage.read(0)] == [0, 1, 2]
    assert storage.read(2) == [told]


def test_what_is_not_wanted_is_passed_over(storage):
    me = current()
    for number, config in enumerate("ab"):
        storage.insert(number, config, me)
    storage.release([0, 1], me)
    storage.enqueue("c"), storage.enqueue("d")
    assert storage.claim(me, "b".__eq__)[:2] == (1, "b")
    assert storage.claim(me, "d".__eq__)[:2] == (2, "d")
    assert storage.claim(me, "d".__eq__) is None
    assert [storage.claim(me, anything)[:2] for _ in range(2)] == [(0, "a"), (3, "c")], "what is left keeps its turn"


def test_release_gives_back_what_is_pending_and_ones_own(storage):
    me, other = current(), current()._replace(host="elsewhere")
    for number, owner in enumerate([me, me, other]):
        storage.insert(number, "a", owner)
    storage.finish(0, ok(1.0))
    storage.release([0, 1, 2, 9], me)
    assert storage.claim(me, anything).number == 1
    assert storage.claim(me, anything) is None


def test_queue_in_order_each_once(storage):
    me = current()
    assert [storage.enqueue(text) for text in ["b", "a", "b"]] == [True, True, False]
    assert storage.claim(me, anything)[:3] == (0, "b", "pending")
    assert not storage.enqueue("b"), "also after it was tried"
    assert storage.claim(me, anything)[:2] == (1, "a")
    assert storage.claim(me, anything) is None


def test_orphans_come_before_the_queue_by_number(storage):
    me, dead = current(), current()._replace(started="dead")
    storage.enqueue("q")
    storage.insert(0, "a", dead)
    storage.insert(1, "b", dead)
    assert [storage.claim(me, anything).config for _ in range(3)] == ["a", "b", "q"]


def test_a_change_that_fails_changes_nothing(storage):
    storage.insert(0, "a", current())
    with pytest.raises(sqlite3.IntegrityError):
        storage.append("b", Ending("ok", "and why there is none"))
    with pytest.raises(KeyboardInterrupt), storage._transaction() as run:
        run.execute("DELETE FROM trials")
        raise KeyboardInterrupt
    assert len(storage.read(0)) == 1
    assert storage.append("b", ok(1.0)).number == 1


def test_closed(storage):
    storage.close()
    storage.close()
    with pytest.raises(ValueError, match="the study is closed"):
        storage.read(0)


def test_what_nobody_closes_is_closed_with_it(tmp_path):
    storage = Storage(tmp_path / "a.db")
    connection = storage._connection
    del storage
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_floats_are_kept_to_the_bit(storage):
    values = [0.1, 5e-324, 1.7976931348623157e308, 1 / 3, 2.0**53 + 2, 3.0]
    stored = [storage.append("a", ok(value)).values["value"] for value in values]
    assert [v.hex() for v in stored] == [v.hex() for v in values]


# Files that are no study


def test_text_file_is_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("these are notes, not a study " * 100)
    with pytest.raises(ValueError, match=r"notes.txt is no jbo study \(file is not a database\)"):
        Storage(path)
    assert path.read_text().startswith("these are notes")


def test_foreign_database_is_refused(tmp_path):
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE trials (a)")
    before = path.read_bytes()
    with pytest.raises(ValueError, match="other.db is an SQLite file but no jbo study; expected"):
        Storage(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(("version", "words"), [(FORMAT + 1, "a newer jbo wrote it"), (0, "it is too old")])
def test_unknown_format_is_refused(tmp_path, version, words):
    path = tmp_path / "a.db"
    Storage(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    with pytest.raises(ValueError, match=f"a.db has study format {version}, expected {FORMAT}: {words}"):
        Storage(path)


def test_empty_file_is_a_new_study_and_it_is_said(tmp_path, caplog):
    path = tmp_path / "a.db"
    path.touch()
    with closing(Storage(path)) as storage:
        assert storage.read(0) == []
    Storage(path).close()
    Storage(tmp_path / "new.db").close()
    assert [r.getMessage() for r in caplog.records if r.levelname == "WARNING"] == [
        f"the file {path} was empty: a new study begins in it"
    ]


def test_missing_folder_and_folder_as_file(tmp_path):
    """The folder is made, as a path in an example may name one; but not below a file."""
    Storage(tmp_path / "new" / "deep" / "a.db").close()
    assert (tmp_path / "new" / "deep" / "a.db").is_file()
    (tmp_path / "no").touch()
    with pytest.raises(OSError, match=r"cannot open the study file .*/no/a.db: there is no such folder"):
        Storage(tmp_path / "no" / "a.db")
    with pytest.raises(OSError, match="cannot open the study file .*: it is a folder"):
        Storage(tmp_path)


@pytest.mark.parametrize("path", ["", ":memory:"])
def test_a_path_that_names_no_file(path):
    with pytest.raises(ValueError, match=f"path: expected the name of a file, or None .*, got '{path}'"):
        Storage(path)


def test_the_file_is_readable_by_any_sqlite(tmp_path):
    with closing(Storage(tmp_path / "a.db")) as storage:
        storage.append(json.dumps({"x": 0.5}), ok(1.5))
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        query = "SELECT json_extract(config, '$.x'), value FROM trials JOIN outcome_values USING (number)"
        assert connection.execute(query).fetchall() == [(0.5, 1.5)]
        columns = [row[1] for row in connection.execute("PRAGMA table_info(outcome_values)")]
        assert columns == ["number", "outcome", "step", "replicate", "value", "noise"]
