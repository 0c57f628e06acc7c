"""How many more evaluations batches need than a sequential search: ``python -m experiments.benchmark.batches``.

The searches run on the synthetic problems of `experiments.benchmark.ablate`. They ask for ``q`` points at once, by any
rule of `jbo.batches`, and observe the values of a batch together. A number compares evaluations: those after which
the median search reaches the final median regret of the sequential search, divided by those of the sequential search.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from jaxtyping import Array, Float, Key
from rich.console import Console

import jbo
from experiments.benchmark.ablate import DRAWS
from experiments.replicate import keys_of
from jbo.batches import Batch, joint_improvement, local_penalization, pure_exploration, random_batch, thompson_batch
from jbo.strategies import Strategy

Rule = Literal["default", "joint", "local", "explore", "thompson", "random"]
RULES: dict[Rule, Callable[[], Batch | None]] = {
    "default": lambda: None,
    "joint": joint_improvement,
    "local": local_penalization,
    "explore": pure_exploration,
    "thompson": thompson_batch,
    "random": random_batch,
}


@functools.partial(jax.jit, static_argnames=("name", "q", "num_evaluations", "lanes"))
def regrets(
    keys: Key[Array, " k"], name: str, strategy: Strategy, q: int, num_evaluations: int, lanes: int
) -> Float[Array, "k t"]:
    """The regret after each evaluation of one search on each draw; the initial design is observed one by one.

    Args:
      keys: Random keys, one for each draw and its search.
      name: A name in `DRAWS` of a problem without noise.
      strategy: The strategy that searches.
      q: Number of points suggested at once.
      num_evaluations: Number of evaluations of each search; the last batch may exceed it.
      lanes: Number of draws searched in parallel.
    """
    num_design = strategy.num_initial
    num_rounds = -(-(num_evaluations - num_design) // q)

    def one(key: Key[Array, ""]) -> Float[Array, " t"]:
        key_problem, key_search = jax.random.split(key)
        problem = DRAWS[name](key_problem)

        def tell(state, x):
            y = jnp.asarray(problem(problem.space.decode_traced(x)), state.y.dtype)
            return strategy.tell(state, x, y), y

        def begin(state, _):
            return tell(state, strategy.design(key_search, state)[0])

        def go_on(state, _):
            # The values of a batch are observed after all of its points were chosen.
            return jax.lax.scan(tell, state, strategy.ask(key_search, state, q)[0])

        state, first = jax.lax.scan(begin, strategy.init(num_design + num_rounds * q), None, length=num_design)
        y = jnp.concatenate([first, jax.lax.scan(go_on, state, None, length=num_rounds)[1].ravel()])
        return jax.lax.cummin(y)[:num_evaluations] - problem.minimum

    return jax.lax.map(one, keys, batch_size=lanes)


def evaluations_to(curves: Float[np.ndarray, "k t"], target: float) -> float:
    """Number of evaluations after which the median search reaches the target; infinite if it never does."""
    is_there = np.median(curves, axis=0) <= target
    return float(np.argmax(is_there) + 1) if is_there.any() else np.inf


def ratio(
    own: Float[np.ndarray, "k t"], sequential: Float[np.ndarray, "k t"], num_evaluations: int
) -> tuple[float, float, float]:
    """How many times as many evaluations batches need to reach the final median regret of the sequential search.

    The ratio is followed by the ends of its 95 % bootstrap interval.

    Args:
      own: Regrets of the searches in batches.
      sequential: Regrets of the sequential searches, paired by draw.
      num_evaluations: Number of evaluations of the sequential search.
    """

    def of(rows: np.ndarray) -> float:
        target = float(np.median(sequential[rows, num_evaluations - 1]))
        return evaluations_to(own[rows], target) / evaluations_to(sequential[rows], target)

    rng = np.random.default_rng(0)
    resampled = [of(rng.integers(len(own), size=len(own))) for _ in range(1000)]
    low, high = np.quantile(resampled, [0.025, 0.975], method="nearest")
    return of(np.arange(len(own))), float(low), float(high)


def main(
    problems: tuple[str, ...] = ("rosenbrock4", "levy8", "styblinski_tang5", "rastrigin3", "hartmann6", "bowl"),
    batches: tuple[int, ...] = (4, 8),
    rules: tuple[Rule, ...] = ("default",),
    num_evaluations: int = 40,
    num_seeds: int = 24,
    first_seed: int = 3100,
    lanes: int = 4,
    out: Path = Path("runs/batches"),
) -> None:
    """Print how many evaluations batches need compared with the sequential search, and the median regrets.

    The regrets are those after equal numbers of evaluations.

    Args:
      problems: Names in `experiments.benchmark.ablate.DRAWS` of problems without noise.
      batches: Batch sizes.
      rules: Rules of `jbo.batches`, or the rule of `jbo.bayesian`.
      num_evaluations: Number of evaluations of the sequential search; searches in batches may use twice as many.
      num_seeds: Number of draws of each problem.
      first_seed: First seed; the next seeds follow.
      lanes: Number of draws searched in parallel.
      out: Folder for the curves and table.md; curves that it already holds are not computed again.
    """
    if unknown := [name for name in problems if name not in DRAWS or name.startswith("noisy")]:
        raise SystemExit(f"problems: expected some of the noise-free ones of {', '.join(DRAWS)}, got {unknown}")
    jbo.use_compile_cache()
    out.mkdir(parents=True, exist_ok=True)
    console, keys = Console(width=200), keys_of(first_seed, num_seeds)
    lines = [
        f"| problem | rule | one by one | {' | '.join(f'q = {q}' for q in batches)} |",
        "|---" * (len(batches) + 3) + "|",
    ]

    def curves(problem: str, rule: Rule, q: int) -> Float[np.ndarray, "k t"]:
        length = num_evaluations if q == 1 else 2 * num_evaluations
        path = out / f"{problem}, {rule}, {q}, {first_seed}+{num_seeds}, {length}.npy"
        if not path.exists():
            strategy = jbo.bayesian(DRAWS[problem](keys[0]).space, batch=RULES[rule]())
            with console.status(path.stem):
                np.save(path, np.asarray(regrets(keys, problem, strategy, q, length, lanes))[:num_seeds])
        return np.load(path)

    for problem in problems:
        sequential = curves(problem, "default", 1)
        for rule in rules:
            cells = [f"{np.median(sequential[:, num_evaluations - 1]):.3g}"]
            for q in batches:
                own = curves(problem, rule, q)
                needed = "{:.2f} [{:.2f}, {:.2f}]".format(*ratio(own, sequential, num_evaluations))
                cells.append(f"{needed}, {np.median(own[:, num_evaluations - 1]):.3g}")
            lines.append(f"| {problem} | {rule} | {' | '.join(cells)} |")
            console.print(lines[-1], highlight=False, markup=False)
    (out / "table.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    tyro.cli(main)
