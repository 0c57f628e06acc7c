"""A recurrent network that classifies texts."""

from dataclasses import dataclass

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Int

from architectures.examples import PAD
from architectures.layers import Dropout, activate, drop, embedding, linear, split_dropout
from architectures.recurrent import Recurrent


@dataclass(frozen=True)
class LSTMStructure:
    """Static structure of the network, which determines its shapes; each value compiles a separate program."""

    num_tokens: int
    """Vocabulary size."""
    num_classes: int
    """Number of outputs."""
    cell: str = "lstm"
    """One of ``recurrent.CELLS``."""
    width: int = 64
    """Units of a recurrent layer and of the dense layer after it."""
    num_layers: int = 1
    """Number of recurrent layers, at least 1."""
    embedding: int = 32
    """Size of the embedding of a token."""
    longest_run: int = 1
    """Maximum length of the runs of tokens (n-grams) that have embeddings, at least 1; see `RunEmbedding`."""

    def build(self, rngs: nnx.Rngs) -> "LSTM":
        """A network with fresh random weights."""
        return LSTM(self, rngs)


NUM_RUNS = 4096
"""Number of embeddings for the runs of each length; runs with equal hashes share an embedding."""


class RunEmbedding(nnx.Module):
    """Embedding of each token, plus an embedding of each run of two or more tokens that ends with the token.

    Some runs of letters identify a language. With their embeddings the recurrent layer need not learn to remember the
    letters. The embeddings of runs begin at zero. Runs include only earlier tokens. ``PAD`` precedes a text, so the
    start of a text is also part of a run.

    References:
      Bojanowski, Grave, Joulin and Mikolov, Enriching word vectors with subword information, TACL 2017: embeddings of
      n-grams, by the hash of Fowler, Noll and Vo.
    """

    def __init__(self, num_tokens: int, size: int, longest: int, rngs: nnx.Rngs):
        """Create embeddings of length ``size`` for ``num_tokens`` tokens and for runs of up to ``longest`` tokens."""
        if longest < 1:
            raise ValueError(f"longest_run: expected at least 1, got {longest}")
        self.token = embedding(num_tokens, size, rngs=rngs)
        zeros = nnx.initializers.zeros
        self.runs = nnx.List([nnx.Embed(NUM_RUNS, size, embedding_init=zeros, rngs=rngs) for _ in range(longest - 1)])

    def __call__(self, tokens: Int[Array, "n t"]) -> Float[Array, "n t embedding"]:
        """The sum of the embeddings of each token and of the runs that end with it."""
        x, earlier = self.token(tokens), tokens
        word = (tokens.astype(jnp.uint32) ^ jnp.uint32(0x811C9DC5)) * jnp.uint32(0x01000193)
        for table in self.runs:
            earlier = jnp.pad(earlier[:, :-1], ((0, 0), (1, 0)), constant_values=PAD)  # each row one step later
            word = (word ^ earlier.astype(jnp.uint32)) * jnp.uint32(0x01000193)
            x = x + table(((word ^ (word >> 15)) % jnp.uint32(NUM_RUNS)).astype(jnp.int32))
        return x


class LSTM(nnx.Module):
    """A network from tokens to one logit for each class, computed from the final hidden state of its last layer.

    The final state is the state after the last valid step of each row. The last column of the padded array would be
    right for the longest row only. The index -1 in the code selects a layer, not a step.
    """

    def __init__(self, structure: LSTMStructure, rngs: nnx.Rngs):
        """Create a network of the given structure, with random weights from ``rngs``."""
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
          tokens: Rows padded with ``PAD`` at their end.
          activation: Index into ``layers.ACTIVATIONS``, which may be traced. It applies to the dense layer and the
            simple cell.
          dropout: Rate and key in training, None in evaluation. It applies to the embeddings, between recurrent layers,
            and before and after the dense layer.
        """
        start, x = self.recurrent.start(len(tokens)), drop(split_dropout(dropout, 3), self.embed(tokens))
        _, states = self.recurrent(x, tokens != PAD, start, activation, split_dropout(dropout, 0))
        last = drop(split_dropout(dropout, 1), states[-1].hidden)  # [n, h]: last layer, after the last valid step
        hidden = drop(split_dropout(dropout, 2), activate(activation, self.hidden(last)))
        return self.output(hidden)  # [n, h] -> [n, classes]
