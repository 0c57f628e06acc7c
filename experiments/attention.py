"""Tuning the recurrent network that translates; cell, score and width make eight programs."""

from functools import partial

import jbo
from architectures.attention import AttentionStructure
from experiments.training_space import DEFAULT_TRAINING, TRAINING
from experiments.translation import translation_task

SPACE = jbo.Space(
    cell=jbo.Categorical("lstm", "gru"),
    score=jbo.Categorical("dot", "additive"),
    width=jbo.Ordinal(48, 80),
    **TRAINING,
)
DEFAULT = {"cell": "lstm", "score": "dot", "width": 48} | DEFAULT_TRAINING | {"activation": "tanh"}

_task = partial(
    translation_task,
    space=SPACE,
    default=DEFAULT,
    structural=("cell", "score", "width"),
    build=AttentionStructure,
)
DATES = _task("dates", num_epochs=4)
NAMES, FRENCH, SPANISH = (_task(data, num_epochs=20) for data in ("names", "names-fr", "names-es"))
