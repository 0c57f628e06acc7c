"""A study that kills its own process at a chosen instant; run by test_kill.py.

``killed.py PATH STRATEGY MOMENT COUNT`` says on standard output which trials it was told, once they are.
"""

import itertools
import os
import signal
import sys
import time

import jbo
import jbo.study._study

SPACE = jbo.Space(
    x=jbo.Real(-1.0, 1.0),
    kind=jbo.Categorical("a", "b"),
    rate=jbo.Real(1e-3, 1.0, log=True, when=("kind", "a")),
)
STRATEGIES = {
    "random_search": jbo.random_search(SPACE),
    "bayesian": jbo.bayesian(SPACE, num_initial=4),
}
QUEUED = [{"x": 0.1, "kind": "a", "rate": 0.1}, {"x": 0.9, "kind": "b"}]
NUM_TRIALS = 9


def loss(config):
    if config["x"] > 0.85:
        raise ArithmeticError("diverged")
    return abs(config["x"] - 0.3) + config.get("rate", 0.5)


def open_study(strategy, path=None):
    return jbo.Study(SPACE, strategy=STRATEGIES[strategy], maximize=False, seed=3, path=path)


def run(study, objective=loss):
    """The whole of a user's script, as it is run again and again."""
    for config in QUEUED:
        study.enqueue(config)
    study.optimize(objective, NUM_TRIALS)


def at(count):
    """A function that kills this process when it is called for the ``count``-th time."""
    calls = itertools.count(1)

    def call():
        if next(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)

    return call


def around(module, name, before=lambda: None, after=lambda: None):
    """Call something before and after a function of the module or object."""
    real = getattr(module, name)

    def wrapped(*args, **options):
        before()
        result = real(*args, **options)
        after()
        return result

    setattr(module, name, wrapped)


def before_commit_of(study, statement, call):
    """Call something when a transaction that holds a statement is about to be committed."""
    seen = []

    def trace(sql):
        if sql.startswith("BEGIN"):
            seen.clear()
        seen.append(sql)
        if sql == "COMMIT" and any(s.startswith(statement) for s in seen):
            call()

    study._storage._connection.set_trace_callback(trace)


def main(path, strategy, moment, count):
    study = open_study(strategy, path)
    die = at(int(count))
    objective = loss
    if moment == "before the model":
        around(jbo.study._study, "suggest", before=die)
    elif moment == "after the model":
        around(jbo.study._study, "suggest", after=die)
    elif moment == "asked":
        around(study, "_ask", after=die)
    elif moment == "write of ask":
        before_commit_of(study, "INSERT INTO trials", die)
    elif moment == "write of tell":
        before_commit_of(study, "UPDATE trials SET status", die)
    elif moment == "told":
        around(study._storage, "finish", after=die)
    elif moment == "objective begins":
        objective = lambda config: (die(), loss(config))[1]  # noqa: E731
    elif moment == "objective ends":
        objective = lambda config: (loss(config), die())[0]  # noqa: E731
    elif moment == "slow":  # killed from outside
        objective = lambda config: (time.sleep(0.002), loss(config))[1]  # noqa: E731
    else:
        raise ValueError(moment)

    def say():
        for trial in study.trials:
            if trial.status != "pending" and trial.number not in said:
                said.add(trial.number)
                print(trial.number, trial.status, trial.value and trial.value.hex(), flush=True)

    said = set()
    around(study, "tell", after=say)
    print("ready", flush=True)
    run(study, objective)


if __name__ == "__main__":
    main(*sys.argv[1:])
