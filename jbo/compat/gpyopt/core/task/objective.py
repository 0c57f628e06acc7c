"""Where GPyOpt keeps objectives."""

from jbo.compat.gpyopt._objective import SingleObjective as SingleObjective
