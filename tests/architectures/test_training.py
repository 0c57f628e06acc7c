"""A training run: it learns, a large batch is a large batch, it repeats, and it survives anything."""

import math

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from architectures import training
from architectures.cnn import CNNStructure
from architectures.examples import continued, labelled, lengths_of
from architectures.training import predict, train, train_config
from tests.selection import some

STRUCTURE = CNNStructure(num_blocks=1, width=4)
RNG = np.random.default_rng(0)
EXAMPLES = labelled(RNG.uniform(size=(64, 8, 8, 1)).astype(np.float32), RNG.integers(0, 10, 64).astype(np.int32))
KEY = jax.random.key(0)


def run(key=KEY, num_epochs=100, **hyper):
    """A run on made data; all tests but one share one program."""
    return train(key, STRUCTURE, train_config(**hyper), EXAMPLES, EXAMPLES, num_epochs=num_epochs)


@some(
    "optimizer, learning_rate, activation",
    [
        ("sgd", 0.05, "relu"),
        ("adam", 0.003, "relu"),
        ("adamw", 0.003, "gelu"),
        ("rmsprop", 0.002, "tanh"),
        ("lion", 0.001, "silu"),
    ],
    2,
)
def test_a_tiny_set_with_random_labels_is_learnt_by_heart(optimizer, learning_rate, activation):
    result = run(optimizer=optimizer, learning_rate=learning_rate, activation=activation, batch_size=32)
    assert result.cross_entropy < 0.1 and result.accuracy == 1.0
    assert result.train_losses.shape == (200,)
    assert abs(result.train_losses[0] - np.log(10)) < 0.3  # fresh weights know nothing


@jax.jit
def _gradient(params):
    graph, _ = nnx.split(STRUCTURE.build(nnx.Rngs(KEY)))

    def loss(params):
        logits = nnx.merge(graph, params)(jnp.asarray(EXAMPLES.inputs), jnp.int32(0), None)
        return optax.softmax_cross_entropy_with_integer_labels(logits, jnp.asarray(EXAMPLES.targets)).mean()

    return jax.grad(loss)(params)


@pytest.mark.thorough
def test_one_epoch_with_all_examples_in_one_batch_is_one_step_down_the_gradient_of_all():
    sgd = dict(optimizer="sgd", momentum=0.0, num_epochs=1)
    start = run(learning_rate=1e-12, **sgd).params
    gradient = _gradient(start)
    stepped = run(learning_rate=0.5, batch_size=64, **sgd).params
    expected = jax.tree.map(lambda parameter, slope: parameter - 0.5 * slope, start, gradient)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), stepped, expected)
    two_steps = run(learning_rate=0.5, batch_size=32, **sgd).params
    assert max(float(jnp.abs(a - b).max()) for a, b in _pairs(two_steps, expected)) > 1e-3


@pytest.mark.thorough
def test_predictions_that_do_not_count_change_nothing_and_the_others_count_by_their_weight():
    """Rows of weight 0 with other answers; and two microbatches of which one has half the weight."""
    sgd = dict(optimizer="sgd", momentum=0.0, learning_rate=0.5, batch_size=64)
    weights = np.where(np.arange(64) < 48, 1, 0).astype(np.float32)
    lies = np.where(weights > 0, EXAMPLES.targets, (EXAMPLES.targets + 1) % 10).astype(np.int32)
    results = [
        train(KEY, STRUCTURE, train_config(**sgd), part, part, num_epochs=1)
        for part in (EXAMPLES._replace(weights=weights), EXAMPLES._replace(weights=weights, targets=lies))
    ]
    assert all(np.array_equal(a, b) for a, b in _pairs(results[0].params, results[1].params))
    assert results[0].cross_entropy == results[1].cross_entropy

    start = train(
        KEY, STRUCTURE, train_config(**sgd | {"learning_rate": 1e-12}), EXAMPLES, EXAMPLES, num_epochs=1
    ).params
    graph, _ = nnx.split(STRUCTURE.build(nnx.Rngs(KEY)))

    def loss(params):
        logits = nnx.merge(graph, params)(jnp.asarray(EXAMPLES.inputs[:48]), jnp.int32(0), None)
        return optax.softmax_cross_entropy_with_integer_labels(logits, jnp.asarray(EXAMPLES.targets[:48])).mean()

    expected = jax.tree.map(lambda parameter, slope: parameter - 0.5 * slope, start, jax.grad(loss)(start))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), results[0].params, expected)


@jax.jit
def _advanced(config, examples, state, rows, num_steps):
    return training.advance(KEY, STRUCTURE, config, examples, state, rows, rows[:, 0] >= 0, num_steps)[0]


@pytest.mark.guard
def test_batches_of_two_microbatches_go_by_the_schedule_and_the_average_by_hand():
    """The k-th of T updates has the rate at (k - 1/2) / T; averages count updates and no microbatches."""
    rate, averaging, num_updates = 0.2, 0.5, 4
    config = train_config(rate, 64, "sgd", momentum=0.0, schedule="linear", averaging=averaging)
    examples, order = jax.tree.map(jnp.asarray, EXAMPLES), jnp.asarray(RNG.permutation(64).reshape(2, 32))
    state = training.begin(KEY, STRUCTURE)
    _, unravel = jax.flatten_util.ravel_pytree(training.parameters(STRUCTURE, state))
    params = average = np.asarray(state.params, np.float64)
    for k in range(1, num_updates + 1):
        slopes = jax.flatten_util.ravel_pytree(_gradient(unravel(jnp.asarray(params, jnp.float32))))[0]
        params = params - rate * (1 - (k - 0.5) / num_updates) * np.asarray(slopes, np.float64)
        average = average + (params - average) / max(averaging * k, 1)
        before = state
        for row in range(2):
            np.testing.assert_array_equal(state.params, before.params, "half a batch moves nothing")
            state = _advanced(config, examples, state, order[row : row + 1], 2 * num_updates)
        np.testing.assert_allclose(state.params, params, atol=2e-6)
        np.testing.assert_allclose(state.average, average, atol=2e-6)


@some("averaging", [0.0, 0.25, 0.5], [0.25])
def test_what_is_used_is_the_mean_of_the_weights_that_were_so_far(averaging):
    """By the weights written out: of T steps the t-th counts as the binomial coefficient of t - 1 over 1 / a - 1."""
    config = train_config(learning_rate=0.05, batch_size=32, averaging=averaging)
    examples, order = jax.tree.map(jnp.asarray, EXAMPLES), jnp.asarray(RNG.integers(0, 64, (24, 32)))
    state, history = training.begin(KEY, STRUCTURE), []
    for step in range(24):
        state = _advanced(config, examples, state, order[step : step + 1], 24)
        history.append(np.asarray(state.params, np.float64))
    if averaging:
        counts = np.array([math.comb(step, round(1 / averaging) - 1) for step in range(24)])
    else:
        counts = np.arange(24) == 23
    expected = np.average(history, axis=0, weights=counts)
    np.testing.assert_allclose(state.average, expected, atol=1e-5)
    used = jax.flatten_util.ravel_pytree(training.parameters(STRUCTURE, state))[0]
    np.testing.assert_array_equal(used, state.average)
    by_network = predict(STRUCTURE, training.parameters(STRUCTURE, state), EXAMPLES.inputs, jnp.int32(0))
    loss = optax.softmax_cross_entropy_with_integer_labels(by_network, jnp.asarray(EXAMPLES.targets)).mean()
    np.testing.assert_allclose(training.judge(STRUCTURE, config, state, examples).cross_entropy, loss, rtol=1e-5)


def test_the_network_of_a_result_gives_the_loss_it_was_judged_by():
    result = run(num_epochs=1)
    logits = predict(STRUCTURE, result.params, EXAMPLES.inputs, jnp.int32(0))
    expected = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.asarray(EXAMPLES.targets)).mean()
    np.testing.assert_allclose(result.cross_entropy, expected, rtol=1e-5)


@pytest.mark.thorough
def test_smoothed_labels_are_those_of_optax():
    sgd = dict(optimizer="sgd", momentum=0.0, batch_size=64, num_epochs=1)
    start = run(learning_rate=1e-12, **sgd).params
    labels = optax.smooth_labels(jax.nn.one_hot(EXAMPLES.targets, 10), 0.2)
    graph, _ = nnx.split(STRUCTURE.build(nnx.Rngs(KEY)))

    def loss(params):
        logits = nnx.merge(graph, params)(jnp.asarray(EXAMPLES.inputs), jnp.int32(0), None)
        return optax.softmax_cross_entropy(logits, labels).mean()

    expected = jax.tree.map(lambda parameter, slope: parameter - 0.5 * slope, start, jax.grad(loss)(start))
    stepped = run(learning_rate=0.5, label_smoothing=0.2, **sgd).params
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), stepped, expected)


def test_a_batch_that_is_never_full_is_never_learnt_from():
    one, other = (run(learning_rate=rate, batch_size=128, num_epochs=1).params for rate in (1e-12, 0.5))
    assert all(np.array_equal(a, b) for a, b in _pairs(one, other))


def test_each_number_has_an_effect():
    base = dict(optimizer="sgd", learning_rate=0.01, momentum=0.5, dropout=0.0)
    plain = float(run(**base).cross_entropy)
    changes = dict(
        dropout=0.4,
        l2=0.1,
        momentum=0.9,
        label_smoothing=0.2,
        schedule="cosine",
        warmup=0.3,
        max_norm=0.1,
        batch_size=32,
    )
    for change in ({name: value} for name, value in changes.items()):
        assert abs(float(run(**base | change).cross_entropy) - plain) > 1e-3, change


def test_the_same_key_gives_the_same_bits_and_another_key_others():
    first, again, other = run(dropout=0.2), run(dropout=0.2), run(jax.random.key(1), dropout=0.2)
    assert all(np.array_equal(a, b) for a, b in _pairs(first, again))
    assert first.cross_entropy != other.cross_entropy


def test_64_bit_types_of_the_caller_change_nothing():
    narrow = run(dropout=0.2)
    with jax.enable_x64(True):
        wide = run(dropout=0.2)
    for a, b in _pairs(narrow, wide):
        assert a.dtype == b.dtype == jnp.float32
        np.testing.assert_array_equal(a, b)


def test_divergence_is_a_value():
    result = run(optimizer="sgd", learning_rate=1e6, momentum=0.99)
    assert not np.isfinite(result.cross_entropy) or result.cross_entropy > 1e3
    assert 0 <= result.accuracy <= 1


@pytest.mark.thorough
def test_nothing_but_the_structure_makes_a_program():
    run()
    before = training._train._cache_size()
    for batch_size in (32, 64, 128, 256):
        for optimizer in training.OPTIMIZERS:
            for activation in training.ACTIVATIONS:
                run(batch_size=batch_size, optimizer=optimizer, activation=activation, learning_rate=0.002, dropout=0.1)
    assert training._train._cache_size() == before


def test_a_population_under_vmap_equals_its_members():
    members = [train_config(learning_rate=0.003), train_config(optimizer="sgd", batch_size=32, activation="tanh")]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)

    def loss(config):
        return train(KEY, STRUCTURE, config, EXAMPLES, EXAMPLES, num_epochs=1).cross_entropy

    np.testing.assert_allclose(jax.vmap(loss)(stacked), [loss(each) for each in members], rtol=1e-4)


@pytest.mark.parametrize(
    "wrong, message",
    [
        (dict(optimizer="adagrad"), "optimizer: expected one of"),
        (dict(schedule="step"), "schedule: expected one of"),
        (dict(dropout=1.0), r"dropout: expected a number in \[0, 1\), got 1.0"),
        (dict(max_norm=0.0), "max_norm: expected a positive number, got 0.0"),
        (dict(learning_rate=float("nan")), "learning_rate: expected a positive number, got nan"),
        (dict(l2=-1.0), "l2: expected a finite number of at least 0, got -1.0"),
        (dict(activation="sine"), "activation: expected one of"),
        (dict(batch_size=48), "positive multiple of 32, got 48"),
    ],
)
def test_hyperparameters_that_do_not_exist_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        train_config(**wrong)


def test_every_example_is_seen_once_an_epoch():
    order = np.asarray(training.visits(KEY, 64, 3)).reshape(3, 64)  # [steps, 32] -> [epochs, n]
    assert all(sorted(epoch) == list(range(64)) for epoch in order)
    assert not np.array_equal(order[0], order[1])
    assert training.visits(KEY, 50, 2).shape == (3, 32)  # 100 visits hold three microbatches


def test_texts_are_visited_with_others_of_their_length():
    lengths = jnp.asarray(RNG.integers(1, 40, 900), jnp.int32)
    order = np.asarray(training.visits(KEY, 900, 4, lengths))
    plain = np.asarray(training.visits(KEY, 900, 4))
    assert order.shape == plain.shape == (112, 32)
    size = training.POOL
    for start in range(0, 112, size):  # the same rows in each pool, those of a microbatch next to one another in length
        rows = order[start : start + size].ravel()
        assert sorted(rows) == sorted(plain[start : start + size].ravel())
        spans = [(lengths[each].min(), lengths[each].max()) for each in order[start : start + size]]
        assert all(high <= low for (_, high), (low, _) in zip(sorted(spans), sorted(spans)[1:], strict=False))
        assert spans != sorted(spans), "shuffled"
    longest = np.asarray(lengths)[order].max(axis=1).mean(), np.asarray(lengths)[plain].max(axis=1).mean()
    assert longest[0] < 0.6 * longest[1]
    assert lengths_of(EXAMPLES) is None
    texts = np.array([[4, 5, 0], [4, 0, 0]], np.int32)
    np.testing.assert_array_equal(lengths_of(labelled(texts, np.zeros(2, np.int32))), [2, 1])
    assert lengths_of(continued(texts)) is None


def _pairs(first, second):
    return zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
