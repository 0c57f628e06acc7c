"""Where GPyOpt keeps `RandomBatch`."""

from jbo.compat.gpyopt._evaluators import RandomBatch as RandomBatch
