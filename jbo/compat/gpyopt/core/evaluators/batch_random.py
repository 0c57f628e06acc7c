"""The module where GPyOpt defines `RandomBatch`."""

from jbo.compat.gpyopt._evaluators import RandomBatch as RandomBatch
