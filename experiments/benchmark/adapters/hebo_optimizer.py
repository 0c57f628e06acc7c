"""HEBO with the defaults of its package."""

import math
import warnings

import numpy as np
import pandas as pd
import torch
from hebo.design_space.design_space import DesignSpace
from hebo.optimizers.hebo import HEBO


def make(method, space, seed, num_evaluations):
    warnings.simplefilter("ignore")
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (what HEBO draws from)
    return Optimizer(space, seed)


class Rows:
    """Passes ordered levels to HEBO as whole numbers; an inactive parameter gets a value that has no effect."""

    def ask(self):
        self.row = self.hebo.suggest(n_suggestions=1)
        config = {}
        for p in self.space:
            if p["when"] is None or config.get(p["when"][0]) in p["when"][1]:
                config[p["name"]] = _value(p, self.row.iloc[0][p["name"]])
        return config


class Optimizer(Rows):
    def __init__(self, space, seed):
        self.space = space
        self.hebo = HEBO(DesignSpace().parse([dimension(p) for p in space]), scramble_seed=seed)

    def load(self, configs, values):
        rows = [{p["name"]: _number(p, config) for p in self.space} for config in configs]
        self.hebo.observe(pd.DataFrame(rows), np.array(values)[:, None])

    def tell(self, value):
        self.hebo.observe(self.row, np.array([[value]]))


def dimension(p):
    if p["kind"] == "category":
        return {"name": p["name"], "type": "cat", "categories": [str(i) for i in range(len(p["values"]))]}
    if p["kind"] == "ordinal":
        return {"name": p["name"], "type": "int", "lb": 0, "ub": len(p["values"]) - 1}
    if p["kind"] == "integer" and not p["log"]:
        return {"name": p["name"], "type": "int", "lb": 0, "ub": (p["high"] - p["low"]) // p["step"]}
    kind = {"real": ("num", "pow"), "integer": ("int", "pow_int")}[p["kind"]][p["log"]]
    return {"name": p["name"], "type": kind, "lb": p["low"], "ub": p["high"], "base": math.e}


def _number(p, config):
    if p["name"] not in config:
        return "0" if p["kind"] == "category" else 0 if p["kind"] == "ordinal" else p["low"]
    value = config[p["name"]]
    if p["kind"] == "category":
        return str(p["values"].index(value))
    if p["kind"] == "ordinal":
        return p["values"].index(value)
    return (value - p["low"]) // p["step"] if p["kind"] == "integer" and not p["log"] else value


def _value(p, number):
    if p["kind"] in ("category", "ordinal"):
        return p["values"][int(number)]
    if p["kind"] == "integer":
        return int(round(number)) if p["log"] else p["low"] + int(number) * p["step"]
    return float(number)
