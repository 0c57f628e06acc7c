"""A script without a main guard whose study runs in two workers; run by test_workers.py.

``overworked.py FOLDER NUM_TRIALS MOMENT``: at the moment ``wait`` every objective waits until FOLDER has a file ``go``.
"""

import os
import signal
import sys
import time
from pathlib import Path

import jax

import jbo

# Ctrl-C counts as in a terminal, even where the tests were started in the background, which ignores it.
signal.signal(signal.SIGINT, signal.default_int_handler)
FOLDER, NUM_TRIALS, MOMENT = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]


@jax.jit
def square(x):
    with (FOLDER / f"traced {os.getpid()}").open("a") as file:
        file.write("once\n")
    return x * x


def objective(config):
    (FOLDER / f"worker {os.getpid()}").touch()
    while MOMENT == "wait" and not (FOLDER / "go").exists():
        time.sleep(0.01)
    return square(config["x"])


space = jbo.Space(x=jbo.Real(-1.0, 1.0))
with jbo.Study(space, strategy=jbo.random_search(space), seed=0, path=FOLDER / "study.db") as study:
    study.optimize(objective, NUM_TRIALS, workers=2, progress=False)
    study.optimize(lambda config: float(NUM_TRIALS), NUM_TRIALS + 1, workers=2, progress=False)
    print(*(trial.status for trial in study.trials))
