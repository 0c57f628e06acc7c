"""Names of GPyOpt's samplers of where the minimum is, for programs that give one to `AcquisitionEntropySearch`."""

from typing import Any


class McmcSampler:
    """A description: jbo samples the minimum itself.

    Args:
      space: The domain.
      **options: Accepted as in GPyOpt.
    """

    def __init__(self, space: Any = None, **options: Any):
        self.space, self.options = space, options


class AffineInvariantEnsembleSampler(McmcSampler):
    """As `McmcSampler`."""
