"""A strategy that knows no model, spaces and studies for the tests of the study."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jbo.encoding import snap
from jbo.space import Categorical, Integer, Real, Space
from jbo.strategies import AskInfo, Strategy
from jbo.study import Study, owner
from jbo.study.storage import Storage
from jbo.types import EMPTY

traces = []
"""Types of the rows at each trace of `Draws.ask`: one entry a compilation."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Draws(Strategy):
    """Uniform points, a function of the key and of the number of rows; tells when ``num_new`` rows are filled."""

    num_new: float = float("inf")

    def suggest(self, key, state, region):
        traces.append((state.x.dtype, state.y.dtype, state.status.dtype))
        num_rows = jnp.sum(state.status != EMPTY)
        x = jax.random.uniform(jax.random.fold_in(key, num_rows), state.x.shape[1:], state.x.dtype)
        return snap(self.encoding, x), AskInfo(num_rows < self.num_new)


@pytest.fixture
def space():
    return Space(
        x=Real(-1.0, 1.0), n=Integer(1, 5), c=Categorical("a", "b"), m=Real(0.1, 10.0, log=True, when=("c", "a"))
    )


@pytest.fixture(name="traces")
def _traces():
    del traces[:]
    return traces


@pytest.fixture
def draws():
    """The strategy of these tests."""
    return Draws


@pytest.fixture
def make(space):
    """Studies with that strategy, closed at the end of the test."""
    opened = []

    def make(space=space, **options):
        opened.append(Study(space, **{"strategy": Draws(space.encoding), "seed": 0, **options}))
        return opened[-1]

    yield make
    for study in opened:
        study.close()


@pytest.fixture
def die(monkeypatch):
    """End a study as a kill does: nothing is given back, and its process is gone."""
    life, current = 0, owner.current
    monkeypatch.setattr(owner, "current", lambda: current()._replace(started=f"life {life}"))

    def die(study):
        nonlocal life
        life += 1
        close_as_killed(study)

    return die


def close_as_killed(study):
    """Close the file of a study as the end of its process does: nothing is given back."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Storage, "release", lambda *_: None)
        study.close()


def outcome(trials):
    """What two equal studies share: all but the times."""
    return [(t.number, t.config, t.status, t.values if t.is_of_several else t.value, t.failure) for t in trials]


@pytest.fixture(name="outcome")
def _outcome():
    return outcome


@pytest.fixture
def loss():
    """An objective without noise."""

    def loss(config):
        return (config["x"] - 0.3) ** 2 + config["n"] + 0.1 * np.log(config.get("m", 1.0)) ** 2

    return loss
