"""Other models."""

import GPyOpt
import numpy as np

np.random.seed(6)


def f(x):
    return np.exp(3 * np.abs(x - 0.3))


domain = [{"name": "x", "type": "continuous", "domain": (0, 1)}]
for model_type in ("warpedGP", "RF", "sparseGP", "input_warped_GP"):
    options = {"num_inducing": 5} if model_type == "sparseGP" else {}
    bo = GPyOpt.methods.BayesianOptimization(
        f=f, domain=domain, model_type=model_type, acquisition_type="EI", initial_design_numdata=5, **options
    )
    bo.run_optimization(max_iter=2, eps=0)
    assert bo.X.shape == (7, 1), model_type
    assert bo.fx_opt == bo.Y.min()
