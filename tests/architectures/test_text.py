"""The documentation: every character asked for once, and nothing of a part shown in another."""

from pydoc_data.topics import topics

import numpy as np
import pytest

from architectures.data.text import characters, documentation, windows


def test_the_parts_are_all_topics_each_in_one():
    text = documentation()
    parts = text.train, text.validation, text.test
    homes = [[topic in part for part in parts] for topic in set(topics.values())]
    assert all(sum(home) == 1 for home in homes if sum(home) != 0) and all(map(any, homes))
    total = sum(map(len, parts))
    assert total > 300_000 and 0.7 < len(text.train) / total < 0.9 and min(map(len, parts)) > 0.04 * total


def test_windows_ask_for_every_character_but_the_first_once():
    tokens = np.arange(4, 4 + 103, dtype=np.int32)
    cut = windows(tokens, 10)
    assert cut.shape == (10, 11)
    np.testing.assert_array_equal(cut[:, 1:].reshape(-1), tokens[1:101])
    np.testing.assert_array_equal(cut[:, 0], tokens[:100:10])
    with pytest.raises(ValueError, match="expected more than 10 for one window, got 10"):
        windows(tokens[:10], 10)


def test_examples_are_the_text_and_what_follows():
    text, parts = documentation(), characters()
    for part, original, width in zip(parts, (text.train, text.validation, text.test), (64, 256, 256), strict=True):
        assert part.inputs.shape == part.targets.shape == (len(part.inputs), width)
        start = text.codec.decode(part.inputs[0])
        assert original.startswith(start) or "\N{REPLACEMENT CHARACTER}" in start
        assert text.codec.decode(part.targets[0]) == original[1 : width + 1]
        np.testing.assert_array_equal(part.weights, 1)
