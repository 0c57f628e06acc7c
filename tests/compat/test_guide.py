"""A guide to GPyOpt runs as it stands, but for its import."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import jbo
import jbo.compat.gpyopt as GPyOpt

SCRIPT = Path(__file__).parent / "guide.py"


@pytest.mark.thorough
@pytest.mark.parametrize("max_iter", [3, pytest.param(50, marks=pytest.mark.thorough)])
def test_the_guide(tmp_path, max_iter):
    env = {**os.environ, "PYTHONPATH": str(Path(jbo.__file__).parents[1]), "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", str(SCRIPT), str(max_iter), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    found = np.load(tmp_path / "found.npz")
    X, Y = found["X"], found["Y"]
    assert X.shape == (5 + max_iter, 3) and Y.shape == (5 + max_iter, 1)
    assert (X >= [1e-5, 32, 2]).all() and (X <= [1e-1, 256, 10]).all() and (X[:, 1:] % 1 == 0).all()
    assert found["fx_opt"] == Y.max() == found["again"], "an accuracy, as it is"
    assert found["x_opt"].tolist() == X[Y.argmax()].tolist()
    assert (tmp_path / "trajectory.png").stat().st_size > 5_000
    assert max_iter < 50 or Y.max() > 0.8


def test_its_slip_is_told_by_name():
    space = [
        {"name": "learning_rate", "type": "continuous", "domain": (1e5, 1e1)},
        {"name": "batch_size", "type": "integer", "domain": (32, 256)},
        {"name": "num_layers", "type": "integer", "domain": (2, 10)},
    ]
    with pytest.raises(ValueError, match=r"^learning_rate: expected .* got \(1.*\); was \(1e-05, 0.1\) meant\?"):
        GPyOpt.methods.BayesianOptimization(f=len, domain=space, maximize=True, num_cores=4)
