"""The seed of NumPy makes a run repeatable."""

import GPyOpt
import numpy as np


def run(seed):
    np.random.seed(seed)
    bo = GPyOpt.methods.BayesianOptimization(
        lambda x: np.sin(5 * x[:, 0]) + x[:, 1] ** 2,
        domain=[{"name": "x", "type": "continuous", "domain": (-1, 1), "dimensionality": 2}],
        initial_design_type="random",
    )
    bo.run_optimization(max_iter=3)
    return bo.X


first, again, other = run(11), run(11), run(12)
np.testing.assert_array_equal(first, again)
assert not np.isclose(first, other).any()
