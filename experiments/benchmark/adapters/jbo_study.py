"""jbo, run through the same pipes as the other libraries."""

import dataclasses

import jbo
from jbo.strategies import Schedule


def always_fitted(space):
    """The default, but with a fit to all results at every ask; a fit has a warm start where the default has one."""
    return dataclasses.replace(jbo.bayesian(space), schedule=Schedule(first=None))


STRATEGIES = {
    "bayesian": jbo.bayesian,
    "always_fitted": always_fitted,
    "forest": lambda space: jbo.bayesian(space, surrogate=jbo.forest()),
    "parzen": jbo.parzen,
    "trust_region": jbo.trust_region,
    "random": jbo.random_search,
    "sobol": jbo.sobol_search,
}


def _parameter(described):
    when = described["when"]
    when = None if when is None else (when[0], set(when[1]))
    if described["kind"] == "real":
        return jbo.Real(described["low"], described["high"], log=described["log"], when=when)
    if described["kind"] == "integer":
        options = {"log": True} if described["log"] else {"step": described["step"]}
        return jbo.Integer(described["low"], described["high"], when=when, **options)
    kind = jbo.Ordinal if described["kind"] == "ordinal" else jbo.Categorical
    return kind(*described["values"], when=when)


def space_of(described):
    """The space that corresponds to its description for other processes."""
    return jbo.Space({parameter["name"]: _parameter(parameter) for parameter in described})


def make(method, space, seed, num_evaluations, outcomes=None):
    jbo.use_compile_cache()  # as scripts do
    space = space_of(space)
    strategy = STRATEGIES[method](space)
    if outcomes is None:
        return Optimizer(jbo.Study(space, strategy=strategy, seed=seed))
    kinds = [
        jbo.AtMost(o["name"], 0.0) if o["is_limit"] else jbo.Minimize(o["name"], reference=o["reference"])
        for o in outcomes
    ]
    return Optimizer(jbo.Study(space, outcomes=kinds, strategy=strategy, seed=seed))


class Optimizer:
    def __init__(self, study):
        self.study = study

    def load(self, configs, values):
        for config, value in zip(configs, values, strict=True):
            self.study.tell(config, value)

    def ask(self):
        self.trial = self.study.ask()
        return self.trial.config

    def tell(self, value):
        self.study.tell(self.trial, value)

    def recommend(self):
        return self.study.recommended.config
