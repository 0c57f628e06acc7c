"""Batch rules, which keep simultaneous suggestions apart: the argument ``batch`` of `jbo.bayesian`."""

from jbo.batches._batch import Batch as Batch
from jbo.batches._batch import Drawing as Drawing
from jbo.batches._batch import JointBatch as JointBatch
from jbo.batches._joint_improvement import joint_improvement as joint_improvement
from jbo.batches._local_penalization import local_penalization as local_penalization
from jbo.batches._pure_exploration import pure_exploration as pure_exploration
from jbo.batches._uninformed import random_batch as random_batch
from jbo.batches._uninformed import thompson_batch as thompson_batch
from jbo.knowledge import Knowledge
from jbo.renamed import renamed

__getattr__ = renamed(__name__, {"Beliefs": ("jbo.knowledge.Knowledge", Knowledge)})
