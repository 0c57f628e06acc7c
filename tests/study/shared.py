"""One of several processes that work on one study file; run by test_faults.py.

``shared.py PATH K`` says in the file ``told K`` which results it told. The first one is killed at its fifth trial.
"""

import sys
import time
from pathlib import Path

import jbo

PATH, K = Path(sys.argv[1]), sys.argv[2]
SPACE = jbo.Space(x=jbo.Real(0, 1))
count = 0


def objective(config):
    global count
    count += 1
    Path(f"{K} has begun {count}").touch()
    while K == "0" and count == 5:
        time.sleep(0.01)
    while not Path("go").exists() and count > 20:
        time.sleep(0.01)
    return config["x"]


def say(trial):
    with open(f"told {K}", "a") as file:
        print(trial.number, repr(trial.value), file=file)


with jbo.Study(SPACE, strategy=jbo.random_search(SPACE), path=PATH, seed=0) as study:
    study.optimize(objective, 60, on_trial_end=say)
