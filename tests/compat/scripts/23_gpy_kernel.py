"""A kernel of GPy."""

import GPy
import GPyOpt
import numpy as np

np.random.seed(0)
kernel = GPy.kern.RBF(input_dim=2, variance=1.0, lengthscale=0.5, ARD=True) + GPy.kern.Bias(2)


def f(x):
    return (x[:, [0]] - 0.2) ** 2 + 0.5 * (x[:, [1]] + 0.1) ** 2


bo = GPyOpt.methods.BayesianOptimization(
    f=f,
    domain=[{"name": "x", "type": "continuous", "domain": (-1, 1), "dimensionality": 2}],
    kernel=kernel,
    ARD=True,
    initial_design_numdata=6,
    exact_feval=True,
    acquisition_jitter=0.0,
)
bo.run_optimization(max_iter=6)
assert bo.X.shape[1] == 2 and bo.fx_opt < 0.05
