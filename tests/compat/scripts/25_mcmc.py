"""Hyperparameters integrated out."""

import GPyOpt
import numpy as np

np.random.seed(1)
func = GPyOpt.objective_examples.experiments2d.sixhumpcamel()
domain = [
    {"name": "var_1", "type": "continuous", "domain": (-2, 2)},
    {"name": "var_2", "type": "continuous", "domain": (-1, 1)},
]
bo = GPyOpt.methods.BayesianOptimization(
    func.f,
    domain=domain,
    model_type="GP_MCMC",
    acquisition_type="EI_MCMC",
    normalize_Y=True,
    n_samples=4,
    n_burnin=20,
    subsample_interval=2,
    step_size=0.1,
    leapfrog_steps=10,
)
bo.run_optimization(max_iter=2)
assert bo.X.shape == (7, 2)
np.testing.assert_allclose(bo.Y, func.f(bo.X))
