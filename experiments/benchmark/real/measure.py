"""Measurements for the scale of a task: its ten best configurations, and many runs of random search."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmark.real.scores import BUDGETS, luckiest_truth
from experiments.benchmark.real.tasks import Arrays, Entry, Task, which_seed
from jbo.encoding import Encoding, snap

_NUM_SEARCHES = 1_000
_DIGITS = 7


def fact_of(entry: Entry) -> dict[str, Any]:
    """The fields ``kind``, ``group``, ``rows``, ``one``, and ``zero`` by budget of a task, with rounded numbers.

    Args:
      entry: The task.
    """
    task = entry.load()
    truth, observed = random_searches(task)
    zero = np.median(luckiest_truth(truth, observed), axis=0)
    return {
        "kind": entry.kind,
        "group": entry.group,
        "rows": task.num_rows,
        "one": _short(task.one),
        "zero": [_short(z) for z in zero],
    }


def random_searches(task: Task, num_searches: int = _NUM_SEARCHES) -> tuple[np.ndarray, np.ndarray]:
    """The true and the observed values of random searches, ``[searches, evaluations]``.

    A search samples rows of a table or a pool without replacement, and uniform points for an emulator.

    Args:
      task: The task.
      num_searches: Number of searches.
    """
    rng, most = np.random.default_rng(0), max(BUDGETS)
    if task.arrays.measured is None:
        with jax.enable_x64(True):
            points = jnp.asarray(rng.random((num_searches, most, task.space.encoding.num_columns)))
            truth = np.asarray(_emulated(task.arrays, task.space.encoding, points))
        return truth, truth
    measured, means = np.asarray(task.arrays.measured), np.asarray(task.arrays.truth)
    rows = np.stack([rng.choice(len(means), most, replace=False) for _ in range(num_searches)])
    counts = (~np.isnan(measured)).sum(axis=1)
    seeds = which_seed(np.arange(num_searches)[:, None], rows, 0, counts[rows])
    return means[rows], measured[rows, seeds]


def _short(number: Any) -> float:
    return float(f"{number:.{_DIGITS}g}")


@jax.jit
def _emulated(arrays: Arrays, encoding: Encoding, points: jax.Array) -> jax.Array:
    def of_search(points: jax.Array) -> jax.Array:
        return jax.vmap(lambda x: arrays.true(encoding, snap(encoding, x)))(points)

    return jax.lax.map(of_search, points)
