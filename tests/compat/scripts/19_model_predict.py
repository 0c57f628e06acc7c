"""The model in standardised values, against the data that it saw."""

import numpy as np
from GPyOpt.methods import BayesianOptimization

X = np.linspace(-1, 2, 9)[:, None]
Y = 50 + 20 * np.sin(2 * X)
bo = BayesianOptimization(
    lambda x: 50 + 20 * np.sin(2 * x),
    domain=[{"name": "x", "type": "continuous", "domain": (-1, 2)}],
    X=X,
    Y=Y,
    exact_feval=True,
)
bo.run_optimization(max_iter=0)
m, s = bo.model.predict(X)
assert m.shape == (9, 1) and s.shape == (9, 1)
np.testing.assert_allclose(m * Y.std() + Y.mean(), Y, atol=0.5)
assert s.max() < 0.1, "there is no noise"
assert bo.model.model.X.shape == (9, 1) and bo.model.model.Y.shape == (9, 1)
np.testing.assert_allclose(bo.model.model.X, X)
grid = np.linspace(-1, 2, 200)[:, None]
acquisition = -bo.acquisition.acquisition_function(grid)
following = bo.suggest_next_locations()
assert abs(grid[np.argmax(acquisition), 0] - following[0, 0]) < 0.1
