"""Decoding, token by token, by a trained network: greedy, beam search, or sampling."""

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
    """Greedy translation of each row: each step writes the most probable token, which is the input of the next step.

    Args:
      structure: Structure of a network with ``begin`` and ``step``.
      params: Trained parameters of the network.
      source: Rows padded with ``PAD``.
      activation: Activation that the network was trained with.
      length: Maximum number of tokens to write.
      start: Token before the first one.
      end: Token after the last one; ``PAD`` follows it.
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
    r"""The most probable translation of each row found by beam search, and its score.

    The score is the log probability of the translation, including its end token, in nats. From the ``num_beams``
    translations at the end, the search returns the one with the largest :math:`\log p / ((5 + m) / 6)^\alpha`, where m
    is its number of tokens. One beam is the same as `translate`. With as many beams as there are prefixes, the search
    is exhaustive.

    Args:
      structure: As in `translate`.
      params: As in `translate`.
      source: As in `translate`.
      activation: As in `translate`.
      length_penalty: The exponent, at least 0. At 0 the most probable translation wins, which favours short ones.
      length: As in `translate`; a translation without an end token is cut there.
      start: As in `translate`.
      end: As in `translate`.
      num_beams: Number of prefixes kept at each step, at least 1.

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
        of_ended = jnp.where(jnp.arange(num_tokens) == PAD, 0.0, -jnp.inf)  # only PAD follows the end
        shares = jnp.where(has_ended[:, :, None], of_ended, shares)
        every = (scores[:, :, None] + shares).reshape(num, -1)  # [n, b, tokens] -> [n, b tokens]
        scores, best = jax.lax.top_k(every, num_beams)  # the first of equal scores, as argmax
        parents, token = best // num_tokens, (best % num_tokens).astype(jnp.int32)
        memory = jax.tree.map(lambda leaf: leaf[rows_of(parents)] if leaf.ndim else leaf, memory)
        written = jnp.take_along_axis(written, parents[:, :, None], axis=1).at[:, :, step].set(token)
        has_ended = jnp.take_along_axis(has_ended, parents, axis=1) | (token == end)
        return (memory, written, scores, has_ended), None

    written = jnp.full((num, num_beams, length), PAD, jnp.int32)
    scores = jnp.where(jnp.arange(num_beams) == 0, 0.0, -jnp.inf)  # all beams begin equal, so only the first counts
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
    """Continuation of a prompt, with each token sampled from the network's prediction.

    Args:
      key: Random key of the samples.
      structure: Structure of a network with ``begin`` and ``step``.
      params: Trained parameters of the network.
      prompt: At least one token.
      activation: Activation that the network was trained with.
      temperature: Positive; divides the logits. 1 samples from the predicted probabilities; near 0 is greedy.
      length: Number of tokens to write.
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
    """Logits, with the logit of ``PAD`` set to minus infinity, because padding is never an answer."""
    return logits.at[:, PAD].set(-jnp.inf)
