"""Characters to tokens and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from architectures.data.codec import END, START, UNKNOWN, Codec
from architectures.data.dates import date_codec
from architectures.data.names import name_codec
from architectures.data.text import documentation
from architectures.examples import PAD

CODECS = {"text": lambda: documentation().codec, "names": name_codec, "dates": date_codec}


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS.keys())
@given(data=st.data())
def test_a_text_of_the_alphabet_comes_back(codec, data):
    codec = codec()
    text = data.draw(st.text(st.sampled_from(codec.alphabet), max_size=20))
    assert codec.decode(codec.encode(text)) == text
    rows = codec.rows([text, ""], 22, with_ends=True)
    assert [codec.decode(row) for row in rows] == [text, ""]
    assert rows[0, 0] == START and rows[0, len(text) + 1] == END and (rows[0, len(text) + 2 :] == PAD).all()
    assert rows.max() < codec.num_tokens


@given(st.text(max_size=20))
def test_any_text_becomes_tokens_and_what_is_unknown_is_seen(text):
    codec = Codec("abc")
    tokens = codec.encode(text)
    assert len(tokens) == len(text) and set(tokens[[c not in "abc" for c in text]]) <= {UNKNOWN}
    assert codec.decode(tokens) == "".join(c if c in "abc" else "\N{REPLACEMENT CHARACTER}" for c in text)


def test_special_tokens_are_no_characters():
    codec = Codec.of(["ba", "ac"])
    assert codec.alphabet == "abc" and codec.num_tokens == 7
    assert len({PAD, START, END, UNKNOWN, *codec.encode("abc")}) == 7
    assert codec.decode([START, *codec.encode("ab"), END, *codec.encode("c")]) == "ab"
    np.testing.assert_array_equal(codec.rows(["ab"], 3), [[4, 5, PAD]])


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="expected at most 2 tokens, got 3: 'abc'"):
        Codec("abc").rows(["abc"], 2)
    with pytest.raises(ValueError, match="expected each character once"):
        Codec("aa")
