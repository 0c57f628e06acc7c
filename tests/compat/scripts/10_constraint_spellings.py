"""Budgets of several variables, written with NumPy's sums, products and norms."""

import GPyOpt
import numpy as np

np.random.seed(0)
domain = [{"name": "w", "type": "continuous", "domain": (0, 1), "dimensionality": 3}]
texts = [
    "np.sum(x, axis=1) - 1.5",
    "x.sum(axis=1) - 1.5",
    "np.square(x[:,0]) + np.power(x[:,1], 2) - 1",
    "np.linalg.norm(x, axis=1) - 1.2",
    "np.prod(x, axis=1) - 0.2",
    "x[:, -1] - x[:, 0]",
    "np.sum(x[:, :2], axis=1) - 1",
    "0.1 - np.max(x, axis=1)",
    "np.mean(x**2, axis=1) - 0.5",
    "x[:,0]*x[:,1] - x[:,2]/2. - .5",
]
for text in texts:
    space = GPyOpt.Design_space(space=domain, constraints=[{"name": "c", "constraint": text}])
    x = np.random.uniform(size=(30, 3))
    expected = (eval(text) < 0).astype(float)
    np.testing.assert_array_equal(space.indicator_constraints(x)[:, 0], expected, text)
bo = GPyOpt.methods.BayesianOptimization(
    lambda x: -np.sum(x), domain, constraints=[{"name": "budget", "constraint": texts[0]}]
)
bo.run_optimization(max_iter=4)
assert (bo.X.sum(axis=1) <= 1.5 + 1e-6).all() and len(bo.X) == 9
