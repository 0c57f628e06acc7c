"""A recurrent network that reads a text and says of which class it is."""

from dataclasses import dataclass

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int

from architectures.examples import PAD
from architectures.layers import Dropout, activate, drop, embedding, linear, split_dropout
from architectures.recurrent import Recurrent


@dataclass(frozen=True)
class LSTMStructure:
    """What decides the shapes of the network, so each value is a program of its own."""

    num_tokens: int
    """Different tokens there are."""
    num_classes: int
    """Number of outputs."""
    cell: str = "lstm"
    """One of ``recurrent.CELLS``."""
    width: int = 64
    """Units of a recurrent layer and of the dense layer after it."""
    num_layers: int = 1
    """Recurrent layers, at least 1."""
    embedding: int = 32
    """Numbers that stand for a token."""
    longest_run: int = 1
    """Tokens in the longest run that adds an embedding of its own to that of its last token, at least 1."""

    def build(self, rngs: nnx.Rngs) -> "LSTM":
        """A network with fresh random weights."""
        return LSTM(self, rngs)


NUM_RUNS = 4096
"""Embeddings for the runs of each length; runs whose hashes agree share one."""


class RunEmbedding(nnx.Module):
    """An embedding of each token, plus one for each run of two and more tokens that ends with it.

    What a recurrent layer would have to learn to keep, a run of letters that tells a language, is there at once. Those
    of runs begin at zero. Runs look back only, and before a text there is ``PAD``, so that a beginning is one too.

    References:
      Bojanowski, Grave, Joulin and Mikolov, Enriching word vectors with subword information, TACL 2017: embeddings of
      n-grams, by the hash of Fowler, Noll and Vo.
    """

    def __init__(self, num_tokens: int, size: int, longest: int, rngs: nnx.Rngs):
        """Fresh weights for ``num_tokens`` tokens and runs of up to ``longest``, ``size`` numbers each."""
        if longest < 1:
            raise ValueError(f"longest_run: expected at least 1, got {longest}")
        self.token = embedding(num_tokens, size, rngs=rngs)
        zeros = nnx.initializers.zeros
        self.runs = nnx.List([nnx.Embed(NUM_RUNS, size, embedding_init=zeros, rngs=rngs) for _ in range(longest - 1)])

    def __call__(self, tokens: Int[Array, "n t"]) -> Float[Array, "n t embedding"]:
        """The sum of the embeddings of each token and the runs that it ends."""
        x, earlier = self.token(tokens), tokens
        word = (tokens.astype(jnp.uint32) ^ jnp.uint32(0x811C9DC5)) * jnp.uint32(0x01000193)
        for table in self.runs:
            earlier = jnp.pad(earlier[:, :-1], ((0, 0), (1, 0)), constant_values=PAD)  # each row one step later
            word = (word ^ earlier.astype(jnp.uint32)) * jnp.uint32(0x01000193)
            x = x + table(((word ^ (word >> 15)) % jnp.uint32(NUM_RUNS)).astype(jnp.int32))
        return x


class LSTM(nnx.Module):
    """A network from tokens to one logit for each class, by the last hidden state of its last layer.

    "Last" is the last valid step of each row. The last column of the padded array would be right for the longest row
    only, and an index into the layers takes a layer, not a step.
    """

    def __init__(self, structure: LSTMStructure, rngs: nnx.Rngs):
        """A network of the given structure, weights from ``rngs``."""
        width = structure.width
        self.embed = RunEmbedding(structure.num_tokens, structure.embedding, structure.longest_run, rngs)
        self.recurrent = Recurrent(structure.cell, structure.embedding, width, structure.num_layers, rngs=rngs)
        self.hidden = linear(width, width, rngs=rngs)
        self.output = linear(width, structure.num_classes, rngs=rngs)

    def __call__(
        self, tokens: Int[Array, "n t"], activation: Int[Array, ""], dropout: Dropout | None
    ) -> Float[Array, "n classes"]:
        """The logits of each row's class.

        Args:
          tokens: Rows filled up with ``PAD`` at their end.
          activation: Of the dense layer, and of the simple cell: an index into ``layers.ACTIVATIONS``; may be traced.
          dropout: Rate and key in training, None in evaluation; of embeddings, between layers, before and after the
            dense one.
        """
        start, x = self.recurrent.start(len(tokens)), drop(split_dropout(dropout, 3), self.embed(tokens))
        _, states = self.recurrent(x, tokens != PAD, start, activation, split_dropout(dropout, 0))
        last = drop(split_dropout(dropout, 1), states[-1].hidden)  # [n, h]: last layer, after the last valid step
        hidden = drop(split_dropout(dropout, 2), activate(activation, self.hidden(last)))
        return self.output(hidden)  # [n, h] -> [n, classes]
