"""Trials that leave a study as a table, and come into another one."""

import sys

import numpy as np
import pytest

import jbo
from jbo.study import Study, export

CHOICES = ("a", "1", 1, True, None, (3, 3), 'é, "q"\n')
SPACE = jbo.Space(
    x=jbo.Real(-1.0, 1.0),
    n=jbo.Integer(1, 5),
    o=jbo.Ordinal(32, 64, 128),
    c=jbo.Categorical(*CHOICES),
    m=jbo.Real(0.1, 10.0, log=True, when=("c", "a")),
).fix(o=64)


@pytest.fixture
def study(tmp_path):
    with Study(SPACE, strategy=jbo.random_search(SPACE), seed=0, maximize=True, path=tmp_path / "old.db") as study:
        for trial in study.ask(12):
            if trial.number % 5 == 3:
                study.tell(trial, failed="out of\nmemory")
            elif trial.number != 7:
                study.tell(trial, 0.1 + trial.config["x"])
        yield study


def what(trials):
    return [(t.config, t.status, t.value, t.failure, t.started_at, t.ended_at) for t in trials]


def begin(source, space=SPACE, **options):
    return Study.from_trials(source, space, **{"strategy": jbo.random_search, "seed": 0, "maximize": True, **options})


@pytest.mark.parametrize("by", ["trials", "csv"])
def test_a_study_begins_with_another_one(study, tmp_path, by):
    source = study.trials
    if by == "csv":
        source = tmp_path / "trials.csv"
        with source.open("w", encoding="utf-8", newline="") as file:
            export.write_csv(study.trials, [*SPACE.names, *SPACE.constants], file)
    with begin(source, path=tmp_path / "new.db") as new:
        ended = [t for t in study.trials if t.status != "pending"]
        assert len(ended) == 11 and what(new.trials) == what(ended)
        assert [t.number for t in new.trials] == list(range(11))
        assert new.best.value == study.best.value and new.ask().number == 11
    with Study(SPACE, strategy=jbo.random_search(SPACE), path=tmp_path / "new.db", maximize=True) as again:
        assert what(again.trials[:11]) == what(ended)
    with pytest.raises(ValueError, match="new.db holds trials already; expected a new study"):
        begin(source, path=tmp_path / "new.db")


def test_a_data_frame(study, tmp_path):
    frame = study.to_dataframe()
    assert list(frame.columns) == [*export.ABOUT, "config.x", "config.n", "config.c", "config.m", "config.o"]
    trials = study.trials
    assert len(frame) == 12 and list(frame["number"]) == list(range(12))
    assert list(frame["status"]) == [t.status for t in trials]
    np.testing.assert_array_equal(frame["value"], [np.nan if t.value is None else t.value for t in trials])
    np.testing.assert_array_equal(frame["config.x"], [t.config["x"] for t in trials])
    np.testing.assert_array_equal(frame["config.m"].isna(), ["m" not in t.config for t in trials])
    simple = jbo.Space(x=SPACE["x"], n=SPACE["n"], m=jbo.Integer(1, 3, when=("n", 1)))
    with Study(simple) as first:
        first.tell({"x": 1 / 3, "n": 1, "m": 2}, 0.5), first.tell({"x": 0.5, "n": 2}, failed="why")
        first.to_dataframe().to_csv(tmp_path / "a.csv", index=False)
        with begin(tmp_path / "a.csv", simple) as new:
            assert what(new.trials) == what(first.trials), "an integer beside an empty cell is written as 2.0"


def test_without_pandas(study, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install jbo\[dataframe\]"):
        study.to_dataframe()


def test_a_table_made_by_hand(tmp_path):
    path, space = tmp_path / "a.csv", jbo.Space(rate=jbo.Real(0, 1), kind=jbo.Categorical("sgd", "1"))
    path.write_text("value,kind,rate\n0.5,sgd,1e-2\nnan,1,1\n,sgd,0\n")
    with begin(path, space) as study:
        assert [(t.config, t.value) for t in study.trials] == [
            ({"rate": 0.01, "kind": "sgd"}, 0.5),
            ({"rate": 1.0, "kind": "1"}, None),
            ({"rate": 0.0, "kind": "sgd"}, None),
        ]
        assert [t.failure for t in study.trials[1:]] == ["the value is nan, not finite", "no value was written down"]
    for text, words in {
        "kind,rate\nsgd,1\n": "a.csv: expected a column 'value', got",
        "value,kind,rate\n1,sgd,7\n": r"a.csv, line 2: rate: expected a number in \[0.0, 1.0\], got 7",
        "value,kind\n1,sgd\n": "a.csv, line 2: rate: expected a value of",
        "value,kind,rate,lr\n1,sgd,0.5,2\n": "a.csv, line 2: lr: expected one of .* got an unknown name",
        "value,kind,rate\nhigh,sgd,0.5\n": "a.csv, line 2: expected numbers, got .*'high'",
    }.items():
        path.write_text(text)
        with pytest.raises(ValueError, match=words):
            begin(path, space, path=tmp_path / "s.db")
        assert not (tmp_path / "s.db").exists()


def test_a_space_grows_with_what_it_shall_hold(study):
    small = jbo.Space(
        x=jbo.Real(-0.1, 0.1), n=jbo.Integer(2, 3), o=jbo.Ordinal(256, 32), c=jbo.Categorical("new", "a"),
        m=jbo.Real(1.0, 1.5, log=True, when=("c", "a")),
    )  # fmt: skip
    trials = [t for t in study.trials if t.status == "ok"]
    with pytest.raises(ValueError, match="trial [0-9]*: .*: expected"):
        begin(trials, small)
    with begin(trials, small, widen=True) as new:
        wide = new.space
        assert [t.config for t in new.trials] == [t.config for t in trials] and wide.names == small.names
        x, n = ([t.config[name] for t in trials] for name in "xn")
        assert wide["x"] == jbo.Real(min(x), max(x)) and wide["n"] == jbo.Integer(min(2, *n), max(3, *n))
        assert wide["o"] == jbo.Ordinal(256, 64, 32)
        choices = wide["c"].choices
        assert choices[:2] == ("new", "a") and {repr(v) for v in choices[2:]} == {
            repr(t.config["c"]) for t in trials if t.config["c"] != "a"
        }
        assert wide["m"].when == ("c", "a") and wide["m"].low <= 1.0 and wide["m"].high >= 1.5
        assert new.ask().number == len(trials)
    with begin(trials, SPACE, widen=True) as new:
        assert new.space == SPACE, "nothing to grow, and what is fixed stays so"
    with pytest.raises(ValueError, match="c: expected values"):
        begin(trials, small.replace({"c": jbo.Ordinal("a", "b")}), widen=True)
    with pytest.raises(ValueError, match="y: expected one of .* got a name that is not searched"):
        small.replace({"y": jbo.Real(0, 1)})


def test_what_cannot_grow_stays_where_nothing_has_to():
    space = jbo.Space(size=jbo.Ordinal("small", "large"), mix=jbo.Simplex("a", "b"))
    with Study(space, strategy=jbo.random_search(space), seed=0) as old:
        old.tell(old.ask(), 1.0)
        with begin(old, space, widen=True, seed=7) as new:
            assert new.space == space and new.seed == 7


def test_a_study_is_given_in_place_of_its_trials():
    old_space = jbo.Space(x=jbo.Real(0, 1))
    old = jbo.Study(old_space, strategy=jbo.random_search(old_space))
    old.tell({"x": 0.25}, 1.0)
    space = jbo.Space(x=jbo.Real(0, 1), dropout=jbo.Real(0, 0.5))
    new = jbo.Study.from_trials(old, space, defaults={"dropout": 0.0}, strategy=jbo.random_search)
    assert [(trial.config, trial.value) for trial in new.trials] == [({"x": 0.25, "dropout": 0.0}, 1.0)]
