"""scikit-optimize's Optimizer with its Gaussian process."""

import warnings

from skopt import Optimizer as SkoptOptimizer
from skopt.space import Categorical, Integer, Real


def _dimension(p):
    if p["kind"] == "real":
        return Real(p["low"], p["high"], prior="log-uniform" if p["log"] else "uniform", name=p["name"])
    if p["kind"] == "integer" and p["step"] == 1:
        return Integer(p["low"], p["high"], prior="log-uniform" if p["log"] else "uniform", name=p["name"])
    if p["kind"] == "integer":
        return Integer(0, (p["high"] - p["low"]) // p["step"], name=p["name"])
    if p["kind"] == "ordinal":
        return Integer(0, len(p["values"]) - 1, name=p["name"])
    return Categorical(p["values"], name=p["name"])


def make(method, space, seed, num_evaluations):
    warnings.simplefilter("ignore")
    return Optimizer(space, SkoptOptimizer([_dimension(p) for p in space], "GP", random_state=seed))


class Optimizer:
    def __init__(self, space, optimizer):
        self.space, self.optimizer = space, optimizer

    def load(self, configs, values):
        self.optimizer.tell([[self._number(p, config) for p in self.space] for config in configs], values)

    def _number(self, p, config):
        if p["name"] not in config:
            return p["values"][0] if p["kind"] == "category" else 0 if p["kind"] == "ordinal" else p["low"]
        value = config[p["name"]]
        if p["kind"] == "integer" and p["step"] != 1:
            return (value - p["low"]) // p["step"]
        return p["values"].index(value) if p["kind"] == "ordinal" else value

    def ask(self):
        self.x = self.optimizer.ask()
        config = {}
        for p, number in zip(self.space, self.x, strict=True):
            if p["when"] is None or config.get(p["when"][0]) in p["when"][1]:
                config[p["name"]] = _value(p, number)
        return config

    def tell(self, value):
        self.optimizer.tell(self.x, value)


def _value(p, number):
    if p["kind"] == "real":
        return float(number)
    if p["kind"] == "integer":
        return int(number) if p["step"] == 1 else p["low"] + int(number) * p["step"]
    # A number among the choices is returned as a NumPy scalar, which JSON cannot hold.
    return p["values"][int(number) if p["kind"] == "ordinal" else p["values"].index(number)]
