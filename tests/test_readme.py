"""The README's Python runs as it stands, in a user's world: float32, no settings changed."""

import re
from pathlib import Path

from tests.selection import some

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)


def test_there_are_examples():
    assert len(BLOCKS) == 4
    assert len(BLOCKS[0].splitlines()) <= 25


@some("block", BLOCKS, ids=["study", "minimize", "step_by_step", "mathematics"])
def test_example_runs(block, capsys):
    exec(compile(block, str(README), "exec"), {"__name__": "example"})


def test_documented_commands_exist():
    makefile = (README.parent / "Makefile").read_text()
    for command in re.findall(r"^make (\w+)", README.read_text(), flags=re.MULTILINE):
        assert re.search(rf"^{command}:", makefile, flags=re.MULTILINE), command
