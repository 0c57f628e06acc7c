"""The module where GPyOpt defines `BayesianOptimization`."""

from jbo.compat.gpyopt._methods import BayesianOptimization as BayesianOptimization
