"""The cells against NumPy written out step by step; padding and the future change nothing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from scipy.special import expit

from architectures.layers import Dropout
from architectures.recurrent import CELLS, Recurrence, Recurrent, State
from tests.selection import some

TANH = jnp.int32(2)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 7, 3)).astype(np.float32)
LENGTHS = np.array([7, 4, 1, 6])
IS_VALID = np.arange(7) < LENGTHS[:, None]


def _weights(layer):
    """Kernels and biases as NumPy arrays, all of them at random: fresh biases are 0 and would hide a mistake."""
    made = {}
    for name, module in (("w", layer.from_input), ("u", layer.from_hidden)):
        for kind, leaf in (("kernel", module.kernel), ("bias", module.bias)):
            if leaf is not None:
                value = RNG.normal(size=leaf.shape).astype(np.float32) * 0.5
                leaf[...] = jnp.asarray(value)
                made[name + "_" + kind] = value.astype(float)
    return made


def _by_hand(cell, weights, inputs, hidden):
    """One row through one layer, gate by gate, from the definitions in the papers."""
    h, c, outputs = hidden.astype(float), np.zeros(hidden.shape), []
    size = len(h)
    for x in inputs.astype(float):
        w = x @ weights["w_kernel"] + weights["w_bias"]
        u = h @ weights["u_kernel"] + weights.get("u_bias", 0)
        if cell == "simple":
            h = np.tanh(w + u)
        elif cell == "lstm":
            i, f, g, o = (w + u)[:size], (w + u)[size : 2 * size], (w + u)[2 * size : 3 * size], (w + u)[3 * size :]
            c = expit(f + 1) * c + expit(i) * np.tanh(g)
            h = expit(o) * np.tanh(c)
        else:
            r = expit(w[:size] + u[:size])
            z = expit(w[size : 2 * size] + u[size : 2 * size])
            n = np.tanh(w[2 * size :] + r * u[2 * size :])
            h = (1 - z) * n + z * h
        outputs.append(h)
    return np.array(outputs)


@pytest.mark.parametrize("cell", CELLS)
def test_a_layer_is_its_equations_and_ends_where_the_row_ends(cell):
    layer = Recurrence(cell, 3, 5, nnx.Rngs(0))
    weights = _weights(layer)
    hidden = RNG.normal(size=(4, 5)).astype(np.float32)
    start = layer.start(4)._replace(hidden=jnp.asarray(hidden))
    outputs, state = layer(jnp.asarray(X), jnp.asarray(IS_VALID), start, TANH)
    for row, length in enumerate(LENGTHS):
        expected = _by_hand(cell, weights, X[row, :length], hidden[row])
        np.testing.assert_allclose(outputs[row, :length], expected, atol=2e-6)
        np.testing.assert_allclose(state.hidden[row], expected[-1], atol=2e-6)


@some("cell", CELLS, ["lstm"])
def test_longer_padding_whatever_it_holds_changes_nothing(cell):
    stack = Recurrent(cell, 3, 5, 2, nnx.Rngs(1))
    outputs, states = stack(jnp.asarray(X), jnp.asarray(IS_VALID), stack.start(4), TANH, None)
    garbage = np.concatenate([np.where(IS_VALID[..., None], X, 1e3), np.full((4, 5, 3), -1e3, np.float32)], axis=1)
    is_valid = np.concatenate([IS_VALID, np.zeros((4, 5), bool)], axis=1)
    longer, ends = stack(jnp.asarray(garbage), jnp.asarray(is_valid), stack.start(4), TANH, None)
    jax.tree.map(np.testing.assert_array_equal, states, ends)
    np.testing.assert_array_equal(longer[:, :7][IS_VALID], outputs[IS_VALID])


@some("cell", CELLS, ["lstm"])
def test_the_future_changes_no_past_and_a_sequence_may_be_read_in_two_parts(cell):
    stack = Recurrent(cell, 3, 5, 2, nnx.Rngs(2))
    read = jax.jit(lambda x, states: stack(x, jnp.ones(x.shape[:2], bool), states, TANH, None))
    outputs, states = read(X, stack.start(4))
    changed = X + np.float32(np.arange(7) >= 4)[:, None]
    np.testing.assert_array_equal(read(changed, stack.start(4))[0][:, :4], outputs[:, :4])
    _, middle = read(X[:, :3], stack.start(4))
    rest, end = read(X[:, 3:], middle)
    np.testing.assert_allclose(rest, outputs[:, 3:], atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), end, states)


@pytest.mark.parametrize("cell, gates, biases", [("simple", 1, 1), ("lstm", 4, 1), ("gru", 3, 2)])
def test_parameters_are_those_counted_by_hand(cell, gates, biases):
    stack = nnx.eval_shape(lambda: Recurrent(cell, 3, 5, 2, nnx.Rngs(0)))
    expected = gates * (3 * 5 + 5 * 5 + biases * 5) + gates * (5 * 5 + 5 * 5 + biases * 5)
    assert sum(leaf.size for leaf in jax.tree.leaves(nnx.state(stack))) == expected


def test_dropout_acts_between_layers_only():
    dropout = Dropout(jnp.float32(0.5), jax.random.key(0))
    always = jnp.ones((4, 7), bool)
    for num_layers, is_changed in ((1, False), (2, True)):
        stack = Recurrent("gru", 3, 5, num_layers, nnx.Rngs(3))
        plain, dropped = (stack(jnp.asarray(X), always, stack.start(4), TANH, each)[0] for each in (None, dropout))
        assert bool((jnp.abs(plain - dropped) > 1e-3).any()) == is_changed


def test_a_cell_or_a_depth_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="cell: expected one of .*, got 'elman'"):
        Recurrence("elman", 3, 5, nnx.Rngs(0))
    with pytest.raises(ValueError, match="num_layers: expected at least 1, got 0"):
        Recurrent("gru", 3, 5, 0, nnx.Rngs(0))


@some("cell", CELLS, ["lstm"])
def test_the_way_back_is_that_of_the_steps_written_out(cell):
    """The gradients of all weights, inputs and states against automatic differentiation of a loop over the steps.

    20 steps are three blocks, of which the longest row ends in the second.
    """
    x = RNG.normal(size=(4, 20, 3)).astype(np.float32)
    is_valid = np.arange(20) < np.array([11, 4, 1, 6])[:, None]
    layer = Recurrence(cell, 3, 5, nnx.Rngs(4))
    _weights(layer)
    graph, weights = nnx.split(layer)
    start = State(*(jnp.asarray(RNG.normal(size=(4, 5)), jnp.float32) for _ in range(2)))
    share, ends = (jnp.asarray(RNG.normal(size=size), jnp.float32) for size in ((4, 20, 5), (2, 4, 5)))

    def scanned(weights, x, start):
        hidden, end = nnx.merge(graph, weights)(x, jnp.asarray(is_valid), start, TANH)
        return jnp.sum(share * hidden) + jnp.sum(ends * jnp.stack(end))

    def by_steps(weights, x, state):
        layer, total = nnx.merge(graph, weights), 0.0
        for step in range(20):
            new = layer.step(layer.from_input(x[:, step]), state, TANH)
            state = jax.tree.map(lambda a, b, here=is_valid[:, step, None]: jnp.where(here, a, b), new, state)
            total += jnp.sum(share[:, step] * state.hidden)
        return total + jnp.sum(ends * jnp.stack(state))

    arguments = weights, jnp.asarray(x), start
    expected, found = (jax.jit(jax.grad(loss, argnums=(0, 1, 2)))(*arguments) for loss in (by_steps, scanned))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5, rtol=2e-5), expected, found)
    assert all(float(jnp.abs(leaf).max()) > 0 for leaf in jax.tree.leaves(found[0]))
