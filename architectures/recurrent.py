"""Recurrence over sequences of different lengths: three cells, one scan, layers one upon another.

The products with the inputs do not wait for one another, so they are one large product before the scan; only the
product with the state stays inside. A step beyond the end of a row leaves its state as it was, so the last state is
that of the last valid step, and padding changes nothing.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

from architectures.layers import Dropout, activate, drop, linear, split_dropout

CELLS = ("simple", "lstm", "gru")
_NUM_GATES = {"simple": 1, "lstm": 4, "gru": 3}


class State(NamedTuple):
    """What a layer remembers of the steps so far."""

    hidden: Float[Array, "n h"]
    """What the layers above see."""
    memory: Float[Array, "n h"]
    """The LSTM's cell; of the other cells zeros that nothing looks at."""


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
          rngs: Where the weights come from.

        Raises:
          ValueError: If there is no such cell.
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
        """The state after one more input, of which ``projected`` is the product with the input weights."""
        recurrent = self.from_hidden(state.hidden)  # [n, h] -> [n, g]
        if self.cell == "simple":
            return State(activate(activation, projected + recurrent), state.memory)
        if self.cell == "gru":
            reset, update, new = jnp.split(projected, 3, axis=-1)  # [n, 3 h] -> 3 of [n, h]
            reset_hidden, update_hidden, new_hidden = jnp.split(recurrent, 3, axis=-1)
            update = jax.nn.sigmoid(update + update_hidden)
            new = jnp.tanh(new + jax.nn.sigmoid(reset + reset_hidden) * new_hidden)
            return State((1 - update) * new + update * state.hidden, state.memory)
        write, forget, new, read = jnp.split(projected + recurrent, 4, axis=-1)  # [n, 4 h] -> 4 of [n, h]
        memory = jax.nn.sigmoid(forget + 1) * state.memory + jax.nn.sigmoid(write) * jnp.tanh(new)
        return State(jax.nn.sigmoid(read) * jnp.tanh(memory), memory)

    def __call__(
        self, x: Float[Array, "n t inputs"], is_valid: Bool[Array, "n t"], state: State, activation: Int[Array, ""]
    ) -> tuple[Float[Array, "n t h"], State]:
        """The hidden state after each step, and the state after the last valid one.

        Args:
          x: Inputs, one a step.
          is_valid: False where a row has ended; beyond it the hidden states repeat the last valid one.
          state: Before the first step.
          activation: Of the simple cell, an index into ``layers.ACTIVATIONS``; the others do not look at it.
        """

        def advance(state: State, now: tuple[Array, Array]) -> tuple[State, Array]:
            projected, is_here = now
            new = self.step(projected, state, activation)
            state = jax.tree.map(lambda a, b: jnp.where(is_here[:, None], a, b), new, state)
            return state, state.hidden

        projected = self.from_input(x).swapaxes(0, 1)  # [n, t, inputs] -> [t, n, g]
        state, hidden = jax.lax.scan(advance, state, (projected, is_valid.T))
        return hidden.swapaxes(0, 1), state  # [t, n, h] -> [n, t, h]


class Recurrent(nnx.Module):
    """Recurrent layers one upon another, with dropout between them."""

    def __init__(self, cell: str, inputs: int, units: int, num_layers: int, rngs: nnx.Rngs):
        """Fresh weights; arguments as those of `Recurrence`, ``num_layers`` at least 1."""
        if num_layers < 1:
            raise ValueError(f"num_layers: expected at least 1, got {num_layers}")
        sizes = (inputs, *[units] * (num_layers - 1))
        self.layers = nnx.List([Recurrence(cell, size, units, rngs) for size in sizes])

    def start(self, num: int) -> tuple[State, ...]:
        """The states before the first step of ``num`` rows, one a layer."""
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
