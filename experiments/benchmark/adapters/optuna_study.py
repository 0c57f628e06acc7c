"""Optuna's Gaussian process and tree-structured Parzen estimator, with default settings except for ``group``."""

import warnings

import optuna


def make(method, space, seed, num_evaluations, outcomes=None):
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if method == "gp":
        sampler = optuna.samplers.GPSampler(seed=seed)
    else:
        # Without groups the parameters of a conditional space would be sampled one by one.
        is_conditional = any(p["when"] for p in space)
        sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, group=is_conditional)
    if outcomes is not None:
        num_objectives = sum(not o["is_limit"] for o in outcomes)
        study = optuna.create_study(sampler=sampler, directions=["minimize"] * num_objectives)
        return OfOutcomes(study, space, outcomes)
    return Optimizer(optuna.create_study(sampler=sampler), space)


class Optimizer:
    def __init__(self, study, space):
        self.study, self.space = study, space

    def load(self, configs, values):
        for config, value in zip(configs, values, strict=True):
            active = [p for p in self.space if p["name"] in config]
            self.study.add_trial(
                optuna.trial.create_trial(
                    params={p["name"]: _raw(p, config[p["name"]]) for p in active},
                    distributions={p["name"]: _distribution(p) for p in active},
                    value=value,
                )
            )

    def ask(self):
        self.trial = self.study.ask()
        config = {}
        for p in self.space:
            if p["when"] is None or config.get(p["when"][0]) in p["when"][1]:
                config[p["name"]] = _suggest(self.trial, p)
        return config

    def tell(self, value):
        self.study.tell(self.trial, value)


class OfOutcomes(Optimizer):
    def __init__(self, study, space, outcomes):
        super().__init__(study, space)
        self.outcomes = outcomes

    def tell(self, value):
        for o in self.outcomes:
            if o["is_limit"]:
                self.trial.set_constraint(o["name"], value[o["name"]])
        self.study.tell(self.trial, [value[o["name"]] for o in self.outcomes if not o["is_limit"]])


def _raw(p, value):
    return p["values"].index(value) if p["kind"] == "ordinal" else value


def _distribution(p):
    if p["kind"] == "real":
        return optuna.distributions.FloatDistribution(p["low"], p["high"], log=p["log"])
    if p["kind"] == "integer":
        return optuna.distributions.IntDistribution(p["low"], p["high"], log=p["log"], step=p["step"])
    if p["kind"] == "ordinal":
        return optuna.distributions.IntDistribution(0, len(p["values"]) - 1)
    return optuna.distributions.CategoricalDistribution(p["values"])


def _suggest(trial, p):
    if p["kind"] == "real":
        return trial.suggest_float(p["name"], p["low"], p["high"], log=p["log"])
    if p["kind"] == "integer":
        return trial.suggest_int(p["name"], p["low"], p["high"], log=p["log"], step=p["step"])
    if p["kind"] == "ordinal":
        return p["values"][trial.suggest_int(p["name"], 0, len(p["values"]) - 1)]
    return trial.suggest_categorical(p["name"], p["values"])
