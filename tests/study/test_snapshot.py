"""A study file read by others: what it holds, and that reading changes nothing."""

import os
import shutil
import sqlite3

import pytest

import jbo
from jbo.study import read_study


def test_a_file_gives_back_the_study(tmp_path, make, space, loss):
    study = make(path=tmp_path / "s.db", maximize=True, seed=7)
    study.enqueue({"x": 0.5, "n": 2, "c": "b"})
    study.enqueue({"x": 0.25, "n": 2, "c": "b"})
    for _ in range(4):
        trial = study.ask()
        study.tell(trial, loss(trial.config))
    study.tell(study.ask(), failed="no memory")
    study.enqueue({"x": 0.125, "n": 2, "c": "b"})
    held = study.ask()
    study.enqueue({"x": 0.0625, "n": 2, "c": "b"})
    found = read_study(tmp_path / "s.db")
    assert found.trials == study.trials and found.best == study.best
    assert (found.space, found.maximize, found.seed, found.num_queued) == (space, True, 7, 1)
    assert found.workers[held.number].pid == os.getpid() and len(found.workers) == 1
    assert found.created_at <= found.trials[0].started_at
    counts = "4 ok, 1 failed, 1 pending"
    best = f"{study.best.value:.6g} (trial {study.best.number})"
    assert repr(found) == f"<Snapshot {tmp_path / 's.db'}: maximize, seed 7, trials: {counts}, best: {best}>"


def test_reading_leaves_no_byte_changed(tmp_path, make):
    path = tmp_path / "s.db"
    with make(path=path) as study:
        study.tell({"x": 0.5, "n": 2, "c": "b"}, 1.0)
    before, files = path.read_bytes(), set(tmp_path.iterdir())
    assert read_study(path).best.value == 1.0
    assert path.read_bytes() == before and set(tmp_path.iterdir()) == files


def test_what_a_crash_left_is_told_and_not_mended(tmp_path, make):
    with make(path=tmp_path / "s.db") as study:
        study.tell({"x": 0.5, "n": 2, "c": "b"}, 1.0)
        writer = sqlite3.connect(tmp_path / "s.db", isolation_level=None)
        writer.execute("PRAGMA cache_size = 1")  # pages reach the file before the transaction ends
        writer.execute("BEGIN IMMEDIATE")
        for i in range(200):
            row = (i + 1, "x" * 4000)
            writer.execute("INSERT INTO trials (number, config, status, started_at) VALUES (?, ?, 'pending', 0)", row)
        for suffix in ("", "-journal"):  # as they are where the machine stops now
            shutil.copy(f"{tmp_path / 's.db'}{suffix}", f"{tmp_path / 'crashed.db'}{suffix}")
        writer.execute("ROLLBACK")
        writer.close()
    before = (tmp_path / "crashed.db").read_bytes()
    with pytest.raises(OSError, match="cannot read the study file .*crashed.db: a crash left it in .*open it once"):
        read_study(tmp_path / "crashed.db")
    assert (tmp_path / "crashed.db").read_bytes() == before
    with make(path=tmp_path / "crashed.db") as study:
        assert len(study.trials) == 1
    assert len(read_study(tmp_path / "crashed.db").trials) == 1


def test_it_is_read_while_another_process_holds_it(tmp_path, make):
    path = tmp_path / "s.db"
    with make(path=path) as study:
        study.tell({"x": 0.5, "n": 2, "c": "b"}, 1.0)
        writer = sqlite3.connect(path, isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE outcome_values SET value = 2.0")
        assert read_study(path).best.value == 1.0, "what is not committed is not seen"
        writer.execute("COMMIT")
        writer.close()
        assert read_study(path).best.value == 2.0


def test_what_is_no_study_is_told(tmp_path, make):
    with pytest.raises(OSError, match="nothing.db: there is no such file"):
        read_study(tmp_path / "nothing.db")
    assert not list(tmp_path.iterdir()), "and is not made"
    (tmp_path / "text.db").write_text("no database, but longer than the header of one is" * 20)
    with pytest.raises(ValueError, match="text.db is no jbo study"):
        read_study(tmp_path / "text.db")
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE t (a)")
    other.close()
    with pytest.raises(ValueError, match="other.db is no jbo study; expected a study file"):
        read_study(tmp_path / "other.db")
    make(path=tmp_path / "new.db").close()
    newer = sqlite3.connect(tmp_path / "new.db")
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(ValueError, match="new.db has study format 99, expected"):
        read_study(tmp_path / "new.db")
    (tmp_path / "damaged.db").write_bytes((tmp_path / "new.db").read_bytes()[:5000])
    with pytest.raises(OSError, match="the study file .*damaged.db is damaged .* go on from a copy of it"):
        read_study(tmp_path / "damaged.db")
    make(path=tmp_path / "empty.db").close()
    with pytest.raises(ValueError, match="no trial has succeeded, so none is best"):
        _ = read_study(tmp_path / "empty.db").best
    assert isinstance(read_study(tmp_path / "empty.db").strategy, type(jbo.bayesian(jbo.Space(x=jbo.Real(0, 1)))))
