"""What every family of networks must say of itself to be tuned."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jbo


class Score(NamedTuple):
    """How good a trained network is on examples that it did not learn from."""

    loss: float
    """Lower is better; NaN or inf if the training diverged."""
    accuracy: float
    """Share of right answers, in [0, 1]."""


Judge = Callable[[dict[str, Any], int], Score]
"""From a configuration and a number of epochs to a score. Deterministic: the same arguments, the same score."""


@dataclass(frozen=True)
class Task:
    """A space to search, where to start, and how to judge a configuration."""

    space: jbo.Space
    """What is varied."""
    default: dict[str, Any]
    """What one would take without a search; the first trial."""
    loss_name: str
    """What the search minimises and its unit, for the axis of a picture."""
    num_epochs: int
    """Passes over the training examples, if the user does not say."""
    validate: Judge
    """Trains on the training examples and judges on the validation examples: all that a search may see."""
    test: Judge
    """Trains afresh, with another seed, and judges on the test examples: once, at the end."""
