"""One of several processes that work on one study in a database; run by test_postgres.py.

``shared.py ADDRESS K NUM_TRIALS`` says in the file ``told K`` which results it told. Each waits in its third trial for
a file ``go``; process 0 is killed there.
"""

import sys
import time
from pathlib import Path

import optuna
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.study import MaxTrialsCallback
from optuna.trial import TrialState

from jbo.integrations.optuna import JBOSampler

ADDRESS, K, NUM_TRIALS = sys.argv[1:]
begun = []


def objective(trial):
    x, kind = trial.suggest_float("x", -1.0, 1.0), trial.suggest_categorical("kind", ["a", "b"])
    begun.append(trial.number)
    Path(f"{K} has begun {len(begun)}").write_text(str(trial.number))
    while len(begun) == 3 and not Path("go").exists():
        time.sleep(0.01)
    return (x - 0.3) ** 2 + 0.1 * (kind == "b")


def say(study, trial):
    with open(f"told {K}", "a") as file:
        print(trial.number, repr(trial.value), file=file)


optuna.logging.set_verbosity(optuna.logging.ERROR)
# Whose process beats no more has failed, and whoever asks next runs its configuration again.
storage = RDBStorage(
    ADDRESS, heartbeat_interval=1, grace_period=5, failed_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=1)
)
study = optuna.load_study(storage=storage, study_name="shared", sampler=JBOSampler(seed=0))
study.optimize(objective, callbacks=[say, MaxTrialsCallback(int(NUM_TRIALS), states=(TrialState.COMPLETE,))])
