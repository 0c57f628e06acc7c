"""The module where GPyOpt defines `BOModel`."""

from jbo.compat.gpyopt._models import BOModel as BOModel
