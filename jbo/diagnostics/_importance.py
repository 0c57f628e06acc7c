"""How much each parameter of a study matters, according to the study's model."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jbo.designs import sobol
from jbo.diagnostics._anova import Anova, functional_anova
from jbo.diagnostics._dependence import Dependence, averaged, where_active
from jbo.diagnostics._view import Interval, ModelView, Searched, view_model
from jbo.encoding import Encoding
from jbo.surrogates import GPParams, Posterior
from jbo.world import world


@dataclass(frozen=True)
class Importance:
    """Fractions of the variance of the model's mean over the space.

    The model sees compressed values, so the worse half counts for less than in the objective's units.
    """

    main: dict[str, float]
    """Main effect of each parameter: Sobol's first-order indices."""
    pairs: dict[tuple[str, str], float]
    """Interaction of each pair of parameters beyond their main effects, each pair once."""
    total: dict[str, float]
    """Total effect of each parameter, including all interactions: Sobol's total indices."""
    lengthscales: dict[str, float]
    """Lengthscales of a Gaussian process, in units of each parameter's range; two choices of a category have distance
    1. Empty for other models."""


@partial(jax.jit, static_argnums=3)
def _anova(key: Array, posterior: Posterior, encoding: Encoding, num_points: int) -> Anova:
    return functional_anova(key, lambda x: posterior.predict(x)[0], encoding, num_points)


def importance(study: Searched | ModelView, num_points: int = 4096) -> Importance:
    """Importance of the parameters and of their pairs, according to the model; see `functional_anova`.

    Args:
      study: A study, or a view of its model.
      num_points: As in `functional_anova`.

    Returns:
      Fractions of the variance of the model's mean. They mean nothing if the model predicts no better than the mean of
      the values (see `health`).

    Raises:
      ValueError: As in `view_model`.
    """
    view = study if isinstance(study, ModelView) else view_model(study)
    names = view.space.names
    with world(None):
        found = _anova(view.key, view.posterior, _without_constraint(view), num_points)
        main, pair, total = (np.asarray(shares) for shares in found[:3])
    first, second = np.triu_indices(len(names), 1)
    return Importance(
        dict(zip(names, main.tolist(), strict=True)),
        {(names[i], names[j]): float(pair[i, j]) for i, j in zip(first, second, strict=True)},
        dict(zip(names, total.tolist(), strict=True)),
        lengthscales(view.space.names, view.params),
    )


def lengthscales(names: tuple[str, ...], params: Any) -> dict[str, float]:
    """A dict from the name of each parameter to its lengthscale; empty if the model has none.

    It is the geometric mean over the hyperparameter samples.

    Args:
      names: Names of the columns.
      params: From a fit.
    """
    if not isinstance(params, GPParams):
        return {}
    mean = np.exp(np.asarray(params.log_lengthscale).mean(0))
    return dict(zip(names, mean.tolist(), strict=True))


@jax.jit
def _averaged(posterior: Posterior, encoding: Encoding, background: Array, columns: Array, places: Array) -> Dependence:
    return averaged(posterior, encoding, background, columns, places)


@partial(jax.jit, static_argnums=(1, 2, 3))
def _sobol(key: Array, num_points: int, num_columns: int, dtype: Any) -> Array:
    return sobol(key, num_points, num_columns, dtype)


_BLOCK = 96
"""Number of pairs of coordinates that are averaged at once, so that another number compiles nothing."""


def dependence(study: Searched | ModelView, name: str | tuple[str, str], places: np.ndarray) -> Interval:
    """Partial dependence of the objective on one or two parameters: median and 95 % interval of the average.

    The average over the other parameters is taken in units of the model, in which bad values are compressed.

    Args:
      study: A study, or a view of its model.
      name: Name of one parameter, or names of two.
      places: Coordinates in ``[0, 1]`` of the column; for two parameters a row for each pair of coordinates.

    Returns:
      The interval in units of the objective; NaN where two parameters are not active together.

    Raises:
      ValueError: As in `view_model`, or no parameter has this name.
    """
    view = study if isinstance(study, ModelView) else view_model(study)
    names = (name,) if isinstance(name, str) else tuple(name)
    unknown = [each for each in names if each not in view.space]
    if unknown:
        raise ValueError(f"name: expected one of {', '.join(view.space.names)}, got {unknown[0]!r}")
    if not 1 <= len(names) <= 2 or len(set(names)) < len(names):
        raise ValueError(f"name: expected one parameter or two, got {name!r}")
    rows = np.asarray(places, np.float64).reshape(-1, len(names))
    size = len(rows) if len(names) == 1 else _BLOCK
    blocks = [rows[start : start + size] for start in range(0, len(rows), size)]
    with world(None):
        encoding = _without_constraint(view)
        columns = tuple(view.space.names.index(each) for each in names)
        points = _sobol(view.key, 128, len(view.space), np.dtype("float64"))
        points = where_active(encoding, points, columns)
        found = []
        for block in blocks:
            held = np.full((size, len(names)), 0.5)
            held[: len(block)] = block
            averages = _averaged(view.posterior, encoding, points, jnp.asarray(columns, jnp.int32), jnp.asarray(held))
            found.append(np.stack(averages)[:, : len(block)])
    return view.told(*np.concatenate(found, axis=1))


def _without_constraint(view: ModelView) -> Encoding:
    """The columns without the constraint, so that programs that do not use it do not depend on it."""
    return Encoding(view.strategy.encoding.log_range, view.strategy.encoding.columns)
