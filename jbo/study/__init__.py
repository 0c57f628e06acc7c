"""A durable study of any Python objective. It may be killed and started again at any time without losing a trial."""

from jbo.study._pruner import MedianPruner as MedianPruner
from jbo.study._single import OneObjective as OneObjective
from jbo.study._snapshot import Snapshot as Snapshot
from jbo.study._snapshot import read_study as read_study
from jbo.study._stop import Stop as Stop
from jbo.study._study import Study as Study
from jbo.study._trial import SpaceExhausted as SpaceExhausted
from jbo.study._trial import Trial as Trial
