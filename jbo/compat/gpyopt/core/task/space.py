"""The module where GPyOpt defines `Design_space`."""

from jbo.compat.gpyopt._space import Design_space as Design_space
from jbo.compat.gpyopt._space import bounds_to_space as bounds_to_space
