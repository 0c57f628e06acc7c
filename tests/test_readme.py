"""The Python of the README and of the page on the pure layer runs as it stands: float32, no settings changed.

By default only the one with a study runs, with random search, which compiles little.
"""

import re
from pathlib import Path

import pytest

import jbo

README = Path(__file__).parents[1] / "README.md"
PURE = README.parent / "docs" / "pure.md"
BLOCKS = [
    block for page in (README, PURE) for block in re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)
]


def test_there_are_examples():
    assert len(BLOCKS) == 5
    assert len(BLOCKS[0].splitlines()) <= 25
    assert len(README.read_text().splitlines()) < 120, "what is cut moves to a page of docs/"


NAMES = ["study", "minimize", "limits", "step_by_step", "mathematics"]


def run(block):
    exec(compile(block, str(README), "exec"), {"__name__": "example"})


@pytest.mark.thorough
@pytest.mark.parametrize("block", BLOCKS, ids=NAMES)
def test_example_runs(block, capsys):
    run(block)


BY_STUDY = [pytest.param(block, id=name) for name, block in zip(NAMES, BLOCKS, strict=True) if "jbo.Study(" in block]


@pytest.mark.parametrize("block", BY_STUDY)
def test_example_runs_at_random(block, capsys, monkeypatch):
    monkeypatch.setattr("jbo.study._study.bayesian", jbo.random_search)
    run(block)
    assert capsys.readouterr().out


def test_some_examples_have_a_study():
    assert {param.id for param in BY_STUDY} == {"study"}


def test_documented_commands_exist():
    makefile = (README.parent / "Makefile").read_text()
    for command in re.findall(r"^make (\w+)", README.read_text(), flags=re.MULTILINE):
        assert re.search(rf"^{command}:", makefile, flags=re.MULTILINE), command
