"""The order of the layers, read off the imports: an arrow may only point down."""

import ast
import functools
import re
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).parents[1]

LAYERS = [
    {"jbo.__main__"},
    {"jbo.integrations", "jbo.compat", "jbo.report"},
    {"jbo.plots"},
    {"jbo.diagnostics"},
    {"jbo.study"},
    {"jbo._minimize", "jbo.functions", "jbo.testing"},
    {"jbo.strategies"},
    {"jbo.maximize"},
    {"jbo.batches"},
    {"jbo.acquisitions"},
    {"jbo.knowledge"},
    {"jbo.surrogates"},
    {"jbo.bounded", "jbo.linalg", "jbo.pareto"},
    {"jbo.feasible"},
    {"jbo.belief", "jbo.region"},
    {"jbo.space", "jbo.designs"},
    {"jbo.domain", "jbo.candidates", "jbo.markup"},
    {"jbo.parameters"},
    {"jbo.choices", "jbo.constraint"},
    {"jbo.encoding"},
    {"jbo.outcomes"},
    {"jbo.types", "jbo.numerics", "jbo._compile_cache", "jbo.world"},
    {"jbo.pytrees", "jbo.checks", "jbo.renamed"},
]
"""From the top: a module imports modules of its own layer's package and of layers below."""

FOREIGN = {
    "jbo": {"architectures", "experiments", "tests", "flax", "sklearn", "orbax", "babel", "torch"},
    "architectures": {"jbo", "experiments", "tests"},
    "experiments": {"tests"},
}
"""What the packages may not import, anywhere in them."""

OPTIONAL = {
    "matplotlib", "plotly", "rich", "tyro", "blackjax", "optuna", "dask", "distributed", "loky", "cloudpickle",
    "pandas", "tensorboardX",
}  # fmt: skip
"""What comes with an extra: `jbo` imports it where it is used, never while it is itself imported.

A module of `jbo.integrations` needs the library that it is named after, and nothing of `jbo` imports it.
"""


@functools.cache
def modules(package):
    """Names and syntax trees of a package's modules."""
    found = []
    for path in sorted((ROOT / package).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found.append((name.removesuffix(".__init__"), ast.parse(path.read_text())))
    return found


def exists(name):
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def imports(name, tree, package):
    """Names of the modules that a module imports, relative ones resolved."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: imports are absolute here"
            for alias in node.names:
                # ``from jbo import designs`` names a module, ``from jbo.designs import sobol`` a function of one.
                inner = f"{node.module}.{alias.name}"
                yield inner if inner.startswith(package) and exists(inner) else node.module


def layer(name):
    """Index of the layer of a module, None for the package itself."""
    for i, names in enumerate(LAYERS):
        if any(name == n or name.startswith(n + ".") for n in names):
            return i
    return None


def test_every_module_has_a_layer():
    missing = [name for name, _ in modules("jbo") if name != "jbo" and layer(name) is None]
    assert not missing, f"say in LAYERS where these belong: {missing}"


def test_arrows_point_down():
    upwards = []
    for name, tree in modules("jbo"):
        if name == "jbo":
            continue
        for target in imports(name, tree, "jbo"):
            if target != "jbo" and not target.startswith("jbo."):
                continue
            same_room = name.split(".")[:2] == target.split(".")[:2]
            below = layer(target) is not None and layer(target) > layer(name)
            if not (same_room or below):
                upwards.append(f"{name} imports {target}")
    assert not upwards


def test_private_files_stay_in_their_folder():
    """A file ``_x.py`` is imported by what is in its folder only, that which is below the folder included."""
    trespasses = set()
    for name, tree in modules("jbo"):
        for target in imports(name, tree, "jbo"):
            parts = target.split(".")
            private = next((i for i, part in enumerate(parts) if part[0] == "_" and part[-1] != "_"), None)
            if parts[0] == "jbo" and private is not None and name.split(".")[:private] != parts[:private]:
                trespasses.add((name, target))
    assert not trespasses


_OF_DENSITIES = "the densities of Parzen, which no public function shows one by one"
TOUCHES_PRIVATE = {
    "architectures/test_training.py": "JAX counts programs on the jitted function alone",
    "integrations/test_optuna.py": "how Optuna's trials become rows, which no public function shows",
    "acquisitions/test_portfolio.py": "what each member of a portfolio has gained",
    "batches/test_batches.py": "the columns of several points in a row",
    "strategies/test_classifier.py": _OF_DENSITIES,
    "strategies/test_mixture.py": _OF_DENSITIES,
    "strategies/test_parzen.py": _OF_DENSITIES,
    "strategies/test_table.py": "one row of the table at a time",
    "strategies/test_transform.py": "compression and standardisation apart from each other",
}
"""Test files that use private names of the packages or of other tests, and why; the list may only shrink."""


def is_private(name):
    return any(part.startswith("_") and not part.endswith("__") for part in name.split("."))


def private_names(tree):
    """Names with an underscore in front that a test file imports, or takes out of a module that it imports."""
    ours, modules = {*FOREIGN, "tests"}, {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] in ours:
                    modules[alias.asname or alias.name.split(".")[0]] = alias.name
                    yield from [alias.name] if is_private(alias.name) else []
        elif isinstance(node, ast.ImportFrom) and (node.level or node.module.split(".")[0] in ours):
            for alias in node.names:
                name = f"{node.module or '.'}.{alias.name}"
                modules[alias.asname or alias.name] = name
                yield from [name] if is_private(name) else []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            base = ast.unparse(node.value)
            if base.split(".")[0] in modules:
                yield f"{base}.{node.attr}"


def test_tests_use_public_names():
    files = {path.relative_to(ROOT / "tests").as_posix(): path for path in (ROOT / "tests").rglob("*.py")}
    found = {name for name, path in files.items() if [*private_names(ast.parse(path.read_text()))]}
    assert found == TOUCHES_PRIVATE.keys(), "a test asks through the public function, or a new public name"


def test_documents_use_public_names():
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")):
        for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
            assert not [*private_names(ast.parse(block))], page.name


def test_private_names_are_seen():
    seen = """
        import jbo._minimize
        from jbo.study import _table
        from .test_laws import _points
        import jbo.study as study
        study._x.y()
    """
    assert len([*private_names(ast.parse(dedent(seen)))]) == 4
    unseen = """
        import jbo
        from numpy import _core
        from jbo.study import __doc__
        study = jbo.Study()
        study._storage.__name__
    """
    assert not [*private_names(ast.parse(dedent(unseen)))]


@pytest.mark.parametrize("package", FOREIGN)
def test_packages_keep_apart(package):
    trespasses = [
        f"{name} imports {target}"
        for name, tree in modules(package)
        for target in imports(name, tree, package)
        if target.split(".")[0] in FOREIGN[package]
    ]
    assert not trespasses


def test_jbo_imports_extras_only_where_they_are_used():
    early = []
    for name, tree in modules("jbo"):
        if name.startswith("jbo.integrations."):
            continue
        assert not any(target.startswith("jbo.integrations.") for target in imports(name, tree, "jbo")), name
        found = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        inside = {id(inner) for function in functions for inner in ast.walk(function)} if found else set()
        for node in found:
            if id(node) not in inside:
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module]
                early += [f"{name} imports {n}" for n in names if n.split(".")[0] in OPTIONAL]
    assert not early


def test_nothing_of_a_users_is_unpickled_or_evaluated():
    """Only the objective, which a study sends to its own workers, is ever unpickled."""
    unsafe = {"eval", "exec", "compile", "__import__", "Unpickler", "load_module"}
    found = set()
    for name, tree in modules("jbo"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module]
                found |= {
                    (name, n) for n in names if n.split(".")[0] in ("marshal", "shelve", "joblib", "dill", "yaml")
                }
            elif isinstance(node, ast.Call):
                called = node.func.id if isinstance(node.func, ast.Name) else None
                found |= {(name, called)} if called in unsafe else set()
                found |= {(name, k.arg) for k in node.keywords if k.arg == "allow_pickle"}
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                whole = f"{node.value.id}.{node.attr}"
                found |= {(name, whole)} if whole in ("pickle.load", "pickle.loads", "cloudpickle.load") else set()
    assert found == {("jbo.study._evaluation", "pickle.loads")}


def test_the_packages_are_there():
    assert all(len(list(modules(package))) > 3 for package in FOREIGN)
