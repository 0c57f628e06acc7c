"""Bayesian optimisation of several objectives: a surrogate for each objective, and an acquisition of the front."""

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Array, Bool, Float, Int, Key

from jbo import pareto
from jbo.acquisitions import Front, LimitModels, LogWeight
from jbo.checks import checked, scalar
from jbo.knowledge import Knowledge, Limits, learn
from jbo.numerics import choose
from jbo.pytrees import pytree
from jbo.region import Region
from jbo.strategies._bayesian import Bayesian, Fitted, or_else, with_weights_for
from jbo.strategies._classifier import Classifier
from jbo.strategies._limits import Feasible
from jbo.strategies._strategy import Strategy
from jbo.surrogates import FitInfo, ManySets, Posterior, fit_near, mean_of
from jbo.types import OK, ONE_VALUE, PENDING, Layout, Trials

_EQUAL_MEANS = 0.01
"""Two posterior means count as equal if they differ by less than this, in standard deviations of the values."""


class KnownFront(NamedTuple):
    """Knowledge of the models when a point is suggested for several objectives."""

    of_first: Knowledge
    """Knowledge of the first objective. Failures, limits and pending trials are the same for all objectives."""
    posteriors: Posterior
    """Posteriors, with a leading axis of objectives. They are also conditioned on pending and failed trials, as if
    these trials had returned their posterior mean."""
    front: Front
    """The trials and the reference point, in the form that an acquisition uses."""
    centre: Float[Array, " d"]
    """Point of a trial of the front, a different trial at each ask. While no trial is feasible, the trial with the
    highest probability of feasibility is used."""

    @property
    def limits(self) -> Limits | None:
        """Knowledge of the limits; None: there are no limits."""
        return self.of_first.limits


@pytree
@dataclass(frozen=True)
class MultiObjective(Bayesian):
    """`Bayesian` for a table with several objectives, made by `Bayesian.for_table`.

    Each objective has its own surrogate, and one program fits and evaluates all surrogates. A trial that lacks the
    value of one objective still informs the surrogates of the other objectives.
    """

    reference: Float[Array, " k"] | Float[np.ndarray, " k"] = field(kw_only=True)
    """Reference point: the worst values that count, on the scale of the table; infinite if the user gave no value."""

    def for_table(self, layout: Layout) -> Any:
        """The strategy for a table with other columns; `Bayesian` if there is one objective."""
        fields = {each.name: getattr(self, each.name) for each in dataclasses.fields(Bayesian)}
        return self if layout == self.layout else Bayesian(**fields).for_table(layout)

    def with_reference(self, reference: Any) -> Any:
        """The same strategy with another reference point, see ``reference``."""
        return dataclasses.replace(self, reference=reference)

    def first_params(self, dtype: jnp.dtype) -> Fitted:
        """Starting parameters of a cold fit."""
        one, k = super().first_params(dtype), self.layout.num_objectives
        return one._replace(values=jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (k, *leaf.shape)), one.values))

    def fit_values(
        self, key: Key[Array, ""], state: Trials, start: Any, is_near: Bool[Array, ""]
    ) -> tuple[Any, FitInfo]:
        """Fitted parameters of the surrogates, the objectives along the second axis, and diagnostics of the fits."""
        keys = jax.random.split(key, self.layout.num_objectives)

        def fit(one: Trials, key: Key[Array, ""], start: Any) -> tuple[Any, FitInfo]:
            return fit_near(self.surrogate, key, self.dataset(one), start, is_near)

        values, info = each_objective(fit, state, keys, start, out_axes=(1, 0))
        return values, FitInfo(jnp.sum(info[0]), jnp.sum(info[1]).astype(info[1].dtype), jnp.all(info[2]))

    def know(self, params: Fitted, state: Trials, region: Region) -> Any:
        """Knowledge of the models about the table, see `KnownFront`."""
        limits = self.limits_at(params, state, region)

        def of_one(one: Trials, params: Any, reference: Array) -> tuple[Knowledge, Array]:
            known = learn(self.surrogate, params, self.dataset(one), one, region, limits)
            return known._replace(region=None, limits=None), self.units(one).to_model(reference)

        values = jax.tree.map(lambda leaf: jnp.moveaxis(leaf, 1, 0), params.values)
        reference = jnp.asarray(self.reference, state.x.dtype)
        known, model_reference = each_objective(of_one, state, values, reference)
        mean = known.mean.T
        of_first = jax.tree.map(lambda leaf: leaf[0], known)._replace(region=region, limits=limits)
        has_ended, is_pending = state.status == OK, state.status == PENDING
        is_feasible = jnp.ones_like(has_ended) if limits is None else limits.is_feasible
        inferred = pareto.reference(mean, has_ended & is_feasible)
        front = Front(
            x=of_first.feasible_data_with_pending.x,
            mean=mean,
            counts=(has_ended | is_pending) & is_feasible,
            reference=jnp.where(jnp.isfinite(reference), model_reference, inferred),
            limits=self._limit_models(params, state, has_ended | is_pending),
        )
        return KnownFront(of_first, known.fantasised, front, _centre(state, front, limits))

    def _limit_models(self, params: Fitted, state: Trials, is_there: Bool[Array, " n"]) -> LimitModels | None:
        """Models of the limits for acquisitions that sample the limits; None for other acquisitions."""
        assert self.over_front is not None
        if not self.over_front.samples_limits:
            return None
        for weight, learnt in zip(self.weights, params.weights, strict=True):
            if isinstance(weight, Feasible):
                return LimitModels(*weight.posteriors(learnt, state), is_there)
        return None

    def log_weight(self, params: Fitted, state: Trials, known: Any) -> LogWeight:
        """The logarithm of the product of all weights, as a function of a point."""
        return super().log_weight(params, state, known.of_first)

    def worth(self, key: Key[Array, ""], params: Fitted, state: Trials, known: Any) -> LogWeight:
        """The function to maximise: the logarithm of the acquisition times the weights, as a function of a point.

        While no trial meets the limits, the function is the logarithm of the weights alone. The probability of meeting
        the limits is one of the weights.
        """
        log_weight, inner = self.log_weight(params, state, known), self._log_gain(key, known)

        def value(x: Float[Array, " d"]) -> Float[Array, ""]:
            return inner(x) + log_weight(x)

        if known.limits is None:
            return value
        return functools.partial(or_else, known.limits.has_feasible, value, log_weight)

    def _log_gain(self, key: Key[Array, ""], known: KnownFront) -> LogWeight:
        """The acquisition as a function of a point, the mean over hyperparameter samples."""
        acquisition, posteriors, front = self.over_front, known.posteriors, known.front
        assert acquisition is not None
        first: Any = jax.eval_shape(lambda posteriors: jax.tree.map(lambda leaf: leaf[0], posteriors), posteriors)
        num_sets = first.num_sets if isinstance(first, ManySets) else 1

        def of(posteriors: Any, mean: Array) -> tuple[Any, Any]:
            return posteriors, acquisition.prepare(key, posteriors, front._replace(mean=mean))

        if num_sets == 1:
            _, aux = of(posteriors, front.mean)
            return lambda x: scalar("acquisition", "value", acquisition.value(aux, posteriors, x))

        sets: Any = jax.vmap(lambda posterior: posterior.sets(), out_axes=1)(posteriors)  # [s k]
        means = jax.vmap(jax.vmap(lambda posterior: mean_of(posterior, front.x), out_axes=1))(sets)
        sets, aux = jax.vmap(of)(sets, means)

        def averaged(x: Float[Array, " d"]) -> Float[Array, ""]:
            values = jax.vmap(lambda own, one: scalar("acquisition", "value", acquisition.value(own, one, x)))(
                aux, sets
            )
            return logsumexp(values) - float(np.log(num_sets))

        return averaged

    @checked
    def recommend(self, key: Key[Array, ""], state: Trials, *, model: Any = None) -> Int[Array, ""]:
        """Raise an error, because with several objectives no single trial is best.

        Raises:
          ValueError: Always; see `recommend_front`.
        """
        del model
        return Strategy.recommend(self, key, state)

    @checked
    def recommend_front(self, key: Key[Array, ""], state: Trials, *, model: Any = None) -> Bool[Array, " n"]:
        """True for the trials that no other trial dominates by posterior means; see `Strategy.recommend_front`.

        Means that differ by less than 1 % of the standard deviation of the values count as equal, because the model is
        not more precise than this.

        Args:
          key: The key of the search.
          state: The table.
          model: As in `ask`.
        """

        def by_model() -> Bool[Array, " n"]:
            params, _ = self.fit(key, state) if model is None else model
            values = jax.tree.map(lambda leaf: jnp.moveaxis(leaf, 1, 0), params.values)

            def mean(one: Trials, params: Any) -> Float[Array, " n"]:
                return mean_of(self.surrogate.condition(params, self.dataset(one)), state.x)

            return pareto.near_front(each_objective(mean, state, values).T, state.may_be_best, _EQUAL_MEANS)

        return jax.lax.cond(self.has_enough(state), by_model, lambda: Strategy.recommend_front(self, key, state))


def _centre(state: Trials, front: Front, limits: Limits | None) -> Float[Array, " d"]:
    """The point of one trial in the front, chosen by the number of trials so far; see `KnownFront.centre`."""
    is_front = pareto.front(front.mean, front.counts & (state.status == OK))
    place = jnp.cumsum(is_front.astype(jnp.int32), dtype=jnp.int32)
    wanted = state.num_trials % jnp.maximum(place[-1], 1) + 1
    row = jnp.argmax(is_front & (place == wanted))
    if limits is None:
        return front.x[row]
    return front.x[choose(limits.has_feasible, row, jnp.argmax(limits.log_probability))]


def each_objective(function: Callable[..., Any], state: Trials, *more: Any, out_axes: Any = 0) -> Any:
    """Results of a function applied to each objective separately, with an axis of objectives.

    One program computes all results.

    Args:
      function: Function of a table with one objective, and of further arguments.
      state: The table of all objectives.
      more: Further arguments, each with a leading axis of objectives.
      out_axes: As in `jax.vmap`.
    """
    k = state.layout.num_objectives

    def of_one(y: Array, is_known: Array, noise: Array | None, *more: Any) -> Any:
        noise = None if noise is None else noise[:, None]
        one = state._replace(y=y[:, None], is_known=is_known[:, None], noise=noise, layout=ONE_VALUE)
        return function(one, *more)

    of_table = state.y, state.is_known, state.noise
    columns: list[Any] = [None if column is None else column[:, :k].T for column in of_table]
    return jax.vmap(of_one, in_axes=(0, 0, None if columns[2] is None else 0, *[0] * len(more)), out_axes=out_axes)(
        *columns, *more
    )


def over_several(strategy: Bayesian, layout: Layout) -> MultiObjective:
    """The given strategy, converted for a table with several objectives.

    Args:
      strategy: The strategy of the user.
      layout: Layout of the table.

    Raises:
      ValueError: The acquisition supports one objective only, the strategy has a batch rule, or a parameter is
        ``monotone``.
    """
    if strategy.over_front is None:
        raise ValueError(
            "acquisition: expected an acquisition for several objectives, such as "
            "jbo.log_expected_hypervolume_improvement(), "
            f"jbo.hypervolume_scalarization() or jbo.parego(), got {strategy.acquisition!r}"
        )
    if strategy.batch is not None:
        raise ValueError(
            f"batch: expected None with several objectives, where pending trials enter with their posterior means, got "
            f"{strategy.batch!r}"
        )
    if any(column.monotone for column in strategy.encoding.columns):
        raise ValueError(
            "monotone: expected no monotone parameter with several objectives, because `monotone` does not say in "
            "which objective"
        )
    made = with_weights_for(strategy, layout)
    if strategy.under_limits is not None:  # densities of good trials are not defined for a front
        weights = tuple(weight for weight in made.weights if not isinstance(weight, Classifier))
        made = dataclasses.replace(made, weights=weights, doubt=None)
    fields: dict[str, Any] = {each.name: getattr(made, each.name) for each in dataclasses.fields(Bayesian)}
    fields["doubt"] = None
    return MultiObjective(**fields, reference=np.full(layout.num_objectives, np.inf))
