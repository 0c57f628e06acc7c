"""A whole training run as one pure float32 function: initialise, scan over the steps, evaluate.

The hyperparameters of a search are of two kinds. The *structure* (depth, width, cell) determines shapes and is static:
each structure compiles a separate program. All others, such as batch size, optimizer, schedule and activation, are
traced. A search over eight structures therefore compiles eight programs, however many trials it has, and a population
can be trained under ``vmap``.

Gradient accumulation makes the batch size a traced number: each step of the scan takes 32 examples, and the optimizer
steps after the traced number of examples. The sum of the gradients divided by the sum of the weights is the gradient of
the whole batch. Its cost per example does not depend on the batch size. (Masking a batch of 256 would cost 8 times
as much at batch size 32. A static batch size would compile four times as many programs.)
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int, Key

from architectures import optimizers
from architectures.examples import Examples, lengths_of, take
from architectures.layers import ACTIVATIONS, Dropout
from architectures.optimizers import OPTIMIZERS, SCHEDULES, OptimizerSettings, OptimizerState

MICROBATCH = 32
"""Number of examples of one step of the scan; a batch size is a multiple of this."""
POOL = 16
"""Number of microbatches whose texts are sorted by length together."""


class Structure(Protocol):
    """Static structure of a network: hashable, with a method that builds the network."""

    def build(self, rngs: nnx.Rngs) -> Callable[..., Float[Array, "n ... classes"]]:
        """A network ``(inputs, activation, dropout) -> logits`` with fresh random weights."""
        ...

    def __hash__(self) -> int: ...


class TrainConfig(NamedTuple):
    """Hyperparameters of a run that need no new program; all may be traced, or have a leading axis for vmap."""

    settings: OptimizerSettings
    """Choice and hyperparameters of the optimizer."""
    batch_size: Int[Array, ""]
    """Number of examples for one step of the optimizer, a multiple of ``MICROBATCH``."""
    activation: Int[Array, ""]
    """Index into ``ACTIVATIONS``."""
    dropout: Float[Array, ""]
    """Probability in [0, 1) that a unit is dropped; the network decides where dropout applies."""
    label_smoothing: Float[Array, ""]
    """Fraction in [0, 1) of each target that is spread over all classes in training."""
    averaging: Float[Array, ""]
    """Fraction in [0, 1) of the run so far over which the parameters are averaged; 0 uses the last parameters."""


class Judgement(NamedTuple):
    """Loss and accuracy of a network on examples."""

    cross_entropy: Float[Array, ""]
    """Weighted mean of the cross-entropy over the predictions, in nats; lower is better."""
    accuracy: Float[Array, ""]
    """Weighted fraction of the predictions whose largest logit belongs to the target, in [0, 1]."""


class TrainingResult(NamedTuple):
    """A trained network with its loss and accuracy. The losses of a run that diverged are huge, inf or NaN."""

    params: Any
    """Parameters after the last step, for `network`."""
    train_losses: Float[Array, " steps"]
    """Cross-entropy of each microbatch before the step that trains on it, in nats; with dropout, without smoothing."""
    cross_entropy: Float[Array, ""]
    """Cross-entropy on the evaluation examples, in nats."""
    accuracy: Float[Array, ""]
    """Accuracy on the evaluation examples, in [0, 1]."""


class TrainingState(NamedTuple):
    """State of a run between two steps."""

    params: Float[Array, " p"]
    """All parameters as one vector, which compiles a third of the program and makes fewer, larger updates."""
    average: Float[Array, " p"]
    """Mean of the parameters over the last part of the run; evaluation uses these."""
    optimizer: OptimizerState
    """State of the optimizer."""
    gradient: Float[Array, " p"]
    """Weighted sum of the gradients of the predictions since the optimizer's last step."""
    weight: Float[Array, ""]
    """Sum of the weights of these predictions."""
    num_steps: Int[Array, ""]
    """Number of microbatches so far."""


def train_config(
    learning_rate: float = 1e-3,
    batch_size: int = 64,
    optimizer: str = "adam",
    momentum: float = 0.9,
    weight_decay: float = 1e-2,
    l2: float = 0.0,
    activation: str = "relu",
    dropout: float = 0.0,
    label_smoothing: float = 0.0,
    schedule: str = "constant",
    warmup: float = 0.0,
    max_norm: float = float("inf"),
    averaging: float = 0.1,
) -> TrainConfig:
    """The config of one run, from names and Python numbers.

    Args:
      learning_rate: Positive.
      batch_size: A positive multiple of 32.
      optimizer: One of ``OPTIMIZERS``.
      momentum: In [0, 1); used by ``"sgd"`` only.
      weight_decay: Decoupled weight decay, at least 0; used by ``"adamw"`` and ``"lion"`` only.
      l2: L2 penalty, at least 0; used by the other optimizers.
      activation: One of ``ACTIVATIONS``.
      dropout: In [0, 1).
      label_smoothing: In [0, 1).
      schedule: One of ``SCHEDULES``.
      warmup: Fraction of the run, in [0, 1).
      max_norm: Maximum norm of the gradient; positive, may be infinite.
      averaging: In [0, 1).

    Raises:
      ValueError: If a name is unknown or a number is out of range.
    """
    for name, value, known in (
        ("optimizer", optimizer, OPTIMIZERS),
        ("activation", activation, ACTIVATIONS),
        ("schedule", schedule, SCHEDULES),
    ):
        if value not in known:
            raise ValueError(f"{name}: expected one of {known}, got {value!r}")
    if batch_size < MICROBATCH or batch_size % MICROBATCH:
        raise ValueError(f"batch_size: expected a positive multiple of {MICROBATCH}, got {batch_size}")
    for name, value in (
        ("momentum", momentum),
        ("dropout", dropout),
        ("label_smoothing", label_smoothing),
        ("warmup", warmup),
        ("averaging", averaging),
    ):
        if not 0 <= value < 1:
            raise ValueError(f"{name}: expected a number in [0, 1), got {value}")
    for name, value in (("learning_rate", learning_rate), ("max_norm", max_norm)):
        if not value > 0:
            raise ValueError(f"{name}: expected a positive number, got {value}")
    for name, value in (("weight_decay", weight_decay), ("l2", l2)):
        if not 0 <= value < float("inf"):
            raise ValueError(f"{name}: expected a finite number of at least 0, got {value}")
    settings = OptimizerSettings(
        optimizer=jnp.int32(OPTIMIZERS.index(optimizer)),
        learning_rate=jnp.float32(learning_rate),
        momentum=jnp.float32(momentum),
        weight_decay=jnp.float32(weight_decay),
        l2=jnp.float32(l2),
        max_norm=jnp.float32(max_norm),
        schedule=jnp.int32(SCHEDULES.index(schedule)),
        warmup=jnp.float32(warmup),
    )
    return TrainConfig(
        settings,
        jnp.int32(batch_size),
        jnp.int32(ACTIVATIONS.index(activation)),
        jnp.float32(dropout),
        jnp.float32(label_smoothing),
        jnp.float32(averaging),
    )


def network(structure: Structure, params: Any) -> Any:
    """The network of this structure with these parameters, in the form of ``TrainingResult.params``."""
    graph, _ = nnx.split(nnx.eval_shape(lambda: structure.build(nnx.Rngs(0))))
    return nnx.merge(graph, params)


@partial(jax.jit, static_argnames="structure")
def predict(
    structure: Structure, params: Any, inputs: Any, activation: Int[Array, ""]
) -> Float[Array, "n ... classes"]:
    """The logits of a trained network; ``activation`` is the activation of its training."""
    return network(structure, params)(inputs, activation, None)


def train(
    key: Key[Array, ""],
    structure: Structure,
    config: TrainConfig,
    train_examples: Examples,
    judged_examples: Examples,
    *,
    num_epochs: int,
) -> TrainingResult:
    """The result of one training run from fresh random weights.

    Each epoch is a new permutation of the training examples; a batch may span two epochs. Texts to be classified are
    grouped with texts of similar length (`visits`). A last batch that is not full is not used. A run is a function of
    its arguments: the same key gives the same result to the bit. Computations are in float32 even if the caller has
    enabled 64-bit types.

    This function is compiled separately; inside a larger program call ``training_run``, which is the same function.

    Args:
      key: Random key of the weights, the order of the examples and the dropout.
      structure: Static structure; each value compiles a separate program.
      config: All other hyperparameters; changing them compiles nothing.
      train_examples: At least 32 rows.
      judged_examples: Examples on which the loss and accuracy are evaluated.
      num_epochs: Number of passes over the training examples; static.
    """
    with jax.enable_x64(False):
        return _train(key, structure, config, train_examples, judged_examples, num_epochs)


def training_run(
    key: Key[Array, ""],
    structure: Structure,
    config: TrainConfig,
    train_examples: Examples,
    judged_examples: Examples,
    num_epochs: int,
) -> TrainingResult:
    """``train`` as a plain function, to be jitted or vmapped in a larger program; 64-bit types must be off."""
    order = visits(key, len(train_examples.targets), num_epochs, lengths_of(train_examples))  # [steps, MICROBATCH]
    is_step = jnp.ones(len(order), bool)
    state = begin(key, structure)
    state, losses = advance(key, structure, config, train_examples, state, order, is_step, len(order))
    judgement = judge(structure, config, state, judged_examples)
    return TrainingResult(parameters(structure, state), losses, *judgement)


def begin(key: Key[Array, ""], structure: Structure) -> TrainingState:
    """State of a run before its first step, with random weights from ``key``."""
    params, _ = ravel_pytree(nnx.split(structure.build(nnx.Rngs(jax.random.fold_in(key, 0))))[1])
    return TrainingState(params, params, optimizers.init(params), jnp.zeros_like(params), jnp.float32(0), jnp.int32(0))


def advance(
    key: Key[Array, ""],
    structure: Structure,
    config: TrainConfig,
    examples: Examples,
    state: TrainingState,
    order: Int[Array, "steps microbatch"],
    is_step: Bool[Array, " steps"],
    num_steps: Int[Array, ""] | int,
) -> tuple[TrainingState, Float[Array, " steps"]]:
    """State of a run after more steps, and the loss of each microbatch.

    Args:
      key: Random key of the run.
      structure: Static structure of the run.
      config: Other hyperparameters of the run.
      examples: Training examples.
      state: State before the steps.
      order: Rows of the examples for each microbatch: the next part of `visits`.
      is_step: If False, the step is skipped and its loss is 0. This pads the parts of a run to one length.
      num_steps: Number of microbatches of the whole run, which the schedules depend on.
    """
    graph, unravel = _shapes(structure)
    key_dropout = jax.random.fold_in(key, 2)
    num_parts = config.batch_size // MICROBATCH
    num_updates = jnp.maximum(num_steps // num_parts, 1)

    def loss(params, part: Examples, dropout: Dropout):
        logits = nnx.merge(graph, unravel(params))(part.inputs, config.activation, dropout)
        log_shares = jax.nn.log_softmax(logits)
        plain = -jnp.take_along_axis(log_shares, part.targets[..., None], axis=-1)[..., 0]
        spread = -jnp.mean(log_shares, axis=-1)
        smoothed = plain + config.label_smoothing * (spread - plain)
        return jnp.sum(part.weights * smoothed), jnp.sum(part.weights * plain)

    def learn(state: TrainingState, rows) -> tuple[TrainingState, Array]:
        part = take(examples, rows)
        dropout = Dropout(config.dropout, jax.random.fold_in(key_dropout, state.num_steps))
        (_, plain), gradient = jax.value_and_grad(loss, has_aux=True)(state.params, part, dropout)
        weight, index = jnp.sum(part.weights), state.num_steps + 1
        state = state._replace(gradient=state.gradient + gradient, weight=state.weight + weight, num_steps=index)

        def update(state: TrainingState) -> TrainingState:
            count = index // num_parts
            progress = (count - 0.5) / num_updates
            mean = state.gradient / jnp.maximum(state.weight, 1e-6)
            params, optimizer = optimizers.step(config.settings, mean, state.optimizer, state.params, progress)
            average = state.average + (params - state.average) / jnp.maximum(config.averaging * count, 1)
            return TrainingState(params, average, optimizer, jnp.zeros_like(mean), jnp.zeros_like(weight), index)

        is_batch_full = index % num_parts == 0
        return jax.lax.cond(is_batch_full, update, lambda unchanged: unchanged, state), plain / jnp.maximum(
            weight, 1e-6
        )

    def step(state: TrainingState, now) -> tuple[TrainingState, Array]:
        rows, is_real = now
        return jax.lax.cond(is_real, learn, lambda state, _: (state, jnp.float32(0)), state, rows)

    return jax.lax.scan(step, state, (order, is_step))


def judge(structure: Structure, config: TrainConfig, state: TrainingState, examples: Examples) -> Judgement:
    """Loss and accuracy of the run's averaged parameters on examples, without dropout or label smoothing."""
    graph, unravel = _shapes(structure)
    logits = nnx.merge(graph, unravel(state.average))(examples.inputs, config.activation, None)
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, examples.targets)
    is_right = jnp.argmax(logits, axis=-1) == examples.targets
    return Judgement(*(jnp.sum(examples.weights * each) / jnp.sum(examples.weights) for each in (losses, is_right)))


def parameters(structure: Structure, state: TrainingState) -> Any:
    """The averaged parameters of a run in the shapes of its network, for `network`."""
    return _shapes(structure)[1](state.average)


def visits(
    key: Key[Array, ""], num_examples: int, num_epochs: int, lengths: Int[Array, " n"] | None = None
) -> Int[Array, "steps microbatch"]:
    """Order of the rows: one permutation for each epoch, cut into microbatches; an incomplete last one is dropped.

    Args:
      key: Random key of the permutations.
      num_examples: Number of rows.
      num_epochs: Number of visits of each row.
      lengths: Lengths of the rows, if the rows of a microbatch should have similar lengths. The rows of each ``POOL``
        consecutive microbatches are then sorted by length, cut into microbatches again, and these are shuffled.
    """
    ranks = jax.random.uniform(jax.random.fold_in(key, 1), (num_epochs, num_examples), jnp.float32)
    stream = jnp.argsort(ranks, axis=1).reshape(-1)  # [epochs, n] -> [all]
    num_steps = len(stream) // MICROBATCH
    stream = stream[: num_steps * MICROBATCH]
    if lengths is None:
        return stream.reshape(num_steps, MICROBATCH)  # [all] -> [steps, microbatch]
    pools = jnp.arange(num_steps) // POOL
    by_length = stream[jnp.lexsort((lengths[stream], jnp.repeat(pools, MICROBATCH)))]
    places = jax.random.uniform(jax.random.fold_in(key, 3), (num_steps,), jnp.float32)
    return by_length.reshape(num_steps, MICROBATCH)[jnp.lexsort((places, pools))]  # [all] -> [steps, microbatch]


def _shapes(structure: Structure) -> tuple[Any, Callable[[Array], Any]]:
    """The graph of a network with this structure, and a function from one vector to its parameters."""
    graph, tree = nnx.split(nnx.eval_shape(lambda: structure.build(nnx.Rngs(0))))
    return graph, ravel_pytree(jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), tree))[1]


# Level 1 compiles in half the default time. The program is as fast, because its time is spent in matrix products.
_train = jax.jit(
    training_run,
    static_argnames=("structure", "num_epochs"),
    compiler_options={"xla_backend_optimization_level": 1},
)
