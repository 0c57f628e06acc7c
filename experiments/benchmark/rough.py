"""Functions that a Gaussian process models badly: ripples, needles, narrow valleys. Their minimum is 0.

Most formulas are from Surjanovic and Bingham, Virtual Library of Simulation Experiments. The functions of Salomon and
Easom (moved to the middle and widened) and the expanded Schaffer function are from Jamil and Yang, A Literature Survey
of Benchmark Functions for Global Optimization Problems, 2013.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from jbo import Real, Space
from jbo.functions import Problem

_TINY = 1e-12
"""Added under a square root, so that its slope at the minimum is finite."""


def _radius(z: Float[Array, " d"]) -> Float[Array, ""]:
    return jnp.sqrt(jnp.sum(z**2) + _TINY)


def _drop_wave(z: Float[Array, " d"]) -> Float[Array, ""]:
    return 1 - (1 + jnp.cos(12 * _radius(z))) / (0.5 * jnp.sum(z**2) + 2)


def _easom(z: Float[Array, " d"]) -> Float[Array, ""]:
    return 1 - jnp.prod(jnp.cos(z)) * jnp.exp(-jnp.sum(z**2) / 4)


def _ellipsoid(z: Float[Array, " d"]) -> Float[Array, ""]:
    return jnp.sum(10.0 ** (4 * jnp.arange(len(z)) / (len(z) - 1)) * z**2)


def _griewank(z: Float[Array, " d"]) -> Float[Array, ""]:
    return 1 + jnp.sum(z**2) / 4000 - jnp.prod(jnp.cos(z / jnp.sqrt(jnp.arange(1, len(z) + 1))))


def _powell(z: Float[Array, " d"]) -> Float[Array, ""]:
    a, b, c, d = (z[k::4] for k in range(4))
    return jnp.sum((a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 4 + 10 * (a - d) ** 4)


def _salomon(z: Float[Array, " d"]) -> Float[Array, ""]:
    return 1 - jnp.cos(2 * jnp.pi * _radius(z)) + 0.1 * _radius(z)


def _schaffer(z: Float[Array, " d"]) -> Float[Array, ""]:
    square = z[:-1] ** 2 + z[1:] ** 2 + _TINY
    return jnp.mean(square**0.25 * (jnp.sin(50 * square**0.1) ** 2 + 1))


def _schwefel(z: Float[Array, " d"]) -> Float[Array, ""]:
    return 418.9828872724338 * len(z) - jnp.sum(z * jnp.sin(jnp.sqrt(jnp.abs(z))))


def _zakharov(z: Float[Array, " d"]) -> Float[Array, ""]:
    slope = jnp.sum(0.5 * jnp.arange(1, len(z) + 1) * z)
    return jnp.sum(z**2) + slope**2 + slope**4


def _problem(name: str, d: int, half: float, formula: Callable[[Any], Any], best: float = 0.0) -> Problem:
    def value(config: Any) -> Any:
        return formula(jnp.stack([jnp.asarray(number) for number in config.values()]))

    names = [f"x{i + 1}" for i in range(d)]
    space = Space({n: Real(-half, half) for n in names})
    return Problem(name, space, value, 0.0, ({n: best for n in names},))


ROUGH = {
    problem.name: problem
    for problem in (
        _problem("dropwave2", 2, 5.0, _drop_wave),
        _problem("easom2", 2, 6.0, _easom),
        _problem("ellipsoid8", 8, 5.0, _ellipsoid),
        _problem("griewank4", 4, 50.0, _griewank),
        _problem("powell8", 8, 4.0, _powell),
        _problem("salomon4", 4, 5.0, _salomon),
        _problem("schaffer4", 4, 50.0, _schaffer),
        _problem("zakharov5", 5, 5.0, _zakharov),
    )
}
"""The problems by name."""
schwefel3 = _problem("schwefel3", 3, 500.0, _schwefel, 420.968746)
"""Outside of its domain the function is below its minimum, so it cannot be rotated."""
