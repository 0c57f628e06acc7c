"""Where GPyOpt keeps `SobolDesign`."""

from jbo.compat.gpyopt._experiment_design import SobolDesign as SobolDesign
