"""Real tuning tasks: ``python -m experiments.benchmark.real --tasks reporting``, after ``make tables``.

A whole search by a strategy of jbo is one compiled program. Other libraries run in the environments that ``make peers``
builds; `experiments.benchmark.peer.METHODS` has their names. Each method and task has one file of searches, so the same
command continues an interrupted comparison. Searches in the repository are not repeated; ``--known None`` runs all. The
report is ``OUT/report.md``, with the figures in the same folder. ``--report-only`` needs no data.
"""

import time
from pathlib import Path

import jax
import numpy as np
import tyro
from rich.console import Console

import jbo
from experiments.benchmark.peer import METHODS
from experiments.benchmark.real import keep
from experiments.benchmark.real.halves import HALVES, chosen
from experiments.benchmark.real.report import Found, regret_figure, report
from experiments.benchmark.real.study import STRATEGIES, Searches, search, search_by_peer
from experiments.benchmark.real.tasks import Task, entries
from experiments.picture import save

_PEERS = [name for name in METHODS if not name.startswith(("jbo", "random", "sobol"))]


def missing(folders: list[Path], method: str, task: str, seeds: list[int]) -> list[int]:
    """The seeds that are in none of the folders.

    Args:
      folders: Folders of searches.
      method: Name of the method.
      task: Name of the task.
      seeds: The seeds that are wanted.
    """
    there = {seed for folder in folders for seed in keep.read(folder, method, task)}
    return [seed for seed in seeds if seed not in there]


def main(
    methods: tuple[str, ...] = ("bayesian", "random", "parzen", "forest"),
    tasks: tuple[str, ...] = ("choosing",),
    num_seeds: int = 16,
    first_seed: int = 0,
    lanes: int = 4,
    core: int | None = None,
    most_hours: float | None = None,
    out: Path = Path("runs/real"),
    known: Path | None = keep.KEPT,
    keep_in: Path | None = None,
    report_only: bool = False,
) -> None:
    """Search real tasks with several methods and report how far each comes.

    Args:
      methods: Strategies of jbo, and other libraries; the first is compared with each of the others.
      tasks: ``choosing`` or ``reporting`` for half of the tasks; ``twelve`` for twelve tasks of the reporting half, for
        slow libraries; or names of tasks, or beginnings of names such as ``pool/lcbench``.
      num_seeds: Number of searches of each method on each task.
      first_seed: First seed; the next seeds follow.
      lanes: Number of parallel searches by jbo's strategies.
      core: The processor core that other libraries run on; None: any.
      most_hours: Hours after which a method starts no further search; None: no limit.
      out: Folder for the searches and the report.
      known: Folder of searches that are not repeated, as written to ``keep_in``; None: all searches are run.
      keep_in: Folder to which the searches are added.
      report_only: True: make only the report and run no search.
    """
    if unknown := [m for m in methods if m not in STRATEGIES and m not in _PEERS]:
        raise SystemExit(f"methods: expected some of {', '.join([*STRATEGIES, *_PEERS])}, got {unknown}")
    names = chosen(tasks)
    if not names:
        raise SystemExit(f"tasks: expected choosing, reporting, or beginnings of names in {HALVES}, got {tasks}")
    jbo.use_compile_cache()
    console, seeds = Console(), list(range(first_seed, first_seed + num_seeds))
    folders = [out / "searches"] + ([] if known is None else [known])
    if not report_only:
        most_seconds = np.inf if most_hours is None else 3600 * most_hours
        spent = dict.fromkeys(methods, 0.0)
        for name in names:
            task: Task | None = None
            for method in methods:
                left = missing(folders, method, name, seeds)
                # Other libraries run one seed after another, so that they can stop within a task.
                for part in [left] if method in STRATEGIES and left else [[seed] for seed in left]:
                    if spent[method] < most_seconds:
                        task = entries()[name].load() if task is None else task
                        start = time.monotonic()
                        _run(folders[0], method, name, task, part, lanes, core)
                        seconds = time.monotonic() - start
                        spent[method] += seconds
                        console.print(f"{name}: {method}, {len(part)} searches in {seconds:.0f} s")
    found: Found = {}
    for method in methods:
        for name in names:
            of = {s: v for folder in reversed(folders) for s, v in keep.read(folder, method, name).items()}
            found[method, name] = {seed: of[seed] for seed in seeds if seed in of}
            if keep_in is not None and found[method, name]:
                keep.write(keep_in, method, name, keep.read(keep_in, method, name) | found[method, name])
    facts = {name: HALVES[name].known for name in names}
    text = report(found, facts, list(methods))
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.md").write_text(text)
    for title, is_emulator in (("tables and pools", False), ("emulators", True)):
        some = {name: k for name, k in facts.items() if (k.kind == "emulator") is is_emulator}
        if some:
            figure = regret_figure(found, some, list(methods), title)
            save(figure, out / f"{title.replace(' ', '_')}.png")
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def _run(folder: Path, method: str, name: str, task: Task, seeds: list[int], lanes: int, core: int | None) -> None:
    """Run searches and write them to the folder."""
    if method in STRATEGIES:
        found = search(method, task, seeds, lanes=lanes)
        made = {seed: Searches(*(part[[i]] for part in found)) for i, seed in enumerate(seeds)}
    else:
        made = {seed: search_by_peer(method, task, seed, core=core) for seed in seeds}
    keep.write(folder, method, name, keep.read(folder, method, name) | made)


if __name__ == "__main__":
    jax.config.update("jax_platforms", "cpu")
    tyro.cli(main)
