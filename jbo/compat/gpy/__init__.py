"""GPy's names for common kernels: ``import jbo.compat.gpy as GPy``, for scripts that give a kernel to GPyOpt.

Only `kern` is provided. GPy's models, likelihoods and priors are not: use ``jbo.gp`` and ``jbo.surrogates`` instead.
"""

from jbo.compat.gpy import kern as kern
