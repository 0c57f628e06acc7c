"""Sequences written token by token by a trained network: the most likely next one, or one drawn at random."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from architectures.examples import PAD
from architectures.training import Structure, network


@partial(jax.jit, static_argnames=("structure", "length", "start", "end"))
def translate(
    structure: Structure,
    params: Any,
    source: Int[Array, "n s"],
    activation: Int[Array, ""],
    *,
    length: int,
    start: int,
    end: int,
) -> Int[Array, "n length"]:
    """The translation of each row, greedily: at each step the most likely token is written, and read at the next.

    Args:
      structure: Of a network with ``begin`` and ``step``.
      params: Its trained parameters.
      source: Rows filled up with ``PAD``.
      activation: That it was trained with.
      length: Tokens to write at most.
      start: The token before the first.
      end: The token after the last; what would follow it is ``PAD``.
    """
    model: Any = network(structure, params)

    def write(carry, _):
        memory, token, has_ended = carry
        memory, logits = model.step(memory, token, activation)
        token = jnp.where(has_ended, PAD, jnp.argmax(logits, axis=-1).astype(jnp.int32))
        return (memory, token, has_ended | (token == end)), token

    first = jnp.full(len(source), start, jnp.int32)
    carry = model.begin(source, activation, length), first, jnp.zeros(len(source), bool)
    return jax.lax.scan(write, carry, length=length)[1].T  # [length, n] -> [n, length]


@partial(jax.jit, static_argnames=("structure", "length"))
def continue_text(
    key: Key[Array, ""],
    structure: Structure,
    params: Any,
    prompt: Int[Array, " t"],
    activation: Int[Array, ""],
    temperature: Float[Array, ""],
    *,
    length: int,
) -> Int[Array, " length"]:
    """What the network writes after a prompt, each token drawn from its prediction.

    Args:
      key: Of the draws.
      structure: Of a network with ``begin`` and ``step``.
      params: Its trained parameters.
      prompt: At least one token.
      activation: That it was trained with.
      temperature: Positive; the logits are divided by it. 1 draws as the network predicts, near 0 takes the likeliest.
      length: Tokens to write.
    """
    model: Any = network(structure, params)

    def read(states, token):
        return model.step(states, token[None], activation)[0], None

    def write(carry, key):
        states, token = carry
        states, logits = model.step(states, token[None], activation)
        token = jax.random.categorical(key, logits[0] / temperature).astype(jnp.int32)
        return (states, token), token

    states, _ = jax.lax.scan(read, model.begin(1), prompt[:-1])
    return jax.lax.scan(write, (states, prompt[-1]), jax.random.split(key, length))[1]
