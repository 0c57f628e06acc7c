"""Bayesian optimisation: a surrogate, an acquisition function and where to begin."""

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from jbo.acquisitions import Acquisition, bound, over_sets
from jbo.batches import Batch, Beliefs, JointBatch
from jbo.belief import Belief
from jbo.checks import checked, scalar
from jbo.maximize import maximize
from jbo.numerics import choose
from jbo.pytrees import pytree
from jbo.region import Region
from jbo.strategies import _table
from jbo.strategies._chance import multiplied, times
from jbo.strategies._classifier import Classifier
from jbo.strategies._cost import KnownCost, LearntCost, WithCost, divided
from jbo.strategies._failures import Failures
from jbo.strategies._initial import design_point, is_over
from jbo.strategies._strategy import Start, Strategy
from jbo.strategies._together import improve_together
from jbo.strategies._transform import dataset, known_noise
from jbo.surrogates import FitInfo, Posterior, Surrogate, mean_of
from jbo.surrogates.gaussian_process import GPPosterior
from jbo.types import EMPTY, FAILED, OK, PENDING, Dataset, Trials

_REFIT_LESS_OFTEN = np.array([2**k for k in range(5, 31)], np.int32)
"""Numbers of results from which on a fit lasts for twice as many of them."""
_LEAST_OF_START = 32
"""Results from which on a fit may begin at the one before: what an evaluation costs grows with their cube."""
_LONGEST_CHAIN = 4
"""Every so many fits one begins anew, so that each is known from few others."""


class BayesianInfo(NamedTuple):
    """How a suggestion was made."""

    is_new: Bool[Array, ""]
    """False if every point that was looked at is in the table already or not allowed: nothing is left to try."""
    is_model_based: Bool[Array, ""]
    """False for a point of the initial design."""
    value: Float[Array, ""]
    """The acquisition's value, of its maximum also where another point is asked; 0 in the initial design."""
    fit: FitInfo
    """How the surrogate's fit went; zeros in the initial design."""


class Posteriors(NamedTuple):
    """What is believed at an ask; see `Bayesian.posteriors`."""

    told: Posterior
    """Given the successful trials."""
    mean: Float[Array, " n"]
    """Of it, at each row of the table; pending trials, which stand at it, do not change it."""
    posterior: Posterior
    """Given pending and failed trials as well."""
    believed: Dataset
    """Successful and pending trials."""
    failures: Failures
    """Where trials fail."""


@pytree
@dataclass(frozen=True)
class Bayesian(Strategy):
    """Fit a surrogate to the trials that ended, ask where the acquisition function is best; made by `bayesian`."""

    surrogate: Surrogate
    acquisition: Acquisition
    num_design: int = field(metadata={"static": True})
    """Results before the model speaks."""
    belief: Belief | None = None
    """Where the initial design looks first; None: everywhere alike."""
    batch: Batch | None = None
    """How an ask counts with pending trials; None: it believes the model where they are."""
    cost: LearntCost | KnownCost | None = None
    """What an evaluation costs, by which the acquisition is divided; None: the same everywhere."""
    classifier: Classifier | None = None
    """What the acquisition is multiplied by besides; None: nothing."""
    least_improvement: Float[Array, ""] | float | None = None
    """What the acquisition, the logarithm of an improvement in deviations of the values, has to promise: below it every
    second point is the likeliest good one by the densities of ``classifier``. None: whatever it promises is taken."""

    @property
    def learns_cost(self) -> bool:
        """True where the costs in the table change what is asked for."""
        return isinstance(self.cost, LearntCost)

    @property
    def num_initial(self) -> int:
        """Results before the model speaks."""
        return self.num_design

    @checked
    def ask(
        self,
        key: Key[Array, ""],
        state: Trials,
        q: int | None = None,
        *,
        fixed: Float[Array, " d"] | None = None,
        model: tuple[Any, FitInfo] | None = None,
    ) -> tuple[Float[Array, "*q d"], BayesianInfo]:
        """The next point, or the next ``q`` of them; see `Strategy.ask`. A batch shares one fit.

        The initial design goes on until ``num_initial`` trials have ended and two of their values differ. Whoever gives
        a ``model`` says that it is over.

        Args:
          key: The key of the search, the same at every ask.
          state: The table, pending trials in it.
          q: How many points; None: one, without a leading axis.
          fixed: The context, see `Strategy.ask`.
          model: What `fit` gives for this key and table, if that is at hand; None: it is made here.
        """
        _table.require_room(state, 1 if q is None else q)
        region = Region(self.encoding, fixed)

        def by_model() -> tuple[Float[Array, "q d"], BayesianInfo]:
            return self._ask_model(key, state, region, q or 1, model)

        if model is not None:
            points, info = by_model()
        else:
            points, info = jax.lax.cond(
                is_over(state, self.num_design), by_model, lambda: self._ask_design(key, state, region, q or 1)
            )
        if q is None:
            return points[0], jax.tree.map(lambda leaf: leaf[0], info)
        return points, info

    def suggest(self, key: Key[Array, ""], state: Trials, region: Region) -> tuple[Float[Array, " d"], BayesianInfo]:
        """One point."""
        return self.ask(key, state, fixed=region.fixed)

    @checked
    def design(
        self, key: Key[Array, ""], state: Trials, *, fixed: Float[Array, " d"] | None = None
    ) -> tuple[Float[Array, " d"], BayesianInfo]:
        """A point of the initial design: the centre of the space first, then Sobol's sequence; see `design_point`.

        Args:
          key: The key of the search.
          state: The table.
          fixed: The context, see `Strategy.ask`.
        """
        x, is_new = design_point(key, state, Region(self.encoding, fixed), self.belief)
        dtype = state.x.dtype
        no_fit = FitInfo(jnp.zeros((), dtype), jnp.zeros((), jnp.int32), jnp.asarray(False))
        return x, BayesianInfo(is_new, jnp.asarray(False), jnp.zeros((), dtype), no_fit)

    @checked
    def recommend(
        self, key: Key[Array, ""], state: Trials, *, model: tuple[Any, FitInfo] | None = None
    ) -> Int[Array, ""]:
        """Row of the successful trial with the least posterior mean: under noise not the luckiest one.

        Args:
          key: The key of the search.
          state: The table.
          model: As in `ask`.
        """

        def by_model() -> Int[Array, ""]:
            params, _ = self.fit(key, state) if model is None else model
            mean = mean_of(self.surrogate.condition(of_values(params), self.dataset(state)), state.x)
            mean = jnp.where(state.status == OK, mean, jnp.inf)
            # Equal means, as in a plateau or where differences are rounding: the value decides.
            return jnp.argmin(jnp.where(mean == jnp.min(mean), state.y, jnp.inf)).astype(jnp.int32)

        return jax.lax.cond(is_over(state, self.num_design), by_model, lambda: Strategy.recommend(self, key, state))

    def rows_of_fit(self, status: Int[Array, " n"] | Int[np.ndarray, " n"]) -> Any:
        """True for the rows that the parameters are fitted to: the first of those that have ended, on a schedule.

        With fewer than 32 results a fit sees them all; from then on it is made anew after every second one, from 64 on
        after every fourth one, and so on: it lags by less than a sixteenth. The posterior always has all results.

        Args:
          status: As in `Trials`.
        """
        is_told = (status == OK) | (status == FAILED)
        count = is_told.sum()
        return is_told & (is_told.cumsum() <= count - count % self._chain(count)[0])

    def rows_of_start(self, status: Int[Array, " n"] | Int[np.ndarray, " n"]) -> Any:
        """True for the rows of the fit before, at which a fit to 32 rows or more begins; none at every fourth fit.

        Args:
          status: As in `Strategy.rows_of_start`.
        """
        is_fitted = self.rows_of_fit(status)
        lag, num_before = self._chain(is_fitted.sum())
        return is_fitted & (is_fitted.cumsum() <= is_fitted.sum() - lag) & (num_before > 0)

    def start(self, capacity: int, model: tuple[Any, FitInfo] | None) -> Start | None:
        """The parameters at which a fit begins; None where all of this capacity begin anew."""
        if capacity <= _LEAST_OF_START or not self.surrogate.uses_start:
            return None
        if model is not None:
            return Start(np.asarray(True), jax.tree.map(lambda leaf: leaf[0], model[0]))
        like = jax.eval_shape(lambda: self._anew(jnp.zeros(()).dtype))
        return Start(np.asarray(False), jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), like))

    def fit(self, key: Key[Array, ""], state: Trials, start: Start | None = None) -> tuple[Any, FitInfo]:
        """The surrogate's parameters given `rows_of_fit`, and how the fit went; where the cost is learnt, `WithCost`.

        Without a ``start`` the fits that come before it are made here, one after another, three at most.

        Args:
          key: The key of the search.
          state: The table.
          start: As in `Strategy.fit`.
        """
        key, key_cost = jax.random.fold_in(key, 0), jax.random.fold_in(key, 5)
        anew = self._anew(state.x.dtype)

        @jax.jit  # traced once, for its shapes and for the loop
        def fit(rows: Bool[Array, " n"], start: Any) -> tuple[Any, FitInfo]:
            data = self.dataset(state._replace(status=jnp.where(rows, state.status, EMPTY)))
            params, info = self.surrogate.fit(key, data, of_values(start))
            if isinstance(self.cost, LearntCost):
                params = WithCost(params, self.cost.fit(key_cost, state, rows, start.cost))
            return params, info

        rows = self.rows_of_fit(state.status)
        if state.status.shape[0] <= _LEAST_OF_START or not self.surrogate.uses_start:
            return fit(rows, anew)

        count = jnp.sum(rows)
        lag, num_before = self._chain(count)
        known = Start(np.asarray(False), anew) if start is None else start
        begin = choose(jnp.asarray(known.is_known), known.params, anew)
        num_more = jnp.where(known.is_known, 0, num_before).astype(jnp.int32)

        def go_on(i: Int[Array, ""], model: tuple[Any, FitInfo]) -> tuple[Any, FitInfo]:
            start = choose(i == 0, begin, jax.tree.map(lambda leaf: leaf[0], model[0]))
            return fit(rows & (jnp.cumsum(rows) <= count - lag * (num_more - i)), start)

        nothing = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(fit, rows, anew))
        return jax.lax.fori_loop(np.int32(0), num_more + 1, go_on, nothing)

    def dataset(self, state: Trials) -> Dataset:
        """What the surrogate sees of the successful trials.

        Args:
          state: The table.
        """
        return dataset(state, known_noise(self.surrogate))

    def _anew(self, dtype: jnp.dtype) -> Any:
        """Where a fit begins if there is nothing better."""
        params = self.surrogate.init(self.encoding.num_columns, dtype)
        if isinstance(self.cost, LearntCost):
            return WithCost(params, self.cost.init(self.encoding.num_columns, dtype))
        return params

    def _per_cost(self, params: Any, state: Trials) -> Callable[[Acquisition], Acquisition]:
        """What divides an acquisition by the cost, given the parameters and the table."""
        if self.cost is None:
            return lambda acquisition: acquisition
        return divided(self.cost.log_cost(params.cost if isinstance(params, WithCost) else None, state))

    def log_chance(self, state: Trials, failures: Failures) -> Callable[[Float[Array, " d"]], Float[Array, ""]]:
        """The logarithm of the probability that the acquisition is multiplied by, as a function of a point.

        Args:
          state: The table.
          failures: What is known of where trials fail.
        """
        log_factor = None if self.classifier is None else self.classifier.log_factor(state)
        if log_factor is None:
            return failures.log_success
        return lambda x: failures.log_success(x) + log_factor(x)

    def _chain(self, count: Any) -> tuple[Any, Any]:
        """Results between two fits, and the fits before the one to ``count`` rows since one began anew."""
        # Whole numbers of the same kind in NumPy and in traced code.
        lag = 2 ** (count >= _REFIT_LESS_OFTEN).sum()
        is_chained = (count >= _LEAST_OF_START) & self.surrogate.uses_start
        return lag, count // lag % _LONGEST_CHAIN * is_chained.astype(count.dtype)

    def _ask_design(self, key: Key[Array, ""], state: Trials, region: Region, q: int):
        def one(state: Trials, _: None):
            x, info = self.design(key, state, fixed=region.fixed)
            return self.pend(state, x), (x, info)

        return jax.lax.scan(one, state, None, length=q)[1]

    def _ask_model(self, key: Key[Array, ""], state: Trials, region: Region, q: int, model: tuple[Any, FitInfo] | None):
        data = self.dataset(state)
        params, fit = self.fit(key, state) if model is None else model
        per_cost = self._per_cost(params, state)

        def one(state: Trials, _: None):
            # Folded in: 0 for the fit, which a batch shares, 2 and 3 for the design, 4 for a batch as a whole, 5 for
            # the fit of the cost; from 8 on a number for each row, for what is drawn at it.
            row = _table.num_rows(state)
            key_row = jax.random.fold_in(key, 8 + row)
            key_prepare, key_maximize, key_new, key_likeliest = jax.random.split(key_row, 4)
            told, mean, posterior, believed, failures = self.posteriors(params, data, state)
            # In a context the value to improve on is what the trials would have given there.
            x_here = state.x if region.fixed is None else region.place(state.x)
            here = dataclasses.replace(data, x=x_here)
            acquisition = per_cost(over_sets(bound(self.acquisition, region), posterior))
            # What is pending counts for the incumbent too, or its neighbourhood would look as good as before.
            if region.fixed is not None:
                mean = mean_of(told, x_here)
            known = None if believed.mean is None else mean
            believed = dataclasses.replace(believed, x=x_here, mean=known)
            least_mean = jnp.min(jnp.where(believed.is_valid, mean, jnp.inf))
            log_chance = self.log_chance(state, failures)
            if self.batch is None:
                acquisition = multiplied(acquisition, log_chance, least_mean)
                aux = acquisition.prepare(key_prepare, posterior, believed)
                worth = functools.partial(acquisition.value, aux, posterior)
            else:
                beliefs = Beliefs(told, here, posterior, believed, state.status == PENDING, region)
                aux = self.batch.prepare(key_prepare, acquisition, beliefs)
                of_batch = functools.partial(self.batch.value, aux, acquisition, beliefs)

                def worth(x: Float[Array, " d"]) -> Float[Array, ""]:
                    # A rule for batches gives a logarithm.
                    return times(scalar("batch", "value", of_batch(x)), log_chance(x), None)

            found = maximize(
                key_maximize,
                worth,
                region,
                state,
                x_here[jnp.argmin(jnp.where(here.is_valid, mean, jnp.inf))],
                is_smooth=self.surrogate.is_smooth,
            )
            best = found.x
            if self.least_improvement is not None and self.classifier is not None and self.classifier.counts(state):
                # Where the model sees nothing to gain it may be wrong: what it is sure of it does not look at again.
                likeliest, ratio = self.classifier.likeliest(key_likeliest, state, region)
                is_turn = (found.value < jnp.log(self.least_improvement)) & (row % 2 == 0)
                best = jnp.where(is_turn & (ratio > -jnp.inf), likeliest, best)
            x, is_new = _table.first_new(key_new, region, state, best)
            return self.pend(state, x), (x, BayesianInfo(is_new, jnp.asarray(True), found.value, fit))

        points, info = jax.lax.scan(one, state, None, length=q)[1]
        if q == 1 or not isinstance(self.batch, JointBatch):
            return points, info
        return self._ask_together(key, state, region, self.batch, params, data, points, info)

    def _ask_together(
        self,
        key: Key[Array, ""],
        state: Trials,
        region: Region,
        batch: JointBatch,
        params: Any,
        data: Dataset,
        points: Float[Array, "q d"],
        info: BayesianInfo,
    ) -> tuple[Float[Array, "q d"], BayesianInfo]:
        """The points that were found one after another, moved as a whole."""
        key_row = jax.random.fold_in(jax.random.fold_in(key, 4), _table.num_rows(state))
        key_prepare, key_maximize, *keys_new = jax.random.split(key_row, 2 + points.shape[0])
        told, _, posterior, believed, failures = self.posteriors(params, data, state)
        x_here = state.x if region.fixed is None else region.place(state.x)
        here, believed = (dataclasses.replace(rows, x=x_here, mean=None) for rows in (data, believed))
        beliefs = Beliefs(told, here, posterior, believed, state.status == PENDING, region)
        aux = batch.prepare(key_prepare, over_sets(bound(self.acquisition, region), posterior), beliefs)

        def together(x: Float[Array, "q d"]) -> Float[Array, ""]:
            return batch.value_together(aux, beliefs, x) + jnp.mean(jax.vmap(failures.log_success)(x))

        points, value = improve_together(key_maximize, together, region, state, points, self.surrogate.is_smooth)
        final, is_new = [], []
        for key_new, point in zip(keys_new, points, strict=True):
            x, new = _table.first_new(key_new, region, state, point)
            state = self.pend(state, x)
            final.append(x)
            is_new.append(new)
        values = jnp.broadcast_to(value, info.value.shape)
        return jnp.stack(final), info._replace(is_new=jnp.stack(is_new), value=values)

    def posteriors(self, params: Any, data: Dataset, state: Trials) -> Posteriors:
        """The posterior given successful trials, that with the others in it, its data, and what is known of failures.

        In the second, pending and failed trials are there as if they had returned their mean: it keeps the mean of the
        first and knows that something is coming, or that nothing can be learnt there. Its data have the pending ones.
        The same model, given 1 where a trial failed and 0 where it succeeded, says how likely failures are. Where
        nothing is pending or failed all are one. One loop makes them, so that the program holds the factorisation once.

        References:
          Ginsbourger, Le Riche and Carraro, Kriging Is Well-Suited to Parallelize Optimization, 2010, section 4.3
          (the kriging believer).
        """
        is_pending, is_failed = state.status == PENDING, state.status == FAILED
        is_believed = is_pending | is_failed
        structures = []

        @jax.jit  # traced once, for its shapes and for the loop
        def condition(count: Int[Array, ""], y: Float[Array, " n"]) -> tuple[Any, Float[Array, " n"], list[Any]]:
            is_valid = data.is_valid | jnp.where(count == 2, is_failed, is_believed & (count == 1))
            # Whether a trial failed is known without noise.
            noise = None if data.noise_variance is None else jnp.where(count == 2, 0, data.noise_variance)
            slope = None if data.slope is None else jnp.where(count == 2, 1, data.slope).astype(y.dtype)
            rows = Dataset(state.x, y, is_valid, data.y_scale, noise, slope=slope)
            posterior = self.surrogate.condition(of_values(params), rows)
            mean = mean_of(posterior, state.x)
            # A posterior whose shapes are checked where it is made cannot be made of their shapes; its leaves can.
            leaves, structure = jax.tree.flatten(posterior)
            structures.append(structure)
            y = jnp.where(is_believed & (count == 0), mean, y)
            return mean, jnp.where(count == 1, is_failed.astype(y.dtype), y), leaves

        def believe(carry):
            count, y, first, all_leaves = carry
            mean, after, new = condition(count, y)
            # What the second and third are not made for is the first.
            keep = [
                choose((count == k) | (count == 0) if k < 2 else count == k, new, leaves)
                for k, leaves in enumerate(all_leaves)
            ]
            first = choose(count == 0, (mean, after), first)
            return count + 1, after, first, keep

        none = jnp.zeros((), jnp.int32)
        empty = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(condition, none, data.y)[2])
        num_rounds = 1 + jnp.any(is_believed).astype(jnp.int32) + jnp.any(is_failed).astype(jnp.int32)
        _, _, (mean, y), all_leaves = jax.lax.while_loop(
            lambda c: c[0] < num_rounds, believe, (none, data.y, (data.y, data.y), [empty] * 3)
        )
        told, posterior, failures = (jax.tree.unflatten(structures[0], leaves) for leaves in all_leaves)
        is_known = data.is_valid | is_pending
        believed = Dataset(state.x, y, is_known, data.y_scale, data.noise_variance, slope=data.slope)
        if isinstance(told, GPPosterior) and told.is_exact:
            # Of another model it is another one once it has been told its own mean.
            believed = dataclasses.replace(believed, mean=mean)
        return Posteriors(told, mean, posterior, believed, Failures(failures, jnp.any(is_failed)))


def of_values(params: Any) -> Any:
    """Of the parameters of a strategy those of the surrogate of the values.

    Args:
      params: What `Bayesian.fit` gives.
    """
    return params.values if isinstance(params, WithCost) else params
