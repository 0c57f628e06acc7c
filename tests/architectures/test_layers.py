"""Each layer by value: against XLA's convolution, NumPy, closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf, expit

from architectures.layers import ACTIVATIONS, Dropout, activate, drop, extract_patches, max_pool, random_words


@pytest.mark.parametrize("height, width, channels, size", [(8, 8, 1, 3), (6, 4, 3, 5), (1, 1, 2, 3), (4, 4, 2, 1)])
def test_patches_times_a_matrix_is_the_convolution(height, width, channels, size):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(5, height, width, channels)).astype(np.float32)
    kernel = rng.normal(size=(size, size, channels, 7)).astype(np.float32)
    expected = jax.lax.conv_general_dilated(images, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    matrix = kernel.reshape(size**2 * channels, 7)  # [size, size, c, out] -> [size² c, out]
    np.testing.assert_allclose(extract_patches(jnp.asarray(images), size) @ matrix, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("height, width", [(8, 8), (4, 6), (2, 2)])
def test_max_pool_takes_the_largest_of_each_square(height, width):
    images = np.random.default_rng(1).normal(size=(3, height, width, 2)).astype(np.float32)
    squares = images.reshape(3, height // 2, 2, width // 2, 2, 2)  # [n, h, w, c] -> [n, h/2, 2, w/2, 2, c]
    np.testing.assert_array_equal(max_pool(jnp.asarray(images)), squares.max(axis=(2, 4)))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_is_the_one_of_its_name(name):
    x = np.linspace(-4, 4, 41, dtype=np.float32)
    expected = {
        "relu": np.maximum(x, 0),
        "gelu": x * (1 + erf(x / np.sqrt(2))) / 2,
        "tanh": np.tanh(x),
        "silu": x * expit(x),
    }[name]
    tolerance = 5e-4 if name == "gelu" else 1e-6  # JAX's default gelu is the approximation by tanh
    got = jax.jit(activate)(jnp.int32(ACTIVATIONS.index(name)), jnp.asarray(x))
    np.testing.assert_allclose(got, expected, atol=tolerance)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slope_of_an_activation_is_that_of_finite_differences(name):
    x = np.linspace(-4, 4, 40, dtype=np.float32)  # not at 0, where relu has none
    index, step = jnp.int32(ACTIVATIONS.index(name)), 1e-2
    slope = jax.jit(jax.grad(lambda at: activate(index, at).sum()))(jnp.asarray(x))
    expected = (activate(index, jnp.asarray(x + step)) - activate(index, jnp.asarray(x - step))) / (2 * step)
    np.testing.assert_allclose(slope, expected, atol=1e-3)


def test_dropout_drops_its_share_and_keeps_the_mean():
    x = jnp.full((100, 100), 2.0)
    dropped = np.asarray(drop(Dropout(jnp.float32(0.3), jax.random.key(0)), x))
    assert abs((dropped == 0).mean() - 0.3) < 0.02
    np.testing.assert_allclose(dropped[dropped != 0], 2 / 0.7, rtol=1e-6)


def test_dropout_at_rate_zero_changes_nothing():
    x = jax.random.normal(jax.random.key(1), (50, 50))
    np.testing.assert_array_equal(drop(Dropout(jnp.float32(0), jax.random.key(2)), x), x)


def test_units_are_dropped_each_for_itself_and_at_any_rate():
    """Shares by places and by keys; neighbours, rows and other keys say nothing of a unit. Bounds are 5 deviations."""
    x, keys = jnp.ones((64, 96)), jax.random.split(jax.random.key(3), 200)
    for rate in (0.004, 0.1, 0.5, 0.95):
        one = jax.vmap(lambda key, rate=rate: drop(Dropout(jnp.float32(rate), key), x))
        dropped = np.asarray(one(keys)) == 0  # [keys, 64, 96]
        deviation = (rate * (1 - rate)) ** 0.5
        assert abs(dropped.mean() - rate) < 5 * deviation / dropped.size**0.5
        # By place over the keys, by key over the places: the spread of binomial shares.
        np.testing.assert_allclose(dropped.mean(0).std(), deviation / 200**0.5, rtol=0.1)
        np.testing.assert_allclose(dropped.mean((1, 2)).std(), deviation / x.size**0.5, rtol=0.3)
        z = (dropped - rate) / deviation
        pairs = (z[:, :, 1:], z[:, :, :-1]), (z[:, 1:], z[:, :-1]), (z[1:], z[:-1]), (z[:, :, 48:], z[:, :, :48])
        for a, b in pairs:
            assert abs((a * b).mean()) < 5 / a.size**0.5


def test_every_bit_of_a_random_word_is_fair_and_depends_on_the_key():
    words = np.asarray(random_words(jax.random.key(4), (200, 500)))
    others = np.asarray(random_words(jax.random.key(5), (200, 500)))
    bits = (words[..., None] >> np.arange(32, dtype=np.uint32)) & 1
    flips = ((words ^ others)[..., None] >> np.arange(32, dtype=np.uint32)) & 1
    for each in (bits, flips):
        assert np.abs(each.mean((0, 1)) - 0.5).max() < 5 * 0.5 / words.size**0.5
    together = np.corrcoef(bits.reshape(-1, 32).T) - np.eye(32)
    assert np.abs(together).max() < 5 / words.size**0.5
    assert len(np.unique(words)) == words.size  # the mixing is a bijection
