"""Seconds to compile the programs of one ask, on one core: ``python -m experiments.benchmark.compiling``.

For each space of the speed table and each capacity, it compiles what a study needs for its first suggestion by the
model. These programs are the fit of the hyperparameters and the ask. They are compiled one after the other, without a
cache on disk.
"""

import os

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

import jbo
from experiments.benchmark.speed import SPACES
from jbo.study.model import Fits, suggest
from jbo.study.table import Rows, empty_rows
from jbo.types import OK, Layout
from jbo.world import world


def seconds(space: jbo.Space, capacity: int) -> tuple[float, float]:
    """Seconds to compile the fit and the ask, including tracing.

    Args:
      space: The search space.
      capacity: Number of rows of the table.
    """
    strategy = jbo.bayesian(space)
    rows, fits = _rows(space, capacity), Fits()
    with world(None):
        _, of_fit = fits.model(strategy, 0, rows, None)
    return of_fit, suggest(strategy, 0, rows, None, fits).info.seconds_compile


def _rows(space: jbo.Space, capacity: int) -> Rows:
    """A table with enough trials for the model."""
    rows, num = empty_rows(capacity, space.encoding.num_columns, Layout()), 32
    draw = np.random.default_rng(0)
    rows.x[:num] = [space.encode(space.decode(draw.random(len(space)))) for _ in range(num)]
    rows.y[:num, 0], rows.is_known[:num], rows.status[:num] = draw.random(num), True, OK
    rows.trial[:num] = np.arange(num)
    return rows


def main(core: int = 1, capacities: tuple[int, ...] = (64, 256)) -> None:
    """Print the seconds as a table.

    Args:
      core: The processor core to use.
      capacities: Numbers of rows of the table of trials; a new study has 64 rows.
    """
    os.environ["JBO_CACHE"] = "off"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    seconds(jbo.Space(x=jbo.Real(0, 1)), 64)  # warms up work that a process does only once
    table = Table("space", "capacity", "the fit", "the ask", title="seconds to trace and compile, on one core")
    for name, (space, _) in SPACES.items():
        for capacity in capacities:
            table.add_row(name, str(capacity), *(f"{one:.2f}" for one in seconds(space, capacity)))
    Console().print(table)


if __name__ == "__main__":
    tyro.cli(main)
