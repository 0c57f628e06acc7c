"""The weights of a strategy by their kind."""

from jbo.strategies import Classifier, CostWeight


def place_of(strategy, kind):
    """The index of the weight of a kind; None if there is none."""
    return next((i for i, weight in enumerate(strategy.weights) if isinstance(weight, kind)), None)


def classifier_of(strategy):
    place = place_of(strategy, Classifier)
    return None if place is None else strategy.weights[place]


def cost_of(strategy):
    place = place_of(strategy, CostWeight)
    return None if place is None else strategy.weights[place]


def log_cost_of(strategy, params, state):
    """The log cost as a function of a point, with parameters from `Bayesian.fit`."""
    cost = cost_of(strategy)
    return cost.log_cost(params.weights[place_of(strategy, CostWeight)], state) if strategy.learns_cost else cost
