"""GPyOpt's ways to begin an optimisation."""

from jbo.compat.gpyopt._methods import BayesianOptimization as BayesianOptimization
from jbo.compat.gpyopt._methods import ModularBayesianOptimization as ModularBayesianOptimization
