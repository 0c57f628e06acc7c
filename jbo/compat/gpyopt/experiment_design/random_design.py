"""The module where GPyOpt defines `RandomDesign`."""

from jbo.compat.gpyopt._experiment_design import RandomDesign as RandomDesign
