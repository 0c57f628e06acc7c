"""A recurrent network that generates text: after each character it predicts the next one."""

from dataclasses import dataclass

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int

from architectures.examples import PAD
from architectures.layers import Dropout, drop, embedding, linear, split_dropout
from architectures.recurrent import Recurrent, State


@dataclass(frozen=True)
class RNNStructure:
    """Static structure of the network, which determines its shapes; each value compiles a separate program."""

    num_tokens: int
    """Vocabulary size."""
    cell: str = "simple"
    """One of ``recurrent.CELLS``."""
    width: int = 128
    """Units of a recurrent layer."""
    num_layers: int = 1
    """Number of recurrent layers, at least 1."""
    embedding: int = 32
    """Size of the embedding of a token."""

    def build(self, rngs: nnx.Rngs) -> "RNN":
        """A network with fresh random weights."""
        return RNN(self, rngs)


class RNN(nnx.Module):
    """A network from tokens to logits of the next token, at each step.

    Every step has a prediction and so contributes to the gradient. Simple sketches of text generation predict only the
    last token of a window; they learn from one step in 64.
    """

    def __init__(self, structure: RNNStructure, rngs: nnx.Rngs):
        """Create a network of the given structure, with random weights from ``rngs``."""
        self.embed = embedding(structure.num_tokens, structure.embedding, rngs=rngs)
        self.recurrent = Recurrent(
            structure.cell, structure.embedding, structure.width, structure.num_layers, rngs=rngs
        )
        self.output = linear(structure.width, structure.num_tokens, rngs=rngs)

    def __call__(
        self, tokens: Int[Array, "n t"], activation: Int[Array, ""], dropout: Dropout | None
    ) -> Float[Array, "n t tokens"]:
        """Logits of the token after each token.

        Args:
          tokens: Rows padded with ``PAD`` at their end.
          activation: Index into ``layers.ACTIVATIONS`` for the simple cell; may be traced.
          dropout: Rate and key in training, None in evaluation. It applies between layers and before the output.
        """
        start = self.recurrent.start(len(tokens))
        hidden, _ = self.recurrent(self.embed(tokens), tokens != PAD, start, activation, split_dropout(dropout, 0))
        return self.output(drop(split_dropout(dropout, 1), hidden))  # [n, t, h] -> [n, t, tokens]

    def begin(self, num: int) -> tuple[State, ...]:
        """Recurrent states before the first token of ``num`` rows."""
        return self.recurrent.start(num)

    def step(
        self, states: tuple[State, ...], tokens: Int[Array, " n"], activation: Int[Array, ""]
    ) -> tuple[tuple[State, ...], Float[Array, "n tokens"]]:
        """Recurrent states after one more token of each row, and the logits of the next token."""
        is_valid = jnp.ones((len(tokens), 1), bool)
        hidden, states = self.recurrent(self.embed(tokens[:, None]), is_valid, states, activation, None)
        return states, self.output(hidden[:, 0])  # [n, 1, h] -> [n, tokens]
