"""English prose to continue: the documentation that Python's standard library carries."""

from functools import cache
from pydoc_data.topics import topics
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32

from architectures.data.codec import Codec
from architectures.examples import Split, continued

_SPLIT_SEED = 0
_TRAIN_WINDOW, _JUDGED_WINDOW = 64, 256  # characters; judged with more of the past, as a text has it


class Text(NamedTuple):
    """A text in characters, in three parts."""

    codec: Codec
    """Of the characters of the part to learn from."""
    train: str
    """To learn from."""
    validation: str
    """By which a search compares configurations."""
    test: str
    """To be looked at once, at the end."""


@cache
def documentation() -> Text:
    """The topics of Python's help, about 465,000 characters, of which a part has about 80, 10 and 10 in 100.

    A topic is in one part as a whole, and topics with the same text count as one, so nothing of a text is shown before
    it is asked for. Which topics there are depends on the version of Python.
    """
    distinct = sorted(set(topics.values()))
    shuffled = [distinct[index] for index in np.random.default_rng(_SPLIT_SEED).permutation(len(distinct))]
    lengths = np.cumsum([len(topic) for topic in shuffled])
    first, second = np.searchsorted(lengths, lengths[-1] * np.array([0.8, 0.9]))
    train, validation, test = (
        "\n\n".join(part) for part in (shuffled[:first], shuffled[first:second], shuffled[second:])
    )
    return Text(Codec.of([train]), train, validation, test)


def windows(tokens: Int32[np.ndarray, " t"], width: int) -> Int32[np.ndarray, "n width_plus_1"]:
    """The text cut into pieces of ``width`` predictions, one after another; what is left at the end is dropped.

    Each piece begins with the last token of the one before, so every token but the first is asked for once.
    """
    num = (len(tokens) - 1) // width
    if num < 1:
        raise ValueError(f"tokens: expected more than {width} for one window, got {len(tokens)}")
    starts = np.arange(num)[:, None] * width
    return tokens[starts + np.arange(width + 1)]  # [n, 1] + [width + 1] -> [n, width + 1]


@cache
def characters() -> Split:
    """`documentation` as examples of the next character: windows of 64 to learn from, of 256 to be judged on."""
    text = documentation()
    widths = _TRAIN_WINDOW, _JUDGED_WINDOW, _JUDGED_WINDOW
    parts = text.train, text.validation, text.test
    return Split(
        *(continued(windows(text.codec.encode(part), width)) for part, width in zip(parts, widths, strict=True))
    )
