"""The training hyperparameters that all families of networks share."""

from typing import Any

import jbo

_DECOUPLED = {"adamw", "lion"}

TRAINING: dict[str, Any] = {
    "learning_rate": jbo.Real(1e-5, 1e-1, log=True),
    "batch_size": jbo.Ordinal(32, 64, 128, 256),
    "optimizer": jbo.Categorical("sgd", "adam", "adamw", "rmsprop", "lion"),
    "momentum": jbo.Real(0.0, 0.99, when=("optimizer", "sgd")),
    "weight_decay": jbo.Real(1e-4, 1.0, log=True, when=("optimizer", _DECOUPLED)),
    "l2": jbo.Real(1e-8, 1e-2, log=True, when=("optimizer", {"sgd", "adam", "rmsprop"})),
    "activation": jbo.Categorical("relu", "gelu", "tanh", "silu"),
    "dropout": jbo.Real(0.0, 0.5),
    "label_smoothing": jbo.Real(0.0, 0.2),
    "schedule": jbo.Categorical("constant", "linear", "cosine"),
    "warmup": jbo.Real(0.0, 0.3),
    "max_norm": jbo.Real(0.1, 10.0, log=True),
}

DEFAULT_TRAINING: dict[str, Any] = {
    "learning_rate": 1e-3,
    "batch_size": 64,
    "optimizer": "adam",
    "l2": 1e-8,
    "activation": "relu",
    "dropout": 0.1,
    "label_smoothing": 0.0,
    "schedule": "constant",
    "warmup": 0.0,
    "max_norm": 1.0,
}
