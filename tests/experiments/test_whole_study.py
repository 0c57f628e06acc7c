"""The network as a traceable problem is the network that the host trains."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from architectures.data import digits
from architectures.training import hyperparameters, train
from experiments.whole_study import SEARCH_SEED, SPACE, STRUCTURE, Training, traced_hyperparameters

CONFIG = {
    "learning_rate": 3e-3,
    "batch_size": 64,
    "activation": "tanh",
    "optimizer": "rmsprop",
    "weight_decay": 1e-2,
    "dropout": 0.1,
}


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
def test_a_traced_config_has_the_same_hyperparameters(optimizer):
    config = CONFIG | {"optimizer": optimizer} | ({"momentum": 0.7} if optimizer == "sgd" else {})
    traced = traced_hyperparameters(SPACE.decode_traced(jnp.asarray(SPACE.encode(config), jnp.float32)))
    expected = hyperparameters(**config)
    if optimizer != "sgd":  # those do not look at the momentum
        traced = traced._replace(settings=traced.settings._replace(momentum=expected.settings.momentum))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), traced, expected)


def test_the_problem_is_the_training_run():
    problem = Training(num_epochs=1)
    value = jax.jit(lambda x: problem(SPACE.decode_traced(x)))(np.float32(SPACE.encode(CONFIG)))
    parts = digits()
    run = train(
        jax.random.key(SEARCH_SEED), STRUCTURE, hyperparameters(**CONFIG), parts.train, parts.validation, num_epochs=1
    )
    np.testing.assert_allclose(value, run.cross_entropy, rtol=1e-3)
    assert 0.1 < value < 2.3, "it has learnt something in an epoch"
