"""Compare methods: ``python -m experiments.benchmark.compare --methods jbo_parzen optuna_tpe --problems branin``.

Each run is one JSON line in ``OUT/runs.jsonl``; the same command continues an interrupted comparison. At the end it
prints a table of regrets, paired by seed, that compares the first method with each other method.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.console import Console
from rich.progress import track
from rich.table import Table

from experiments.benchmark.peer import Peer
from experiments.benchmark.statistics import bootstrap_median, share_of_wins, signed_rank_p_value
from jbo import functions

PROBLEMS = {p.name: p for p in vars(functions).values() if isinstance(p, functions.Problem)} | {
    f"{make.__name__}{d}": make(d) for make in (functions.rosenbrock, functions.ackley, functions.levy) for d in (4, 8)
}


def run(peer: Peer, problem: functions.Problem, num_evaluations: int) -> dict[str, Any]:
    """One search: the regret of the best value after each evaluation, and the seconds of each suggestion."""
    values, seconds = zip(*(peer.timed(problem) for _ in range(num_evaluations)), strict=True)
    return {"regret": (np.minimum.accumulate(values) - problem.minimum).tolist(), "seconds": list(seconds)}


def missing_runs(
    runs: list[dict[str, Any]], methods: list[str], problems: list[str], seeds: list[int], num_evaluations: int
) -> Iterator[tuple[str, str, list[int]]]:
    """Method, problem and seeds of the searches that have not run yet."""
    held = {(r["method"], r["problem"], r["seed"], r["num_evaluations"]) for r in runs}
    for problem in problems:
        for method in methods:
            left = [seed for seed in seeds if (method, problem, seed, num_evaluations) not in held]
            if left:
                yield method, problem, left


def read(path: Path) -> list[dict[str, Any]]:
    """The runs in a file; an empty list if there is no file. An incomplete last line is ignored."""
    if not path.exists():
        return []
    lines = path.read_text().split("\n")[:-1]
    return [json.loads(line) for line in lines]


def comparison(runs: list[dict[str, Any]], first: str, other: str, problem: str) -> dict[str, Any]:
    """Compares the final regrets of two methods on a problem, paired by seed.

    The difference is between logarithms to base 10: -1 means a tenth of the regret.
    """
    final = {
        method: {r["seed"]: r["regret"][-1] for r in runs if r["method"] == method and r["problem"] == problem}
        for method in (first, other)
    }
    seeds = sorted(final[first].keys() & final[other].keys())
    a, b = (np.maximum([final[method][seed] for seed in seeds], 1e-12) for method in (first, other))
    difference = bootstrap_median(np.log10(a) - np.log10(b))
    return {
        "problem": problem,
        "other": other,
        "num_seeds": len(seeds),
        "median": float(np.median(a)),
        "median_other": float(np.median(b)),
        "log10_difference": difference,
        "wins": share_of_wins(a, b),
        "p_value": signed_rank_p_value(a, b),
    }


def main(
    methods: list[str],
    problems: list[str],
    out: Path,
    num_evaluations: int = 50,
    num_seeds: int = 20,
    first_seed: int = 0,
) -> None:
    """Compare methods on problems with known minima, paired by seed.

    Args:
      methods: The first is compared with each of the others.
      problems: Names of test problems.
      out: Folder for the runs; runs that it already holds are not repeated.
      num_evaluations: Number of evaluations of one search.
      num_seeds: Number of searches of each method on each problem.
      first_seed: First seed; the next seeds follow.
    """
    console = Console()
    unknown = [name for name in problems if name not in PROBLEMS]
    if unknown:
        raise SystemExit(f"problems: expected some of {', '.join(PROBLEMS)}, got {unknown}")
    out.mkdir(parents=True, exist_ok=True)
    path, seeds = out / "runs.jsonl", list(range(first_seed, first_seed + num_seeds))
    for method, name, left in list(missing_runs(read(path), methods, problems, seeds, num_evaluations)):
        with Peer(method, PROBLEMS[name].space, left[0]) as peer, path.open("a") as file:
            for seed in track(left, f"{method} on {name}", console=console):
                peer.restart(seed)
                head = {"method": method, "problem": name, "seed": seed, "num_evaluations": num_evaluations}
                file.write(json.dumps(head | run(peer, PROBLEMS[name], num_evaluations)) + "\n")
                file.flush()
    runs = [r for r in read(path) if r["num_evaluations"] == num_evaluations and r["seed"] in seeds]
    console.print(table(runs, methods, problems))


def table(runs: list[dict[str, Any]], methods: list[str], problems: list[str]) -> Table:
    """The final regrets as a table, one row for each problem and pair of methods."""
    columns = ("problem", "beside", "median regret", "the other's", "log10 ratio [95 %]", "wins", "p", "seeds")
    result = Table(*columns, title=f"{methods[0]} beside the others; a log10 ratio below 0: {methods[0]} is better")
    for problem in problems:
        for other in methods[1:]:
            c = comparison(runs, methods[0], other, problem)
            ratio = "{:+.2f} [{:+.2f}, {:+.2f}]".format(*c["log10_difference"])
            result.add_row(
                problem, other, f"{c['median']:.3g}", f"{c['median_other']:.3g}", ratio,
                f"{c['wins']:.2f}", f"{c['p_value']:.3f}", str(c["num_seeds"]),
            )  # fmt: skip
    return result


if __name__ == "__main__":
    tyro.cli(main)
