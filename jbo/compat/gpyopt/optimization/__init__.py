"""GPyOpt's optimisers of acquisitions."""

from jbo.compat.gpyopt._optimizer import AcquisitionOptimizer as AcquisitionOptimizer
