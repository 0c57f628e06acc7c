"""The parts put together by hand."""

import GPyOpt
import numpy as np

np.random.seed(2)
func = GPyOpt.objective_examples.experiments2d.branin()
objective = GPyOpt.core.task.SingleObjective(func.f)
space = GPyOpt.Design_space(
    space=[
        {"name": "var_1", "type": "continuous", "domain": (-5, 10)},
        {"name": "var_2", "type": "continuous", "domain": (1, 15)},
    ]
)
model = GPyOpt.models.GPModel(optimize_restarts=5, verbose=False)
acquisition_optimizer = GPyOpt.optimization.AcquisitionOptimizer(space)
initial_design = GPyOpt.experiment_design.initial_design("random", space, 5)
acquisition = GPyOpt.acquisitions.AcquisitionEI(model, space, optimizer=acquisition_optimizer)
evaluator = GPyOpt.core.evaluators.Sequential(acquisition)
bo = GPyOpt.methods.ModularBayesianOptimization(model, space, objective, acquisition, evaluator, initial_design)
assert bo.X.shape == (5, 2)
bo.run_optimization(max_iter=6, max_time=None, eps=1e-6, verbosity=False)
np.testing.assert_array_equal(bo.X[:5], initial_design)
np.testing.assert_allclose(bo.Y, func.f(bo.X))
assert bo.X.shape == (11, 2)
assert bo.fx_opt == bo.Y.min() and np.array_equal(bo.x_opt, bo.X[np.argmin(bo.Y)])
values, seconds = objective.evaluate(bo.X[:3])
assert values.shape == (3, 1) and len(seconds) == 3
