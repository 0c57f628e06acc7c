"""Old code: the domain is a list of bounds, and results are read from a plain array."""

import numpy as np
from GPyOpt.methods import BayesianOptimization

np.random.seed(0)
f = lambda x: (6 * x - 2) ** 2 * np.sin(12 * x - 4)
bounds = [(0, 1)]
bo = BayesianOptimization(f=f, domain=bounds, initial_design_numdata=5)
bo.run_optimization(max_iter=5)
assert bo.X.shape == (10, 1) and (bo.X >= 0).all() and (bo.X <= 1).all()
assert float(bo.fx_opt) < -3
print(np.around(bo.x_opt, 3), np.round(bo.fx_opt, 3))
