"""Where GPyOpt keeps `ThompsonBatch`."""

from jbo.compat.gpyopt._evaluators import ThompsonBatch as ThompsonBatch
