"""The network as a traceable problem is the network that the host trains."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from architectures.data.digits import digits
from architectures.optimizers import DECOUPLED, OPTIMIZERS
from architectures.training import train, train_config
from experiments.task import SEARCH_SEED
from experiments.whole_study import SPACE, STRUCTURE, Training, traced_config

CONFIG = {
    "learning_rate": 3e-3,
    "batch_size": 64,
    "activation": "tanh",
    "optimizer": "rmsprop",
    "l2": 1e-4,
    "dropout": 0.1,
    "label_smoothing": 0.05,
    "schedule": "cosine",
    "warmup": 0.1,
    "max_norm": 2.0,
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_traced_config_has_the_same_numbers(optimizer):
    own = {"weight_decay": 0.3} if optimizer in DECOUPLED else {"l2": 1e-4}
    config = CONFIG | {"optimizer": optimizer} | own | ({"momentum": 0.7} if optimizer == "sgd" else {})
    config = config if optimizer not in DECOUPLED else {name: config[name] for name in config if name != "l2"}
    traced = traced_config(SPACE.decode_traced(jnp.asarray(SPACE.encode(config), jnp.float32)))
    expected = train_config(**config)
    unused = {"momentum", "weight_decay", "l2"} - config.keys()  # the optimizer does not look at these
    held = {name: getattr(expected.settings, name) for name in unused}
    traced = traced._replace(settings=traced.settings._replace(**held))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), traced, expected)


@pytest.mark.thorough
def test_the_problem_is_the_training_run():
    problem = Training(num_epochs=1)
    value = jax.jit(lambda x: problem(SPACE.decode_traced(x)))(np.float32(SPACE.encode(CONFIG)))
    parts = digits()
    run = train(
        jax.random.key(SEARCH_SEED), STRUCTURE, train_config(**CONFIG), parts.train, parts.validation, num_epochs=1
    )
    np.testing.assert_allclose(value, run.cross_entropy, rtol=1e-3)
    assert 0.1 < value < 2.3, "it has learnt something in an epoch"
