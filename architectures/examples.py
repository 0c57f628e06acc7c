"""What a network learns from and is judged on, whatever its family: inputs, right answers, and how much each counts."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float32, Int32, PyTree

PAD = 0
"""The token that fills rows up to one length; no network sees it and no loss counts it."""


class Examples(NamedTuple):
    """Rows to learn from: each leaf of each field has one entry a row, on its first axis."""

    inputs: PyTree[Any]
    """What the network is called with: an array of images, of tokens, or a tuple of arrays."""
    targets: Int32[Array | np.ndarray, "n ..."]
    """The right class of every prediction, counted from 0: one a row or one a step of the row."""
    weights: Float32[Array | np.ndarray, "n ..."]
    """How much each prediction counts, at least 0: 1, or 0 for what is only padding."""


class Split(NamedTuple):
    """Examples in three parts that share none."""

    train: Examples
    """To learn from."""
    validation: Examples
    """By which a search compares configurations."""
    test: Examples
    """To be looked at once, at the end."""


def labelled(inputs: PyTree[Any], labels: Int32[np.ndarray, " n"]) -> Examples:
    """Examples with one answer a row, all of which count the same."""
    return Examples(inputs, labels, np.ones(len(labels), np.float32))


def continued(tokens: Int32[np.ndarray, "n t_plus_1"]) -> Examples:
    """Examples of which token comes next: at each step the tokens up to here, and the one that follows."""
    return Examples(tokens[:, :-1], tokens[:, 1:], (tokens[:, 1:] != PAD).astype(np.float32))


def translated(source: Int32[np.ndarray, "n s"], target: Int32[np.ndarray, "n t_plus_1"]) -> Examples:
    """Examples of a second sequence that follows from a first.

    The network sees the source and the target up to a step (it is shown the right beginning, "teacher forcing"), and
    has to name the target's next token.

    Args:
      source: Tokens, filled up with ``PAD``.
      target: Tokens with their start and their end, filled up with ``PAD``.
    """
    following = continued(target)
    return Examples((source, following.inputs), following.targets, following.weights)


def lengths_of(examples: Examples) -> Int32[Array, " n"] | None:
    """How many tokens each row has, where rows are texts with one answer; None where it makes no difference."""
    inputs = examples.inputs
    if not hasattr(inputs, "dtype") or inputs.dtype != np.int32 or inputs.ndim != 2 or examples.targets.ndim != 1:
        return None
    return (jnp.asarray(inputs) != PAD).sum(axis=1)


def take(examples: Examples, rows: Any) -> Examples:
    """The examples in these rows, in this order; ``rows`` is an index array or a slice."""
    return jax.tree.map(lambda leaf: leaf[rows], examples)
