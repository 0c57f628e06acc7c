"""The default strategy: its surrogate, its acquisition and the weights of the acquisition."""

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
from jbo.strategies.weights import BeliefWeight, Success, Weight
from jbo.surrogates import GP, Surrogate, gp

_MOST_COLUMNS_OF_BOUND = 20
"""Maximum number of columns for the confidence bound as the default; with more columns it is log EI."""
_MOST_COLUMNS_OF_CHANCE = 10
"""Maximum number of columns for the Parzen classifier without categories: more would need more trials."""
_LEAST_IMPROVEMENT = 0.01
"""Threshold for `Doubt` with categories: weighted expected improvement, in standard deviations of the values."""


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
      space: The search space. The strategy keeps only its structure.
      surrogate: The model; None: `jbo.gp`.
      acquisition: The acquisition function; None: `jbo.lower_confidence_bound`. It is `jbo.log_expected_improvement`
        instead in a space with categories or more than 20 parameters, with a ``belief`` or a ``cost``, and with a
        forest.
      batch: How pending trials are taken into account, one of `jbo.batches`. None: the kriging believer, which assumes
        that they return the posterior mean.
      num_initial: Number of results of the initial design, including results of your own configurations. None: the
        number of parameters plus one, at least 5 and at most 7.
      belief: Prior over the best configuration, by name, for some of the parameters: ``(value, standard deviation)``;
        on a log scale ``(value, factor)``; for an ordinal the standard deviation is in steps. Or ``{value: weight}``,
        with weight 1 for the other values. It multiplies the acquisition function and fades as results come in.
      belief_weight: The exponent of the prior is ``belief_weight / n`` after ``n`` results.
      prior_trials: Trials of an earlier study on a similar task, such as ``study.trials``. The model learns how
        strongly the two objectives are correlated, and with which sign. These trials are not results of this search.
        The initial design then ends after three results, unless ``num_initial`` is given.
      cost: Cost of an evaluation, if it varies over the space. The acquisition is divided by it, which gives the
        improvement per unit of cost. ``"seconds"``: a Gaussian process learns the logarithm of the cost. In a study,
        the cost is the time from `Study.ask` to `Study.tell`, or the cost given to `Study.tell`; in `jbo.minimize` it
        is the cost in `jbo.Result`. Or a traceable function from a config to a number above 0, with scalars as in
        `jbo.minimize`.
        The initial design ignores the cost, and so do batch rules that sample. With a cost the default acquisition is
        `jbo.log_expected_improvement`.
      classifier_weight: Exponent, at least 0, of the probability that a trial is a good one, by the densities of
        `jbo.parzen`. This power multiplies the acquisition; for a confidence bound, its improvement on the minimum
        mean. It helps on objectives that a Gaussian process fits badly: cliffs, plateaus, ripples.
        None: 1 if no ``acquisition`` is named, the surrogate is smooth (no forest), and the space has categories. Also
        1 without categories if there is no ``batch`` and there are at most 10 parameters, none of them ``monotone``.
        Otherwise there is no such factor.
        With categories, and without ``acquisition``, ``batch``, ``belief``, ``cost`` and ``weights``, the densities
        also make every second suggestion late in a search. They do so once the expected improvement is below 1 % of
        the standard deviation of the values. A wrong model then does not stall the search.
        The classifier is not used with tables of more than 1,024 rows.
      weights: Further factors of the acquisition, each a `jbo.strategies.Weight`.

    Raises:
      TypeError: If the surrogate, the acquisition or the batch rule is of the wrong type, or there are
        ``prior_trials`` and the surrogate is not a `jbo.gp`.
      ValueError: If ``num_initial`` is below 1. If the belief or the prior trials do not fit the space. If ``cost`` is
        neither ``"seconds"`` nor a function, or is combined with a rule that values a batch as a whole. If
        ``classifier_weight`` is negative or not finite.

    References:
      Snoek, Larochelle and Adams, Practical Bayesian Optimization of Machine Learning Algorithms, 2012, section 3.2
      (``cost``).
    """
    space = check_space(space)
    encoding = space.encoding
    # Check here, because ``jbo.gp`` instead of ``jbo.gp()`` would fail later, with a less clear message.
    if surrogate is not None and not isinstance(surrogate, Surrogate):
        raise TypeError(f"surrogate: expected a surrogate such as jbo.gp(), got {surrogate!r}")
    surrogate = gp() if surrogate is None else surrogate
    least_improvement = under_limits = over_front = None
    if isinstance(acquisition, FrontAcquisition):
        acquisition, over_front = acquisition.of_one, acquisition
    elif acquisition is None:
        over_front = log_expected_hypervolume_improvement()
        # The bound is better under noise. It is worse with categories, with the rough standard deviations of a forest,
        # and with many parameters, for which the model knows little almost everywhere: docs/method.md.
        has_categories = bool(encoding.is_category.any())
        is_plain = belief is None and cost is None and not has_categories
        is_bound = is_plain and surrogate.is_smooth and encoding.num_columns <= _MOST_COLUMNS_OF_BOUND
        acquisition = confidence_bound() if is_bound else log_expected_improvement()
        under_limits = log_expected_improvement() if classifier_weight is None else None
        # Densities ignore monotone directions, and would keep a search from the end that the model knows to be best.
        is_directed = any(column.monotone for column in encoding.columns)
        is_chance = is_bound and batch is None and not is_directed and encoding.num_columns <= _MOST_COLUMNS_OF_CHANCE
        if classifier_weight is None and surrogate.is_smooth and (has_categories or is_chance):
            classifier_weight = 1.0
        is_alone = belief is None and cost is None and batch is None and not weights
        if classifier_weight is not None and has_categories and is_alone:
            # Densities of weight 0 make no suggestions either.
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
    # Drop the candidates here, so that a program holds only the copy of the strategy.
    densities = dataclasses.replace(parzen(space), encoding=dataclasses.replace(encoding, candidates=None))
    classifier = None if classifier_weight is None else Classifier(densities, 1.0 * classifier_weight)
    all_weights = [
        Success(),
        classifier,
        None if expected is None else BeliefWeight(expected, 1.0 * belief_weight),
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
