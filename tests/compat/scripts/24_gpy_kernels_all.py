"""Kernels of GPy, sums and products, one after the other through a model of the library."""

import GPy
import numpy as np
from GPyOpt.methods import BayesianOptimization
from GPyOpt.models import GPModel

kernels = [
    GPy.kern.Matern32(1, variance=1.0, lengthscale=0.3),
    GPy.kern.Matern52(1, ARD=True) + GPy.kern.White(1, variance=1e-4),
    GPy.kern.Linear(1) + GPy.kern.RBF(1, lengthscale=0.2),
    GPy.kern.RBF(1) * GPy.kern.Matern32(1),
    GPy.kern.StdPeriodic(1, period=2.0) + GPy.kern.Exponential(1),
    GPy.kern.RatQuad(1) + GPy.kern.Bias(1),
]
X = np.linspace(0, 3, 7)[:, None]
Y = np.sin(3 * X) + 0.1 * X
for kernel in kernels:
    bo = BayesianOptimization(
        None, [{"name": "x", "type": "continuous", "domain": (0, 3)}], X=X, Y=Y, model=GPModel(kernel=kernel)
    )
    x = bo.suggest_next_locations()
    assert x.shape == (1, 1) and 0 <= x[0, 0] <= 3
