"""Attention, a layer of the Transformer and its positions against NumPy written out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from scipy.special import softmax

from architectures.attention import Score
from architectures.transformer import (
    DecoderLayer,
    EncoderLayer,
    MultiHeadAttention,
    Transformer,
    TransformerStructure,
    positions,
)

RELU = jnp.int32(0)
RNG = np.random.default_rng(0)
X, SOURCE = (RNG.normal(size=(2, length, 8)).astype(np.float32) for length in (5, 4))
IS_SOURCE = np.array([[True, True, True, False], [True, False, False, False]])


def _shake(module):
    """Random numbers in the place of all parameters: fresh biases of 0 and scales of 1 would hide a mistake."""
    state = nnx.state(module)
    nnx.update(module, jax.tree.map(lambda leaf: jnp.asarray(RNG.normal(size=leaf.shape) * 0.4, jnp.float32), state))
    return module


def _linear(module, x):
    return x @ np.asarray(module.kernel[...], float) + np.asarray(module.bias[...], float)


def _attend(module, x, source, is_seen):
    """Head by head, query by query, over the keys that may be seen."""
    query, key, value = _linear(module.of_query, x), _linear(module.of_key, source), _linear(module.of_value, source)
    part, read = 8 // module.num_heads, np.zeros(x.shape)
    for row in range(len(x)):
        for head in range(module.num_heads):
            here = slice(head * part, (head + 1) * part)
            for step in range(x.shape[1]):
                seen = is_seen[row, step]
                scores = key[row, seen][:, here] @ query[row, step, here] / np.sqrt(part)
                read[row, step, here] = softmax(scores) @ value[row, seen][:, here]
    return _linear(module.output, read)


def _norm(module, x):
    centred = x - x.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-6)
    return scaled * np.asarray(module.scale[...]) + np.asarray(module.bias[...])


def _feed_forward(module, x):
    return _linear(module.output, np.maximum(_linear(module.hidden, x), 0))


def _residual(layer, index, x, change):
    norm = layer.sublayers.norms[index]
    return x + change(_norm(norm, x)) if layer.sublayers.norm == "pre" else _norm(norm, x + change(x))


@pytest.mark.parametrize("num_heads", [1, 2, 4])
def test_attention_of_several_heads_is_the_one_written_out(num_heads):
    attention = _shake(MultiHeadAttention(8, num_heads, nnx.Rngs(0)))
    is_seen = np.broadcast_to(IS_SOURCE[:, None], (2, 5, 4))
    got = attention.attend(jnp.asarray(X), *attention.keys_and_values(jnp.asarray(SOURCE)), jnp.asarray(is_seen))
    np.testing.assert_allclose(got, _attend(attention, X, SOURCE, is_seen), atol=2e-5)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_an_encoder_layer_is_the_one_written_out(norm):
    layer = _shake(EncoderLayer(TransformerStructure(9, 9, width=8, num_heads=2, norm=norm), nnx.Rngs(0)))
    got = layer(jnp.asarray(SOURCE), jnp.asarray(IS_SOURCE[:, None]), RELU, None)
    is_seen = np.broadcast_to(IS_SOURCE[:, None], (2, 4, 4))
    x = _residual(layer, 0, SOURCE.astype(float), lambda each: _attend(layer.attention, each, each, is_seen))
    expected = _residual(layer, 1, x, lambda each: _feed_forward(layer.feed_forward, each))
    np.testing.assert_allclose(got, expected, atol=5e-5)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_a_decoder_layer_is_the_one_written_out(norm):
    layer = _shake(DecoderLayer(TransformerStructure(9, 9, width=8, num_heads=2, norm=norm), nnx.Rngs(0)))
    past = np.tril(np.ones((5, 5), bool))[None].repeat(2, axis=0)
    cache = layer.begin(jnp.asarray(SOURCE), 5)
    got, _ = layer(jnp.asarray(X), cache, 0, jnp.asarray(past), jnp.asarray(IS_SOURCE[:, None]), RELU, None)
    is_source = np.broadcast_to(IS_SOURCE[:, None], (2, 5, 4))
    x = _residual(layer, 0, X.astype(float), lambda each: _attend(layer.attention, each, each, past))
    x = _residual(layer, 1, x, lambda each: _attend(layer.source_attention, each, SOURCE, is_source))
    expected = _residual(layer, 2, x, lambda each: _feed_forward(layer.feed_forward, each))
    np.testing.assert_allclose(got, expected, atol=5e-5)


def test_positions_are_those_of_the_paper():
    table = positions(7, 6)
    for step in range(7):
        for pair in range(3):
            angle = step / 10_000 ** (2 * pair / 6)
            np.testing.assert_allclose(table[step, 2 * pair : 2 * pair + 2], [np.sin(angle), np.cos(angle)], atol=1e-6)


@pytest.mark.parametrize("kind", ["dot", "additive"])
def test_scores_of_the_recurrent_attention_are_those_of_the_papers(kind):
    score = _shake(Score(kind, 8, nnx.Rngs(0)))
    got = score(jnp.asarray(X), score.of_key(jnp.asarray(SOURCE)))
    kernel = np.asarray(score.of_key.kernel[...], float)
    for row in range(2):
        for t in range(5):
            for s in range(4):
                q, k = X[row, t].astype(float), SOURCE[row, s].astype(float)
                if kind == "dot":
                    expected = q @ (k @ kernel) / np.sqrt(8)
                else:
                    inner = q @ np.asarray(score.of_query.kernel[...]) + k @ kernel + np.asarray(score.of_key.bias[...])
                    expected = np.tanh(inner) @ np.asarray(score.weigh.kernel[...])[:, 0]
                np.testing.assert_allclose(got[row, t, s], expected, atol=2e-5)


@pytest.mark.parametrize(
    "wrong, message",
    [
        (dict(width=7), "width: expected an even number, got 7"),
        (dict(width=8, num_heads=3), "num_heads: expected a divisor of the width 8, got 3"),
        (dict(num_layers=0), "num_layers: expected at least 1, got 0"),
        (dict(norm="both"), "norm: expected one of .*, got 'both'"),
    ],
)
def test_a_structure_that_cannot_be_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        Transformer(TransformerStructure(9, 9, **wrong), nnx.Rngs(0))
    with pytest.raises(ValueError, match="score: expected one of"):
        Score("cosine", 8, nnx.Rngs(0))
