"""GPyOpt scripts run with only their imports changed, and give what GPyOpt gives."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import jbo

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.py"))
IN_EACH_RUN = ("05_", "20_", "32_", "36_", "39_")


def run(scripts):
    """What came of each script: None, or its error."""
    env = {**os.environ, "PYTHONPATH": str(Path(jbo.__file__).parents[1]), "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(Path(__file__).parent / "run_scripts.py"), *map(str, scripts)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=True)
    return {name: failure for name, failure, _ in map(json.loads, done.stdout.splitlines())}


def test_some_scripts():
    scripts = [path for path in SCRIPTS if path.name.startswith(IN_EACH_RUN)]
    assert len(SCRIPTS) == 40 and run(scripts) == {path.stem: None for path in scripts}


@pytest.mark.thorough
def test_forty_scripts():
    assert run(SCRIPTS) == {path.stem: None for path in SCRIPTS}
