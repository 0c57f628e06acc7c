"""Names: real, in the right language, and no thing in two parts."""

import numpy as np
import pytest

from architectures.data.names import (
    LANGUAGES,
    key_parts,
    name_codec,
    name_languages,
    name_pairs,
    name_parts,
    name_translations,
    names,
)


def test_names_are_those_one_knows():
    known = {"en": "Germany", "de": "Deutschland", "fr": "Allemagne", "es": "Alemania", "fi": "Saksa", "tr": "Almanya"}
    for language, name in known.items():
        assert names(language)["territory", "DE"] == name
    assert names("de")["language", "fr"] == "Französisch" and names("de")["currency", "JPY"] == "Japanischer Yen"
    assert all(1200 < len(names(language)) < 2100 for language in LANGUAGES)


def test_what_is_named_is_in_one_part_over_all_languages():
    train, validation, test = map(set, key_parts())
    assert not train & validation and not train & test and not validation & test
    assert train | validation | test == set().union(*(names(language) for language in LANGUAGES))


def test_a_name_to_be_told_has_one_language_and_is_in_one_part():
    parts = name_parts()
    texts = [set(part.texts) for part in parts]
    assert not texts[0] & texts[1] and not texts[0] & texts[2] and not texts[1] & texts[2]
    everywhere = {language: set(names(language).values()) for language in LANGUAGES}
    for part in parts:
        assert set(part.labels) == set(range(len(LANGUAGES))) and len(set(part.texts)) == len(part.texts)
        for text, label in zip(part.texts[::50], part.labels[::50], strict=True):
            assert [language for language in LANGUAGES if text in everywhere[language]] == [LANGUAGES[label]]


def test_examples_of_languages_are_the_names():
    for part, examples in zip(name_parts(), name_languages(), strict=True):
        assert examples.inputs.shape == (len(part.texts), 40)
        np.testing.assert_array_equal(examples.targets, part.labels)
        unknown = "\N{REPLACEMENT CHARACTER}"
        for text, row in list(zip(part.texts, examples.inputs, strict=True))[::100]:
            read = name_codec().decode(row)
            assert len(read) == len(text) and all(a in (b, unknown) for a, b in zip(read, text, strict=True))


@pytest.mark.parametrize("target", ["de", "fr", "es"])
def test_pairs_name_the_same_thing_and_their_examples_are_shifted_by_one(target):
    parts, train_keys = name_pairs("en", target), key_parts()[0]
    assert sum(len(part.sources) for part in parts) > 1200
    together = set(zip(parts[0].sources, parts[0].targets, strict=True))
    expected = {
        (names("en")[key], names(target)[key]) for key in train_keys if key in names("en") and key in names(target)
    }
    assert together == expected
    (source, shown), following, weights = name_translations("en", target).train
    codec = name_codec()
    for row in range(0, len(source), 100):
        assert codec.decode(source[row]) == parts[0].sources[row]
        assert codec.decode(shown[row]) == codec.decode(following[row]) == parts[0].targets[row]
        assert weights[row].sum() == len(parts[0].targets[row]) + 1  # the end is to be told, too
        np.testing.assert_array_equal(shown[row, 1:] * weights[row, 1:], following[row, :-1] * weights[row, 1:])
