"""The module where GPyOpt defines `RFModel`."""

from jbo.compat.gpyopt._models import RFModel as RFModel
