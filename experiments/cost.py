"""Total cost of a search until it is close to the minimum, if the cost depends on one parameter.

``python -m experiments.cost`` prints the total cost of the evaluations up to the first regret of at most 0.05: the
median over seeds with its quartiles. The cost is ignored, learnt (``cost="seconds"``) or known (a function). An
evaluation costs 20 to the power of the first parameter, scaled to [0, 1], so from 1 to 20. With ``--falls`` the other
end of the range is expensive.
"""

import argparse
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

import jbo

PROBLEMS = {"branin": 40, "hartmann6": 60}
"""Number of evaluations of one search."""


@dataclass(frozen=True)
class Priced:
    """A problem with a known cost of an evaluation."""

    problem: Any
    falls: bool = False
    """Whether the cost falls along the first parameter."""

    @property
    def space(self) -> jbo.Space:
        """Space of the problem."""
        return self.problem.space

    def cost(self, config: dict[str, Any]) -> Any:
        """From 1 to 20 along the first parameter, or from 20 to 1."""
        name = self.space.names[0]
        parameter: Any = self.space[name]
        place = (config[name] - parameter.low) / (parameter.high - parameter.low)
        return 20.0 ** (1 - place if self.falls else place)

    def __call__(self, config: dict[str, Any]) -> jbo.Result:
        """The value and the cost."""
        return jbo.Result(self.problem(config), cost=self.cost(config))


def spent(problem: Priced, strategy: Any, num_seeds: int, num_steps: int, regret: float = 0.05) -> np.ndarray:
    """Total cost of each seed up to the first evaluation of at most this regret; infinite if there is none.

    Args:
      problem: Problem to minimise.
      strategy: Strategy of the search.
      num_seeds: Number of parallel searches.
      num_steps: Number of evaluations of each search.
      regret: Regret to reach.
    """
    keys = jax.random.split(jax.random.key(0), num_seeds)
    run = jax.jit(jax.vmap(lambda key: jbo.minimize(key, problem, strategy, num_steps)))(keys)
    assert run.trials.cost is not None
    is_near = np.asarray(run.best_y) - problem.problem.minimum <= regret
    total = np.cumsum(np.asarray(run.trials.cost), axis=1)
    return np.where(is_near.any(1), total[np.arange(num_seeds), is_near.argmax(1)], np.inf)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=32)
    parser.add_argument("--falls", action="store_true")
    parser.add_argument("--problems", nargs="*", default=list(PROBLEMS))
    options = parser.parse_args()
    for name in options.problems:
        problem = Priced(getattr(jbo.functions, name), options.falls)
        for kind, cost in {"ignored": None, "learnt": "seconds", "known": problem.cost}.items():
            strategy = jbo.bayesian(problem.space, acquisition=jbo.log_expected_improvement(), cost=cost)
            costs = spent(problem, strategy, options.seeds, PROBLEMS[name])
            low, middle, high = np.quantile(costs, [0.25, 0.5, 0.75], method="inverted_cdf")
            print(f"{name}, cost {kind}: {middle:.1f} [{low:.1f}, {high:.1f}], {options.seeds} seeds", flush=True)


if __name__ == "__main__":
    main()
