"""Where GPyOpt keeps `Sequential`."""

from jbo.compat.gpyopt._evaluators import Sequential as Sequential
