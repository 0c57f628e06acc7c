"""Bayesian optimisation: a surrogate, an acquisition function and an initial design."""

import dataclasses
import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from jbo.acquisitions import Acquisition, FrontAcquisition, LogWeight, over_region, over_sets, weigh, weighted
from jbo.batches import Batch, Drawing, JointBatch
from jbo.belief import Belief
from jbo.checks import checked, scalar
from jbo.knowledge import Knowledge, Limits, learn, limits_at
from jbo.maximize import maximize
from jbo.pytrees import pytree
from jbo.region import Region
from jbo.strategies import _table, streams
from jbo.strategies._classifier import Classifier, Doubt
from jbo.strategies._cost import CostWeight, LearntCost
from jbo.strategies._initial import design_point
from jbo.strategies._limits import Feasible, over_columns
from jbo.strategies._model_strategy import ModelStrategy
from jbo.strategies._strategy import Strategy
from jbo.strategies._together import improve_together
from jbo.strategies._transform import Units, dataset, known_noise, units
from jbo.strategies.weights import Weight
from jbo.surrogates import FitInfo, fit_near, mean_of
from jbo.types import Dataset, Layout, Trials


class BayesianInfo(NamedTuple):
    """Diagnostics of a suggestion."""

    is_new: Bool[Array, ""]
    """False if no candidate was both new and allowed: nothing is left to try."""
    is_model_based: Bool[Array, ""]
    """False for a point of the initial design."""
    value: Float[Array, ""]
    """The maximum of the acquisition function, even if another point is suggested; 0 in the initial design."""
    fit: FitInfo
    """Diagnostics of the fit of the surrogate; zeros in the initial design."""


class Fitted(NamedTuple):
    """Parameters of `Bayesian`."""

    values: Any
    """Parameters of the surrogate of the values."""
    weights: tuple[Any, ...]
    """Parameters of each weight; ``()`` for a weight that learns nothing."""


@pytree
@dataclass(frozen=True)
class Bayesian(ModelStrategy):
    """Fit a surrogate to the finished trials and maximise an acquisition function; made by `bayesian`."""

    acquisition: Acquisition
    weights: tuple[Weight, ...] = ()
    """Factors of the acquisition."""
    batch: Batch | None = None
    """The rule that replaces the acquisition while trials are pending; a `JointBatch` always replaces it. None: the
    acquisition, which takes pending trials into account by the posterior `Knowledge.fantasised`."""
    belief: Belief | None = None
    """Prior over the best configuration, which also guides the initial design; None: no prior."""
    doubt: Doubt | None = None
    """Makes every second suggestion while the acquisition value is very small; None: no such suggestions."""
    under_limits: Acquisition | None = None
    """The default acquisition if outcomes have limits; the Parzen densities are then left out. None: the user's choice
    stays."""
    over_front: FrontAcquisition | None = None
    """The acquisition for several objectives; None if the user named one for a single objective."""

    @property
    def learns_cost(self) -> bool:
        """True if the costs in the table change the suggestions."""
        return any(weight.learns_cost for weight in self.weights)

    def for_table(self, layout: Layout) -> Any:
        """The same strategy for a table with other columns, with weights for limits and a cost.

        Raises:
          ValueError: The table has several objectives, and an option that the user chose supports only one.
        """
        if layout.num_objectives > 1:
            from jbo.strategies._multi_objective import over_several  # _multi_objective imports this module

            return over_several(self, layout)
        return with_weights_for(self, layout)

    def first_params(self, dtype: jnp.dtype) -> Fitted:
        """Starting parameters of a cold fit."""
        d = self.encoding.num_columns
        return Fitted(self.surrogate.init(d, dtype), tuple(weight.init(d, dtype) for weight in self.weights))

    def fit_to(
        self, key: Key[Array, ""], state: Trials, start: Fitted, is_near: Bool[Array, ""]
    ) -> tuple[Fitted, FitInfo]:
        """Fitted parameters of the surrogate and of the weights, and diagnostics of the surrogate's fit."""
        key_values, key_weights = (streams.stream(key, number) for number in (streams.FIT, streams.WEIGHTS))
        values, info = self.fit_values(key_values, state, start.values, is_near)
        weights = tuple(
            weight.fit(jax.random.fold_in(key_weights, i), state, params, is_near)
            for i, (weight, params) in enumerate(zip(self.weights, start.weights, strict=True))
        )
        return Fitted(values, weights), info

    def fit_values(
        self, key: Key[Array, ""], state: Trials, start: Any, is_near: Bool[Array, ""]
    ) -> tuple[Any, FitInfo]:
        """Fitted parameters of the surrogate of the values, and diagnostics of the fit; arguments as in `fit_to`."""
        return fit_near(self.surrogate, key, self.dataset(state), start, is_near)

    def design_at(self, key: Key[Array, ""], state: Trials, region: Region) -> tuple[Float[Array, " d"], BayesianInfo]:
        """A point of the initial design: the centre of the space, then a Sobol sequence; see `design_point`."""
        x, is_new = design_point(key, state, region, self.belief)
        zero = jnp.zeros((), state.x.dtype)
        no_fit = FitInfo(zero, jnp.zeros((), jnp.int32), jnp.asarray(False))
        return x, BayesianInfo(is_new, jnp.asarray(False), zero, no_fit)

    def suggest_by_model(
        self, key: Key[Array, ""], state: Trials, region: Region, model: tuple[Fitted, FitInfo]
    ) -> tuple[Float[Array, " d"], BayesianInfo]:
        """The point that maximises the weighted acquisition function, and how it was found."""
        params, fit = model
        key_row = streams.of_row(key, state.num_trials)
        # A further use gets a stream of its own in `streams`: a wider split may change these four keys.
        key_acquisition, key_maximize, key_new, key_doubt = jax.random.split(key_row, 4)
        known = self.know(params, state, region)
        value = self.worth(key_acquisition, params, state, known)
        found = maximize(key_maximize, value, region, state, known.centre, is_smooth=self.surrogate.is_smooth)
        best = found.x if self.doubt is None else self.doubt.answer(key_doubt, found, state, region)
        x, is_new = _table.first_new(key_new, region, state, best)
        return x, BayesianInfo(is_new, jnp.asarray(True), found.value, fit)

    def suggest_batch(
        self, key: Key[Array, ""], state: Trials, region: Region, model: tuple[Fitted, FitInfo], q: int
    ) -> tuple[Float[Array, "q d"], BayesianInfo]:
        """Suggest several points, found one after another. A `JointBatch` then improves all of them jointly."""
        points, info = super().suggest_batch(key, state, region, model, q)
        if q == 1 or not isinstance(self.batch, JointBatch):
            return points, info
        key_batch = streams.stream(key, streams.BATCH, state.num_trials)
        key_value, key_maximize, key_new = jax.random.split(key_batch, 3)
        known = self.know(model[0], state, region)
        aux = self.batch.prepare(key_value, self.inner_acquisition(known), known)
        value = functools.partial(value_together, self.batch, aux, known, self.log_weight(model[0], state, known))
        points, value = improve_together(key_maximize, value, region, state, points, self.surrogate.is_smooth)
        points, is_new = _table.each_new(key_new, region, state, points)
        return points, info._replace(is_new=is_new, value=jnp.broadcast_to(value, info.value.shape))

    @checked
    def recommend(
        self, key: Key[Array, ""], state: Trials, *, model: tuple[Fitted, FitInfo] | None = None
    ) -> Int[Array, ""]:
        """Row of the trial with the minimum posterior mean, among the trials that may be best (`Trials.may_be_best`).

        Under noise this is safer than the trial with the best observed value, which may only have been lucky. During
        the initial design it is the trial with the best observed value.

        Args:
          key: The key of the search.
          state: The table.
          model: As in `ask`.
        """

        def by_model() -> Int[Array, ""]:
            params, _ = self.fit(key, state) if model is None else model
            mean = mean_of(self.surrogate.condition(params.values, self.dataset(state)), state.x)
            mean = jnp.where(state.may_be_best, mean, jnp.inf)
            # With equal means, as on a plateau or up to rounding, the observed value decides.
            return jnp.argmin(jnp.where(mean == jnp.min(mean), state.value, jnp.inf)).astype(jnp.int32)

        return jax.lax.cond(self.has_enough(state), by_model, lambda: Strategy.recommend(self, key, state))

    def dataset(self, state: Trials) -> Dataset:
        """The successful trials as the data of the surrogate.

        Args:
          state: The table.
        """
        return dataset(state, known_noise(self.surrogate))

    def units(self, state: Trials) -> Units:
        """The transform between the values in a table and the values in its `dataset`.

        Args:
          state: The table.
        """
        return units(state, known_noise(self.surrogate))

    def know(self, params: Fitted, state: Trials, region: Region) -> Knowledge:
        """Posteriors given the table; see `Knowledge`.

        Args:
          params: From `fit`.
          state: The table, with its pending trials.
          region: Region of the next point.
        """
        limits = self.limits_at(params, state, region)
        return learn(self.surrogate, params.values, self.dataset(state), state, region, limits)

    def limits_at(self, params: Fitted, state: Trials, region: Region) -> Limits | None:
        """Log probabilities that the rows of the table meet the limits; None if there are no limits.

        Args:
          params: From `fit`.
          state: The table, with its pending trials.
          region: Region of the next point.
        """
        for weight, learnt in zip(self.weights, params.weights, strict=True):
            if isinstance(weight, Feasible):
                x = state.x if region.fixed is None else region.place(state.x)
                probability = jax.vmap(weight.log_probability(learnt, state))(x)
                return limits_at(state, probability, is_moved=region.fixed is not None)
        return None

    def inner_acquisition(self, known: Knowledge) -> Acquisition:
        """The acquisition over the region, averaged over the hyperparameter samples, without weights.

        Args:
          known: From `know`.
        """
        return over_sets(over_region(self.acquisition, known.region), known.fantasised)

    def log_weight(self, params: Fitted, state: Trials, known: Knowledge) -> LogWeight:
        """The logarithm of the product of all weights, as a function of a point.

        Args:
          params: From `fit`.
          state: The table.
          known: From `know`.
        """
        parts = [w.log_weight(p, state, known) for w, p in zip(self.weights, params.weights, strict=True)]
        there = [part for part in parts if part is not None]
        return lambda x: functools.reduce(jnp.add, [part(x) for part in there], 0 * x[0])

    def worth(self, key: Key[Array, ""], params: Fitted, state: Trials, known: Knowledge) -> LogWeight:
        """The function to maximise: the acquisition times the weights, as a function of a point.

        While no trial meets the limits, it is the product of the weights alone, which include the probability of
        meeting the limits. If a trial is pending and there is a batch rule, the value of the rule takes the place of
        the acquisition. A rule that samples is multiplied only by the probability of success.

        Args:
          key: Random key of the acquisition and of the batch rule.
          params: From `fit`.
          state: The table.
          known: From `know`.
        """
        key, key_batch = (key, key) if self.batch is None else jax.random.split(key)
        log_weight, inner = self.log_weight(params, state, known), self.inner_acquisition(known)
        acquisition = weighted(inner, log_weight, known.least_mean)
        aux = acquisition.prepare(key, known.fantasised, known.feasible_data_with_pending)
        value = functools.partial(acquisition.value, aux, known.fantasised)
        limits = known.limits
        if limits is not None:
            value = functools.partial(or_else, limits.has_feasible, value, log_weight)
        batch = self.batch
        if batch is None:
            return value
        of_batch = batch.prepare(key_batch, inner, known)

        def of_rule(x: Float[Array, " d"]) -> Float[Array, ""]:
            plain = scalar("batch", "value", batch.value(of_batch, inner, known, x))
            counts = known.failures.log_success if isinstance(batch, Drawing) else log_weight
            return weigh(batch.scale, plain, counts(x), known.least_mean)

        if limits is not None:
            of_rule = functools.partial(or_else, limits.has_feasible, of_rule, log_weight)
        if isinstance(batch, JointBatch):
            return of_rule  # it replaces the acquisition
        return lambda x: jax.lax.cond(jnp.any(known.is_pending), of_rule, value, x)


def or_else(is_first: Bool[Array, ""], first: LogWeight, other: LogWeight, x: Float[Array, " d"]) -> Float[Array, ""]:
    """Value of the first function if a condition holds, else of the second; the gradient follows the same choice.

    Args:
      is_first: The condition.
      first: The first function.
      other: The second function.
      x: A point of the unit cube.
    """
    return jax.lax.cond(is_first, first, other, x)


def value_together(
    batch: JointBatch, aux: Any, known: Knowledge, log_weight: LogWeight, x: Float[Array, "q d"]
) -> Float[Array, ""]:
    """Value of several points: the value of a joint rule, plus the mean log weight of the points.

    While no trial meets the limits, the mean log weight alone.

    Args:
      batch: The rule.
      aux: From its ``prepare``.
      known: What is known of the table.
      log_weight: Log weight of a point.
      x: Points of the unit cube.
    """
    gain, weight = batch.value_together(aux, known, x), jnp.mean(jax.vmap(log_weight)(x))
    return gain + weight if known.limits is None else jnp.where(known.limits.has_feasible, gain, 0) + weight


def with_weights_for(strategy: Bayesian, layout: Layout) -> Any:
    """The strategy with the weights for the limits and the cost of a table.

    Args:
      strategy: A strategy for one objective.
      layout: Columns of the table.
    """
    is_default = strategy.under_limits is not None and layout.num_limits
    left_out = (Feasible, Classifier) if is_default else Feasible
    columns = over_columns(strategy.encoding)
    weights = tuple(weight for weight in strategy.weights if not isinstance(weight, left_out))
    if layout.has_cost and not any(isinstance(weight, CostWeight) for weight in weights):
        weights += (LearntCost(columns),)
    if not layout.num_limits:
        return dataclasses.replace(strategy, layout=layout, weights=weights)
    return dataclasses.replace(
        strategy,
        layout=layout,
        weights=(*weights, Feasible(columns, layout.num_limits)),
        acquisition=strategy.under_limits if is_default else strategy.acquisition,
        doubt=None,
    )
