"""Points that others evaluate already, and points that shall not be suggested."""

import numpy as np
from GPyOpt.methods import BayesianOptimization

domain = [{"name": "level", "type": "discrete", "domain": tuple(range(10))}]
X = np.array([[0], [4], [9]])
Y = (X - 6.0) ** 2
bo = BayesianOptimization(f=None, domain=domain, X=X, Y=Y, de_duplication=True)
pending = np.array([[5]])
ignored = np.array([[6]])
following = bo.suggest_next_locations(pending_X=pending, ignored_X=ignored)
assert following.shape == (1, 1)
assert following[0, 0] not in (0, 4, 9, 5, 6)
