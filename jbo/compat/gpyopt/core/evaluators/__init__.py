"""GPyOpt's evaluators."""

from jbo.compat.gpyopt._evaluators import EvaluatorBase as EvaluatorBase
from jbo.compat.gpyopt._evaluators import LocalPenalization as LocalPenalization
from jbo.compat.gpyopt._evaluators import RandomBatch as RandomBatch
from jbo.compat.gpyopt._evaluators import Sequential as Sequential
from jbo.compat.gpyopt._evaluators import ThompsonBatch as ThompsonBatch
from jbo.compat.gpyopt._evaluators import select_evaluator as select_evaluator
