"""The same functions on an accelerator and on the CPU: ``python -m experiments.benchmark.accelerator``.

How far the values are apart in single precision, and how many suggestions a second searches side by side make on each.
Without an accelerator the CPU stands beside itself.
"""

import functools
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
from experiments.replicate import keys_of
from experiments.report import versions, write_json
from jbo.functions import Problem
from jbo.strategies import Strategy
from jbo.surrogates import gaussian_process as gp
from jbo.types import Dataset


@functools.partial(jax.jit, static_argnames=("problem", "num_steps"))
def searches(keys: Any, problem: Problem, strategy: Strategy, num_steps: int) -> Any:
    """The best value of a search from each key, all side by side."""
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


def differences(device: Any, other: Any, num_rows: int = 128) -> dict[str, float]:
    """The largest difference of each value between two devices, relative to its largest size, in single precision.

    Args:
      device: One of JAX's devices.
      other: Another one.
      num_rows: Observations.
    """
    rng = np.random.default_rng(0)
    x, at = (jnp.asarray(rng.uniform(size=(n, 6)), jnp.float32) for n in (num_rows, 256))
    y = jnp.sin(5 * x[:, 0]) + jnp.sum(x**2, 1) + 0.1 * jnp.asarray(rng.normal(size=num_rows), jnp.float32)
    data = Dataset(x, (y - jnp.mean(y)) / jnp.std(y), jnp.ones(num_rows, bool), jnp.ones((), jnp.float32))
    params = gp.GPParams(*(jnp.full(shape, number, jnp.float32) for shape, number in (((1, 6), -0.3), (1, 0), (1, -4))))
    one, two = (jax.device_get(_values(*jax.device_put((params, data, at), where))) for where in (device, other))
    return {name: float(np.max(np.abs(one[name] - two[name])) / np.max(np.abs(two[name]))) for name in one}


def throughput(device: Any, problem: Problem, num_searches: int, num_steps: int) -> tuple[float, float]:
    """Suggestions a second of searches side by side on one device, compiled before, and their median regret.

    Args:
      device: One of JAX's devices.
      problem: What to minimise.
      num_searches: How many lanes.
      num_steps: Evaluations of each.
    """
    with jax.default_device(device):
        keys, strategy = keys_of(0, num_searches), jbo.bayesian(problem.space)
        jax.block_until_ready(searches(keys, problem, strategy, num_steps))
        start = time.perf_counter()
        best = np.asarray(searches(keys, problem, strategy, num_steps))
        seconds = time.perf_counter() - start
    return num_searches * num_steps / seconds, float(np.median(best) - problem.minimum)


def main(
    problem: str = "hartmann6", searches: tuple[int, ...] = (1, 8, 64, 256), num_steps: int = 40,
    out: Path = Path("runs/accelerator"),
) -> None:  # fmt: skip
    """Print the device, equality with the CPU, and suggestions a second beside it.

    Args:
      problem: Name of a test problem.
      searches: Numbers of searches side by side.
      num_steps: Evaluations of each search.
      out: Folder for accelerator.json.
    """
    console, device, cpu = Console(), jax.devices()[0], jax.local_devices(backend="cpu")[0]
    console.print(f"device: {device.device_kind} ({device.platform}), {len(jax.devices())} of them", highlight=False)
    if device.platform == "cpu":
        console.print("there is no accelerator: the CPU stands beside itself")
    equality = Table("value, single precision", "largest difference, relative")
    apart = differences(device, cpu)
    for name, difference in apart.items():
        equality.add_row(name, f"{difference:.1e}")
    speed = Table("searches side by side", "suggestions a second", "on the CPU", "times", "median regret", "on the CPU")
    rows = []
    for number in searches:
        (rate, regret), (rate_cpu, regret_cpu) = (
            throughput(where, PROBLEMS[problem], number, num_steps) for where in (device, cpu)
        )
        rows.append({"searches": number, "rate": rate, "rate_cpu": rate_cpu, "regret": regret})
        numbers = (f"{v:.3g}" for v in (rate, rate_cpu, rate / rate_cpu, regret, regret_cpu))
        speed.add_row(str(number), *numbers)
    out.mkdir(parents=True, exist_ok=True)
    record = {"device": device.device_kind, "differences": apart, "rows": rows, "versions": versions()}
    write_json(out / "accelerator.json", record)
    console.print(equality, speed)


if __name__ == "__main__":
    tyro.cli(main)
