"""The module where GPyOpt defines `InputWarpedGPModel`."""

from jbo.compat.gpyopt._models import InputWarpedGPModel as InputWarpedGPModel
