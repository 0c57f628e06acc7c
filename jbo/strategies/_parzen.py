"""The tree-structured Parzen estimator: densities of good and of bad points, and where their ratio is largest."""

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
"""A deviation is at least this part of a level, or a kernel would know its own level only."""


class ParzenInfo(NamedTuple):
    """How a suggestion was made."""

    is_new: Bool[Array, ""]
    """False if every point that was looked at is in the table already or not allowed: nothing is left to try."""
    is_model_based: Bool[Array, ""]
    """False for a point of the initial design."""
    value: Float[Array, ""]
    """Logarithm of the ratio of the good points' density to the bad ones', in nats; 0 in the initial design."""


@pytree
@dataclass(frozen=True)
class Parzen(Strategy):
    """Draw candidates where good points are dense, ask the one where bad points are rarest; made by `parzen`."""

    good_fraction: Float[Array, ""] | float
    """Share of the ended trials that is good."""
    max_good: Float[Array, ""] | float
    """Largest number of good trials."""
    prior_weight: Float[Array, ""] | float
    """Weight of the uniform distribution in each density, in trials."""
    bandwidth: Float[Array, ""] | float
    """Deviation of the kernel of a single point, in units of the cube."""
    num_candidates: int = field(metadata={"static": True})
    """Points drawn from the density of the good ones, of which the best is asked."""
    num_design: int = field(metadata={"static": True})
    """Results before the densities speak."""

    @property
    def num_initial(self) -> int:
        """Results before the densities speak."""
        return self.num_design

    def suggest(self, key: Key[Array, ""], state: Trials, region: Region) -> tuple[Float[Array, " d"], ParzenInfo]:
        """One point."""
        return jax.lax.cond(
            is_over(state, self.num_design),
            lambda: self._suggest_by_densities(key, state, region),
            lambda: self.design(key, state, fixed=region.fixed),
        )

    def design(
        self, key: Key[Array, ""], state: Trials, *, fixed: Float[Array, " d"] | None = None
    ) -> tuple[Float[Array, " d"], ParzenInfo]:
        """A point of the initial design: the centre of the space first, then Sobol's sequence.

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
        """Kernels around the trials by their weights, and the prior: a kernel that saw nothing."""
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
        # Of a category the point's own choice counts once, each choice by the prior's share of the weight.
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
        """Points distributed as the good trials are, with what is fixed at its place.

        Args:
          key: Draws the points.
          good: The first of `densities`.
          region: Where the points shall be. Under a constraint half of them are steps inside of what it allows.
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
    """The table with its trials in an order of their own: successful ones by value, then the others, then empty rows.

    What is drawn by the rows of this table does not depend on the order in which trials came.

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
    """What trials are ordered by, lower is better: the value, or with several objectives the rank of non-domination.

    Args:
      state: The table, of which all trials that succeeded are feasible (`Trials.of_feasible`).
    """
    if state.layout.num_objectives == 1:
        return state.value
    return pareto.rank(state.objectives, state.status == OK).astype(state.y.dtype)


def goodness(
    state: Trials, good_fraction: Float[Array, ""] | float, max_good: Float[Array, ""] | float
) -> Float[Array, " n"]:
    """To what part each trial is good: 1 for the best ones, 0 for the others; equal ones at the border share.

    Args:
      state: The table, of which all trials that succeeded are feasible (`Trials.of_feasible`).
      good_fraction: Share of the ended trials that is good; rounded up to a whole number of trials, at least 1.
      max_good: Largest number of good trials.
    """
    dtype = state.y.dtype
    is_ok = state.status == OK
    value = preference(state)
    num_ok, num_told = (jnp.sum(which).astype(dtype) for which in (is_ok, _table.is_told(state)))
    # A product that is a whole number but for its rounding is that number.
    exact = jnp.asarray(good_fraction, dtype) * num_told * (1 - 8 * jnp.finfo(dtype).eps)
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
    r"""The tree-structured Parzen estimator: cheap, at home in spaces with conditions and categories.

    The best trials of the table make a density :math:`l` of good points, all others a density :math:`g` of bad ones,
    failed and pending trials among them, so that a batch spreads. Of the candidates drawn from :math:`l` the one with
    the largest :math:`l / g` is asked. With several objectives the best trials are those of the lowest ranks of
    non-domination. Both are mixtures of a uniform distribution and a product kernel around each
    trial, of deviation :math:`b\, n^{-1/(d+4)}` where a density has n trials in which a column of d is active. Only the
    order of the values counts, not their size.

    Args:
      space: The search space; only its structure enters.
      good_fraction: Share of the ended trials that is good, rounded up, in (0, 1).
      max_good: Largest number of good trials, at least 1.
      prior_weight: Weight of the uniform distribution in each density, in trials; above 0.
      bandwidth: The deviation b of a kernel in units of the cube, above 0. Kernels are never narrower than 0.01, nor
        than a quarter of a level.
      num_candidates: Points drawn from the density of the good ones; more of them exploit more.
      num_initial: Results before the densities speak, told ones among them; None: one more than there are parameters,
        at least 5 and at most 7.

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
