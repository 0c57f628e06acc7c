"""Eight thresholds in ascending order."""

import GPyOpt
import numpy as np

np.random.seed(0)
domain = [{"name": "t", "type": "continuous", "domain": (0, 1), "dimensionality": 8}]
constraints = [{"name": f"order_{i}", "constraint": f"x[:,{i}] - x[:,{i + 1}]"} for i in range(7)]
bo = GPyOpt.methods.BayesianOptimization(
    lambda x: np.sum((x - np.linspace(0.1, 0.9, 8)) ** 2), domain=domain, constraints=constraints
)
bo.run_optimization(max_iter=2)
assert bo.X.shape == (7, 8)
assert (np.diff(bo.X, axis=1) >= -1e-6).all()
