"""The module where GPyOpt defines objectives."""

from jbo.compat.gpyopt import _objective
from jbo.compat.gpyopt._objective import SingleObjective as SingleObjective

Objective = _objective.ObjectiveOfRows
