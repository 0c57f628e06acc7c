"""The baselines by value: n-grams worked out by hand, and a text's probabilities that sum to 1."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.baselines import WittenBell
from experiments.translation import chrf, exact_match


def test_a_bigram_is_the_one_worked_out_by_hand():
    model = WittenBell("abab", 2, 3)  # a: 2, b: 2 of 4, two different; after a: b twice; after b: a once
    a = (2 + 2 / 3) / (4 + 2)
    assert model.probability("a", "") == pytest.approx(a)
    assert model.probability("c", "") == pytest.approx((0 + 2 / 3) / 6)
    assert model.probability("b", "a") == pytest.approx((2 + 1 * (2 + 2 / 3) / 6) / (2 + 1))
    assert model.probability("a", "xb") == pytest.approx((1 + 1 * a) / (1 + 1))
    assert model.probability("a", "c") == pytest.approx(a), "after what was never seen, the order below"
    expected = -(math.log2(a) + math.log2((2 + a) / 3)) / 2
    assert model.bits_per_character("ab") == pytest.approx(expected)


@given(st.text("abc", min_size=1, max_size=30), st.text("abcd", max_size=6), st.integers(1, 4))
def test_the_probabilities_after_any_history_sum_to_one(text, history, order):
    model = WittenBell(text, order, 4)
    assert sum(model.probability(character, history) for character in "abcd") == pytest.approx(1)


def test_translations_are_judged_as_the_field_does():
    assert exact_match(["ab", "cd"], ["ab", "ce"]) == 0.5
    assert chrf(["Deutschland"], ["Deutschland"]) == pytest.approx(100)
    # One character n-gram order at a time: of "ab" beside "ac" one of two characters is right, and no pair is.
    assert chrf(["ab"], ["ac"]) == pytest.approx(25, abs=1)
