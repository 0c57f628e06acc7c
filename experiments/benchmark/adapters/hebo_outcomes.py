"""HEBO's GeneralBO, its optimiser for several objectives and limits, with the defaults of its package."""

import warnings

import numpy as np
import torch
from hebo.design_space.design_space import DesignSpace
from hebo.optimizers.general import GeneralBO

from experiments.benchmark.adapters.hebo_optimizer import Rows, dimension


def make(method, space, seed, num_evaluations, outcomes):
    warnings.simplefilter("ignore")
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (what HEBO draws from)
    return Optimizer(space, outcomes)


class Optimizer(Rows):
    def __init__(self, space, outcomes):
        self.space = space
        self.names = [o["name"] for o in sorted(outcomes, key=lambda o: o["is_limit"])]  # objectives come first
        num_limits = sum(o["is_limit"] for o in outcomes)
        self.hebo = GeneralBO(
            DesignSpace().parse([dimension(p) for p in space]),
            num_obj=len(outcomes) - num_limits,
            num_constr=num_limits,
        )

    def tell(self, value):
        self.hebo.observe_new_data(self.row, np.array([[value[name] for name in self.names]]))
