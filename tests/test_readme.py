"""The Python of the README and of the page on the pure layer runs as it stands: float32, no settings changed."""

import re
from pathlib import Path

from tests.selection import some

README = Path(__file__).parents[1] / "README.md"
PURE = README.parent / "docs" / "pure.md"
BLOCKS = [
    block for page in (README, PURE) for block in re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)
]


def test_there_are_examples():
    assert len(BLOCKS) == 5
    assert len(BLOCKS[0].splitlines()) <= 25
    assert len(README.read_text().splitlines()) < 120, "what is cut moves to a page of docs/"


@some("block", BLOCKS, ids=["study", "minimize", "limits", "step_by_step", "mathematics"])
def test_example_runs(block, capsys):
    exec(compile(block, str(README), "exec"), {"__name__": "example"})


def test_documented_commands_exist():
    makefile = (README.parent / "Makefile").read_text()
    for command in re.findall(r"^make (\w+)", README.read_text(), flags=re.MULTILINE):
        assert re.search(rf"^{command}:", makefile, flags=re.MULTILINE), command
