"""GPyOpt's errors by name; each is the error that is raised here."""

from jbo.study import SpaceExhausted

InvalidConfigError = InvalidVariableNameError = ValueError
"""What is wrong with an argument, so that a program that catches GPyOpt's errors catches these."""
FullyExploredOptimizationDomainError = SpaceExhausted
"""Every point of a discrete domain has been tried."""
