"""How much each choice of the default helps: ``python -m experiments.benchmark.ablate`` (``make ablate``).

Variants of `jbo.bayesian` differ from the default in one choice. They search the synthetic problems for choosing a
method, many random draws of each problem in one program. A number is a regret divided by the median regret of random
search on the same draw. The regret is that of the best trial, or under noise that of the recommended trial. It is
always measured without noise.
"""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from jaxtyping import Array, Float, Int, Key
from rich.console import Console

import jbo
from experiments.benchmark import choices
from experiments.benchmark.problems import Noisy, draw_embedded, draw_mixed, draw_rotated
from experiments.benchmark.rough import ROUGH, schwefel3
from experiments.benchmark.statistics import bootstrap_groups, mean_ranks
from experiments.replicate import keys_of
from jbo import functions
from jbo.strategies import Strategy
from jbo.surrogates import kernels


def _rotated(base: functions.Problem) -> Any:
    return functools.partial(draw_rotated, base=base)


def _hartmann6(key: Key[Array, ""]) -> functions.Problem:
    return functions.hartmann6


def _schwefel3(key: Key[Array, ""]) -> functions.Problem:
    return schwefel3


def _noisy(draw: Any, deviation: float) -> Any:
    def noisy(key: Key[Array, ""]) -> Noisy:
        key_problem, key_noise = jax.random.split(key)
        return Noisy(draw(key_problem), key_noise, deviation)

    return noisy


OF_CHOICES = {
    "additive_choices": choices.draw_additive,
    "additive_switches": functools.partial(choices.draw_additive, num_choices=(2,) * 8, num_reals=2),
    "needle_of_switches": choices.draw_needle,
    "needle_of_choices": functools.partial(choices.draw_needle, num_choices=(3, 3, 3)),
    "hidden_plane": choices.draw_latent,
    "kernel_choice": choices.draw_switched,
    "pairs_of_choices": choices.draw_pairs,
    "training": choices.draw_training,
}
"""Problems in which categories matter most."""

DRAWS = {
    "rosenbrock4": _rotated(functions.rosenbrock(4)),
    "ackley6": _rotated(functions.ackley(6)),
    "levy8": _rotated(functions.levy(8)),
    "styblinski_tang5": _rotated(functions.styblinski_tang(5)),
    "levy15": _rotated(functions.levy(15)),
    "rastrigin3": _rotated(functions.rastrigin(3)),
    "hartmann6": _hartmann6,
    "bowl": draw_mixed,
    "noisy_ackley6": _noisy(_rotated(functions.ackley(6)), 1.0),
    "noisy_levy4": _noisy(_rotated(functions.levy(4)), 2.0),
    "noisy_hartmann6": _noisy(_hartmann6, 0.15),
    "noisy_styblinski_tang3": _noisy(_rotated(functions.styblinski_tang(3)), 8.0),
    "noisy_bowl": _noisy(draw_mixed, 0.2),
    **{name: _rotated(base) for name, base in ROUGH.items()},
    "schwefel3": _schwefel3,
    "noisy_griewank4": _noisy(_rotated(ROUGH["griewank4"]), 0.1),
    "noisy_salomon4": _noisy(_rotated(ROUGH["salomon4"]), 0.08),
    **OF_CHOICES,
    "levy4_of_30": functools.partial(draw_embedded, base=functions.levy(4), num_columns=30),
    "styblinski_tang3_of_30": functools.partial(draw_embedded, base=functions.styblinski_tang(3), num_columns=30),
    "levy20_of_100": functools.partial(draw_embedded, base=functions.levy(20), num_columns=100),
    "styblinski_tang20_of_100": functools.partial(draw_embedded, base=functions.styblinski_tang(20), num_columns=100),
}
"""Problems as functions of a key; Hartmann 6 and Schwefel 3 are the same for all keys."""

_BY_NAME = {
    *ROUGH,
    *OF_CHOICES,
    "schwefel3",
    "noisy_griewank4",
    "noisy_salomon4",
    *(name for name in DRAWS if "_of_" in name),
}
"""Rough problems, problems with choices, and problems with many columns; they run only if they are named."""

_GP = {
    "without effects of choices": {"kernel": kernels.multiscale},
    "RBF kernel": {"kernel": kernels.rbf},
    "Matern 3/2 kernel": {"kernel": kernels.matern32},
    "Matern 5/2 kernel": {"kernel": kernels.matern52},
    "rational quadratic kernel": {"kernel": kernels.rational_quadratic()},
    "warped inputs": {"kernel": kernels.input_warped(kernels.multiscale)},
    "warped output": {"warps_output": True},
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
_SURROGATES = {
    "forest": jbo.forest,
    "sampled hyperparameters (NUTS)": jbo.gp_mcmc,
    "sampled sparse hyperparameters (SAAS)": jbo.gp_saas,
} | {name: functools.partial(jbo.gp, **options) for name, options in _GP.items()}
_ACQUISITIONS = {
    "confidence bound of weight 2": jbo.lower_confidence_bound,
    "confidence bound of weight 1": functools.partial(jbo.lower_confidence_bound, 1.0),
    "log expected improvement": jbo.log_expected_improvement,
    "scheduled confidence bound": jbo.scheduled_confidence_bound,
    "plain expected improvement": jbo.expected_improvement,
    "expected improvement of the mean (EQI)": jbo.log_expected_quantile_improvement,
    "noisy expected improvement": jbo.log_noisy_expected_improvement,
    "Thompson sampling": jbo.thompson_sampling,
    "max-value entropy search": jbo.max_value_entropy_search,
    "knowledge gradient": jbo.knowledge_gradient,
    "portfolio": jbo.portfolio,
}
VARIANTS = (
    {"default": jbo.bayesian, "5 initial trials": functools.partial(jbo.bayesian, num_initial=5)}
    | {name: lambda space, make=make: jbo.bayesian(space, acquisition=make()) for name, make in _ACQUISITIONS.items()}
    | {name: lambda space, make=make: jbo.bayesian(space, surrogate=make()) for name, make in _SURROGATES.items()}
    | {"Parzen estimator": jbo.parzen, "trust region": jbo.trust_region, "random search": jbo.random_search}
)
"""Functions from a space to a strategy, by name of the variant."""


@functools.partial(jax.jit, static_argnames=("names", "num_evaluations", "lanes"))
def regrets(
    keys: Key[Array, " k"], names: tuple[str, ...], strategy: Strategy, num_evaluations: int, lanes: int
) -> Float[Array, "p k"]:
    """The final regret of one search on each draw, divided by the median regret of 15 random searches on that draw.

    All problems share one program, because compiling a search takes far longer than running it.

    Args:
      keys: Random keys, one for each draw and its search.
      names: Names in `DRAWS`; the spaces of these problems have the same structure.
      strategy: The strategy that searches.
      num_evaluations: Number of evaluations of each search.
      lanes: Number of draws searched in parallel.
    """

    def one(which: Int[Array, ""], key: Key[Array, ""]) -> Float[Array, ""]:
        key_problem, key_search, key_random = jax.random.split(key, 3)
        problems = [DRAWS[name](key_problem) for name in names]
        is_noisy = [isinstance(problem, Noisy) for problem in problems]

        def regret(key: Key[Array, ""], strategy: Strategy) -> Float[Array, ""]:
            run = jbo.minimize(key, _OneOf(problems, which), strategy, num_evaluations)
            row = Strategy.recommend(strategy, key, run.trials)
            if any(is_noisy):
                row = jnp.where(jnp.array(is_noisy)[which], strategy.recommend(key, run.trials), row)
            exact = [problem.base if isinstance(problem, Noisy) else problem for problem in problems]
            least = jnp.array([problem.minimum for problem in problems])[which]
            return _OneOf(exact, which)(run.trials.x[row]) - least

        random = jbo.random_search(problems[0].space)
        others = jax.vmap(lambda key: regret(key, random))(jax.random.split(key_random, 15))
        return regret(key_search, strategy) / jnp.median(others)

    which = jnp.repeat(jnp.arange(len(names)), len(keys))
    found = jax.lax.map(lambda pair: one(*pair), (which, jnp.tile(keys, len(names))), batch_size=lanes)
    return found.reshape(len(names), len(keys))


@dataclass(frozen=True)
class _OneOf:
    """One of several problems, chosen by its number. Its configs are points of the unit cube."""

    problems: list[Any]
    which: Int[Array, ""]

    @property
    def space(self) -> Any:
        return self

    @property
    def encoding(self) -> Any:
        return self.problems[0].space.encoding

    def decode_traced(self, x: Float[Array, " d"]) -> Float[Array, " d"]:
        return x

    def __call__(self, config: Any) -> Float[Array, ""]:
        def value_of(problem: Any) -> Any:
            return lambda x: jnp.asarray(problem(problem.space.decode_traced(x)), x.dtype)

        return jax.lax.switch(self.which, [value_of(problem) for problem in self.problems], config)


def table(found: dict[str, dict[str, np.ndarray]]) -> str:
    """Differences in normalised regret, variant − default, paired by draw, as Markdown; below 0 the variant is better.

    Regrets are cut at twice the regret of random search, because one failed search must not decide the result. The
    rank is the mean rank among all variants, 1 is best; it ignores the size of the differences.

    Args:
      found: Relative regrets by variant and problem, including the default.
    """
    problems = list(found["default"])
    places = mean_ranks([np.array([by_problem[p] for by_problem in found.values()]) for p in problems])
    ranks = {name: "{:.2f} [{:.2f}, {:.2f}]".format(*place) for name, place in zip(found, places, strict=True)}
    lines = [f"| change | rank [95 %] | all [95 %] | {' | '.join(problems)} |", "|---" * (len(problems) + 3) + "|"]
    own = {p: np.minimum(found["default"][p], 2) for p in problems}
    values = " | ".join(f"{own[p].mean():.2f}" for p in problems)
    mean = np.mean([own[p].mean() for p in problems])
    lines.append(f"| the default itself | {ranks['default']} | {mean:.2f} | {values} |")
    for name in sorted(found.keys() - {"default"}, key=lambda name: float(ranks[name].split()[0])):
        differences = {p: np.minimum(found[name][p], 2) - own[p] for p in problems}
        interval = "{:+.2f} [{:+.2f}, {:+.2f}]".format(*bootstrap_groups([list(d) for d in differences.values()]))
        cells = " | ".join(f"{differences[p].mean():+.2f}" for p in problems)
        lines.append(f"| {name} | {ranks[name]} | {interval} | {cells} |")
    return "\n".join(lines) + "\n"


def main(
    variants: tuple[str, ...] = tuple(VARIANTS),
    problems: tuple[str, ...] = tuple(name for name in DRAWS if name not in _BY_NAME),
    num_evaluations: int = 40,
    num_seeds: int = 32,
    first_seed: int = 100,
    lanes: int = 4,
    out: Path = Path("runs/ablate"),
) -> None:
    """Search the synthetic problems with variants of the default, and report the effect of each change.

    Runs that the folder already holds are not repeated.

    Args:
      variants: Names in `VARIANTS`; the default is always included.
      problems: Names in `DRAWS`.
      num_evaluations: Number of evaluations of each search.
      num_seeds: Number of draws of each problem.
      first_seed: First seed; the next seeds follow.
      lanes: Number of draws searched in parallel.
      out: Folder for the regrets and table.md.
    """
    for name, known, chosen in (("variants", VARIANTS, variants), ("problems", DRAWS, problems)):
        if unknown := [entry for entry in chosen if entry not in known]:
            raise SystemExit(f"{name}: expected some of {', '.join(known)}, got {unknown}")
    jbo.use_compile_cache()
    out.mkdir(parents=True, exist_ok=True)
    console, keys = Console(), keys_of(first_seed, num_seeds)
    spaces = {problem: DRAWS[problem](keys[0]).space for problem in problems}
    groups, found = {}, {}
    for problem, space in spaces.items():
        groups.setdefault(space.encoding.columns, []).append(problem)
    for variant in dict.fromkeys(["default", *variants]):
        end = f", {variant.replace('/', ' ')}, {first_seed}+{num_seeds}, {num_evaluations}.npy"
        for alike in groups.values():
            if missing := tuple(problem for problem in alike if not (out / (problem + end)).exists()):
                with console.status(f"{variant} on {', '.join(missing)}"):
                    strategy = VARIANTS[variant](spaces[missing[0]])
                    rows = np.asarray(regrets(keys, missing, strategy, num_evaluations, lanes))
                for problem, row in zip(missing, rows, strict=True):
                    np.save(out / (problem + end), row[:num_seeds])
        found[variant] = {problem: np.load(out / (problem + end)) for problem in problems}
    text = table(found)
    (out / "table.md").write_text(text)
    console.print(text, highlight=False, markup=False, soft_wrap=True)


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    tyro.cli(main)
