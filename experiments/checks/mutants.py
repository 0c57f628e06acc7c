"""Change single lines of the code and see which changes the tests notice.

``make mutants`` or ``python -m experiments.checks.mutants --out runs/mutants.md`` changes sixty random lines of the
strategies, the surrogates, the acquisitions, `jbo.maximize` and the study. The hash of the commit is the random seed.
The command prints each change with the test that notices it, and the share of changes that are noticed.

``python -m experiments.checks.mutants --num 60 --seed 0 --base 5a15d06 --out runs/mutants.md`` compares with the tests
of another commit, over all of ``jbo/``.

Each mutant changes one line: a sign, a comparison, an operator, a constant, a keyword argument. Docstrings,
annotations and error messages stay unchanged. A mutant is tried in a temporary copy of the tree. One run of pytest
covers the test files that are nearest to the module. Tests that name the changed function or class run first, and the
run ends at the first failure. At the end, all failed tests run once on the unchanged code. If a test also fails
there, its mutants are tried again without it.

The tests do not check shapes and types, as in ``make test``. With ``--checked`` they do, as in ``make thorough``, which
takes twice the time. ``--only 3 17 --seed S --checked`` tries two survivors of a run again.

With ``--base`` each mutant that today's default tests do not notice is tried against the base's version of every test
file that has changed. Its ``before`` then says whether the base's tests notice the mutant. The exit status is 1 if some
mutant was noticed before and is no longer noticed.
"""

import argparse
import ast
import copy
import importlib
import inspect
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
OVER = ("strategies", "surrogates", "acquisitions", "maximize", "study")
"""Parts of ``jbo`` that are changed unless ``--over`` or ``--base`` is given."""
_SWAPS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
_NAMES = {"min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum", "any": "all", "all": "any"}
_NAMES |= {"argmin": "argmax", "argmax": "argmin", "floor": "ceil", "ceil": "floor", "log": "log1p", "cos": "sin"}

_SYMMETRIC = {"min", "max", "minimum", "maximum", "fmin", "fmax", "logaddexp", "logical_and", "logical_or", "hypot"}
"""Functions with interchangeable arguments; swapping them is no change."""
_GUARDS = {("zip", "strict"), ("set", "mode"), ("add", "mode"), ("min", "mode"), ("max", "mode")}
"""Function and keyword of what changes no result: `zip` of equal lengths, and ``mode="drop"``, JAX's own default."""


class Mutant(NamedTuple):
    """One changed line."""

    path: str
    line: int
    before: str
    after: str
    start: int
    """Position in the file of the first character that is replaced."""
    end: int


def _variants(node: ast.AST) -> Iterator[ast.AST]:
    """Copies of the node, each with one change."""
    new = copy.deepcopy(node)
    match new:
        case ast.BinOp() | ast.BoolOp() if type(new.op) in _SWAPS:
            new.op = _SWAPS[type(new.op)]()
            yield new
        case ast.Compare(ops=[op]) if type(op) in _SWAPS:
            new.ops = [_SWAPS[type(op)]()]
            yield new
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert()):
            yield new.operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=float(value)):
            yield ast.Constant(value * 2 if value else 1.0)
        case ast.IfExp():
            yield new.body
            yield new.orelse
        case ast.Attribute(attr=name) if name in _NAMES:
            new.attr = _NAMES[name]
            yield new
        case ast.Call():
            if isinstance(new.func, ast.Name) and new.func.id in _NAMES:
                yield ast.Call(ast.Name(_NAMES[new.func.id]), new.args, new.keywords)
            is_symmetric = ast.unparse(new.func).split(".")[-1] in _SYMMETRIC
            if len(new.args) == 2 and not is_symmetric and not any(isinstance(each, ast.Starred) for each in new.args):
                yield ast.Call(new.func, new.args[::-1], new.keywords)
            for i, keyword in enumerate(new.keywords):
                if keyword.arg is not None and not _is_guard(new, keyword):
                    yield ast.Call(new.func, new.args, new.keywords[:i] + new.keywords[i + 1 :])


def _is_guard(call: ast.Call, keyword: ast.keyword) -> bool:
    name = ast.unparse(call.func).split(".")[-1]
    is_default = keyword.arg != "mode" or (isinstance(keyword.value, ast.Constant) and keyword.value.value == "drop")
    return (name, keyword.arg) in _GUARDS and is_default


def _code(tree: ast.AST) -> Iterator[ast.AST]:
    """All expressions except docstrings and other bare strings, annotations, raised errors, and assertions.

    The type in a `cast` is an annotation.
    """
    if isinstance(tree, ast.Call):
        tree = copy.copy(tree)
        tree.keywords = [keyword for keyword in tree.keywords if not _is_guard(tree, keyword)]
        if ast.unparse(tree.func).split(".")[-1] == "cast":
            tree.args = tree.args[1:]
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns", "decorator_list", "type_params") or isinstance(
            tree, ast.Raise | ast.Assert
        ):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr | ast.Import | ast.ImportFrom):
                if isinstance(child, ast.expr):
                    yield child
                yield from _code(child)


def mutants_of(path: str, source: str) -> list[Mutant]:
    """All single-line mutants of a file."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line.encode()))
    raw, found = source.encode(), []
    for node in _code(ast.parse(source)):
        assert isinstance(node, ast.expr)
        if node.lineno != node.end_lineno:
            continue
        start, end = starts[node.lineno - 1] + node.col_offset, starts[node.lineno - 1] + (node.end_col_offset or 0)
        for variant in _variants(node):
            text = ast.unparse(ast.fix_missing_locations(variant))
            needs = isinstance(variant, ast.BinOp | ast.BoolOp | ast.Compare | ast.IfExp | ast.UnaryOp)
            text = f"({text})" if needs else text
            before = raw[start:end].decode()
            if ast.dump(ast.parse(before.strip(), mode="eval")) != ast.dump(ast.parse(text, mode="eval")):
                found.append(Mutant(path, node.lineno, before, text, start, end))
    return found


def draw(sources: dict[str, str], num: int, seed: int) -> list[Mutant]:
    """Mutants of different lines; each line of code with a mutant is equally likely, and so is each of its mutants."""
    by_line: dict[tuple[str, int], list[Mutant]] = {}
    for path in sorted(sources):
        for mutant in mutants_of(path, sources[path]):
            by_line.setdefault((mutant.path, mutant.line), []).append(mutant)
    rng = random.Random(seed)
    lines = rng.sample(sorted(by_line), min(num, len(by_line)))
    return [rng.choice(by_line[line]) for line in lines]


def over(sources: dict[str, str], parts: Sequence[str]) -> dict[str, str]:
    """The files of some folders and modules.

    Args:
      sources: Text by path, such as ``jbo/maximize.py``.
      parts: Names of folders or modules of ``jbo``; ``jbo`` means all of them.

    Raises:
      ValueError: No folder or module has this name.
    """
    chosen = {}
    for part in parts:
        prefixes = ("jbo/",) if part == "jbo" else (f"jbo/{part}/", f"jbo/{part}.py")
        found = {path: source for path, source in sources.items() if path.startswith(prefixes)}
        if not found:
            raise ValueError(f"over: expected 'jbo', or a folder or a module of it, got {part!r}")
        chosen |= found
    return chosen


def seed_of(commit: str) -> int:
    """The seed of a commit: the first eight digits of its hash.

    Args:
      commit: The hash.
    """
    return int(commit[:8], 16)


def share(noticed: Sequence[str]) -> str:
    """The number of noticed mutants, in words.

    Args:
      noticed: For each mutant, the test that notices it; empty if no test does, "out of time" if unknown.
    """
    known = [test for test in noticed if test != "out of time"]
    count = sum(bool(test) for test in known)
    late = len(noticed) - len(known)
    text = f"{count} of {len(known)} mutants are noticed" + (f", {count / len(known):.0%}" if known else "")
    return text + (f"; {late} more ran out of time" if late else "") + "."


def files_for(path: str, files: list[str], sources: dict[str, str]) -> list[str]:
    """Test files in the order in which they are tried: named like the module, like its folder, naming it, others."""
    parts = Path(path).parts
    stem, folder = Path(path).stem.strip("_"), (parts[1] if len(parts) > 2 else "")

    def rank(file: str) -> tuple[bool, bool, int, str]:
        source = sources[file]
        words = len(re.findall(rf"\b_?{re.escape(stem)}\b", source))
        return (stem not in Path(file).stem, not folder or f"tests/{folder}/" not in file, -words, file)

    return sorted(files, key=rank)


class Tree:
    """A copy of the repository in which mutants are made, one at a time."""

    def __init__(self, folder: Path, tests: str | None, checks: bool):
        """``tests``: the commit whose ``tests`` folder is used; None for the folder of the working tree."""
        self.folder, self.checks = folder, checks
        names = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout.splitlines()
        for name in names:
            if (ROOT / name).is_file() and not (tests and name.startswith("tests/")):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        if tests:
            archive = subprocess.run(["git", "archive", tests, "tests"], cwd=ROOT, check=True, capture_output=True)
            subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
        self.failing: set[str] = set()
        """Tests that are known to fail on the unchanged code. They are left out."""

    def sources(self) -> dict[str, str]:
        return {str(p.relative_to(self.folder)): p.read_text() for p in sorted(self.folder.glob("tests/**/test_*.py"))}

    def failures(self, arguments: list[str], seconds: float, words: Sequence[str] = ()) -> list[str]:
        """The tests that fail, or the files that cannot be collected; "out of time" for a run that takes too long.

        A run may take the given seconds of CPU time, and four times as long by the clock. Tests whose source has one
        of the words run first.
        """
        command = ["-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not thorough", "-rfE", "--tb=no", *arguments]
        checks = "--jaxtyping-packages=jbo,beartype.beartype" if self.checks else ""
        command += ["-o", f"addopts=-q --strict-markers --import-mode=importlib {checks}"]
        for each in self.failing:
            command += ["--deselect", each]
        with tempfile.TemporaryFile("w+") as output:
            child = os.fork()
            if child == 0:
                try:
                    os._exit(_run_tests(self.folder, command, words, int(seconds), output.fileno()))
                finally:
                    os._exit(70)
            end = time.monotonic() + 4 * seconds
            while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < end:
                time.sleep(0.05)
            try:
                os.killpg(child, signal.SIGKILL)
            except ProcessLookupError:
                pass
            code = os.waitstatus_to_exitcode((ended if ended[0] else os.waitpid(child, 0))[1])
            output.seek(0)
            text = output.read()
        if code in (0, 5):
            return []
        if code in (-signal.SIGXCPU, -signal.SIGKILL):
            return ["out of time"]
        found = re.findall(r"^(?:FAILED|ERROR) (\S+\.py(?:::\S.*?)?)(?: - .*)?$", text, re.MULTILINE)
        return found or [f"{arguments[-1]} (ended by {code})"]

    def notices(self, mutant: Mutant, files: list[str], seconds: float) -> str:
        """The first test that fails on the mutant; empty if none fails, "out of time" if the run took too long."""
        if not files:
            return ""
        file = self.folder / mutant.path
        source = file.read_bytes()
        file.write_bytes(source[: mutant.start] + mutant.after.encode() + source[mutant.end :])
        try:
            return next(iter(self.failures(["-x", *files], seconds, names_around(source.decode(), mutant.line))), "")
        finally:
            file.write_bytes(source)

    def learn_failing(self, tests: Iterable[str]) -> set[str]:
        """The tests that also fail on the unchanged code; they are left out from now on."""
        tests = {test for test in tests if test and test != "out of time"}
        found: set[str] = set()
        for options in ([], ["--collect-only"]):
            of_kind = sorted({test.split(" (")[0] for test in tests if ("::" in test) != bool(options)})
            found |= set(self.failures([*options, *of_kind], 3600)) if of_kind else set()
        self.failing |= found
        return found & tests


def _import_what_takes_long() -> None:
    """Import what each run of the tests needs, with the settings of ``tests/conftest.py`` that JAX reads early."""
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".xla_cache"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.05")
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "0")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for name in ("jax.numpy", "jax.scipy", "scipy.stats", "scipy.optimize", "sqlite3"):
        importlib.import_module(name)


def _run_tests(folder: Path, command: list[str], words: Sequence[str], seconds: int, output: int) -> int:
    """Run pytest in this process, a fork of a process that has imported JAX but nothing from this repository."""
    os.setsid()
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.chdir(folder)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    os.environ["PYTHONPATH"] = sys.path[0] = str(folder)
    for name in [name for name in sys.modules if name.split(".")[0] == "experiments"]:
        del sys.modules[name]  # modules of another folder
    return int(pytest.main(command, plugins=[_First(words)]))


class _First:
    """A pytest plugin that runs tests first if they name the changed function or class."""

    def __init__(self, words: Sequence[str]):
        self.pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})\b") if words else None

    def pytest_collection_modifyitems(self, items: list) -> None:
        def is_far(item: Any) -> bool:
            return not (self.pattern and self.pattern.search(inspect.getsource(item.function)))

        items.sort(key=is_far)


def names_around(source: str, line: int) -> list[str]:
    """The functions and classes around a line, or the name that a module-level statement defines."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or 0):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.append(node.name)
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                names = node.targets if isinstance(node, ast.Assign) else [node.target]
                found += [each.id for each in names if isinstance(each, ast.Name)]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num", type=int, default=60, help="mutants")
    parser.add_argument("--seed", type=int, help="draws the lines; the commit's hash if it is left out")
    parser.add_argument("--over", nargs="+", help="folders and modules of jbo, or jbo itself, which is so with --base")
    parser.add_argument("--base", help="the commit whose tests are compared with today's")
    parser.add_argument("--seconds", type=float, default=600, help="CPU time that the tests of one mutant may take")
    parser.add_argument("--checked", action="store_true", help="check shapes and types as well: half as fast")
    parser.add_argument("--files", type=int, default=12, help="test files tried on one mutant, the nearest ones first")
    parser.add_argument("--only", type=int, nargs="*", help="numbers of the mutants to try; all if it is left out")
    parser.add_argument("--list", action="store_true", help="print the mutants and try none")
    parser.add_argument("--out", type=Path, help="a file that gets the table as it grows")
    args = parser.parse_args()
    parts = args.over or (["jbo"] if args.base else OVER)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    seed = seed_of(commit) if args.seed is None else args.seed
    every = {str(p.relative_to(ROOT)): p.read_text() for p in (ROOT / "jbo").rglob("*.py")}
    try:
        drawn = draw(over(every, parts), args.num, seed)
    except ValueError as error:
        parser.error(str(error))

    def say(row: str) -> None:
        print(row, flush=True)
        if args.out:
            args.out.parent.mkdir(parents=True, exist_ok=True)
            with args.out.open("a") as file:
                print(row, file=file)

    if args.base:
        say("| | line | change | after | before |\n|---|---|---|---|---|")
    else:
        say(f"Seed {seed}, commit {commit[:8]}, over {', '.join(parts)}.\n")
        say("| | line | change | noticed by |\n|---|---|---|---|")
    lost, noticed = set(), {}
    _import_what_takes_long()
    with tempfile.TemporaryDirectory(prefix="jbo-mutants-") as now, tempfile.TemporaryDirectory(prefix="jbo-m-") as old:
        today = Tree(Path(now), None, args.checked)
        base = Tree(Path(old), args.base, args.checked) if args.base else today
        tests, tests_before = today.sources(), base.sources()
        # Test files equal in both commits run once. Other files of the base run on mutants that today's tests miss.
        differs = {file for file, source in tests_before.items() if tests.get(file) != source}
        todo = range(len(drawn)) if args.only is None else args.only
        while todo:
            for number in todo:
                mutant = drawn[number]
                change = f"`{mutant.before}` → `{mutant.after}`".replace("|", "\\|")
                row = f"| {number} | {mutant.path}:{mutant.line} | {change} |"
                if args.list:
                    say(f"{row} |" if not args.base else f"{row} | |")
                    continue
                files = files_for(mutant.path, list(tests), tests)[: args.files]
                after, before = today.notices(mutant, files, args.seconds), ""
                noticed[number] = after
                row = f"{row} {after or '**no**'} |"
                if args.base:
                    near = files_for(mutant.path, list(tests_before), tests_before)[: args.files]
                    if after in ("", "out of time"):
                        near = [file for file in near if file in differs]
                        before = base.notices(mutant, near, args.seconds)
                        while base.learn_failing([before]):
                            before = base.notices(mutant, near, args.seconds)
                        lost |= {number} if before not in ("", "out of time") else set()
                        before = before or "no"
                    row = f"{row} {before} |"
                say(row)
            failing = today.learn_failing(noticed[number] for number in todo if number in noticed)
            todo = [number for number in todo if noticed.get(number) in failing]
            if todo:
                say(f"\nThese fail on the code itself: {', '.join(sorted(failing))}. Without them:\n")
    if noticed:
        say(f"\n{share(list(noticed.values()))}")
    if args.base and noticed:
        say(f"{len(lost)} mutants are noticed by the tests of {args.base} and not by today's.")
    return int(bool(lost))


if __name__ == "__main__":
    sys.exit(main())
