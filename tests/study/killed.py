"""A study that kills its own process at a chosen instant; run by test_kill.py.

``killed.py PATH STRATEGY MOMENT COUNT`` says on standard output which trials it was told, once they are. ``killed.py``
alone does so for each such line that it reads, in a process that it forks while JAX has not begun anything, which saves
the time of the imports; what is said goes into PATH.said and PATH.errors, and it answers how the process ended.
"""

import os
import signal
import sqlite3
import statistics
import sys
import threading
import time
from pathlib import Path

import jbo
from jbo.study import model
from jbo.study.storage import Storage

SPACE = jbo.Space(
    x=jbo.Real(-1.0, 1.0),
    kind=jbo.Categorical("a", "b"),
    rate=jbo.Real(1e-3, 1.0, log=True, when=("kind", "a")),
)
SEVERAL = [
    jbo.Minimize("loss"),
    jbo.Maximize("speed", reference=0.0),
    jbo.AtMost("memory", 0.8),
    jbo.Cost("hours"),
    jbo.Track("size"),
]
STRATEGIES = {
    "random_search": jbo.random_search(SPACE),
    "bayesian": jbo.bayesian(SPACE, num_initial=4),
    "random_search of several": jbo.random_search(SPACE),
    "bayesian of several": jbo.bayesian(SPACE, num_initial=4),
}
QUEUED = [{"x": 0.1, "kind": "a", "rate": 0.1}, {"x": 0.9, "kind": "b"}]
NUM_TRIALS = 9
SECONDS_IN_WORKER = 0.02


def loss(config):
    if config["x"] > 0.85:
        raise ArithmeticError("diverged")
    return abs(config["x"] - 0.3) + config.get("rate", 0.5)


def several(config):
    """Two objectives, a limit, a cost and a number that is kept; some of the values are missing."""
    values = {"loss": loss(config), "speed": 1.0 - config["x"] ** 2, "memory": abs(config["x"]), "size": 7.0}
    if config["x"] < -0.5:
        values["memory"] = None
    if config["kind"] == "b" and config["x"] < 0.0:
        del values["speed"]
    return jbo.Result(values, cost=1.0 + config["x"], noise={"loss": 0.25})


def objective_of(strategy):
    return several if strategy.endswith("of several") else loss


def open_study(strategy, path=None):
    outcomes = SEVERAL if strategy.endswith("of several") else None
    return jbo.Study(SPACE, strategy=STRATEGIES[strategy], outcomes=outcomes, seed=3, path=path)


def run(study, objective, **options):
    """The whole of a user's script, as it is run again and again."""
    for config in QUEUED:
        study.enqueue(config)
    study.optimize(objective, NUM_TRIALS, **options)


def run_by_hand(study, objective):
    """The same by ask and tell."""
    for config in QUEUED:
        study.enqueue(config)
    while sum(trial.status != "pending" for trial in study.trials) < NUM_TRIALS:
        trial = study.ask()
        try:
            value = objective(trial.config)
        except ArithmeticError as error:
            study.tell(trial, failed=str(error))
        else:
            result = value if isinstance(value, jbo.Result) else jbo.Result(value)
            study.tell(trial, result.value, cost=result.cost, noise=result.noise)


def told(trial):
    """What a trial was told, to the bit, in a line."""
    values = " ".join(f"{name}={value.hex()}" for name, value in sorted(trial.values.items()))
    return f"{trial.number} {trial.status} {values}"


def kill_after(seconds, pid):
    """Kill a process in so many seconds, whatever it does then."""
    threading.Thread(target=lambda: (time.sleep(seconds), os.kill(pid, signal.SIGKILL)), daemon=True).start()


def around(module, name, before=lambda: None, after=lambda: None):
    """Call something before and after a function of the module or object."""
    real = getattr(module, name)

    def wrapped(*args, **options):
        before()
        result = real(*args, **options)
        after()
        return result

    setattr(module, name, wrapped)


def at_statements(call):
    """Call something with each statement of the files that are opened from now on."""
    connect = sqlite3.connect

    def watched(*args, **options):
        connection = connect(*args, **options)
        connection.set_trace_callback(call)
        return connection

    sqlite3.connect = watched


def before_commit_of(statement, call):
    """Call something when a transaction that holds a statement is about to be committed."""
    seen = []

    def trace(sql):
        if sql.startswith("BEGIN"):
            seen.clear()
        seen.append(sql)
        if sql == "COMMIT" and any(s.startswith(statement) for s in seen):
            call()

    at_statements(trace)


def at_lines_of(study, name, call):
    """Call something at each line of `jbo.study` that runs inside of a method of the study."""
    folder = str(Path(jbo.study.__file__).parent)

    def trace(frame, event, _):
        if not frame.f_code.co_filename.startswith(folder):
            return None
        if event == "line":
            call()
        return trace

    around(study, name, before=lambda: sys.settrace(trace), after=lambda: sys.settrace(None))


def in_write(place):
    """Kill this process in the middle of a write: for 7.25 in the seventh, after a quarter of the time they take."""
    starts, seconds = [], []

    def trace(sql):
        if sql.startswith(("INSERT INTO trials", "UPDATE trials SET status")):
            starts.append(time.perf_counter())
            if len(starts) == int(place):
                kill_after((place - int(place)) * statistics.median(seconds), os.getpid())

    def ended():
        if len(starts) > len(seconds):
            seconds.append(time.perf_counter() - starts[-1])

    at_statements(trace)
    for name in ("claim", "insert", "finish"):
        around(Storage, name, after=ended)


def main(path, strategy, moment, count):
    whole, options, calls = objective_of(strategy), {}, []
    objective = whole

    def die():
        calls.append(None)
        if len(calls) == float(count):
            os.kill(os.getpid(), signal.SIGKILL)

    if moment == "before the model":
        around(model, "suggest", before=die)
    elif moment == "after the model":
        around(model, "suggest", after=die)
    elif moment == "asked":
        pass  # below, and so are the lines of ask and tell
    elif moment == "write of ask":
        before_commit_of("INSERT INTO trials", die)
    elif moment == "write of tell":
        before_commit_of("UPDATE trials SET status", die)
    elif moment == "told":
        around(Storage, "finish", after=die)
    elif moment == "objective begins":
        objective = lambda config: (die(), whole(config))[1]  # noqa: E731
    elif moment == "objective ends":
        objective = lambda config: (whole(config), die())[0]  # noqa: E731
    elif moment in ("lines of ask", "lines of tell"):
        pass
    elif moment == "in write":
        in_write(float(count))
    elif moment == "in a worker":  # ``count`` seconds after the third trial began there

        def objective(config, begun=[]):  # noqa: B006  the worker's own
            begun.append(config)
            if len(begun) == 3:
                kill_after(float(count), os.getppid())
            time.sleep(SECONDS_IN_WORKER)
            return whole(config)

        options = {"timeout": 60.0}
    elif moment == "slow":  # killed from outside
        objective = lambda config: (time.sleep(0.002), whole(config))[1]  # noqa: E731
    else:
        raise ValueError(moment)

    def say():
        for trial in study.trials:
            if trial.status != "pending" and trial.number not in said:
                said.add(trial.number)
                print(told(trial), flush=True)

    said, study = set(), open_study(strategy, path)
    if moment == "asked":
        around(study, "ask", after=die)
    elif moment.startswith("lines of"):
        at_lines_of(study, moment.removeprefix("lines of "), die)
    around(study, "tell", after=say)
    print("ready", flush=True)
    (run_by_hand if moment == "asked" or moment.startswith("lines of") else run)(study, objective, **options)
    if moment in ("in write", "in a worker"):
        time.sleep(60)  # the kill is under way
    if moment.startswith("lines of"):
        print(len(calls), flush=True)


def serve():
    for line in sys.stdin:
        arguments = line.rstrip("\n").split("\t")
        pid = os.fork()
        if pid == 0:
            signal.alarm(300)
            for name, stream in (("said", sys.stdout), ("errors", sys.stderr)):
                os.dup2(os.open(f"{arguments[0]}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream.fileno())
            return main(*arguments)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:]) if sys.argv[1:] else serve()
