"""The module where GPyOpt defines Gaussian processes."""

from jbo.compat.gpyopt._models import GPModel as GPModel
from jbo.compat.gpyopt._models import GPModel_MCMC as GPModel_MCMC
