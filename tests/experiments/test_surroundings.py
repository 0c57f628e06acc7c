"""The small parts around an experiment: clocks, the cache of programs, settings that are held."""

import stat
import time

import jax
import jax.numpy as jnp
import pytest

from experiments.clock import Clock, compile_clock
from experiments.settings import hold_settings
from jbo import use_compile_cache


def test_a_clock_counts_calls_that_return_and_calls_that_raise():
    clock = Clock()

    @clock.timed
    def wait(is_bad):
        time.sleep(0.05)
        if is_bad:
            raise KeyError
        return "done"

    assert wait(False) == "done"
    with pytest.raises(KeyError):
        wait(True)
    assert 0.1 <= clock.seconds < 1


def test_the_compile_clock_counts_compiling_and_nothing_after_its_block():
    with compile_clock() as clock:
        jax.jit(lambda x: jnp.sin(x) * 3)(1.0)
    counted = clock.seconds
    assert counted > 0
    jax.jit(lambda x: jnp.sin(x) * 4)(1.0)
    assert clock.seconds == counted


def test_the_cache_of_programs_is_private_to_its_owner(tmp_path):
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {name: getattr(jax.config, name) for name in names}
    try:
        loose = tmp_path / "xla"
        loose.mkdir(mode=0o755)
        folder = use_compile_cache(loose)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert jax.config.jax_compilation_cache_dir == str(folder)
    finally:
        for name, value in before.items():
            jax.config.update(name, value)


def test_settings_are_written_once_and_compared_afterwards(tmp_path):
    path = tmp_path / "settings.json"
    hold_settings(path, {"task": "cnn", "seed": 0})
    hold_settings(path, {"task": "cnn", "seed": 0})
    with pytest.raises(ValueError, match="seed=0, got 1: choose another folder"):
        hold_settings(path, {"task": "cnn", "seed": 1})
