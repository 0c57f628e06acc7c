"""Synthetic problems with categories: the minimum of each draw, and two formulas by value."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jbo
from experiments.benchmark import choices
from experiments.benchmark.ablate import OF_CHOICES
from tests.selection import some

KEY = jax.random.key(3, impl="threefry2x32")


def _least(problem):
    """The minimum over all choices; for each of them the numbers are found by random steps from the middle."""
    value = jax.jit(jax.vmap(lambda x: jnp.asarray(problem(problem.space.decode_traced(x)), x.dtype)))
    every = np.array(list(itertools.product(*((np.arange(k) + 0.5) / k for k in problem.num_choices))))
    rng, best = np.random.default_rng(0), None
    reals = np.full((len(every), problem.num_reals), 0.5)
    spread = 0.5
    for _ in range(60 if problem.num_reals else 1):
        tries = np.clip(reals[:, None] + spread * rng.uniform(-1, 1, (len(every), 24, problem.num_reals)), 0, 1)
        tries[:, 0] = reals
        x = np.concatenate([np.broadcast_to(every[:, None], (*tries.shape[:2], every.shape[1])), tries], axis=2)
        found = np.asarray(value(jnp.asarray(x.reshape(-1, x.shape[2])))).reshape(tries.shape[:2])
        reals, best = tries[np.arange(len(every)), found.argmin(1)], found.min()
        spread *= 0.85
    return best


@some("name", OF_CHOICES, ["kernel_choice", "training"])
def test_the_least_value_is_the_minimum(name, x64):
    problem = OF_CHOICES[name](KEY)
    assert problem.minimum == 0.0
    assert -1e-9 <= _least(problem) < 0.02


def test_a_sum_of_effects_is_the_sum(x64):
    problem = choices.draw_additive(KEY, (3, 2), 1)
    config = {"c1": 2, "c2": 1, "x1": 0.25}
    expected = problem.effect[0, 2] + problem.effect[1, 1] + 4 * (0.25 - problem.place[0]) ** 2
    assert float(problem(config)) == pytest.approx(float(expected))
    assert isinstance(problem.space["c1"], jbo.Categorical)


def test_a_needle_is_that_of_ackley(x64):
    problem = choices.draw_needle(KEY, (2, 2), 1)
    wrong = [int(p) for p in 1 - problem.pattern]
    z = np.array([1.0, 1.0, 2 * (0.5 - float(problem.place[0]))])
    expected = -20 * np.exp(-0.2 * np.sqrt(np.mean(z**2))) - np.exp(np.mean(np.cos(2 * np.pi * z))) + 20 + np.e
    assert float(problem({"c1": wrong[0], "c2": wrong[1], "x1": 0.5})) == pytest.approx(expected, abs=1e-6)
