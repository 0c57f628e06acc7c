"""Where GPyOpt keeps `LatinDesign`."""

from jbo.compat.gpyopt._experiment_design import LatinDesign as LatinDesign
