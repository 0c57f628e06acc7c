"""Support vector regression, tuned over logarithms."""

import GPyOpt
import numpy as np
from sklearn import svm
from sklearn.datasets import load_diabetes
from sklearn.model_selection import cross_val_score

np.random.seed(12)
data, target = load_diabetes(return_X_y=True)
data, target = data[:150], target[:150]


def fit_svr(x):
    x = np.atleast_2d(np.exp(x))
    fs = np.zeros((x.shape[0], 1))
    for i in range(x.shape[0]):
        model = svm.SVR(C=x[i, 0], epsilon=x[i, 1], gamma=x[i, 2])
        fs[i] = np.log(-cross_val_score(model, data, target, cv=3, scoring="neg_mean_squared_error").mean())
    return fs


domain = [
    {"name": "C", "type": "continuous", "domain": (0.0, 7.0)},
    {"name": "epsilon", "type": "continuous", "domain": (-6.0, -2.0)},
    {"name": "gamma", "type": "continuous", "domain": (-8.0, 1.0)},
]
opt = GPyOpt.methods.BayesianOptimization(f=fit_svr, domain=domain, acquisition_type="LCB", acquisition_weight=0.1)
opt.run_optimization(max_iter=5)
x_best = np.exp(opt.X[np.argmin(opt.Y)])
assert x_best.shape == (3,)
assert fit_svr(np.log(x_best))[0, 0] == opt.fx_opt
assert opt.fx_opt <= opt.Y[:5].min()
