"""English prose for text generation: the documentation in Python's standard library."""

from functools import cache
from pydoc_data.topics import topics
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32

from architectures.data.codec import Codec
from architectures.examples import Split, continued

_SPLIT_SEED = 0
_TRAIN_WINDOW, _JUDGED_WINDOW = 64, 256  # characters; evaluation sees a longer context, as in use


class Text(NamedTuple):
    """A text in three parts, with its codec."""

    codec: Codec
    """Codec of the characters of the training part."""
    train: str
    """Training part."""
    validation: str
    """Part by which a search compares configurations."""
    test: str
    """Part to be used once, at the end."""


@cache
def documentation() -> Text:
    """The topics of Python's help, about 465,000 characters, in parts of about 80 %, 10 % and 10 %.

    Each topic is entirely in one part, and topics with equal texts count as one, so no text is in two parts. The topics
    depend on the version of Python.
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
    """The text cut into consecutive windows of ``width`` predictions; an incomplete window at the end is dropped.

    Each window begins with the last token of the previous window, so every token except the first is predicted once.
    """
    num = (len(tokens) - 1) // width
    if num < 1:
        raise ValueError(f"tokens: expected more than {width} for one window, got {len(tokens)}")
    starts = np.arange(num)[:, None] * width
    return tokens[starts + np.arange(width + 1)]  # [n, 1] + [width + 1] -> [n, width + 1]


@cache
def characters() -> Split:
    """`documentation` as examples of the next character, in windows of 64 for training and of 256 for evaluation."""
    text = documentation()
    widths = _TRAIN_WINDOW, _JUDGED_WINDOW, _JUDGED_WINDOW
    parts = text.train, text.validation, text.test
    return Split(
        *(continued(windows(text.codec.encode(part), width)) for part, width in zip(parts, widths, strict=True))
    )
