"""What the networks are built of, where Flax has it not or not fast enough on a CPU."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

ACTIVATIONS = ("relu", "gelu", "tanh", "silu")


class Dropout(NamedTuple):
    """How to drop units during training; ``None`` in its place means evaluation."""

    rate: Float[Array, ""]
    """Probability in [0, 1) that a unit is set to zero."""
    key: Key[Array, ""]
    """Used once: split it before two layers draw from it."""


_FUNCTIONS = (jax.nn.relu, jax.nn.gelu, jnp.tanh, jax.nn.silu)


@jax.custom_jvp
def activate(index: Int[Array, ""], x: Float[Array, "..."]) -> Float[Array, "..."]:
    """The activation ``ACTIVATIONS[index]`` of each element of ``x``; the index may be traced."""
    return jax.lax.switch(index, _FUNCTIONS, x)


@activate.defjvp
def _activate_jvp(primals, tangents):
    """One switch for value and slope: the gradient needs no second one, nor what each of the branches would keep."""
    index, x = primals
    branches = [lambda at, f=f: jax.jvp(f, (at,), (jnp.ones_like(at),)) for f in _FUNCTIONS]
    value, slope = jax.lax.switch(index, branches, x)
    return value, slope * tangents[1]


def drop(dropout: Dropout, x: Float[Array, "..."]) -> Float[Array, "..."]:
    """``x`` with units set to zero at random and the others scaled so that the mean stays what it was."""
    keep = 1 - dropout.rate
    is_kept = jax.random.uniform(dropout.key, x.shape, x.dtype) < keep
    return jnp.where(is_kept, x / keep, 0)


def extract_patches(images: Float[Array, "n height width channels"]) -> Float[Array, "n height width patch"]:
    """The 3x3 neighbourhood of every pixel, zeros beyond the border: [n, h, w, c] -> [n, h, w, 9 c].

    A product with a kernel of shape [3, 3, c, out] reshaped to [9 c, out] is the convolution with padding SAME.
    On a CPU this is ten times faster than XLA's own convolution at sizes like ours, and it stays so under ``vmap``.
    """
    height, width = images.shape[1:3]
    padded = jnp.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifts = [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
    return jnp.concatenate(shifts, axis=-1)


def max_pool(images: Float[Array, "n height width channels"]) -> Float[Array, "n half_height half_width channels"]:
    """The largest value of every 2x2 square, the squares side by side; height and width must be even."""
    top, bottom = images[:, 0::2], images[:, 1::2]
    rows = jnp.maximum(top, bottom)
    return jnp.maximum(rows[:, :, 0::2], rows[:, :, 1::2])
