"""The module where GPyOpt defines `ModularBayesianOptimization`."""

from jbo.compat.gpyopt._methods import ModularBayesianOptimization as ModularBayesianOptimization
