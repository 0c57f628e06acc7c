"""The pure layer checks static facts itself: as a user sees it, in a process without the checks that tests add."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("pure_errors_script.py")
FLOATS = "float32 or float64 array of shape"
CASES = {
    "negative capacity": "ValueError: capacity: expected at least 1, got -1",
    "weight": "TypeError: weight: expected a number, got '2'",
    "margin": "TypeError: margin: expected a number, got None",
    "two axes of y": f"ValueError: data.y: expected a {FLOATS} [n], got float32 of shape [5, 1]; data.y[:, 0] is its",
    "one axis of x": f"ValueError: data.x: expected a {FLOATS} [n, d], got float32 of shape [5]; data.x[:, None] makes",
    "lengths": f"ValueError: data.y: expected a {FLOATS} [n] with n = 5 as in data.x, got float32 of shape [3]",
    "whole numbers": f"TypeError: data.y: expected a {FLOATS} [n], got int32 of shape [5]",
    "float16": f"TypeError: data.x: expected a {FLOATS} [n, d], got float16 of shape [5, 2]",
    "two types": "TypeError: data.y: expected float32 as in params.log_lengthscale, got float64 of shape [5]",
    "is_valid": "TypeError: data.is_valid: expected a bool array of shape [n], got float32 of shape [5]",
    "noise": f"ValueError: data.noise_variance: expected a {FLOATS} [n] with n = 5 as in data.x, got",
    "no data": "TypeError: data: expected a Dataset (Dataset.from_arrays(x, y, bounds) makes one), got float32",
    "a list": f"TypeError: data.x: expected a {FLOATS} [n, d], got a list",
    "parameters as posterior": "TypeError: posterior: expected a GPPosterior (gaussian_process.condition(params, data) "
    "makes one), got a GPParams",
    "posterior as parameters": "TypeError: params: expected a GPParams (gaussian_process.fit(key, data) finds them), "
    "got a GPPosterior",
    "parameters as posterior of a surrogate": "TypeError: posterior: expected a Posterior",
    "columns": f"ValueError: x: expected a {FLOATS} [m, d] with d = 2 as in posterior.params.log_lengthscale, got",
    "columns of parameters": f"ValueError: data.x: expected a {FLOATS} [n, d] with d = 3 as in params.log_lengthscale",
    "one point": "ValueError: x: expected a float32 or float64 array of shape [m, d], got float32 of shape [2]; x[",
    "number as key": "TypeError: key: expected a random key such as jax.random.key(0), got 0",
    "keys": "ValueError: key: expected one random key, got key<fry> of shape [2]; jax.vmap maps over keys",
    "order": "TypeError: key: expected a random key such as jax.random.key(0), got a Dataset",
    "start of sets": "ValueError: start: expected one hyperparameter sample, got a leading axis of 1 samples; jax.tree",
    "is_near": "TypeError: is_near: expected a number, got 'yes'",
    "number of samples": "TypeError: num_samples: expected an integer, got 2.0",
    "covariance": f"ValueError: x2: expected a {FLOATS} [k, d] with d = 2 as in posterior",
    "likelihood": f"ValueError: data.y: expected a {FLOATS} [n], got float32 of shape [5, 1]",
    "forest": f"ValueError: data.y: expected a {FLOATS} [n], got float32 of shape [5, 1]",
    "posterior of a forest": "TypeError: posterior: expected a ForestPosterior, got a GPParams",
    "incumbent": "TypeError: posterior: expected a Posterior",
    "matrix as point": f"ValueError: x: expected a {FLOATS} [d], got float32 of shape [5, 2]",
    "acquisition": "ValueError: acquisition: expected a scalar, got a value of shape (1,); index it",
    "acquisition in a trust region": "ValueError: acquisition: expected a scalar, got a value of shape (1,); index it",
    "acquisition over sets": "ValueError: acquisition: expected a scalar, got a value of shape (1,); index it",
    "table of another space": f"ValueError: state.x: expected a {FLOATS} [n, d] with d = 1 as in the space, got",
    "told point": "ValueError: trial: expected a point of shape [2], got shape [3]",
    "told value": "ValueError: y: expected a scalar or an array of shape [1], got shape [1, 1]",
    "told in another order": "TypeError: state: expected a Trials (strategy.init(capacity) makes one), got float32",
    "rows of a table": f"ValueError: state.y: expected a {FLOATS} [n, k] with n = 4 as in state.x, got float32",
    "capacity": "TypeError: capacity: expected an integer, got 3.5",
    "pending point": f"TypeError: x: expected a {FLOATS} [d], got a list",
    "maximised vector": "ValueError: function: expected a scalar, got a value of shape (2,)",
    "centre": f"ValueError: centre: expected a {FLOATS} [d] with d = 2 as in trials.x, got float32 of shape [3]",
    "design": "TypeError: key: expected a random key such as jax.random.key(0), got 0",
    "objective: None": "TypeError: function: expected a number, got a value that is None",
    "objective: [1]": "ValueError: function: expected a scalar, got a value of shape (1,)",
    "objective: dict": "TypeError: function: expected a number, got a value that is a dict",
    "objective: truth": "TypeError: function: expected a number, got a value that is bool",
    "objective: float()": "TypeError: function: expected one that JAX can trace, got one that needs the value of",
    "objective: numpy": "TypeError: function: expected one that JAX can trace",
    "objective: if": "TypeError: function: expected one that JAX can trace",
    "objective: name": "KeyError: \"function: asks for 'z', which is none of the parameters ['a', 'b']\"",
    "objective: strategy": "TypeError: strategy: expected a strategy such as jbo.bayesian(space), got Space(",
    "objective: steps": "TypeError: num_steps: expected an integer, got 2.0",
    "objective: under jit": "ValueError: space: expected a space, because the function has none, and a strategy that",
    "objective: space": "ValueError: strategy: expected a strategy over Space(a=Real(0.0, 1.0)), got one over a space",
    "right": "float32",
    "right: NumPy": "float32",
    "right: whole number": "[1.0, 1.0]",
    "right: start": "(1, 2)",
}


@cache
def said():
    out = subprocess.run([sys.executable, "-W", "error", str(SCRIPT)], capture_output=True, text=True, check=False)
    assert out.returncode == 0, out.stderr
    return json.loads(out.stdout)


@pytest.mark.parametrize("case", CASES)
def test_the_message(case):
    assert said()[case].startswith(CASES[case])


@pytest.mark.guard
def test_all_cases_are_looked_at():
    assert set(said()) == set(CASES)
