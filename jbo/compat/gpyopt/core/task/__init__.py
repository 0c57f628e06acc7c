"""GPyOpt's objectives and domains."""

from jbo.compat.gpyopt._cost import CostModel as CostModel
from jbo.compat.gpyopt._objective import SingleObjective as SingleObjective
from jbo.compat.gpyopt._space import Design_space as Design_space
from jbo.compat.gpyopt.core.task import cost as cost
from jbo.compat.gpyopt.core.task import objective as objective
from jbo.compat.gpyopt.core.task import space as space
from jbo.compat.gpyopt.core.task import variables as variables
