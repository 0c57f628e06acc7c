"""Compare an accelerator with the CPU: ``python -m experiments.benchmark.accelerator``.

The report has five parts:

1. The largest differences between the values that the two devices compute, in float32 and in float64.
2. The time that a study needs for a suggestion, on each device.
3. The suggestions per second of parallel searches, on each device.
4. The time to train a population of networks in one program, and to train its members one after another.
5. The memory that each worker of a study may take.

Without an accelerator, the CPU is compared with itself.
"""

import functools
import statistics
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

import jbo
from experiments.benchmark.compare import PROBLEMS
from experiments.benchmark.training import population
from experiments.replicate import keys_of
from experiments.report import versions, write_json
from experiments.tasks import TASKS
from jbo.functions import Problem
from jbo.strategies import Strategy
from jbo.surrogates import gaussian_process as gp
from jbo.types import Dataset


@functools.partial(jax.jit, static_argnames=("problem", "num_steps"))
def searches(keys: Any, problem: Problem, strategy: Strategy, num_steps: int) -> Any:
    """The best value of the search with each key; all searches run in parallel."""
    return jax.vmap(lambda key: jbo.minimize(key, problem, strategy, num_steps).best_y[-1])(keys)


@jax.jit
def _values(params: Any, data: Dataset, at: Any) -> dict[str, Any]:
    posterior = gp.condition(params, data)
    mean, variance = gp.predict(posterior, at)
    acquisition = jbo.log_expected_improvement()
    best = acquisition.prepare(jax.random.key(0), posterior, data)
    return {
        "log marginal likelihood": gp.log_marginal_likelihood(params, data)[0],
        "its gradient": jax.grad(lambda p: jnp.sum(gp.log_marginal_likelihood(p, data)))(params).log_lengthscale,
        "posterior mean": mean,
        "posterior deviation": jnp.sqrt(variance),
        "log expected improvement": jax.vmap(lambda x: acquisition.value(best, posterior, x))(at),
    }


def differences(device: Any, other: Any, dtype: Any, num_rows: int = 128) -> dict[str, float]:
    """The largest difference of each value between two devices, relative to the largest magnitude of the value.

    Args:
      device: A JAX device.
      other: Another JAX device.
      dtype: Precision of the values.
      num_rows: Number of observations.
    """
    rng = np.random.default_rng(0)
    with jax.enable_x64(dtype == jnp.float64):
        x, at = (jnp.asarray(rng.uniform(size=(n, 6)), dtype) for n in (num_rows, 256))
        y = jnp.sin(5 * x[:, 0]) + jnp.sum(x**2, 1) + 0.1 * jnp.asarray(rng.normal(size=num_rows), dtype)
        data = Dataset(x, (y - jnp.mean(y)) / jnp.std(y), jnp.ones(num_rows, bool), jnp.ones((), dtype))
        params = gp.GPParams(*(jnp.full(shape, number, dtype) for shape, number in (((1, 6), -0.3), (1, 0), (1, -4))))
        one, two = (jax.device_get(_values(*jax.device_put((params, data, at), where))) for where in (device, other))
    return {name: float(np.max(np.abs(one[name] - two[name])) / np.max(np.abs(two[name]))) for name in one}


def milliseconds_of_a_suggestion(device: Any, problem: Problem, num_rows: int, num_asked: int = 8) -> float:
    """Median time of consecutive suggestions by a study whose model is on a device.

    The first suggestion compiles the programs and is not measured.

    Args:
      device: A JAX device.
      problem: The problem to minimise.
      num_rows: Number of random trials observed before the first suggestion.
      num_asked: Number of suggestions that are measured.
    """
    rng = np.random.default_rng(0)
    configs = [problem.space.decode(point) for point in rng.random((num_rows, problem.space.encoding.num_columns))]
    times = []
    with jbo.Study(problem.space, device=device, seed=0) as study:
        for config in configs:
            study.tell(config, float(problem(config)))
        for _ in range(1 + num_asked):
            start = time.perf_counter()
            trial = study.ask()
            study.tell(trial, float(problem(trial.config)))
            times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times[1:])


def throughput(device: Any, problem: Problem, num_searches: int, num_steps: int) -> tuple[float, float]:
    """Suggestions per second of parallel searches on one device, without compilation, and their median regret.

    Args:
      device: A JAX device.
      problem: The problem to minimise.
      num_searches: Number of searches, one per lane.
      num_steps: Number of evaluations of each search.
    """
    with jax.default_device(device):
        keys, strategy = keys_of(0, num_searches), jbo.bayesian(problem.space)
        jax.block_until_ready(searches(keys, problem, strategy, num_steps))
        start = time.perf_counter()
        best = np.asarray(searches(keys, problem, strategy, num_steps))
        seconds = time.perf_counter() - start
    return num_searches * num_steps / seconds, float(np.median(best) - problem.minimum)


def memory_of_workers(num_workers: int, num_trials: int) -> list[float]:
    """GiB of device memory that the process of each trial may use; 0 if the device sets no limit, as on a CPU.

    Each trial also multiplies two matrices of 64 MiB on the device. A trial that fails raises an error here.

    Args:
      num_workers: Number of parallel processes.
      num_trials: Number of trials.
    """

    def limit(config: dict[str, Any]) -> float:
        ones = jnp.ones((4096, 4096), jnp.float32)
        jax.block_until_ready(ones @ ones)
        return (jax.devices()[0].memory_stats() or {}).get("bytes_limit", 0) / 2**30

    space = jbo.Space(x=jbo.Real(0, 1))
    with jbo.Study(space, strategy=jbo.random_search(space), seed=0) as study:
        study.optimize(limit, num_trials, workers=num_workers, max_failures=0, progress=False)
        return [trial.value for trial in study.trials if trial.value is not None]


PARTS = ("equality", "suggestion", "searches", "population", "workers")


def main(
    parts: tuple[str, ...] = PARTS, problem: str = "hartmann6", rows: tuple[int, ...] = (100, 400, 1000, 5000),
    searches: tuple[int, ...] = (1, 8, 64, 256), searches_on_cpu: int = 64, num_steps: int = 40,
    families: tuple[str, ...] = tuple(TASKS), sizes: tuple[int, ...] = (8, 64),
    workers: tuple[int, ...] = (1, 3), out: Path = Path("runs/accelerator"),
) -> None:  # fmt: skip
    """Print the device, how far its values differ from those of the CPU, and the times on both.

    Args:
      parts: Parts of the report: equality, suggestion, searches, population, workers.
      problem: Name of a test problem.
      rows: Numbers of observed trials at which suggestions are timed.
      searches: Numbers of parallel searches.
      searches_on_cpu: Maximum number of parallel searches that also run on the CPU.
      num_steps: Number of evaluations of each search.
      families: Networks of the populations.
      sizes: Numbers of members of the populations.
      workers: Numbers of workers of a study.
      out: Folder for accelerator.json.
    """
    console, device, cpu = Console(), jax.devices()[0], jax.local_devices(backend="cpu")[0]
    console.print(f"device: {device.device_kind} ({device.platform}), {len(jax.devices())} of them", highlight=False)
    if device.platform == "cpu":
        console.print("there is no accelerator: the CPU stands beside itself")
    record: dict[str, Any] = {"device": device.device_kind, "versions": versions()}
    out.mkdir(parents=True, exist_ok=True)

    def show(part: str, header: tuple[str, ...], found: list[tuple[Any, ...]]) -> None:
        table = Table(*header)
        for row in found:
            table.add_row(*(value if isinstance(value, str) else f"{value:.3g}" for value in row))
        console.print(table)
        record[part] = [dict(zip(header, row, strict=True)) for row in found]
        write_json(out / "accelerator.json", record)

    if "equality" in parts:
        single, double = (differences(device, cpu, dtype) for dtype in (jnp.float32, jnp.float64))
        found = [(name, single[name], double[name]) for name in single]
        show("equality", ("largest difference, relative", "float32", "float64"), found)
    if "suggestion" in parts:
        header = ("trials told", "ms a suggestion", "on the CPU", "times")
        found = []
        for number in rows:
            own, of_cpu = (milliseconds_of_a_suggestion(where, PROBLEMS[problem], number) for where in (device, cpu))
            found.append((number, own, of_cpu, of_cpu / own))
        show("suggestion", header, found)
    if "searches" in parts:
        header = ("searches side by side", "suggestions a second", "on the CPU", "times", "regret", "regret on the CPU")
        found = []
        for number in searches:
            rate, regret = throughput(device, PROBLEMS[problem], number, num_steps)
            nothing = float("nan"), float("nan")
            rate_cpu, regret_cpu = (
                throughput(cpu, PROBLEMS[problem], number, num_steps) if number <= searches_on_cpu else nothing
            )
            found.append((number, rate, rate_cpu, rate / rate_cpu, regret, regret_cpu))
        show("searches", header, found)
    if "population" in parts:
        found = []
        for family in families:
            for size in sizes:
                with console.status(f"{size} of {family}"):
                    together, alone = population(family, size)
                found.append((family, size, alone, together, alone / together))
        show("population", ("network", "members", "one by one, s", "together, s", "times"), found)
    if "workers" in parts:
        found = [(number, min(limits), max(limits)) for number in workers for limits in [memory_of_workers(number, 6)]]
        show("workers", ("workers", "GiB for each, least", "most"), found)


if __name__ == "__main__":
    tyro.cli(main)
