"""Who needs the fewest evaluations: ``python -m experiments.benchmark.rank --methods jbo optuna_gp random``.

Each run is one JSON line in ``OUT/runs.jsonl``; the same command continues an interrupted comparison. At the end it
writes normalised regrets, ranks and paired differences to ``OUT/report.md``, and curves to ``OUT/GROUP.png``.

Runs of other libraries on the reporting problems are kept in the repository (`KEPT`) and are not repeated. So nobody
needs these libraries and hours of computing to compare jbo with them. Runs of jbo are always made. ``--known None``
makes all runs from scratch; ``--keep-in FILE`` adds the runs of other libraries to a file.
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
from experiments.benchmark.peer import METHODS, Peer
from experiments.benchmark.statistics import Interval, bootstrap_groups, mean_ranks
from experiments.benchmark.suite import ENTRIES, Case
from experiments.picture import save
from experiments.report import versions

KEPT = Path(__file__).with_name("kept") / "reporting.jsonl"
"""Runs of random search and of the peers, in the versions of ``peers/*.txt``. They have the fields of `run`, rounded.
Observed values are stored only if they differ from the scores."""

_COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#332288", "#882255", "#999999")
_WORST = 2.0
"""Normalised regrets are cut here, because one failed search must not decide the result."""


def run(peer: Peer, case: Case, seed: int, num_evaluations: int) -> dict[str, Any]:
    """One search: the observed values, their scores without noise, and the final recommendation.

    Args:
      peer: The method, freshly started.
      case: The problem.
      seed: Seed of the noise.
      num_evaluations: Number of evaluations.
    """
    rng, observed, scores, seconds = np.random.default_rng([seed, 1]), [], [], []

    def objective(config: dict[str, Any]) -> float:
        scores.append(case.score(config))
        observed.append(scores[-1] + case.noise * rng.normal())
        return observed[-1]

    for _ in range(num_evaluations):
        seconds.append(round(peer.timed(objective)[1], 5))
    config = peer.recommend() if case.noise else None
    recommended = scores[int(np.argmin(observed))] if config is None else case.score(config)
    return {"observed": observed, "scores": scores, "recommended": recommended, "seconds": seconds}


def keep(path: Path, runs: list[dict[str, Any]]) -> None:
    """Add the runs of other libraries to a file that does not hold them yet, in order and with rounded numbers.

    Args:
      path: A file of JSON lines; created if it does not exist.
      runs: Runs as this command writes them.
    """

    def place(record: dict[str, Any]) -> tuple[Any, ...]:
        return record["problem"], record["method"], record["num_evaluations"], record["seed"]

    held = {place(r): r for r in read(path)}
    for record in runs:
        if not record["method"].startswith("jbo"):
            short = {k: v for k, v in record.items() if k != "versions"}
            short["scores"] = [float(f"{v:.6g}") for v in record["scores"]]
            short["observed"] = [float(f"{v:.6g}") for v in record["observed"]]
            short["recommended"] = float(f"{record['recommended']:.6g}")
            short["seconds"] = [float(f"{v:.2g}") for v in record["seconds"]]
            if short["observed"] == short["scores"]:
                del short["observed"]
            held.setdefault(place(record), short)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(held[k]) + "\n" for k in sorted(held)))


def final_scores(runs: list[dict[str, Any]]) -> dict[tuple[str, str, int], float]:
    """The noise-free score of the trial that each search recommends, by method, problem and seed."""
    return {(r["method"], r["problem"], r["seed"]): r["recommended"] for r in runs}


def curve(record: dict[str, Any]) -> np.ndarray:
    """The noise-free score of the best observation so far, after each evaluation."""
    scores = np.array(record["scores"])
    observed = np.array(record.get("observed", scores))  # without noise both are equal and stored once
    best = np.array([int(np.argmin(observed[: i + 1])) for i in range(len(observed))])
    return scores[best]


def scales(runs: list[dict[str, Any]]) -> dict[str, tuple[float, float]]:
    """By problem: the best known value, and the median final value of random search.

    The best known value of a synthetic problem is 0. For the other problems it is the minimum over all runs.
    """
    found = {}
    for problem in {r["problem"] for r in runs}:
        here = [r for r in runs if r["problem"] == problem]
        is_task = ENTRIES[problem].group == "tuning"
        least = min(min(r["scores"]) for r in here) if is_task else 0.0
        random = [r["recommended"] for r in here if r["method"] == "random"]
        middle = float(np.median(random)) if random else max(r["recommended"] for r in here)
        found[problem] = (least, max(middle, least + 1e-12))
    return found


def normalised(score: Any, scale: tuple[float, float]) -> Any:
    """A score on the scale where 0 is the best known value and 1 is the median of random search; at most 2."""
    return np.clip((np.asarray(score) - scale[0]) / (scale[1] - scale[0]), 0.0, _WORST)


def report(runs: list[dict[str, Any]], methods: list[str]) -> str:
    """The comparison as Markdown: by group, over all problems, and the first method compared with each other method."""
    scale, finals = scales(runs), final_scores(runs)
    problems = sorted({r["problem"] for r in runs})
    groups = ["all", *dict.fromkeys(ENTRIES[p].group for p in problems)]
    cells: dict[Any, dict[int, float]] = {(m, p): {} for m in methods for p in problems}
    for (m, p, seed), score in finals.items():
        if m in methods:
            cells[m, p][seed] = float(normalised(score, scale[p]))

    def of(group: str) -> list[str]:
        return [p for p in problems if group == "all" or ENTRIES[p].group == group]

    def text(interval: Interval) -> str:
        return "{:.2f} [{:.2f}, {:.2f}]".format(*interval)

    lines = ["Normalised regret: 0 the best value known, 1 what random search comes to; mean [95 %].", ""]
    lines += [f"| method | {' | '.join(groups)} | mean rank |", "|---" * (len(groups) + 2) + "|"]
    ranks = _ranks(cells, methods, problems)
    for m in methods:
        means = [text(bootstrap_groups([list(cells[m, p].values()) for p in of(g) if cells[m, p]])) for g in groups]
        lines.append(f"| {m} | {' | '.join(means)} | {text(ranks[m])} |")
    lines += ["", f"{methods[0]} less the other, paired by problem and seed; below 0: {methods[0]} is better.", ""]
    lines += [f"| beside | {' | '.join(groups)} | wins : losses | evaluations to its final value |"]
    lines += ["|---" * (len(groups) + 3) + "|"]
    for m in methods[1:]:
        pairs = {p: sorted(cells[methods[0], p].keys() & cells[m, p].keys()) for p in problems}
        differences = {p: [cells[methods[0], p][s] - cells[m, p][s] for s in pairs[p]] for p in problems if pairs[p]}
        means = [text(bootstrap_groups([differences[p] for p in of(g) if p in differences])) for g in groups]
        every = np.concatenate([differences[p] for p in differences])
        share = _share_of_evaluations(runs, methods[0], m)
        lines.append(f"| {m} | {' | '.join(means)} | {(every < 0).sum()} : {(every > 0).sum()} | {100 * share:.0f} % |")
    lines += ["", "| problem | group | " + " | ".join(methods) + " | seeds |", "|---" * (len(methods) + 3) + "|"]
    for p in problems:
        means = [f"{np.mean(list(cells[m, p].values())):.3f}" if cells[m, p] else "not run" for m in methods]
        lines.append(f"| {p} | {ENTRIES[p].group} | {' | '.join(means)} | {len(cells[methods[0], p])} |")
    if noisy := of("noisy"):
        lines += [
            "",
            "Under noise, the recommended trial and (the luckiest observation), both without their noise.",
            "",
        ]
        lines += ["| problem | " + " | ".join(methods) + " |", "|---" * (len(methods) + 1) + "|"]
        for p in noisy:
            means = []
            for m in methods:
                luckiest = [
                    float(normalised(curve(r)[-1], scale[p])) for r in runs if (r["method"], r["problem"]) == (m, p)
                ]
                both = f"{np.mean(list(cells[m, p].values())):.3f} ({np.mean(luckiest):.3f})" if luckiest else "not run"
                means.append(both)
            lines.append(f"| {p} | {' | '.join(means)} |")
    return "\n".join(lines) + "\n"


def _ranks(cells: dict[Any, dict[int, float]], methods: list[str], problems: list[str]) -> dict[str, Interval]:
    """The mean rank of each method over the problems, and over the seeds that all methods have."""
    shared = {p: set.intersection(*(set(cells[m, p]) for m in methods)) for p in problems}
    groups = [np.array([[cells[m, p][s] for s in shared[p]] for m in methods]) for p in problems if shared[p]]
    ranks = mean_ranks(groups) if groups else [Interval(np.nan, np.nan, np.nan)] * len(methods)
    return dict(zip(methods, ranks, strict=True))


def _share_of_evaluations(runs: list[dict[str, Any]], first: str, other: str) -> float:
    """Share of the evaluations that the first method needs to reach the median final value of the other method.

    The result is the median over problems.
    """
    shares = []
    for problem in {r["problem"] for r in runs}:
        curves = {
            m: np.array([curve(r) for r in runs if r["method"] == m and r["problem"] == problem])
            for m in (first, other)
        }
        if min(len(c) for c in curves.values()):
            medians = {m: np.median(np.minimum.accumulate(c, axis=1), axis=0) for m, c in curves.items()}
            reached = np.flatnonzero(medians[first] <= medians[other][-1])
            # A value that is never reached counts as twice the budget, more than any reached value needs.
            shares.append((reached[0] + 1) / len(medians[other]) if len(reached) else 2.0)
    return float(np.median(shares)) if shares else np.nan


def curves_figure(runs: list[dict[str, Any]], methods: list[str], group: str) -> Figure:
    """Mean normalised regret over the problems of a group against the number of evaluations, with 95 % bands."""
    scale, figure = scales(runs), Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for m, colour in zip(methods, _COLOURS, strict=False):
        here = [r for r in runs if r["method"] == m and ENTRIES[r["problem"]].group == group]
        if not here:
            continue
        by_problem: dict[str, list[np.ndarray]] = {}
        for r in here:
            by_problem.setdefault(r["problem"], []).append(normalised(curve(r), scale[r["problem"]]))
        means = np.array([np.mean(c, axis=0) for c in by_problem.values()])
        spread = 1.96 * np.sqrt(np.sum([np.var(c, axis=0) / len(c) for c in by_problem.values()], axis=0)) / len(means)
        at, middle = np.arange(1, means.shape[1] + 1), means.mean(axis=0)
        axes.plot(at, middle, color=colour, label=m)
        axes.fill_between(at, middle - spread, middle + spread, color=colour, alpha=0.2, linewidth=0)
    axes.set_xlabel("evaluations")
    axes.set_ylabel("normalised regret")
    axes.set_title(f"{group} problems, 95 % bands of the seeds")
    axes.grid(alpha=0.25)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return figure


def main(
    methods: tuple[str, ...] = ("jbo", "optuna_gp", "optuna_tpe", "random"),
    half: str = "reporting",
    problems: tuple[str, ...] = (),
    num_evaluations: int = 40,
    num_seeds: int = 5,
    first_seed: int = 0,
    core: int | None = None,
    out: Path = Path("runs/rank"),
    known: Path | None = KEPT,
    keep_in: Path | None = None,
) -> None:
    """Search problems with several methods and report the regret that each method reaches.

    Args:
      methods: The first is compared with each of the others. Include ``random``, which gives the scale.
      half: Half of the problems, ``reporting`` or ``choosing``.
      problems: Names of problems, in place of a half.
      num_evaluations: Number of evaluations of one search.
      num_seeds: Number of searches of each method on each problem.
      first_seed: First seed; the next seeds follow.
      core: The processor core that the methods run on; None: any.
      out: Folder for the runs and the report.
      known: File of runs that are not repeated, as ``keep_in`` writes it; None: all runs are made.
      keep_in: File to which the runs of other libraries are added.
    """
    if half not in ("reporting", "choosing"):
        raise SystemExit(f"half: expected 'reporting' or 'choosing', got {half!r}")
    for name, possible, chosen in (("methods", METHODS, methods), ("problems", ENTRIES, problems)):
        if unknown := [entry for entry in chosen if entry not in possible]:
            raise SystemExit(f"{name}: expected some of {', '.join(possible)}, got {unknown}")
    jbo.use_compile_cache()
    chosen = list(problems) or [name for name, e in ENTRIES.items() if e.is_for_choosing is (half == "choosing")]
    console, path, seeds = Console(), out / "runs.jsonl", list(range(first_seed, first_seed + num_seeds))
    out.mkdir(parents=True, exist_ok=True)
    used, kept = versions(), [] if known is None else read(known)
    for method, name, left in list(missing_runs([*kept, *read(path)], list(methods), chosen, seeds, num_evaluations)):
        with (
            Peer(method, ENTRIES[name].make(left[0]).space, left[0], core, num_evaluations) as peer,
            path.open("a") as file,
        ):
            for seed in track(left, f"{method} on {name}", console=console):
                peer.restart(seed)
                head = {"method": method, "problem": name, "seed": seed, "num_evaluations": num_evaluations}
                record = head | run(peer, ENTRIES[name].make(seed), seed, num_evaluations) | {"versions": used}
                file.write(json.dumps(record) + "\n")
                file.flush()
    if keep_in is not None:
        keep(keep_in, read(path))
    runs = [
        r
        for r in [*kept, *read(path)]
        if r["num_evaluations"] == num_evaluations and r["seed"] in seeds and r["problem"] in chosen
    ]
    text = report(runs, list(methods))
    (out / "report.md").write_text(text)
    for group in dict.fromkeys(ENTRIES[name].group for name in chosen):
        save(curves_figure(runs, list(methods), group), out / f"{group}.png")
    console.print(text, highlight=False, markup=False, soft_wrap=True)


if __name__ == "__main__":
    jax.config.update("jax_platforms", "cpu")
    tyro.cli(main)
