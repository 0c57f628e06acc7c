"""Layers that Flax lacks, or that are too slow in Flax on a CPU."""

import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int, Key, UInt32

linear = partial(nnx.Linear, kernel_init=nnx.initializers.lecun_uniform())  # compiles faster than a normal one


def _unit_uniform(key: Key[Array, ""], shape: tuple[int, ...], dtype: DTypeLike, out_sharding: Any = None) -> Array:
    """Uniform samples with mean 0 and variance 1."""
    del out_sharding
    return jax.random.uniform(key, shape, dtype, -(3**0.5), 3**0.5)


embedding = partial(nnx.Embed, embedding_init=_unit_uniform)

ACTIVATIONS = ("relu", "gelu", "tanh", "silu")


class Dropout(NamedTuple):
    """Dropout during training; ``None`` in its place means evaluation."""

    rate: Float[Array, ""]
    """Probability in [0, 1) that a unit is set to zero."""
    key: Key[Array, ""]
    """Random key to be used once: split it between layers."""


_FUNCTIONS = (jax.nn.relu, jax.nn.gelu, jnp.tanh, jax.nn.silu)


@jax.custom_jvp
def activate(index: Int[Array, ""], x: Float[Array, "..."]) -> Float[Array, "..."]:
    """The activation ``ACTIVATIONS[index]`` of each element of ``x``; the index may be traced."""
    return jax.lax.switch(index, _FUNCTIONS, x)


@activate.defjvp
def _activate_jvp(primals, tangents):
    """Value and derivative from one switch, so that the gradient needs no second switch and no saved branches."""
    index, x = primals
    branches = [lambda at, f=f: jax.jvp(f, (at,), (jnp.ones_like(at),)) for f in _FUNCTIONS]
    value, slope = jax.lax.switch(index, branches, x)
    return value, slope * tangents[1]


def split_dropout(dropout: Dropout | None, index: int) -> Dropout | None:
    """Dropout of the same rate with a different key for each ``index``."""
    return None if dropout is None else Dropout(dropout.rate, jax.random.fold_in(dropout.key, index))


def drop(dropout: Dropout | None, x: Float[Array, "..."]) -> Float[Array, "..."]:
    """``x`` with units set to zero at random and the others scaled to keep the mean.

    The random bits are a hash of the position and the key (`random_words`). The bits of ``jax.random`` take a quarter
    of a Transformer's training step on a CPU. Dropout only needs units that do not move together.
    """
    if dropout is None:
        return x
    is_kept = random_words(dropout.key, x.shape) >= (dropout.rate * 2.0**32).astype(jnp.uint32)
    return jnp.where(is_kept, x / (1 - dropout.rate), 0)


def random_words(key: Key[Array, ""], shape: tuple[int, ...]) -> UInt32[Array, "..."]:
    """A random 32-bit word for each entry of an array, at a small part of the cost of ``jax.random.bits``.

    The index of an entry is multiplied by an odd constant, added to a random start and then mixed. All words of one
    key are different, so they do not replace independent samples beyond tens of thousands of entries.

    Args:
      key: Random key of the start.
      shape: Shape of the result.

    References:
      Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014 (a sequence with steps of
      the golden ratio, and mixing by shifts and products); the factors of Wellons, Prospecting for hash functions,
      2018, which bias few bits of 32.
    """
    start = jax.random.bits(key, (), jnp.uint32)
    word = jnp.arange(math.prod(shape), dtype=jnp.uint32) * jnp.uint32(0x9E3779B9) + start
    word = (word ^ (word >> 16)) * jnp.uint32(0x7FEB352D)
    word = (word ^ (word >> 15)) * jnp.uint32(0x846CA68B)
    return (word ^ (word >> 16)).reshape(shape)


def extract_patches(images: Float[Array, "n height width channels"], size: int) -> Float[Array, "n height width patch"]:
    """The square neighbourhood of every pixel, zeros beyond the border: [n, h, w, c] -> [n, h, w, size² c].

    The product with a kernel of shape [size, size, c, out], reshaped to [size² c, out], is the convolution with padding
    SAME. ``size`` is odd. On a CPU this is ten times faster than XLA's own convolution for these small images, also
    under ``vmap``.
    """
    height, width = images.shape[1:3]
    border = (size // 2, size // 2)
    padded = jnp.pad(images, ((0, 0), border, border, (0, 0)))
    shifts = [padded[:, i : i + height, j : j + width] for i in range(size) for j in range(size)]
    return jnp.concatenate(shifts, axis=-1)


def max_pool(images: Float[Array, "n height width channels"]) -> Float[Array, "n half_height half_width channels"]:
    """The largest value of every 2x2 square, without overlap; height and width must be even."""
    top, bottom = images[:, 0::2], images[:, 1::2]
    rows = jnp.maximum(top, bottom)
    return jnp.maximum(rows[:, :, 0::2], rows[:, :, 1::2])
