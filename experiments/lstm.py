"""Tuning the network that identifies the language of a name; cell, depth and width make eight programs."""

from typing import Any

import numpy as np
from sklearn.metrics import f1_score

import jbo
from architectures.data.names import LANGUAGES, name_codec, name_languages
from architectures.lstm import LSTMStructure
from architectures.training import predict
from experiments.task import Part, Task, Trained
from experiments.training_space import DEFAULT_TRAINING, TRAINING


def _macro_f1(trained: Trained, part: Part) -> float:
    examples: Any = getattr(name_languages(), part)
    logits = predict(trained.structure, trained.result.params, examples.inputs, trained.config.activation)
    return float(f1_score(examples.targets, np.asarray(logits).argmax(axis=-1), average="macro"))


def _build(cell: str, num_layers: int, width: int) -> LSTMStructure:
    return LSTMStructure(name_codec().num_tokens, len(LANGUAGES), cell, width, num_layers, longest_run=4)


SPACE = jbo.Space(
    cell=jbo.Categorical("lstm", "gru"), num_layers=jbo.Integer(1, 2), width=jbo.Ordinal(64, 96), **TRAINING
)
DEFAULT = {"cell": "lstm", "num_layers": 1, "width": 64} | DEFAULT_TRAINING
TASK = Task(
    SPACE,
    DEFAULT,
    structural=("cell", "num_layers", "width"),
    build=_build,
    data=name_languages,
    loss_name="validation cross-entropy (nats)",
    metric_name="macro F1",
    metric=_macro_f1,
    num_epochs=8,
)
