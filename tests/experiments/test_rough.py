"""The rough functions of the ablations, against sums written in plain Python."""

import math

import jax
import numpy as np

from experiments.benchmark.rough import ROUGH, schwefel3
from tests.selection import some

PROBLEMS = ROUGH | {"schwefel3": schwefel3}


def radius(z):
    return math.sqrt(sum(v * v for v in z))


def powell(z):
    parts = [z[i : i + 4] for i in range(0, len(z), 4)]
    return sum((a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 4 + 10 * (a - d) ** 4 for a, b, c, d in parts)


def schaffer(z):
    s = [a * a + b * b for a, b in zip(z[:-1], z[1:], strict=True)]
    return sum(v**0.25 * (math.sin(50 * v**0.1) ** 2 + 1) for v in s) / len(s)


def zakharov(z):
    slope = sum(0.5 * (i + 1) * v for i, v in enumerate(z))
    return sum(v * v for v in z) + slope**2 + slope**4


FORMULAS = {
    "dropwave2": lambda z: 1 - (1 + math.cos(12 * radius(z))) / (0.5 * radius(z) ** 2 + 2),
    "easom2": lambda z: 1 - math.cos(z[0]) * math.cos(z[1]) * math.exp(-(z[0] ** 2 + z[1] ** 2) / 4),
    "ellipsoid8": lambda z: sum(10 ** (4 * i / 7) * v * v for i, v in enumerate(z)),
    "griewank4": lambda z: (
        1 + sum(v * v for v in z) / 4000 - math.prod(math.cos(v / math.sqrt(i + 1)) for i, v in enumerate(z))
    ),
    "powell8": powell,
    "salomon4": lambda z: 1 - math.cos(2 * math.pi * radius(z)) + 0.1 * radius(z),
    "schaffer4": schaffer,
    "schwefel3": lambda z: sum(418.9828872724338 - v * math.sin(math.sqrt(abs(v))) for v in z),
    "zakharov5": zakharov,
}


@some("name", PROBLEMS, 2)
def test_a_rough_function_is_its_formula_and_least_at_its_minimum(name, x64):
    problem, rng = PROBLEMS[name], np.random.default_rng(0)
    names = list(problem.space)
    value = jax.jit(jax.vmap(lambda z: problem(dict(zip(names, z, strict=True)))))
    bound = problem.space["x1"].high
    at = rng.uniform(-bound, bound, (200, len(names)))
    found = np.asarray(value(at))
    np.testing.assert_allclose(found, [FORMULAS[name](list(z)) for z in at], rtol=1e-6, atol=1e-8)
    best = np.array([list(problem.minimizers[0].values())])
    assert abs(value(best)[0]) < 3e-3 and (found > value(best)[0]).all()
    near = np.clip(best + 1e-3 * bound * rng.normal(size=(50, len(names))), -bound, bound)
    assert (np.asarray(value(near)) >= value(best)[0] - 1e-9).all()
