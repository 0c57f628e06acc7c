"""Two constraints in the usual spelling."""

import GPyOpt
import numpy as np

np.random.seed(0)
func = GPyOpt.objective_examples.experiments2d.sixhumpcamel()
space = [
    {"name": "var_1", "type": "continuous", "domain": (-1, 1)},
    {"name": "var_2", "type": "continuous", "domain": (-1.5, 1.5)},
]
constraints = [
    {"name": "constr_1", "constraint": "-x[:,1] -.5 + abs(x[:,0]) - np.sqrt(1-x[:,0]**2)"},
    {"name": "constr_2", "constraint": "x[:,1] +.5 - abs(x[:,0]) - np.sqrt(1-x[:,0]**2)"},
]
feasible_region = GPyOpt.Design_space(space=space, constraints=constraints)
initial_design = GPyOpt.experiment_design.initial_design("random", feasible_region, 10)
assert initial_design.shape == (10, 2)
assert feasible_region.indicator_constraints(initial_design).min() == 1
grid = np.array([[0.0, 0.0], [0.0, 1.4]])
assert feasible_region.indicator_constraints(grid).tolist() == [[1.0], [0.0]]
bo = GPyOpt.methods.BayesianOptimization(func.f, domain=space, constraints=constraints, X=initial_design)
bo.run_optimization(max_iter=5)
assert (feasible_region.indicator_constraints(bo.X) == 1).all()
