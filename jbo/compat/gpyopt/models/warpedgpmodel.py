"""The module where GPyOpt defines `WarpedGPModel`."""

from jbo.compat.gpyopt._models import WarpedGPModel as WarpedGPModel
