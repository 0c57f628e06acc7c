"""How long a user waits in addition to the objective: ``python -m experiments.benchmark.waits`` (``make bench-waits``).

A study of 130 trials has an objective that sleeps. It runs first with an empty cache of programs, and again with the
cache of the first run. `experiments.benchmark.start` times the start of a process.
"""

import os
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from experiments.benchmark.peer import Peer
from experiments.report import versions, write_json
from jbo import bayesian, functions

PROBLEM = functions.hartmann6
LONGEST = 0.2
"""Threshold in seconds; longer waits are counted."""


class Waits(NamedTuple):
    """How long one study waits for suggestions, in seconds."""

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


def main(
    num_trials: int = 130, pause_cold: float = 1.0, pause_warm: float = 0.5, out: Path = Path("runs/waits")
) -> None:
    """Print the longest waits of a study.

    Args:
      num_trials: Number of trials of the study.
      pause_cold: Seconds that the objective takes while the compilation cache is empty.
      pause_warm: Seconds that the objective takes afterwards.
      out: Folder for waits.json.
    """
    console, record = Console(), {}
    studies = Table("compilation cache", "objective", "longest in the design", "longest after", "median", "above 0.2 s")
    num_design = bayesian(PROBLEM.space).num_initial
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        for name, pause in (("empty", pause_cold), ("warm", pause_warm)):
            with console.status(f"{num_trials} trials of {pause:g} s, cache {name}"):
                waits = waits_of_study(num_trials, pause, num_design)
            record[name] = waits._asdict()
            numbers = (f"{seconds:.3f}" for seconds in waits[:3])
            studies.add_row(name, f"{pause:g} s", *numbers, str(waits.num_long))
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "waits.json", {"results": record, "versions": versions()})
    console.print(studies)


if __name__ == "__main__":
    tyro.cli(main)
