"""The module where GPyOpt defines `SobolDesign`."""

from jbo.compat.gpyopt._experiment_design import SobolDesign as SobolDesign
