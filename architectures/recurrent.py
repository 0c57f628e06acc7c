"""Stacked recurrent layers over sequences of different lengths, with three kinds of cells and one loop.

The products with the inputs do not depend on each other, so they are computed before the loop, a block of steps at a
time. Only the product with the state stays inside the loop. The backward pass does the same: it computes the gradient
of the recurrent weights by such products after the loop, while automatic differentiation would add up one product at
each step.

A step beyond the end of a row leaves the state unchanged. The final state is therefore the state at the last valid
step, and padding does not change the result. Padding costs little, because the loop and the products end with the
longest row. A loop of variable length needs a custom backward pass, which is defined here.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

from architectures.layers import Dropout, activate, drop, linear, split_dropout

CELLS = ("simple", "lstm", "gru")
BLOCK = 8
"""Number of steps whose products with the inputs are computed together."""
_NUM_GATES = {"simple": 1, "lstm": 4, "gru": 3}


class State(NamedTuple):
    """State of a layer after the steps so far."""

    hidden: Float[Array, "n h"]
    """Hidden state, the input of the layer above."""
    memory: Float[Array, "n h"]
    """Cell state of the LSTM; unused zeros for the other cells."""


class Recurrence(nnx.Module):
    r"""One layer of a recurrent network.

    With :math:`\sigma` the logistic function and all products biased where a bias is named:

    - ``simple``: :math:`h' = \mathrm{act}(W x + U h + b)`.
    - ``lstm``: :math:`i, f, o = \sigma(W x + U h + b)`, :math:`g = \tanh(W x + U h + b)`,
      :math:`c' = f c + i g`, :math:`h' = o \tanh(c')`; the bias of the forget gate begins at 1.
    - ``gru``: :math:`r, z = \sigma(W x + U h + b)`, :math:`n = \tanh(W x + b + r (U h + b'))`,
      :math:`h' = (1 - z) n + z h`.

    References:
      Elman, Finding structure in time, Cognitive Science, 1990.
      Hochreiter and Schmidhuber, Long short-term memory, Neural Computation, 1997; Gers, Schmidhuber and Cummins,
      Learning to forget, Neural Computation, 2000.
      Cho et al., Learning phrase representations using RNN encoder-decoder, EMNLP 2014; the reset gate after the
      product as in cuDNN.
    """

    def __init__(self, cell: str, inputs: int, units: int, rngs: nnx.Rngs):
        """Fresh weights.

        Args:
          cell: One of `CELLS`.
          inputs: Size of an input.
          units: Size of the hidden state, at least 1.
          rngs: Random number generators of the weights.

        Raises:
          ValueError: If ``cell`` is not in `CELLS`.
        """
        if cell not in CELLS:
            raise ValueError(f"cell: expected one of {CELLS}, got {cell!r}")
        gates = _NUM_GATES[cell] * units
        self.cell, self.units = cell, units
        self.from_input = linear(inputs, gates, rngs=rngs)
        self.from_hidden = linear(units, gates, use_bias=cell == "gru", rngs=rngs)

    def start(self, num: int) -> State:
        """The state before the first step of ``num`` rows."""
        return State(jnp.zeros((num, self.units)), jnp.zeros((num, self.units)))

    def step(self, projected: Float[Array, "n g"], state: State, activation: Int[Array, ""]) -> State:
        """The state after one more input; ``projected`` is the product of the input with the input weights."""
        return _gates(self.cell, projected, self.from_hidden(state.hidden), state, activation)

    def __call__(
        self, x: Float[Array, "n t inputs"], is_valid: Bool[Array, "n t"], state: State, activation: Int[Array, ""]
    ) -> tuple[Float[Array, "n t h"], State]:
        """The hidden state after each step, and the state after the last valid one.

        Args:
          x: Input of each step.
          is_valid: False after the end of a row, where the hidden states repeat the last valid one.
          state: State before the first step.
          activation: Index into ``layers.ACTIVATIONS`` for the simple cell; the other cells ignore it.
        """
        num_steps = _num_steps(is_valid.T)
        from_input: Any = self.from_input
        weights = from_input.kernel[...], from_input.bias[...]
        projected: Any = _products(x.swapaxes(0, 1), *weights, num_steps)  # [n, t, inputs] -> [t, n, g]
        kernel, bias = self.from_hidden.kernel[...], self.from_hidden.bias
        bias = jnp.zeros(kernel.shape[1], kernel.dtype) if bias is None else bias[...]
        outcome: Any = _loop(self.cell, projected, is_valid.T, kernel, bias, state, activation)
        hidden, state = outcome
        return hidden.swapaxes(0, 1), state  # [t, n, h] -> [n, t, h]


class Recurrent(nnx.Module):
    """Stacked recurrent layers with dropout between them."""

    def __init__(self, cell: str, inputs: int, units: int, num_layers: int, rngs: nnx.Rngs):
        """Create random weights; arguments as in `Recurrence`, and ``num_layers`` at least 1."""
        if num_layers < 1:
            raise ValueError(f"num_layers: expected at least 1, got {num_layers}")
        sizes = (inputs, *[units] * (num_layers - 1))
        self.layers = nnx.List([Recurrence(cell, size, units, rngs) for size in sizes])

    def start(self, num: int) -> tuple[State, ...]:
        """The state of each layer before the first step of ``num`` rows."""
        return tuple(layer.start(num) for layer in self.layers)

    def __call__(
        self,
        x: Float[Array, "n t inputs"],
        is_valid: Bool[Array, "n t"],
        states: tuple[State, ...],
        activation: Int[Array, ""],
        dropout: Dropout | None,
    ) -> tuple[Float[Array, "n t h"], tuple[State, ...]]:
        """The hidden states of the last layer, and the states of all layers after the last valid step."""
        after = []
        for depth, (layer, state) in enumerate(zip(self.layers, states, strict=True)):
            if depth:
                x = drop(split_dropout(dropout, depth), x)
            x, state = layer(x, is_valid, state, activation)
            after.append(state)
        return x, tuple(after)


def _gates(
    cell: str, projected: Float[Array, "n g"], recurrent: Float[Array, "n g"], state: State, activation: Int[Array, ""]
) -> State:
    """The state after one more step, from the products of its input and of the previous hidden state."""
    if cell == "simple":
        return State(activate(activation, projected + recurrent), state.memory)
    if cell == "gru":
        reset, update, new = jnp.split(projected, 3, axis=-1)  # [n, 3 h] -> 3 of [n, h]
        reset_hidden, update_hidden, new_hidden = jnp.split(recurrent, 3, axis=-1)
        update = jax.nn.sigmoid(update + update_hidden)
        new = jnp.tanh(new + jax.nn.sigmoid(reset + reset_hidden) * new_hidden)
        return State((1 - update) * new + update * state.hidden, state.memory)
    write, forget, new, read = jnp.split(projected + recurrent, 4, axis=-1)  # [n, 4 h] -> 4 of [n, h]
    memory = jax.nn.sigmoid(forget + 1) * state.memory + jax.nn.sigmoid(write) * jnp.tanh(new)
    return State(jax.nn.sigmoid(read) * jnp.tanh(memory), memory)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _loop(
    cell: str,
    projected: Float[Array, "t n g"],
    is_valid: Bool[Array, "t n"],
    kernel: Float[Array, "h g"],
    bias: Float[Array, " g"],
    state: State,
    activation: Int[Array, ""],
) -> tuple[Float[Array, "t n h"], State]:
    """The hidden state after each step, and the state after the last valid one."""
    return _forward(cell, projected, is_valid, kernel, bias, state, activation)[0]


def _forward(cell, projected, is_valid, kernel, bias, state, activation):
    """`_loop` with its residuals: the arguments, the states, and the product of each state with the kernel."""
    is_valid = jnp.asarray(is_valid)  # a NumPy array cannot be indexed by a traced step
    num_steps = _num_steps(is_valid)

    def advance(step: Array, carry: Any) -> Any:
        state, hidden, memory, recurrent = carry
        product = state.hidden @ kernel + bias  # [n, h] -> [n, g]
        new = _gates(cell, projected[step], product, state, activation)
        new = jax.tree.map(lambda a, b: jnp.where(is_valid[step][:, None], a, b), new, state)
        return new, hidden.at[step].set(new.hidden), memory.at[step].set(new.memory), recurrent.at[step].set(product)

    stack = jnp.zeros((len(projected), *state.hidden.shape), projected.dtype)  # [t, n, h]
    end, hidden, memory, recurrent = jax.lax.fori_loop(
        0, num_steps, advance, (state, stack, stack, jnp.zeros_like(projected))
    )
    is_over = (jnp.arange(len(projected)) >= num_steps)[:, None, None]
    kept = projected, is_valid, kernel, state, State(hidden, memory), recurrent, activation
    return (jnp.where(is_over, end.hidden, hidden), end), kept


def _backward(cell, kept, gradients):
    projected, is_valid, kernel, start, states, recurrent, activation = kept
    of_hidden, of_end = gradients
    num_steps = _num_steps(is_valid)
    before = jax.tree.map(lambda first, later: jnp.concatenate([first[None], later[:-1]]), start, states)

    def retreat(count: Array, carry: Any) -> Any:
        after, of_projected, of_recurrent = carry
        step = num_steps - 1 - count
        after = after._replace(hidden=after.hidden + of_hidden[step])
        is_here = is_valid[step][:, None]
        of_new = jax.tree.map(lambda leaf: jnp.where(is_here, leaf, 0), after)
        passed = jax.tree.map(lambda leaf: jnp.where(is_here, 0, leaf), after)  # ended rows pass the gradient
        _, back = jax.vjp(
            lambda inputs, product, state: _gates(cell, inputs, product, state, activation),
            projected[step],
            recurrent[step],
            jax.tree.map(lambda leaf: leaf[step], before),
        )
        of_input, of_product, of_state = back(of_new)
        of_state = jax.tree.map(jnp.add, of_state, passed)
        of_state = of_state._replace(hidden=of_state.hidden + of_product @ kernel.T)  # [n, g] -> [n, h]
        of_recurrent = of_recurrent.at[step].set(of_product) if cell == "gru" else of_recurrent
        return of_state, of_projected.at[step].set(of_input), of_recurrent

    is_over = (jnp.arange(len(projected)) >= num_steps)[:, None, None]
    of_rest = jnp.where(is_over, of_hidden, 0).sum(0)  # these steps repeat the last state
    of_end = of_end._replace(hidden=of_end.hidden + of_rest)
    nothing = jnp.zeros_like(projected)
    of_state, of_projected, of_recurrent = jax.lax.fori_loop(
        0, num_steps, retreat, (of_end, nothing, nothing if cell == "gru" else None)
    )
    of_recurrent = of_projected if of_recurrent is None else of_recurrent  # the other cells add the two products
    of_kernel = _sum_of_products(before.hidden, of_recurrent, num_steps)
    return of_projected, None, of_kernel, of_recurrent.sum((0, 1)), of_state, None


@jax.custom_vjp
def _products(
    x: Float[Array, "t n d"], kernel: Float[Array, "d g"], bias: Float[Array, " g"], num_steps: Int[Array, ""]
) -> Float[Array, "t n g"]:
    """``x @ kernel + bias`` of the first ``num_steps`` steps, rounded up to a whole block; 0 after that block."""
    return _products_forward(x, kernel, bias, num_steps)[0]


def _products_forward(x, kernel, bias, num_steps):
    blocks = _blocks(x)  # [blocks, size n, d]

    def fill(block: Array, out: Array) -> Array:
        return out.at[block].set(blocks[block] @ kernel + bias)

    empty = jnp.zeros((*blocks.shape[:2], kernel.shape[1]), x.dtype)
    out = jax.lax.fori_loop(0, _num_blocks(num_steps, len(x)), fill, empty)
    return _steps(out, x), (x, kernel, num_steps)


def _products_backward(kept, gradient):
    x, kernel, num_steps = kept
    blocks = _blocks(gradient)  # [blocks, size n, g]

    def fill(block: Array, out: Array) -> Array:
        return out.at[block].set(blocks[block] @ kernel.T)

    of_x = jax.lax.fori_loop(0, _num_blocks(num_steps, len(x)), fill, jnp.zeros_like(_blocks(x)))
    return _steps(of_x, x), _sum_of_products(x, gradient, num_steps), gradient.sum((0, 1)), None


_products.defvjp(_products_forward, _products_backward)


def _sum_of_products(
    a: Float[Array, "t n d"], b: Float[Array, "t n g"], num_steps: Int[Array, ""]
) -> Float[Array, "d g"]:
    """The sum over steps and rows of the outer products of ``a`` and ``b``; ``b`` is 0 after ``num_steps`` steps."""
    left, right = _blocks(a), _blocks(b)

    def add(block: Array, total: Array) -> Array:
        return total + left[block].T @ right[block]

    return jax.lax.fori_loop(0, _num_blocks(num_steps, len(a)), add, jnp.zeros((a.shape[2], b.shape[2]), a.dtype))


def _blocks(x: Float[Array, "t n d"]) -> Float[Array, "blocks rows d"]:
    """``x`` cut into blocks of steps, so that the large products can also end with the longest row."""
    size = min(BLOCK, len(x))
    padded = jnp.pad(x, ((0, -len(x) % size), (0, 0), (0, 0)))
    return padded.reshape(-1, size * x.shape[1], x.shape[2])  # [t, n, d] -> [blocks, size n, d]


def _steps(blocks: Float[Array, "blocks rows d"], like: Float[Array, "t n e"]) -> Float[Array, "t n d"]:
    """The inverse of `_blocks`: one row for each step of ``like``."""
    return blocks.reshape(-1, like.shape[1], blocks.shape[2])[: len(like)]  # [blocks, size n, d] -> [t, n, d]


def _num_blocks(num_steps: Int[Array, ""], length: int) -> Int[Array, ""]:
    size = min(BLOCK, length)
    return (num_steps + size - 1) // size


def _num_steps(is_valid: Bool[Array, "t n"]) -> Int[Array, ""]:
    """Number of steps up to the last valid step of the longest row."""
    return jnp.max(jnp.where(is_valid.any(axis=1), jnp.arange(1, len(is_valid) + 1), 0))


_loop.defvjp(_forward, _backward)
