"""Seconds to compile the programs of one ask, on one core: ``python -m experiments.benchmark.compiling``.

For each space of the table of speeds and each capacity: the programs that a study compiles before it asks by the model
for the first time, the fit of the hyperparameters and the ask, one after the other, without a cache on the disk.
"""

import os

import jax
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

import jbo
from experiments.benchmark.speed import SPACES
from jbo.study import _model, _programs
from jbo.study._programs import Call


def seconds(space: jbo.Space, capacity: int) -> tuple[float, float]:
    """Of the fit and of the ask, tracing included.

    Args:
      space: What is searched.
      capacity: Rows of the table.
    """
    strategy = jbo.bayesian(space)
    with _model.world(None):
        state = strategy.init(capacity)
        arguments = strategy, np.zeros(2, np.uint32), jax.tree.map(np.asarray, state)
        start = strategy.start(capacity, None)
        model, of_fit = _programs.run(Call(_model._fit, (*arguments, start), None))
        _, of_ask = _programs.run(Call(_model._ask, (*arguments, model, None), None))
    return of_fit, of_ask


def main(core: int = 1, capacities: tuple[int, ...] = (64, 256)) -> None:
    """Print the seconds as a table.

    Args:
      core: The processor core to use.
      capacities: Rows of the table of trials; a study has 64 to begin with.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})
    seconds(jbo.Space(x=jbo.Real(0, 1)), 64)  # what a process does once
    table = Table("space", "capacity", "the fit", "the ask", title="seconds to trace and compile, on one core")
    for name, (space, _) in SPACES.items():
        for capacity in capacities:
            table.add_row(name, str(capacity), *(f"{one:.2f}" for one in seconds(space, capacity)))
    Console().print(table)


if __name__ == "__main__":
    tyro.cli(main)
