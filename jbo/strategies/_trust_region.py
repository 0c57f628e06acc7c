"""Trust-region Bayesian optimisation (TuRBO): a search of many parameters in a box around the best trial."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from jbo import designs
from jbo.acquisitions import Acquisition, as_acquisition, over_region, over_sets, thompson_sampling
from jbo.checks import scalar
from jbo.feasible import beside
from jbo.maximize import values_at
from jbo.numerics import choose
from jbo.pytrees import pytree
from jbo.region import Region
from jbo.space import Space, check_space
from jbo.strategies import _table, streams
from jbo.strategies._initial import design_size
from jbo.strategies._model_strategy import ModelStrategy
from jbo.strategies._strategy import AskInfo
from jbo.strategies._transform import dataset_with_failures, known_noise
from jbo.strategies.fits import Schedule
from jbo.surrogates import GP, FitInfo, Surrogate, fit_near, gp
from jbo.surrogates.kernels import GPParams
from jbo.types import EMPTY, FAILED, OK, PENDING, Dataset, Layout, Trials, is_taken

_FIRST, _LEAST, _LARGEST = 0.8, 2.0**-7, 1.6
_NUM_SUCCESSES = 3
_GAIN = 1e-3
"""Minimum relative improvement on the best value that counts as a success."""
_LARGE_DESIGN, _MANY = 40, 20
"""Results of the default initial design for many columns, and the number of columns from which it is used."""
_MOVED = 20
"""Average number of columns in which a candidate differs from the centre, if there are more columns."""


class Box(NamedTuple):
    """State of the trust region, computed from the table of trials."""

    length: Float[Array, ""]
    """Side of the box, before lengthscales stretch it."""
    num_successes: Int[Array, ""]
    """Number of successive trials with an improvement."""
    num_failures: Int[Array, ""]
    """Number of successive trials without an improvement."""
    best: Float[Array, ""]
    """Best value since the last restart."""
    first_row: Int[Array, ""]
    """Row of the first trial since the last restart."""
    num_results: Int[Array, ""]
    """Number of results since the last restart."""


def replay(state: Trials, num_design: int, num_failures: int) -> Box:
    """The trust region after the trials of a table, in order. A failed trial counts as no improvement.

    Args:
      state: The table. Pending trials are skipped until they have ended.
      num_design: Number of trials of the initial design, at the start and after a restart.
      num_failures: Number of successive trials without an improvement after which the box is halved.

    References:
      Eriksson, Pearce, Gardner, Turner and Poloczek, Scalable Global Optimization via Local Bayesian Optimization,
      2019, section 2 (TuRBO-1), and the constants of its supplement.
    """
    dtype = state.y.dtype

    def begin(row: Int[Array, ""]) -> Box:
        none = jnp.zeros((), jnp.int32)
        return Box(jnp.asarray(_FIRST, dtype), none, none, jnp.asarray(jnp.inf, dtype), row, none)

    def step(box: Box, trial: tuple[Int[Array, ""], Float[Array, ""], Int[Array, ""]]):
        row, y, status = trial
        has_ended = (status == OK) | (status == FAILED)
        y = jnp.where(status == OK, y, jnp.inf)
        is_design = box.num_results < num_design
        is_better = y < box.best - _GAIN * jnp.where(jnp.isfinite(box.best), jnp.abs(box.best), 0)
        successes = jnp.where(is_better, box.num_successes + 1, 0)
        failures = jnp.where(is_better, 0, box.num_failures + 1)
        is_wide, is_narrow = successes >= _NUM_SUCCESSES, failures >= num_failures
        length = jnp.where(is_wide, jnp.minimum(2 * box.length, _LARGEST), box.length)
        length = jnp.where(is_narrow, 0.5 * length, length).astype(dtype)
        none = jnp.zeros((), jnp.int32)
        after = Box(
            jnp.where(is_design, box.length, length),
            jnp.where(is_design | is_wide, none, successes).astype(jnp.int32),
            jnp.where(is_design | is_narrow, none, failures).astype(jnp.int32),
            jnp.minimum(box.best, y),
            box.first_row,
            box.num_results + 1,
        )
        anew = begin(row + 1)
        after = jax.tree.map(lambda new, old: jnp.where(after.length < _LEAST, new, old), anew, after)
        return jax.tree.map(lambda new, old: jnp.where(has_ended, new, old), after, box), None

    state = state.of_feasible()
    rows = jnp.arange(state.y.shape[0], dtype=jnp.int32)
    return jax.lax.scan(step, begin(jnp.zeros((), jnp.int32)), (rows, state.value, state.status))[0]


@pytree
@dataclass(frozen=True)
class TrustRegion(ModelStrategy):
    """Bayesian optimisation in a box around the best trial; made by `trust_region`."""

    acquisition: Acquisition
    num_candidates: int = field(metadata={"static": True})

    def for_table(self, layout: Layout) -> Any:
        """The same strategy for a table with other columns of values.

        Raises:
          ValueError: The table has several objectives.
        """
        if layout.num_objectives > 1:
            raise ValueError(
                "strategy: expected a strategy for several objectives, such as jbo.bayesian(space) or "
                "jbo.parzen(space), got jbo.trust_region, which supports one objective"
            )
        return super().for_table(layout)

    def fit_to(self, key: Key[Array, ""], state: Trials, start: Any, is_near: Bool[Array, ""]) -> tuple[Any, FitInfo]:
        """The parameters of the surrogate, fitted to the trials since the last restart."""
        data = self._dataset(self._own(state, self.box(state)))
        del is_near  # the previous fit may be to trials before a restart
        return fit_near(self.surrogate, streams.stream(key, streams.FIT), data, start, jnp.asarray(False))

    def suggest_by_model(
        self, key: Key[Array, ""], state: Trials, region: Region, model: tuple[Any, FitInfo]
    ) -> tuple[Float[Array, " d"], AskInfo]:
        """A point of the trust region, or of the initial design after a restart."""
        box = self.box(state)
        return jax.lax.cond(
            box.num_results < self.num_design,
            lambda: self.design_at(key, state, region),
            lambda: self._of_box(key, state, region, box, model[0]),
        )

    def design_at(self, key: Key[Array, ""], state: Trials, region: Region) -> tuple[Float[Array, " d"], AskInfo]:
        """A point of the initial design: a Sobol sequence, which a restart continues."""
        row = state.num_trials
        d, dtype = region.encoding.num_columns, state.x.dtype
        raw = designs.sobol_point(streams.stream(key, streams.DESIGN), row, d, dtype)
        x, is_new = _table.first_new(streams.stream(key, streams.DESIGN_NEW, row), region, state, raw)
        return x, AskInfo(is_new)

    def box(self, state: Trials) -> Box:
        """The trust region after the trials of the table; see `replay`.

        Args:
          state: The table.
        """
        return replay(state, self.num_design, max(4, self.encoding.num_columns))

    def _own(self, state: Trials, box: Box) -> Trials:
        """Finished trials since the last restart. Pending trials are left out, because Thompson samples differ."""
        state = state.of_feasible()
        is_own = jnp.arange(state.y.shape[0]) >= box.first_row
        return state._replace(status=jnp.where(is_own & (state.status != PENDING), state.status, EMPTY))

    def _dataset(self, state: Trials) -> Dataset:
        return dataset_with_failures(state, known_noise(self.surrogate))

    def _of_box(
        self, key: Key[Array, ""], state: Trials, region: Region, box: Box, params: Any
    ) -> tuple[Float[Array, " d"], AskInfo]:
        own = self._own(state, box)
        data = self._dataset(own)
        posterior = self.surrogate.condition(params, data)

        key_row = streams.stream(key, streams.BOX, state.num_trials)
        key_prepare, key_candidates, key_new = jax.random.split(key_row, 3)
        centre = region.place(state.x[jnp.argmin(jnp.where(own.status == OK, own.value, jnp.inf))])
        acquisition = over_sets(over_region(self.acquisition, region), posterior)
        here = dataclasses.replace(data, x=data.x if region.fixed is None else region.place(data.x))
        aux = acquisition.prepare(key_prepare, posterior, here)

        def value_at(x: Float[Array, " d"]) -> Float[Array, ""]:
            return scalar("acquisition", "value", acquisition.value(aux, posterior, x))

        if self.encoding.candidates is not None:
            candidates = region.candidates(state.x.dtype)
            lower, upper = self._bounds(centre, box.length, params)
            is_inside = jnp.all((candidates >= lower[None, :]) & (candidates <= upper[None, :]), axis=1)
            values = values_at(value_at, candidates)
            best = region.best_new(state, jnp.where(~is_inside | jnp.isnan(values), -jnp.inf, values))
            # If the box has no new candidate, take the nearest one outside of it.
            nearest = region.nearest_new(state, centre)
            x, is_new = choose(best.is_new, (best.x, best.is_new), (nearest.x, nearest.is_new))
            return x, AskInfo(is_new)
        candidates = self._candidates(key_candidates, region, centre, box.length, params)
        if self.encoding.constraint is not None:
            # Replace steps that leave the box by points of the box.
            steps = beside(
                jax.random.fold_in(key_candidates, 1), region, state, jnp.broadcast_to(centre, candidates[::2].shape)
            )
            is_near = jnp.max(jnp.abs(steps - centre[None, :]), axis=1) <= jnp.maximum(box.length, _LEAST)
            candidates = candidates.at[::2].set(jnp.where(is_near[:, None], steps, candidates[::2]))
        values = jax.lax.map(value_at, candidates, batch_size=256)
        is_old = jax.vmap(lambda x: jnp.any(is_taken(state, x)))(candidates) | ~region.is_allowed(candidates)
        best = jnp.argmax(jnp.where(is_old | jnp.isnan(values), -jnp.inf, values))
        x, is_new = _table.first_new(key_new, region, state, candidates[best])
        return x, AskInfo(is_new)

    def _bounds(
        self, centre: Float[Array, " d"], length: Float[Array, ""], params: Any
    ) -> tuple[Float[Array, " d"], Float[Array, " d"]]:
        """Lower and upper bounds of the box in each column."""
        stretch = jnp.ones(self.encoding.num_columns, centre.dtype)
        if isinstance(params, GPParams):
            relative = jnp.mean(params.log_lengthscale, axis=0)
            stretch = jnp.exp(relative - jnp.mean(relative)).astype(centre.dtype)
        half = 0.5 * length * stretch
        # A category has no neighbours, so the box contains all of its choices.
        is_category = self.encoding.is_category
        lower = jnp.where(is_category, 0, jnp.clip(centre - half, 0, 1))
        return lower, jnp.where(is_category, 1, jnp.clip(centre + half, 0, 1))

    def _candidates(
        self, key: Key[Array, ""], region: Region, centre: Float[Array, " d"], length: Float[Array, ""], params: Any
    ) -> Float[Array, "m d"]:
        """Random points of the box that differ from its centre in some columns."""
        d, dtype, m = self.encoding.num_columns, centre.dtype, self.num_candidates
        key_sobol, key_moves = jax.random.split(key)
        lower, upper = self._bounds(centre, length, params)
        uniform = designs.sobol(key_sobol, m, d, dtype)
        inside = lower[None, :] + (upper - lower)[None, :] * uniform
        # With more than 20 columns, 20 move on average: a candidate equals the centre with probability below exp(-20).
        moves: Bool[Array, "m d"] = jax.random.uniform(key_moves, (m, d), dtype) < min(1.0, _MOVED / d)
        return region.place(jnp.where(moves, inside, centre[None, :]))


def trust_region(
    space: Space | Any,
    *,
    surrogate: Surrogate | None = None,
    acquisition: Acquisition | None = None,
    num_initial: int | None = None,
    num_candidates: int = 2048,
) -> TrustRegion:
    """Bayesian optimisation in a trust region (TuRBO), for 20 or more parameters and hundreds of evaluations.

    The model covers the space, but the next trial lies in a box around the best trial, with sides proportional to the
    lengthscales. After three successive improvements the box is doubled. After as many successive trials without an
    improvement as there are parameters, at least four, it is halved. Once it is narrower than 1/128 the search restarts
    without the earlier trials. The box depends only on the table of trials, so an interrupted search continues exactly.

    Args:
      space: The search space. The strategy keeps only its structure.
      surrogate: The model; None: `jbo.gp`.
      acquisition: The acquisition function in the box; None: `jbo.thompson_sampling`, whose simultaneous suggestions
        differ without a batch rule.
      num_initial: Number of results of the initial design, at the start and after a restart. None: as in
        `jbo.bayesian`, but 40 from 20 parameters on.
      num_candidates: Number of points of the box that are evaluated for each suggestion.

    Raises:
      ValueError: If ``num_initial`` or ``num_candidates`` is below 1.

    References:
      Eriksson, Pearce, Gardner, Turner and Poloczek, Scalable Global Optimization via Local Bayesian Optimization,
      2019.
    """
    space = check_space(space)
    encoding = space.encoding
    if num_candidates < 1:
        raise ValueError(f"num_candidates: expected at least 1, got {num_candidates}")
    if num_initial is None and encoding.num_columns >= _MANY:
        num_initial = _LARGE_DESIGN
    surrogate = gp() if surrogate is None else surrogate
    if isinstance(surrogate, GP):
        surrogate = surrogate.resolve(space.names)
    return TrustRegion(
        encoding=encoding,
        surrogate=surrogate.bind(encoding),
        num_design=design_size(encoding, num_initial),
        acquisition=thompson_sampling() if acquisition is None else as_acquisition(acquisition),
        num_candidates=num_candidates,
        # Fit after each result: a schedule counts all results, and does not see when a search has restarted.
        schedule=Schedule(first=None, chain=1),
    )
