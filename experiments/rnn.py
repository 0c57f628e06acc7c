"""Tuning the recurrent network that generates English documentation; depth and width make four programs."""

import math

import jbo
from architectures.data.text import characters, documentation
from architectures.rnn import RNNStructure
from experiments.task import Part, Task, Trained
from experiments.training_space import DEFAULT_TRAINING, TRAINING


def _bits(trained: Trained, part: Part) -> float:
    del part  # the metric uses the evaluation of the run
    return float(trained.result.cross_entropy) / math.log(2)


def _build(num_layers: int, width: int) -> RNNStructure:
    return RNNStructure(documentation().codec.num_tokens, width=width, num_layers=num_layers)


SPACE = jbo.Space(num_layers=jbo.Integer(1, 2), width=jbo.Ordinal(96, 160), **TRAINING)
DEFAULT = {"num_layers": 1, "width": 96} | DEFAULT_TRAINING | {"activation": "tanh"}
TASK = Task(
    SPACE,
    DEFAULT,
    structural=("num_layers", "width"),
    build=_build,
    data=characters,
    loss_name="validation cross-entropy (nats per character)",
    metric_name="bits per character",
    metric=_bits,
    num_epochs=4,
)
