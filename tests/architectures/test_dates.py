"""Dates: the words say the same day as the ISO form, and no day is in two parts."""

from datetime import date

import pytest
from babel.dates import format_date

from architectures.data.dates import FORMATS, date_codec, date_pairs, date_translations


@pytest.mark.parametrize("language", ["en", "de", "fr"])
def test_the_words_are_those_of_the_day(language):
    for part in date_pairs(language):
        for source, target in list(zip(part.sources, part.targets, strict=True))[::40]:
            day = date.fromisoformat(target)
            assert source in {format_date(day, form, locale=language) for form in FORMATS}
            assert str(day.year) in source


def test_all_forms_occur_and_no_day_is_in_two_parts():
    parts = date_pairs()
    days = [set(part.targets) for part in parts]
    assert [len(each) for each in days] == [len(part.targets) for part in parts] == [8000, 750, 750]
    assert not days[0] & days[1] and not days[0] & days[2] and not days[1] & days[2]
    assert any(source.startswith("Monday, ") for source in parts[0].sources)
    assert any(source[2] == "." for source in parts[0].sources)


def test_examples_are_the_dates():
    codec = date_codec()
    for part, ((source, shown), following, weights) in zip(date_pairs(), date_translations(), strict=True):
        assert shown.shape == following.shape == weights.shape == (len(part.sources), 11) and (weights == 1).all()
        for row in range(0, len(source), 50):
            assert codec.decode(source[row]) == part.sources[row]
            assert codec.decode(following[row]) == codec.decode(shown[row]) == part.targets[row]
