"""The module where GPyOpt defines `LocalPenalization`."""

from jbo.compat.gpyopt._evaluators import LocalPenalization as LocalPenalization
