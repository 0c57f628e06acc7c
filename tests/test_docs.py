"""Every Python block of the documents runs as it stands, page by page, in a user's world; marked ones are counted."""

import ast
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
PAGES = sorted(path for path in (ROOT / "docs").rglob("*.md") if "```python" in path.read_text())
BLOCK = re.compile(r"(<!-- not run: (?P<reason>.+?) -->\n+)?```python\n(?P<code>.*?)```", re.DOTALL)
NOT_RUN = 5
"""Blocks that cannot run here; each says why in a comment before it."""
DIRECTIVE = re.compile(r"^::: (\S+)", re.MULTILINE)
PACKAGES = (
    "", ".acquisitions", ".batches", ".diagnostics", ".functions", ".plots", ".report", ".strategies", ".study",
    ".surrogates", ".surrogates.kernels",
)  # fmt: skip
"""Packages whose public names are what they import under the same name."""
MODULES = (".integrations.optuna", ".integrations.tensorboard", ".knowledge", ".pareto", ".testing", ".types")
"""Modules whose public names are what they define."""
LONGEST_SENTENCE = 25
"""Words, see `sentences`."""


def blocks(page):
    return [(match["reason"], match["code"]) for match in BLOCK.finditer(page.read_text())]


def text_of_reference():
    return "\n".join(path.read_text() for path in (ROOT / "docs" / "reference").glob("*.md"))


def public_names():
    """Every name that a user may import, with its object."""
    for package in PACKAGES:
        module = importlib.import_module(f"jbo{package}")
        tree = ast.parse(Path(module.__file__).read_text())
        imports = [alias for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]
        names = [alias.name for alias in imports if alias.asname == alias.name]
        targets = [to for node in tree.body if isinstance(node, ast.Assign) for to in node.targets]
        names += [to.id for to in targets if isinstance(to, ast.Name)]
        yield from ((f"jbo{package}.{name}", getattr(module, name)) for name in names if not name.startswith("_"))
    for name in MODULES:
        module = importlib.import_module(f"jbo{name}")
        for inner, value in vars(module).items():
            if not inner.startswith("_") and getattr(value, "__module__", None) == module.__name__:
                yield f"jbo{name}.{inner}", value


def found_by(path):
    """The object of a dotted name, whose modules are imported on the way."""
    found = jbo
    for inner in path.split(".")[1:]:
        if not hasattr(found, inner) and isinstance(found, types.ModuleType):
            importlib.import_module(f"{found.__name__}.{inner}")
        found = getattr(found, inner)
    return found


def test_the_reference_has_every_public_name():
    directives = DIRECTIVE.findall(text_of_reference())
    assert len(directives) == len(set(directives)), "no name is there twice"
    documented = [found_by(directive) for directive in directives]
    for module in [thing for thing in documented if isinstance(thing, types.ModuleType)]:
        documented += [value for name, value in vars(module).items() if not name.startswith("_")]
    known = {id(thing) for thing in documented}
    missing = [
        name
        for name, thing in public_names()
        if id(thing) not in known
        and not (isinstance(thing, types.ModuleType) and f"\n::: {name}." in text_of_reference())
    ]
    assert not missing, f"on no page of docs/reference: {', '.join(missing)}"


def sentences(page):
    """Sentences of the text of a page: no code, table, heading or link target."""
    text = re.sub(r"^---\n.*?\n---\n|```.*?```|<[^>]*>", "", page.read_text(), flags=re.DOTALL)
    text = re.sub(r"\]\([^)]*\)(\{[^}]*\})?", "]", text)
    text = re.sub(r"`[^`]*`", "Code", text.replace("*", ""), flags=re.DOTALL)
    lines = [line for line in text.splitlines() if not re.match(r"\s*(\||#|!\[|>|::: |    )", line)]
    for part in re.split(r"\n\s*\n|\n\s*(?:[-*]|\d+\.) ", "\n".join(lines)):
        yield from re.split(r"(?<=[.!?])\s+|(?<=:)\s", part)


def test_sentences_are_short():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    long = [
        f"{page.name}: {' '.join(sentence.split())}"
        for page in pages
        for sentence in sentences(page)
        if len(re.findall(r"[A-Za-z][\w'’-]*", sentence)) > LONGEST_SENTENCE
    ]
    assert not long, "\n".join(long)


def test_the_marks_are_counted():
    assert {page.stem for page in PAGES} >= {"index", "guide", "extend", "flax"}
    assert sum(reason is not None for page in PAGES for reason, _ in blocks(page)) == NOT_RUN


@pytest.mark.thorough
def test_the_site_is_built_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=quiet)
    assert built.returncode == 0, built.stderr
    reference = "".join(path.read_text() for path in (tmp_path / "site" / "reference").glob("*.html"))
    for directive in DIRECTIVE.findall(text_of_reference()):
        assert f'id="{directive}"' in reference, f"{directive} is not on the page"
    assert reference.count("<math") > 40 and not re.search(r":math:|\.\. math", reference), "formulas are drawn"
    pages = {path.relative_to(tmp_path / "site").with_suffix("") for path in (tmp_path / "site").rglob("*.html")}
    assert pages >= {path.relative_to(ROOT / "docs").with_suffix("") for path in (ROOT / "docs").rglob("*.md")}


@pytest.mark.thorough
@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")
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
    for name in ("def periodic", "class Curious", "class Maximin", "class Squares:", "class Steps"):
        code = next(code for _, code in blocks(ROOT / "docs" / "extend.md") if name in code)
        lines = code[code.index(name) :].split("\n\n\n")[0].splitlines()
        assert 3 <= len(lines) < 30, name


def test_names_in_the_text_exist():
    names = {
        name for page in (ROOT / "docs").rglob("*.md") for name in re.findall(r"\bjbo(?:\.\w+)+", page.read_text())
    }
    assert len(names) > 50
    for name in names:
        found_by(name)


def test_links_and_pictures_are_there():
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
