"""Where GPyOpt keeps `EvaluatorBase`."""

from jbo.compat.gpyopt._evaluators import EvaluatorBase as EvaluatorBase
