"""Where GPyOpt keeps `BayesianOptimization`."""

from jbo.compat.gpyopt._methods import BayesianOptimization as BayesianOptimization
