"""Where GPyOpt keeps `AcquisitionOptimizer`."""

from jbo.compat.gpyopt._optimizer import AcquisitionOptimizer as AcquisitionOptimizer
