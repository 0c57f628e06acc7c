"""What a notebook shows of a space: each definition in words, a user's text as text."""

from html.parser import HTMLParser

import pytest

import jbo

EVIL = "<script>hacked=1</script>"


class Card(HTMLParser):
    """Rows of cells, all text, and the names of all elements."""

    def __init__(self, view):
        super().__init__()
        self.rows, self.text, self.tags, self.attributes = [], "", set(), []
        self._is_style = False
        self.feed(view._repr_html_())

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes += attributes
        self._is_style = tag == "style"
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        self._is_style = False

    def handle_data(self, data):
        if self._is_style:
            assert "color-scheme" not in data and "#" not in data, "colours are the notebook's"
            return
        self.text += data
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def test_each_kind_in_words():
    space = jbo.Space(
        jbo.Simplex("w1", "w2"),
        rate=jbo.Real(1e-5, 0.1, log=True),
        angle=jbo.Real(0, 360, period=360, step=45),
        depth=jbo.Integer(2, 8, step=2, monotone="increasing"),
        batch=jbo.Ordinal(32, 64, 128),
        kind=jbo.Categorical("sgd", 1, 1.0, None),
        momentum=jbo.Real(0, 0.9, when=("kind", ["sgd", None])),
        tail=jbo.Integer(1, 3, when=("momentum", jbo.between(0.5, 0.9))),
    )
    rows = {name: rest for name, *rest in Card(space.fix({"batch": 64})).rows}
    assert rows == {
        "parameter": ["kind", "values", "exists where"],
        "w1": ["Share", "0 to 1; w1, w2 sum to 1", ""],
        "w2": ["Share", "0 to 1; w1, w2 sum to 1", ""],
        "rate": ["Real", "1e-05 to 0.1, log", ""],
        "angle": ["Real", "0 to 360, in steps of 45, period 360", ""],
        "depth": ["Integer", "2 to 8, in steps of 2, objective increasing", ""],
        "batch": ["Ordinal", "fixed at 64", ""],
        "kind": ["Categorical", "sgd, 1, 1.0, None", ""],
        "momentum": ["Real", "0 to 0.9", "kind is sgd or None"],
        "tail": ["Integer", "1 to 3", "momentum is from 0.5 to 0.9"],
    }


def test_facts_and_long_spaces():
    def small_enough(config):
        return config["x0"] < 0.5

    card = Card(jbo.Space({f"x{i}": jbo.Real(0, 1) for i in range(70)}, constraint=small_enough))
    assert "parameters 70 · constraint small_enough" in card.text and "… 20 more" in card.text
    assert card.rows[0] == ["parameter", "kind", "values"] and len(card.rows) == 51
    listed = Card(jbo.Space.from_candidates([{"x": 1.0}, {"x": 2.0}, {"x": 2.5}]))
    assert "candidates 3" in listed.text
    many = Card(jbo.Space(c=jbo.Categorical(*(f"choice {i}" for i in range(500)))))
    assert len(many.text) < 600


@pytest.mark.parametrize("text", [EVIL, "<b>", "\"' onload=hacked(1) '", "a & b &lt;", "</style><img src=x>"])
def test_a_users_text_stays_text(text):
    space = jbo.Space({text: jbo.Categorical(text, "b"), "y": jbo.Real(0, 1, when=(text, text))})
    card = Card(space)
    assert card.rows[1] == [text, "Categorical", f"{text}, b", ""] and card.rows[2][3] == f"{text} is {text}"
    assert card.tags == {"div", "style", "p", "b", "table", "thead", "tbody", "tr", "th", "td"}
    assert {name for name, _ in card.attributes} == {"class"}, "no id, no link, no handler"
