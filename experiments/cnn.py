"""Tuning the convolutional network on handwritten digits.

Depth and width are structure, nine programs in all; whatever else is varied compiles nothing.
"""

from typing import Any

import jax

import jbo
from architectures.cnn import CNNStructure
from architectures.data import Examples, digits
from architectures.training import hyperparameters, train
from experiments.task import Score, Task

# The key of every run of the search is the same, so configurations are compared on the same weights and batches. The
# network that is tested in the end has another one, so that its result owes nothing to a draw that the search picked.
SEARCH_SEED, _TEST_SEED = 0, 1

SPACE = jbo.Space(
    learning_rate=jbo.Real(1e-5, 1e-1, log=True),
    batch_size=jbo.Ordinal(32, 64, 128, 256),
    num_blocks=jbo.Integer(1, 3),
    width=jbo.Ordinal(8, 16, 32),
    activation=jbo.Categorical("relu", "gelu", "tanh", "silu"),
    optimizer=jbo.Categorical("sgd", "adam", "rmsprop"),
    momentum=jbo.Real(0.0, 0.99, when=("optimizer", "sgd")),
    weight_decay=jbo.Real(1e-4, 1.0, log=True),
    dropout=jbo.Real(0.0, 0.5),
)

DEFAULT = {
    "learning_rate": 1e-3,
    "batch_size": 64,
    "num_blocks": 2,
    "width": 16,
    "activation": "relu",
    "optimizer": "adam",
    "weight_decay": 1e-2,
    "dropout": 0.0,
}


def _score(seed: int, config: dict[str, Any], judge: Examples, num_epochs: int) -> Score:
    numbers = dict(config)
    structure = CNNStructure(numbers.pop("num_blocks"), numbers.pop("width"))
    result = train(
        jax.random.key(seed), structure, hyperparameters(**numbers), digits().train, judge, num_epochs=num_epochs
    )
    return Score(float(result.cross_entropy), float(result.accuracy))


def _validate(config: dict[str, Any], num_epochs: int) -> Score:
    return _score(SEARCH_SEED, config, digits().validation, num_epochs)


def _test(config: dict[str, Any], num_epochs: int) -> Score:
    return _score(_TEST_SEED, config, digits().test, num_epochs)


TASK = Task(SPACE, DEFAULT, "validation cross-entropy (nats)", 20, _validate, _test)
