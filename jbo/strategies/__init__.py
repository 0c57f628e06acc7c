"""Search strategies: ``init``, ``ask``, ``pend`` and ``tell`` over arrays."""

from jbo.renamed import renamed
from jbo.strategies._bayesian import Bayesian as Bayesian
from jbo.strategies._bayesian import BayesianInfo as BayesianInfo
from jbo.strategies._bayesian import Fitted as Fitted
from jbo.strategies._classifier import Classifier as Classifier
from jbo.strategies._cost import CostWeight as CostWeight
from jbo.strategies._cost import KnownCost as KnownCost
from jbo.strategies._cost import LearntCost as LearntCost
from jbo.strategies._default import bayesian as bayesian
from jbo.strategies._limits import Feasible as Feasible
from jbo.strategies._model_strategy import ModelStrategy as ModelStrategy
from jbo.strategies._multi_objective import MultiObjective as MultiObjective
from jbo.strategies._parzen import Parzen as Parzen
from jbo.strategies._parzen import ParzenInfo as ParzenInfo
from jbo.strategies._parzen import parzen as parzen
from jbo.strategies._searches import GridSearch as GridSearch
from jbo.strategies._searches import grid_search as grid_search
from jbo.strategies._searches import random_search as random_search
from jbo.strategies._searches import sobol_search as sobol_search
from jbo.strategies._strategy import AskInfo as AskInfo
from jbo.strategies._strategy import Strategy as Strategy
from jbo.strategies._transform import Units as Units
from jbo.strategies._trust_region import TrustRegion as TrustRegion
from jbo.strategies._trust_region import trust_region as trust_region
from jbo.strategies.fits import Schedule as Schedule
from jbo.strategies.weights import BeliefWeight as BeliefWeight
from jbo.strategies.weights import Success as Success
from jbo.strategies.weights import Weight as Weight

__getattr__ = renamed(__name__, {"Cost": ("jbo.strategies.CostWeight", CostWeight)})
