"""Data given beside maximize=True have the sign of what is minimised."""

import numpy as np
from GPyOpt.methods import BayesianOptimization


def f(x):
    return np.sin(3 * x) - x**2 + 0.7 * x


X0 = np.array([[-0.9], [1.1], [0.2], [1.8]])
Y0 = f(X0)
bo = BayesianOptimization(
    f, domain=[{"name": "x", "type": "continuous", "domain": (-1, 2)}], X=X0, Y=-Y0, maximize=True, exact_feval=True
)
bo.run_optimization(max_iter=7)
np.testing.assert_allclose(bo.Y[:4], -Y0)
np.testing.assert_allclose(bo.Y, -f(bo.X))
assert -bo.fx_opt >= Y0.max()
assert -bo.fx_opt > 0.9, "the maximum is about 1.03"
