"""Streams of random numbers of a search by a model: one key, and a number for each use of it.

A stream of its own for each use keeps the others as they are when one is added. A number is never given twice: 6 and 7
are free. The row is the number of trials in the table. Strategies without a model have numbers of their own.
"""

import jax
from jaxtyping import Array, Int, Key

FIT = 0
"""The fit of the surrogate, which a batch shares."""
BOX = 1
"""A suggestion in the box of a trust region, by its row."""
DESIGN = 2
"""The initial design, one sequence for all its points."""
DESIGN_NEW = 3
"""A new point where that of the design is taken, by its row."""
BATCH = 4
"""A batch that is moved as a whole, by its first row."""
WEIGHTS = 5
"""The fits of the weights, by their place."""
_ROWS = 8
"""From here on a number for each row: suggestions by the model."""


def stream(key: Key[Array, ""], number: int, row: Int[Array, ""] | int | None = None) -> Key[Array, ""]:
    """The key of a stream.

    Args:
      key: The key of the search.
      number: One of those above.
      row: The row or the place that it is for; None: it is for all.
    """
    key = jax.random.fold_in(key, number)
    return key if row is None else jax.random.fold_in(key, row)


def of_row(key: Key[Array, ""], row: Int[Array, ""]) -> Key[Array, ""]:
    """The key of a suggestion by the model.

    Args:
      key: The key of the search.
      row: Rows in the table before it.
    """
    return jax.random.fold_in(key, _ROWS + row)
