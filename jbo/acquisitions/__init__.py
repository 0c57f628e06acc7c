"""Acquisition functions. Short names: ``EI``, ``PI``, ``UCB``, and ``LCB``, the name of UCB for minimisation."""

from jbo.acquisitions import formulas as formulas
from jbo.acquisitions._acquisition import Acquisition as Acquisition
from jbo.acquisitions._acquisition import Around as Around
from jbo.acquisitions._acquisition import Choice as Choice
from jbo.acquisitions._acquisition import Composite as Composite
from jbo.acquisitions._acquisition import ConfidenceBound as ConfidenceBound
from jbo.acquisitions._acquisition import Drawn as Drawn
from jbo.acquisitions._acquisition import Improvement as Improvement
from jbo.acquisitions._acquisition import Scale as Scale
from jbo.acquisitions._acquisition import confidence_bound as confidence_bound
from jbo.acquisitions._acquisition import each as each
from jbo.acquisitions._acquisition import expected_improvement as expected_improvement
from jbo.acquisitions._acquisition import incumbent as incumbent
from jbo.acquisitions._acquisition import log_expected_improvement as log_expected_improvement
from jbo.acquisitions._acquisition import log_expected_quantile_improvement as log_expected_quantile_improvement
from jbo.acquisitions._acquisition import log_probability_of_improvement as log_probability_of_improvement
from jbo.acquisitions._acquisition import log_worth as log_worth
from jbo.acquisitions._acquisition import over_region as over_region
from jbo.acquisitions._acquisition import probability_of_improvement as probability_of_improvement
from jbo.acquisitions._knowledge_gradient import knowledge_gradient as knowledge_gradient
from jbo.acquisitions._max_value import max_value_entropy_search as max_value_entropy_search
from jbo.acquisitions._noisy_improvement import log_noisy_expected_improvement as log_noisy_expected_improvement
from jbo.acquisitions._older import as_acquisition as as_acquisition
from jbo.acquisitions._portfolio import portfolio as portfolio
from jbo.acquisitions._schedule import scheduled_confidence_bound as scheduled_confidence_bound
from jbo.acquisitions._sets import over_sets as over_sets
from jbo.acquisitions._several import Front as Front
from jbo.acquisitions._several import FrontAcquisition as FrontAcquisition
from jbo.acquisitions._several import LimitModels as LimitModels
from jbo.acquisitions._several import hypervolume_scalarization as hypervolume_scalarization
from jbo.acquisitions._several import log_expected_hypervolume_improvement as log_expected_hypervolume_improvement
from jbo.acquisitions._several import (
    log_noisy_expected_hypervolume_improvement as log_noisy_expected_hypervolume_improvement,
)
from jbo.acquisitions._several import parego as parego
from jbo.acquisitions._thompson import thompson_sampling as thompson_sampling
from jbo.acquisitions._weighted import LogWeight as LogWeight
from jbo.acquisitions._weighted import weigh as weigh
from jbo.acquisitions._weighted import weighted as weighted
from jbo.renamed import renamed

lower_confidence_bound = upper_confidence_bound = confidence_bound
EI = expected_improvement
PI = MPI = probability_of_improvement
UCB = LCB = confidence_bound
__getattr__ = renamed(__name__, {"bound": ("jbo.acquisitions.over_region", over_region)})
