"""The steps of each optimizer against optax's own, over several steps from several gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from architectures import optimizers
from architectures.optimizers import DECOUPLED, OPTIMIZERS, SCHEDULES, OptimizerSettings

RATE, MOMENTUM = 0.03, 0.8


def _settings(name="sgd", *, decay=0.0, l2=0.0, max_norm=np.inf, schedule="constant", warmup=0.0):
    return OptimizerSettings(
        optimizer=jnp.int32(OPTIMIZERS.index(name)),
        learning_rate=jnp.float32(RATE),
        momentum=jnp.float32(MOMENTUM),
        weight_decay=jnp.float32(decay),
        l2=jnp.float32(l2),
        max_norm=jnp.float32(max_norm),
        schedule=jnp.int32(SCHEDULES.index(schedule)),
        warmup=jnp.float32(warmup),
    )


@jax.jit
def _step(settings, gradient, state, params):
    return optimizers.step(settings, gradient, state, params, jnp.float32(0.5))


def _ours(settings, params, gradients):
    state = optimizers.init(params)
    for gradient in gradients:
        params, state = _step(settings, gradient, state, params)
    return params


def _theirs(optimizer, params, gradients):
    state = optimizer.init(params)
    for gradient in gradients:
        updates, state = optimizer.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
    return params


def _draws():
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.normal(size=20), jnp.float32), [
        jnp.asarray(rng.normal(size=20), jnp.float32) for _ in range(5)
    ]


@pytest.mark.parametrize(
    "settings, reference",
    [
        (_settings("sgd"), optax.sgd(RATE, momentum=MOMENTUM)),
        (_settings("sgd", decay=0.1), optax.sgd(RATE, momentum=MOMENTUM)),
        (_settings("sgd", l2=0.1), optax.chain(optax.add_decayed_weights(0.1), optax.sgd(RATE, momentum=MOMENTUM))),
        (
            _settings("sgd", max_norm=2.0),
            optax.chain(optax.clip_by_global_norm(2.0), optax.sgd(RATE, momentum=MOMENTUM)),
        ),
        (_settings("adam"), optax.adam(RATE)),
        (_settings("adam", l2=0.1), optax.chain(optax.add_decayed_weights(0.1), optax.adam(RATE))),
        (_settings("adamw", decay=0.1, l2=5.0), optax.adamw(RATE, weight_decay=0.1)),
        (_settings("rmsprop"), optax.rmsprop(RATE)),
        (_settings("lion", decay=0.1), optax.lion(RATE, weight_decay=0.1)),
    ],
)
def test_five_steps_equal_those_of_optax(settings, reference):
    params, gradients = _draws()
    expected = _theirs(reference, params, gradients)
    np.testing.assert_allclose(_ours(settings, params, gradients), expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", DECOUPLED)
def test_weight_decay_alone_shrinks_every_parameter_by_its_share(name):
    params = jnp.asarray([1.0, -2.0, 3.0])
    got = _ours(_settings(name, decay=0.5), params, [jnp.zeros(3)])
    np.testing.assert_allclose(got, params * (1 - RATE * 0.5), rtol=1e-6)


def test_a_short_gradient_is_not_clipped_and_a_long_one_has_the_largest_norm():
    gradient = {"a": jnp.asarray([3.0, 0.0]), "b": jnp.asarray([[4.0]])}
    for largest, norm in ((6.0, 5.0), (2.0, 2.0), (np.inf, 5.0)):
        clipped = optimizers.clip(gradient, jnp.float32(largest))
        np.testing.assert_allclose(optax.tree.norm(clipped), norm, rtol=1e-6)
        np.testing.assert_allclose(clipped["b"][0, 0] / clipped["a"][0], 4 / 3, rtol=1e-6)


@pytest.mark.parametrize("warmup", [0.0, 0.2])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules_are_those_of_optax(schedule, warmup):
    steps, rising = 100, int(100 * warmup)
    after = {
        "constant": optax.constant_schedule(RATE),
        "linear": optax.linear_schedule(RATE, 0.0, steps - rising),
        "cosine": optax.cosine_decay_schedule(RATE, steps - rising),
    }[schedule]
    expected = optax.join_schedules([optax.linear_schedule(0.0, RATE, max(rising, 1)), after], [rising])
    got = [
        optimizers.rate(_settings(schedule=schedule, warmup=warmup), jnp.float32(k / steps)) for k in range(steps + 1)
    ]
    np.testing.assert_allclose(got, [expected(k) for k in range(steps + 1)], rtol=1e-4, atol=1e-7)
