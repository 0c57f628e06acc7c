"""Examples for training and evaluation, for every family of networks: inputs, targets and weights."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float32, Int32, PyTree

PAD = 0
"""The padding token, which fills rows to one length. Networks and losses ignore it."""


class Examples(NamedTuple):
    """Rows of examples: in every field, the first axis of each leaf has one entry for each row."""

    inputs: PyTree[Any]
    """Inputs of the network: an array of images, an array of tokens, or a tuple of arrays."""
    targets: Int32[Array | np.ndarray, "n ..."]
    """The right class of every prediction, counted from 0: one for each row, or for each step of each row."""
    weights: Float32[Array | np.ndarray, "n ..."]
    """Weight of each prediction in the loss, at least 0: 1, or 0 for padding."""


class Split(NamedTuple):
    """Examples in three parts that do not overlap."""

    train: Examples
    """Training examples."""
    validation: Examples
    """Examples by which a search compares configurations."""
    test: Examples
    """Examples to be used once, at the end."""


def labelled(inputs: PyTree[Any], labels: Int32[np.ndarray, " n"]) -> Examples:
    """Examples with one label for each row, all of weight 1."""
    return Examples(inputs, labels, np.ones(len(labels), np.float32))


def continued(tokens: Int32[np.ndarray, "n t_plus_1"]) -> Examples:
    """Examples of next-token prediction: the inputs are the tokens so far, the target is the next token."""
    return Examples(tokens[:, :-1], tokens[:, 1:], (tokens[:, 1:] != PAD).astype(np.float32))


def translated(source: Int32[np.ndarray, "n s"], target: Int32[np.ndarray, "n t_plus_1"]) -> Examples:
    """Examples of translation, with teacher forcing.

    The network sees the source and the right target up to a step, and predicts the next token of the target.

    Args:
      source: Tokens, padded with ``PAD``.
      target: Tokens with their start and end tokens, padded with ``PAD``.
    """
    following = continued(target)
    return Examples((source, following.inputs), following.targets, following.weights)


def lengths_of(examples: Examples) -> Int32[Array, " n"] | None:
    """Number of tokens of each row, if the rows are texts with one label each; otherwise None."""
    inputs = examples.inputs
    if not hasattr(inputs, "dtype") or inputs.dtype != np.int32 or inputs.ndim != 2 or examples.targets.ndim != 1:
        return None
    return (jnp.asarray(inputs) != PAD).sum(axis=1)


def take(examples: Examples, rows: Any) -> Examples:
    """The examples in these rows, in this order; ``rows`` is an index array or a slice."""
    return jax.tree.map(lambda leaf: leaf[rows], examples)
