"""The module where GPyOpt defines `GridDesign`."""

from jbo.compat.gpyopt._experiment_design import GridDesign as GridDesign
