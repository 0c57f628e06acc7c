"""How long a user waits in addition to the objective: ``python -m experiments.benchmark.waits`` (``make bench-waits``).

A study of 130 trials has an objective that sleeps. It runs first with an empty compilation cache, and again with the
cache of the first run. The command also times a process from its start to its first suggestion by a model, for jbo and
BoTorch. Last, it times the imports of jbo and of jax.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from experiments.benchmark.peer import Peer, peers_python
from experiments.report import versions, write_json
from jbo import bayesian, functions

PROBLEM = functions.hartmann6
LONGEST = 0.2
"""Threshold in seconds; longer waits are counted."""


class Waits(NamedTuple):
    """Seconds of the suggestions of one study."""

    design: float
    """Longest wait during the initial design."""
    model: float
    """Longest wait after the initial design."""
    median: float
    """Median wait after the initial design."""
    num_long: int
    """Number of waits longer than 0.2 s after the initial design."""


def waits_of_study(num_trials: int, pause: float, num_design: int) -> Waits:
    """Ask and tell a study in a process of its own.

    Args:
      num_trials: Number of trials of the study.
      pause: Seconds that the objective takes.
      num_design: Number of trials of the initial design.
    """
    with Peer("jbo", PROBLEM.space, 0) as peer:
        times = np.array([peer.timed(PROBLEM, pause)[1] for _ in range(num_trials)])
    first, after = times[:num_design], times[num_design:]
    return Waits(first.max(), after.max(), float(np.median(after)), int((after > LONGEST).sum()))


def seconds_to_model(method: str, num_told: int) -> float:
    """Seconds from the start of a process to its first suggestion by a model.

    Args:
      method: A name in `experiments.benchmark.peer.METHODS`.
      num_told: Number of random trials observed before; more than the initial design of the method.
    """
    rng = np.random.default_rng(0)
    configs = [PROBLEM.space.decode(x) for x in rng.uniform(size=(num_told, 6))]
    values = [float(PROBLEM(config)) for config in configs]
    start = time.perf_counter()
    with Peer(method, PROBLEM.space, 0) as peer:
        peer.load(configs, values)
        peer.ask()
        return time.perf_counter() - start


def seconds_of_imports(num_runs: int) -> dict[str, float]:
    """Median processor seconds of processes that only import; the kinds of processes run in turns.

    Args:
      num_runs: Number of processes of each kind.
    """
    seconds: dict[str, list[float]] = {"jax": [], "jbo": []}
    for _ in range(num_runs):
        for name, found in seconds.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-c", f"import {name}"], check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {name: float(np.median(found)) for name, found in seconds.items()}


def main(
    num_trials: int = 130, pause_cold: float = 1.0, pause_warm: float = 0.5, out: Path = Path("runs/waits")
) -> None:
    """Print the longest waits of a study, and the seconds to a first model-based suggestion.

    Args:
      num_trials: Number of trials of the study.
      pause_cold: Seconds that the objective takes while the compilation cache is empty.
      pause_warm: Seconds that the objective takes afterwards.
      out: Folder for waits.json.
    """
    console, record = Console(), {}
    studies = Table("compilation cache", "objective", "longest in the design", "longest after", "median", "above 0.2 s")
    starts = Table("process start to first suggestion of a model", "seconds")
    num_design = bayesian(PROBLEM.space).num_initial
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        for name, pause in (("empty", pause_cold), ("warm", pause_warm)):
            with console.status(f"{num_trials} trials of {pause:g} s, cache {name}"):
                waits = waits_of_study(num_trials, pause, num_design)
            record[name] = waits._asdict()
            numbers = (f"{seconds:.3f}" for seconds in waits[:3])
            studies.add_row(name, f"{pause:g} s", *numbers, str(waits.num_long))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        for name in ("jbo, empty cache", "jbo, warm cache", *(["botorch"] * 2 if peers_python().exists() else [])):
            record[name] = seconds_to_model(name.partition(",")[0], 20)
    for name in ("jbo, empty cache", "jbo, warm cache", "botorch"):
        starts.add_row(name, f"{record[name]:.2f}" if name in record else "not run: `make peers` builds it")
    record["imports"] = imports = seconds_of_imports(11)
    starts.add_row("import jax, seconds of the processor", f"{imports['jax']:.2f}")
    starts.add_row("import jbo, likewise", f"{imports['jbo']:.2f}")
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "waits.json", {"results": record, "versions": versions()})
    console.print(studies, starts)


if __name__ == "__main__":
    tyro.cli(main)
