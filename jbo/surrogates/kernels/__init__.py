r"""Covariance functions on the unit cube.

A kernel is any function ``kernel(params, x1[n d], x2[m d]) -> [n m]`` of `GPParams`. The kernels of this package are
added by ``+``, multiplied by ``*`` and restricted to some parameters by `on`. A kernel may have hyperparameters besides
lengthscales and variance, such as a period or an exponent. Each is either given as a number, or inferred with a prior.
"""

from jbo.surrogates.kernels._families import Polynomial as Polynomial
from jbo.surrogates.kernels._families import RationalQuadratic as RationalQuadratic
from jbo.surrogates.kernels._families import linear as linear
from jbo.surrogates.kernels._families import polynomial as polynomial
from jbo.surrogates.kernels._families import rational_quadratic as rational_quadratic
from jbo.surrogates.kernels._kernel import Covariance as Covariance
from jbo.surrogates.kernels._kernel import GPParams as GPParams
from jbo.surrogates.kernels._kernel import Kernel as Kernel
from jbo.surrogates.kernels._kernel import Normal as Normal
from jbo.surrogates.kernels._kernel import OnColumns as OnColumns
from jbo.surrogates.kernels._kernel import Pairwise as Pairwise
from jbo.surrogates.kernels._kernel import Product as Product
from jbo.surrogates.kernels._kernel import Slot as Slot
from jbo.surrogates.kernels._kernel import Sum as Sum
from jbo.surrogates.kernels._kernel import additive as additive
from jbo.surrogates.kernels._kernel import as_covariance as as_covariance
from jbo.surrogates.kernels._kernel import as_normal as as_normal
from jbo.surrogates.kernels._kernel import from_pairwise as from_pairwise
from jbo.surrogates.kernels._kernel import on as on
from jbo.surrogates.kernels._periodic import Periodic as Periodic
from jbo.surrogates.kernels._periodic import periodic as periodic
from jbo.surrogates.kernels._stationary import Stationary as Stationary
from jbo.surrogates.kernels._stationary import matern12 as matern12
from jbo.surrogates.kernels._stationary import matern32 as matern32
from jbo.surrogates.kernels._stationary import matern52 as matern52
from jbo.surrogates.kernels._stationary import multiscale as multiscale
from jbo.surrogates.kernels._stationary import rbf as rbf
from jbo.surrogates.kernels._stationary import with_effects as with_effects
from jbo.surrogates.kernels._trend import PosteriorMean as PosteriorMean
from jbo.surrogates.kernels._trend import Trend as Trend
from jbo.surrogates.kernels._trend import trend as trend
from jbo.surrogates.kernels._warped import InputWarped as InputWarped
from jbo.surrogates.kernels._warped import input_warped as input_warped
