"""GPyOpt's models: what ``model=`` of `methods.BayesianOptimization` and of the acquisitions takes."""

from jbo.compat.gpyopt._models import BOModel as BOModel
from jbo.compat.gpyopt._models import GPModel as GPModel
from jbo.compat.gpyopt._models import GPModel_MCMC as GPModel_MCMC
from jbo.compat.gpyopt._models import InputWarpedGPModel as InputWarpedGPModel
from jbo.compat.gpyopt._models import RFModel as RFModel
from jbo.compat.gpyopt._models import WarpedGPModel as WarpedGPModel
from jbo.compat.gpyopt._models import select_model as select_model
