"""Surrogate models of the objective, with ``fit``, ``condition`` and ``predict``."""

from jbo.surrogates import gaussian_process as gaussian_process
from jbo.surrogates import inducing as inducing
from jbo.surrogates import kernels as kernels
from jbo.surrogates import monotone as monotone
from jbo.surrogates import output_warp as output_warp
from jbo.surrogates import spectrum as spectrum
from jbo.surrogates import trees as trees
from jbo.surrogates._forest import forest as forest
from jbo.surrogates._gp import GP as GP
from jbo.surrogates._gp import LENGTHSCALE_BOUNDS as LENGTHSCALE_BOUNDS
from jbo.surrogates._gp import NOISE_BOUNDS as NOISE_BOUNDS
from jbo.surrogates._gp import gp as gp
from jbo.surrogates._regression import GPPosterior as GPPosterior
from jbo.surrogates._regression import mean_of as mean_of
from jbo.surrogates._sampled import SampledGP as SampledGP
from jbo.surrogates._sampled import gp_mcmc as gp_mcmc
from jbo.surrogates._sampled import gp_saas as gp_saas
from jbo.surrogates._surrogate import FitInfo as FitInfo
from jbo.surrogates._surrogate import JointPosterior as JointPosterior
from jbo.surrogates._surrogate import ManySets as ManySets
from jbo.surrogates._surrogate import Posterior as Posterior
from jbo.surrogates._surrogate import Surrogate as Surrogate
from jbo.surrogates._surrogate import fit_near as fit_near
from jbo.surrogates.kernels import GPParams as GPParams
