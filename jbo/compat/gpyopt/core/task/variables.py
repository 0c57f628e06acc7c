"""Where GPyOpt keeps the variables of a domain; here all are of one class."""

from jbo.compat.gpyopt._space import Variable as Variable
