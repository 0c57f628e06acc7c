"""Continuous, discrete and categorical variables; values of categories are indices."""

import GPyOpt
import numpy as np

np.random.seed(5)


def f(x):
    shape, power, kind = x[:, 0], x[:, 1], x[:, 2]
    return (shape - 0.4) ** 2 + 0.1 * np.abs(power - 3) + np.where(kind == 1, 0.0, 0.5)


mixed_domain = [
    {"name": "shape", "type": "continuous", "domain": (-1, 1)},
    {"name": "power", "type": "discrete", "domain": (1, 2, 3, 5, 8)},
    {"name": "kind", "type": "categorical", "domain": (0, 1, 2)},
]
bo = GPyOpt.methods.BayesianOptimization(
    f=f, domain=mixed_domain, initial_design_numdata=8, initial_design_type="random", acquisition_type="EI"
)
bo.run_optimization(max_iter=8)
assert bo.X.shape == (16, 3)
assert set(bo.X[:, 1]) <= {1, 2, 3, 5, 8} and set(bo.X[:, 2]) <= {0, 1, 2}
np.testing.assert_allclose(bo.Y[:, 0], f(bo.X))
assert bo.fx_opt < 0.5
