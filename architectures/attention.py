"""Translation by a recurrent encoder and decoder; the decoder attends to all states of the encoder."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

from architectures.examples import PAD
from architectures.layers import Dropout, activate, drop, embedding, linear, split_dropout
from architectures.recurrent import Recurrent, State

SCORES = ("dot", "additive")


@dataclass(frozen=True)
class AttentionStructure:
    """Static structure of the network, which determines its shapes; each value compiles a separate program."""

    num_source_tokens: int
    """Vocabulary size of the language to translate from."""
    num_target_tokens: int
    """Vocabulary size of the language to translate to."""
    cell: str = "gru"
    """One of ``recurrent.CELLS``."""
    score: str = "dot"
    """One of ``SCORES``."""
    width: int = 64
    """Units of a recurrent layer and of the attention."""
    num_layers: int = 1
    """Number of recurrent layers of the encoder, and of the decoder."""
    embedding: int = 32
    """Size of the embedding of a token."""

    def build(self, rngs: nnx.Rngs) -> "Attention":
        """A network with fresh random weights."""
        return Attention(self, rngs)


class Score(nnx.Module):
    r"""Attention score of a state of the decoder, the query q, and a state of the encoder, the key k.

    ``dot``: :math:`q^\top W k / \sqrt{h}`. ``additive``: :math:`v^\top \tanh(U q + W k)`.

    References:
      Luong, Pham and Manning, Effective approaches to attention-based neural machine translation, EMNLP 2015.
      Bahdanau, Cho and Bengio, Neural machine translation by jointly learning to align and translate, ICLR 2015.
    """

    def __init__(self, kind: str, units: int, rngs: nnx.Rngs):
        """Create random weights for states of ``units`` numbers; ``kind`` is one of ``SCORES``."""
        if kind not in SCORES:
            raise ValueError(f"score: expected one of {SCORES}, got {kind!r}")
        self.kind = kind
        self.of_key = linear(units, units, use_bias=kind == "additive", rngs=rngs)
        if kind == "additive":
            self.of_query = linear(units, units, use_bias=False, rngs=rngs)
            self.weigh = linear(units, 1, use_bias=False, rngs=rngs)

    def __call__(self, queries: Float[Array, "n t h"], keys: Float[Array, "n s h"]) -> Float[Array, "n t s"]:
        """The score of each pair of a query and a key; ``keys`` are outputs of ``of_key``."""
        if self.kind == "dot":
            return jnp.einsum("nth,nsh->nts", queries, keys) / jnp.sqrt(keys.shape[-1]).astype(keys.dtype)
        summed = self.of_query(queries)[:, :, None] + keys[:, None]  # [n, t, 1, h] + [n, 1, s, h]
        return self.weigh(jnp.tanh(summed))[..., 0]  # [n, t, s, 1] -> [n, t, s]


class Memory(NamedTuple):
    """State of the decoder: the encoded source, and the recurrent states after the target so far."""

    encoded: Float[Array, "n s h"]
    """Hidden states of the encoder."""
    keys: Float[Array, "n s h"]
    """Keys of the encoder's states, to which the queries are compared."""
    is_source: Bool[Array, "n s"]
    """False for padding, which gets no attention."""
    states: tuple[State, ...]
    """State of each layer of the decoder, after the target so far."""


class Attention(nnx.Module):
    """A network from a source and the start of a target to the logits of the next token of the target, at each step.

    The attention weights are a softmax over the steps of the *source*, with padding excluded. They say which steps of
    the source matter for this token of the target. A softmax over another axis also has the right shape, but mixes
    tokens of the target.
    """

    def __init__(self, structure: AttentionStructure, rngs: nnx.Rngs):
        """Create a network of the given structure, with random weights from ``rngs``."""
        cell, width, num_layers = structure.cell, structure.width, structure.num_layers
        self.embed_source = embedding(structure.num_source_tokens, structure.embedding, rngs=rngs)
        self.embed_target = embedding(structure.num_target_tokens, structure.embedding, rngs=rngs)
        self.encoder = Recurrent(cell, structure.embedding, width, num_layers, rngs=rngs)
        self.decoder = Recurrent(cell, structure.embedding, width, num_layers, rngs=rngs)
        self.score = Score(structure.score, width, rngs=rngs)
        self.combine = linear(2 * width, width, rngs=rngs)
        self.output = linear(width, structure.num_target_tokens, rngs=rngs)

    def __call__(
        self,
        inputs: tuple[Int[Array, "n s"], Int[Array, "n t"]],
        activation: Int[Array, ""],
        dropout: Dropout | None,
    ) -> Float[Array, "n t tokens"]:
        """Logits of the token after each token of the target.

        Args:
          inputs: The source, and the target from its start token on; rows are padded with ``PAD`` at their end.
          activation: Index into ``layers.ACTIVATIONS``, which may be traced. It applies to the layer that combines
            state and context, and to the simple cell.
          dropout: Rate and key in training, None in evaluation. It applies between layers and before the output.
        """
        source, target = inputs
        memory = self._encode(source, activation, split_dropout(dropout, 0))
        return self._decode(memory, target, target != PAD, activation, split_dropout(dropout, 1))[1]

    def begin(self, source: Int[Array, "n s"], activation: Int[Array, ""], length: int) -> Memory:
        """State of the decoder before the first token; ``length`` of the target is not used."""
        del length
        return self._encode(source, activation, None)

    def step(
        self, memory: Memory, tokens: Int[Array, " n"], activation: Int[Array, ""]
    ) -> tuple[Memory, Float[Array, "n tokens"]]:
        """The memory after one more token of each target, and the logits of the next token."""
        is_valid = jnp.ones((len(tokens), 1), bool)
        memory, logits = self._decode(memory, tokens[:, None], is_valid, activation, None)
        return memory, logits[:, 0]  # [n, 1, tokens] -> [n, tokens]

    def _encode(self, source: Int[Array, "n s"], activation: Int[Array, ""], dropout: Dropout | None) -> Memory:
        is_source = source != PAD
        start = self.encoder.start(len(source))
        embedded, recurrent_dropout = self.embed_source(source), split_dropout(dropout, 0)
        encoded, states = self.encoder(embedded, is_source, start, activation, recurrent_dropout)
        encoded = drop(split_dropout(dropout, 1), encoded)
        return Memory(encoded, self.score.of_key(encoded), is_source, states)

    def _decode(
        self,
        memory: Memory,
        target: Int[Array, "n t"],
        is_valid: Bool[Array, "n t"],
        activation: Int[Array, ""],
        dropout: Dropout | None,
    ) -> tuple[Memory, Float[Array, "n t tokens"]]:
        embedded, recurrent_dropout = self.embed_target(target), split_dropout(dropout, 0)
        queries, states = self.decoder(embedded, is_valid, memory.states, activation, recurrent_dropout)
        scores = self.score(queries, memory.keys)  # [n, t, s]
        least = jnp.finfo(scores.dtype).min  # gives a weight of 0; with minus infinity an empty source would be NaN
        weights = jax.nn.softmax(jnp.where(memory.is_source[:, None], scores, least), axis=-1)
        context = jnp.einsum("nts,nsh->nth", weights, memory.encoded)
        combined = activate(activation, self.combine(jnp.concatenate([context, queries], axis=-1)))  # [n, t, 2 h]
        logits = self.output(drop(split_dropout(dropout, 1), combined))  # [n, t, h] -> [n, t, tokens]
        return memory._replace(states=states), logits
