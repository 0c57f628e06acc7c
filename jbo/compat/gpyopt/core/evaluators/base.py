"""The module where GPyOpt defines `EvaluatorBase`."""

from jbo.compat.gpyopt._evaluators import EvaluatorBase as EvaluatorBase
