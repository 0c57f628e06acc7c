"""Parts put together by hand, for batches, from the modules where they live."""

import numpy as np
from GPyOpt.acquisitions.LCB import AcquisitionLCB
from GPyOpt.core.evaluators import RandomBatch, ThompsonBatch
from GPyOpt.core.task.objective import SingleObjective
from GPyOpt.core.task.space import Design_space
from GPyOpt.experiment_design import initial_design
from GPyOpt.methods import ModularBayesianOptimization
from GPyOpt.models.gpmodel import GPModel
from GPyOpt.optimization.acquisition_optimizer import AcquisitionOptimizer


def f(x):
    return np.atleast_2d(np.sum((x - 0.5) ** 2, axis=1)).T


space = Design_space([{"name": "u", "type": "continuous", "domain": (0, 1), "dimensionality": 2}])
for kind in (RandomBatch, ThompsonBatch):
    model = GPModel(kernel=None, exact_feval=True)
    acquisition = AcquisitionLCB(model, space, AcquisitionOptimizer(space, optimizer="lbfgs"), exploration_weight=2)
    bo = ModularBayesianOptimization(
        model,
        space,
        SingleObjective(f, num_cores=1, objective_name="bowl"),
        acquisition,
        kind(acquisition, batch_size=2),
        X_init=initial_design("sobol", space, 6),
    )
    bo.run_optimization(max_iter=2)
    assert bo.X.shape == (10, 2)
    assert bo.suggest_next_locations().shape == (2, 2)
