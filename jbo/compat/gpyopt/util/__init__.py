"""GPyOpt's small functions."""

from jbo.compat.gpyopt.util import general as general
