"""The module where GPyOpt defines `Sequential`."""

from jbo.compat.gpyopt._evaluators import Sequential as Sequential
