"""Random streams of a strategy with a model: one key, and a number for each use of the key.

Each use has its own stream, so that a new use does not change the others. In `Bayesian` and `TrustRegion` each number
has one use; 6 and 7 are free. `Parzen` and the searches without a model fold other numbers into the key themselves.

The row of a suggestion is the number of trials in the table before it. This is the number of the new trial, and the
index of its row. A stream is split into as many keys as its use needs. A wider split may change all of them, so a new
use takes a new number.
"""

import jax
from jaxtyping import Array, Int, Key

FIT = 0
"""Fit of the surrogate, which a batch shares."""
BOX = 1
"""Suggestion in the box of a trust region, for each row."""
DESIGN = 2
"""Initial design, one sequence for all its points."""
DESIGN_NEW = 3
"""Replacement of a design point that is already in the table, for each row."""
BATCH = 4
"""Joint improvement of a batch, for its first row."""
WEIGHTS = 5
"""Fits of the weights, by the index in `Bayesian.weights`: a new weight before others changes their streams."""
_ROWS = 8
"""First of the numbers of suggestions by the model, one for each row."""


def stream(key: Key[Array, ""], number: int, row: Int[Array, ""] | int | None = None) -> Key[Array, ""]:
    """The key of a stream.

    Args:
      key: The key of the search.
      number: One of the constants above.
      row: The row or the index; None: one stream for all rows.
    """
    key = jax.random.fold_in(key, number)
    return key if row is None else jax.random.fold_in(key, row)


def of_row(key: Key[Array, ""], row: Int[Array, ""]) -> Key[Array, ""]:
    """The key of a suggestion by the model.

    Args:
      key: The key of the search.
      row: Number of trials in the table before the suggestion.
    """
    return jax.random.fold_in(key, _ROWS + row)
