"""The page says what the study holds, needs nothing else, and takes a user's text for text."""

import ast
import json
import re
from html.parser import HTMLParser

import numpy as np
import plotly.graph_objects
import pytest

import jbo
from jbo.diagnostics import health, view_model
from jbo.report import write_report
from tests.study.measured import made

from .conftest import EVIL, SPACE


class Page(HTMLParser):
    """Elements with their attributes and texts."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        element = {"tag": tag, "text": "", **dict(attributes)}
        self.elements.append(element)
        if tag not in ("meta", "input", "br"):
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag, "each element is closed"

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def all(self, tag, **attributes):
        return [e for e in self.elements if e["tag"] == tag and all(e.get(k) == v for k, v in attributes.items())]


@pytest.fixture(scope="module")
def page(written):
    return Page(written.read_text())


@pytest.fixture(scope="module")
def charts(page):
    return charts_of(page)


def charts_of(page):
    return {e["data-chart"]: json.loads(e["data-jbo-figure"]) for e in page.elements if "data-jbo-figure" in e}


@pytest.mark.thorough
def test_it_needs_nothing_but_itself(page):
    assert not page.open
    assert len(page.all("script")) == 2 and not any("src" in script for script in page.all("script"))
    assert not page.all("link") and not page.all("img") and not page.all("iframe")
    (policy,) = [m for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policy["content"].startswith("default-src 'none'")
    assert any(m.get("name") == "viewport" for m in page.all("meta")), "readable on a phone"
    assert (
        "prefers-color-scheme: dark" in page.all("style")[0]["text"] and "@media print" in page.all("style")[0]["text"]
    )


def test_a_users_text_stays_text(written, page, charts):
    text = written.read_text()
    assert EVIL not in text and "</script><b>" not in text
    heads = [head["text"] for head in page.all("th", scope="col")]
    assert EVIL in heads and "units \"&'" in heads
    assert page.all("h1")[0]["text"] == "a & <b>.db"
    assert charts["slice0"]["layout"]["xaxis"]["title"]["text"] == EVIL.replace("<", "&lt;").replace(">", "&gt;")
    raw = re.findall(r"data-jbo-figure='(.*?)'></div>", text, re.DOTALL)
    assert len(raw) == len(charts) and not set("".join(raw)) & set("<>'"), "nothing in it can end the attribute"


def test_the_table_has_every_trial(page, snapshot):
    body = [row for row in page.all("tr") if row.get("class") in ("ok", "failed", "pending")]
    assert [row["class"] for row in body] == [trial.status for trial in snapshot.trials]
    orders = [cell["data-order"] for cell in page.all("td") if "data-order" in cell]
    values = [trial.value for trial in snapshot.trials if trial.value is not None]
    assert {repr(value) for value in values} <= set(orders), "sorted by all digits"


def test_configurations_can_be_copied(page, snapshot):
    python = next(pre["text"] for pre in page.all("pre") if pre.get("id") == "best-Python")
    assert ast.literal_eval(python.removeprefix("config = ")) == snapshot.best.config
    recommended = view_model(snapshot).recommended
    text = next(pre["text"] for pre in page.all("pre") if pre.get("id") == "recommended-JSON")
    assert SPACE.config_from_json(json.loads(text)) == recommended.config
    assert {b["data-copy"] for b in page.all("button") if "data-copy" in b} == {
        f"{which}-{kind}" for which in ("best", "recommended") for kind in ("Python", "JSON")
    }


def test_it_is_light(written):
    assert written.stat().st_size < 300_000, "it was 5,000,000 with plotly.js in it"


def test_the_charts_are_plotlys_and_show_the_trials(charts, snapshot):
    for chart in charts.values():
        plotly.graph_objects.Figure(chart)  # refuses names and values that are none
    trial, best, failed = charts["trajectory"]["data"]
    succeeded = [t for t in snapshot.trials if t.value is not None]
    assert (trial["x"], trial["y"]) == ([t.number for t in succeeded], [t.value for t in succeeded])
    assert failed["x"] == [t.number for t in snapshot.trials if t.status == "failed"]
    values = [np.nan if t.value is None else t.value for t in snapshot.trials if t.status != "pending"]
    np.testing.assert_array_equal(np.array(best["y"], float), np.fmax.accumulate(values))
    total, alone = charts["importance"]["data"]
    assert total["y"][-1] == EVIL.replace("<", "&lt;").replace(">", "&gt;") and total["x"][-1] == max(total["x"]) > 0.5
    recommended, view = view_model(snapshot).recommended, view_model(snapshot)
    low, high, median, trials, star = charts["slice0"]["data"]
    assert star["x"] == [recommended.config[EVIL]] and star["y"] == [recommended.value]
    assert charts["slice0"]["layout"]["xaxis"]["type"] == "log" and (median["x"][0], median["x"][-1]) == (1e-4, 1.0)
    x = np.tile(view.encode([recommended.config]), (128, 1))
    x[:, 0] = np.linspace(0, 1, 128)
    np.testing.assert_allclose(median["y"], view.interval(x).middle, rtol=1e-9)
    assert charts["slice2"]["layout"]["xaxis"]["ticktext"] == ["a", "&lt;/script&gt;&lt;b&gt;", "c"]
    assert len([name for name in charts if name.startswith("slice")]) == len(recommended.config)
    assert len([name for name in charts if name.startswith("pair")]) == 3


def test_the_timeline_has_every_trial_at_its_time(charts, snapshot):
    traces = charts["timeline"]["data"]
    assert [trace["name"] for trace in traces] == ["ok", "failed", "pending"]
    bars = {}
    for trace in traces:
        for base, length, text in zip(trace["base"], trace["x"], trace["hovertext"], strict=True):
            bars[int(re.match(r"<b>trial (\d+)", text)[1])] = (trace["name"], base, base + length)
    begin = min(t.started_at for t in snapshot.trials)
    end = max(t.ended_at or t.started_at for t in snapshot.trials)
    for t in snapshot.trials:
        assert bars[t.number] == pytest.approx((t.status, t.started_at - begin, (t.ended_at or end) - begin), abs=1e-6)
    assert len(bars) == len(snapshot.trials)


def test_health_failures_and_numbers_are_said(page, snapshot):
    text = " ".join(section["text"] for section in page.all("section"))
    found = health(snapshot)
    assert f"{found.model.rmse:.3g}" in text and f"{found.constant.rmse:.3g}" in text
    assert [item["text"] for item in page.all("li")] == found.findings and found.findings
    (summary,) = page.all("summary")
    failed = [trial for trial in snapshot.trials if trial.status == "failed"]
    assert summary["text"] == f"{len(failed)} × MemoryError: </script>{EVIL}"
    cards = dict(zip([e["text"] for e in page.all("dt")], [e["text"] for e in page.all("dd")], strict=True))
    assert cards["best value"] == f"{snapshot.best.value:.6g}" and cards["failed"] == str(len(failed))
    assert (cards["running"], cards["goal"], cards["model"]) == ("1", "maximize", "jbo's default")


def test_a_young_study_has_a_page_too(tmp_path):
    with jbo.Study(jbo.Space(x=jbo.Real(0, 1)), seed=0) as study:
        empty = Page(write_report(study, tmp_path / "r.html").read_text())
        assert any("No trial has succeeded" in e["text"] for e in empty.all("p"))
        study.tell({"x": 0.5}, failed="no")
        study.tell({"x": 0.25}, 3.0)
        young = Page(write_report(study, tmp_path / "r.html").read_text())
        assert any("The model says nothing yet: study: expected at least three" in e["text"] for e in young.all("p"))
        with pytest.raises(OSError, match="nowhere"):
            write_report(study, tmp_path / "nowhere" / "r.html")
        assert list(charts_of(young)) == ["trajectory", "timeline"]
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"], "no draft is left"
    assert re.search("<title>Study in memory: report</title>", (tmp_path / "r.html").read_text())


def test_a_page_without_a_feasible_trial_says_so(tmp_path):
    space = jbo.Space(x=jbo.Real(0, 1))
    outcomes = [jbo.Minimize("loss"), jbo.AtMost("size", 1.0)]
    with jbo.Study(space, strategy=jbo.random_search(space), outcomes=outcomes, seed=0) as study:
        study.tell({"x": 0.5}, {"loss": 1.0, "size": 2.0})
        study.abandon(study.ask())
        shown = Page(write_report(study, tmp_path / "r.html").read_text())
    words = "None of the 1 trials that succeeded meets all limits (1 break AtMost(name='size', limit=1.0))."
    assert [e["text"] for e in shown.all("p")][0] == words
    assert "abandoned" in [e["text"] for e in shown.all("option")]


def test_learning_curves_are_on_the_page(tmp_path):
    space = jbo.Space(x=jbo.Real(0.0, 1.0))
    with jbo.Study(space, strategy=jbo.random_search(space), seed=0) as study:
        study.optimize(lambda config, report: report(1, float("nan")) + report(3, 0.5) + 0.25, 1)
        trial = study.ask()
        study.report(trial, 1, 2.0)
        study.tell(trial, stopped=True)
        write_report(study, tmp_path / "page.html")
    page = Page((tmp_path / "page.html").read_text())
    other, best = charts_of(page)["curves"]["data"]
    assert (other["x"], other["y"], other["name"]) == ([1], [2.0], "trial 1")
    assert (best["x"], best["y"], best["name"]) == ([1, 3], [None, 0.5], "best")
    assert page.all("div", **{"data-chart": "curves"}) and page.all("tr", **{"class": "stopped"})
    assert any("stopped early" in each["text"] for each in page.all("dl"))


def test_a_study_of_several_objectives_has_a_front_in_place_of_a_best_trial(tmp_path):
    with made() as study:
        told = {"loss": 1.0, "score": 1.0, "memory": 9.0, "speed": 2.0}
        few = jbo.Study(study.space, outcomes=study.outcomes, seed=0)
        few.tell({"x": 0.1}, told | {"memory": 2.0})
        few.tell({"x": 0.2}, told)
        page = Page(write_report(few, tmp_path / "few.html").read_text())
    headings = [element["text"] for element in page.all("h2")]
    assert headings == [
        "Front", "Hypervolume", "Limits", "Model of loss", "Model of score", "Timeline", "Failures", "Trials",
    ]  # fmt: skip
    assert {"pareto", "hypervolume", "limits"} <= charts_of(page).keys()
    cards = dict(zip(*([e["text"] for e in page.all(tag)] for tag in ("dt", "dd")), strict=True))
    assert (cards["trials in the front"], cards["hypervolume"]) == ("1", "9")
    assert cards["goal"] == "minimize loss, maximize score" and "best value" not in cards
    (front, trials) = page.all("tbody")[0], page.all("tbody")[-1]
    assert front["text"].startswith("0112") and '{"x": 0.1}' in front["text"]
    heads = [element["text"] for element in page.all("button") if element.get("type") == "button"]
    assert ["loss", "score", "memory", "speed", "feasible", "seconds"] == heads[heads.index("loss") :][:6]
    assert "yes" in trials["text"] and "no" in trials["text"]
    assert any("Trial 1 is infeasible: memory is 9" in element["text"] for element in page.all("li"))


@pytest.mark.thorough
def test_each_objective_has_its_model(tmp_path):
    with made() as study:
        page = Page(write_report(study, tmp_path / "study.html").read_text())
    headings = [element["text"] for element in page.all("h2")]
    for name in ("loss", "score"):
        for part in ("Health of the model of", "Importance for", "Slices of"):
            assert f"{part} {name}" in headings


def test_limits_of_one_objective_stand_on_the_page(tmp_path):
    with jbo.Study(
        jbo.Space(x=jbo.Real(0, 1)), outcomes=[jbo.Minimize("loss"), jbo.AtMost("<m>", 8.0)], seed=0
    ) as study:
        study.tell({"x": 0.1}, {"loss": 1.0, "<m>": 9.0})
        study.tell({"x": 0.2}, {"loss": 2.0, "<m>": 7.0})
        page = Page(write_report(study, tmp_path / "study.html").read_text())
    assert "limits" in charts_of(page)
    assert any(e["text"].startswith("Trial 0 is infeasible: <m> is 9, above") for e in page.all("li"))
