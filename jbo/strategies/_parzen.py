"""The tree-structured Parzen estimator (TPE), which maximises the ratio of densities of good and of bad points."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from jbo import pareto
from jbo.encoding import is_active
from jbo.feasible import beside
from jbo.pytrees import pytree
from jbo.region import Region
from jbo.space import Space, check_space
from jbo.strategies import _mixture, _table
from jbo.strategies._initial import design_point, design_size, is_over
from jbo.strategies._mixture import Mixture
from jbo.strategies._strategy import Strategy
from jbo.types import ABANDONED, EMPTY, OK, Trials, is_taken

_LEAST_BANDWIDTH = 0.01
_LEAST_OF_LEVEL = 0.25
"""Minimum bandwidth in levels. With a smaller one a kernel would cover only its own level."""


class ParzenInfo(NamedTuple):
    """Diagnostics of a suggestion."""

    is_new: Bool[Array, ""]
    """False if no candidate was both new and allowed: nothing is left to try."""
    is_model_based: Bool[Array, ""]
    """False for a point of the initial design."""
    value: Float[Array, ""]
    """Log ratio of the densities of good and bad points, in nats; 0 in the initial design."""


@pytree
@dataclass(frozen=True)
class Parzen(Strategy):
    """Sample candidates from the density of good points, and suggest the best density ratio; made by `parzen`."""

    good_fraction: Float[Array, ""] | float
    """Fraction of the finished trials that are good."""
    max_good: Float[Array, ""] | float
    """Maximum number of good trials."""
    prior_weight: Float[Array, ""] | float
    """Weight of the uniform distribution in each density, in trials."""
    bandwidth: Float[Array, ""] | float
    """Standard deviation of the kernel of a single point, in units of the cube."""
    num_candidates: int = field(metadata={"static": True})
    """Number of candidates sampled from the density of good points."""
    num_design: int = field(metadata={"static": True})
    """Number of results of the initial design."""

    @property
    def num_initial(self) -> int:
        """Number of results of the initial design."""
        return self.num_design

    def suggest(self, key: Key[Array, ""], state: Trials, region: Region) -> tuple[Float[Array, " d"], ParzenInfo]:
        """Suggest one point."""
        return jax.lax.cond(
            is_over(state, self.num_design),
            lambda: self._suggest_by_densities(key, state, region),
            lambda: self.design(key, state, fixed=region.fixed),
        )

    def design(
        self, key: Key[Array, ""], state: Trials, *, fixed: Float[Array, " d"] | None = None
    ) -> tuple[Float[Array, " d"], ParzenInfo]:
        """A point of the initial design: the centre of the space, then a Sobol sequence.

        Args:
          key: The key of the search.
          state: The table.
          fixed: The context, see `Strategy.ask`.
        """
        x, is_new = design_point(key, state, Region(self.encoding, fixed))
        return x, ParzenInfo(is_new, jnp.asarray(False), jnp.zeros((), state.x.dtype))

    def densities(self, state: Trials) -> tuple[Mixture, Mixture]:
        """Densities of the good and of the bad points; failed, pending and infeasible points are bad.

        Args:
          state: The table.
        """
        state = state.of_feasible()
        good = goodness(state, self.good_fraction, self.max_good)
        bad = jnp.where((state.status == EMPTY) | (state.status == ABANDONED), 0, 1 - good)
        return self._mixture(state, good), self._mixture(state, bad)

    def _mixture(self, state: Trials, weight: Float[Array, " n"]) -> Mixture:
        """Weighted kernels around the trials, and the uniform prior: a kernel without active columns."""
        d, dtype = self.encoding.num_columns, state.x.dtype
        prior_weight = jnp.asarray(self.prior_weight, dtype)
        x = jnp.where((state.status == EMPTY)[:, None], 0.5, state.x).astype(dtype)
        x = jnp.concatenate([jnp.full((1, d), 0.5, dtype), x])
        is_seen = jnp.concatenate([jnp.zeros((1, d), bool), is_active(self.encoding, state.x)])
        weight = jnp.concatenate([prior_weight[None], weight])
        count = jnp.sum(jnp.where(is_seen, weight[:, None], 0), axis=0)

        deviation = jnp.asarray(self.bandwidth, dtype) * jnp.maximum(count, 1) ** (-1 / (d + 4))
        num_levels = self.encoding.num_levels
        least = np.maximum(_LEAST_BANDWIDTH, _LEAST_OF_LEVEL / np.where(num_levels > 0, num_levels, np.inf))
        # For a category, a kernel counts its own choice once, and every choice by the prior's share of the weight.
        spread = jnp.asarray(num_levels, dtype) * prior_weight / (count + prior_weight)
        is_category = jnp.asarray(self.encoding.is_category)
        bandwidth = jnp.where(is_category, spread / (1 + spread), jnp.clip(deviation, jnp.asarray(least, dtype), 1))
        return Mixture(x, is_seen, weight, jnp.broadcast_to(bandwidth, x.shape))

    def _suggest_by_densities(
        self, key: Key[Array, ""], state: Trials, region: Region
    ) -> tuple[Float[Array, " d"], ParzenInfo]:
        key_sample, key_new = jax.random.split(jax.random.fold_in(jax.random.fold_in(key, 1), state.num_trials))
        good, bad = self.densities(in_order(state))
        x = self.draw(key_sample, good, region, state)
        value = _mixture.log_density(self.encoding, good, x) - _mixture.log_density(self.encoding, bad, x)
        is_good = region.is_allowed(x) & ~jax.vmap(lambda point: jnp.any(is_taken(state, point)))(x)
        value = jnp.where(is_good, value, -jnp.inf)
        best = jnp.argmax(value)
        point, is_new = _table.first_new(key_new, region, state, x[best])
        return point, ParzenInfo(is_new, jnp.asarray(True), value[best])

    def draw(self, key: Key[Array, ""], good: Mixture, region: Region, state: Trials) -> Float[Array, "m d"]:
        """Candidates sampled from the density of good points, with the fixed columns set.

        Args:
          key: Random key of the candidates.
          good: Density of good points, from `densities`.
          region: Region of the points. Under a constraint, half of them are random steps inside the allowed region.
          state: The table.
        """
        if region.fixed is not None:
            here = region.place(jnp.full((self.encoding.num_columns,), 0.5, good.x.dtype))
            good = _mixture.given(self.encoding, good, here, ~region.is_free)
        x = region.place(_mixture.sample(key, self.encoding, good, self.num_candidates))
        if region.encoding.constraint is None:
            return x
        key_row, key_step = jax.random.split(jax.random.fold_in(key, 1))
        rows = jax.random.categorical(key_row, jnp.log(good.weight), shape=(len(x[::2]),))
        return x.at[::2].set(beside(key_step, region, state, good.x[rows]))


def in_order(state: Trials) -> Trials:
    """The table in canonical order: successful trials by value, then other trials, then empty rows.

    Samples by rows of this table do not depend on the order in which trials ended.

    Args:
      state: The table.
    """
    state = state.of_feasible()
    is_ok, is_empty = state.status == OK, (state.status == EMPTY) | (state.status == ABANDONED)
    rank = jnp.where(is_ok, 0, jnp.where(is_empty, 2, 1)).astype(jnp.int32)
    y = jnp.where(is_ok, preference(state), 0)
    x = jnp.where(is_empty[:, None], 0.5, state.x).astype(state.x.dtype)
    keys = (rank, y, *x.T)
    rank, y, *x, status = jax.lax.sort((*keys, state.status), num_keys=len(keys))
    return Trials.from_arrays(jnp.stack(x, axis=1), y, status)


def preference(state: Trials) -> Float[Array, " n"]:
    """Sort key of the trials, lower is better: the value, or the non-domination rank with several objectives.

    Args:
      state: The table; all of its successful trials are feasible (`Trials.of_feasible`).
    """
    if state.layout.num_objectives == 1:
        return state.value
    return pareto.rank(state.objectives, state.status == OK).astype(state.y.dtype)


def goodness(
    state: Trials, good_fraction: Float[Array, ""] | float, max_good: Float[Array, ""] | float
) -> Float[Array, " n"]:
    """Degree to which each trial is good: 1 for the best, 0 for the others, a fraction for ties at the threshold.

    Args:
      state: The table; all of its successful trials are feasible (`Trials.of_feasible`).
      good_fraction: Fraction of the finished trials that are good, rounded up to a whole number, at least 1.
      max_good: Maximum number of good trials.
    """
    dtype = state.y.dtype
    is_ok = state.status == OK
    value = preference(state)
    num_ok, num_ended = (jnp.sum(which).astype(dtype) for which in (is_ok, _table.has_ended(state)))
    # Rounding must not push a product that is an integer above that integer.
    exact = jnp.asarray(good_fraction, dtype) * num_ended * (1 - 8 * jnp.finfo(dtype).eps)
    num_good = jnp.minimum(jnp.clip(jnp.ceil(exact), 1, jnp.asarray(max_good, dtype)), num_ok)
    border = jnp.sort(jnp.where(is_ok, value, jnp.inf))[jnp.maximum(num_good.astype(jnp.int32) - 1, 0)]
    is_better, is_equal = is_ok & (value < border), is_ok & (value == border)
    num_better, num_equal = (jnp.sum(which).astype(dtype) for which in (is_better, is_equal))
    share = (num_good - num_better) / jnp.maximum(num_equal, 1)
    return jnp.where(is_better, 1, jnp.where(is_equal, share, 0)).astype(dtype)


def parzen(
    space: Space | Any,
    *,
    good_fraction: int | float | Float[Array, ""] = 0.1,
    max_good: int | float | Float[Array, ""] = 25.0,
    prior_weight: int | float | Float[Array, ""] = 1.0,
    bandwidth: int | float | Float[Array, ""] = 0.07,
    num_candidates: int = 64,
    num_initial: int | None = None,
) -> Parzen:
    r"""The tree-structured Parzen estimator (TPE): cheap, and suited to spaces with conditions and categories.

    The best trials of the table give a density :math:`l` of good points. All others give a density :math:`g` of bad
    points, including failed and pending trials, so that a batch spreads. The suggestion is the candidate with the
    largest :math:`l / g` among samples of :math:`l`. With several objectives the best trials are those with the lowest
    non-domination ranks. Each density is a mixture of a uniform distribution and a product kernel around each trial.
    The standard deviation of a kernel is :math:`b\, n^{-1/(d+4)}` for d columns and n trials of the density in which
    the column is active. Only the order of the values matters, not their size.

    Args:
      space: The search space. The strategy keeps only its structure.
      good_fraction: Fraction of the finished trials that are good, rounded up, in (0, 1).
      max_good: Maximum number of good trials, at least 1.
      prior_weight: Weight of the uniform distribution in each density, in trials; above 0.
      bandwidth: Standard deviation b of a kernel in units of the cube, above 0. Kernels are never narrower than 0.01,
        nor than a quarter of a level.
      num_candidates: Number of candidates sampled from the density of good points; more candidates exploit more.
      num_initial: Number of results of the initial design, including results of your own configurations. None: the
        number of parameters plus one, at least 5 and at most 7.

    Raises:
      ValueError: If ``num_candidates`` or ``num_initial`` is below 1, or another number is not finite and above 0.

    References:
      Bergstra et al., Algorithms for Hyper-Parameter Optimization, 2011, section 4; Falkner et al., BOHB, 2018, section
      3.1 (product kernels over all columns at once); Watanabe, Tree-Structured Parzen Estimator: Understanding Its
      Algorithm Components and Their Roles for Better Empirical Performance, 2023, section 3.
    """
    space = check_space(space)
    numbers = {
        "good_fraction": good_fraction,
        "max_good": max_good,
        "prior_weight": prior_weight,
        "bandwidth": bandwidth,
    }
    for name, number in numbers.items():
        if isinstance(number, int | float) and not 0 < number < np.inf:
            raise ValueError(f"{name}: expected a finite number above 0, got {number!r}")
    if num_candidates < 1:
        raise ValueError(f"num_candidates: expected at least 1, got {num_candidates}")
    return Parzen(
        space.encoding,
        1.0 * good_fraction,
        1.0 * max_good,
        1.0 * prior_weight,
        1.0 * bandwidth,
        num_candidates,
        design_size(space.encoding, num_initial),
    )
