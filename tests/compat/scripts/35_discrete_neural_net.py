"""A small network: keyword arguments in a helper, integers as discrete levels, results in a table."""

import GPyOpt
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

X_train, X_test, y_train, y_test = train_test_split(*load_iris(return_X_y=True), test_size=0.4, random_state=1)


def run_model(n_neighbors=5, p=2.0, weights="uniform"):
    model = KNeighborsClassifier(n_neighbors=n_neighbors, p=p, weights=weights)
    return model.fit(X_train, y_train).score(X_test, y_test)


bounds = [
    {"name": "n_neighbors", "type": "discrete", "domain": tuple(range(1, 30))},
    {"name": "p", "type": "continuous", "domain": (1.0, 4.0)},
    {"name": "weights", "type": "categorical", "domain": (0, 1)},
]


def f(x):
    evaluation = run_model(
        n_neighbors=int(x[:, 0][0]), p=float(x[:, 1][0]), weights=["uniform", "distance"][int(x[:, 2][0])]
    )
    return 1 - evaluation


opt = GPyOpt.methods.BayesianOptimization(f=f, domain=bounds, Initial_design_numdata=20)
opt.run_optimization(max_iter=4)
for i, v in enumerate(bounds):
    print(v["name"], opt.x_opt[i])
print(f"optimized loss: {opt.fx_opt}")
assert opt.fx_opt < 0.15 and len(opt.Y) == 9
