"""GPyOpt's test functions."""

from jbo.compat.gpyopt.objective_examples import experiments1d as experiments1d
from jbo.compat.gpyopt.objective_examples import experiments2d as experiments2d
from jbo.compat.gpyopt.objective_examples import experimentsNd as experimentsNd
