"""Regret curves: ``python -m experiments.replicate --problems branin --strategies bayesian random --num-seeds 64``.

All seeds of a strategy on a problem are one program, spread over all devices that JAX sees.
"""

import functools
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tyro
from jax.sharding import PartitionSpec
from jaxtyping import Array, Float, Key
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

import jbo
from experiments.benchmark.adapters.jbo_study import STRATEGIES
from experiments.benchmark.compare import PROBLEMS
from experiments.benchmark.statistics import bootstrap_median
from experiments.picture import save
from experiments.report import versions, write_json
from jbo.functions import Problem
from jbo.strategies import Strategy

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9")


@functools.partial(jax.jit, static_argnames=("problem", "num_steps", "lanes"))
def replicate(
    keys: Key[Array, " k"], problem: Problem, strategy: Strategy, num_steps: int, lanes: int
) -> Float[Array, "k t"]:
    """The best value so far of a search from each key.

    Args:
      keys: One key for each search; their number is a multiple of the number of devices.
      problem: Problem to minimise.
      strategy: Strategy of the search.
      num_steps: Number of evaluations of one search.
      lanes: Number of parallel searches on a device. A step takes as long as that of the slowest search, while matrix
        products are faster in a batch. On a CPU, 4 to 16 are best.
    """

    def searches(keys: Key[Array, " k"], strategy: Strategy) -> Float[Array, "k t"]:
        return jax.lax.map(lambda key: jbo.minimize(key, problem, strategy, num_steps).best_y, keys, batch_size=lanes)

    mesh = jax.make_mesh((jax.device_count(),), ("seeds",), axis_types=(jax.sharding.AxisType.Auto,))
    seeds = PartitionSpec("seeds")
    # shard_map, not automatic partitioning, so that no device waits for the loops of another.
    return jax.shard_map(searches, mesh=mesh, in_specs=(seeds, PartitionSpec()), out_specs=seeds, check_vma=False)(
        keys, strategy
    )


def keys_of(first_seed: int, num_seeds: int) -> Key[Array, " k"]:
    """One random key for each seed, padded with the first keys to a multiple of the number of devices.

    Every device then runs the same number of searches.
    """
    seeds = first_seed + np.arange(num_seeds + -num_seeds % jax.device_count()) % num_seeds
    return jax.vmap(lambda seed: jax.random.key(seed, impl="threefry2x32"))(seeds.astype(np.uint32))


def curves_figure(curves: dict[str, np.ndarray], title: str) -> Figure:
    """Median regret against evaluations, with a band from the first to the third quartile of the seeds.

    Args:
      curves: Regrets ``[seed, evaluation]`` by strategy.
      title: Title of the picture.
    """
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    for (name, regrets), colour in zip(curves.items(), _COLOURS, strict=False):
        at = np.arange(1, regrets.shape[1] + 1)
        low, median, high = np.quantile(regrets, [0.25, 0.5, 0.75], axis=0)
        axes.plot(at, median, color=colour, label=name)
        axes.fill_between(at, low, high, color=colour, alpha=0.2, linewidth=0)
    axes.set_yscale("log")
    axes.set_xlabel("evaluations")
    axes.set_ylabel("regret of the best so far")
    axes.set_title(title)
    axes.grid(alpha=0.25)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return figure


def main(
    problems: tuple[str, ...] = ("branin", "hartmann6"),
    strategies: tuple[str, ...] = ("bayesian", "parzen", "random"),
    num_evaluations: int = 40,
    num_seeds: int = 64,
    first_seed: int = 0,
    lanes: int = 8,
    out: Path = Path("runs/replicate"),
) -> None:
    """Search from many seeds, and plot the regret of the strategies.

    Writes PROBLEM.png, PROBLEM.npz with the regrets of each strategy, and summary.json.

    Args:
      problems: Names of test problems.
      strategies: Some of bayesian, forest, parzen, sobol, random.
      num_evaluations: Number of evaluations of one search.
      num_seeds: Number of searches of each strategy on each problem.
      first_seed: First of the consecutive seeds.
      lanes: Number of parallel searches on a device.
      out: Folder for the results.
    """
    for name, known, chosen in (("problems", PROBLEMS, problems), ("strategies", STRATEGIES, strategies)):
        if unknown := [entry for entry in chosen if entry not in known]:
            raise SystemExit(f"{name}: expected some of {', '.join(known)}, got {unknown}")
    jbo.use_compile_cache()
    console, summary = Console(), []
    out.mkdir(parents=True, exist_ok=True)
    keys = keys_of(first_seed, num_seeds)
    for problem_name in problems:
        problem, curves = PROBLEMS[problem_name], {}
        for strategy_name in strategies:
            strategy = STRATEGIES[strategy_name](problem.space)
            with console.status(f"{strategy_name} on {problem_name}: {num_seeds} searches"):
                program = replicate.lower(keys, problem, strategy, num_evaluations, lanes).compile()
                start = time.perf_counter()
                best = np.asarray(program(keys, strategy))[:num_seeds]
                seconds = time.perf_counter() - start
            curves[strategy_name] = np.maximum(best.astype(float) - problem.minimum, 1e-12)
            summary.append(_row(problem_name, strategy_name, curves[strategy_name], seconds))
        figure = curves_figure(curves, f"{problem_name}: median and quartiles of {num_seeds} seeds")
        save(figure, out / f"{problem_name}.png")
        np.savez_compressed(out / f"{problem_name}.npz", **curves)
    record = {"num_evaluations": num_evaluations, "num_seeds": num_seeds, "first_seed": first_seed, "rows": summary}
    write_json(out / "summary.json", record | {"devices": [str(d) for d in jax.devices()], "versions": versions()})
    console.print(_table(summary), f"pictures in {out}")


def _row(problem: str, strategy: str, regrets: np.ndarray, seconds: float) -> dict[str, Any]:
    interval = bootstrap_median(regrets[:, -1])
    return {
        "problem": problem,
        "strategy": strategy,
        "median_regret": interval.estimate,
        "interval": [interval.low, interval.high],
        "seconds": seconds,
        "suggestions_per_second": regrets.size / seconds,
    }


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table("problem", "strategy", "median regret [95 %]", "seconds", "suggestions a second")
    for row in rows:
        median = "{:.3g} [{:.3g}, {:.3g}]".format(row["median_regret"], *row["interval"])
        rate = f"{row['suggestions_per_second']:.0f}"
        table.add_row(row["problem"], row["strategy"], median, f"{row['seconds']:.1f}", rate)
    return table


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    tyro.cli(main)
