"""Sequences written token by token by a trained network: the likeliest next one, the likeliest whole, or one drawn."""

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
        token = jnp.where(has_ended, PAD, jnp.argmax(_answers(logits), axis=-1).astype(jnp.int32))
        return (memory, token, has_ended | (token == end)), token

    first = jnp.full(len(source), start, jnp.int32)
    carry = model.begin(source, activation, length), first, jnp.zeros(len(source), bool)
    return jax.lax.scan(write, carry, length=length)[1].T  # [length, n] -> [n, length]


@partial(jax.jit, static_argnames=("structure", "length", "start", "end", "num_beams"))
def beam_search(
    structure: Structure,
    params: Any,
    source: Int[Array, "n s"],
    activation: Int[Array, ""],
    length_penalty: Float[Array, ""] | float = 0.0,
    *,
    length: int,
    start: int,
    end: int,
    num_beams: int,
) -> tuple[Int[Array, "n length"], Float[Array, " n"]]:
    r"""The likeliest translation of each row that is found if ``num_beams`` beginnings are kept, and its score.

    The score is the log probability of the translation, its end included, in nats. Of the translations that are left at
    the end the one with the largest :math:`\log p / ((5 + m) / 6)^\alpha` is taken, with m its tokens. One beam is
    `translate`; with as many as there are beginnings nothing is missed.

    Args:
      structure: As in `translate`.
      params: As in `translate`.
      source: As in `translate`.
      activation: As in `translate`.
      length_penalty: The exponent, at least 0. At 0 the likeliest one is taken, and short ones are likelier.
      length: As in `translate`; what has no end by then ends there.
      start: As in `translate`.
      end: As in `translate`.
      num_beams: At least 1.

    References:
      Wu et al., Google's neural machine translation system, 2016, section 7.
    """
    if num_beams < 1:
        raise ValueError(f"num_beams: expected at least 1, got {num_beams}")
    model: Any = network(structure, params)
    num = len(source)

    def rows_of(beams: Int[Array, "n b"]) -> Int[Array, " nb"]:
        return (jnp.arange(num)[:, None] * num_beams + beams).reshape(-1)  # [n, b] -> [n b]

    def write(carry, step):
        memory, written, scores, has_ended = carry
        token = jnp.where(step == 0, start, written[:, :, step - 1])
        memory, logits = model.step(memory, token.reshape(-1), activation)  # [n, b] -> [n b]
        shares = _answers(jax.nn.log_softmax(logits)).reshape(num, num_beams, -1)  # [n b, tokens] -> [n, b, tokens]
        num_tokens = shares.shape[-1]
        of_ended = jnp.where(jnp.arange(num_tokens) == PAD, 0.0, -jnp.inf)  # what has ended goes on in one way
        shares = jnp.where(has_ended[:, :, None], of_ended, shares)
        every = (scores[:, :, None] + shares).reshape(num, -1)  # [n, b, tokens] -> [n, b tokens]
        scores, best = jax.lax.top_k(every, num_beams)  # of equals the first, as argmax has it
        parents, token = best // num_tokens, (best % num_tokens).astype(jnp.int32)
        memory = jax.tree.map(lambda leaf: leaf[rows_of(parents)] if leaf.ndim else leaf, memory)
        written = jnp.take_along_axis(written, parents[:, :, None], axis=1).at[:, :, step].set(token)
        has_ended = jnp.take_along_axis(has_ended, parents, axis=1) | (token == end)
        return (memory, written, scores, has_ended), None

    written = jnp.full((num, num_beams, length), PAD, jnp.int32)
    scores = jnp.where(jnp.arange(num_beams) == 0, 0.0, -jnp.inf)  # the beams begin as one
    memory = model.begin(jnp.repeat(source, num_beams, axis=0), activation, length)
    carry = memory, written, jnp.tile(scores, (num, 1)), jnp.zeros((num, num_beams), bool)
    (_, written, scores, _), _ = jax.lax.scan(write, carry, jnp.arange(length))
    num_written = jnp.sum(written != PAD, axis=-1)
    best = jnp.argmax(scores / ((5 + num_written) / 6) ** length_penalty, axis=1)[:, None]  # [n, 1]
    best_written = jnp.take_along_axis(written, best[:, :, None], axis=1)[:, 0]  # [n, 1, length] -> [n, length]
    return best_written, jnp.take_along_axis(scores, best, axis=1)[:, 0]


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


def _answers(logits: Float[Array, "n tokens"]) -> Float[Array, "n tokens"]:
    """Without the padding, which is no answer."""
    return logits.at[:, PAD].set(-jnp.inf)
