"""What each choice of the default is worth: ``python -m experiments.benchmark.ablate`` (``make ablate``).

Variants of `jbo.bayesian` that differ from the default in one choice, on the drawn problems for choosing a method, many
draws of each as one program. A number is the regret over the median one of random search on the same draw: that of the
best trial, or under noise that of the recommended one, always without its noise.
"""

import functools
from pathlib import Path
from typing import Any

import jax
import numpy as np
import tyro
from jaxtyping import Array, Float, Key
from rich.console import Console

import jbo
from experiments.benchmark.problems import Noisy, draw_mixed, draw_rotated
from experiments.benchmark.statistics import bootstrap_groups
from experiments.replicate import keys_of
from jbo import functions
from jbo.strategies import Strategy
from jbo.surrogates import kernels


def _noisy(base: functions.Problem, deviation: float) -> Any:
    def draw(key: Key[Array, ""]) -> Noisy:
        key_problem, key_noise = jax.random.split(key)
        problem = base if base is functions.hartmann6 else draw_rotated(key_problem, base)
        return Noisy(problem, key_noise, deviation)

    return draw


DRAWS = {
    "rosenbrock4": functools.partial(draw_rotated, base=functions.rosenbrock(4)),
    "ackley6": functools.partial(draw_rotated, base=functions.ackley(6)),
    "levy8": functools.partial(draw_rotated, base=functions.levy(8)),
    "styblinski_tang5": functools.partial(draw_rotated, base=functions.styblinski_tang(5)),
    "levy15": functools.partial(draw_rotated, base=functions.levy(15)),
    "rastrigin3": functools.partial(draw_rotated, base=functions.rastrigin(3)),
    "hartmann6": lambda key: functions.hartmann6,
    "bowl": draw_mixed,
    "noisy_ackley6": _noisy(functions.ackley(6), 1.0),
    "noisy_levy4": _noisy(functions.levy(4), 2.0),
    "noisy_hartmann6": _noisy(functions.hartmann6, 0.15),
    "noisy_styblinski_tang3": _noisy(functions.styblinski_tang(3), 8.0),
}
"""Problems as functions of a key; Hartmann 6 is the same for all."""

_WITH_GP = {
    "RBF kernel": {"kernel": kernels.rbf},
    "Matern 3/2 kernel": {"kernel": kernels.matern32},
    "Matern 5/2 kernel": {"kernel": kernels.matern52},
    "default before: Matern 5/2 kernel, noise prior N(log 1e-3, 2)": {
        "kernel": kernels.matern52,
        "noise_prior": (float(np.log(1e-3)), 2.0),
    },
    "lengthscale prior of Hvarfner et al.": {"lengthscale_prior": (2**0.5, 3**0.5)},
    "longer lengthscales: N(0, 1)": {"lengthscale_prior": (0.0, 1.0)},
    "shorter lengthscales: N(-1, 1)": {"lengthscale_prior": (-1.0, 1.0)},
    "noise prior N(log 1e-4, 2)": {"noise_prior": (float(np.log(1e-4)), 2.0)},
    "noise prior N(log 1e-2, 2)": {"noise_prior": (float(np.log(1e-2)), 2.0)},
    "noise prior N(log 1e-2, 1)": {"noise_prior": (float(np.log(1e-2)), 1.0)},
    "signal prior N(1, 1)": {"signal_prior": (1.0, 1.0)},
}
VARIANTS = {
    "default": jbo.bayesian,
    "5 initial trials": lambda space: jbo.bayesian(space, num_initial=5),
    "confidence bound of weight 1": lambda space: jbo.bayesian(space, acquisition=jbo.lower_confidence_bound(1.0)),
    "expected improvement of the mean (EQI)": lambda space: jbo.bayesian(
        space, acquisition=jbo.log_expected_quantile_improvement()
    ),
    "Thompson sampling": lambda space: jbo.bayesian(space, acquisition=jbo.thompson_sampling()),
    "max-value entropy search": lambda space: jbo.bayesian(space, acquisition=jbo.max_value_entropy_search()),
    "knowledge gradient": lambda space: jbo.bayesian(space, acquisition=jbo.knowledge_gradient()),
    "noisy expected improvement": lambda space: jbo.bayesian(space, acquisition=jbo.log_noisy_expected_improvement()),
    "scheduled confidence bound": lambda space: jbo.bayesian(space, acquisition=jbo.scheduled_confidence_bound()),
    "plain expected improvement": lambda space: jbo.bayesian(space, acquisition=jbo.expected_improvement()),
    "forest": lambda space: jbo.bayesian(space, surrogate=jbo.forest()),
} | {
    name: lambda space, options=options: jbo.bayesian(space, surrogate=jbo.gp(**options))
    for name, options in _WITH_GP.items()
}
"""From a space to a strategy."""


@functools.partial(jax.jit, static_argnames=("name", "num_evaluations", "lanes"))
def regrets(
    keys: Key[Array, " k"], name: str, strategy: Strategy, num_evaluations: int, lanes: int
) -> Float[Array, " k"]:
    """The final regret of one search on each draw over the median one of 15 random searches there.

    Args:
      keys: Of the draws and their searches.
      name: One of `DRAWS`.
      strategy: How to search.
      num_evaluations: Of each search.
      lanes: Draws side by side.
    """

    def one(key: Key[Array, ""]) -> Float[Array, ""]:
        key_problem, key_search, key_random = jax.random.split(key, 3)
        problem = DRAWS[name](key_problem)

        def regret(key: Key[Array, ""], strategy: Strategy) -> Float[Array, ""]:
            run = jbo.minimize(key, problem, strategy, num_evaluations)
            if not isinstance(problem, Noisy):
                return run.best_y[-1] - problem.minimum
            x = run.trials.x[strategy.recommend(key, run.trials)]
            return problem.base(problem.space.decode_traced(x)) - problem.minimum

        random = jbo.random_search(problem.space)
        others = jax.vmap(lambda key: regret(key, random))(jax.random.split(key_random, 15))
        return regret(key_search, strategy) / jax.numpy.median(others)

    return jax.lax.map(one, keys, batch_size=lanes)


def table(found: dict[str, dict[str, np.ndarray]]) -> str:
    """Each variant less the default in normalised regret, paired by draw, as Markdown: below 0 the variant is better.

    Regrets are cut at twice that of random search: how bad a failed search is shall not decide everything.

    Args:
      found: Relative regrets by variant and problem; the default among the variants.
    """
    problems = list(found["default"])
    lines = [f"| change | all [95 %] | {' | '.join(problems)} |", "|---" * (len(problems) + 2) + "|"]
    own = {p: np.minimum(found["default"][p], 2) for p in problems}
    values = " | ".join(f"{own[p].mean():.2f}" for p in problems)
    lines.append(f"| the default itself | {np.mean([own[p].mean() for p in problems]):.2f} | {values} |")
    for name, by_problem in found.items():
        if name == "default":
            continue
        differences = {p: np.minimum(by_problem[p], 2) - own[p] for p in problems if p in by_problem}
        interval = "{:+.2f} [{:+.2f}, {:+.2f}]".format(*bootstrap_groups([list(d) for d in differences.values()]))
        cells = " | ".join(f"{differences[p].mean():+.2f}" if p in differences else "-" for p in problems)
        lines.append(f"| {name} | {interval} | {cells} |")
    return "\n".join(lines) + "\n"


def main(
    variants: tuple[str, ...] = tuple(VARIANTS),
    problems: tuple[str, ...] = tuple(DRAWS),
    num_evaluations: int = 40,
    num_seeds: int = 32,
    first_seed: int = 100,
    lanes: int = 4,
    out: Path = Path("runs/ablate"),
) -> None:
    """Search the drawn problems with variants of the default, and say what each change does.

    Runs that the folder holds are not made again.

    Args:
      variants: Some of `VARIANTS`; the default is always among them.
      problems: Some of `DRAWS`.
      num_evaluations: Of each search.
      num_seeds: Draws of each problem.
      first_seed: The seeds are this one and those that follow.
      lanes: Draws side by side.
      out: Folder for the regrets and table.md.
    """
    for name, known, chosen in (("variants", VARIANTS, variants), ("problems", DRAWS, problems)):
        if unknown := [entry for entry in chosen if entry not in known]:
            raise SystemExit(f"{name}: expected some of {', '.join(known)}, got {unknown}")
    jbo.use_compile_cache()
    out.mkdir(parents=True, exist_ok=True)
    console, keys = Console(), keys_of(first_seed, num_seeds)
    found: dict[str, dict[str, Any]] = {}
    for variant in dict.fromkeys(["default", *variants]):
        for problem in problems:
            path = out / f"{problem}, {variant.replace('/', ' ')}, {first_seed}+{num_seeds}, {num_evaluations}.npy"
            if not path.exists():
                with console.status(f"{variant} on {problem}"):
                    space = DRAWS[problem](keys[0]).space
                    strategy = VARIANTS[variant](space)
                    np.save(path, np.asarray(regrets(keys, problem, strategy, num_evaluations, lanes))[:num_seeds])
            found.setdefault(variant, {})[problem] = np.load(path)
    text = table(found)
    (out / "table.md").write_text(text)
    console.print(text, highlight=False, markup=False, soft_wrap=True)


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    tyro.cli(main)
