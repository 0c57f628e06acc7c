"""Every Python block of the documents runs as it stands, page by page, in a user's world; marked ones are counted."""

import importlib
import os
import re
import subprocess
import sys
import types
from pathlib import Path

import matplotlib
import pytest
from matplotlib import pyplot

import jbo

ROOT = Path(__file__).parents[1]
PAGES = sorted(path for path in (ROOT / "docs").glob("*.md") if "```python" in path.read_text())
BLOCK = re.compile(r"(<!-- not run: (?P<reason>.+?) -->\n+)?```python\n(?P<code>.*?)```", re.DOTALL)
NOT_RUN = 5
"""Blocks that cannot run here; each says why in a comment before it."""


def blocks(page):
    return [(match["reason"], match["code"]) for match in BLOCK.finditer(page.read_text())]


def test_the_marks_are_counted():
    assert {page.stem for page in PAGES} >= {"index", "guide", "extend", "flax"}
    assert sum(reason is not None for page in PAGES for reason, _ in blocks(page)) == NOT_RUN


@pytest.mark.thorough
def test_the_site_is_built_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=quiet)
    assert built.returncode == 0, built.stderr
    reference = (tmp_path / "site" / "reference.html").read_text()
    assert {name for name in vars(jbo) if f'id="jbo.{name}"' in reference} >= {"Study", "Space", "minimize", "bayesian"}
    assert reference.count("<math") > 40 and not re.search(r":math:|\.\. math", reference), "formulas are drawn"
    pages = {path.stem for path in (tmp_path / "site").glob("*.html")}
    assert pages >= {path.stem for path in (ROOT / "docs").glob("*.md")}


@pytest.mark.thorough
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_blocks_run(page, tmp_path, monkeypatch, capsys):
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    world = {"__name__": page.stem}
    for reason, code in blocks(page):
        if reason is None:
            exec(compile(code, str(page), "exec"), world)
    pyplot.close("all")


def test_what_is_your_own_takes_less_than_30_lines():
    for name in ("def periodic", "class Curious", "class Squares:", "class Steps"):
        code = next(code for _, code in blocks(ROOT / "docs" / "extend.md") if name in code)
        lines = code[code.index(name) :].split("\n\n\n")[0].splitlines()
        assert 3 <= len(lines) < 30, name


def test_names_in_the_text_exist():
    names = {name for page in (ROOT / "docs").glob("*.md") for name in re.findall(r"\bjbo(?:\.\w+)+", page.read_text())}
    assert len(names) > 50
    for name in names:
        found = jbo
        for inner in name.split(".")[1:]:
            module = f"{found.__name__}.{inner}" if isinstance(found, types.ModuleType) else None
            if not hasattr(found, inner) and module is not None:
                importlib.import_module(module)
            found = getattr(found, inner)


def test_links_and_pictures_are_there():
    for page in (ROOT / "docs").glob("*.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
