"""The module where older versions of GPyOpt define `initial_design`."""

from jbo.compat.gpyopt._experiment_design import initial_design as initial_design
