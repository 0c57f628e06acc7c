"""JAX settings of the user reach the user's code and not jbo's own programs."""

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jbo.encoding import snap
from jbo.strategies import AskInfo, Strategy
from jbo.study import programs
from jbo.types import EMPTY
from jbo.world import SETTINGS, world

SCRIPT = Path(__file__).with_name("under_flags.py")

FLAGS = [
    "jax_disable_jit=true",
    "jax_enable_x64=true",
    'jax_numpy_rank_promotion="raise"',
    'jax_numpy_dtype_promotion="strict"',
    'jax_default_matmul_precision="bfloat16"',
    'jax_default_prng_impl="rbg"',
    "jax_threefry_partitionable=false",
    "jax_enable_custom_prng=true",
    "jax_random_seed_offset=7",
    'jax_legacy_prng_key="error"',
    "jax_debug_key_reuse=true",
    "jax_debug_nans=true",
    "jax_debug_infs=true",
    "jax_check_tracer_leaks=true",
    "jax_enable_checks=true",
    "jax_softmax_custom_jvp=true",
    "jax_use_direct_linearize=false",
    "jax_use_simplified_jaxpr_constants=true",
    "jax_use_shardy_partitioner=false",
    "jax_explain_cache_misses=true",
    "jax_log_compiles=true",
    'jax_optimization_level="O0"',
    "jax_exec_time_optimization_effort=-1.0",
    "jax_disable_most_optimizations=true",
    'jax_transfer_guard="disallow"',
    'jax_platforms="cpu"',
    "jax_num_cpu_devices=4",
]
"""What a user may set for a process, and what alters numbers, tracing or randomness or forbids a step."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Sensitive(Strategy):
    """Points that depend on precision, on random bits and on whether a step is allowed."""

    def suggest(self, key, state, region):
        num_rows = jnp.sum(state.status != EMPTY)
        bits = jax.random.normal(jax.random.fold_in(key, num_rows), (4, 4), state.x.dtype)
        mixed = jnp.ones(4, jnp.float32) + bits @ bits + jax.random.uniform(jax.random.key(3), (2, 1, 4))
        nothing = jnp.where(jnp.isnan(jnp.zeros(()) / jnp.zeros(())), 0.0, 1.0)
        x = jax.nn.sigmoid(mixed[0, 0])[: state.x.shape[1]] + nothing
        return snap(self.encoding, x.astype(state.x.dtype)), AskInfo(num_rows >= 0)


def asked(make, space, outcome):
    programs.forget()  # they are compiled under the settings of this call
    return outcome(make(strategy=Sensitive(space.encoding)).ask(3))


@pytest.mark.parametrize(
    "setting",
    [
        lambda: jax.disable_jit(),
        lambda: jax.numpy_rank_promotion("raise"),
        lambda: jax.numpy_dtype_promotion("strict"),
        lambda: jax.default_matmul_precision("bfloat16"),
        lambda: jax.threefry_partitionable(False),
        lambda: jax.debug_nans(True),
        lambda: jax.transfer_guard("disallow"),
        lambda: jax.check_tracer_leaks(),
    ],
)
def test_a_setting_of_the_user_changes_no_suggestion(make, space, outcome, setting):
    expected = asked(make, space, outcome)
    with setting():
        assert asked(make, space, outcome) == expected


def test_the_context_leaves_every_setting_as_it_was():
    names = [name for name in SETTINGS if name in jax.config.values]
    assert len(names) > 20, "this version of JAX knows the settings by these names"

    def now():
        return [getattr(jax.config, name, None) for name in names]

    with contextlib.ExitStack() as stack:
        for setting in (jax.disable_jit(), jax.debug_nans(True), jax.numpy_rank_promotion("raise")):
            stack.enter_context(setting)
        before = now()
        with world(None):
            assert (jnp.ones(3) + jnp.ones((2, 3)) * np.nan).dtype == jnp.float64
            assert now() != before
        assert now() == before


def printed(*arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, env=environment, timeout=600
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def without():
    return printed()


@pytest.mark.thorough
@pytest.mark.parametrize("flag", FLAGS)
def test_a_process_under_a_flag_finds_the_same_to_the_last_digit(without, flag):
    assert printed(flag) == without
