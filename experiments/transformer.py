"""Tuning the Transformer that translates; depth, heads and the position of the normalisation make eight programs."""

from functools import partial

import jbo
from architectures.transformer import TransformerStructure
from experiments.training_space import DEFAULT_TRAINING, TRAINING
from experiments.translation import translation_task

SPACE = jbo.Space(
    num_layers=jbo.Integer(1, 2), num_heads=jbo.Ordinal(2, 4), norm=jbo.Categorical("pre", "post"), **TRAINING
)
DEFAULT = {"num_layers": 2, "num_heads": 4, "norm": "pre"} | DEFAULT_TRAINING

_task = partial(
    translation_task,
    space=SPACE,
    default=DEFAULT,
    structural=("num_layers", "num_heads", "norm"),
    build=partial(TransformerStructure, width=48),
)
DATES = _task("dates", num_epochs=4)
NAMES, FRENCH, SPANISH = (_task(data, num_epochs=15) for data in ("names", "names-fr", "names-es"))
