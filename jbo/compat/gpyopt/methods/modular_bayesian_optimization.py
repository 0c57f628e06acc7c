"""Where GPyOpt keeps `ModularBayesianOptimization`."""

from jbo.compat.gpyopt._methods import ModularBayesianOptimization as ModularBayesianOptimization
