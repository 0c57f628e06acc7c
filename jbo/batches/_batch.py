"""What a rule for batches is to a strategy."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Array, Bool, Float, Key

from jbo.acquisitions import Acquisition
from jbo.region import Region
from jbo.surrogates import Posterior
from jbo.types import Dataset


class Beliefs(NamedTuple):
    """What is known at an ask, with and without the trials whose results are still to come."""

    told: Posterior
    """Given the trials that ended."""
    told_data: Dataset
    """These."""
    believed: Posterior
    """Given pending trials too, as if they had returned their mean."""
    believed_data: Dataset
    """With pending trials at their mean."""
    is_pending: Bool[Array, " n"]
    """Rows of the data that are pending."""
    region: Region
    """Where the point may be."""


@runtime_checkable
class Batch(Protocol):
    """How an ask counts with pending trials: a frozen dataclass registered as a pytree, numbers as leaves.

    Where nothing is pending it is the acquisition that decides.
    """

    def prepare(self, key: Key[Array, ""], acquisition: Acquisition, beliefs: Beliefs) -> Any:
        """What is the same for all points of one suggestion, computed once.

        Args:
          key: For rules that draw samples.
          acquisition: That of the strategy.
          beliefs: What is known.
        """
        ...

    def value(self, aux: Any, acquisition: Acquisition, beliefs: Beliefs, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Worth of the point ``x``; higher is better.

        Args:
          aux: From `prepare`.
          acquisition: That of the strategy.
          beliefs: What is known.
          x: A point of the unit cube.
        """
        ...


@runtime_checkable
class JointBatch(Batch, Protocol):
    """A rule that values several points together: a batch that is asked for at once is improved by it as a whole."""

    def value_together(self, aux: Any, beliefs: Beliefs, x: Float[Array, "q d"]) -> Float[Array, ""]:
        """Worth of several points together.

        Args:
          aux: From `prepare`.
          beliefs: What is known.
          x: Points of the unit cube.
        """
        ...
