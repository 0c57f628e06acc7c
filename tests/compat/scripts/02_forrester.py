"""The tutorial's function of one variable, as an object of the library."""

import GPyOpt
import numpy as np

np.random.seed(3)
func = GPyOpt.objective_examples.experiments1d.forrester()
domain = [{"name": "x", "type": "continuous", "domain": func.bounds[0]}]
bo = GPyOpt.methods.BayesianOptimization(
    f=func.f, domain=domain, acquisition_type="EI", exact_feval=True, initial_design_numdata=6
)
bo.run_optimization(max_iter=8, eps=-1)
assert bo.X.shape == (14, 1)
np.testing.assert_allclose(bo.Y, (6 * bo.X - 2) ** 2 * np.sin(12 * bo.X - 4))
assert bo.fx_opt < -5.5 and 0.7 < bo.x_opt[0] < 0.82
assert func.f(np.array([[0.5]])).shape == (1, 1)
