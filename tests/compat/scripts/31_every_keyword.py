"""Every keyword of the constructor and of the run, as the documentation lists them."""

import GPyOpt
import numpy as np

np.random.seed(0)
bo = GPyOpt.methods.BayesianOptimization(
    f=lambda x: np.abs(x - 0.25),
    domain=[{"name": "x", "type": "continuous", "domain": (0, 1), "dimensionality": 1}],
    constraints=None,
    cost_withGradients=None,
    model_type="GP",
    X=None,
    Y=None,
    initial_design_numdata=4,
    initial_design_type="random",
    acquisition_type=None,
    normalize_Y=True,
    exact_feval=False,
    acquisition_optimizer_type="lbfgs",
    model_update_interval=1,
    evaluator_type="sequential",
    batch_size=1,
    num_cores=1,
    verbosity=False,
    verbosity_model=False,
    maximize=False,
    de_duplication=False,
    acquisition_jitter=0.01,
    noise_var=None,
    kernel=None,
    optimize_restarts=3,
    model_optimizer_type="lbfgs",
    max_iters=500,
)
bo.run_optimization(
    max_iter=3,
    max_time=np.inf,
    eps=-1,
    context=None,
    verbosity=False,
    save_models_parameters=True,
    report_file=None,
    evaluations_file=None,
    models_file=None,
)
assert bo.X.shape == (7, 1) and bo.Y_best.shape == (7,)
np.testing.assert_array_equal(bo.Y_best, np.minimum.accumulate(bo.Y[:, 0]))
