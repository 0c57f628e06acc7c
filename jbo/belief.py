"""The user's prior over the best configuration, as a density on the unit cube."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr, ndtri
from jaxtyping import Array, Bool, Float

from jbo.choices import listing
from jbo.encoding import Encoding, from_level, is_active, level, snap
from jbo.numerics import LOG_SQRT_2PI
from jbo.parameters import Categorical, Integer, Ordinal, Parameter, Real, Share
from jbo.pytrees import pytree
from jbo.space import Space

_DOUBT = 0.05
"""Probability that the prior is wrong. With it the tails of a normal distribution do not exclude any point."""
_MAX_WEIGHTED = 1024
"""Maximum number of levels of a parameter whose values may have weights."""


@pytree
@dataclass(frozen=True)
class Belief:
    r"""A density over the unit cube, :math:`(1 - \epsilon) \prod_j \pi_j(x_j) + \epsilon`.

    A factor is a truncated normal, or a weight for each level; :math:`\epsilon = 0.05`.
    """

    encoding: Encoding
    loc: Float[Array, " d"] | Float[np.ndarray, " d"]
    """Mode of each normal factor, in ``[0, 1]``; arbitrary for other columns."""
    scale: Float[Array, " d"] | Float[np.ndarray, " d"]
    """Standard deviation of each normal factor in units of the cube; ``inf`` for columns without a normal factor."""
    log_weights: tuple[Float[Array, " _"] | Float[np.ndarray, " _"], ...]
    """Logarithms of the densities of the levels, for each column of `weighted`; the densities have mean 1."""
    weighted: tuple[int, ...] = field(metadata={"static": True})
    """Columns whose levels have weights."""

    def log_density(self, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Log prior density at a point; 0 everywhere if the prior is uniform.

        The columns of inactive parameters do not contribute.

        Args:
          x: A snapped point, as from `jbo.encoding.snap`.
        """
        loc, scale, is_uniform = self._normals(x.dtype)
        mass = ndtr((1 - loc) / scale) - ndtr(-loc / scale)
        terms = -0.5 * ((x - loc) / scale) ** 2 - jnp.log(scale * mass) - LOG_SQRT_2PI
        terms = jnp.where(is_uniform, 0, terms)
        levels = level(self.encoding, x)
        for j, weights in zip(self.weighted, self.log_weights, strict=True):
            terms = terms.at[j].set(jnp.asarray(weights, x.dtype)[levels[j]])
        expected = jnp.sum(jnp.where(is_active(self.encoding, x), terms, 0))
        return jnp.logaddexp(expected + float(np.log1p(-_DOUBT)), jnp.asarray(np.log(_DOUBT), x.dtype))

    def quantile(self, u: Float[Array, " d"]) -> Float[Array, " d"]:
        """The point whose coordinates are the quantiles ``u`` of the factors.

        If ``u`` is uniform, the point is a sample from the product of the factors.

        Args:
          u: A point of the open cube.
        """
        loc, scale, is_uniform = self._normals(u.dtype)
        low, high = ndtr(-loc / scale), ndtr((1 - loc) / scale)
        tail = jnp.finfo(u.dtype).eps
        point = loc + scale * ndtri(jnp.clip(low + u * (high - low), tail, 1 - tail))
        point = jnp.where(is_uniform, u, jnp.clip(point, 0, 1))
        levels = level(self.encoding, u)
        for j, weights in zip(self.weighted, self.log_weights, strict=True):
            mass = jnp.cumsum(jnp.exp(jnp.asarray(weights, u.dtype)))
            levels = levels.at[j].set(jnp.sum(mass[:-1] <= u[j] * mass[-1]).astype(levels.dtype))
        if not self.weighted:
            return point
        is_weighted = np.isin(np.arange(u.shape[0]), self.weighted)
        return jnp.where(is_weighted, from_level(self.encoding, levels, u.dtype), point)

    def mode(self, dtype: jnp.dtype) -> Float[Array, " d"]:
        """The snapped mode of the density; the centre for columns without a factor.

        Args:
          dtype: Floating type of the point.
        """
        loc, _, is_uniform = self._normals(dtype)
        point = jnp.where(is_uniform, 0.5, loc).astype(dtype)
        if self.weighted:
            levels = level(self.encoding, point)
            for j, weights in zip(self.weighted, self.log_weights, strict=True):
                levels = levels.at[j].set(jnp.argmax(jnp.asarray(weights)).astype(levels.dtype))
            is_weighted = np.isin(np.arange(point.shape[0]), self.weighted)
            point = jnp.where(is_weighted, from_level(self.encoding, levels, dtype), point)
        return snap(self.encoding, point)

    def _normals(self, dtype: jnp.dtype) -> tuple[Float[Array, " d"], Float[Array, " d"], Bool[Array, " d"]]:
        """Mode and finite standard deviation of each normal factor, and True for columns without a normal factor."""
        loc, scale = jnp.asarray(self.loc, dtype), jnp.asarray(self.scale, dtype)
        return loc, jnp.where(jnp.isinf(scale), 1, scale).astype(dtype), jnp.isinf(scale)


def belief_over(space: Space, expected: Mapping[str, Any]) -> Belief:
    """The density of a user's prior over the best configuration.

    Args:
      space: The search space.
      expected: By name, ``(value, standard deviation)`` or ``{value: weight}``, see `jbo.bayesian`.

    Raises:
      ValueError: A name is not searched, or a value, a standard deviation or a weight is invalid. The message starts
        with the name.
    """
    d = len(space)
    loc, scale, log_weights = np.full(d, 0.5), np.full(d, np.inf), {}
    columns = {name: j for j, name in enumerate(space.names)}
    for name, what in expected.items():
        if name not in columns:
            raise ValueError(f"belief: {name}: expected one of {listing(space.names)}, got a name that is not searched")
        try:
            if isinstance(what, Mapping):
                log_weights[columns[name]] = _log_weights(space[name], what)
            else:
                loc[columns[name]], scale[columns[name]] = _normal(space[name], what)
        except ValueError as error:
            raise ValueError(f"belief: {name}: {error}") from None
    weighted = tuple(sorted(log_weights))
    encoding = dataclasses.replace(space.encoding, constraint=None)  # the density does not depend on the constraint
    return Belief(encoding, loc, scale, tuple(log_weights[j] for j in weighted), weighted)


def _normal(parameter: Parameter, what: Any) -> tuple[float, float]:
    """Mode and standard deviation on the unit interval, for the user's ``(value, standard deviation)``."""
    if isinstance(parameter, Share):
        raise ValueError(f"expected a parameter that is not a share of a jbo.Simplex, got {parameter!r}")
    if isinstance(parameter, Categorical):
        raise ValueError(f"expected {{choice: weight}}, got {what!r}")
    if not isinstance(what, tuple | list) or len(what) != 2:
        raise ValueError(f"expected (value, standard deviation) or {{value: weight}}, got {what!r}")
    place = parameter.to_unit(parameter.parse(what[0]))
    is_log = not isinstance(parameter, Ordinal) and getattr(parameter, "log", False)
    least, name = (1, "a factor greater than 1") if is_log else (0, "a standard deviation greater than 0")
    if not isinstance(what[1], int | float | np.number) or not least < what[1] < math.inf:
        raise ValueError(f"expected {name}, got {what[1]!r}")
    size = float(what[1])
    if isinstance(parameter, Real):
        if parameter.step is not None:
            return place, size / (float(parameter.step) * parameter.num_levels)
        low, high = float(parameter.low), float(parameter.high)
        return place, math.log(size) / math.log(high / low) if is_log else size / (high - low)
    if isinstance(parameter, Integer):
        return place, math.log(size) / parameter.log_range[1] if is_log else size / (
            int(parameter.step) * parameter.num_levels
        )
    return place, size / parameter.num_levels


def _log_weights(parameter: Parameter, what: Mapping[Any, Any]) -> np.ndarray:
    """Logarithms of the densities of all levels. Levels that are not named have weight 1."""
    if not 0 < parameter.num_levels <= _MAX_WEIGHTED:
        raise ValueError(
            f"weights are for at most {_MAX_WEIGHTED} values; expected (value, standard deviation), got {what!r}"
        )
    weights = np.ones(parameter.num_levels)
    for value, weight in what.items():
        if not isinstance(weight, int | float | np.number) or not 0 < weight < math.inf:
            raise ValueError(f"expected a weight greater than 0 for {value!r}, got {weight!r}")
        weights[parameter.level_of(parameter.parse(value))] = weight
    return np.log(weights / weights.mean())
