"""Five optimizers and their schedules behind a traced index, so that a change of optimizer compiles nothing."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PyTree

OPTIMIZERS = ("sgd", "adam", "adamw", "rmsprop", "lion")
DECOUPLED = ("adamw", "lion")
"""The `OPTIMIZERS` with decoupled weight decay."""
SCHEDULES = ("constant", "linear", "cosine")


class OptimizerSettings(NamedTuple):
    """Choice and hyperparameters of an optimizer; all may be traced."""

    optimizer: Int[Array, ""]
    """Index into ``OPTIMIZERS``."""
    learning_rate: Float[Array, ""]
    """Maximum learning rate of the schedule; positive."""
    momentum: Float[Array, ""]
    """Momentum in [0, 1), used by SGD only."""
    weight_decay: Float[Array, ""]
    """Decoupled weight decay, at least 0: each step subtracts this times the learning rate times each parameter. Used
    by ``DECOUPLED`` only."""
    l2: Float[Array, ""]
    """Weight of half the squared norm of the parameters in the loss, at least 0. ``DECOUPLED`` ignore it."""
    max_norm: Float[Array, ""]
    """Maximum norm of the gradient, positive; a longer gradient is scaled to this norm. Infinity: no clipping."""
    schedule: Int[Array, ""]
    """Index into ``SCHEDULES``: a constant learning rate after the warm-up, or a linear or cosine decay to 0."""
    warmup: Float[Array, ""]
    """Fraction of the run, in [0, 1), in which the learning rate rises linearly from 0."""


class OptimizerState(NamedTuple):
    """State shared by all optimizers: each uses the fields it needs, so the five cost no more than Adam."""

    num_steps: Int[Array, ""]
    """Number of steps so far."""
    first: PyTree[Float[Array, "..."]]
    """Running sum or mean of the gradients."""
    second: PyTree[Float[Array, "..."]]
    """Running mean of the squared gradients."""


def init(params: PyTree[Float[Array, "..."]]) -> OptimizerState:
    """The state before the first step."""
    zeros = jax.tree.map(jnp.zeros_like, params)
    return OptimizerState(jnp.int32(0), zeros, zeros)


def rate(settings: OptimizerSettings, progress: Float[Array, ""]) -> Float[Array, ""]:
    """The learning rate after a fraction ``progress`` of the run, in [0, 1]."""
    warmup = settings.warmup
    rising = jnp.where(progress < warmup, progress / jnp.maximum(warmup, 1e-6), 1)
    rest = jnp.clip((progress - warmup) / jnp.maximum(1 - warmup, 1e-6), 0, 1)
    falling = jnp.stack([jnp.ones_like(rest), 1 - rest, (1 + jnp.cos(jnp.pi * rest)) / 2])[settings.schedule]
    return settings.learning_rate * rising * falling


def clip(gradient: PyTree[Float[Array, "..."]], max_norm: Float[Array, ""]) -> PyTree[Float[Array, "..."]]:
    """The gradient, scaled down to ``max_norm`` if its norm is larger."""
    norm = optax.tree.norm(gradient)
    scale = jnp.where(norm > max_norm, max_norm / norm, 1)
    return jax.tree.map(lambda slope: slope * scale, gradient)


def step(
    settings: OptimizerSettings,
    gradient: PyTree[Float[Array, "..."]],
    state: OptimizerState,
    params: PyTree[Float[Array, "..."]],
    progress: Float[Array, ""],
) -> tuple[PyTree[Float[Array, "..."]], OptimizerState]:
    """The parameters and the state after one optimizer step.

    The gradient is clipped, then L2 is added. With a constant schedule the steps equal those of ``optax.sgd``,
    ``optax.adam``, ``optax.adamw``, ``optax.rmsprop`` and ``optax.lion``. These are called with this learning rate,
    momentum and weight decay, and with optax's defaults otherwise.

    References:
      Kingma and Ba, Adam: a method for stochastic optimization, ICLR 2015.
      Loshchilov and Hutter, Decoupled weight decay regularization, ICLR 2019.
      Tieleman and Hinton, RMSProp, lecture 6.5 of Neural networks for machine learning, 2012.
      Chen et al., Symbolic discovery of optimization algorithms, NeurIPS 2023 (Lion).
    """
    count, first, second = state
    is_decoupled = jnp.array([name in DECOUPLED for name in OPTIMIZERS])[settings.optimizer]
    l2 = jnp.where(is_decoupled, 0, settings.l2)
    gradient = clip(gradient, settings.max_norm)
    gradient = jax.tree.map(lambda slope, parameter: slope + l2 * parameter, gradient, params)

    def sgd():
        direction, new = optax.trace(decay=settings.momentum).update(gradient, optax.TraceState(first))  # pyright: ignore
        return direction, OptimizerState(count + 1, new.trace, second)  # pyright: ignore[reportAttributeAccessIssue]

    def adam():
        direction, new = optax.scale_by_adam().update(gradient, optax.ScaleByAdamState(count, first, second))
        return direction, OptimizerState(*new)  # pyright: ignore[reportGeneralTypeIssues]

    def rmsprop():
        direction, new = optax.scale_by_rms(decay=0.9).update(gradient, optax.ScaleByRmsState(second))
        return direction, OptimizerState(count + 1, first, new.nu)  # pyright: ignore[reportAttributeAccessIssue]

    def lion():
        direction, new = optax.scale_by_lion().update(gradient, optax.ScaleByLionState(count, first))
        return direction, OptimizerState(new.count, new.mu, second)  # pyright: ignore[reportAttributeAccessIssue]

    which = jnp.array([0, 1, 1, 2, 3])[settings.optimizer]  # Adam and AdamW share their direction
    direction, state = jax.lax.switch(which, (sgd, adam, rmsprop, lion))
    decay, now = jnp.where(is_decoupled, settings.weight_decay, 0), rate(settings, progress)
    return jax.tree.map(
        lambda parameter, along: parameter - now * (along + decay * parameter), params, direction
    ), state
