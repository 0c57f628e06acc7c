"""jbo as a sampler of Optuna, for use with Optuna's storages, dashboard and pruners, and tools built on them."""

import math
import secrets
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from jbo.outcomes import AtMost, Maximize, Minimize, Outcomes
from jbo.parameters import Between, Categorical, Condition, Integer, Parameter, Real, between
from jbo.space import Space
from jbo.strategies import Strategy, bayesian
from jbo.study import Trial
from jbo.study.model import Fits, for_study, suggest
from jbo.study.table import Table, with_lift
from jbo.study.value import as_seed

_LEAST_OF_RANGE = 12
"""Minimum number of different values on each side before a range may explain the presence of a parameter."""
_SUGGESTED = "jbo:suggested"
_HAS_ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


class JBOSampler(BaseSampler):
    """A sampler for ``optuna.create_study(sampler=JBOSampler(seed=0))``.

    The sampler suggests parameters together if they appear in all trials so far, with one distribution. It also does so
    if a parameter appears exactly when another parameter has certain values, or when a number lies in one range. This
    condition is inferred from the trials and becomes part of the model. Other parameters, and all parameters of the
    first trial, are sampled at random.

    Running trials are pending trials, including those of other processes and machines. Failed trials and infinite
    values inform the model, but are never best. A failed trial that was retried (`RetryHeartbeatStaleTrialCallback`) is
    replaced by its retry. A pruned trial has its latest intermediate value, clipped to lie between the median and the
    worst of the complete trials before it.

    A study may have several objectives (``directions=``). Constraints come from ``trial.set_constraint(name, value)``:
    a trial is feasible if all its constraints are at most 0. The search multiplies the acquisition by the probability
    that all constraints hold. If a trial lacks a constraint that other trials have, its feasibility is unknown. Such a
    trial informs the models of the objectives and is never best. A pruned trial without a value is infeasible if it
    breaks a constraint, and otherwise failed.

    Args:
      strategy: Function from a space to a strategy over it, such as `jbo.parzen`.
      seed: Seed of all random numbers; None: a random seed. Several processes of one study may share a seed. A
        suggestion depends on the seed, the number of the trial and the trials so far.
      constraints_func: Function from a complete or pruned trial to its constraints, a tuple or list of numbers, as in
        the samplers of Optuna. Optuna deprecates it in favour of ``trial.set_constraint``.

    Raises:
      ValueError: The seed is invalid. Also raised by a later suggestion if the study has several objectives and the
        strategy supports only one.

    Example:
      >>> import optuna
      >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
      >>> study = optuna.create_study(sampler=JBOSampler(seed=0))
      >>> study.optimize(lambda trial: trial.suggest_float("x", -1, 1) ** 2, n_trials=3)
      >>> len(study.trials)
      3
    """

    def __init__(
        self,
        *,
        strategy: Callable[[Space], Strategy] = bayesian,
        seed: int | None = None,
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
    ):
        self._strategy = strategy
        self._seed = secrets.randbits(32) if seed is None else as_seed(seed)
        self._constraints_func = constraints_func
        self._latest: tuple[Space, Outcomes, Strategy, Fits] | None = None

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The parameters that are suggested together, because the trials so far explain when each of them appears."""
        ended = [t for t in study.get_trials(deepcopy=False, states=_HAS_ENDED) if t.params]
        found: dict[str, BaseDistribution | None] = {}
        for past in ended:
            for name, distribution in past.distributions.items():
                is_usable = not distribution.single() and found.get(name, distribution) == distribution
                found[name] = distribution if is_usable else None
        usable = {name: distribution for name, distribution in found.items() if distribution is not None}
        conditions = _conditions(usable, ended)
        return {name: usable[name] for name in sorted(conditions)}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Values for those parameters of the search space that are active in this suggestion."""
        if not search_space:
            return {}
        trials = _others(study, trial)
        ended = [t for t in trials if t.state in _HAS_ENDED and t.params]
        conditions = _conditions(search_space, ended)
        space = Space({name: _parameter(search_space[name]).with_condition(conditions[name]) for name in conditions})
        if not len(space):
            return {}
        outcomes = _outcomes(study, trials)
        strategy, fits = self._strategy_for(space, outcomes)
        seed = self._seed
        while True:
            guesses: dict[int, dict[str, Any]] = {}
            # Other processes may be asking at the same time, so their expected suggestions count as pending too.
            asking = [t.number for t in trials if t.number < trial.number and _is_asking(t)]
            for number in [*asking, trial.number]:
                table = _table(space, search_space, trials, outcomes, guesses, strategy.learns_cost)
                lifted = with_lift(strategy, table.exponents)
                guesses[number] = space.decode(suggest(lifted, seed, table.rows(), None, fits).x)
            config = guesses[trial.number]
            # Stored, so that other processes see the suggestion before the objective has asked for all its values.
            study._storage.set_trial_system_attr(trial._trial_id, _SUGGESTED, config)
            before, trials = trials, _others(study, trial)
            # Two processes that asked at once may get the same suggestion. A process that sees this asks again, with
            # its own seed.
            if config in _configs(before, search_space) or config not in _configs(trials, search_space):
                return {name: _value(search_space[name], level) for name, level in config.items()}
            seed = int(np.random.SeedSequence([seed, trial.number]).generate_state(1)[0])

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A random value from the distribution."""
        if param_distribution.single():
            return param_distribution.to_external_repr(_lowest(param_distribution))
        draw = np.random.default_rng([self._seed, trial.number, zlib.crc32(param_name.encode())])
        level = Space({"x": _parameter(param_distribution)}).decode(draw.random(1))["x"]
        return _value(param_distribution, level)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Stores the constraints that ``constraints_func`` gives for a trial that has ended."""
        del values
        if self._constraints_func is not None:
            # This import is local, because Optuna will remove the function together with the argument.
            from optuna.samplers._base import _process_constraints_after_trial

            _process_constraints_after_trial(self._constraints_func, study, trial, state)

    def __getstate__(self) -> dict[str, Any]:
        # Other libraries, such as Ray Tune, pickle the sampler. Fits are left out and computed again from the trials.
        return self.__dict__ | {"_latest": None}

    def _strategy_for(self, space: Space, outcomes: Outcomes) -> tuple[Strategy, Fits]:
        if self._latest is None or self._latest[:2] != (space, outcomes):
            strategy = for_study(self._strategy(space), space, outcomes)
            self._latest = space, outcomes, strategy, Fits()
        return self._latest[2:]


# Distributions as parameters: a choice becomes its index and a step becomes a count, so that all values are numbers.


def _parameter(distribution: BaseDistribution) -> Parameter:
    if isinstance(distribution, CategoricalDistribution):
        return Categorical(*range(len(distribution.choices)))
    if isinstance(distribution, IntDistribution):
        return Integer(distribution.low, distribution.high, log=distribution.log, step=distribution.step)
    if not isinstance(distribution, FloatDistribution):
        raise ValueError(f"JBOSampler: expected a distribution of floats, integers or categories, got {distribution!r}")
    if distribution.step is not None:
        return Integer(0, round((distribution.high - distribution.low) / distribution.step))
    return Real(distribution.low, distribution.high, log=distribution.log)


def _value(distribution: BaseDistribution, level: Any) -> Any:
    """The value for the objective, from the value of jbo's parameter."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[level]
    if isinstance(distribution, FloatDistribution) and distribution.step is not None:
        return min(distribution.low + level * distribution.step, distribution.high)
    return level


def _level(distribution: BaseDistribution, value: Any) -> Any:
    """The value of jbo's parameter, from the value for the objective."""
    if isinstance(distribution, CategoricalDistribution):
        return int(distribution.to_internal_repr(value))
    if isinstance(distribution, FloatDistribution) and distribution.step is not None:
        return round((value - distribution.low) / distribution.step)
    return value


def _lowest(distribution: BaseDistribution) -> float:
    return distribution.low if isinstance(distribution, FloatDistribution | IntDistribution) else 0


# Trials as rows.


def _conditions(
    distributions: Mapping[str, BaseDistribution], trials: Sequence[FrozenTrial]
) -> dict[str, Condition | None]:
    """The condition under which each parameter exists; None means always.

    Parameters whose presence is not explained by a condition are left out.

    Args:
      distributions: Distributions of the parameters.
      trials: Trials that show which parameters appear together.
    """
    conditions: dict[str, Condition | None] = {
        name: None for name in distributions if all(name in trial.params for trial in trials)
    }
    while True:  # a parent may have a parent
        parents = sorted(conditions, key=lambda name: (_parameter(distributions[name]).num_levels or math.inf, name))
        added: dict[str, Condition | None] = {}
        for name in distributions.keys() - conditions.keys():
            for parent in parents:
                wanted = _wanted_of_parent(distributions[parent], parent, name, trials)
                if wanted is not None:
                    added[name] = parent, wanted
                    break
        if not added:
            return {name: conditions[name] for name in sorted(conditions)}
        conditions |= added


def _wanted_of_parent(
    distribution: BaseDistribution, parent: str, name: str, trials: Sequence[FrozenTrial]
) -> list[Any] | Between | None:
    """Values or range of a parent for which a parameter exists; None if the parent does not explain its presence."""
    if any(name in trial.params and parent not in trial.params for trial in trials):
        return None
    values: dict[bool, list[Any]] = {True: [], False: []}
    for trial in trials:
        if parent in trial.params:
            values[name in trial.params].append(_level(distribution, trial.params[parent]))
    there, absent = set(values[True]), set(values[False])
    if not there or not absent or there & absent:
        return None
    parameter = _parameter(distribution)
    # If hardly any value is repeated, every presence would seem to be explained.
    if parameter.num_levels and all(len(values[k]) >= 2 * len(set(values[k])) for k in (True, False)):
        return sorted(there)
    return None if isinstance(parameter, Categorical) else _range_of(parameter, sorted(there), sorted(absent))


def _range_of(parameter: Parameter, there: list[Any], absent: list[Any]) -> Between | None:
    """The range of a number in which a parameter exists; each end is half way to the next number without it."""
    # With n numbers, about n^2 / 2 of the 2^n patterns of presence are ranges. From these counts on, that is rare
    # enough to be no coincidence.
    if min(len(there), len(absent)) < _LEAST_OF_RANGE or any(there[0] < value < there[-1] for value in absent):
        return None
    below = [value for value in absent if value < there[0]]
    above = [value for value in absent if value > there[-1]]

    def middle(one: Any, other: Any) -> Any:
        return parameter.from_unit(0.5 * (parameter.to_unit(one) + parameter.to_unit(other)))

    low = middle(below[-1], there[0]) if below else parameter.from_unit(0.0)
    high = middle(there[-1], above[0]) if above else parameter.from_unit(1.0)
    # There is no level between two neighbouring levels.
    return between(there[0] if low in below else low, there[-1] if high in above else high)


def _others(study: Study, trial: FrozenTrial) -> list[FrozenTrial]:
    """The other trials in the order of their numbers, without failed trials that a new trial repeats."""
    trials = [t for t in study.get_trials(deepcopy=False) if t.number != trial.number]
    begun_again = {number for t in [*trials, trial] for number in t.system_attrs.get("retry_history", ())}
    return [t for t in trials if t.number not in begun_again]


def _config(trial: FrozenTrial, distributions: Mapping[str, BaseDistribution]) -> dict[str, Any]:
    """The values of the parameters in the trial, including suggested values that the objective has not asked for."""
    config = {n: _level(distributions[n], v) for n, v in trial.params.items() if n in distributions}
    return trial.system_attrs.get(_SUGGESTED, {}) | config if trial.state == TrialState.RUNNING else config


def _configs(trials: Sequence[FrozenTrial], distributions: Mapping[str, BaseDistribution]) -> list[dict[str, Any]]:
    return [_config(trial, distributions) for trial in trials]


def _is_asking(trial: FrozenTrial) -> bool:
    """True if a trial has started but has no parameters yet."""
    return trial.state == TrialState.RUNNING and not trial.params and _SUGGESTED not in trial.system_attrs


def _outcomes(study: Study, trials: Sequence[FrozenTrial]) -> Outcomes:
    """The objectives of a study, and a limit of 0 for each constraint of its trials that have ended.

    Args:
      study: Study whose directions are used.
      trials: Trials of the study.
    """
    constraints = sorted({name for trial in trials if trial.state in _HAS_ENDED for name in trial.constraints})
    objectives = [
        (Maximize if direction == StudyDirection.MAXIMIZE else Minimize)(f"value {number}")
        for number, direction in enumerate(study.directions)
    ]
    return Outcomes([*objectives, *(AtMost(_name_of_limit(name), 0.0) for name in constraints)])


def _name_of_limit(constraint: str) -> str:
    """A name for the outcome of a constraint; it differs from the names of all objectives."""
    return f"constraint {constraint}"


def _table(
    space: Space,
    distributions: Mapping[str, BaseDistribution],
    trials: Sequence[FrozenTrial],
    outcomes: Outcomes,
    guesses: Mapping[int, dict[str, Any]],
    learns_cost: bool = False,
) -> Table:
    """The trials whose configurations lie in the space, in the order of their numbers.

    Args:
      space: Space of the rows of the table.
      distributions: Distributions of the space's parameters.
      trials: Trials in the order of their numbers.
      outcomes: Outcomes from `_outcomes`.
      guesses: Expected values that running trials do not have yet, a dict from the trial's number to a configuration.
      learns_cost: True if the strategy learns the cost of trials, which is their duration in seconds.
    """
    points, placed = [], []
    for trial in trials:
        if trial.state != TrialState.RUNNING and trial.state not in _HAS_ENDED:
            continue
        config = guesses.get(trial.number, {}) | _config(trial, distributions)
        config = {name: value for name, value in config.items() if name in space}
        try:
            points.append(space.encode(config))
        except ValueError:  # it lacks a parameter, or had another distribution
            continue
        placed.append(_as_trial(trial, config, outcomes))
    return Table(
        placed,
        points,
        num_columns=space.encoding.num_columns,
        outcomes=outcomes,
        layout=outcomes.layout_for(learns_cost),
    )


def _as_trial(trial: FrozenTrial, config: dict[str, Any], outcomes: Outcomes) -> Trial:
    """Converts a trial of Optuna to a trial of jbo.

    Args:
      trial: A trial that runs or has ended.
      config: The trial's values of the parameters of the space.
      outcomes: Outcomes from `_outcomes`.
    """
    names = [objective.name for objective in outcomes.objectives]
    limits = {_name_of_limit(name): value for name, value in trial.constraints.items()}
    status, values, reported = "failed", {}, {}
    if trial.state not in _HAS_ENDED:
        status = "pending"
    elif all(map(math.isfinite, limits.values())):
        if trial.state == TrialState.COMPLETE and all(map(math.isfinite, trial.values)):
            status, values = "ok", dict(zip(names, trial.values, strict=True)) | limits
        elif trial.state == TrialState.PRUNED and trial.last_step is not None and len(names) == 1:
            latest = trial.intermediate_values[trial.last_step]
            if math.isfinite(latest):
                status, values, reported = "stopped", limits, {trial.last_step: latest}
        elif trial.state == TrialState.PRUNED and any(value > 0 for value in limits.values()):
            status, values = "ok", limits  # the broken constraint is the reason
    return Trial(
        number=trial.number,
        config=config,
        status=status,
        value=values.get(names[0]) if len(names) == 1 else None,
        started_at=_seconds(trial.datetime_start) or 0.0,
        ended_at=_seconds(trial.datetime_complete),
        failure=None,
        study_id="",
        intermediate_values=reported,
        values=values,
        reported=names[0] if reported else None,
    )


def _seconds(time: datetime | None) -> float | None:
    return None if time is None else time.timestamp()
