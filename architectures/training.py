"""A whole training run as one pure float32 function: initialise, scan over the steps, evaluate.

What a search varies is divided in two. *Structure* (depth, width) decides shapes and is static: one program each.
Everything else, batch size, optimizer and activation among them, is traced data, so a search over three depths and
three widths compiles nine programs however many trials it has, and a population may be trained under ``vmap``.

The batch size is data by gradient accumulation: the scan always takes 32 examples, and the optimizer steps when
the traced number of them has been seen. The mean of the gradients of equal parts is the gradient of the whole, so this
is training at the full batch size, at a cost that does not depend on it (masking a batch of 256 would cost 8 times
as much at batch size 32; a static batch size would mean four times as many programs).
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int, Key

from architectures import optimizers
from architectures.data import Examples
from architectures.layers import ACTIVATIONS, Dropout
from architectures.optimizers import OPTIMIZERS, OptimizerSettings

MICROBATCH = 32
"""Examples a step of the scan looks at; a batch size is a multiple of it."""


class Structure(Protocol):
    """Shapes of a network: hashable, and able to build one."""

    def build(self, rngs: nnx.Rngs) -> Callable[..., Float[Array, "n classes"]]:
        """A network ``(x, activation, dropout) -> logits`` with fresh random weights."""
        ...

    def __hash__(self) -> int: ...


class Hyperparameters(NamedTuple):
    """What a training run varies without a new program; all may be traced, and may carry a leading axis for vmap."""

    settings: OptimizerSettings
    """The optimizer and its numbers."""
    batch_size: Int[Array, ""]
    """Examples for one step of the optimizer, a multiple of ``MICROBATCH``."""
    activation: Int[Array, ""]
    """Index into ``ACTIVATIONS``."""
    dropout: Float[Array, ""]
    """Probability in [0, 1) that a unit of a dense layer is dropped."""


class TrainingResult(NamedTuple):
    """A trained network and how good it is. A run that diverged has losses that are huge, inf or NaN."""

    params: Any
    """Parameters after the last step."""
    train_losses: Float[Array, " steps"]
    """Mean cross-entropy in nats of the examples of each microbatch, before they were learnt from, dropout active."""
    cross_entropy: Float[Array, ""]
    """Mean over the examples for evaluation, in nats; lower is better."""
    accuracy: Float[Array, ""]
    """Share of the examples for evaluation whose largest logit is the right one, in [0, 1]."""


def hyperparameters(
    learning_rate: float = 1e-3,
    batch_size: int = 64,
    optimizer: str = "adam",
    momentum: float = 0.9,
    weight_decay: float = 1e-4,
    activation: str = "relu",
    dropout: float = 0.0,
) -> Hyperparameters:
    """The hyperparameters of one run, from names and Python numbers.

    Args:
      learning_rate: Positive.
      batch_size: A positive multiple of 32.
      optimizer: One of ``OPTIMIZERS``.
      momentum: In [0, 1); counts for ``"sgd"`` only.
      weight_decay: Decoupled, at least 0.
      activation: One of ``ACTIVATIONS``.
      dropout: In [0, 1).

    Raises:
      ValueError: If a name is not known or a batch size is not a multiple of 32.
    """
    if optimizer not in OPTIMIZERS:
        raise ValueError(f"optimizer: expected one of {OPTIMIZERS}, got {optimizer!r}")
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation: expected one of {ACTIVATIONS}, got {activation!r}")
    if batch_size < MICROBATCH or batch_size % MICROBATCH:
        raise ValueError(f"batch_size: expected a positive multiple of {MICROBATCH}, got {batch_size}")
    settings = OptimizerSettings(
        jnp.int32(OPTIMIZERS.index(optimizer)),
        jnp.float32(learning_rate),
        jnp.float32(momentum),
        jnp.float32(weight_decay),
    )
    return Hyperparameters(
        settings, jnp.int32(batch_size), jnp.int32(ACTIVATIONS.index(activation)), jnp.float32(dropout)
    )


def train(
    key: Key[Array, ""],
    structure: Structure,
    hyper: Hyperparameters,
    train_examples: Examples,
    eval_examples: Examples,
    *,
    num_epochs: int,
) -> TrainingResult:
    """The result of one training run from fresh random weights.

    Each epoch is a new permutation of the training examples, and batches run on over its end. Examples left over when
    the last batch is not full are not learnt from. A run is a function of its arguments: the same key gives the same
    result to the bit. Computations are in float32 even where the caller has 64-bit types on.

    Compiled on its own; inside a program of yours call ``training_run``, which is the same function.

    Args:
      key: Seeds the weights, the order of the examples and the dropout.
      structure: What decides the shapes; one program for each.
      hyper: The rest; changing it compiles nothing.
      train_examples: At least 32 rows.
      eval_examples: Rows that the loss and accuracy are measured on.
      num_epochs: Times that every training example is seen; static.
    """
    with jax.enable_x64(False):
        return _train(key, structure, hyper, train_examples, eval_examples, num_epochs)


def training_run(
    key: Key[Array, ""],
    structure: Structure,
    hyper: Hyperparameters,
    train_examples: Examples,
    eval_examples: Examples,
    num_epochs: int,
) -> TrainingResult:
    """``train`` as a plain function, to be jitted or vmapped as part of something larger; 64-bit types must be off."""
    key_init, key_order, key_dropout = jax.random.split(key, 3)
    graph, tree = nnx.split(structure.build(nnx.Rngs(key_init)))
    params, unravel = ravel_pytree(tree)  # one vector: a third of the program to compile, and fewer, larger updates
    order = _order(key_order, len(train_examples.labels), num_epochs)  # [steps, MICROBATCH]
    num_parts = hyper.batch_size // MICROBATCH

    def loss(params, rows, dropout):
        logits = nnx.merge(graph, unravel(params))(train_examples.images[rows], hyper.activation, dropout)
        return _cross_entropy(logits, train_examples.labels[rows])

    def step(carry, index_and_rows):
        params, state, total = carry
        index, rows = index_and_rows
        dropout = Dropout(hyper.dropout, jax.random.fold_in(key_dropout, index))
        value, gradient = jax.value_and_grad(loss)(params, rows, dropout)
        total = total + gradient / num_parts

        def update(params, state, total):
            params, state = optimizers.step(hyper.settings, total, state, params)
            return params, state, jnp.zeros_like(total)

        is_batch_full = (index + 1) % num_parts == 0
        carry = jax.lax.cond(is_batch_full, update, lambda *unchanged: unchanged, params, state, total)
        return carry, value

    start = params, optimizers.init(params), jnp.zeros_like(params)
    (params, _, _), losses = jax.lax.scan(step, start, (jnp.arange(len(order)), order))
    logits = nnx.merge(graph, unravel(params))(eval_examples.images, hyper.activation, None)
    accuracy = jnp.mean(jnp.argmax(logits, axis=-1) == eval_examples.labels)
    return TrainingResult(unravel(params), losses, _cross_entropy(logits, eval_examples.labels), accuracy)


# Level 1 compiles in half the time of the default and the program is as fast: the time goes to matrix products.
_train = jax.jit(
    training_run,
    static_argnames=("structure", "num_epochs"),
    compiler_options={"xla_backend_optimization_level": 1},
)


def _order(key: Key[Array, ""], num_examples: int, num_epochs: int) -> Int[Array, "steps microbatch"]:
    """Rows to visit: one permutation after the other, cut into microbatches; what is left at the end is dropped."""
    ranks = jax.random.uniform(key, (num_epochs, num_examples), jnp.float32)
    stream = jnp.argsort(ranks, axis=1).reshape(-1)  # [epochs, n] -> [all]
    num_steps = len(stream) // MICROBATCH
    return stream[: num_steps * MICROBATCH].reshape(num_steps, MICROBATCH)  # [all] -> [steps, microbatch]


def _cross_entropy(logits: Float[Array, "n classes"], labels: Int[Array | np.ndarray, " n"]) -> Float[Array, ""]:
    """The mean of minus the log probability of the right class, in nats."""
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, labels))
