"""A study computes in float64 on the CPU and leaves no trace of that in the user's world."""

import logging
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jbo.space import Real, Space
from jbo.strategies import Strategy
from jbo.study import model
from jbo.world import world


class Broken(Strategy):
    def suggest(self, key, state, region):
        raise RuntimeError("broken")


jax.tree_util.register_dataclass(Broken, ["encoding"], ["layout"])


def settings():
    return {
        "jax": dict(jax.config.values),
        "context": (jax.config.jax_enable_x64, jax.config.jax_default_device, jnp.ones(()).dtype, jnp.ones(()).device),
        "numpy": (np.geterr(), np.get_printoptions()),
        "logging": (logging.root.level, logging.root.handlers[:], logging.getLogger("jbo").handlers[:]),
        "warnings": warnings.filters[:],
    }


@pytest.mark.parametrize("x64", [False, True])
def test_the_users_world_is_untouched(make, loss, x64, traces):
    with jax.enable_x64(x64):
        before = settings()

        def objective(config):
            assert settings() == before, "the objective runs in the user's world"
            assert all(type(value) in (float, int, str) for value in config.values())
            return jnp.asarray(loss(config))

        study = make()
        study.optimize(objective, 3)
        assert type(study.recommended.value) is float
        study.strategy = Broken(study.space.encoding)
        with pytest.raises(RuntimeError, match="broken"):
            study.ask()
        assert settings() == before
    assert all(types == (jnp.float64, jnp.float64, jnp.int32) for types in traces)


def test_the_same_suggestions_in_both_worlds(make, outcome):
    with jax.enable_x64(False):
        asked = make().ask(3)
    assert all(float(np.float32(t.config["x"])) != t.config["x"] for t in asked), "points have 53 bits"
    with jax.enable_x64(True), jax.default_prng_impl("rbg"):
        assert outcome(make().ask(3)) == outcome(asked)


def test_a_second_study_of_the_same_structure_compiles_nothing(make, draws, traces):
    def run(low, high, scale_seed, maximize):
        space = Space(p=Real(low, high), q=Real(1.0, 2.0), r=Real(1.0, 2.0))
        study = make(space, strategy=draws(space.encoding), seed=scale_seed, maximize=maximize)
        study.optimize(lambda config: config["p"], 31)
        return study

    run(0.0, 1.0, 0, False)
    assert len(traces) == 1, "once for all trials that fit"
    study = run(-5.0, 7.0, 1, True)
    assert len(traces) == 1
    study.optimize(lambda config: config["p"], 64)
    assert len(traces) == 1
    study.optimize(lambda config: config["p"], 65)
    assert len(traces) == 2, "once more for the next capacity"


def test_the_model_runs_on_the_device_it_is_told(make, monkeypatch):
    devices = []
    real = model.suggest

    def seen(strategy, seed, rows, device, *others):
        with world(device):
            devices.append(jnp.ones(()).device)
        return real(strategy, seed, rows, device, *others)

    monkeypatch.setattr(model, "suggest", seen)
    make().ask()
    make(device=jax.devices()[0]).ask()
    assert devices == [jax.local_devices(backend="cpu")[0], jax.devices()[0]]


def test_without_a_cpu_platform_it_runs_where_jax_runs(make, monkeypatch, outcome):
    expected = outcome([make().ask()])

    def none(**_):
        raise RuntimeError("Unknown backend cpu")

    monkeypatch.setattr(jax, "local_devices", none)
    assert outcome([make().ask()]) == expected
