"""The module where GPyOpt defines `LatinDesign`."""

from jbo.compat.gpyopt._experiment_design import LatinDesign as LatinDesign
