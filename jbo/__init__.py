"""Bayesian optimisation of hyperparameters as pure functions in JAX."""

from types import ModuleType as _ModuleType

from jbo import batches as batches
from jbo import functions as functions
from jbo import pareto as pareto
from jbo import testing as testing
from jbo._compile_cache import use_compile_cache as use_compile_cache
from jbo._minimize import Run as Run
from jbo._minimize import minimize as minimize
from jbo.acquisitions import EI as EI
from jbo.acquisitions import LCB as LCB
from jbo.acquisitions import PI as PI
from jbo.acquisitions import UCB as UCB
from jbo.acquisitions import expected_improvement as expected_improvement
from jbo.acquisitions import hypervolume_scalarization as hypervolume_scalarization
from jbo.acquisitions import knowledge_gradient as knowledge_gradient
from jbo.acquisitions import log_expected_hypervolume_improvement as log_expected_hypervolume_improvement
from jbo.acquisitions import log_expected_improvement as log_expected_improvement
from jbo.acquisitions import log_expected_quantile_improvement as log_expected_quantile_improvement
from jbo.acquisitions import (
    log_noisy_expected_hypervolume_improvement as log_noisy_expected_hypervolume_improvement,
)
from jbo.acquisitions import log_noisy_expected_improvement as log_noisy_expected_improvement
from jbo.acquisitions import log_probability_of_improvement as log_probability_of_improvement
from jbo.acquisitions import lower_confidence_bound as lower_confidence_bound
from jbo.acquisitions import max_value_entropy_search as max_value_entropy_search
from jbo.acquisitions import parego as parego
from jbo.acquisitions import portfolio as portfolio
from jbo.acquisitions import probability_of_improvement as probability_of_improvement
from jbo.acquisitions import scheduled_confidence_bound as scheduled_confidence_bound
from jbo.acquisitions import thompson_sampling as thompson_sampling
from jbo.acquisitions import upper_confidence_bound as upper_confidence_bound
from jbo.outcomes import AtLeast as AtLeast
from jbo.outcomes import AtMost as AtMost
from jbo.outcomes import Cost as Cost
from jbo.outcomes import Maximize as Maximize
from jbo.outcomes import Minimize as Minimize
from jbo.outcomes import Outcomes as Outcomes
from jbo.outcomes import Track as Track
from jbo.pytrees import pytree as pytree
from jbo.space import Categorical as Categorical
from jbo.space import Integer as Integer
from jbo.space import Ordinal as Ordinal
from jbo.space import Real as Real
from jbo.space import Simplex as Simplex
from jbo.space import Space as Space
from jbo.space import between as between
from jbo.space import is_active as is_active
from jbo.space import row_of as row_of
from jbo.strategies import Strategy as Strategy
from jbo.strategies import bayesian as bayesian
from jbo.strategies import grid_search as grid_search
from jbo.strategies import parzen as parzen
from jbo.strategies import random_search as random_search
from jbo.strategies import sobol_search as sobol_search
from jbo.strategies import trust_region as trust_region
from jbo.study import MedianPruner as MedianPruner
from jbo.study import SpaceExhausted as SpaceExhausted
from jbo.study import Stop as Stop
from jbo.study import Study as Study
from jbo.study import Trial as Trial
from jbo.surrogates import FitInfo as FitInfo
from jbo.surrogates import forest as forest
from jbo.surrogates import gp as gp
from jbo.surrogates import gp_mcmc as gp_mcmc
from jbo.surrogates import gp_saas as gp_saas
from jbo.types import Dataset as Dataset
from jbo.types import Result as Result
from jbo.types import Trials as Trials

__version__ = "0.1.0"

# The names imported above. Submodules become attributes of the package too; most are left out of `__all__`.
__all__ = [  # pyright: ignore[reportUnsupportedDunderAll]
    name
    for name, value in globals().items()
    if not name.startswith("_")
    and (not isinstance(value, _ModuleType) or name in ("batches", "functions", "pareto", "testing"))
]
