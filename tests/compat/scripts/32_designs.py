"""Initial designs of all kinds over a mixed space."""

import GPyOpt
import numpy as np
from GPyOpt.experiment_design import initial_design

np.random.seed(0)
domain = [
    {"name": "var1", "type": "continuous", "domain": (-1, 1)},
    {"name": "var2", "type": "continuous", "domain": (-3, 1), "dimensionality": 2},
    {"name": "var3", "type": "discrete", "domain": (0, 1, 2, 3)},
    {"name": "var4", "type": "categorical", "domain": (0, 1, 2)},
]
space = GPyOpt.core.task.space.Design_space(domain)
for kind in ("random", "sobol", "latin", "grid"):
    X = initial_design(kind, space, 27)
    assert X.shape == (27, 5), kind
    assert (X[:, 0] >= -1).all() and (X[:, 0] <= 1).all()
    assert set(X[:, 3]) <= {0, 1, 2, 3} and set(X[:, 4]) <= {0, 1, 2}
X = GPyOpt.experiment_design.RandomDesign(space).get_samples(50)
assert X.shape == (50, 5) and len(np.unique(X[:, 3])) == 4
Z = GPyOpt.util.general.samples_multidimensional_uniform([(0, 1), (5, 6)], 10)
assert Z.shape == (10, 2) and (Z[:, 1] >= 5).all()
