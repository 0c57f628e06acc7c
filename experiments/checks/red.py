"""Run the tests that are new since a commit on the code of that commit, where each new test should fail.

``python -m experiments.checks.red --base 5a15d06``

A test function is new if the base has no function of the same name in the same file, and no equal function elsewhere.
The new tests run in a temporary copy: the base's packages with today's ``tests``. A test file that imports a new name
would fail as a whole, and hide a test that passes on the old code. So each statement at the top of a test file is
guarded: if it fails, the names that it binds raise its error once a test uses them.

The exit status is 1 if a new test passes on the old code, or does not run there, unless it has the marker ``guard``.
"""

import argparse
import ast
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
AT_IMPORT = "RedAtImport"

MISSING = f'''
class {AT_IMPORT}(Exception):
    """A name that the old code does not have."""


class _Missing:
    def __init__(self, error):
        self.__dict__["_error"] = error

    def _fail(self, *_args, **_options):
        raise {AT_IMPORT}(repr(self._error))

    def __getattr__(self, name):
        if name.startswith("_") or name == "pytestmark":
            raise AttributeError(name)
        self._fail()

    __call__ = __iter__ = __len__ = __getitem__ = __enter__ = __mro_entries__ = __add__ = __mul__ = __or__ = _fail


def _missing(name, error):
    def test():
        raise {AT_IMPORT}(repr(error))

    return test if name.startswith("test_") else _Missing(error)

'''

PLUGIN = """
import json, os, signal
import pytest

NEW = {tuple(each) for each in json.load(open(os.environ["RED_NEW"]))}
SECONDS = int(os.environ["RED_SECONDS"])


def _key(item):
    parts = item.nodeid.split("::")
    return parts[0], "::".join([*parts[1:-1], getattr(item, "originalname", None) or parts[-1].split("[")[0]])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    config.hook.pytest_deselected(items=[item for item in items if _key(item) not in NEW])
    items[:] = [item for item in items if _key(item) in NEW]


def _stop(*_):
    raise TimeoutError(f"the test took more than {SECONDS} s")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    signal.signal(signal.SIGALRM, _stop)
    signal.alarm(SECONDS)
    try:
        return (yield)
    finally:
        signal.alarm(0)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    # What would end the run fails the test: old code lets it through.
    try:
        return (yield)
    except (KeyboardInterrupt, SystemExit) as error:
        raise AssertionError(repr(error)) from error


def pytest_collectreport(report):
    if report.failed:
        _write(report.nodeid, "failed", "RedAtImport: the file cannot be collected")


def pytest_runtest_logreport(report):
    if report.when == "call" or not report.passed:
        crash = getattr(report.longrepr, "reprcrash", None)
        _write(report.nodeid, report.outcome, (crash.message if crash else str(report.longrepr or "")).strip())


def _write(*report):
    if "PYTEST_XDIST_WORKER" not in os.environ:
        with open(os.environ["RED_OUT"], "a") as file:
            file.write(json.dumps(report) + "\\n")
"""


def test_functions(source: str) -> dict[str, ast.AST]:
    """The test functions of a file by name; the name in a class is ``Class::name``."""

    def find(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, ast.AST]]:
        for node in body:
            if isinstance(node, ast.ClassDef):
                yield from find(node.body, f"{prefix}{node.name}::")
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
                yield f"{prefix}{node.name}", node

    return dict(find(ast.parse(source).body))


def new_tests(now: dict[str, str], base: dict[str, str]) -> dict[tuple[str, str], bool]:
    """File and name of each new test; True if the test has the marker ``guard``.

    Args:
      now: The sources of the test files by path.
      base: The sources of the test files of the base, by path.
    """
    of_base = {path: test_functions(source) for path, source in base.items()}
    known = {ast.dump(node) for functions in of_base.values() for node in functions.values()}
    return {
        (path, name): any("mark.guard" in ast.unparse(each) for each in getattr(node, "decorator_list", []))
        for path, source in now.items()
        for name, node in test_functions(source).items()
        if name not in of_base.get(path, {}) and ast.dump(node) not in known
    }


def guarded(source: str) -> str:
    """The source of a test file in which a statement may fail; the names it binds then raise the error when used."""
    tree = ast.parse(source)
    num_first = sum(  # a docstring and ``__future__`` imports must stay first
        isinstance(node, ast.Expr) or (isinstance(node, ast.ImportFrom) and node.module == "__future__")
        for node in tree.body[:2]
    )
    body = tree.body[:num_first] + ast.parse(MISSING).body
    for node in tree.body[num_first:]:
        for part in _parts(node):
            names = list(_bound(part))
            rescue = "".join(f"    {name} = _missing({name!r}, _error)\n" for name in names) or "    pass\n"
            attempt = ast.parse(f"try:\n    pass\nexcept Exception as _error:\n{rescue}").body[0]
            assert isinstance(attempt, ast.Try)
            attempt.body = [part]
            body.append(attempt)
    tree.body = body
    return ast.unparse(ast.fix_missing_locations(tree))


def _parts(node: ast.stmt) -> list[ast.stmt]:
    """Splits an import of several names into imports of one name."""
    if isinstance(node, ast.ImportFrom):
        return [ast.ImportFrom(node.module, [name], node.level) for name in node.names]
    if isinstance(node, ast.Import):
        return [ast.Import([name]) for name in node.names]
    return [node]


def _bound(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        for name in node.names:
            yield name.asname or name.name.split(".")[0]
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        for each in ast.walk(node):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
                yield each.id


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def sources_of(commit: str) -> dict[str, str]:
    paths = git("ls-tree", "-r", "--name-only", commit, "tests").splitlines()
    return {path: git("show", f"{commit}:{path}") for path in paths if Path(path).match("test_*.py")}


def copy(commit: str, into: Path) -> None:
    """Copy the commit's tree, with today's tests and their settings."""
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", into], input=archive, check=True)
    shutil.rmtree(into / "tests")
    shutil.copytree(ROOT / "tests", into / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", into)
    for path in (into / "tests").rglob("*.py"):
        if path.match("test_*.py") or path.name == "conftest.py":
            path.write_text(guarded(path.read_text()))


def run(tree: Path, new: list[tuple[str, str]], seconds: int, workers: int, marker: str) -> list[tuple[str, str, str]]:
    """Id, outcome and error of each new test, from a run of pytest in the tree."""
    (tree / "red_plugin.py").write_text(PLUGIN)
    (tree / "red_new.json").write_text(json.dumps(new))
    out = tree / "red_out.jsonl"
    environment = os.environ | {
        "RED_NEW": str(tree / "red_new.json"),
        "RED_OUT": str(out),
        "RED_SECONDS": str(seconds),
        "PYTHONPATH": str(tree),
        "JAX_COMPILATION_CACHE_DIR": os.environ.get("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".xla_cache")),
    }
    files = sorted({path for path, _ in new})
    command = [sys.executable, "-m", "pytest", "-p", "red_plugin", "-p", "no:cacheprovider", "-n", str(workers)]
    command += ["--dist", "worksteal", "--continue-on-collection-errors", "-m", marker, *files]
    with open(tree / "red.log", "w") as log:
        process = subprocess.Popen(command, cwd=tree, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            process.wait()
        finally:  # the old code may leave processes
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    if not out.exists():
        print((tree / "red.log").read_text()[-4000:])
        return []
    return [tuple(json.loads(line)) for line in out.read_text().splitlines()]


def verdicts(new: dict[tuple[str, str], bool], reports: list[tuple[str, str, str]]) -> dict[tuple[str, str], str]:
    """The verdict and the first error of each test.

    Verdicts are ``red``, ``red at import``, ``GREEN``, ``not run`` and ``green, a guard``.
    """
    outcomes, errors = defaultdict(Counter), {}
    for node, outcome, error in reports:
        path, *names = node.split("::")
        key = (path, "::".join([*names[:-1], names[-1].split("[")[0]]) if names else "")
        outcomes[key][outcome] += 1
        if outcome == "failed":
            errors.setdefault(key, error.splitlines()[0] if error else "")
    result = {}
    for key, is_guard in new.items():
        where = key if key in outcomes else (key[0], "")
        seen, error = outcomes.get(where, Counter()), errors.get(where, "")
        if seen["failed"]:
            kind = "red at import" if AT_IMPORT in error else "red"
            cases = f", {seen['failed']} of {seen.total()} cases" if seen.total() > seen["failed"] else ""
            result[key] = f"{kind}{cases}: {error[:100]}"
        elif is_guard:
            result[key] = "green, a guard"
        else:
            result[key] = "GREEN" if seen["passed"] else "not run"
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", required=True, help="the commit on whose code the new tests should fail")
    parser.add_argument("--seconds", type=int, default=120, help="the most that a test may take; longer counts as red")
    parser.add_argument("--workers", type=int, default=2, help="processes of pytest")
    parser.add_argument(
        "--marker", default="", help="the tests to run, such as 'not thorough'; others count as not run"
    )
    parser.add_argument("--only", default="", help="a part of the path of the test files")
    parser.add_argument(
        "--keep", type=Path, help="a folder for the copy, which stays; it holds pytest's log as red.log"
    )
    args = parser.parse_args()
    now = {
        str(path.relative_to(ROOT)): path.read_text()
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if args.only in str(path)
    }
    new = new_tests(now, sources_of(args.base))
    if not new:
        print("no test is new")
        return 0
    with tempfile.TemporaryDirectory(prefix="jbo-red-") as folder:
        tree = args.keep or Path(folder)
        tree.mkdir(parents=True, exist_ok=True)
        copy(args.base, tree)
        found = verdicts(new, run(tree, list(new), args.seconds, args.workers, args.marker))
    for (path, name), verdict in found.items():
        print(f"{path}::{name} | {verdict}")
    counts = Counter(verdict.split(":")[0].split(",")[0] for verdict in found.values())
    print(f"{len(found)} new tests on the code of {args.base}:", dict(counts))
    return int(any(verdict in ("GREEN", "not run") for verdict in found.values()))


if __name__ == "__main__":
    sys.exit(main())
