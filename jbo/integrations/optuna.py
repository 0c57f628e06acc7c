"""jbo as a sampler of Optuna, with Optuna's storages, dashboard and pruners, and what is built on them."""

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
"""Different numbers on each side from which a range explains where a parameter exists."""
_SUGGESTED = "jbo:suggested"
_HAS_ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


class JBOSampler(BaseSampler):
    """A sampler for ``optuna.create_study(sampler=JBOSampler(seed=0))``.

    Parameters that appear in all trials so far, under one distribution, are suggested together. So are those that
    appear exactly where another one has certain values, or where a number lies in one range. That condition is read off
    the trials and becomes part of the model. Other parameters, and all of the first trial, are drawn at random.

    Running trials count as pending, those of other processes and machines too. A failed trial and an infinite value
    teach the model, and are never best; one that was begun again (`RetryHeartbeatStaleTrialCallback`) counts as the
    new one. A trial that was pruned counts with its latest intermediate value, clipped to lie between the median and
    the worst of the complete trials before it.

    A study may have several objectives (``directions=``). Constraints come from ``trial.set_constraint(name, value)``:
    a trial is feasible if all its constraints are at most 0. The search multiplies the acquisition by the probability
    that they hold. A trial without a constraint that other trials have is not known to be feasible: it teaches the
    objectives and is never best. A pruned trial without a value is infeasible if it breaks a constraint, else failed.

    Args:
      strategy: Function from a space to a strategy over it, such as `jbo.parzen`.
      seed: Seed of all randomness; None: drawn by the system. Several processes of one study may share a seed, because
        a suggestion depends on the seed, the number of the trial and the trials so far.
      constraints_func: Function from a complete or pruned trial to its constraints, a tuple or list of numbers, as in
        the samplers of Optuna. Optuna deprecates it in favour of ``trial.set_constraint``.

    Raises:
      ValueError: The seed is none. Later, if the study has several objectives and the strategy supports only one.

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
        """Parameters that are suggested together: those whose presence the trials so far explain."""
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
        """Values of the parameters that are there where the others have theirs."""
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
            # Other processes may be asking at this moment: what they are about to be told counts as pending too.
            asking = [t.number for t in trials if t.number < trial.number and _is_asking(t)]
            for number in [*asking, trial.number]:
                table = _table(space, search_space, trials, outcomes, guesses, strategy.learns_cost)
                lifted = with_lift(strategy, table.exponents)
                guesses[number] = space.decode(suggest(lifted, seed, table.rows(), None, fits).x)
            config = guesses[trial.number]
            # Written down, so that other processes know of it before the objective has asked for all of it.
            study._storage.set_trial_system_attr(trial._trial_id, _SUGGESTED, config)
            before, trials = trials, _others(study, trial)
            # Two that asked at once may have got the same: whoever sees it asks again, each in its own way.
            if config in _configs(before, search_space) or config not in _configs(trials, search_space):
                return {name: _value(search_space[name], level) for name, level in config.items()}
            seed = int(np.random.SeedSequence([seed, trial.number]).generate_state(1)[0])

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A value at random, spread as the distribution says."""
        if param_distribution.single():
            return param_distribution.to_external_repr(_lowest(param_distribution))
        draw = np.random.default_rng([self._seed, trial.number, zlib.crc32(param_name.encode())])
        level = Space({"x": _parameter(param_distribution)}).decode(draw.random(1))["x"]
        return _value(param_distribution, level)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Stores the constraints that ``constraints_func`` gives for a trial that has ended."""
        del values
        if self._constraints_func is not None:
            # Imported where it is needed: Optuna will remove it together with the argument.
            from optuna.samplers._base import _process_constraints_after_trial

            _process_constraints_after_trial(self._constraints_func, study, trial, state)

    def __getstate__(self) -> dict[str, Any]:
        # What other libraries keep of a search, such as Ray Tune: fits are made again from the trials.
        return self.__dict__ | {"_latest": None}

    def _strategy_for(self, space: Space, outcomes: Outcomes) -> tuple[Strategy, Fits]:
        if self._latest is None or self._latest[:2] != (space, outcomes):
            strategy = for_study(self._strategy(space), space, outcomes)
            self._latest = space, outcomes, strategy, Fits()
        return self._latest[2:]


# Distributions as parameters: a choice is its index, a step is counted, so that all is a number.


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
    """The value that the objective gets for that of our parameter."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[level]
    if isinstance(distribution, FloatDistribution) and distribution.step is not None:
        return min(distribution.low + level * distribution.step, distribution.high)
    return level


def _level(distribution: BaseDistribution, value: Any) -> Any:
    """The value of our parameter for that of the objective."""
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
    """When each parameter exists, None: always; those whose presence nothing explains are left out.

    Args:
      distributions: Distributions of the parameters.
      trials: Trials that show which parameters came together.
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
    """Values or range of a parent at which a parameter exists; None if these do not explain its presence."""
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
    # Where hardly a value came twice, anything would be explained.
    if parameter.num_levels and all(len(values[k]) >= 2 * len(set(values[k])) for k in (True, False)):
        return sorted(there)
    return None if isinstance(parameter, Categorical) else _range_of(parameter, sorted(there), sorted(absent))


def _range_of(parameter: Parameter, there: list[Any], absent: list[Any]) -> Between | None:
    """The range of a number in which a parameter exists, its ends half way to the numbers at which it does not."""
    # About n^2 / 2 of the 2^n ways to be there or not, at n numbers, are ranges: few enough from these counts on.
    if min(len(there), len(absent)) < _LEAST_OF_RANGE or any(there[0] < value < there[-1] for value in absent):
        return None
    below = [value for value in absent if value < there[0]]
    above = [value for value in absent if value > there[-1]]

    def middle(one: Any, other: Any) -> Any:
        return parameter.from_unit(0.5 * (parameter.to_unit(one) + parameter.to_unit(other)))

    low = middle(below[-1], there[0]) if below else parameter.from_unit(0.0)
    high = middle(there[-1], above[0]) if above else parameter.from_unit(1.0)
    # Between two neighbouring levels there is no third.
    return between(there[0] if low in below else low, there[-1] if high in above else high)


def _others(study: Study, trial: FrozenTrial) -> list[FrozenTrial]:
    """The other trials in the order of their numbers, without failed ones that a new trial repeats."""
    trials = [t for t in study.get_trials(deepcopy=False) if t.number != trial.number]
    begun_again = {number for t in [*trials, trial] for number in t.system_attrs.get("retry_history", ())}
    return [t for t in trials if t.number not in begun_again]


def _config(trial: FrozenTrial, distributions: Mapping[str, BaseDistribution]) -> dict[str, Any]:
    """What the trial was told, or is about to be told, of the parameters."""
    config = {n: _level(distributions[n], v) for n, v in trial.params.items() if n in distributions}
    return trial.system_attrs.get(_SUGGESTED, {}) | config if trial.state == TrialState.RUNNING else config


def _configs(trials: Sequence[FrozenTrial], distributions: Mapping[str, BaseDistribution]) -> list[dict[str, Any]]:
    return [_config(trial, distributions) for trial in trials]


def _is_asking(trial: FrozenTrial) -> bool:
    """Whether a trial has begun and was not told its parameters yet."""
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
    """The name of the outcome of a constraint; no objective has it."""
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
      guesses: Suggested values that running trials do not hold yet, a dict from the trial's number to a configuration.
      learns_cost: True if the strategy learns what trials cost, which is their seconds.
    """
    points, placed = [], []
    for trial in trials:
        if trial.state != TrialState.RUNNING and trial.state not in _HAS_ENDED:
            continue
        config = guesses.get(trial.number, {}) | _config(trial, distributions)
        config = {name: value for name, value in config.items() if name in space}
        try:
            points.append(space.encode(config))
        except ValueError:  # it lacks a parameter, or its distribution was another
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
    """A trial of Optuna as one of jbo.

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
            status, values = "ok", limits  # the constraint that it breaks is the reason
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
