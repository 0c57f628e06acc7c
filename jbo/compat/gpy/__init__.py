"""GPy's names for common kernels: ``import jbo.compat.gpy as GPy``, for scripts that give a kernel to GPyOpt.

Only `kern` is here. Models, likelihoods and priors of GPy are not: ``jbo.gp`` and ``jbo.surrogates`` are jbo's own.
"""

from jbo.compat.gpy import kern as kern
