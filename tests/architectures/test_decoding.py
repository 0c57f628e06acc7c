"""Beam search against all sequences there are, written out, over a vocabulary small enough for that."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from flax import nnx

from architectures.attention import AttentionStructure
from architectures.data.codec import END, START
from architectures.decoding import beam_search, translate
from architectures.examples import PAD
from architectures.training import predict
from architectures.transformer import TransformerStructure

TANH, LENGTH, NUM_TOKENS = jnp.int32(2), 4, 5
STRUCTURES = {
    "attention": AttentionStructure(11, NUM_TOKENS, "lstm", "dot", width=8, embedding=8),
    "transformer": TransformerStructure(11, NUM_TOKENS, width=8, num_heads=2, num_layers=1),
}
SOURCE = jnp.asarray([[4, 5, 6], [7, 4, PAD], [10, PAD, PAD]], jnp.int32)
OPTIONS = dict(length=LENGTH, start=START, end=END)


def params_of(structure):
    """Weights as far from zero as it takes for the likeliest sequence not to be the greedy one."""
    params = nnx.state(structure.build(nnx.Rngs(jax.random.key(3))))
    scale = 2.5 if isinstance(structure, AttentionStructure) else 1.0
    return jax.tree.map(lambda leaf: scale * leaf, params)


def every_sequence():
    """All that can be written: any tokens but padding up to an end or to the length, after an end padding."""
    found = set()
    for tokens in itertools.product(range(1, NUM_TOKENS), repeat=LENGTH):
        stop = tokens.index(END) + 1 if END in tokens else LENGTH
        found.add(tokens[:stop] + (PAD,) * (LENGTH - stop))
    return np.array(sorted(found), np.int32)


@pytest.fixture(scope="module", params=["attention", pytest.param("transformer", marks=pytest.mark.thorough)])
def case(request):
    """Structure, parameters, all sequences, and the log probability of each for each source, by teacher forcing."""
    structure, sequences = STRUCTURES[request.param], every_sequence()
    params = params_of(structure)
    shown = np.pad(sequences[:, :-1], ((0, 0), (1, 0)), constant_values=START)
    has_ended = np.cumsum(np.pad(sequences[:, :-1] == END, ((0, 0), (1, 0))), axis=1) > 0
    scores = []
    for row in np.asarray(SOURCE):
        logits = predict(structure, params, (np.tile(row, (len(sequences), 1)), shown), TANH)
        shares = np.take_along_axis(np.asarray(jax.nn.log_softmax(logits)), sequences[..., None], -1)[..., 0]
        scores.append(np.where(has_ended, 0.0, shares).sum(axis=1))
    return structure, params, sequences, np.array(scores)


def place(sequences, written):
    """Which of the sequences each row is."""
    return [int(np.flatnonzero((sequences == row).all(axis=1))[0]) for row in np.asarray(written)]


@pytest.mark.thorough
def test_with_a_beam_for_each_beginning_nothing_is_missed(case):
    structure, params, sequences, scores = case
    num_beams = len(sequences)
    written, found = beam_search(structure, params, SOURCE, TANH, **OPTIONS, num_beams=num_beams)
    assert place(sequences, written) == scores.argmax(axis=1).tolist()
    np.testing.assert_allclose(found, scores.max(axis=1), atol=1e-5)
    lengths = (sequences != PAD).sum(axis=1)
    for penalty in (0.6, 3.0):
        ranks = scores / ((5 + lengths) / 6) ** penalty
        written, found = beam_search(structure, params, SOURCE, TANH, penalty, **OPTIONS, num_beams=num_beams)
        assert place(sequences, written) == ranks.argmax(axis=1).tolist()
        np.testing.assert_allclose(found, scores[np.arange(3), ranks.argmax(axis=1)], atol=1e-5)


def test_few_beams_are_as_written_out(case):
    """The search by lists of Python, from the same probabilities of all beginnings."""
    structure, params, sequences, _ = case

    @functools.cache
    def shares_after(row, beginning):
        # What is shown after the beginning has no say in what follows the beginning.
        shown = np.array([[START, *beginning] + [PAD] * (LENGTH - 1 - len(beginning))], np.int32)
        logits = predict(structure, params, (SOURCE[row][None], shown), TANH)[0, len(beginning)]
        return scipy.special.log_softmax(np.asarray(logits, np.float64))

    for num_beams in (2, 3):
        written, found = beam_search(structure, params, SOURCE, TANH, **OPTIONS, num_beams=num_beams)
        for row, (tokens, score) in enumerate(zip(written, found, strict=True)):
            beams = [(0.0, ())]
            for _ in range(LENGTH):
                longer = [beam for beam in beams if END in beam[1]]
                for total, beginning in beams:
                    if END not in beginning:
                        shares = shares_after(row, beginning)
                        longer += [(total + shares[t], (*beginning, t)) for t in range(1, NUM_TOKENS)]
                beams = sorted(longer, reverse=True)[:num_beams]
            assert list(beams[0][1]) == [token for token in np.asarray(tokens).tolist() if token != PAD]
            np.testing.assert_allclose(score, beams[0][0], atol=1e-5)


def test_one_beam_is_greedy_and_more_beams_find_something_likelier(case):
    structure, params, sequences, scores = case
    greedy = translate(structure, params, SOURCE, TANH, **OPTIONS)
    written, found = beam_search(structure, params, SOURCE, TANH, **OPTIONS, num_beams=1)
    np.testing.assert_array_equal(written, greedy)
    np.testing.assert_allclose(found, scores[np.arange(3), place(sequences, greedy)], atol=1e-5)
    assert (scores.max(axis=1) > np.asarray(found) + 1e-3).any(), "a case in which it matters"


def test_a_number_of_beams_that_makes_no_sense_is_refused(case):
    with pytest.raises(ValueError, match="num_beams: expected at least 1, got 0"):
        beam_search(case[0], case[1], SOURCE, TANH, **OPTIONS, num_beams=0)
