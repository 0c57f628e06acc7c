"""The module where GPyOpt defines costs."""

from jbo.compat.gpyopt._cost import CostModel as CostModel
from jbo.compat.gpyopt._cost import constant_cost_withGradients as constant_cost_withGradients
