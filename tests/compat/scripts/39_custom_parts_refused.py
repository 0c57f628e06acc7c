"""Parts that Python computes cannot be traced: they are refused with a reason; the names in their modules are there."""

import GPyOpt
import numpy as np
from GPyOpt.acquisitions.base import AcquisitionBase
from GPyOpt.acquisitions.EI import AcquisitionEI
from GPyOpt.models.base import BOModel


class Mine(AcquisitionBase):
    analytical_gradient_prediction = False

    def __init__(self, model, space, optimizer=None):
        super().__init__(model, space, optimizer)
        self.EI = AcquisitionEI(model, space, optimizer)

    def acquisition_function(self, x):
        return self.EI.acquisition_function(x)


class Flat(BOModel):
    def updateModel(self, X_all, Y_all, X_new, Y_new):
        pass

    def predict(self, X):
        return np.zeros((len(X), 1)), np.ones((len(X), 1))


domain = [{"name": "x", "type": "continuous", "domain": (0, 1)}]
space = GPyOpt.Design_space(domain)
model = GPyOpt.models.GPModel()
mine = Mine(model, space)
assert mine.space is space and mine.model is model
for options in ({"acquisition": mine}, {"model": Flat()}):
    try:
        GPyOpt.methods.BayesianOptimization(lambda x: x**2, domain, **options)
    except ValueError as error:
        assert "trace" in str(error), error
    else:
        raise AssertionError("silently another part")
