"""The module where GPyOpt defines `ExperimentDesign`."""

from jbo.compat.gpyopt._experiment_design import ExperimentDesign as ExperimentDesign
