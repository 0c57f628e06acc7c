"""What the terminal shows of a study that others run."""

import dataclasses
import io
import re

import pytest
from rich.console import Console

import jbo
from jbo.report import screen, watch
from jbo.study import read_study


def shown(snapshot, **options):
    console = Console(file=io.StringIO(), width=120, record=True)
    console.print(screen(snapshot, max(t.started_at for t in snapshot.trials) + 75, **options))
    return console.export_text()


@pytest.fixture
def made(tmp_path):
    path = tmp_path / "[bold]study.db"
    with jbo.Study(jbo.Space({"[red]rate": jbo.Real(0, 1)}), seed=0, path=path) as study:
        for i, value in enumerate([5.0, 7.0, None, 4.0, 1.5, 6.0]):
            study.tell({"[red]rate": i / 10}, value, failed=None if value else "line\nno [link]memory")
        study.enqueue({"[red]rate": 0.875})
        study.enqueue({"[red]rate": 0.9})
        study.ask()
        yield study, path


def test_a_look_shows_best_progress_trials_and_workers(made):
    study, path = made
    text = shown(read_study(path), num_trials=20)
    assert "6 ended, 1 of them failed, 1 pending, 1 queued; 6 of 20" in text
    assert "best: 1.5 (trial 4)  [red]rate=0.4" in text, "markup in a user's text is text"
    assert "no [link]memory" in text and "[bold]study.db" in text
    assert "[red]rate=0.875" in text and "0:01:15" in text
    assert re.findall(r"│ (\d) +│ (?:ok|failed)", text) == ["5", "4", "3", "2", "1", "0"], "the latest comes first"
    snapshot = read_study(path)
    (number,) = snapshot.workers
    assert f"process {snapshot.workers[number].pid}" in text
    assert "nobody: waits to be run again" in shown(dataclasses.replace(snapshot, workers={}))
    assert "cannot read" in shown(snapshot, trouble="cannot read")


def test_the_bars_rise_with_the_best_so_far(made):
    snapshot = read_study(made[1])
    (bars,) = re.findall("[▁▂▃▄▅▆▇█]+", shown(snapshot))
    best = [5.0, 5.0, 5.0, 4.0, 1.5, 1.5]
    assert ["▁▂▃▄▅▆▇█".index(b) for b in bars] == [round(7 * (5 - value) / 3.5) for value in best]
    failed = [trial for trial in snapshot.trials if trial.status == "failed"]
    text = shown(dataclasses.replace(snapshot, trials=failed))
    assert "best: none yet" in text and not re.findall("[▁▂▃▄▅▆▇█]+", text)


def test_watching_follows_the_file_and_ends(made):
    study, path = made
    looks, console = [], Console(file=io.StringIO(), width=120, force_terminal=True)

    def is_over(snapshot):
        looks.append(len([t for t in snapshot.trials if t.status != "pending"]))
        study.tell({"[red]rate": 0.5 + len(looks) / 100}, 0.1)
        return len(looks) == 3

    watch(path, seconds=0.01, is_over=is_over, console=console)
    assert looks == [6, 7, 8] and "best: 0.1" in console.file.getvalue()
    watch(path, seconds=60.0, num_trials=9, console=console)


def test_a_file_that_goes_away_may_come_back(made):
    study, path = made
    study.close()
    console, looks = Console(file=io.StringIO(), width=300, force_terminal=True), []
    aside = path.with_name("aside.db")

    def is_over(snapshot):
        """Before the second look the file is away, before the third it is back."""
        looks.append(console.file.getvalue().count("there is no such file"))
        if len(looks) == 1:
            path.rename(aside)
        elif len(looks) == 2:
            aside.rename(path)
        return len(looks) == 3

    watch(path, seconds=0.01, is_over=is_over, console=console)
    assert looks == [0, 1, 1], "told once, and no more when the file is back"


def test_what_cannot_be_watched(tmp_path):
    with pytest.raises(OSError, match="there is no such file"):
        watch(tmp_path / "none.db")
    with pytest.raises(ValueError, match="seconds: expected a number above 0, got 0.0"):
        watch(tmp_path / "none.db", seconds=0.0)
