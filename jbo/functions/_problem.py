"""Classes of test problems, and the conversion of configs to numbers."""

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

    Problems are compared by identity, so that a problem may be a static argument of a jitted function.
    """

    name: str
    """Name, with the number of dimensions if it may vary."""
    space: Space
    """The search space."""
    function: Callable[[Mapping[str, Any]], Any]
    """Function from a config to a scalar."""
    minimum: float
    """Minimum value over the space."""
    minimizers: tuple[dict[str, Any], ...]
    """All configs with the minimum value."""

    def __call__(self, config: Mapping[str, Any]) -> Any:
        """The value at a config: a NumPy scalar, or a JAX scalar if any value of the config is one."""
        return self.function(config)


@dataclass(frozen=True, eq=False)
class ConstrainedProblem:
    """A function to minimise under limits on measured outcomes: ``problem(config)`` is a dict of the outcomes.

    ``jbo.Study(problem.space, outcomes=problem.outcomes)`` tunes it, and so does ``jbo.minimize(key, problem, strategy,
    num_steps, outcomes=problem.outcomes)``. Such problems are compared by identity.
    """

    name: str
    """Name of the problem."""
    space: Space
    """The search space."""
    function: Callable[[Mapping[str, Any]], dict[str, Any]]
    """Function from a config to the outcomes by name, all scalars."""
    outcomes: tuple[Outcome, ...]
    """One `jbo.Minimize`, and a `jbo.AtMost` or `jbo.AtLeast` for each limit."""
    minimum: float
    """Minimum value over the feasible configs."""
    minimizers: tuple[dict[str, Any], ...]
    """All feasible configs with the minimum value. Limits hold there up to a relative error of 1e-9."""

    def __call__(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The outcomes at a config: NumPy scalars, or JAX scalars if any value of the config is one."""
        return self.function(config)


@dataclass(frozen=True, eq=False)
class ParetoProblem:
    """Several functions to minimise at once: ``problem(config)`` is a dict of the outcomes.

    Some have limits as well. Such problems are compared by identity.
    """

    name: str
    """Name, with the numbers of dimensions and objectives if they may vary."""
    space: Space
    """The search space."""
    function: Callable[[Mapping[str, Any]], dict[str, Any]]
    """Function from a config to the outcomes by name, all scalars."""
    outcomes: tuple[Outcome, ...]
    """A `jbo.Minimize` with its reference for each objective, and perhaps limits."""
    reference: tuple[float, ...]
    """Reference point, the worst value of each objective that counts; see `jbo.pareto.hypervolume`."""
    hypervolume: float
    """Maximum hypervolume, that of the whole Pareto front."""

    def __call__(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The outcomes at a config: NumPy scalars, or JAX scalars if any value of the config is one."""
        return self.function(config)


def namespace(config: Mapping[str, Any]) -> ModuleType:
    """``jax.numpy`` for traced configs, NumPy for Python configs, which then need no compiler and stay in float64."""
    return jnp if any(isinstance(value, jax.Array) for value in config.values()) else np


def vector(config: Mapping[str, Any]) -> tuple[ModuleType, Any]:
    """The namespace, and ``x1, x2, …`` of a config as one vector."""
    xp = namespace(config)
    return xp, xp.stack([config[f"x{i}"] for i in range(1, len(config) + 1)])
