"""Four points at a time by local penalization."""

import GPyOpt
import numpy as np

np.random.seed(10)
objective = GPyOpt.objective_examples.experiments2d.branin(sd=0.1)
domain = [
    {"name": "var_1", "type": "continuous", "domain": objective.bounds[0]},
    {"name": "var_2", "type": "continuous", "domain": objective.bounds[1]},
]
batch_size, num_cores = 4, 1
bo = GPyOpt.methods.BayesianOptimization(
    f=objective.f,
    domain=domain,
    acquisition_type="EI",
    normalize_Y=True,
    initial_design_numdata=6,
    evaluator_type="local_penalization",
    batch_size=batch_size,
    num_cores=num_cores,
    acquisition_jitter=0,
)
bo.run_optimization(max_iter=2)
assert bo.X.shape == (6 + 2 * 4, 2)
batch = bo.suggest_next_locations()
assert batch.shape == (4, 2) and len(np.unique(batch, axis=0)) == 4
