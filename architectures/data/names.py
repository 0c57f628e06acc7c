"""Names of places, languages, scripts, currencies and time zones in many languages, from Unicode's CLDR."""

from functools import cache
from typing import NamedTuple

import numpy as np
from babel import Locale
from sklearn.model_selection import train_test_split

from architectures.data.codec import Codec
from architectures.examples import Split, labelled, translated

LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt", "sv", "pl", "cs", "fi", "tr")
LENGTH = 40
"""Maximum number of characters of a name; the few longer names are left out."""
_SPLIT_SEED = 0

Key = tuple[str, str]
"""The thing that is named: its kind and its code, which are the same in all languages."""


@cache
def names(language: str) -> dict[Key, str]:
    """The names in one language, up to `LENGTH` characters long, by the thing that is named.

    References:
      Unicode Common Locale Data Repository, as packaged by Babel.
    """
    locale = Locale.parse(language)
    tables = {
        "territory": locale.territories,
        "language": locale.languages,
        "currency": locale.currencies,
        "script": locale.scripts,
        "variant": locale.variants,
        "city": {code: zone.get("city") for code, zone in locale.time_zones.items()},
        "zone": {code: zone.get("long", {}).get("generic") for code, zone in locale.meta_zones.items()},
        "standard zone": {code: zone.get("long", {}).get("standard") for code, zone in locale.meta_zones.items()},
    }
    return {
        (kind, code): str(name)
        for kind, table in tables.items()
        for code, name in table.items()
        if name and len(name) <= LENGTH
    }


@cache
def key_parts() -> tuple[tuple[Key, ...], tuple[Key, ...], tuple[Key, ...]]:
    """All things with a name in some language, in three parts of 70 %, 15 % and 15 %.

    The split is over things, for all languages together, so that no thing of the test part is seen in training in
    another language.
    """
    keys = sorted(set().union(*(names(language) for language in LANGUAGES)))
    train, rest = train_test_split(keys, train_size=0.7, random_state=_SPLIT_SEED)
    validation, test = train_test_split(rest, train_size=0.5, random_state=_SPLIT_SEED)
    return tuple(train), tuple(validation), tuple(test)


@cache
def name_codec() -> Codec:
    """A codec for the characters in the training names, in all languages."""
    train = key_parts()[0]
    return Codec.of(names(language)[key] for language in LANGUAGES for key in train if key in names(language))


class Labelled(NamedTuple):
    """Names and the language of each."""

    texts: list[str]
    """The names."""
    labels: np.ndarray
    """Index into `LANGUAGES`."""


@cache
def name_parts() -> tuple[Labelled, Labelled, Labelled]:
    """Names with their language, in the three parts of `key_parts`.

    A spelling that several languages share has no unique label, so it is left out. A spelling that already occurs in an
    earlier part, for another thing, is left out as well.
    """
    languages_of: dict[str, set[str]] = {}
    for language in LANGUAGES:
        for name in names(language).values():
            languages_of.setdefault(name, set()).add(language)
    seen: set[str] = set()
    parts = []
    for keys in key_parts():
        texts, labels = [], []
        for label, language in enumerate(LANGUAGES):
            known = names(language)
            for name in dict.fromkeys(known[key] for key in keys if key in known):
                if len(languages_of[name]) == 1 and name not in seen:
                    texts.append(name)
                    labels.append(label)
        seen.update(texts)
        parts.append(Labelled(texts, np.array(labels, np.int32)))
    return parts[0], parts[1], parts[2]


@cache
def name_languages() -> Split:
    """`name_parts` as examples: tokens of shape [n, 40] and the language."""
    codec = name_codec()
    return Split(*(labelled(codec.rows(part.texts, LENGTH), part.labels) for part in name_parts()))


class Pairs(NamedTuple):
    """Texts and their translations to another language or form."""

    sources: list[str]
    """Texts to be translated."""
    targets: list[str]
    """Translations of the texts."""


@cache
def name_pairs(source: str = "en", target: str = "de") -> tuple[Pairs, Pairs, Pairs]:
    """Names of the same things in two languages, in the three parts of `key_parts`."""
    first, second = names(source), names(target)
    parts = []
    for keys in key_parts():
        pairs = dict.fromkeys((first[key], second[key]) for key in keys if key in first and key in second)
        parts.append(Pairs([a for a, _ in pairs], [b for _, b in pairs]))
    return parts[0], parts[1], parts[2]


@cache
def name_translations(source: str = "en", target: str = "de") -> Split:
    """`name_pairs` as examples: sources of shape [n, 40], and targets of shape [n, 41].

    The target has up to 40 characters. As an input it has the start token; as an answer it has the end token.
    """
    codec = name_codec()
    return Split(
        *(
            translated(codec.rows(part.sources, LENGTH), codec.rows(part.targets, LENGTH + 2, with_ends=True))
            for part in name_pairs(source, target)
        )
    )
