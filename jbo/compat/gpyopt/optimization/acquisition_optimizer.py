"""The module where GPyOpt defines `AcquisitionOptimizer`."""

from jbo.compat.gpyopt._optimizer import AcquisitionOptimizer as AcquisitionOptimizer
