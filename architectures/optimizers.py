"""SGD with momentum, Adam and RMSProp behind one traced index, so that the choice among them compiles nothing."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PyTree

OPTIMIZERS = ("sgd", "adam", "rmsprop")


class OptimizerSettings(NamedTuple):
    """The numbers of an optimizer; all may be traced."""

    optimizer: Int[Array, ""]
    """Index into ``OPTIMIZERS``."""
    learning_rate: Float[Array, ""]
    """Positive."""
    momentum: Float[Array, ""]
    """In [0, 1); of SGD only, the others do not look at it."""
    weight_decay: Float[Array, ""]
    """Share of each parameter taken off at every step, times the learning rate (decoupled, as in AdamW)."""


def _transformations(momentum: Float[Array, ""]) -> tuple[optax.GradientTransformation, ...]:
    """The three ways to make a direction of a gradient, in the order of ``OPTIMIZERS``."""
    return optax.trace(decay=momentum), optax.scale_by_adam(), optax.scale_by_rms(decay=0.9)  # pyright: ignore


def init(params: PyTree[Float[Array, "..."]]) -> tuple[Any, ...]:
    """The first state: one for each optimizer, of which only the chosen one will ever change."""
    return tuple(transformation.init(params) for transformation in _transformations(jnp.float32(0)))


def step(
    settings: OptimizerSettings,
    gradient: PyTree[Float[Array, "..."]],
    state: tuple[Any, ...],
    params: PyTree[Float[Array, "..."]],
) -> tuple[PyTree[Float[Array, "..."]], tuple[Any, ...]]:
    """The parameters and the state after one step down the gradient.

    With weight decay 0 these are the steps of ``optax.sgd(learning_rate, momentum)``, ``optax.adam(learning_rate)``
    and ``optax.rmsprop(learning_rate)``; with weight decay, Adam is ``optax.adamw``.

    References:
      Loshchilov and Hutter, Decoupled weight decay regularization, ICLR 2019.
    """

    def branch(index: int, transformation: optax.GradientTransformation):
        def update(states):
            direction, changed = transformation.update(gradient, states[index])
            return direction, (*states[:index], changed, *states[index + 1 :])

        return update

    branches = [branch(index, each) for index, each in enumerate(_transformations(settings.momentum))]
    direction, state = jax.lax.switch(settings.optimizer, branches, state)

    def move(parameter, along):
        return parameter - settings.learning_rate * (along + settings.weight_decay * parameter)

    return jax.tree.map(move, params, direction), state
