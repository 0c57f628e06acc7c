"""One study of mixed parameters with failures, and what its model believes, shared by the tests that look at it."""

import numpy as np
import pytest

import jbo
from jbo.diagnostics import view_model

SPACE = jbo.Space(
    rate=jbo.Real(1e-4, 1e0, log=True), layers=jbo.Integer(1, 6), kind=jbo.Categorical("a", "b"), idle=jbo.Real(0, 1)
)


def accuracy(config):
    """Higher is better; the best is 0.9 at rate 0.01, 4 layers and kind a. ``idle`` does nothing."""
    of_kind = 0.1 * (config["kind"] == "b")
    return 0.9 - 0.1 * (np.log10(config["rate"]) + 2) ** 2 - 0.02 * (config["layers"] - 4) ** 2 - of_kind


def fill(study, num_trials=40, seed=0):
    """Random trials; those with a rate above 0.2 fail."""
    rng = np.random.default_rng(seed)
    for _ in range(num_trials):
        config = SPACE.decode(rng.random(len(SPACE)))
        if config["rate"] > 0.2:
            study.tell(config, failed="diverged")
        else:
            study.tell(config, accuracy(config))
    return study


@pytest.fixture(scope="session")
def study():
    with jbo.Study(SPACE, maximize=True, seed=0) as study:
        yield fill(study)


@pytest.fixture(scope="session")
def view(study):
    return view_model(study)
