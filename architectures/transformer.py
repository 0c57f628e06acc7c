"""Translation by the encoder and decoder of the Transformer."""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float, Float32, Int

from architectures.examples import PAD
from architectures.layers import Dropout, activate, drop, embedding, linear, split_dropout

NORMS = ("pre", "post")


@dataclass(frozen=True)
class TransformerStructure:
    """Static structure of the network, which determines its shapes; each value compiles a separate program."""

    num_source_tokens: int
    """Vocabulary size of the language to translate from."""
    num_target_tokens: int
    """Vocabulary size of the language to translate to."""
    width: int = 64
    """Size of the representation of a token in all layers; even, and a multiple of ``num_heads``."""
    num_heads: int = 4
    """Number of attention heads in each layer."""
    num_layers: int = 2
    """Number of layers of the encoder, and of the decoder; at least 1."""
    norm: str = "pre"
    """One of ``NORMS``: layer normalisation of the input of each sublayer, or of the sum after it."""
    expansion: int = 2
    """Units of the hidden layer of a feed-forward network, as a multiple of the width."""

    def build(self, rngs: nnx.Rngs) -> "Transformer":
        """A network with fresh random weights."""
        return Transformer(self, rngs)


def positions(length: int, width: int) -> Float32[np.ndarray, "t d"]:
    """Sinusoidal position encoding; a network without it cannot see the order of the tokens.

    References:
      Vaswani et al., Attention is all you need, NeurIPS 2017, section 3.5.
    """
    angles = np.arange(length)[:, None] / 10_000 ** (np.arange(0, width, 2) / width)  # [t, d / 2]
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(length, width).astype(np.float32)


class MultiHeadAttention(nnx.Module):
    """Multi-head attention: each head attends in its own part of the width."""

    def __init__(self, width: int, num_heads: int, rngs: nnx.Rngs):
        """Create random weights; ``width`` must be a multiple of ``num_heads``."""
        if num_heads < 1 or width % num_heads:
            raise ValueError(f"num_heads: expected a divisor of the width {width}, got {num_heads}")
        self.num_heads = num_heads
        self.of_query = linear(width, width, rngs=rngs)
        self.of_key = linear(width, width, rngs=rngs)
        self.of_value = linear(width, width, rngs=rngs)
        self.output = linear(width, width, rngs=rngs)

    def split(self, x: Float[Array, "n t d"]) -> Float[Array, "n heads t part"]:
        """``x`` divided into the parts of the heads."""
        parts = x.reshape(*x.shape[:2], self.num_heads, -1)  # [n, t, heads part] -> [n, t, heads, part]
        return parts.swapaxes(1, 2)  # [n, t, heads, part] -> [n, heads, t, part]

    def keys_and_values(self, x: Float[Array, "n s d"]) -> tuple[Array, Array]:
        """Keys and values of ``x``, each of shape [n, heads, s, part]."""
        return self.split(self.of_key(x)), self.split(self.of_value(x))

    def attend(
        self,
        x: Float[Array, "n t d"],
        keys: Float[Array, "n heads s part"],
        values: Float[Array, "n heads s part"],
        is_seen: Bool[Array, "#n #t s"],
    ) -> Float[Array, "n t d"]:
        """Attention of each step of ``x``: the mean of the values, weighted by the softmax over the visible keys.

        The code puts the heads first, so that both products are plain matrix products. On a CPU the gradient takes a
        quarter of the time that ``jax.nn.dot_product_attention`` takes.
        """
        queries = self.split(self.of_query(x)) / jnp.sqrt(keys.shape[-1]).astype(x.dtype)
        scores = jnp.einsum("nhtp,nhsp->nhts", queries, keys)
        least = jnp.finfo(scores.dtype).min  # gives a weight of 0; with minus infinity a row that sees no key is NaN
        weights = jax.nn.softmax(jnp.where(is_seen[:, None], scores, least), axis=-1)
        attended = jnp.einsum("nhts,nhsp->nhtp", weights, values).swapaxes(1, 2)  # [n, t, heads, part]
        return self.output(attended.reshape(x.shape))  # [n, t, heads, part] -> [n, t, d]


class Sublayers(nnx.Module):
    """Residual connections of sublayers, each with its layer normalisation before or after it.

    References:
      Xiong et al., On layer normalization in the Transformer architecture, ICML 2020.
    """

    def __init__(self, num: int, width: int, norm: str, rngs: nnx.Rngs):
        """Create normalisations of ``num`` sublayers; ``norm`` is one of ``NORMS``."""
        if norm not in NORMS:
            raise ValueError(f"norm: expected one of {NORMS}, got {norm!r}")
        self.norm = norm
        self.norms = nnx.List([nnx.LayerNorm(width, rngs=rngs) for _ in range(num)])

    def enter(self, index: int, x: Float[Array, "n t d"]) -> Float[Array, "n t d"]:
        """Input of sublayer ``index``."""
        return self.norms[index](x) if self.norm == "pre" else x

    def leave(
        self, index: int, x: Float[Array, "n t d"], change: Float[Array, "n t d"], dropout: Dropout | None
    ) -> Float[Array, "n t d"]:
        """Output after sublayer ``index``, which mapped ``x`` to ``change``."""
        x = x + drop(split_dropout(dropout, index), change)
        return x if self.norm == "pre" else self.norms[index](x)


class FeedForward(nnx.Module):
    """Two dense layers, applied at every position."""

    def __init__(self, width: int, expansion: int, rngs: nnx.Rngs):
        """Create random weights."""
        self.hidden = linear(width, expansion * width, rngs=rngs)
        self.output = linear(expansion * width, width, rngs=rngs)

    def __call__(self, x: Float[Array, "n t d"], activation: Int[Array, ""]) -> Float[Array, "n t d"]:
        """The output of the two layers at each position."""
        return self.output(activate(activation, self.hidden(x)))


class EncoderLayer(nnx.Module):
    """Self-attention, then a feed-forward network."""

    def __init__(self, structure: TransformerStructure, rngs: nnx.Rngs):
        """Create random weights."""
        self.sublayers = Sublayers(2, structure.width, structure.norm, rngs)
        self.attention = MultiHeadAttention(structure.width, structure.num_heads, rngs)
        self.feed_forward = FeedForward(structure.width, structure.expansion, rngs)

    def __call__(
        self,
        x: Float[Array, "n s d"],
        is_seen: Bool[Array, "n 1 s"],
        activation: Int[Array, ""],
        dropout: Dropout | None,
    ) -> Float[Array, "n s d"]:
        """The sequence after this layer."""
        entering = self.sublayers.enter(0, x)
        x = self.sublayers.leave(
            0, x, self.attention.attend(entering, *self.attention.keys_and_values(entering), is_seen), dropout
        )
        return self.sublayers.leave(1, x, self.feed_forward(self.sublayers.enter(1, x), activation), dropout)


class Cache(NamedTuple):
    """Keys and values of one layer of the decoder, of the target (zeros after its current position) and the source."""

    keys: Float[Array, "n heads length part"]
    values: Float[Array, "n heads length part"]
    source_keys: Float[Array, "n heads s part"]
    source_values: Float[Array, "n heads s part"]


class DecoderLayer(nnx.Module):
    """Causal self-attention of the target, attention to the source, then a feed-forward network."""

    def __init__(self, structure: TransformerStructure, rngs: nnx.Rngs):
        """Create random weights."""
        self.sublayers = Sublayers(3, structure.width, structure.norm, rngs)
        self.attention = MultiHeadAttention(structure.width, structure.num_heads, rngs)
        self.source_attention = MultiHeadAttention(structure.width, structure.num_heads, rngs)
        self.feed_forward = FeedForward(structure.width, structure.expansion, rngs)

    def begin(self, encoded: Float[Array, "n s d"], length: int) -> Cache:
        """The cache before the first of at most ``length`` tokens."""
        source_keys, source_values = self.source_attention.keys_and_values(encoded)
        num, heads, _, part = source_keys.shape
        empty = jnp.zeros((num, heads, length, part), encoded.dtype)
        return Cache(empty, empty, source_keys, source_values)

    def __call__(
        self,
        x: Float[Array, "n t d"],
        cache: Cache,
        position: Int[Array, ""] | int,
        is_seen: Bool[Array, "n t length"],
        is_source: Bool[Array, "n 1 s"],
        activation: Int[Array, ""],
        dropout: Dropout | None,
    ) -> tuple[Float[Array, "n t d"], Cache]:
        """The tokens after this layer, and the cache with their keys and values from ``position`` on."""
        entering = self.sublayers.enter(0, x)
        new = self.attention.keys_and_values(entering)
        keys, values = (
            jax.lax.dynamic_update_slice_in_dim(old, now, position, axis=2)
            for old, now in zip((cache.keys, cache.values), new, strict=True)
        )
        x = self.sublayers.leave(0, x, self.attention.attend(entering, keys, values, is_seen), dropout)
        entering = self.sublayers.enter(1, x)
        read = self.source_attention.attend(entering, cache.source_keys, cache.source_values, is_source)
        x = self.sublayers.leave(1, x, read, dropout)
        x = self.sublayers.leave(2, x, self.feed_forward(self.sublayers.enter(2, x), activation), dropout)
        return x, cache._replace(keys=keys, values=values)


class Memory(NamedTuple):
    """State of the decoder: keys and values of the source, and of the target so far."""

    caches: tuple[Cache, ...]
    """Cache of each layer."""
    is_source: Bool[Array, "n 1 s"]
    """False for padding, which gets no attention."""
    position: Int[Array, ""]
    """Number of tokens of the target so far."""


class Transformer(nnx.Module):
    """A network from a source and the start of a target to the logits of the next token of the target, at each step.

    It has three masks. The encoder does not see padding. The decoder does not see padding of the source. A position of
    the target sees only itself and earlier positions; without this mask, training would show the answer.

    References:
      Vaswani et al., Attention is all you need, NeurIPS 2017.
    """

    def __init__(self, structure: TransformerStructure, rngs: nnx.Rngs):
        """Create a network of the given structure, with random weights from ``rngs``.

        Raises:
          ValueError: If the width is odd or not a multiple of ``num_heads``, if ``num_layers`` is less than 1, or if
            ``norm`` is not in ``NORMS``.
        """
        width, num_layers = structure.width, structure.num_layers
        if width % 2:
            raise ValueError(f"width: expected an even number, got {width}")
        if num_layers < 1:
            raise ValueError(f"num_layers: expected at least 1, got {num_layers}")
        self.width = width
        self.embed_source = embedding(structure.num_source_tokens, width, rngs=rngs)
        self.embed_target = embedding(structure.num_target_tokens, width, rngs=rngs)
        self.encoder = nnx.List([EncoderLayer(structure, rngs) for _ in range(num_layers)])
        self.decoder = nnx.List([DecoderLayer(structure, rngs) for _ in range(num_layers)])
        # With "pre", the output of the last sublayer has not been normalised yet.
        self.last_norms = nnx.List([nnx.LayerNorm(width, rngs=rngs) for _ in range(2 * (structure.norm == "pre"))])
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
          activation: Index into ``layers.ACTIVATIONS`` for the feed-forward networks; may be traced.
          dropout: Rate and key in training, None in evaluation. It applies to the embedded tokens and each sublayer.
        """
        source, target = inputs
        length = target.shape[1]
        memory = self._encode(source, activation, length, split_dropout(dropout, 0))
        return self._decode(memory, target, activation, split_dropout(dropout, 1))[1]

    def begin(self, source: Int[Array, "n s"], activation: Int[Array, ""], length: int) -> Memory:
        """State of the decoder before the first of at most ``length`` tokens."""
        return self._encode(source, activation, length, None)

    def step(
        self, memory: Memory, tokens: Int[Array, " n"], activation: Int[Array, ""]
    ) -> tuple[Memory, Float[Array, "n tokens"]]:
        """The memory after one more token of each target, and the logits of the next token."""
        memory, logits = self._decode(memory, tokens[:, None], activation, None)
        return memory, logits[:, 0]  # [n, 1, tokens] -> [n, tokens]

    def _encode(
        self, source: Int[Array, "n s"], activation: Int[Array, ""], length: int, dropout: Dropout | None
    ) -> Memory:
        is_source = (source != PAD)[:, None]  # [n, s] -> [n, 1, s]
        embedded = self.embed_source(source) + positions(source.shape[1], self.width)
        x = drop(split_dropout(dropout, 0), embedded)
        for depth, layer in enumerate(self.encoder, start=1):
            x = layer(x, is_source, activation, split_dropout(dropout, depth))
        if self.last_norms:
            x = self.last_norms[0](x)
        return Memory(tuple(layer.begin(x, length) for layer in self.decoder), is_source, jnp.int32(0))

    def _decode(
        self, memory: Memory, target: Int[Array, "n t"], activation: Int[Array, ""], dropout: Dropout | None
    ) -> tuple[Memory, Float[Array, "n t tokens"]]:
        """The new memory and the logits of ``target``, whose first token is at ``memory.position``."""
        num, length = len(target), memory.caches[0].keys.shape[2]
        at = memory.position + jnp.arange(target.shape[1])  # [t]
        is_seen = jnp.broadcast_to(jnp.arange(length) <= at[:, None], (num, len(at), length))  # itself and its past
        embedded = self.embed_target(target) + jnp.asarray(positions(length, self.width))[at]
        x = drop(split_dropout(dropout, 0), embedded)
        caches = []
        for depth, (layer, cache) in enumerate(zip(self.decoder, memory.caches, strict=True), start=1):
            x, cache = layer(
                x, cache, memory.position, is_seen, memory.is_source, activation, split_dropout(dropout, depth)
            )
            caches.append(cache)
        if self.last_norms:
            x = self.last_norms[1](x)
        memory = Memory(tuple(caches), memory.is_source, memory.position + target.shape[1])
        return memory, self.output(x)  # [n, t, d] -> [n, t, tokens]
