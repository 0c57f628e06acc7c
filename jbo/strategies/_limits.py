"""Limits on measured outcomes: the probability that a point meets all limits."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from jbo.acquisitions import LogWeight, formulas
from jbo.encoding import Encoding
from jbo.knowledge import Knowledge
from jbo.numerics import to_middle_of_range
from jbo.pytrees import pytree
from jbo.strategies._transform import LARGEST_NOISE, standardise
from jbo.strategies.weights import Weight
from jbo.surrogates import GP, Posterior, gp, mean_of
from jbo.types import ABANDONED, EMPTY, FAILED, PENDING, Dataset, Trials

_LARGEST_RATIO = float(np.exp(10))
"""Maximum distance from a limit, in units of the median distance."""


class Excess(NamedTuple):
    """The data to which the surrogate of a limit is fitted."""

    data: Dataset
    """Standardised distances from the limit, for each trial in which the limited outcome was measured."""
    limit: Float[Array, ""]
    """The limit, on the scale of the distances."""


def bilog(c: Float[Array, " n"], is_valid: Bool[Array, " n"]) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    r"""Bilog transform of distances from a limit, :math:`\operatorname{sign}(c) \log(1 + |c|/s)`.

    Large distances are compressed on both sides. Near the limit the slope is :math:`1/s`, so the limit stays sharp. The
    unit :math:`s` is the median of the absolute distances that are not 0. Distances are clipped to :math:`e^{10} s`.

    Args:
      c: Distances, at most 0 if the limit holds; distances of any size must be scaled by
        `numerics.to_middle_of_range` first.
      is_valid: Rows that count.

    Returns:
      Transformed distances, 0 in other rows, and the slope at each distance.

    References:
      Eriksson and Poloczek, Scalable Constrained Bayesian Optimization, 2021, section 3 (with s = 1).
    """
    size = jnp.abs(jnp.where(is_valid, c, 0))
    num = jnp.sum(size > 0).astype(jnp.int32)
    ordered = jnp.sort(jnp.where(size > 0, size, jnp.inf))
    unit = jnp.where(num > 0, ordered[jnp.maximum(num - 1, 0) // 2], 1).astype(c.dtype)
    ratio = jnp.minimum(size / unit, _LARGEST_RATIO)
    return jnp.where(is_valid, jnp.sign(c) * jnp.log1p(ratio), 0).astype(c.dtype), 1 / (unit * (1 + ratio))


def excess(state: Trials, column: Float[Array, " n"], is_known: Bool[Array, " n"], noise: Any) -> Excess:
    """The data for the surrogate of a limit: all trials with a measured value, including pending ones.

    Args:
      state: The table.
      column: Column of the limit, at most 0 if the limit holds.
      is_known: True for measured values.
      noise: Known standard deviations of the noise of the column; None: unknown.
    """
    is_valid = is_known & (state.status != EMPTY) & (state.status != ABANDONED) & (state.status != FAILED)
    scaled, factor = to_middle_of_range(column, is_valid)
    z, slope = bilog(scaled, is_valid)
    y, mean, deviation = standardise(z, is_valid)
    variance = None
    if noise is not None:
        seen = jnp.minimum(noise * factor, LARGEST_NOISE / slope) * slope / deviation
        variance = jnp.where(is_valid, jnp.minimum(seen, LARGEST_NOISE) ** 2, 0).astype(y.dtype)
    return Excess(Dataset(state.x, y, is_valid, deviation, variance), -mean / deviation)


@pytree
@dataclass(frozen=True)
class Feasible(Weight):
    r"""The probability that all limits hold, :math:`\prod_j P(c_j(x) \le 0)`, by a Gaussian process for each limit.

    The models are independent of each other and of the model of the objective. One program fits and evaluates all of
    them.

    References:
      Schonlau, Welch and Jones, Global Versus Local Search in Constrained Optimization of Computer Models, 1998;
      Gardner et al., Bayesian Optimization with Inequality Constraints, 2014, eq. 6.
    """

    surrogate: GP
    """Model of the distance from a limit, over the columns of the space."""
    num_limits: int = field(metadata={"static": True})
    """Number of limits."""

    def init(self, num_columns: int, dtype: jnp.dtype) -> Any:
        """Starting parameters of a cold fit, with a leading axis of limits."""
        one = self.surrogate.init(num_columns, dtype)
        return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (self.num_limits, *leaf.shape)), one)

    def fit(self, key: Key[Array, ""], state: Trials, start: Any, is_near: Bool[Array, ""]) -> Any:
        """Parameters fitted to the measured distances; see `Weight.fit`."""

        def of_limit(key: Key[Array, ""], seen: Excess, start: Any) -> Any:
            return self.surrogate.fit(key, seen.data, start, is_near)[0]

        keys = jax.random.split(key, self.num_limits)
        return jax.vmap(of_limit, out_axes=1)(keys, self._excesses(state), start)

    def log_weight(self, params: Any, state: Trials, known: Knowledge) -> LogWeight:
        """The logarithm of the probability, as a function of a point."""
        return self.log_probability(params, state)

    def log_probability(self, params: Any, state: Trials) -> LogWeight:
        """The logarithm of the probability, as a function of a point.

        The missing values of a pending trial are taken to be their posterior means, as in `jbo.knowledge`.

        Args:
          params: From `fit`.
          state: The table.
        """
        posteriors, limits = self.posteriors(params, state)

        def at(x: Float[Array, " d"]) -> Float[Array, ""]:
            def of_limit(posterior: Posterior, limit: Float[Array, ""]) -> Float[Array, ""]:
                mean, variance = posterior.predict(x[None, :])
                return formulas.log_probability_of_improvement(mean[0], jnp.sqrt(variance[0]), limit)

            return jnp.sum(jax.vmap(of_limit)(posteriors, limits)).astype(x.dtype)

        return at

    def posteriors(self, params: Any, state: Trials) -> tuple[Posterior, Float[Array, " l"]]:
        """Posteriors of the distances from the limits, and where each limit is among them, with a leading axis.

        Args:
          params: From `fit`.
          state: The table; pending trials count as in `log_probability`.
        """
        seen = self._excesses(state)
        is_coming = (state.status == PENDING)[None, :] & ~seen.data.is_valid
        any_coming = jnp.any(is_coming)

        def condition(params: Any, data: Dataset, is_coming: Bool[Array, " n"]) -> Posterior:
            observed = self.surrogate.condition(params, data)
            y = jnp.where(is_coming, mean_of(observed, data.x), data.y)
            with_pending = dataclasses.replace(data, y=y, is_valid=data.is_valid | is_coming)
            return jax.lax.cond(any_coming, lambda: self.surrogate.condition(params, with_pending), lambda: observed)

        return jax.vmap(condition, in_axes=(1, 0, 0))(params, seen.data, is_coming), seen.limit

    def _excesses(self, state: Trials) -> Excess:
        """The data of the surrogates, with a leading axis of limits."""
        first = state.layout.num_objectives
        columns = slice(first, first + state.layout.num_limits)
        noise = None if state.noise is None else state.noise[:, columns].T

        def of_limit(column: Float[Array, " n"], is_known: Bool[Array, " n"], noise: Any) -> Excess:
            return excess(state, column, is_known, noise)

        in_axes = (0, 0, None if noise is None else 0)
        return jax.vmap(of_limit, in_axes=in_axes)(state.y[:, columns].T, state.is_known[:, columns].T, noise)


def over_columns(encoding: Encoding) -> GP:
    """A Gaussian process of an outcome other than the objective, without monotone columns.

    Args:
      encoding: Columns of the space.
    """
    columns = tuple(column._replace(monotone=0) for column in encoding.columns)
    return gp().bind(dataclasses.replace(encoding, constraint=None, columns=columns))
