"""A known cost with its gradient."""

import GPyOpt
import numpy as np

np.random.seed(7)


def mycost(x):
    cost = np.atleast_2d(0.5 + x**2).sum(axis=1)[:, None]
    gradient = np.atleast_2d(2 * x)
    return cost, gradient


def f(x):
    return np.cos(2 * x) + 0.2 * x


domain = [{"name": "x", "type": "continuous", "domain": (-3, 3)}]
plain = GPyOpt.methods.BayesianOptimization(f, domain=domain, initial_design_numdata=4)
priced = GPyOpt.methods.BayesianOptimization(
    f, domain=domain, initial_design_numdata=4, cost_withGradients=mycost, acquisition_type="EI"
)
priced.run_optimization(max_iter=5)
assert priced.X.shape == (9, 1)
timed = GPyOpt.methods.BayesianOptimization(
    f, domain=domain, initial_design_numdata=4, cost_withGradients="evaluation_time"
)
timed.run_optimization(max_iter=1)
assert timed.X.shape == (5, 1) and plain.X.shape == (4, 1)
