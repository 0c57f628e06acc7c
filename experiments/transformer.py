"""Tuning the Transformer that translates; depth, heads and where it normalises make eight programs."""

import jbo
from architectures.transformer import TransformerStructure
from experiments.task import Task
from experiments.training_space import DEFAULT_TRAINING, TRAINING
from experiments.translation import CODECS, EXAMPLES, METRICS, Data, metric

SPACE = jbo.Space(
    num_layers=jbo.Integer(1, 2), num_heads=jbo.Ordinal(2, 4), norm=jbo.Categorical("pre", "post"), **TRAINING
)
DEFAULT = {"num_layers": 2, "num_heads": 4, "norm": "pre"} | DEFAULT_TRAINING


def task(data: Data, num_epochs: int) -> Task:
    """The task of translating these data."""

    def build(num_layers: int, num_heads: int, norm: str) -> TransformerStructure:
        num_tokens = CODECS[data]().num_tokens
        return TransformerStructure(num_tokens, num_tokens, 48, num_heads, num_layers, norm)

    return Task(
        SPACE,
        DEFAULT,
        structural=("num_layers", "num_heads", "norm"),
        build=build,
        data=EXAMPLES[data],
        loss_name="validation cross-entropy (nats per character)",
        metric_name=METRICS[data][0],
        metric=metric(data),
        num_epochs=num_epochs,
    )


DATES, NAMES = task("dates", 4), task("names", 15)
