"""The other rules for batches."""

import GPyOpt
import numpy as np

np.random.seed(4)
domain = [{"name": "x", "type": "continuous", "domain": (-2, 2), "dimensionality": 2}]


def f(x):
    return np.sum(x**2, axis=1, keepdims=True)


for kind in ("random", "thompson_sampling", "local_penalization"):
    bo = GPyOpt.methods.BayesianOptimization(
        f, domain=domain, evaluator_type=kind, batch_size=2, initial_design_numdata=6, acquisition_type="EI"
    )
    bo.run_optimization(max_iter=2, verbosity=False)
    assert bo.X.shape == (10, 2), kind
    assert bo.suggest_next_locations().shape == (2, 2)
    assert bo.fx_opt == np.min(bo.Y)
