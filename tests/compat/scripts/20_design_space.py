"""What a design space says of itself."""

import numpy as np
from GPyOpt import Design_space
from GPyOpt.core.task.space import Design_space as Same

domain = [
    {"name": "var1", "type": "continuous", "domain": (-3, 1), "dimensionality": 3},
    {"name": "var2", "type": "discrete", "domain": (0, 1, 2, 3)},
    {"name": "var3", "type": "categorical", "domain": (0, 1)},
]
space = Design_space(domain)
assert Same is Design_space
assert [tuple(b) for b in space.get_bounds()] == [(-3, 1)] * 3 + [(0, 3)] + [(0, 1)] * 2
assert space.get_continuous_dims() == [0, 1, 2] and space.get_discrete_dims() == [3]
assert space.dimensionality == 5 and space.objective_dimensionality == 5 and space.model_dimensionality == 6
assert not space.has_constraints()
assert space.indicator_constraints(np.zeros((4, 6))).tolist() == [[1.0]] * 4
assert space.get_continuous_bounds() == [(-3, 1)] * 3
assert space.config_space[0]["name"] == "var1"
assert space.get_discrete_grid().tolist() == [[0], [1], [2], [3]]
