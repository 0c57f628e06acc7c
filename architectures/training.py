"""A whole training run as one pure float32 function: initialise, scan over the steps, evaluate.

What a search varies is divided in two. *Structure* (depth, width, cell) decides shapes and is static: one program each.
Everything else, batch size, optimizer, schedule and activation among them, is traced data, so a search over eight
structures compiles eight programs however many trials it has, and a population may be trained under ``vmap``.

The batch size is data by gradient accumulation: the scan always takes 32 examples, and the optimizer steps when
the traced number of them has been seen. The sum of the gradients over the sum of the weights is the gradient of the
whole batch, at a cost that does not depend on its size (masking a batch of 256 would cost 8 times as much at batch
size 32; a static batch size would mean four times as many programs).
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
"""Examples a step of the scan looks at; a batch size is a multiple of it."""
POOL = 16
"""Microbatches among which texts are put with others of their length."""


class Structure(Protocol):
    """Shapes of a network: hashable, and able to build one."""

    def build(self, rngs: nnx.Rngs) -> Callable[..., Float[Array, "n ... classes"]]:
        """A network ``(inputs, activation, dropout) -> logits`` with fresh random weights."""
        ...

    def __hash__(self) -> int: ...


class TrainConfig(NamedTuple):
    """What a training run varies without a new program; all may be traced, and may carry a leading axis for vmap."""

    settings: OptimizerSettings
    """The optimizer and its numbers."""
    batch_size: Int[Array, ""]
    """Examples for one step of the optimizer, a multiple of ``MICROBATCH``."""
    activation: Int[Array, ""]
    """Index into ``ACTIVATIONS``."""
    dropout: Float[Array, ""]
    """Probability in [0, 1) that a unit is dropped, where the network says."""
    label_smoothing: Float[Array, ""]
    """Share in [0, 1) of each answer that is spread over all classes while learning."""
    averaging: Float[Array, ""]
    """Share in [0, 1) of the run so far over which the weights are averaged for use; 0: the last ones are used."""


class Judgement(NamedTuple):
    """How good a network is on examples."""

    cross_entropy: Float[Array, ""]
    """Mean over the predictions by their weight, in nats; lower is better."""
    accuracy: Float[Array, ""]
    """Share of the predictions, by their weight, whose largest logit is the right one, in [0, 1]."""


class TrainingResult(NamedTuple):
    """A trained network and how good it is. A run that diverged has losses that are huge, inf or NaN."""

    params: Any
    """Parameters after the last step, for `network`."""
    train_losses: Float[Array, " steps"]
    """Cross-entropy in nats of each microbatch before it was learnt from, dropout active, labels not smoothed."""
    cross_entropy: Float[Array, ""]
    """Of the examples for evaluation."""
    accuracy: Float[Array, ""]
    """Of the examples for evaluation."""


class TrainingState(NamedTuple):
    """A run between two steps."""

    params: Float[Array, " p"]
    """All parameters as one vector: a third of the program to compile, and fewer, larger updates."""
    average: Float[Array, " p"]
    """What is judged and used: the mean of the parameters over the last part of the run."""
    optimizer: OptimizerState
    """What the optimizer remembers."""
    gradient: Float[Array, " p"]
    """Of the microbatches since the optimizer's last step, summed over predictions by their weight."""
    weight: Float[Array, ""]
    """Of these predictions, in sum."""
    num_steps: Int[Array, ""]
    """Microbatches so far."""


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
      momentum: In [0, 1); counts for ``"sgd"`` only.
      weight_decay: Decoupled, at least 0; counts for ``"adamw"`` and ``"lion"`` only.
      l2: At least 0; counts for the others.
      activation: One of ``ACTIVATIONS``.
      dropout: In [0, 1).
      label_smoothing: In [0, 1).
      schedule: One of ``SCHEDULES``.
      warmup: Share of the run, in [0, 1).
      max_norm: Norm to which a longer gradient is shortened; positive, may be infinite.
      averaging: In [0, 1).

    Raises:
      ValueError: If a name is not known or a number is not in its range.
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
    """The network of this structure with these parameters, as ``TrainingResult.params`` has them."""
    graph, _ = nnx.split(nnx.eval_shape(lambda: structure.build(nnx.Rngs(0))))
    return nnx.merge(graph, params)


@partial(jax.jit, static_argnames="structure")
def predict(
    structure: Structure, params: Any, inputs: Any, activation: Int[Array, ""]
) -> Float[Array, "n ... classes"]:
    """The logits of a trained network; the activation is the one that it was trained with."""
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

    Each epoch is a new permutation of the training examples, and batches run on over its end; texts to be classified
    are put with others of about their length (`visits`). Examples left over when the last batch is not full are not
    learnt from. A run is a function of its arguments: the same key gives the same
    result to the bit. Computations are in float32 even where the caller has 64-bit types on.

    Compiled on its own; inside a program of yours call ``training_run``, which is the same function.

    Args:
      key: Seeds the weights, the order of the examples and the dropout.
      structure: What decides the shapes; one program for each.
      config: The rest; changing it compiles nothing.
      train_examples: At least 32 rows.
      judged_examples: Rows that the loss and accuracy are measured on.
      num_epochs: Times that every training example is seen; static.
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
    """``train`` as a plain function, to be jitted or vmapped as part of something larger; 64-bit types must be off."""
    order = visits(key, len(train_examples.targets), num_epochs, lengths_of(train_examples))  # [steps, MICROBATCH]
    is_step = jnp.ones(len(order), bool)
    state = begin(key, structure)
    state, losses = advance(key, structure, config, train_examples, state, order, is_step, len(order))
    judgement = judge(structure, config, state, judged_examples)
    return TrainingResult(parameters(structure, state), losses, *judgement)


def begin(key: Key[Array, ""], structure: Structure) -> TrainingState:
    """A run before its first step, with the random weights of ``key``."""
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
    """A run after more steps, and the loss of each microbatch.

    Args:
      key: That the run began with.
      structure: That the run began with.
      config: What else decides the run.
      examples: To learn from.
      state: Before the steps.
      order: Rows of the examples, microbatch by microbatch; the part of `visits` that is next.
      is_step: Where False nothing is learnt and the loss is 0: for parts of a run that are to have one length.
      num_steps: Microbatches of the whole run, by which schedules go.
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
    """How good the network of a run is, as it is now, on examples; nothing is dropped or smoothed."""
    graph, unravel = _shapes(structure)
    logits = nnx.merge(graph, unravel(state.average))(examples.inputs, config.activation, None)
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, examples.targets)
    is_right = jnp.argmax(logits, axis=-1) == examples.targets
    return Judgement(*(jnp.sum(examples.weights * each) / jnp.sum(examples.weights) for each in (losses, is_right)))


def parameters(structure: Structure, state: TrainingState) -> Any:
    """The parameters of a run in the shapes of its network, for `network`."""
    return _shapes(structure)[1](state.average)


def visits(
    key: Key[Array, ""], num_examples: int, num_epochs: int, lengths: Int[Array, " n"] | None = None
) -> Int[Array, "steps microbatch"]:
    """Rows to visit: one permutation after the other, cut into microbatches; what is left at the end is dropped.

    Args:
      key: Of the permutations.
      num_examples: Rows there are.
      num_epochs: How often each is visited.
      lengths: Of the rows, if those of a microbatch shall be about as long as one another: of each ``POOL`` of them
        that follow one another the rows are sorted by length, cut anew, and these parts are shuffled.
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
    """The graph of a network of this structure, and how to make its parameters of one vector."""
    graph, tree = nnx.split(nnx.eval_shape(lambda: structure.build(nnx.Rngs(0))))
    return graph, ravel_pytree(jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), tree))[1]


# Level 1 compiles in half the time of the default and the program is as fast: the time goes to matrix products.
_train = jax.jit(
    training_run,
    static_argnames=("structure", "num_epochs"),
    compiler_options={"xla_backend_optimization_level": 1},
)
