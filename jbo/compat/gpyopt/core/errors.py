"""The names of GPyOpt's errors; each is an alias of the error that jbo raises."""

from jbo.study import SpaceExhausted

InvalidConfigError = InvalidVariableNameError = ValueError
"""Raised for an invalid argument. The aliases let a program that catches GPyOpt's errors catch those of jbo."""
FullyExploredOptimizationDomainError = SpaceExhausted
"""Every point of a discrete domain has been tried."""
