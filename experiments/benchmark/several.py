"""The time of a suggestion with several objectives: ``taskset -c 0 python -m experiments.benchmark.several``.

The fit and the ask of one, two and three objectives are timed in turns in one process. Processor time is reported, so
that other processes matter little. A suggestion includes a quarter of a fit, because with 100 trials the model is
fitted at every fourth suggestion.
"""

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro

import jbo
from jbo.functions import dtlz2
from jbo.types import EMPTY, OK, Layout, Trials

_ask = jax.jit(lambda strategy, key, state, model: strategy.ask(key, state, model=model))
_fit = jax.jit(lambda strategy, key, state, start: strategy.fit(key, state, start))


def table(num_objectives: int, num_trials: int, capacity: int, num_columns: int, seed: int) -> Trials:
    """Random trials of DTLZ2, half way between uniform points and the front; one objective means the first one."""
    function, k = dtlz2(num_columns, max(num_objectives, 2)), num_objectives
    x = np.random.default_rng(seed).random((capacity, num_columns))
    x[:, max(k, 2) - 1 :] = 0.5 + 0.5 * (x[:, max(k, 2) - 1 :] - 0.5)
    y = [list(function(dict(zip(function.space, row, strict=True))).values())[:k] for row in x]
    status = np.where(np.arange(capacity) < num_trials, OK, EMPTY)
    return Trials.from_arrays(jnp.asarray(x), jnp.asarray(y, x.dtype), status, layout=Layout(k))


def main(num_trials: int = 100, capacity: int = 128, num_columns: int = 6, most: int = 3, rounds: int = 10) -> None:
    """Print the processor time of a fit, an ask and a suggestion in milliseconds, and its ratio to one objective.

    Args:
      num_trials: Number of trials in the table.
      capacity: Number of rows of the table.
      num_columns: Number of real parameters.
      most: Maximum number of objectives.
      rounds: Number of alternations; their medians are reported.
    """
    with jax.enable_x64(True):
        space = jbo.Space(**{f"x{i}": jbo.Real(0.0, 1.0) for i in range(num_columns)})
        programs: list[Any] = []
        for k in range(1, most + 1):
            strategy = jbo.bayesian(space).for_table(Layout(k))
            state, key = table(k, num_trials, capacity, num_columns, 0), jax.random.key(0)
            before = np.where(strategy.rows_of_warm_start(np.asarray(state.status)), state.status, EMPTY)
            earlier = _fit(strategy, key, state._replace(status=jnp.asarray(before)), None)
            start = strategy.warm_start(capacity, jax.tree.map(np.asarray, earlier))
            programs.append((strategy, state, _fit(strategy, key, state, start), start))
        times = np.zeros((rounds + 1, most, 2))
        for i in range(rounds + 1):  # the first round compiles
            for j, (strategy, state, model, start) in enumerate(programs):
                key = jax.random.key(i)
                begin = time.process_time()
                jax.block_until_ready(_fit(strategy, key, state, start))
                middle = time.process_time()
                jax.block_until_ready(_ask(strategy, key, state, model))
                times[i, j] = middle - begin, time.process_time() - middle
    fit, ask = 1e3 * np.median(times[1:], axis=0).T
    both = ask + fit / 4
    for k in range(most):
        front = int(jbo.pareto.front(programs[k][1].objectives, programs[k][1].status == OK).sum())
        print(
            f"{k + 1} objectives ({front} trials on the front): fit {fit[k]:.1f}, ask {ask[k]:.1f}, "
            f"a suggestion {both[k]:.1f} ms, {both[k] / both[0]:.2f} times one objective"
        )


if __name__ == "__main__":
    tyro.cli(main)
