"""Kernels: a kernel of the distances between the arms of a bandit, and conversions of GPy's kernels."""

import dataclasses
import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jbo.encoding import Encoding
from jbo.pytrees import pytree
from jbo.space import Space
from jbo.surrogates.kernels import (
    Covariance,
    Stationary,
    as_covariance,
    linear,
    matern12,
    matern32,
    matern52,
    on,
    periodic,
    polynomial,
    rational_quadratic,
    rbf,
)


@pytree
@dataclasses.dataclass(frozen=True)
class Arms(Stationary):
    """A stationary kernel of the distance between the points that the levels of each column stand for."""

    points: tuple[tuple[tuple[float, ...], ...], ...] = dataclasses.field(default=(), metadata={"static": True})
    """The point of each level, for each column; every coordinate is scaled to ``[0, 1]``."""

    def bind(self, encoding: Encoding) -> "Arms":
        """The kernel itself, because its columns are fixed."""
        del encoding
        return self

    def _features(self, x: Float[Array, "n d"]) -> Float[Array, "n f"]:
        features = []
        for j, points in enumerate(self.points):
            level = jnp.clip(jnp.floor(x[:, j] * len(points)), 0, len(points) - 1).astype(jnp.int32)
            features.append(jnp.asarray(np.array(points), x.dtype)[level])
        return jnp.concatenate(features, axis=1)


def arms(kernel: Any, space: Space) -> Arms:
    """The given kernel over a space of bandits.

    Args:
      kernel: A stationary kernel, such as ``jbo.surrogates.kernels.matern52``.
      space: A space whose parameters are points: tuples of numbers, or numbers.

    Raises:
      ValueError: The kernel is not stationary.
    """
    if not isinstance(kernel, Stationary):
        raise ValueError(f"kernel: expected a stationary kernel for a bandit, got {kernel!r}")
    columns = []
    for parameter in space.values():
        values = [parameter.value_at(level) for level in range(parameter.num_levels)]
        points = np.array([value if isinstance(value, tuple) else (value,) for value in values], np.float64)
        low, width = points.min(0), np.ptp(points, 0)
        points = (points - low) / np.where(width > 0, width, 1)
        columns.append(tuple(map(tuple, points.tolist())))
    return Arms(kernel.profile, tuple(len(points[0]) for points in columns), points=tuple(columns))


def from_gpy(kernel: Any, names: Sequence[str]) -> Any:
    """Converts a kernel of GPy or of `jbo.compat.gpy` to a kernel of jbo; its hyperparameters are inferred.

    Args:
      kernel: A kernel, recognised by the name of its class, so that GPy need not be installed.
      names: Names of the columns of the domain, in order.

    Raises:
      ValueError: jbo has no such kernel.
    """
    found = _converted(kernel, names)
    if found is None:
        raise ValueError(f"kernel: expected a kernel that depends on the parameters, got only {_kind(kernel)}")
    return found


def is_of_gpy(kernel: Any) -> bool:
    """True for a kernel of GPy or of `jbo.compat.gpy`: an object with ``input_dim`` whose class is in both.

    Args:
      kernel: Any object.
    """
    in_gpy = any(kind.__module__.partition(".")[0] == "GPy" for kind in type(kernel).__mro__)
    return in_gpy or (hasattr(kernel, "input_dim") and not isinstance(kernel, Covariance))


_KERNELS: dict[str, Callable[[Any], Any]] = {
    "RBF": lambda kernel: rbf,
    "ExpQuad": lambda kernel: rbf,
    "Matern52": lambda kernel: matern52,
    "Matern32": lambda kernel: matern32,
    "Exponential": lambda kernel: matern12,
    "OU": lambda kernel: matern12,
    "RatQuad": lambda kernel: rational_quadratic(),
    "Linear": lambda kernel: linear(),
    "Poly": lambda kernel: polynomial(int(np.ravel(kernel.order)[0])),
    "StdPeriodic": lambda kernel: periodic(),
    "PeriodicExponential": lambda kernel: periodic(profile=matern12),
    "PeriodicMatern32": lambda kernel: periodic(profile=matern32),
    "PeriodicMatern52": lambda kernel: periodic(profile=matern52),
}


def _converted(kernel: Any, names: Sequence[str]) -> Any:
    """The kernel of jbo; None for a constant and for noise, which every model includes."""
    kind = _kind(kernel)
    if kind in ("Bias", "White", "Fixed"):
        if kind == "Fixed":
            raise ValueError("kernel: expected a kernel of the parameters, got Fixed, a matrix over the evaluations")
        return None
    if kind in ("Add", "Prod"):
        if kind == "Prod" and any(_kind(part) == "White" for part in kernel.parts):
            raise ValueError("kernel: expected a product of functions, got White, which is noise")
        parts = [part for part in (_converted(each, names) for each in kernel.parts) if part is not None]
        if not parts:
            return None
        return functools.reduce(operator.add if kind == "Add" else operator.mul, map(as_covariance, parts))
    if kind not in _KERNELS:
        raise ValueError(f"kernel: expected one of {', '.join(_KERNELS)}, a sum or a product of them, got {kind}")
    found = _KERNELS[kind](kernel)
    chosen = getattr(kernel, "active_dims", None)
    chosen = None if chosen is None else [int(j) for j in np.ravel(chosen)]
    if chosen is None or set(range(len(names))) <= set(chosen):
        return found
    if not all(0 <= j < len(names) for j in chosen):
        raise ValueError(f"kernel: expected active_dims below {len(names)}, got {chosen}")
    return on(found, *(names[j] for j in chosen))


def _kind(kernel: Any) -> str:
    """The name of the kernel's first class that jbo supports; if there is none, the name of its own class."""
    known = (kind.__name__ for kind in type(kernel).__mro__)
    return next((name for name in known if name in (*_KERNELS, "Add", "Prod", "Bias", "White")), type(kernel).__name__)
