"""The default search: which surrogate, which acquisition, and what multiplies it."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Array, Float

from jbo.acquisitions import (
    Acquisition,
    FrontAcquisition,
    as_acquisition,
    confidence_bound,
    log_expected_hypervolume_improvement,
    log_expected_improvement,
)
from jbo.batches import Batch
from jbo.belief import belief_over
from jbo.space import Space, check_space
from jbo.strategies._bayesian import Bayesian
from jbo.strategies._classifier import Classifier, Doubt
from jbo.strategies._cost import cost_of
from jbo.strategies._earlier import with_earlier
from jbo.strategies._initial import design_size
from jbo.strategies._parzen import parzen
from jbo.strategies.weights import Expected, Success, Weight
from jbo.surrogates import GP, Surrogate, gp

_MOST_COLUMNS_OF_BOUND = 20
"""With more of them improvement asks unless another acquisition is named."""
_MOST_COLUMNS_OF_CHANCE = 10
"""With more of them, none a category, densities of so few trials say nothing: the bound asks alone."""
_LEAST_IMPROVEMENT = 0.01
"""With categories: improvement times chance, in deviations of the values, below which densities ask now and then."""


def bayesian(
    space: Space | Any,
    *,
    surrogate: Surrogate | None = None,
    acquisition: Acquisition | FrontAcquisition | None = None,
    batch: Batch | None = None,
    num_initial: int | None = None,
    belief: Mapping[str, Any] | None = None,
    belief_weight: float | Float[Array, ""] = 5.0,
    prior_trials: Iterable[Any] | None = None,
    cost: str | Callable[[dict[str, Any]], Any] | None = None,
    classifier_weight: float | Float[Array, ""] | None = None,
    weights: Sequence[Weight] = (),
) -> Bayesian:
    """Bayesian optimisation of an objective over ``space``.

    Args:
      space: The search space; only its structure enters.
      surrogate: The model; None: `jbo.gp`.
      acquisition: What to ask next; None: `jbo.lower_confidence_bound`, but `jbo.log_expected_improvement` in a space
        with categories or more than 20 parameters, with a ``belief`` or a ``cost``, which multiply or divide it, and
        with a forest.
      batch: How an ask counts with pending trials, one of `jbo.batches`; None: as if they had returned what the model
        expects (the kriging believer).
      num_initial: Results before the model speaks, told ones among them; None: one more than there are parameters, at
        least 5 and at most 7.
      belief: Where the best configuration is expected, by name, for some of the parameters: ``(value, deviation)``,
        ``(value, factor)`` on a log scale, of an ordinal the deviation in steps; or ``{value: weight}``, in which the
        values that are not named weigh 1. It multiplies the acquisition function and fades as results come in.
      belief_weight: The number of results at which the belief counts as it stands: with twice as many only its root.
      prior_trials: Of an earlier study on a similar task, such as ``study.trials``: the model learns how much its
        objective is like theirs, and which way. They are no results of this search. The initial design then ends
        after three results, unless ``num_initial`` is given.
      cost: What an evaluation costs, where that is not the same everywhere: the acquisition is divided by it, so that
        what counts is the improvement per unit of cost. ``"seconds"``: learnt by a Gaussian process on the logarithm of
        the seconds from `Study.ask` to `Study.tell`, or of the costs that are told; in `jbo.minimize` of those that the
        problem says (`jbo.Result`). Or a traceable function of the config, with scalars as `jbo.minimize` gives them to
        an objective, to a number above 0. The initial design does not count with it. Beside it the acquisition is
        `jbo.log_expected_improvement` unless you name one. Of the rules for batches those that draw do not count with
        it.
      classifier_weight: The power, at least 0, of the probability that a trial is among the good ones, by the densities
        of `jbo.parzen`, that multiplies the acquisition; of a confidence bound what it promises beyond the least mean.
        It helps where the objective is not what a
        Gaussian process takes it for: cliffs, plateaus, ripples. None: 1 where no ``acquisition`` is named, the
        surrogate is smooth (no forest) and there are categories, or no ``batch`` and at most 10 parameters of which
        none is ``monotone``; else none. Where no ``acquisition``, ``batch``, ``belief``, ``cost`` or ``weights`` are
        named and there are categories, the densities themselves ask every second point once the model expects to gain
        less than 1 % of the deviation of the values, so that a search is not stuck where the model is wrong.
        A table of more than 1,024 rows is left to the model.
      weights: Factors of your own, each a `jbo.strategies.Weight`, by which the acquisition is multiplied besides.

    Raises:
      TypeError: If the surrogate, the acquisition or the rule for batches is none, or there are ``prior_trials`` for a
        surrogate that is no `jbo.gp`.
      ValueError: If ``num_initial`` is below 1, or the belief or the prior trials are none of this space; or ``cost``
        is neither, or stands beside a rule that values a batch as a whole; or ``classifier_weight`` is negative or not
        finite.

    References:
      Snoek, Larochelle and Adams, Practical Bayesian Optimization of Machine Learning Algorithms, 2012, section 3.2
      (``cost``).
    """
    space = check_space(space)
    encoding = space.encoding
    # A function such as ``jbo.gp`` in place of ``jbo.gp()`` would fail late and far from here.
    if surrogate is not None and not isinstance(surrogate, Surrogate):
        raise TypeError(f"surrogate: expected a surrogate such as jbo.gp(), got {surrogate!r}")
    surrogate = gp() if surrogate is None else surrogate
    least_improvement = under_limits = over_front = None
    if isinstance(acquisition, FrontAcquisition):
        acquisition, over_front = acquisition.of_one, acquisition
    elif acquisition is None:
        over_front = log_expected_hypervolume_improvement()
        # The bound is better under noise, and may be lost among categories, with rough deviations or where there are so
        # many parameters that the model knows nothing almost everywhere: docs/method.md.
        has_categories = bool(encoding.is_category.any())
        is_plain = belief is None and cost is None and not has_categories
        is_bound = is_plain and surrogate.is_smooth and encoding.num_columns <= _MOST_COLUMNS_OF_BOUND
        acquisition = confidence_bound() if is_bound else log_expected_improvement()
        under_limits = log_expected_improvement() if classifier_weight is None else None
        # Densities know no direction: they would hold a search back from the end that the model knows to be best.
        is_directed = any(column.monotone for column in encoding.columns)
        is_chance = is_bound and batch is None and not is_directed and encoding.num_columns <= _MOST_COLUMNS_OF_CHANCE
        if classifier_weight is None and surrogate.is_smooth and (has_categories or is_chance):
            classifier_weight = 1.0
        is_alone = belief is None and cost is None and batch is None and not weights
        if classifier_weight is not None and has_categories and is_alone:
            # Densities that count for nothing ask for nothing.
            is_nothing = isinstance(classifier_weight, int | float) and classifier_weight == 0
            least_improvement = 0.0 if is_nothing else _LEAST_IMPROVEMENT
    acquisition = as_acquisition(acquisition)
    if batch is not None and not isinstance(batch, Batch):
        raise TypeError(f"batch: expected a rule such as jbo.batches.local_penalization(), got {batch!r}")
    if isinstance(surrogate, GP):
        surrogate = surrogate.resolve(space.names)
    surrogate = surrogate.bind(encoding)
    if prior_trials is not None:
        if not isinstance(surrogate, GP):
            raise TypeError(f"prior_trials: expected a Gaussian process such as jbo.gp(), got {surrogate!r}")
        surrogate = with_earlier(surrogate, space, prior_trials)
        num_initial = 3 if num_initial is None else num_initial
    if classifier_weight is not None:
        if isinstance(classifier_weight, int | float) and not 0 <= classifier_weight < np.inf:
            raise ValueError(f"classifier_weight: expected a finite number of at least 0, got {classifier_weight!r}")
    expected = None if belief is None else belief_over(space, belief)
    # Of a list of candidates the program holds one copy, that of the strategy.
    densities = dataclasses.replace(parzen(space), encoding=dataclasses.replace(encoding, candidates=None))
    classifier = None if classifier_weight is None else Classifier(densities, 1.0 * classifier_weight)
    all_weights = [
        Success(),
        classifier,
        None if expected is None else Expected(expected, 1.0 * belief_weight),
        None if cost is None else cost_of(cost, space, batch),
        *weights,
    ]
    return Bayesian(
        encoding=encoding,
        surrogate=surrogate,
        num_design=design_size(encoding, num_initial),
        acquisition=acquisition,
        weights=tuple(weight for weight in all_weights if weight is not None),
        batch=batch,
        belief=expected,
        under_limits=under_limits,
        over_front=over_front,
        doubt=None if classifier is None or least_improvement is None else Doubt(classifier, least_improvement),
    )
