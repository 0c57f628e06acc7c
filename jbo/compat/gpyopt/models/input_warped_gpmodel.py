"""Where GPyOpt keeps `InputWarpedGPModel`."""

from jbo.compat.gpyopt._models import InputWarpedGPModel as InputWarpedGPModel
