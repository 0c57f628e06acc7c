"""Numbers that are a rounding away from a bound or a level."""

import numpy as np
from GPyOpt.methods import BayesianOptimization

levels = np.arange(0, 1, 0.1)
domain = [
    {"name": "a", "type": "continuous", "domain": (0, 0.3)},
    {"name": "b", "type": "discrete", "domain": levels},
    {"name": "c", "type": "discrete", "domain": np.array([0.1, 0.2, 0.7], dtype=np.float32)},
]
X = np.array([[0.1 + 0.2, 0.3, 0.1], [0.0, 0.6, 0.7], [0.15, 0.1 * 7, 0.2]])
Y = X.sum(axis=1, keepdims=True)
bo = BayesianOptimization(f=None, domain=domain, X=X, Y=Y)
np.testing.assert_allclose(bo.X, X, rtol=1e-6)
following = bo.suggest_next_locations()
assert following.shape == (1, 3)
assert np.abs(levels - following[0, 1]).min() < 1e-12
bo = BayesianOptimization(f=None, domain=domain, X=np.vstack((X, following)), Y=np.vstack((Y, [[0.2]])))
assert len(bo.X) == 4
