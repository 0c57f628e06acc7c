"""Several objectives, and limits: ``python -m experiments.benchmark.outcomes --methods jbo optuna_gp random``.

The score of a case with several objectives is its gap: the difference between the hypervolume of the whole front and
the dominated hypervolume. With one objective and limits, the gap is the distance of the best feasible value from the
optimum. Scores are logarithms to base 10: a difference of -1 means a tenth of the gap. A gap counts as at least a
10,000th of the gap of random search.

Each run is one JSON line in ``OUT/runs.jsonl``; the same command continues an interrupted comparison. Runs of other
libraries are kept in the repository. Random search uses four times as many evaluations.
"""

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tyro
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import track

import jbo
from experiments.benchmark.compare import missing_runs, read
from experiments.benchmark.outcomes.cases import GROUPS, case
from experiments.benchmark.peer import OF_OUTCOMES, Peer
from experiments.benchmark.statistics import bootstrap_groups
from experiments.picture import save

KEPT = Path(__file__).parents[1] / "kept" / "outcomes.jsonl"
"""Runs of the peers, and of random search."""

_LEAST = 1e-4
"""A gap counts as at least this share of the median gap of random search."""
_MORE = 4
"""Random search uses this multiple of the evaluations."""
_COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#332288")


def run(peer: Peer, name: str, num_evaluations: int) -> dict[str, Any]:
    """One search: the gap after each evaluation, and the seconds of each suggestion.

    Args:
      peer: The method, freshly started.
      name: Name of the case.
      num_evaluations: Number of evaluations.
    """
    told, seconds = [], []

    def evaluate(config: dict[str, Any]) -> dict[str, float]:
        told.append(case(name).evaluate(config))
        return told[-1]

    for _ in range(num_evaluations):
        seconds.append(float(f"{peer.timed(evaluate)[1]:.2g}"))
    gaps = [None if np.isinf(gap) else float(f"{gap:.6g}") for gap in case(name).gaps(told)]
    return {"gaps": gaps, "seconds": seconds}


def logs(runs: list[dict[str, Any]], num_evaluations: int) -> dict[tuple[str, str], dict[int, np.ndarray]]:
    """Log gap after each evaluation, relative to the median gap of random search, by method and case, then by seed.

    A gap counts as at least `_LEAST` of that median. While no trial is feasible, the gap is the largest gap of all
    runs of the case.

    Args:
      runs: Results of `run`, with ``method``, ``case`` and ``seed``.
      num_evaluations: Number of evaluations after which the median of random search is taken.
    """
    found: dict[tuple[str, str], dict[int, np.ndarray]] = {}
    for name in {r["problem"] for r in runs}:
        here = [r for r in runs if r["problem"] == name]
        gaps = [np.array([np.inf if gap is None else gap for gap in r["gaps"]]) for r in here]
        worst = max(np.max(g[np.isfinite(g)], initial=0.0) for g in gaps)
        gaps = [np.minimum(g, worst) for g in gaps]
        middle = np.median([g[num_evaluations - 1] for g, r in zip(gaps, here, strict=True) if r["method"] == "random"])
        for record, gap in zip(here, gaps, strict=True):
            of_seeds = found.setdefault((record["method"], name), {})
            of_seeds[record["seed"]] = np.log10(np.maximum(gap / middle, _LEAST))
    return found


def report(runs: list[dict[str, Any]], methods: list[str], names: list[str], num_evaluations: int) -> str:
    """The comparison as Markdown.

    Args:
      runs: Results of `run`.
      methods: The first is compared with each of the others.
      names: Names of the cases.
      num_evaluations: Number of evaluations of a search.
    """
    scores, at = logs(runs, num_evaluations), num_evaluations - 1

    def text(differences: list[list[float]]) -> str:
        kept = [d for d in differences if d]
        return "{:+.2f} [{:+.2f}, {:+.2f}]".format(*bootstrap_groups(kept)) if kept else "not run"

    def paired(other: str, name: str, end: int) -> list[float]:
        a, b = scores.get((methods[0], name), {}), scores.get((other, name), {})
        return [a[s][at] - b[s][end] for s in sorted(a.keys() & b.keys())]

    groups = {"all": names} | {g: [n for n in of if n in names] for g, of in GROUPS.items()}
    groups = {g: of for g, of in groups.items() if of}
    lines = [
        f"{methods[0]} less the other, logarithms of the gap after {num_evaluations} evaluations, mean [95 %].",
        "",
    ]
    lines += [f"| beside | {' | '.join(groups)} |", "|---" * (len(groups) + 1) + "|"]
    for m in methods[1:]:
        lines.append(f"| {m} | " + " | ".join(text([paired(m, n, at) for n in of]) for of in groups.values()) + " |")
    if "random" in methods:
        more = _MORE * num_evaluations
        cells = [text([paired("random", n, more - 1) for n in of]) for of in groups.values()]
        lines.append(f"| random, {more} evaluations | {' | '.join(cells)} |")
    lines += ["", "Mean logarithm of the gap over random search's median; (seeds).", ""]
    lines += ["| case | " + " | ".join(methods) + f" | random, {_MORE} times |", "|---" * (len(methods) + 2) + "|"]
    for name in names:
        cells = []
        for m, end in [*((m, at) for m in methods), ("random", _MORE * num_evaluations - 1)]:
            of_seeds = scores.get((m, name), {})
            mean = np.mean([curve[end] for curve in of_seeds.values()]) if of_seeds else np.nan
            cells.append(f"{mean:+.2f} ({len(of_seeds)})" if of_seeds else "not run")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    seconds = []
    for m in methods:
        times = [np.median(r["seconds"][num_evaluations // 2 : num_evaluations]) for r in runs if r["method"] == m]
        seconds.append(f"{m} {np.median(times):.2g}" if times else f"{m} not run")
    lines += ["", f"Median seconds of a suggestion in the second half of a search: {', '.join(seconds)}."]
    return "\n".join(lines) + "\n"


def figure(runs: list[dict[str, Any]], methods: list[str], names: list[str], num_evaluations: int) -> Figure:
    """The mean logarithm of the gap against evaluations, with 95 % bands and a panel for each group.

    Args:
      runs: Results of `run`.
      methods: Methods to show, one line each.
      names: Names of the cases.
      num_evaluations: Number of evaluations of a search.
    """
    scores = logs(runs, num_evaluations)
    groups = {g: [n for n in of if n in names] for g, of in GROUPS.items()}
    groups = {g: of for g, of in groups.items() if of}
    drawn = Figure(figsize=(3.6 * len(groups), 3.4), layout="constrained")
    for axes, (group, of) in zip(np.ravel(drawn.subplots(1, len(groups))), groups.items(), strict=True):
        for m, colour in zip(methods, _COLOURS, strict=False):
            curves = [np.array(list(scores[m, n].values()))[:, :num_evaluations] for n in of if (m, n) in scores]
            if not curves:
                continue
            middle = np.mean([c.mean(axis=0) for c in curves], axis=0)
            spread = 1.96 * np.sqrt(np.sum([c.var(axis=0) / len(c) for c in curves], axis=0)) / len(curves)
            axes.plot(np.arange(1, num_evaluations + 1), middle, color=colour, label=m)
            axes.fill_between(
                np.arange(1, num_evaluations + 1), middle - spread, middle + spread, color=colour, alpha=0.2, lw=0
            )
        axes.set_title(group)
        axes.set_xlabel("evaluations")
        axes.grid(alpha=0.25)
    drawn.axes[0].set_ylabel("log10 of the gap, 0: random")
    drawn.axes[-1].legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return drawn


def main(
    methods: tuple[str, ...] = ("jbo", "botorch", "optuna_gp", "optuna_tpe", "hebo", "smac", "random"),
    cases: tuple[str, ...] = tuple(GROUPS),
    num_evaluations: int = 40,
    num_seeds: int = 10,
    first_seed: int = 0,
    core: int | None = None,
    out: Path = Path("runs/outcomes"),
    known: Path | None = KEPT,
    keep_in: Path | None = None,
) -> None:
    """Search the cases with several methods and report the gaps that they leave.

    Args:
      methods: The first is compared with each of the others; ``random`` gives the scale.
      cases: Names of cases or of groups.
      num_evaluations: Number of evaluations of one search.
      num_seeds: Number of searches of each method on each case.
      first_seed: First seed; the next seeds follow.
      core: The processor core that the methods run on; None: any.
      out: Folder for the runs and the report.
      known: File of runs that are not repeated; None: all runs are made.
      keep_in: File to which the runs of other libraries are added.
    """
    names = [n for g, of in GROUPS.items() for n in of if g in cases or n in cases]
    if unknown := [m for m in methods if m not in OF_OUTCOMES]:
        raise SystemExit(f"methods: expected some of {', '.join(OF_OUTCOMES)}, got {unknown}")
    jbo.use_compile_cache()
    console, path, seeds = Console(), out / "runs.jsonl", list(range(first_seed, first_seed + num_seeds))
    out.mkdir(parents=True, exist_ok=True)
    kept = [] if known is None else read(known)
    for m in methods:
        length = num_evaluations * (_MORE if m == "random" else 1)
        for _, name, left in list(missing_runs([*kept, *read(path)], [m], names, seeds, length)):
            if m == "smac" and case(name).limits:
                continue
            outcomes = case(name).outcomes()
            with Peer(m, case(name).space, left[0], core, length, outcomes) as peer, path.open("a") as file:
                for seed in track(left, f"{m} on {name}", console=console):
                    peer.restart(seed)
                    head = {"method": m, "problem": name, "seed": seed, "num_evaluations": length}
                    file.write(json.dumps(head | run(peer, name, length)) + "\n")
                    file.flush()
    if keep_in is not None:
        _keep(keep_in, read(path))
    runs = [r for r in [*kept, *read(path)] if r["seed"] in seeds and r["problem"] in names]
    runs = [r for r in runs if r["num_evaluations"] == num_evaluations * (_MORE if r["method"] == "random" else 1)]
    text = report(runs, list(methods), names, num_evaluations)
    (out / "report.md").write_text(text)
    save(figure(runs, list(methods), names, num_evaluations), out / "outcomes.png")
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def _keep(path: Path, runs: list[dict[str, Any]]) -> None:
    """Add the runs of other libraries to a file that does not hold them yet, in order."""

    def place(record: dict[str, Any]) -> tuple[Any, ...]:
        return record["problem"], record["method"], record["num_evaluations"], record["seed"]

    held = {place(r): r for r in read(path)}
    for record in runs:
        if not record["method"].startswith("jbo"):
            held.setdefault(place(record), record)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(held[k]) + "\n" for k in sorted(held)))


if __name__ == "__main__":
    jax.config.update("jax_platforms", "cpu")
    tyro.cli(main)
