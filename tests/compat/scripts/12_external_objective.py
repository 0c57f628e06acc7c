"""Ask and tell: the objective is evaluated elsewhere, and a new object is made at each step."""

import GPyOpt
import numpy as np

func = GPyOpt.objective_examples.experiments1d.forrester()
domain = [{"name": "var1", "type": "continuous", "domain": (0, 1)}]
X_step = np.array([[0.0], [0.5], [1.0]])
Y_step = func.f(X_step)
for current_iter in range(10):
    bo_step = GPyOpt.methods.BayesianOptimization(f=None, domain=domain, X=X_step, Y=Y_step)
    x_next = bo_step.suggest_next_locations()
    assert x_next.shape == (1, 1)
    X_step = np.vstack((X_step, x_next))
    Y_step = np.vstack((Y_step, func.f(x_next)))
assert X_step.shape == (13, 1)
assert Y_step.min() < -4
x = np.arange(0.0, 1.0, 0.01)
assert func.f(x).shape == (100, 1)
