"""The page in a real browser, where there is one: no error, charts that answer, a table that sorts and filters."""

import html
import json
import re
import subprocess

import pytest

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
  seen.charts = Array.from(document.querySelectorAll("[data-chart]"), (place) => place.querySelectorAll("svg").length);
  seen.wide = document.documentElement.scrollWidth - innerWidth;
  const folds = Array.from(document.querySelectorAll("details"));
  seen.open = [false, true].map((open) => [null, "beforeprint", "afterprint"].map((name) => {
    name ? dispatchEvent(new Event(name)) : folds.forEach((part) => { part.open = open; });
    return folds.length > 0 && folds.every((part) => part.open);
  }));
  const chart = document.querySelector("[data-chart=trajectory]");
  chart.scrollIntoView();
  setTimeout(() => {
    const point = chart.querySelector(".scatterlayer .points path").getBoundingClientRect();
    const where = { clientX: point.x + point.width / 2, clientY: point.y + point.height / 2, bubbles: true };
    chart.querySelector(".nsewdrag").dispatchEvent(new MouseEvent("mousemove", where));
  }, 300);
  setTimeout(() => {
    seen.hover = Array.from(chart.querySelectorAll(".hoverlayer text"), (text) => text.textContent);
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


@pytest.fixture(scope="module", params=[(1280, 900), (500, 900)], ids=["desk", "phone"])
def seen(request, written, tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    text = written.read_text().replace("<title>", f"{CATCH}<title>", 1)
    (folder / "page.html").write_text(text.replace("</body>", f"{PROBE}</body>"))
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}",
        "--virtual-time-budget=10000", f"--window-size={request.param[0]},{request.param[1]}", "--dump-dom",
        (folder / "page.html").as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return json.loads(html.unescape(re.search(r'<output id="probe">(.*?)</output>', done.stdout, re.DOTALL)[1]))


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
    assert len(seen["charts"]) >= 7 and min(seen["charts"]) >= 1
    first = next(trial for trial in snapshot.trials if trial.value is not None)
    assert any(f"trial {first.number}: {first.value:.6g}" in text for text in seen["hover"])
    assert any(EVIL in text for text in seen["hover"]) and EVIL in seen["titles"], "shown as it is"


def test_what_is_folded_is_open_on_paper(seen):
    assert seen["open"] == [[False, True, False], [True, True, True]]


def test_it_fits_the_screen(seen):
    assert seen["wide"] <= 0, "only the table scrolls sideways, in its own box"
