"""Some variables are set by the environment in the second run."""

import GPyOpt
import numpy as np
from numpy.random import seed

seed(123)
func = GPyOpt.objective_examples.experimentsNd.alpine1(input_dim=3)
domain = [
    {"name": "var1", "type": "continuous", "domain": (-5, 5), "dimensionality": 2},
    {"name": "var2", "type": "discrete", "domain": (3, 8, 10)},
]
bo = GPyOpt.methods.BayesianOptimization(f=func.f, domain=domain, initial_design_numdata=6, acquisition_type="LCB")
bo.run_optimization(max_iter=2)
bo.run_optimization(max_iter=2, context={"var1_1": 0.3, "var2": 8})
assert bo.X.shape == (10, 3)
assert (bo.X[-2:, 0] == 0.3).all() and (bo.X[-2:, 2] == 8).all()
following = bo.suggest_next_locations(context={"var1_2": 0.4})
assert following.shape == (1, 3) and following[0, 1] == 0.4
np.testing.assert_allclose(bo.Y, func.f(bo.X))
