"""Branin's function by lower confidence bounds."""

import GPyOpt
import numpy as np

np.random.seed(0)
branin = GPyOpt.objective_examples.experiments2d.branin()
space = [
    {"name": "x1", "type": "continuous", "domain": (-5, 10)},
    {"name": "x2", "type": "continuous", "domain": (0, 15)},
]
opt = GPyOpt.methods.BayesianOptimization(
    f=branin.f,
    domain=space,
    acquisition_type="LCB",
    acquisition_weight=1.5,
    initial_design_numdata=8,
    initial_design_type="latin",
    exact_feval=True,
)
opt.run_optimization(max_iter=8)
assert abs(branin.f(np.array([[np.pi, 2.275]]))[0, 0] - branin.fmin) < 1e-4
assert opt.fx_opt == branin.f(np.atleast_2d(opt.x_opt))[0, 0] == np.min(opt.Y)
assert opt.fx_opt < 15
