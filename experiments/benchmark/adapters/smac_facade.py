"""SMAC3's facade for hyperparameters: a random forest on log-scaled costs, log-EI, local search."""

import logging
import tempfile
import warnings
from pathlib import Path

import ConfigSpace as cs
import numpy as np
from smac import HyperparameterOptimizationFacade, Scenario
from smac.multi_objective.parego import ParEGO
from smac.runhistory import TrialInfo, TrialValue


def make(method, space, seed, num_evaluations, outcomes=None):
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    if outcomes is not None and any(o["is_limit"] for o in outcomes):
        raise ValueError("SMAC3 has no limits on what is measured")
    return Optimizer(space, seed, num_evaluations, [o["name"] for o in outcomes] if outcomes else None)


class Optimizer:
    def __init__(self, space, seed, num_evaluations, objectives=None):
        self.space, self.configspace = space, cs.ConfigurationSpace(seed=seed)
        self.configspace.add([_hyperparameter(p) for p in space])
        self.configspace.add([self._condition(p) for p in space if p["when"]])
        scenario = Scenario(
            self.configspace,
            name=str(seed),
            objectives=objectives or "cost",
            output_directory=Path(tempfile.mkdtemp()),
            deterministic=True,
            n_trials=num_evaluations,
            seed=seed,
        )
        several = {"multi_objective_algorithm": ParEGO(scenario)} if objectives else {}
        self.objectives = objectives
        self.smac = HyperparameterOptimizationFacade(scenario, lambda config, seed=0: 0.0, overwrite=True, **several)

    def _condition(self, p):
        parent, values = p["when"]
        return cs.InCondition(self.configspace[p["name"]], self.configspace[parent], values)

    def load(self, configs, values):
        for config, value in zip(configs, values, strict=True):
            whole = cs.Configuration(self.configspace, values=config)
            self.smac.tell(TrialInfo(whole, seed=self.smac.scenario.seed), TrialValue(cost=value))

    def ask(self):
        self.info = self.smac.ask()
        return {name: _plain(value) for name, value in dict(self.info.config).items()}

    def tell(self, value):
        cost = [value[name] for name in self.objectives] if self.objectives else value
        self.smac.tell(self.info, TrialValue(cost=cost))


def _hyperparameter(p):
    if p["kind"] == "real":
        return cs.Float(p["name"], (p["low"], p["high"]), log=p["log"])
    if p["kind"] == "integer" and p["step"] == 1:
        return cs.Integer(p["name"], (p["low"], p["high"]), log=p["log"])
    if p["kind"] == "category":
        return cs.Categorical(p["name"], p["values"])
    values = p["values"] if p["kind"] == "ordinal" else list(range(p["low"], p["high"] + 1, p["step"]))
    return cs.OrdinalHyperparameter(p["name"], values)


def _plain(value):
    return value.item() if isinstance(value, np.generic) else value
