"""What holds for every network of sequences: causality, padding, counted parameters, a small batch learnt by heart."""

from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from architectures import layers
from architectures.attention import AttentionStructure
from architectures.data.codec import END, START
from architectures.decoding import continue_text, translate
from architectures.examples import PAD, continued, labelled, translated
from architectures.lstm import NUM_RUNS, LSTMStructure, RunEmbedding
from architectures.rnn import RNNStructure
from architectures.training import network, predict, train, train_config
from architectures.transformer import TransformerStructure
from tests.selection import some

TANH = jnp.int32(2)
RNN_ = RNNStructure(11, "gru", width=24, num_layers=2, embedding=8)
LSTM_ = LSTMStructure(11, 3, "lstm", width=24, num_layers=2, embedding=8, longest_run=3)
TRANSLATORS = {
    "dot": AttentionStructure(11, 13, "lstm", "dot", width=24, embedding=8),
    "additive": AttentionStructure(11, 13, "gru", "additive", width=24, embedding=8),
    "pre": TransformerStructure(11, 13, width=24, num_heads=2, num_layers=2, norm="pre"),
    "post": TransformerStructure(11, 13, width=24, num_heads=3, num_layers=1, norm="post"),
}
RNG = np.random.default_rng(0)
SOURCE_LENGTHS, TARGET_LENGTHS = np.array([6, 2, 4, 5]), np.array([5, 4, 2, 3])


def _rows(lengths, width, num_tokens):
    rows = RNG.integers(4, num_tokens, (len(lengths), width)).astype(np.int32)
    return np.where(np.arange(width) < np.asarray(lengths)[:, None], rows, PAD).astype(np.int32)


SOURCE, TARGET = _rows(SOURCE_LENGTHS, 6, 11), _rows(TARGET_LENGTHS, 5, 13)
IS_TARGET = np.arange(5) < TARGET_LENGTHS[:, None]


def build(structure):
    return structure.build(nnx.Rngs(jax.random.key(0)))


@cache
def params_of(structure):
    return nnx.state(build(structure))


@partial(jax.jit, static_argnames="structure")
def _dropped(structure, params, inputs, rate, seed):
    dropout = layers.Dropout(rate, jax.random.key(seed))
    return network(structure, params)(inputs, TANH, dropout)


def call(structure, inputs):
    return np.asarray(predict(structure, params_of(structure), inputs, TANH))


def longer(rows, extra=3):
    return np.pad(rows, ((0, 0), (0, extra)), constant_values=PAD)


@some("structure", TRANSLATORS.values(), ids=TRANSLATORS.keys())
def test_longer_padding_changes_nothing_in_a_translation(structure):
    logits = call(structure, (SOURCE, TARGET))
    padded = call(structure, (longer(SOURCE), longer(TARGET)))
    np.testing.assert_allclose(padded[:, :5][IS_TARGET], logits[IS_TARGET], atol=2e-6)


@pytest.mark.parametrize("structure", TRANSLATORS.values(), ids=TRANSLATORS.keys())
def test_a_changed_future_changes_no_past_and_the_whole_source_speaks(structure):
    full = RNG.integers(4, 13, (4, 5)).astype(np.int32)
    logits = call(structure, (SOURCE, full))
    for step in range(1, 5):
        changed = full.copy()
        changed[:, step:] = (changed[:, step:] - 4 + 1) % 9 + 4
        other = call(structure, (SOURCE, changed))
        np.testing.assert_allclose(other[:, :step], logits[:, :step], atol=2e-6)
        assert (np.abs(other[:, step] - logits[:, step]).max(axis=-1) > 1e-4).all()
    for step in range(6):  # each token of the source that is there changes something, one that is not there nothing
        changed = SOURCE.copy()
        here = SOURCE[:, step] != PAD
        changed[here, step] = (changed[here, step] - 4 + 1) % 7 + 4
        moved = np.abs(call(structure, (changed, full)) - logits).max(axis=(1, 2)) > 1e-5
        np.testing.assert_array_equal(moved, here)


@pytest.mark.parametrize("structure", TRANSLATORS.values(), ids=TRANSLATORS.keys())
def test_the_order_of_the_source_matters(structure):
    swapped = SOURCE.copy()
    swapped[:, [0, 1]] = swapped[:, [1, 0]]
    differs = (SOURCE[:, 0] != SOURCE[:, 1])[:, None, None]
    moved = np.abs(call(structure, (swapped, TARGET)) - call(structure, (SOURCE, TARGET)))
    assert differs.any() and (moved * differs).max() > 1e-3


@some("structure", TRANSLATORS.values(), ids=TRANSLATORS.keys())
def test_step_by_step_with_what_is_remembered_the_logits_are_the_same(structure):
    full = RNG.integers(4, 13, (4, 5)).astype(np.int32)
    logits = call(structure, (SOURCE, full))

    @jax.jit
    def stepwise(source, target):
        model = network(structure, params_of(structure))
        memory = model.begin(source, TANH, 8)  # more room than needed: what is not yet written must not be seen
        return jax.lax.scan(lambda memory, tokens: model.step(memory, tokens, TANH), memory, target.T)[1]

    np.testing.assert_allclose(stepwise(SOURCE, full).swapaxes(0, 1), logits, atol=5e-6)


@some("structure", TRANSLATORS.values(), ids=TRANSLATORS.keys())
def test_an_empty_source_gives_numbers(structure):
    assert np.isfinite(call(structure, (np.zeros((2, 4), np.int32), TARGET[:2]))).all()


def test_text_is_read_from_left_to_right_and_step_by_step():
    tokens = RNG.integers(4, 11, (4, 6)).astype(np.int32)
    logits = call(RNN_, tokens)
    assert logits.shape == (4, 6, 11)
    changed = tokens.copy()
    changed[:, 3:] = (changed[:, 3:] - 4 + 1) % 7 + 4
    np.testing.assert_array_equal(call(RNN_, changed)[:, :3], logits[:, :3])
    model = network(RNN_, params_of(RNN_))
    stepwise = jax.lax.scan(lambda states, now: model.step(states, now, TANH), model.begin(4), tokens.T)[1]
    np.testing.assert_allclose(stepwise.swapaxes(0, 1), logits, atol=5e-6)


def test_a_class_is_told_by_the_valid_steps_and_all_of_them():
    logits = call(LSTM_, SOURCE)
    assert logits.shape == (4, 3)
    np.testing.assert_allclose(call(LSTM_, longer(SOURCE)), logits, atol=1e-6)
    for step in range(6):
        changed = SOURCE.copy()
        here = SOURCE[:, step] != PAD
        changed[here, step] = (changed[here, step] - 4 + 1) % 7 + 4
        moved = np.abs(call(LSTM_, changed) - logits).max(axis=-1) > 1e-6
        np.testing.assert_array_equal(moved, here)


def test_runs_of_tokens_have_embeddings_of_their_own():
    """Against loops over Python's integers; a run that begins before the text is none that is inside it."""
    model: Any = RunEmbedding(11, 8, 3, nnx.Rngs(jax.random.key(2)))
    np.testing.assert_array_equal(model(SOURCE), model.token(SOURCE))  # those of runs begin at zero
    for table in model.runs:
        table.embedding[...] = jnp.asarray(RNG.normal(size=(NUM_RUNS, 8)), jnp.float32)
    expected = np.zeros((*SOURCE.shape, 8))
    for row, step in np.ndindex(*SOURCE.shape):
        word = 0x811C9DC5
        for back in range(3):
            word = (word ^ int(SOURCE[row, step - back] if back <= step else PAD)) * 0x01000193 % 2**32
            table = model.token if back == 0 else model.runs[back - 1]
            place = int(SOURCE[row, step]) if back == 0 else (word ^ word >> 15) % NUM_RUNS
            expected[row, step] += np.asarray(table.embedding[...])[place]
    np.testing.assert_allclose(model(SOURCE), expected, atol=1e-5)
    with pytest.raises(ValueError, match="longest_run: expected at least 1, got 0"):
        RunEmbedding(11, 8, 0, nnx.Rngs(0))


LSTM_LAYER = lambda inputs, units: 4 * (inputs * units + units * units + units)  # noqa: E731
GRU_LAYER = lambda inputs, units: 3 * (inputs * units + units * units + 2 * units)  # noqa: E731
ATTENTION_OF_24 = 4 * (24 * 24 + 24)
FEED_FORWARD_OF_24 = 24 * 48 + 48 + 48 * 24 + 24


@pytest.mark.parametrize(
    "structure, expected",
    [
        (RNN_, 11 * 8 + GRU_LAYER(8, 24) + GRU_LAYER(24, 24) + 24 * 11 + 11),
        (LSTM_, (11 + 2 * 4096) * 8 + LSTM_LAYER(8, 24) + LSTM_LAYER(24, 24) + (24 * 24 + 24) + 24 * 3 + 3),
        (TRANSLATORS["dot"], 24 * 8 + 2 * LSTM_LAYER(8, 24) + 24 * 24 + (48 * 24 + 24) + 24 * 13 + 13),
        (
            TRANSLATORS["additive"],
            24 * 8 + 2 * GRU_LAYER(8, 24) + (24 * 24 + 24) + 24 * 24 + 24 + (48 * 24 + 24) + 24 * 13 + 13,
        ),
        (
            TRANSLATORS["pre"],  # two layers: two norms and one attention, three norms and two; then the last two norms
            24 * 24 + 2 * (3 * ATTENTION_OF_24 + 2 * FEED_FORWARD_OF_24 + 5 * 48) + 2 * 48 + 24 * 13 + 13,
        ),
        (TRANSLATORS["post"], 24 * 24 + 3 * ATTENTION_OF_24 + 2 * FEED_FORWARD_OF_24 + 5 * 48 + 24 * 13 + 13),
    ],
)
def test_parameters_are_those_counted_by_hand(structure, expected):
    leaves = jax.tree.leaves(nnx.state(nnx.eval_shape(lambda: build(structure))))
    assert sum(leaf.size for leaf in leaves) == expected
    assert all(leaf.dtype == jnp.float32 for leaf in leaves)


@some(
    "structure, inputs",
    [(RNN_, SOURCE), (LSTM_, SOURCE), *((each, (SOURCE, TARGET)) for each in TRANSLATORS.values())],
    3,
    ids=["rnn", "lstm", *TRANSLATORS],
)
def test_dropout_draws_from_different_keys_repeats_with_its_key_and_acts(structure, inputs, monkeypatch):
    plain = call(structure, inputs)

    def draw(rate, seed):
        return np.asarray(_dropped(structure, params_of(structure), inputs, jnp.float32(rate), seed))

    np.testing.assert_allclose(draw(0.0, 1), plain, atol=1e-5)
    np.testing.assert_array_equal(draw(0.5, 1), draw(0.5, 1))
    assert np.abs(draw(0.5, 1) - plain).max() > 1e-3 and np.abs(draw(0.5, 1) - draw(0.5, 2)).max() > 1e-3
    keys = []
    for module in ("rnn", "lstm", "attention", "transformer", "recurrent"):
        monkeypatch.setattr(f"architectures.{module}.drop", lambda dropout, x: (keys.append(dropout.key), x)[1])

    @jax.jit
    def drawn_from(inputs):
        dropout = layers.Dropout(jnp.float32(0.5), jax.random.key(5))
        network(structure, params_of(structure))(inputs, TANH, dropout)
        return jnp.stack([jax.random.key_data(key) for key in keys])

    used = drawn_from(inputs)
    assert len(used) == len(np.unique(used, axis=0)) >= 2


def _by_heart(structure, examples, num_epochs=150):
    config = train_config(learning_rate=0.01, batch_size=32, activation="tanh", schedule="cosine", max_norm=1.0)
    return train(jax.random.key(1), structure, config, examples, examples, num_epochs=num_epochs)


LEARNT_SOURCE = _rows(RNG.integers(2, 7, 32), 6, 11)


# The other two share their parts with these: attention and the decoder, cells and norms are tested by value.
LEARNERS = [
    pytest.param(structure, marks=[] if name == "dot" else pytest.mark.thorough, id=name)
    for name, structure in TRANSLATORS.items()
]


@pytest.mark.parametrize("structure", LEARNERS)
def test_a_small_batch_of_translations_is_learnt_by_heart_and_written_out(structure):
    target = _rows(RNG.integers(1, 6, 32), 7, 13)
    ends = (target != PAD).sum(axis=1)
    target = np.pad(target, ((0, 0), (1, 0)), constant_values=START)
    target[np.arange(32), ends + 1] = END
    result = _by_heart(structure, translated(LEARNT_SOURCE, target))
    assert result.cross_entropy < 0.02 and result.accuracy == 1
    options = dict(length=10, start=START, end=END)
    written = translate(structure, result.params, jnp.asarray(LEARNT_SOURCE), TANH, **options)
    np.testing.assert_array_equal(written, np.pad(target[:, 1:], ((0, 0), (0, 3)), constant_values=PAD))


@pytest.mark.thorough
def test_a_small_batch_of_texts_is_classified_by_heart():
    labels = RNG.integers(0, 3, 32).astype(np.int32)
    distinct = np.unique(LEARNT_SOURCE, axis=0, return_index=True)[1]
    examples = labelled(LEARNT_SOURCE, labels)._replace(weights=np.isin(np.arange(32), distinct).astype(np.float32))
    result = _by_heart(LSTM_, examples)
    assert result.cross_entropy < 0.02 and result.accuracy == 1
    logits = predict(LSTM_, result.params, jnp.asarray(LEARNT_SOURCE), TANH)
    np.testing.assert_array_equal(np.asarray(logits).argmax(-1)[distinct], labels[distinct])


@pytest.mark.thorough
def test_a_text_is_learnt_by_heart_and_continued():
    period = np.array([4, 5, 6, 4, 7, 8, 5, 9, 10, 4, 6], np.int32)
    text = np.tile(period, 40)
    rows = np.stack([text[start : start + 24] for start in range(32)])
    result = _by_heart(RNN_, continued(rows))
    assert result.cross_entropy < 0.15  # of the first tokens of a row nothing tells which of two may come
    written = continue_text(
        jax.random.key(0), RNN_, result.params, jnp.asarray(text[:12]), TANH, jnp.float32(0.01), length=30
    )
    np.testing.assert_array_equal(written, text[12:42])


@pytest.mark.thorough
def test_the_temperature_is_that_of_the_draws():
    """At temperature t a token has the share softmax(logits / t); 4,000 first tokens, within four deviations."""
    params = params_of(RNN_)
    prompt = jnp.asarray([4, 5], jnp.int32)
    logits = call(RNN_, np.asarray(prompt)[None])[0, -1]
    keys = jax.random.split(jax.random.key(3), 4000)
    for temperature in (1.0, 0.3):
        draw = lambda key, t=temperature: continue_text(key, RNN_, params, prompt, TANH, jnp.float32(t), length=1)  # noqa: E731
        drawn = np.asarray(jax.vmap(draw)(keys))[:, 0]
        share = np.asarray(jax.nn.softmax(logits / temperature))
        seen = np.bincount(drawn, minlength=11) / 4000
        assert (np.abs(seen - share) <= 4 * np.sqrt(share * (1 - share) / 4000) + 1e-3).all()


def test_a_network_is_its_structure_and_its_parameters():
    model = build(LSTM_)
    again = network(LSTM_, nnx.state(model))
    np.testing.assert_array_equal(again(SOURCE, TANH, None), model(SOURCE, TANH, None))
