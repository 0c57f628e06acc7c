"""A run that is bounded by time."""

import io
from contextlib import redirect_stderr, redirect_stdout

import GPyOpt
import numpy as np

np.random.seed(0)
text = io.StringIO()
with redirect_stdout(text), redirect_stderr(text):
    bo = GPyOpt.methods.BayesianOptimization(
        lambda x: np.sum(x**2, axis=1), [{"name": "x", "type": "continuous", "domain": (-1, 1)}], verbosity=False
    )
    bo.run_optimization(max_iter=None, max_time=3)
    n = len(bo.X)
    bo.run_optimization(max_iter=2, max_time=0)
assert n > 5 and len(bo.X) == n
assert "best" not in text.getvalue(), "silent"
