"""Where GPyOpt keeps `BOModel`."""

from jbo.compat.gpyopt._models import BOModel as BOModel
