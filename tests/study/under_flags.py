"""A study and the diagnostics of its model in a process of their own, under a JAX setting that a user made.

``python under_flags.py name=value ...`` prints what came out as JSON: every digit of it.
"""

import json
import sys
import warnings


def run():
    import jbo
    import jbo.diagnostics

    space = jbo.Space(x=jbo.Real(-1.0, 1.0), r=jbo.Real(0.1, 10.0, log=True), c=jbo.Categorical("a", "b"))

    def objective(config):
        return (config["x"] - 0.3) ** 2 + 0.1 * config["r"] + (config["c"] == "a")

    strategy = jbo.bayesian(space, num_initial=3)
    with jbo.Study(space, strategy=strategy, seed=5) as study:
        study.optimize(objective, num_trials=6, progress=False)
        outcome = {"trials": [(t.config, t.value) for t in study.trials], "recommended": study.recommended.number}
        found = jbo.diagnostics.importance(study, num_points=64)
        outcome["importance"] = [found.main, found.total]
        outcome["left"] = jbo.diagnostics.improvement_left(study)
    return outcome


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    import jax

    for argument in sys.argv[1:]:
        name, _, value = argument.partition("=")
        jax.config.update(name, json.loads(value))
    print(json.dumps(run()))
