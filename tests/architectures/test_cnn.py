"""The network: shapes and sizes worked out by hand, and the whole forward pass against XLA's own convolution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from architectures import cnn
from architectures.cnn import CNNStructure
from architectures.layers import Dropout
from tests.selection import some

RELU = jnp.int32(0)
DENSE = 120 * 84 + 84 + 84 * 10 + 10  # the last two dense layers of every network


def build(structure):
    return structure.build(nnx.Rngs(jax.random.key(0)))


@pytest.mark.parametrize(
    "num_blocks, width, expected",
    [
        (1, 8, (9 * 1 * 8 + 8) + (4 * 4 * 8 * 120 + 120) + DENSE),
        (2, 16, (9 * 1 * 16 + 16) + (9 * 16 * 32 + 32) + (2 * 2 * 32 * 120 + 120) + DENSE),
        (3, 4, (9 * 1 * 4 + 4) + (9 * 4 * 8 + 8) + (9 * 8 * 16 + 16) + (1 * 1 * 16 * 120 + 120) + DENSE),
    ],
)
def test_logits_have_one_column_a_class_and_the_parameters_are_those_counted_by_hand(num_blocks, width, expected):
    model = nnx.eval_shape(lambda: build(CNNStructure(num_blocks, width)))
    params = jax.tree.leaves(nnx.state(model))
    assert sum(leaf.size for leaf in params) == expected
    assert all(leaf.dtype == jnp.float32 for leaf in params)
    logits = nnx.eval_shape(lambda each: each(jnp.zeros((3, 8, 8, 1)), RELU, None), model)
    assert logits.shape == (3, 10) and logits.dtype == jnp.float32


def test_an_image_that_cannot_be_halved_that_often_is_refused():
    with pytest.raises(ValueError, match="divisible by 16, got 8 and 8"):
        build(CNNStructure(num_blocks=4))


def test_a_kernel_without_a_middle_is_refused():
    with pytest.raises(ValueError, match="kernel_size: expected an odd number, got 4"):
        build(CNNStructure(kernel_size=4))


@some("size", [3, 5])
def test_forward_pass_equals_one_written_with_other_means(size):
    model = build(CNNStructure(2, 4, size))
    images = np.random.default_rng(0).uniform(size=(6, 8, 8, 1)).astype(np.float32)

    @jax.jit
    def convolved(x):
        for layer, (channels, out) in zip(model.convolutions, [(1, 4), (4, 8)], strict=True):
            kernel = layer.kernel[...].reshape(size, size, channels, out)  # [size² c, out] -> [size, size, c, out]
            x = jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
            x = jnp.maximum(x + layer.bias[...], 0)
            x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        return x

    x = np.asarray(convolved(images)).reshape(6, 2 * 2 * 8)  # [n, 2, 2, 8] -> [n, 32]
    for layer in model.hidden:
        x = np.maximum(x @ np.asarray(layer.kernel[...]) + np.asarray(layer.bias[...]), 0)
    expected = x @ np.asarray(model.output.kernel[...]) + np.asarray(model.output.bias[...])
    found = jax.jit(lambda x: model(x, RELU, None))(images)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_each_layer_drops_with_a_key_of_its_own(monkeypatch):
    keys = []

    def record(dropout, x):
        keys.append(tuple(np.asarray(jax.random.key_data(dropout.key)).tolist()))
        return x

    monkeypatch.setattr(cnn, "drop", record)
    key = jax.random.key(5)
    build(CNNStructure(1, 4))(jnp.zeros((2, 8, 8, 1)), RELU, Dropout(jnp.float32(0.5), key))
    assert len(keys) == len(set(keys)) == 2


def test_dropout_acts_in_training_and_repeats_with_its_key():
    model = build(CNNStructure(1, 4))
    images = jax.random.uniform(jax.random.key(1), (6, 8, 8, 1))
    plain = model(images, RELU, None)
    none_dropped = model(images, RELU, Dropout(jnp.float32(0), jax.random.key(2)))
    np.testing.assert_allclose(none_dropped, plain, rtol=1e-6)
    first, again, other = (model(images, RELU, Dropout(jnp.float32(0.5), jax.random.key(k))) for k in (2, 2, 3))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - plain).max() > 1e-3 and np.abs(first - other).max() > 1e-3
