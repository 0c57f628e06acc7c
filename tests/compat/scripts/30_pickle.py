"""An optimisation is kept in a file and goes on."""

import pickle

import GPyOpt
import numpy as np


def f(x):
    return (x - 1.5) ** 2


np.random.seed(0)
bo = GPyOpt.methods.BayesianOptimization(np.square, [{"name": "x", "type": "continuous", "domain": (-1, 2)}])
bo.run_optimization(max_iter=2)
with open("bo.pickle", "wb") as file:
    pickle.dump(bo, file)
with open("bo.pickle", "rb") as file:
    back = pickle.load(file)
np.testing.assert_array_equal(back.X, bo.X)
np.testing.assert_array_equal(back.Y, bo.Y)
assert back.fx_opt == bo.fx_opt
np.testing.assert_array_equal(back.suggest_next_locations(), bo.suggest_next_locations())
back.run_optimization(max_iter=1)
assert len(back.Y) == 8 and len(bo.Y) == 7
