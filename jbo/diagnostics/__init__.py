"""Diagnostics: quality of the surrogate, importance of the parameters, and expected further improvement.

`view_model`, `health`, `importance`, `dependence` and `improvement_left` take a study. The others are pure functions of
posteriors and data.
"""

from jbo.diagnostics import findings as findings
from jbo.diagnostics._anova import Anova as Anova
from jbo.diagnostics._anova import functional_anova as functional_anova
from jbo.diagnostics._convergence import best_so_far as best_so_far
from jbo.diagnostics._convergence import improvement_left as improvement_left
from jbo.diagnostics._convergence import simple_regret as simple_regret
from jbo.diagnostics._convergence import stop_when_little_is_left as stop_when_little_is_left
from jbo.diagnostics._dependence import Dependence as Dependence
from jbo.diagnostics._dependence import partial_dependence as partial_dependence
from jbo.diagnostics._health import Health as Health
from jbo.diagnostics._health import Quality as Quality
from jbo.diagnostics._health import health as health
from jbo.diagnostics._importance import Importance as Importance
from jbo.diagnostics._importance import dependence as dependence
from jbo.diagnostics._importance import importance as importance
from jbo.diagnostics._outcomes import Hypervolume as Hypervolume
from jbo.diagnostics._outcomes import LimitUse as LimitUse
from jbo.diagnostics._outcomes import Measured as Measured
from jbo.diagnostics._outcomes import Tradeoff as Tradeoff
from jbo.diagnostics._outcomes import hypervolume as hypervolume
from jbo.diagnostics._outcomes import limit_in_words as limit_in_words
from jbo.diagnostics._outcomes import limits as limits
from jbo.diagnostics._outcomes import tradeoff as tradeoff
from jbo.diagnostics._outcomes import why_infeasible as why_infeasible
from jbo.diagnostics._scores import LEVELS as LEVELS
from jbo.diagnostics._scores import Predictions as Predictions
from jbo.diagnostics._scores import Scores as Scores
from jbo.diagnostics._scores import score as score
from jbo.diagnostics._timeline import Span as Span
from jbo.diagnostics._timeline import spans as spans
from jbo.diagnostics._validation import constant as constant
from jbo.diagnostics._validation import cross_validate as cross_validate
from jbo.diagnostics._validation import folds as folds
from jbo.diagnostics._validation import leave_one_out as leave_one_out
from jbo.diagnostics._view import Interval as Interval
from jbo.diagnostics._view import ModelView as ModelView
from jbo.diagnostics._view import Searched as Searched
from jbo.diagnostics._view import following as following
from jbo.diagnostics._view import view_model as view_model
from jbo.renamed import renamed

__getattr__ = renamed(
    __name__,
    {
        "Belief": ("jbo.diagnostics.ModelView", ModelView),
        "believe": ("jbo.diagnostics.view_model", view_model),
    },
)
