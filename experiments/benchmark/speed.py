"""The time of a suggestion compared with other libraries: ``python -m experiments.benchmark.speed``.

``make bench-speed`` is the same. The methods run one after another, each in its own process on one core. A method
observes ``n`` trials and is asked once to warm up. Then up to 32 suggestions are timed. A suggestion is an ask with its
tell, refits included.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tyro
from rich.console import Console

from experiments.benchmark.peer import METHODS, Peer
from experiments.report import versions, write_json
from jbo import Categorical, Integer, Ordinal, Real, Space, functions

MIXED_SPACE = Space(
    learning_rate=Real(1e-5, 1e-1, log=True),
    weight_decay=Real(1e-6, 1e-2, log=True),
    dropout=Real(0.0, 0.6),
    num_layers=Integer(1, 8),
    width=Integer(16, 512, log=True),
    batch_size=Ordinal(16, 32, 64, 128, 256),
    activation=Categorical("relu", "gelu", "tanh"),
    optimizer=Categorical("sgd", "momentum", "adam", "rmsprop"),
)


def mixed_value(config: dict[str, Any]) -> float:
    """A quadratic bowl around a good setting, which differs by optimiser."""
    rates = {"sgd": -1.5, "momentum": -2.0, "adam": -3.0, "rmsprop": -3.5}
    return (
        (np.log10(config["learning_rate"]) - rates[config["optimizer"]]) ** 2
        + 0.1 * (np.log10(config["weight_decay"]) + 4) ** 2
        + 4 * (config["dropout"] - 0.2) ** 2
        + 0.1 * abs(config["num_layers"] - 4)
        + 0.2 * abs(np.log2(config["width"]) - 7)
        + 0.1 * abs(np.log2(config["batch_size"]) - 5)
        + {"relu": 0.0, "gelu": 0.1, "tanh": 0.5}[config["activation"]]
    )


SPACES = {
    "continuous, d = 6": (functions.hartmann6.space, functions.hartmann6),
    "continuous, d = 20": (functions.levy(20).space, functions.levy(20)),
    "mixed, 8 parameters": (MIXED_SPACE, mixed_value),
}


class Cell(NamedTuple):
    """How long one method takes for a suggestion at one size, in seconds."""

    first: float
    """Seconds of the first suggestion after the trials, which includes compilation."""
    median: float
    percentile95: float
    num: int
    """Number of suggestions measured after the first."""


def measure(
    method: str, problem: str, num_told: int, core: int, seconds: float, pause: float, num_asks: int = 32
) -> Cell:
    """The seconds of consecutive suggestions with ``num_told`` trials and more.

    Args:
      method: A name in `experiments.benchmark.peer.METHODS`.
      problem: A name in `SPACES`.
      num_told: Number of uniform random trials observed before.
      core: The processor core that the method runs on.
      seconds: Time limit in seconds, after which no further suggestion is requested.
      pause: Seconds that one evaluation of the objective takes; they are not counted.
      num_asks: Number of suggestions to measure.
    """
    space, function = SPACES[problem]
    rng = np.random.default_rng(0)
    configs = [space.decode(x) for x in rng.uniform(size=(num_told, space.encoding.num_columns))]
    times = []
    with Peer(method, space, 0, core) as peer:
        peer.load(configs, [float(function(config)) for config in configs])
        while len(times) < num_asks + 1 and (len(times) < 2 or sum(times[1:]) < seconds):
            times.append(peer.timed(function, pause)[1])
    first, *others = times
    return Cell(first, float(np.median(others)), float(np.quantile(others, 0.95)), len(others))


def table(problem: str, sizes: list[int], cells: dict[str, list[Cell | None]]) -> str:
    """Milliseconds as Markdown: median (95th percentile), and the ratio to the median of the first method."""
    methods = list(cells)
    lines = [f"| {problem} | " + " | ".join(f"n = {n}" for n in sizes) + " |", "|---" * (len(sizes) + 1) + "|"]
    for method in methods:
        texts = []
        for cell, own in zip(cells[method], cells[methods[0]], strict=True):
            if cell is None or own is None:
                texts.append("not run")
                continue
            ratio = "" if method == methods[0] else f", {cell.median / own.median:.1f} ×"
            texts.append(f"{1e3 * cell.median:.3g} ({1e3 * cell.percentile95:.3g}){ratio}")
        lines.append(f"| {method} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def put_between(document: Path, text: str) -> None:
    """Replace the text of a document between the lines ``<!-- speed -->`` and ``<!-- end of speed -->``.

    Raises:
      ValueError: The document has no such lines.
    """
    before, mark, rest = document.read_text().partition("<!-- speed -->\n")
    _, end, after = rest.partition("<!-- end of speed -->\n")
    if not mark or not end:
        raise ValueError(f"into: expected a document with the lines of the tables, got {document}")
    document.write_text(f"{before}{mark}\n{text.strip()}\n\n{end}{after}")


def main(
    methods: tuple[str, ...] = (
        "jbo",
        "jbo_always_fitted",
        "jbo_parzen",
        "optuna_gp",
        "optuna_tpe",
        "botorch",
        "scikit_optimize",
        "gpyopt",
        "hebo",
    ),
    sizes: tuple[int, ...] = (20, 50, 100, 200, 400),
    problems: tuple[str, ...] = tuple(SPACES),
    out: Path = Path("runs/speed"),
    into: Path | None = None,
    seconds: float = 30.0,
    pause: float = 0.25,
    core: int = 1,
) -> None:
    """Print the milliseconds of a suggestion of each method, and write them to a folder.

    Args:
      methods: Methods to measure; the other methods are compared with the first.
      sizes: Numbers of trials observed before.
      problems: Names of the spaces to measure on.
      out: Folder for speed.json and speed.md.
      into: A document whose tables are replaced, see `put_between`.
      seconds: Time limit of a cell in seconds, after which no further suggestion is requested.
      pause: Seconds that one evaluation of the objective takes. They are not counted, but a library may use them.
      core: The processor core that the methods run on.
    """
    for name, known, chosen in (("methods", METHODS, methods), ("problems", SPACES, problems)):
        if unknown := [entry for entry in chosen if entry not in known]:
            raise SystemExit(f"{name}: expected some of {', '.join(known)}, got {unknown}")
    console, tables, record = Console(), [], {}
    for problem in problems:
        cells: dict[str, list[Cell | None]] = {method: [] for method in methods}
        for num_told in sizes:
            for method in methods:
                before = [c for c in cells[method] if c is not None]
                # Four times the trials cost up to 64 times as much. A cell without time for two suggestions is skipped.
                is_hopeless = len(cells[method]) > len(before) or (bool(before) and before[-1].median > seconds / 4)
                cell = None if is_hopeless else measure(method, problem, num_told, core, seconds, pause)
                cells[method].append(cell)
                console.print(f"{problem}, n = {num_told}, {method}: {cell}", highlight=False)
        tables.append(table(problem, list(sizes), cells))
        record[problem] = {method: [c and c._asdict() for c in row] for method, row in cells.items()}
    out.mkdir(parents=True, exist_ok=True)
    text = "\n\n".join(tables) + "\n"
    (out / "speed.md").write_text(text)
    if into is not None:
        put_between(into, text)
    write_json(out / "speed.json", {"sizes": sizes, "cells": record, "versions": versions()})
    console.print(text, highlight=False, markup=False)


if __name__ == "__main__":
    tyro.cli(main)
