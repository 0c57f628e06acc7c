"""A recurrent network that writes text: it reads characters and says, after each, which comes next."""

from dataclasses import dataclass

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int

from architectures.examples import PAD
from architectures.layers import Dropout, drop, embedding, linear, split_dropout
from architectures.recurrent import Recurrent, State


@dataclass(frozen=True)
class RNNStructure:
    """What decides the shapes of the network, so each value is a program of its own."""

    num_tokens: int
    """Different tokens there are."""
    cell: str = "simple"
    """One of ``recurrent.CELLS``."""
    width: int = 128
    """Units of a recurrent layer."""
    num_layers: int = 1
    """Recurrent layers, at least 1."""
    embedding: int = 32
    """Numbers that stand for a token."""

    def build(self, rngs: nnx.Rngs) -> "RNN":
        """A network with fresh random weights."""
        return RNN(self, rngs)


class RNN(nnx.Module):
    """A network from tokens to logits of the token that follows, at each step.

    Every step has a prediction of its own, and so a gradient: a network that is asked for the last token of a window
    only, as simple sketches of text generation have it, learns from one step in 64.
    """

    def __init__(self, structure: RNNStructure, rngs: nnx.Rngs):
        """A network of the given structure, weights from ``rngs``."""
        self.embed = embedding(structure.num_tokens, structure.embedding, rngs=rngs)
        self.recurrent = Recurrent(
            structure.cell, structure.embedding, structure.width, structure.num_layers, rngs=rngs
        )
        self.output = linear(structure.width, structure.num_tokens, rngs=rngs)

    def __call__(
        self, tokens: Int[Array, "n t"], activation: Int[Array, ""], dropout: Dropout | None
    ) -> Float[Array, "n t tokens"]:
        """The logits of what follows each token.

        Args:
          tokens: Rows filled up with ``PAD`` at their end.
          activation: Of the simple cell, an index into ``layers.ACTIVATIONS``; may be traced.
          dropout: Rate and key in training, None in evaluation; between layers and before the output.
        """
        start = self.recurrent.start(len(tokens))
        hidden, _ = self.recurrent(self.embed(tokens), tokens != PAD, start, activation, split_dropout(dropout, 0))
        return self.output(drop(split_dropout(dropout, 1), hidden))  # [n, t, h] -> [n, t, tokens]

    def begin(self, num: int) -> tuple[State, ...]:
        """What is remembered before the first token of ``num`` rows."""
        return self.recurrent.start(num)

    def step(
        self, states: tuple[State, ...], tokens: Int[Array, " n"], activation: Int[Array, ""]
    ) -> tuple[tuple[State, ...], Float[Array, "n tokens"]]:
        """What is remembered after one more token of each row, and the logits of what follows it."""
        is_valid = jnp.ones((len(tokens), 1), bool)
        hidden, states = self.recurrent(self.embed(tokens[:, None]), is_valid, states, activation, None)
        return states, self.output(hidden[:, 0])  # [n, 1, h] -> [n, tokens]
