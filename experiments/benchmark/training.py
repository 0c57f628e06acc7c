"""Training steps compared with PyTorch: ``python -m experiments.benchmark.training`` (``make bench-training``).

Both train the same networks in the default sizes of the experiments, with batches of 32, Adam, clipping and dropout.
They take turns on one core, with one thread each. Both sort names by length and pad a batch to its longest name.
The command also compares a population of eight configurations in one program with the eight one after another.
"""

import json
import os
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import tyro
from jaxtyping import Array, Int
from rich.console import Console
from rich.table import Table

from architectures.examples import Examples, lengths_of, take
from architectures.population import train_population
from architectures.training import MICROBATCH, advance, begin, train, train_config, visits
from experiments.benchmark.peer import peers_python
from experiments.report import versions, write_json
from experiments.tasks import TASKS

_ADAPTER = Path(__file__).parent / "adapters" / "torch_networks.py"
NUM_BATCHES = 16
"""Number of different batches, which are used repeatedly: a pool of `visits`."""
FAMILIES = ("cnn", "rnn", "lstm", "attention", "transformer")


def batches(family: str) -> tuple[Examples, Int[Array, "steps microbatch"]]:
    """The training examples, and the indices of the examples of each step."""
    examples = take(TASKS[family].examples.train, slice(0, NUM_BATCHES * MICROBATCH))
    return examples, visits(jax.random.key(0), len(examples.targets), 1, lengths_of(examples))


def sizes(family: str) -> tuple[dict[str, Any], list[list[int]]]:
    """The sizes of the PyTorch network, and the lengths of its inputs in each batch."""
    task = TASKS[family]
    structure: Any = task.structure(task.default)
    examples, order = batches(family)
    of_rows = lengths_of(examples)
    if of_rows is None:
        lengths = [[leaf.shape[1] for leaf in jax.tree.leaves(examples.inputs)]]
    else:
        lengths = [[int(longest)] for longest in of_rows[order].max(axis=1)]
    chosen = {name: task.default[name] for name in task.structural}
    if family == "transformer":
        chosen["width"] = structure.width
    tokens = getattr(structure, "num_tokens", None) or getattr(structure, "num_source_tokens", None)
    if tokens is not None:
        chosen["num_tokens"] = tokens
    if family == "lstm":
        chosen |= {"num_classes": structure.num_classes, "longest_run": structure.longest_run}
    return chosen, lengths


def seconds_in_torch(family: str, num_steps: int, core: int) -> float:
    """Median seconds of a step of the PyTorch network, which runs in its own process."""
    chosen, lengths = sizes(family)
    asked = json.dumps({"family": family, "sizes": chosen, "lengths": lengths, "num_steps": num_steps})
    process = subprocess.run(
        ["taskset", "-c", str(core), peers_python(), _ADAPTER],
        input=asked + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(process.stdout)["seconds"]


class OwnSteps:
    """The network of this repository, compiled once. A call makes 16 steps in one scan, as a training run does."""

    def __init__(self, family: str):
        """Compile 16 training steps."""
        task, key = TASKS[family], jax.random.key(0)
        structure = task.structure(task.default)
        config = task.train_config(task.default | {"batch_size": MICROBATCH, "optimizer": "adam"})
        examples, order = batches(family)

        def steps(config, state):
            return advance(key, structure, config, examples, state, order, jnp.ones(len(order), bool), len(order))

        self._arguments = config, begin(key, structure)
        self._num = len(order)
        options: Any = {"xla_backend_optimization_level": 1}
        self._steps = jax.jit(steps).lower(*self._arguments).compile(compiler_options=options)

    def seconds(self, num_steps: int) -> float:
        """Seconds per step, the median over calls."""
        times = []
        for _ in range(max(num_steps // self._num, 1)):
            start = time.perf_counter()
            jax.block_until_ready(self._steps(*self._arguments))
            times.append((time.perf_counter() - start) / self._num)
        return statistics.median(times)


def population(family: str, size: int = 8) -> tuple[float, float]:
    """Seconds to train a population in one program, and its members one after another, without compilation."""
    task, key = TASKS[family], jax.random.key(0)
    examples = jax.tree.map(lambda leaf: leaf[: 20 * MICROBATCH], task.examples.train)
    judged = take(task.examples.validation, slice(0, MICROBATCH))
    structure = task.structure(task.default)
    configs = [train_config(learning_rate=1e-3 * (1 + index), dropout=0.1, max_norm=1.0) for index in range(size)]
    times: dict[str, list[float]] = {"together": [], "alone": []}
    for _ in range(4):  # the first round compiles
        start = time.perf_counter()
        train_population(key, [(structure, config) for config in configs], examples, judged, num_epochs=1)
        times["together"].append(time.perf_counter() - start)
        start = time.perf_counter()
        for config in configs:
            jax.block_until_ready(train(key, structure, config, examples, judged, num_epochs=1))
        times["alone"].append(time.perf_counter() - start)
    together, alone = (statistics.median(times[name][1:]) for name in ("together", "alone"))
    return together, alone


def main(num_steps: int = 60, rounds: int = 3, core: int = 1, out: Path = Path("runs/training")) -> None:
    """Compare the training steps of each family with PyTorch, and a population with its members.

    Args:
      num_steps: Number of steps of each network in each round.
      rounds: Number of rounds, in each of which PyTorch and this code take turns; the medians are reported.
      core: The processor core that both run on.
      out: Folder for training.json.
    """
    os.sched_setaffinity(0, {core})
    table = Table("family", "PyTorch, ms", "here, ms", "times", "8 alone, s", "8 together, s", "times")
    rows = {}
    console = Console()
    for family in FAMILIES:
        with console.status(family):
            own, ours, theirs = OwnSteps(family), [], []
            for _ in range(rounds):
                theirs.append(seconds_in_torch(family, num_steps, core))
                ours.append(own.seconds(num_steps))
            mine, other = statistics.median(ours), statistics.median(theirs)
            together, alone = population(family)
        rows[family] = {"seconds": mine, "torch": other, "population": together, "one_by_one": alone}
        table.add_row(
            family,
            f"{1e3 * other:.2f}",
            f"{1e3 * mine:.2f}",
            f"{other / mine:.1f}",
            f"{alone:.2f}",
            f"{together:.2f}",
            f"{alone / together:.1f}",
        )
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "training.json", {"rows": rows, "versions": versions()})
    console.print(table)


if __name__ == "__main__":
    tyro.cli(main)
