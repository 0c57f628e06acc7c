"""GPyOpt's errors. What is wrong with an argument is a `ValueError` here."""

from jbo.study import SpaceExhausted


class InvalidConfigError(ValueError):
    """Named by programs; jbo raises the `ValueError` that it is."""


class InvalidVariableNameError(ValueError):
    """Named by programs; jbo raises the `ValueError` that it is."""


FullyExploredOptimizationDomainError = SpaceExhausted
"""Every point of a discrete domain has been tried."""
