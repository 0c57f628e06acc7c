"""Where GPyOpt keeps `LocalPenalization`."""

from jbo.compat.gpyopt._evaluators import LocalPenalization as LocalPenalization
