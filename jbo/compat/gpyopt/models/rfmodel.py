"""Where GPyOpt keeps `RFModel`."""

from jbo.compat.gpyopt._models import RFModel as RFModel
