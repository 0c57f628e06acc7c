"""The two commands as a parser takes them."""

import argparse
import time

import pytest

import jbo
from jbo.report import add_report, add_watch


@pytest.fixture
def run():
    parser = argparse.ArgumentParser(prog="jbo")
    subparsers = parser.add_subparsers(required=True)
    add_report(subparsers)
    add_watch(subparsers)

    def run(*words):
        arguments = parser.parse_args(list(map(str, words)))
        return arguments.run(arguments)

    return run


def test_report(run, tmp_path, capsys):
    """What stands on the page is tested in `test_page`; that of two trials needs no model."""
    space = jbo.Space(x=jbo.Real(0.0, 1.0))
    file, place = tmp_path / "study.db", tmp_path / "page.html"
    with jbo.Study(space, strategy=jbo.random_search(space), seed=0, path=file) as study:
        study.optimize(lambda config: config["x"], 2, progress=False)
    assert run("report", file, "-o", place, "--label", "accuracy") == 0
    assert capsys.readouterr().out == f"{place}\n" and "accuracy" in place.read_text()


def test_watch(run, file, monkeypatch, capsys):
    assert run("watch", file, "--num-trials", 30) == 0
    assert "30 of 30" in capsys.readouterr().out
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", sleep)
    assert run("watch", file, "--seconds", "0.5") == 0
    text = capsys.readouterr().out
    assert slept == [0.5, 0.5] and "30 ended" in text and "30 of" not in text, "without a number it has no end"


def test_mistakes(run, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run("report")
    assert "STUDY" in capsys.readouterr().err
    with pytest.raises(OSError, match="no such file"):
        run("report", tmp_path / "none.db", "-o", tmp_path / "page.html")
    assert not list(tmp_path.iterdir())
