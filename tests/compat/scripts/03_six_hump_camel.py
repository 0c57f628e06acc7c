"""Noisy observations of the six-hump camel function, judged by the true one."""

import GPyOpt
import numpy as np
from numpy.random import seed

seed(123)
f_true = GPyOpt.objective_examples.experiments2d.sixhumpcamel()
f_sim = GPyOpt.objective_examples.experiments2d.sixhumpcamel(sd=0.1)
bounds = [
    {"name": "var_1", "type": "continuous", "domain": f_true.bounds[0]},
    {"name": "var_2", "type": "continuous", "domain": f_true.bounds[1]},
]
bo = GPyOpt.methods.BayesianOptimization(
    f_sim.f, domain=bounds, model_type="GP", acquisition_type="EI", normalize_Y=True, acquisition_weight=2
)
bo.run_optimization(8, max_time=60, verbosity=False)
X, Y = bo.get_evaluations()
truth = f_true.f(X)
assert truth.shape == Y.shape == (13, 1)
assert 0 < np.abs(truth - Y).max() < 0.6, "there is noise, as much as was said"
for x in f_true.min:
    assert abs(f_true.f(np.array([x]))[0, 0] - f_true.fmin) < 1e-3
