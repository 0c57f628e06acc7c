"""Where older versions of GPyOpt keep `initial_design`."""

from jbo.compat.gpyopt._experiment_design import initial_design as initial_design
