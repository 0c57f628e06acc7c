"""The module where GPyOpt defines `ThompsonBatch`."""

from jbo.compat.gpyopt._evaluators import ThompsonBatch as ThompsonBatch
