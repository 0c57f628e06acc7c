"""``import jbo`` is a good guest: no setting changes, nothing is computed, nothing heavy comes along."""

import ast
import inspect
import json
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

import jbo

SCRIPT = """
import json, logging, sys, warnings
import numpy as np
import jax, jax.numpy, optax, jaxtyping, scipy, scipy.linalg
import jax._src.xla_bridge

compiled = []
class Watch(logging.Handler):
    def emit(self, record):
        compiled.append(record.getMessage())

def settings():
    names = ("", "jax", "jbo", "absl", "numpy")
    return {
        "jax": {name: str(value) for name, value in jax.config.values.items()},
        "errstate": np.geterr(),
        "print": str(np.get_printoptions()),
        "random": str(np.random.get_state()[1][:4]),
        "warnings": [str(f) for f in warnings.filters],
        "logging": {n: (logging.getLogger(n).level, [str(h) for h in logging.getLogger(n).handlers]) for n in names},
        "disabled": logging.root.manager.disable,
        "showwarning": str(warnings.showwarning),
        "excepthook": str(sys.excepthook),
        "signals": [str(__import__("signal").getsignal(i)) for i in (2, 15)],
    }

jax.config.update("jax_log_compiles", True)
logging.getLogger("jax").addHandler(Watch())
modules, before = set(sys.modules), settings()
import jbo
after = settings()
print(json.dumps({
    "changed": {k: [before[k], after[k]] for k in before if json.dumps(before[k]) != json.dumps(after[k])},
    "backends": sorted(jax._src.xla_bridge._backends),
    "compiled": compiled,
    "modules": sorted(set(sys.modules) - modules),
}))
"""

HEAVY = {
    "flax", "sklearn", "matplotlib", "rich", "pandas", "torch", "plotly", "tyro", "orbax", "optuna", "blackjax",
    "scipy.stats", "scipy.optimize", "scipy.integrate", "scipy.interpolate", "hypothesis", "pytest", "IPython", "optax",
}  # fmt: skip


def run(script):
    out = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stderr
    assert not out.stderr, "nothing is said"
    return json.loads(out.stdout)


def test_a_good_guest():
    seen = run(SCRIPT)
    assert seen["changed"] == {}
    assert seen["backends"] == [] and seen["compiled"] == [], "nothing is computed"
    assert any(name == "jbo.study" for name in seen["modules"])


def test_nothing_heavy_comes_along():
    modules = set(run("import json, sys, jbo\nprint(json.dumps(sorted(sys.modules)))"))
    by_jax = set(run("import json, sys, jax\nprint(json.dumps(sorted(sys.modules)))"))
    came = {heavy for heavy in HEAVY if heavy in modules - by_jax}
    assert not came


COUNT = """
import sys
calls = 0
def count(frame, event, argument):
    global calls
    calls += 1
sys.setprofile(count)
import {}
sys.setprofile(None)
print(calls)
"""


@pytest.mark.thorough
def test_it_is_little_work_beside_jax():
    # Counted in calls and returns, the same in every run; seconds on a busy machine are not (docs/performance.md has
    # those). As a user has it: with the bytecode of an earlier import.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def calls(name):
        command = [sys.executable, "-c", COUNT.format(name)]
        return int(subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout)

    calls("jbo")
    assert calls("jbo") < 1.2 * calls("jax")


def _home(thing):
    return thing.__name__ if isinstance(thing, types.ModuleType) else getattr(thing, "__module__", None) or ""


def test_public_names_are_documented():
    ours = {name: thing for name, thing in vars(jbo).items() if _home(thing).startswith("jbo")}
    public = [name for name in ours if not name.startswith("_")]
    assert {"Space", "Study", "minimize", "bayesian", "gp", "functions", "LCB"} <= set(public)
    for name in public:
        thing = getattr(jbo, name)
        assert inspect.getdoc(thing), name
        if isinstance(thing, type):
            for method, value in vars(thing).items():
                if inspect.isfunction(value) and not method.startswith("_"):
                    assert inspect.getdoc(value), f"{name}.{method}"
        elif not isinstance(thing, types.ModuleType):
            for parameter in inspect.signature(thing).parameters:
                assert parameter in thing.__doc__, f"{name} says nothing of {parameter}"
    assert jbo.__version__.count(".") == 2


PROMISED = {
    "Categorical", "EI", "Integer", "LCB", "MedianPruner", "Ordinal", "PI", "Real", "Run", "Space", "SpaceExhausted",
    "Stop", "Study", "Trial", "UCB", "bayesian", "expected_improvement", "forest", "functions", "gp", "grid_search",
    "is_active", "log_expected_improvement", "log_expected_quantile_improvement", "log_probability_of_improvement",
    "lower_confidence_bound", "minimize", "parzen", "probability_of_improvement", "random_search", "sobol_search",
    "upper_confidence_bound", "use_compile_cache",
}  # fmt: skip
"""Names that stay: one that goes is deprecated first, see the head of docs/reference.md."""


def test_the_public_face():
    tree = ast.parse(Path(jbo.__file__).read_text())
    imported = [alias.asname for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted(jbo.__all__) == sorted(name for name in imported if name and not name.startswith("_"))
    assert set(jbo.__all__) >= PROMISED
    star = {}
    exec("from jbo import *", star)
    assert {name for name in star if name != "__builtins__"} == set(jbo.__all__)
