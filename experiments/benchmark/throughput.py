"""Suggestions per second compared with two BoTorch processes: ``python -m experiments.benchmark.throughput``.

All searches of jbo are one program over all devices and lanes (`experiments.replicate`). The searches of the peer are
shared by one process per core, with one thread each. Both run the same searches: the same problem and the same number
of evaluations, including the initial design.
"""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

import jbo
from experiments.benchmark.compare import PROBLEMS
from experiments.benchmark.peer import Peer
from experiments.benchmark.statistics import bootstrap_median
from experiments.replicate import keys_of, replicate
from experiments.report import versions, write_json
from jbo.functions import Problem


class Throughput(NamedTuple):
    """Time and results of many searches."""

    regrets: np.ndarray
    """Regret of the best value of each search."""
    seconds: float
    seconds_compile: float
    """Seconds of compilation before the first suggestion; not included in ``seconds``."""

    @property
    def rate(self) -> float:
        """Searches per second."""
        return len(self.regrets) / self.seconds


def of_jbo(problem: Problem, num_evaluations: int, seeds: int, lanes: int) -> Throughput:
    """Runs all searches of jbo as one program.

    Args:
      problem: The problem to minimise.
      num_evaluations: Number of evaluations of one search.
      seeds: Number of searches.
      lanes: See `experiments.replicate.replicate`.
    """
    strategy, keys = jbo.bayesian(problem.space), keys_of(0, seeds)
    start = time.perf_counter()
    program = replicate.lower(keys, problem, strategy, num_evaluations, lanes).compile()
    compiled = time.perf_counter()
    best = np.asarray(program(keys, strategy))[:seeds, -1]
    return Throughput(best - problem.minimum, time.perf_counter() - compiled, compiled - start)


def of_peer(method: str, problem: Problem, num_evaluations: int, seeds: int) -> Throughput:
    """Runs the searches of a peer in one process per core; starting the processes is not counted.

    Args:
      method: A name in `experiments.benchmark.peer.METHODS`.
      problem: The problem to minimise.
      num_evaluations: Number of evaluations of one search.
      seeds: Number of searches.
    """
    num_cores = os.cpu_count() or 1

    def searches(core: int) -> list[float]:
        best = []
        with Peer(method, problem.space, 0, core) as peer:
            for seed in range(core, seeds, num_cores):
                peer.restart(seed)
                best.append(min(peer.timed(problem)[0] for _ in range(num_evaluations)))
        return best

    start = time.perf_counter()
    with ThreadPoolExecutor(num_cores) as pool:
        best = [value for values in pool.map(searches, range(num_cores)) for value in values]
    return Throughput(np.array(best) - problem.minimum, time.perf_counter() - start, 0.0)


def main(
    problems: tuple[str, ...] = ("branin", "hartmann6"),
    peer: str = "botorch",
    num_evaluations: int = 40,
    seeds: int = 128,
    seeds_of_peer: int = 16,
    lanes: int = 8,
    out: Path = Path("runs/throughput"),
) -> None:
    """Print the suggestions per second and the regrets of jbo and the peer.

    Args:
      problems: Names of test problems.
      peer: The method to compare with.
      num_evaluations: Number of evaluations of one search.
      seeds: Number of searches of jbo.
      seeds_of_peer: Number of searches of the peer, which is slower.
      lanes: See `experiments.replicate.replicate`.
      out: Folder for throughput.json.
    """
    console, rows = Console(), []
    table = Table("problem", "method", "suggestions a second", "times", "median regret [95 %]", "compiling, s")
    for name in problems:
        problem = PROBLEMS[name]
        both = {
            "jbo": of_jbo(problem, num_evaluations, seeds, lanes),
            peer: of_peer(peer, problem, num_evaluations, seeds_of_peer),
        }
        for method, result in both.items():
            interval = bootstrap_median(result.regrets)
            rate = result.rate * num_evaluations
            times = both["jbo"].rate / result.rate
            regret = "{:.3g} [{:.3g}, {:.3g}]".format(*interval)
            table.add_row(name, method, f"{rate:.3g}", f"{times:.1f}", regret, f"{result.seconds_compile:.1f}")
            rows.append({"problem": name, "method": method, "rate": rate, "regret": interval._asdict()})
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "throughput.json", {"rows": rows, "num_evaluations": num_evaluations, "versions": versions()})
    console.print(table)


if __name__ == "__main__":
    # One device per core, set before JAX is initialised, so that one program uses all cores.
    os.environ.setdefault("XLA_FLAGS", f"--xla_force_host_platform_device_count={os.cpu_count()}")
    jax.config.update("jax_enable_x64", True)
    tyro.cli(main)
