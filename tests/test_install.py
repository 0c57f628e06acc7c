"""``pip install .`` in an empty environment: it has all it needs, and works."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = """
import importlib.util, jbo
assert "site-packages" in jbo.__file__, jbo.__file__
assert importlib.util.find_spec("optuna") is None and importlib.util.find_spec("matplotlib") is None
with jbo.Study(jbo.Space(x=jbo.Real(-1, 1), n=jbo.Integer(1, 3)), seed=0, path="study.db") as study:
    study.optimize(lambda config: (config["x"] - 0.3) ** 2 + config["n"], num_trials=12)
with jbo.Study.open("study.db") as study:
    print(study.best.value)
"""


def run(*command, **options):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.thorough
def test_in_an_empty_environment(tmp_path):
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run(*pip, "--constraint", ROOT / "constraints.txt", ROOT, env=env, cwd=tmp_path)
    best = float(run(python, "-W", "error", "-c", SCRIPT, env=env, cwd=tmp_path))
    assert 1.0 <= best < 1.1, "a model has found the bottom"
    told = run(python, "-m", "jbo", "best", "study.db", "--json", env=env, cwd=tmp_path)
    assert f'"value": {best!r}' in told
    assert "no module named" in run(
        python, "-c", "import jbo\ntry: jbo.Study(jbo.Space(x=jbo.Real(0, 1))).to_dataframe()\n"
        "except ImportError as error: print(str(error.__cause__).lower())", env=env, cwd=tmp_path,
    )  # fmt: skip


@pytest.mark.thorough
def test_the_wheel_holds_the_package_and_nothing_else(tmp_path):
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, ROOT)
    (wheel,) = tmp_path.glob("jbo-*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    there = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "jbo").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == there and {"jbo/report/page.js", "jbo/py.typed"} <= names
