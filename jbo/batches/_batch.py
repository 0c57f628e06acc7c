"""Protocols of batch rules, as a strategy uses them."""

from typing import Any, Protocol, runtime_checkable

from jaxtyping import Array, Float, Key

from jbo.acquisitions import Acquisition, Scale
from jbo.knowledge import Knowledge


@runtime_checkable
class Batch(Protocol):
    """A batch rule, which takes pending trials into account: a frozen dataclass registered as a pytree.

    Numbers are leaves. A strategy uses the rule if trials are pending, and otherwise the acquisition. The strategy
    applies weights, on the scale of the rule.
    """

    @property
    def scale(self) -> Scale:
        """Scale of the values."""
        ...

    def prepare(self, key: Key[Array, ""], acquisition: Acquisition, known: Knowledge) -> Any:
        """Quantities that are the same for all points of one suggestion, computed once.

        Args:
          key: Random key of rules that draw samples.
          acquisition: The acquisition of the strategy.
          known: Posteriors of the model.
        """
        ...

    def value(self, aux: Any, acquisition: Acquisition, known: Knowledge, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Value of the rule at ``x``; higher is better.

        Args:
          aux: From `prepare`.
          acquisition: The acquisition of the strategy.
          known: Posteriors of the model.
          x: A point of the unit cube.
        """
        ...


class Drawing:
    """Base class of a rule that samples a point or a function. Only the weight for success is applied to it."""


@runtime_checkable
class JointBatch(Batch, Protocol):
    """A rule that values several points jointly, so that all points of a batch are improved at once.

    It replaces the acquisition, even if no trial is pending.
    """

    def value_together(self, aux: Any, known: Knowledge, x: Float[Array, "q d"]) -> Float[Array, ""]:
        """Joint value of several points; higher is better.

        Args:
          aux: From `prepare`.
          known: Posteriors of the model.
          x: Points of the unit cube.
        """
        ...
