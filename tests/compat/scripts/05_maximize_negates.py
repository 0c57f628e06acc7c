"""With maximize=True the values that come back are those of -f: the script turns them back itself."""

import GPyOpt
import numpy as np

np.random.seed(1)


def reward(x):
    return 10 - (x[:, 0] - 2) ** 2


bo = GPyOpt.methods.BayesianOptimization(
    f=reward, domain=[{"name": "a", "type": "continuous", "domain": (0, 5)}], maximize=True
)
bo.run_optimization(max_iter=6)
best_x = bo.X[np.argmin(bo.Y)]
best_value = -bo.fx_opt
assert 8.5 < best_value <= 10, best_value
assert best_value == reward(np.atleast_2d(best_x))[0]
assert np.array_equal(best_x, bo.x_opt)
np.testing.assert_allclose(-bo.Y[:, 0], reward(bo.X))
assert np.all(np.diff(bo.Y_best) <= 0)
