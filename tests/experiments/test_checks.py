"""Tests about tests: which are new, whether they fail on the old code, and which small changes they notice."""

import pytest

from experiments.checks import mutants, red, texts

OLD = "def test_a():\n    assert 1\n\nclass TestB:\n    def test_c(self): pass\n"
NEW = """
'''Words.'''
import math, pytest
from math import pi, tau as turn, no_such_name
ONE = pytest.no_such_name(1)
TWO = 2

def test_a():
    assert 2

def test_moved():
    assert 1

@pytest.mark.guard
def test_guard():
    assert TWO == 2

@pytest.mark.parametrize("x", [ONE.real])
def test_new(x):
    assert x

def test_uses():
    assert no_such_name

def test_uses_a_value():
    ONE()

class TestB:
    def test_c(self): pass
    def test_d(self): pass
"""


def test_a_new_test_is_neither_known_by_its_name_nor_moved():
    base = {"tests/test_x.py": OLD, "tests/test_y.py": "def test_here():\n    assert 5"}
    now = {"tests/test_x.py": NEW, "tests/test_z.py": "def test_here():\n    assert 5 # moved\ndef test_a(): pass"}
    names = ["test_moved", "test_guard", "test_new", "test_uses", "test_uses_a_value", "TestB::test_d"]
    expected = {("tests/test_x.py", name): name == "test_guard" for name in names} | {
        ("tests/test_z.py", "test_a"): False
    }
    assert red.new_tests(now, base) == expected


def test_a_statement_that_fails_leaves_the_others_of_its_file(tmp_path):
    """Run as a program: names of the old code are there, the others raise once they are used."""
    scope = {}
    exec(compile(red.guarded(NEW.lstrip()), "guarded", "exec"), scope)
    assert scope["__doc__"] == "Words." and scope["turn"] == scope["math"].tau and scope["TWO"] == 2
    scope["test_guard"]()
    for name, said in [("test_new", "no_such_name"), ("test_uses_a_value", "no_such_name")]:
        try:
            scope[name]()
        except scope[red.AT_IMPORT] as error:
            assert said in str(error)
        else:
            raise AssertionError(name)


def test_a_new_test_is_red_if_one_of_its_cases_fails():
    new = {("a.py", name): name == "g" for name in ["red", "late", "green", "g", "T::some", "gone"]} | {
        ("b.py", "x"): False
    }
    reports = [
        ("a.py::red", "failed", "AssertionError: 1\nmore"),
        ("a.py::late", "failed", f"b.{red.AT_IMPORT}: ImportError"),
        ("a.py::green[1]", "passed", ""),
        ("a.py::g", "passed", ""),
        ("a.py::T::some[1]", "passed", ""),
        ("a.py::T::some[2-x]", "failed", "no"),
        ("b.py", "failed", red.AT_IMPORT),
    ]
    assert {name: said.split(":")[0] for (_, name), said in red.verdicts(new, reports).items()} == {
        "red": "red",
        "late": "red at import",
        "green": "GREEN",
        "g": "green, a guard",
        "T::some": "red, 1 of 2 cases",
        "gone": "not run",
        "x": "red at import",
    }


CODE = """'''Words of 1 - 2.'''
def f(x: int = 3, *, y) -> "a" + "b":
    '''More: 1 < 2.'''
    if not x < 2:
        raise ValueError("x - 1")
    return (
        g(max(x, 1), y=1)
    )
"""


def test_a_mutant_changes_one_line_of_code_and_no_words():
    found = mutants.mutants_of("a.py", CODE)
    assert {(each.line, each.before, each.after) for each in found} == {
        (2, "3", "4"),
        (4, "not x < 2", "(x < 2)"),
        (4, "x < 2", "(x <= 2)"),
        (4, "2", "3"),
        (7, "g(max(x, 1), y=1)", "g(max(x, 1))"),
        (7, "max(x, 1)", "min(x, 1)"),
        (7, "1", "2"),
    }
    assert all(CODE[each.start : each.end] == each.before for each in found)
    drawn = mutants.draw({"a.py": CODE}, 9, 0)
    assert sorted(each.line for each in drawn) == [2, 4, 7] and drawn == mutants.draw({"a.py": CODE}, 9, 0)


def test_what_changes_no_result_is_no_mutant():
    assert mutants.mutants_of("a.py", "for x, y in zip(p, q, strict=True):\n    p.at[x].add(y, mode='drop')\n") == [
        mutants.Mutant("a.py", 1, "zip(p, q, strict=True)", "zip(q, p, strict=True)", 12, 34),
    ]
    found = mutants.mutants_of("a.py", "f(strict=True)\np.at[x].set(y, mode='clip')\ncast(tuple[int, 2], -y)\n")
    assert {(each.line, each.after) for each in found} == {
        (1, "f()"),
        (1, "False"),
        (2, "p.at[x].set(y)"),
        (3, "cast(-y, tuple[int, 2])"),
        (3, "y"),
    }


def test_mutants_are_drawn_over_parts_of_the_code_by_the_hash_of_the_commit():
    sources = dict.fromkeys(["jbo/study/_a.py", "jbo/study/b/c.py", "jbo/maximize.py", "jbo/designs.py"], CODE)
    assert list(mutants.over(sources, ["maximize", "study"])) == [
        "jbo/maximize.py",
        "jbo/study/_a.py",
        "jbo/study/b/c.py",
    ]
    assert mutants.over(sources, ["jbo"]) == sources
    with pytest.raises(ValueError, match="over: expected 'jbo', or a folder or a module of it, got 'studies'"):
        mutants.over(sources, ["studies"])
    assert mutants.seed_of("0000001f77") == 31


def test_what_ran_out_of_time_is_in_no_share():
    assert mutants.share(["a::b", "", "a::c", "out of time"]) == (
        "2 of 3 mutants are noticed, 67%; 1 more ran out of time."
    )
    assert mutants.share(["a::b"]) == "1 of 1 mutants are noticed, 100%."
    assert mutants.share(["out of time"]) == "0 of 0 mutants are noticed; 1 more ran out of time."


def test_tests_that_name_the_changed_function_or_class_run_first():
    source = "A: int = 1\nclass B:\n    def c(self):\n        d = 2\n        return d\n"
    assert [set(mutants.names_around(source, line)) for line in (1, 2, 4, 5)] == [
        {"A"},
        {"B"},
        {"B", "c", "d"},
        {"B", "c"},
    ]


def test_the_tests_of_a_module_are_tried_first():
    sources = {"tests/study/test_a.py": "", "tests/b/test_a.py": "", "tests/b/test_c.py": "", "tests/test_d.py": "_a a"}
    order = ["tests/b/test_a.py", "tests/study/test_a.py", "tests/b/test_c.py", "tests/test_d.py"]
    assert mutants.files_for("jbo/b/_a.py", list(sources), sources) == order


def test_texts_are_docstrings_and_whole_sentences_of_pages(tmp_path):
    (tmp_path / "jbo").mkdir()
    (tmp_path / "jbo" / "a.py").write_text('"""A module."""\n\n\ndef f():\n    """A function."""\n\n\nX = 1\n')
    (tmp_path / "README.md").write_text(
        "# A heading of more than five words here\n\nOne sentence has\nsix words here. It is short. "
        "This one has `code` in it too.\n\n```python\nnot = 'a sentence. Not at all, by any means'\n```\n"
    )
    assert texts.docstrings(tmp_path) == [("jbo/a.py:1 module", "A module."), ("jbo/a.py:4 f", "A function.")]
    assert texts.sentences(tmp_path) == [
        ("README.md", "One sentence has six words here."),
        ("README.md", "This one has `code` in it too."),
    ]
