"""GPyOpt's BayesianOptimization with its defaults: Matérn 5/2 with one lengthscale, expected improvement."""

import warnings

import numpy as np
from GPyOpt.methods import BayesianOptimization

from experiments.benchmark.adapters.columns import place, value_at

NUM_INITIAL = 5
_MOST_LEVELS = 64
"""A number with more levels is a continuous variable that is rounded."""


def make(method, space, seed, num_evaluations):
    warnings.simplefilter("ignore")
    np.random.seed(seed)  # noqa: NPY002 (what GPyOpt draws from)
    return Optimizer(space, seed)


class Optimizer:
    """Does what a user of GPyOpt has to do: it scales numbers to the unit cube, on a log scale if they have one."""

    def __init__(self, space, seed):
        self.rng = np.random.default_rng(seed)
        self.space, self.x, self.y = space, [], []
        self.domain = [_variable(p) for p in space]

    def load(self, configs, values):
        self.x += [self._row(config) for config in configs]
        self.y += values

    def _row(self, config):
        row = []
        for p, variable in zip(self.space, self.domain, strict=True):
            if p["name"] not in config:
                row.append(0.5 if variable["type"] == "continuous" else variable["domain"][0])
            elif p["kind"] == "category":
                row.append(float(p["values"].index(config[p["name"]])))
            else:
                row.append(place(p, config[p["name"]]))
        return row

    def ask(self):
        if len(self.y) < NUM_INITIAL:
            row = [
                self.rng.uniform() if v["type"] == "continuous" else self.rng.choice(v["domain"]) for v in self.domain
            ]
        else:
            x, y = np.array(self.x), np.array(self.y)[:, None]
            row = BayesianOptimization(None, self.domain, X=x, Y=y).suggest_next_locations()[0]
        self.config = {}
        for p, number in zip(self.space, row, strict=True):
            if p["when"] is None or self.config.get(p["when"][0]) in p["when"][1]:
                is_category = p["kind"] == "category"
                self.config[p["name"]] = p["values"][int(number)] if is_category else value_at(p, [number])
        return self.config

    def tell(self, value):
        self.load([self.config], [value])


def _variable(p):
    if p["kind"] == "category":
        return {"name": p["name"], "type": "categorical", "domain": tuple(range(len(p["values"])))}
    if p["kind"] == "ordinal":
        places = np.linspace(0, 1, len(p["values"]))
    elif p["kind"] == "integer" and (p["high"] - p["low"]) // p["step"] < _MOST_LEVELS:
        levels = range(p["low"], p["high"] + 1, p["step"])
        places = [place(p, level) for level in levels]
    else:
        return {"name": p["name"], "type": "continuous", "domain": (0.0, 1.0)}
    return {"name": p["name"], "type": "discrete", "domain": tuple(float(u) for u in places)}
