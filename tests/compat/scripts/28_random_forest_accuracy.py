"""Accuracy of a forest, maximised; the script prints the negative of what it gets."""

import GPyOpt
import numpy as np
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score

X, y = load_iris(return_X_y=True)
bds = [
    {"name": "n_estimators", "type": "discrete", "domain": (3, 5, 10, 20)},
    {"name": "max_depth", "type": "discrete", "domain": tuple(range(1, 6))},
    {"name": "max_features", "type": "continuous", "domain": (0.2, 1.0)},
]


def cv_score(parameters):
    parameters = parameters[0]
    clf = RandomForestClassifier(
        n_estimators=int(parameters[0]), max_depth=int(parameters[1]), max_features=parameters[2], random_state=0
    )
    return np.array(cross_val_score(clf, X, y, cv=3).mean())


optimizer = GPyOpt.methods.BayesianOptimization(
    f=cv_score,
    domain=bds,
    model_type="GP",
    acquisition_type="EI",
    acquisition_jitter=0.05,
    exact_feval=True,
    maximize=True,
)
optimizer.run_optimization(max_iter=4)
y_bo = np.maximum.accumulate(-optimizer.Y).ravel()
print(f"Bayesian optimization: {y_bo[-1]:.3f}")
assert 0.85 < y_bo[-1] <= 1
assert y_bo[-1] == cv_score(np.atleast_2d(optimizer.x_opt)) == -optimizer.fx_opt
