"""What a test problem is, and how its config becomes numbers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jbo.outcomes import Outcome
from jbo.space import Space


@dataclass(frozen=True, eq=False)
class Problem:
    """A function to minimise: ``problem(config)`` is its value, a scalar.

    Problems are compared by identity, so that one may be a static argument of a jitted function.
    """

    name: str
    """What it is called, with its number of dimensions where it can have several."""
    space: Space
    """Where it is searched."""
    function: Callable[[Mapping[str, Any]], Any]
    """From a config to a scalar."""
    minimum: float
    """Least value on the space."""
    minimizers: tuple[dict[str, Any], ...]
    """The configs at which it is reached, all of them."""

    def __call__(self, config: Mapping[str, Any]) -> Any:
        """The value at a config: a NumPy scalar, or a JAX scalar if any value of the config is one."""
        return self.function(config)


@dataclass(frozen=True, eq=False)
class ConstrainedProblem:
    """A function to minimise within limits on what is measured: ``problem(config)`` is a dict of its outcomes.

    ``jbo.Study(problem.space, outcomes=problem.outcomes)`` tunes it, and so does ``jbo.minimize(key, problem, strategy,
    num_steps, outcomes=problem.outcomes)``. Such problems are compared by identity.
    """

    name: str
    """What it is called."""
    space: Space
    """Where it is searched."""
    function: Callable[[Mapping[str, Any]], dict[str, Any]]
    """From a config to the outcomes by name, all of them scalars."""
    outcomes: tuple[Outcome, ...]
    """One `jbo.Minimize`, and a `jbo.AtMost` or `jbo.AtLeast` for each limit."""
    minimum: float
    """Least value of a config within the limits."""
    minimizers: tuple[dict[str, Any], ...]
    """The configs at which it is reached, all of them. Limits hold there up to a relative error of 1e-9."""

    def __call__(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The outcomes at a config: NumPy scalars, or JAX scalars if any value of the config is one."""
        return self.function(config)


@dataclass(frozen=True, eq=False)
class ParetoProblem:
    """Several functions to minimise at once: ``problem(config)`` is a dict of its outcomes.

    Some have limits as well. Such problems are compared by identity.
    """

    name: str
    """What it is called, with its numbers of dimensions and objectives where it can have several."""
    space: Space
    """Where it is searched."""
    function: Callable[[Mapping[str, Any]], dict[str, Any]]
    """From a config to the outcomes by name, all of them scalars."""
    outcomes: tuple[Outcome, ...]
    """A `jbo.Minimize` with its reference for each objective, and perhaps limits."""
    reference: tuple[float, ...]
    """The worst value of each objective that still counts, see `jbo.pareto.hypervolume`."""
    hypervolume: float
    """The largest one, that of the whole front."""

    def __call__(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The outcomes at a config: NumPy scalars, or JAX scalars if any value of the config is one."""
        return self.function(config)


def namespace(config: Mapping[str, Any]) -> ModuleType:
    """JAX for traced configs, NumPy for those of Python: the latter need no compiler and keep float64."""
    return jnp if any(isinstance(value, jax.Array) for value in config.values()) else np


def vector(config: Mapping[str, Any]) -> tuple[ModuleType, Any]:
    """The namespace, and ``x1, x2, …`` of a config as one vector."""
    xp = namespace(config)
    return xp, xp.stack([config[f"x{i}"] for i in range(1, len(config) + 1)])
