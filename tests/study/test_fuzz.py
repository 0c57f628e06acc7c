"""Whatever stands on a command line or in a file, it is taken or refused in words, and what was told stays."""

import contextlib
import copy
import inspect
import io
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

import jbo
import jbo.__main__ as command
from jbo.study import read_study

SPACE = {
    "parameters": [
        {"name": "rate", "type": "real", "low": 1e-5, "high": 0.1, "log": True},
        {"name": "batch", "type": "ordinal", "values": [32, 64]},
        {"name": "kind", "type": "categorical", "choices": ["a", 1, None]},
        {"name": "n", "type": "integer", "low": 2, "high": 10, "when": {"name": "kind", "values": ["a"]}},
    ]
}  # fmt: skip

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
numbers = st.integers() | st.floats()
leaves = st.none() | st.booleans() | numbers | texts
anything = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))
names = st.sampled_from([
    "type", "name", "low", "high", "log", "step", "values", "choices", "when", "real", "integer", "ordinal",
    "categorical", "rate", "kind", "a", "parameters",
])  # fmt: skip


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A study of two trials and a pending one, to be copied."""
    path = tmp_path_factory.mktemp("fuzz") / "s.db"
    with jbo.Study(jbo.Space.from_json(SPACE), seed=0, path=path) as study:
        study.tell({"rate": 0.01, "batch": 32, "kind": "a", "n": 3}, 0.5)
        study.tell({"rate": 0.02, "batch": 64, "kind": None}, failed="why")
        study.enqueue({"rate": 0.03, "batch": 64, "kind": 1})
        study.ask(owner=0)
    return path


def call(arguments):
    """Status and what is said; everything but a status is a fault."""
    said, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(errors):
        try:
            status = command.main(arguments)
        except SystemExit as end:
            status = end.code
    return status, said.getvalue(), errors.getvalue()


@contextlib.contextmanager
def folder():
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as there:
        os.chdir(there)
        try:
            yield Path(there)
        finally:
            os.chdir(before)


words = st.sampled_from([
    "new", "tell", "best", "trials", "s.db", "none.db", "text", ".", "--space", "space.json", "--maximize", "--seed",
    "0", "1", "2", "-1", "nan", "-inf", "1e400", "--failed", "--json", "--csv", "--help", "--owner", "--",
])  # fmt: skip


@given(arguments=st.lists(words | texts | numbers.map(str), max_size=7))
def test_any_command_line(told, arguments):
    with folder() as there:
        shutil.copy(told, "s.db")
        Path("space.json").write_text(json.dumps(SPACE))
        Path("text").write_text("no study")
        known = set(os.listdir())
        status, said, errors = call(arguments)
        assert status in (0, 1, 2), (status, errors)
        assert (errors == "") == (status == 0)
        assert status != 1 or (errors.startswith("jbo: ") and errors.count("\n") == 1 and said == "")
        assert "Traceback" not in errors
        trials = read_study("s.db").trials
        assert [t.value for t in trials[:2]] == [0.5, None] and [t.failure for t in trials[:2]] == [None, "why"]
        made = set(os.listdir()) - known
        assert not made or (arguments[0] == "new" and status == 0), "what is refused leaves nothing behind"
        assert all(read_study(there / name).space == jbo.Space.from_json(SPACE) for name in made)


@st.composite
def broken_spaces(draw):
    """A space with some of its parts replaced, removed or added."""
    definition = copy.deepcopy(SPACE)
    for _ in range(draw(st.integers(1, 3))):
        part = draw(st.sampled_from(definition["parameters"]) | st.just(definition))
        key = draw(st.sampled_from(sorted(part)) | names | texts) if part else draw(names)
        if draw(st.booleans()):
            part.pop(key, None)
        else:
            part[key] = draw(names | anything)
        if not isinstance(definition.get("parameters"), list) or not definition["parameters"]:
            break
        if not all(isinstance(parameter, dict) for parameter in definition["parameters"]):
            break
    return definition


@given(definition=anything | broken_spaces())
def test_any_space(definition):
    text = json.dumps(definition)
    with folder():
        Path("space.json").write_text(text)
        status, said, errors = call(["new", "s.db", "--space", "space.json", "--seed", "0"])
        assert status in (0, 1)
        if status:
            assert errors.startswith("jbo: space.json: ") and errors.count("\n") == 1 and not Path("s.db").exists()
            assert re.search(r"(expected|must).*got|recursion|JSON", errors, re.DOTALL), errors
        else:
            space = jbo.Space.from_json(json.loads(said)["space"])
            assert read_study("s.db").space == space and jbo.Space.from_json(space.to_json()) == space


@given(start=st.binary(max_size=40), place=st.floats(0, 1), data=st.binary(min_size=1, max_size=64))
def test_any_file(told, start, place, data):
    """Bytes that are no study, and a study with some bytes replaced."""
    content = told.read_bytes()
    at = int(place * (len(content) - 1))
    with folder():
        for name, written in (("a.db", start + data), ("b.db", content[:at] + data + content[at + len(data) :])):
            Path(name).write_bytes(written)
            for arguments in (["trials", name], ["best", name], ["tell", name, "2", "1.5"]):
                status, said, errors = call(arguments)
                assert status in (0, 1), errors
                assert status == 0 or (errors.startswith("jbo: ") and name in errors and not said), errors
            if name == "a.db":
                assert Path(name).read_bytes() == written, "nothing starts anew in it"


@given(
    rows=st.lists(
        st.lists(
            st.sampled_from(
                ["", "a", "1", "0.5", "nan", "32", '"x'],
            )
            | texts,
            max_size=6,
        ),
        max_size=4,
    )
)
def test_any_table_of_trials(rows):
    head = "value,config.rate,config.batch,config.kind,config.n"
    space = jbo.Space.from_json(SPACE)
    with folder():
        Path("t.csv").write_text("\n".join([head, *(",".join(row) for row in rows)]), encoding="utf-8", newline="")
        try:
            study = jbo.Study.from_trials("t.csv", space, strategy=jbo.random_search, seed=0)
        except ValueError as error:
            assert "t.csv" in str(error)
        else:
            with study:
                assert len(study.trials) <= sum(any(row) for row in rows)


@given(config=st.dictionaries(st.sampled_from(["rate", "batch", "kind", "n"]) | texts, leaves, max_size=5))
def test_any_config_and_value(config):
    space = jbo.Space.from_json(SPACE)
    with jbo.Study(space, strategy=jbo.random_search(space), seed=0) as study:
        tell, enqueue = (inspect.unwrap(f) for f in (jbo.Study.tell, jbo.Study.enqueue))  # without the tests' checks
        for take in (lambda: tell(study, config, 1.0), lambda: enqueue(study, config)):
            try:
                take()
            except (TypeError, ValueError) as error:
                assert "expected" in str(error) and "got" in str(error), str(error)
                assert any(name in str(error) for name in {*config, *space.names}), "it is told which"
            else:
                assert set(config) <= set(space.names)


@given(value=anything, is_returned=st.booleans())
def test_any_value(value, is_returned):
    space = jbo.Space.from_json(SPACE)
    with jbo.Study(space, strategy=jbo.random_search(space), seed=0) as study:
        try:
            if is_returned:
                study.optimize(lambda config: value, 1)
            else:
                inspect.unwrap(jbo.Study.tell)(study, study.ask(), value)
        except TypeError as error:
            assert not isinstance(value, int | float) or isinstance(value, bool)
            assert "value: expected a number, got " in str(error)
            assert study.trials[0].status == ("failed" if is_returned else "pending")
        else:
            is_finite = abs(value) <= sys.float_info.max
            assert study.trials[0].status == ("ok" if is_finite else "failed")
            assert study.trials[0].value == (float(value) if is_finite else None)


@pytest.mark.parametrize("config", [None, 3, "abc", [], [("rate", 0.01)]])
def test_what_is_no_config(config):
    with jbo.Study(jbo.Space.from_json(SPACE), seed=0) as study:
        tell, enqueue = (inspect.unwrap(f) for f in (jbo.Study.tell, jbo.Study.enqueue))
        for take in (lambda: tell(study, config, 1.0), lambda: enqueue(study, config)):
            with pytest.raises(TypeError, match="expected a"):
                take()
