"""The steps of each optimizer against optax's own, over several steps from several gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from architectures import optimizers
from architectures.optimizers import OPTIMIZERS, OptimizerSettings

RATE, MOMENTUM = 0.03, 0.8


def _ours(name, weight_decay, params, gradients):
    settings = OptimizerSettings(
        jnp.int32(OPTIMIZERS.index(name)), jnp.float32(RATE), jnp.float32(MOMENTUM), jnp.float32(weight_decay)
    )
    state = optimizers.init(params)
    for gradient in gradients:
        params, state = jax.jit(optimizers.step)(settings, gradient, state, params)
    return params


def _theirs(optimizer, params, gradients):
    state = optimizer.init(params)
    for gradient in gradients:
        updates, state = optimizer.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
    return params


@pytest.mark.parametrize(
    "name, weight_decay, reference",
    [
        ("sgd", 0.0, optax.sgd(RATE, momentum=MOMENTUM)),
        ("adam", 0.0, optax.adam(RATE)),
        ("adam", 0.1, optax.adamw(RATE, weight_decay=0.1)),
        ("rmsprop", 0.0, optax.rmsprop(RATE)),
    ],
)
def test_five_steps_equal_those_of_optax(name, weight_decay, reference):
    rng = np.random.default_rng(0)
    params = jnp.asarray(rng.normal(size=20), jnp.float32)
    gradients = [jnp.asarray(rng.normal(size=20), jnp.float32) for _ in range(5)]
    expected = _theirs(reference, params, gradients)
    np.testing.assert_allclose(_ours(name, weight_decay, params, gradients), expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weight_decay_alone_shrinks_every_parameter_by_its_share(name):
    params = jnp.asarray([1.0, -2.0, 3.0])
    got = _ours(name, 0.5, params, [jnp.zeros(3)])
    np.testing.assert_allclose(got, params * (1 - RATE * 0.5), rtol=1e-6)
