"""Dates in words and their ISO form: an exact translation task of any size."""

from datetime import date, timedelta
from functools import cache

import numpy as np
from babel.dates import format_date

from architectures.data.codec import Codec
from architectures.data.names import Pairs
from architectures.examples import Split, translated

FORMATS = ("full", "long", "medium", "d MMMM y", "EEEE d MMMM y", "MMM d, y", "dd.MM.y", "MMMM d, y")
"""Date formats of Babel; each gives day, month and year unambiguously."""
_ISO_LENGTH = 10
_FIRST, _LAST = date(1900, 1, 1), date(2099, 12, 31)
_SIZES = 8000, 750, 750
_SEED = 0


@cache
def date_pairs(language: str = "en") -> tuple[Pairs, Pairs, Pairs]:
    """Days from 1900 to 2099, in words and as ``YYYY-MM-DD``, in parts of 8000, 750 and 750 that share no day.

    Args:
      language: Language of the words, as a Babel locale.
    """
    rng = np.random.default_rng(_SEED)
    days = rng.permutation((_LAST - _FIRST).days + 1)[: sum(_SIZES)]
    formats = rng.integers(len(FORMATS), size=len(days))
    dates = [_FIRST + timedelta(days=int(day)) for day in days]
    texts = [format_date(day, FORMATS[which], locale=language) for day, which in zip(dates, formats, strict=True)]
    isos = [day.isoformat() for day in dates]
    ends = np.cumsum((0, *_SIZES))
    return tuple(Pairs(texts[a:b], isos[a:b]) for a, b in zip(ends, ends[1:], strict=False))  # pyright: ignore


@cache
def date_codec(language: str = "en") -> Codec:
    """A codec for the characters in the training dates, in words and in ISO form."""
    train = date_pairs(language)[0]
    return Codec.of(train.sources + train.targets)


@cache
def date_translations(language: str = "en") -> Split:
    """`date_pairs` as examples: sources of shape [n, longest], and ISO targets of shape [n, 11].

    The input of the ISO form has the start token; its target has the end token.
    """
    codec, parts = date_codec(language), date_pairs(language)
    longest = max(len(text) for part in parts for text in part.sources)
    return Split(
        *(
            translated(codec.rows(part.sources, longest), codec.rows(part.targets, _ISO_LENGTH + 2, with_ends=True))
            for part in parts
        )
    )
