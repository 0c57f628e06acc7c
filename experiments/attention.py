"""Tuning the recurrent network that translates; cell, score and width make eight programs."""

import jbo
from architectures.attention import AttentionStructure
from experiments.task import Task
from experiments.training_space import DEFAULT_TRAINING, TRAINING
from experiments.translation import CODECS, EXAMPLES, METRICS, Data, metric

SPACE = jbo.Space(
    cell=jbo.Categorical("lstm", "gru"),
    score=jbo.Categorical("dot", "additive"),
    width=jbo.Ordinal(48, 80),
    **TRAINING,
)
DEFAULT = {"cell": "lstm", "score": "dot", "width": 48} | DEFAULT_TRAINING | {"activation": "tanh"}


def task(data: Data, num_epochs: int) -> Task:
    """The task of translating these data."""

    def build(cell: str, score: str, width: int) -> AttentionStructure:
        num_tokens = CODECS[data]().num_tokens
        return AttentionStructure(num_tokens, num_tokens, cell, score, width)

    return Task(
        SPACE,
        DEFAULT,
        structural=("cell", "score", "width"),
        build=build,
        data=EXAMPLES[data],
        loss_name="validation cross-entropy (nats per character)",
        metric_name=METRICS[data][0],
        metric=metric(data),
        num_epochs=num_epochs,
    )


DATES, NAMES = task("dates", 4), task("names", 20)
