"""Where GPyOpt keeps `WarpedGPModel`."""

from jbo.compat.gpyopt._models import WarpedGPModel as WarpedGPModel
