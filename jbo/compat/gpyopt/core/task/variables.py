"""The module where GPyOpt defines the variables of a domain; jbo has one class for all of them."""

from jbo.compat.gpyopt._space import Variable as Variable
