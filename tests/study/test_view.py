"""What a notebook shows of a study and of a trial, at every stage of a search."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

import jbo
from jbo.outcomes import unnamed
from jbo.study.view import of_study

EVIL = "<script>hacked=1</script>"
SPACE = jbo.Space(
    {"x": jbo.Real(0.0, 1.0), EVIL: jbo.Categorical("a", "<b>"), "tail": jbo.Real(0, 1, when=(EVIL, "a"))}
)


class Card(HTMLParser):
    def __init__(self, view):
        super().__init__()
        self.rows, self.text, self.tags = [], "", set()
        self.feed(view._repr_html_())

    def handle_starttag(self, tag, attributes):
        assert all(name == "class" for name, _ in attributes), "nothing is named twice on a page"
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        self.text += data
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


@pytest.fixture
def study():
    with jbo.Study(SPACE, strategy=jbo.random_search(SPACE), maximize=True, seed=0) as study:
        yield study


def config(x, kind="<b>"):
    return {"x": x, EVIL: kind} | ({"tail": 0.5} if kind == "a" else {})


def test_a_study_without_trials(study):
    card = Card(study)
    assert "Study in memory" in card.text and "goal maximize · seed 0 · trials none" in card.text
    assert card.rows == [] and "best" not in card.text.replace(".jbo", "")


def test_the_best_ten_come_first(study):
    values = np.random.default_rng(0).permutation(25)
    for value in values:
        study.tell(config(value / 25, "a" if value % 2 else "<b>"), float(value))
    study.ask()
    card = Card(study)
    assert card.rows[0] == ["trial", "status", "value", "x", EVIL, "tail"]
    assert [row[2] for row in card.rows[1:]] == [str(v) for v in range(24, 14, -1)]
    assert card.rows[1][:1] == [str(int(values.argmax()))] and card.rows[1][3:] == ["0.96", "<b>", "–"]
    assert "trials 25 ok, 1 pending · best 24" in card.text
    assert "the best 10 of 25 trials" in card.text and card.tags <= {
        *"p b div style table thead tbody tr th td".split()
    }


def test_a_study_that_only_failed(study):
    for x in (0.1, 0.2):
        study.tell(config(x), failed=f"Traceback\n  File y\nMemoryError: {EVIL}")
    pending = study.ask()
    card = Card(study)
    assert [row[1] for row in card.rows[1:]] == ["failed", "failed", "pending"]
    assert f"of trial 1: MemoryError: {EVIL}" in card.text and "No trial has succeeded yet" in card.text
    assert pending.status == "pending" and "status pending" in Card(pending).text


def test_a_closed_study_shows_what_it_knew(tmp_path):
    path = tmp_path / "a & <b>.db"
    with jbo.Study(SPACE, seed=0, path=path) as study:
        study.tell(config(0.5), 2.0)
    card = Card(study)
    assert f"Study {path} (closed)" in card.text and card.rows[1][2] == "2"


def test_ten_thousand_trials_are_a_small_card():
    trials = [
        jbo.Trial(i, {"x": i / 10_000, EVIL: "<b>"}, "ok", float((i * 7919) % 10_000), 0.0, 1.0, None, study_id="made")
        for i in range(10_000)
    ]
    text = of_study(SPACE, trials, unnamed(), seed=0, path=None, is_open=True)
    assert len(text) < 4000 and "the best 10 of 10,000 trials" in text
    assert re.findall(r"<td>ok</td><td>(\d+)</td>", text) == [str(i) for i in range(10)]


def test_a_trial_of_each_status(study):
    done = study.tell(study.ask(), 0.123456789, cost=3.0, noise=0.5)
    assert repr(done) == f"<Trial 0: ok, value 0.123457, {done.config!r}>"
    card = Card(done)
    assert "Trial 0" in card.text and "status ok · value 0.123457 · noise 0.5 · cost 3" in card.text
    assert card.rows[1] == ["x", str(done.config["x"])]

    failed = study.tell(config(0.5), failed=f"Traceback\n  File y\nValueError: {EVIL}\n")
    assert repr(failed) == f"<Trial 1: failed (ValueError: {EVIL}), {failed.config!r}>"
    assert f"ValueError: {EVIL}" in Card(failed).text and "script" not in Card(failed).tags

    stopped = study.ask()
    assert repr(stopped) == f"<Trial 2: pending, {stopped.config!r}>"
    study.report(stopped, 0, 1.0)
    study.report(stopped, 4, 2.5)
    stopped = study.tell(stopped, stopped=True)
    assert repr(stopped).startswith("<Trial 2: stopped, last value 2.5, {")
    assert "2 intermediate values, the last 2.5 at step 4." in Card(stopped).text


def test_a_trial_in_a_line_is_short():
    trial = jbo.Trial(0, {f"name{i}": i for i in range(100)}, "failed", None, 0.0, 1.0, "", study_id="made")
    assert len(repr(trial)) < 300 and "no reason was told" in repr(trial) and "\n" not in repr(trial)
    assert re.search("… 50 more", trial._repr_html_())
