"""The problems of the benchmark by name, half of them for choosing a method and half for reporting its performance.

Every problem that was ever used to compare variants of the method is in the choosing half. The reporting half is never
used for a choice.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax

from experiments.benchmark import tuning
from experiments.benchmark.problems import draw_embedded, draw_mixed, draw_rotated
from jbo import Space, functions


@dataclass(frozen=True)
class Case:
    """One problem, as sampled with one seed."""

    space: Space
    score: Callable[[dict[str, Any]], float]
    """Function from a config to its value without noise; lower is better."""
    noise: float = 0.0
    """Standard deviation of the noise of an observation."""


class Entry(NamedTuple):
    """A problem of the benchmark."""

    group: str
    """``continuous``, ``noisy``, ``mixed``, ``tuning``, or ``many`` columns."""
    is_for_choosing: bool | None
    """True for the choosing half, False for the reporting half; None: neither half, so it runs only by name."""
    make: Callable[[int], Case]
    """Function from a seed to the problem; a tuning task is the same for all seeds."""


@jax.jit
def _value(problem: Any, config: dict[str, Any]) -> jax.Array:
    return problem(config)


def _drawn(draw: Callable[[Any], Any], seed: int) -> Case:
    with jax.enable_x64(True):
        problem = draw(jax.random.key(seed, impl="threefry2x32"))

    def score(config: dict[str, Any]) -> float:
        with jax.enable_x64(True):
            return float(_value(problem, config)) - problem.minimum

    return Case(problem.space, score)


def _rotated(base: functions.Problem, noise: float = 0.0) -> Callable[[int], Case]:
    return lambda seed: replace(_drawn(lambda key: draw_rotated(key, base), seed), noise=noise)


def _embedded(base: functions.Problem) -> Callable[[int], Case]:
    return lambda seed: _drawn(lambda key: draw_embedded(key, base, 100), seed)


def _fixed(problem: functions.Problem, noise: float = 0.0) -> Callable[[int], Case]:
    return lambda seed: Case(problem.space, lambda config: float(problem(config)) - problem.minimum, noise)


def _task(task: tuning.Tuning) -> Callable[[int], Case]:
    return lambda seed: Case(task.space, task)


ENTRIES = {
    "rosenbrock4": Entry("continuous", True, _rotated(functions.rosenbrock(4))),
    "ackley6": Entry("continuous", True, _rotated(functions.ackley(6))),
    "levy8": Entry("continuous", True, _rotated(functions.levy(8))),
    "hartmann6": Entry("continuous", True, _fixed(functions.hartmann6)),
    "levy15": Entry("continuous", True, _rotated(functions.levy(15))),
    "branin": Entry("continuous", True, _fixed(functions.branin)),
    "rastrigin3": Entry("continuous", True, _rotated(functions.rastrigin(3))),
    "styblinski_tang5": Entry("continuous", True, _rotated(functions.styblinski_tang(5))),
    "rosenbrock3": Entry("continuous", False, _rotated(functions.rosenbrock(3))),
    "rosenbrock7": Entry("continuous", False, _rotated(functions.rosenbrock(7))),
    "ackley3": Entry("continuous", False, _rotated(functions.ackley(3))),
    "ackley10": Entry("continuous", False, _rotated(functions.ackley(10))),
    "levy20": Entry("continuous", False, _rotated(functions.levy(20))),
    "michalewicz5": Entry("continuous", False, _fixed(functions.michalewicz(5))),
    "rastrigin6": Entry("continuous", False, _rotated(functions.rastrigin(6))),
    "styblinski_tang10": Entry("continuous", False, _rotated(functions.styblinski_tang(10))),
    "noisy_ackley6": Entry("noisy", True, _rotated(functions.ackley(6), 1.0)),
    "noisy_levy4": Entry("noisy", True, _rotated(functions.levy(4), 2.0)),
    "noisy_hartmann6": Entry("noisy", True, _fixed(functions.hartmann6, 0.15)),
    "noisy_styblinski_tang3": Entry("noisy", True, _rotated(functions.styblinski_tang(3), 8.0)),
    "noisy_ackley3": Entry("noisy", False, _rotated(functions.ackley(3), 1.0)),
    "noisy_branin": Entry("noisy", False, _fixed(functions.branin, 10.0)),
    "noisy_levy7": Entry("noisy", False, _rotated(functions.levy(7), 2.0)),
    "noisy_rosenbrock3": Entry("noisy", False, _rotated(functions.rosenbrock(3), 50.0)),
    "bowl": Entry("mixed", True, lambda seed: _drawn(draw_mixed, seed)),
    "mixed": Entry("mixed", False, _fixed(functions.mixed)),
    "conditional": Entry("mixed", False, _fixed(functions.conditional)),
    "levy20_of_100": Entry("many", None, _embedded(functions.levy(20))),
    "styblinski_tang20_of_100": Entry("many", None, _embedded(functions.styblinski_tang(20))),
} | {name: Entry("tuning", number < 6, _task(task)) for number, (name, task) in enumerate(tuning.TASKS.items())}
"""The problems by name: group, half, and the function that samples the problem."""
