"""Tuning the convolutional network on handwritten digits; depth, width and kernel size make eight programs."""

import jbo
from architectures.cnn import CNNStructure
from architectures.data.digits import digits
from experiments.task import Part, Task, Trained
from experiments.training_space import DEFAULT_TRAINING, TRAINING


def _accuracy(trained: Trained, part: Part) -> float:
    del part  # the metric uses the evaluation of the run
    return float(trained.result.accuracy)


SPACE = jbo.Space(
    num_blocks=jbo.Integer(1, 2),
    width=jbo.Ordinal(16, 32),
    kernel_size=jbo.Ordinal(3, 5),
    **TRAINING,
)
DEFAULT = {"num_blocks": 2, "width": 16, "kernel_size": 3} | DEFAULT_TRAINING
TASK = Task(
    SPACE,
    DEFAULT,
    structural=("num_blocks", "width", "kernel_size"),
    build=CNNStructure,
    data=digits,
    loss_name="validation cross-entropy (nats)",
    metric_name="accuracy",
    metric=_accuracy,
    num_epochs=20,
    small=jbo.Space({**SPACE, "width": jbo.Ordinal(4, 8, 16, 32)}),
)
