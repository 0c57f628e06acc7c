"""What a rule for batches is to a strategy."""

from typing import Any, Protocol, runtime_checkable

from jaxtyping import Array, Float, Key

from jbo.acquisitions import Acquisition, Scale
from jbo.knowledge import Knowledge


@runtime_checkable
class Batch(Protocol):
    """How an ask counts with pending trials: a frozen dataclass registered as a pytree, numbers as leaves.

    A strategy asks a rule where something is pending; where nothing is, the acquisition decides. Weights are applied by
    the strategy, on the scale that the rule says.
    """

    @property
    def scale(self) -> Scale:
        """On which scale the values are."""
        ...

    def prepare(self, key: Key[Array, ""], acquisition: Acquisition, known: Knowledge) -> Any:
        """What is the same for all points of one suggestion, computed once.

        Args:
          key: For rules that draw samples.
          acquisition: That of the strategy.
          known: What is known.
        """
        ...

    def value(self, aux: Any, acquisition: Acquisition, known: Knowledge, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Worth of the point ``x``; higher is better.

        Args:
          aux: From `prepare`.
          acquisition: That of the strategy.
          known: What is known.
          x: A point of the unit cube.
        """
        ...


class Drawing:
    """Base class of a rule that draws a point, or a function: of the weights the chance of success alone acts on it."""


@runtime_checkable
class JointBatch(Batch, Protocol):
    """A rule that values several points together: a batch that is asked for at once is improved by it as a whole.

    It stands in place of the acquisition where nothing is pending, too.
    """

    def value_together(self, aux: Any, known: Knowledge, x: Float[Array, "q d"]) -> Float[Array, ""]:
        """Worth of several points together.

        Args:
          aux: From `prepare`.
          known: What is known.
          x: Points of the unit cube.
        """
        ...
