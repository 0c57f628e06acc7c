"""The page in a real browser, where there is one: no error, charts that answer, a table that sorts and filters."""

import dataclasses
import html
import json
import re
import subprocess

import pytest

from jbo.plots import interactive

from .conftest import CHROMIUM, EVIL

pytestmark = [pytest.mark.browser, pytest.mark.thorough]

PROBE = """
<script>
addEventListener("load", () => setTimeout(() => {
  const seen = { errors: window.errors, hacked: window.hacked === undefined };
  const column = (i) => Array.from(document.querySelectorAll("#trials tbody tr"))
    .filter((row) => !row.hidden).map((row) => row.cells[i].textContent);
  const heads = document.querySelectorAll("#trials th");
  heads[2].click(); seen.rising = column(2);
  heads[2].click(); seen.falling = column(2);
  const status = document.getElementById("status");
  status.value = "failed"; status.dispatchEvent(new Event("change")); seen.failed = column(1);
  status.value = ""; const filter = document.getElementById("filter");
  filter.value = "<\\/SCRIPT><b>"; filter.dispatchEvent(new Event("input")); seen.filtered = column(6);
  seen.count = document.getElementById("count").textContent;
  const charts = Array.from(document.querySelectorAll("[data-jbo-figure]"));
  seen.charts = charts.map((place) => place.querySelectorAll("svg.chart").length);
  seen.wide = document.documentElement.scrollWidth - innerWidth;
  const folds = Array.from(document.querySelectorAll("details"));
  seen.open = [false, true].map((open) => [null, "beforeprint", "afterprint"].map((name) => {
    name ? dispatchEvent(new Event(name)) : folds.forEach((part) => { part.open = open; });
    return folds.length > 0 && folds.every((part) => part.open);
  }));
  seen.named = document.querySelectorAll("[data-jbo-figure] [id]").length;
  seen.drawn = charts.map((place) => place.querySelectorAll(".plot .trace > *").length);
  const chart = document.querySelector("[data-chart=trajectory]");
  chart.scrollIntoView();
  const svg = chart.querySelector("svg.chart");
  const numPoints = () => chart.querySelectorAll(".plot .point").length;
  const ticks = () => Array.from(svg.querySelectorAll("g > text"), (text) => text.textContent);
  const fire = (name, x, y, target) => (target || svg).dispatchEvent(
    new PointerEvent(name, { clientX: x, clientY: y, bubbles: true, pointerType: "mouse", button: 0 }));
  setTimeout(() => {
    const point = chart.querySelector(".plot .point").getBoundingClientRect();
    fire("pointermove", point.x + point.width / 2, point.y + point.height / 2);
    const tip = chart.querySelector(".tip");
    seen.hover = Array.from(tip.children, (line) => line.textContent);
    const [around, inside] = [chart, tip].map((part) => part.getBoundingClientRect());
    seen.tip = inside.width > 20 && inside.left >= around.left - 1 && inside.right <= around.right + 1;
    const plot = chart.querySelector(".plot").getBoundingClientRect();
    const before = ticks(), all = numPoints();
    fire("pointerdown", plot.x + 0.5 * plot.width, plot.y + 5);
    fire("pointermove", plot.x + 0.7 * plot.width, plot.y + 6);
    fire("pointerup", plot.x + 0.75 * plot.width, plot.y + 6, window);
    const close = ticks(), whole = Array.from(chart.querySelectorAll("button")).pop();
    seen.zoom = [whole.textContent, close.join() !== before.join()];
    whole.click();
    seen.zoom.push(ticks().join() === before.join());
    chart.querySelector("button").click();
    seen.hidden = [all, numPoints()];
    chart.querySelector("button").click();
    seen.hidden.push(numPoints());
  }, 300);
  setTimeout(() => {
    seen.titles = Array.from(document.querySelectorAll(".xtitle"), (text) => text.textContent);
    const out = document.createElement("output");
    out.id = "probe"; out.textContent = JSON.stringify(seen); document.body.append(out);
  }, 900);
}, 300));
</script>
"""
CATCH = """
<script>window.errors = []; addEventListener("error", (e) => errors.push(e.message));
addEventListener("securitypolicyviolation", (e) => errors.push(e.blockedURI));
console.error = (...text) => errors.push(text.join(" "));</script>
"""


def in_browser(folder, text, size):
    """What the probe of a page has seen."""
    (folder / "page.html").write_text(text)
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}",
        "--virtual-time-budget=10000", f"--window-size={size[0]},{size[1]}", "--dump-dom",
        (folder / "page.html").as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return json.loads(html.unescape(re.search(r'<output id="probe">(.*?)</output>', done.stdout, re.DOTALL)[1]))


@pytest.fixture(scope="module", params=[(1280, 900), (500, 900)], ids=["desk", "phone"])
def seen(request, written, tmp_path_factory):
    text = written.read_text().replace("<title>", f"{CATCH}<title>", 1)
    return in_browser(tmp_path_factory.mktemp("browser"), text.replace("</body>", f"{PROBE}</body>"), request.param)


NOTEBOOK = """
<script>
addEventListener("load", () => {
  const out = document.createElement("output");
  out.id = "probe";
  out.textContent = JSON.stringify({
    errors: window.errors, hacked: window.hacked === undefined,
    charts: Array.from(document.querySelectorAll("[data-jbo-figure]"), (place) => [
      place.querySelectorAll("svg.chart").length, getComputedStyle(place.querySelector(".xtitle")).fill]),
    ticks: Array.from(document.querySelectorAll("svg.chart text"), (text) => text.textContent),
    cells: Array.from(document.querySelectorAll(".jbo-card td"), (cell) => getComputedStyle(cell).color),
    wide: document.documentElement.scrollWidth - innerWidth,
  });
  document.body.append(out);
});
</script>
"""


def test_a_notebook_shows_many_views_on_one_page(snapshot, tmp_path):
    """Each output brings its script; all charts are drawn once, and all text has the colour of the page."""
    charts = [interactive.trajectory(snapshot), interactive.timeline(snapshot), interactive.trajectory(snapshot)]
    huge = [
        dataclasses.replace(snapshot.trials[0], number=i, status="ok", value=v)
        for i, v in enumerate([1.7e308, -1.7e308])
    ]
    charts.append(interactive.trajectory(dataclasses.replace(snapshot, trials=huge)))
    views = [snapshot.space, *charts, snapshot.trials[0], snapshot.best]
    body = "".join(f"<div>{view._repr_html_()}</div>" for view in views)
    page = (
        f"<!DOCTYPE html><head>{CATCH}</head><body style='background:#111;color:rgb(1, 200, 3)'>{body}{NOTEBOOK}</body>"
    )
    seen = in_browser(tmp_path, page, (700, 900))
    assert seen["errors"] == [] and seen["hacked"]
    assert seen["charts"] == [[1, "rgb(1, 200, 3)"]] * 4
    assert {"−10³⁰⁸", "0", "10³⁰⁸"} <= set(seen["ticks"]) and not any("Inf" in tick for tick in seen["ticks"])
    assert len(seen["cells"]) > 10 and set(seen["cells"]) == {"rgb(1, 200, 3)"}
    assert seen["wide"] <= 0


def test_nothing_goes_wrong_and_no_users_text_runs(seen):
    assert seen["errors"] == [] and seen["hacked"]


def test_the_table_sorts_and_filters(seen, snapshot):
    values = sorted(trial.value for trial in snapshot.trials if trial.value is not None)
    empty = ["–"] * (len(snapshot.trials) - len(values))
    assert seen["rising"] == [f"{value:.8g}" for value in values] + empty
    assert seen["falling"] == [f"{value:.8g}" for value in values[::-1]] + empty, "empty cells stay at the end"
    assert seen["failed"] == ["failed"] * sum(t.status == "failed" for t in snapshot.trials)
    kinds = [trial for trial in snapshot.trials if trial.config["kind"] == "</script><b>"]
    assert seen["filtered"] == ["</script><b>"] * len(kinds)
    assert seen["count"] == f"{len(kinds)} of {len(snapshot.trials)}"


def test_charts_are_drawn_and_answer_the_pointer(seen, snapshot):
    assert len(seen["charts"]) >= 10 and set(seen["charts"]) == {1} and min(seen["drawn"]) > 0
    assert seen["named"] == 0, "charts share no ids"
    first = next(trial for trial in snapshot.trials if trial.value is not None)
    assert any(f"trial {first.number}: {first.value:.6g}" in text for text in seen["hover"])
    assert any(EVIL in text for text in seen["hover"]) and EVIL in seen["titles"], "shown as it is"
    assert seen["tip"], "what the pointer is told stays on the chart"


def test_a_part_is_looked_at_closely_and_a_name_hides_its_trials(seen, snapshot):
    assert seen["zoom"] == ["whole range", True, True]
    succeeded, failed = (sum(t.status == status for t in snapshot.trials) for status in ("ok", "failed"))
    assert seen["hidden"] == [succeeded + failed, failed, succeeded + failed]


def test_what_is_folded_is_open_on_paper(seen):
    assert seen["open"] == [[False, True, False], [True, True, True]]


def test_it_fits_the_screen(seen):
    assert seen["wide"] <= 0, "only the table scrolls sideways, in its own box"
