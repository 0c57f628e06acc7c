"""A view of a study's model in the Python layer: predictions in the user's names and units."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jbo.constraint import OnHost
from jbo.encoding import Encoding, held, snap
from jbo.outcomes import Outcomes
from jbo.region import Region
from jbo.space import Space
from jbo.strategies import Bayesian, Strategy, Units, bayesian
from jbo.study import Trial
from jbo.study.front import check_alone
from jbo.study.model import Fits, for_study, recommend, suggest
from jbo.study.table import Table, lifted, with_noise
from jbo.surrogates import Posterior
from jbo.types import Dataset, Trials
from jbo.world import world

_BLOCK = 512
"""Number of points that are predicted at once, so that another number of points compiles nothing."""


@runtime_checkable
class Searched(Protocol):
    """The attributes of a study that diagnostics use: a `jbo.Study`, or a loaded study file."""

    @property
    def space(self) -> Space:
        """The search space."""
        ...

    @property
    def outcomes(self) -> Outcomes:
        """Outcomes of a trial."""
        ...

    @property
    def seed(self) -> int:
        """Seed of all random numbers."""
        ...

    @property
    def strategy(self) -> Strategy:
        """The strategy of the search."""
        ...

    @property
    def trials(self) -> list[Trial]:
        """All trials, in the order of their numbers."""
        ...


class Interval(NamedTuple):
    """Predictions in the sign and the units of the objective."""

    middle: np.ndarray
    """Medians."""
    low: np.ndarray
    """Lower ends of the intervals."""
    high: np.ndarray
    """Upper ends of the intervals."""


@jax.jit
def _condition(strategy: Bayesian, state: Trials, params: Any) -> tuple[Dataset, Any, Units]:
    data = strategy.dataset(state)
    return data, strategy.surrogate.condition(params.values, data), strategy.units(state)


@jax.jit
def _predict(posterior: Posterior, x: Array) -> tuple[Array, Array]:
    return posterior.predict(x)


@jax.jit
def _snap(encoding: Encoding, x: Array) -> Array:
    return snap(encoding, x)


@jax.jit
def _held(encoding: Encoding, x: Array, is_held: Array, places: Array) -> Array:
    return held(encoding, x, is_held, places)


@jax.jit
def _worth(strategy: Bayesian, key: Array, state: Trials, params: Any, x: Array) -> Array:
    """The function that the next suggestion maximises, at points."""
    known = strategy.know(params, state, Region(strategy.encoding))
    return jax.lax.map(strategy.worth(key, params, state, known), x)


@jax.jit
def _told(scale: Units, y: Array) -> Array:
    return scale.to_told(y)


@jax.jit
def _seen(scale: Units, y: Array) -> Array:
    return scale.to_model(y)


@dataclass(frozen=True)
class ModelView:
    """A model of a study's objective, with predictions in the names, the sign and the units of the user."""

    space: Space
    maximize: bool
    trials: list[Trial]
    """All trials, by number: row ``i`` of ``state`` is number ``i``."""
    strategy: Bayesian
    """The strategy with the surrogate: the study's strategy, or `jbo.bayesian` if this has no surrogate."""
    seed: int
    """Seed of all random numbers."""
    key: Array
    """The key of the search, made from the seed."""
    state: Trials
    """The table, lower is better."""
    data: Dataset
    """The data of the surrogate: standardised values with the worse half compressed, without failed trials."""
    fitted: Any
    """All fitted parameters of the strategy, as used by the study's next suggestion."""
    posterior: Any
    """Posterior of the surrogate."""
    units: Units
    """Transform between observed values, lower is better, and the values in ``data``."""
    outcomes: Outcomes
    """Outcomes of a trial."""
    table: Table
    """The trials and their points."""
    fits: Fits
    """The kept fit."""

    @property
    def exponent(self) -> int:
        """Exponent of the power of two that multiplies the values in ``state``; see `jbo.numerics.lift`."""
        return self.table.exponent

    @property
    def params(self) -> Any:
        """The hyperparameters of the surrogate."""
        return self.fitted.values

    def encode(self, configs: Sequence[Mapping[str, Any]]) -> Float[np.ndarray, "m d"]:
        """The points of configurations in the unit cube.

        Args:
          configs: Configurations, each a dict of values by name.

        Raises:
          ValueError: A configuration is not in the space.
        """
        return np.array([self.space.encode(config) for config in configs]).reshape(-1, len(self.space))

    def predict(self, x: Float[np.ndarray, "m d"]) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        """Posterior mean and standard deviation of the function in the units of the surrogate.

        The surrogate has standardised values; lower is better.

        Args:
          x: Points of the unit cube, rounded to valid levels by `snap`.
        """
        mean, variance = _in_blocks(lambda block: jnp.stack(_predict(self.posterior, block), axis=-1), x).T
        return mean, np.sqrt(variance)

    def snap(self, x: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m d"]:
        """Snapped points: the valid points of the cube for arbitrary ones.

        Args:
          x: Points of the cube.
        """
        return _in_blocks(lambda block: _snap(self.strategy.encoding, block), x)

    def around(self, config: dict[str, Any], places: dict[str, Float[np.ndarray, " m"]]) -> Float[np.ndarray, "m d"]:
        """Snapped points that differ from a config in some parameters.

        Args:
          config: Configuration of a trial.
          places: By name, the coordinate of each point in the column of the parameter. If it is a share, the other
            shares keep their proportions.
        """
        columns = [self.space.names.index(name) for name in places]
        x = np.tile(self.encode([config]), (len(next(iter(places.values()))), 1))
        is_held = np.isin(np.arange(x.shape[1]), columns)
        wanted = x.copy()
        wanted[:, columns] = np.stack(list(places.values()), axis=1)
        if not self.strategy.encoding.simplexes:
            return self.snap(wanted)
        with world(None):
            return self.snap(np.array(_held(self.strategy.encoding, x, is_held, wanted)))

    def worth(self, x: Float[np.ndarray, "m d"]) -> Float[np.ndarray, " m"]:
        """Values of the weighted acquisition function of the strategy, higher is better.

        Args:
          x: Snapped points of the cube.
        """
        return _in_blocks(lambda block: _worth(self.strategy, self.key, self.state, self.fitted, block), x)

    @cached_property
    def recommended(self) -> Trial:
        """The trial that the strategy of this view recommends, as in `jbo.Study.recommended`.

        Raises:
          ValueError: No trial meets the limits.
        """
        if not any(trial.value is not None and trial.is_feasible for trial in self.trials):
            raise ValueError("study: expected a trial that succeeded and meets the limits, got none")
        rows, without_stopped = self.table.rows(), self.table.rows_without_stopped()
        return self.trials[recommend(self.strategy, self.seed, rows, without_stopped, None, self.fits)]

    def interval(self, x: Float[np.ndarray, "m d"], deviations: float = 1.959964) -> Interval:
        """Median and central interval of the function, in the sign and the units of the objective.

        Args:
          x: Snapped points of the cube.
          deviations: Half the width of the interval in standard deviations; the default gives 95 %.
        """
        return self.told(*self.predict(x), deviations)

    def told(self, mean: np.ndarray, deviation: np.ndarray, deviations: float = 1.959964) -> Interval:
        """Normal predictions of the surrogate as an interval in the sign and the units of the objective.

        Args:
          mean: As in `predict`.
          deviation: As in `predict`.
          deviations: As in `interval`.
        """
        ends = [_in_blocks(lambda y: _told(self.units, y), mean + k * deviation) for k in (0, -deviations, deviations)]
        ends = [np.ldexp(end, -self.exponent) for end in ends]
        middle, low, high = (-end if self.maximize else end for end in ends)
        return Interval(middle, *((high, low) if self.maximize else (low, high)))

    def seen(self, values: np.ndarray) -> np.ndarray:
        """Values of the objective, in the user's sign, transformed to the units of the surrogate.

        Args:
          values: Finite values.
        """
        losses = lifted(-values if self.maximize else values, self.exponent)
        return _in_blocks(lambda block: _seen(self.units, block), losses)

    def in_units(self, size: float) -> float:
        """A size in units of the model, such as a standard deviation, in units of the objective near the best values.

        Args:
          size: A size of at least 0.
        """
        return float(np.ldexp(size * float(self.data.y_scale), -self.exponent))


def _in_blocks(function: Callable[[Array], Array], values: np.ndarray) -> np.ndarray:
    """Values of a compiled function of rows, called with blocks of fixed size, so that no new size is compiled."""
    num_blocks = max(1, -(-len(values) // _BLOCK))
    padded = np.full((num_blocks * _BLOCK, *values.shape[1:]), 0.5)
    padded[: len(values)] = values
    with world(None):
        parts = [np.asarray(function(jnp.asarray(block))) for block in np.split(padded, num_blocks)]
    return np.concatenate(parts)[: len(values)]


def view_model(study: Searched) -> ModelView:
    """A view of a study's model, given the study's trials. It makes no suggestion and writes nothing.

    Args:
      study: A `jbo.Study`, or another object with the attributes of `Searched`.

    Returns:
      The view of the model that the next suggestion uses; or of `jbo.bayesian` if the strategy has no model.

    Raises:
      ValueError: Fewer than three trials have succeeded, or all have the same value; or there are several objectives.
    """
    check_alone(study.outcomes)
    trials, space = study.trials, study.space
    values = [trial.value for trial in trials if trial.value is not None]
    if len(values) < 3 or len(set(values)) < 2:
        raise ValueError(
            f"study: expected at least three trials that succeeded, and two different values, got {len(values)} trials "
            f"and {len(set(values))} different values"
        )
    strategy: Any = study.strategy
    if not isinstance(strategy, Bayesian):
        strategy = for_study(bayesian(space), space, study.outcomes)
    table, fits = Table.of(trials, space, study.outcomes, strategy.learns_cost), Fits()
    rows = table.rows()
    strategy = with_noise(strategy, table.exponent)
    with world(None):
        (params, _), _ = fits.model(strategy, study.seed, rows, None)
        state = Trials(*jax.tree.map(jnp.asarray, rows))
        data, posterior, scale = _condition(strategy, state, params)
        key = jax.random.key(study.seed, impl="threefry2x32")
    return ModelView(
        space=space,
        maximize=study.outcomes.maximize,
        trials=trials,
        strategy=strategy,
        seed=study.seed,
        key=key,
        state=state,
        data=data,
        fitted=params,
        posterior=posterior,
        units=scale,
        outcomes=study.outcomes,
        table=table,
        fits=fits,
    )


def following(view: ModelView) -> dict[str, Any] | None:
    """The configuration that the strategy would suggest next, without creating a trial.

    Args:
      view: View from `view_model`. Pending trials of the study are taken into account.

    Returns:
      The configuration; None if nothing is left to try.
    """
    found = suggest(view.strategy, view.seed, view.table.rows(), None, view.fits)
    return view.space.decode(found.x) if found.is_new else None


def check_constraint(strategy: Strategy) -> None:
    """Raise the exception that the constraint of the space raised while a program called it, if there is one."""
    constraint = strategy.encoding.constraint
    error = constraint.take_error() if isinstance(constraint, OnHost) else None
    if error is not None:
        raise error
