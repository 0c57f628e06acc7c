"""What a model believes of the objective of a study: the host face of a posterior."""

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
"""Points that are predicted at once, so that their number compiles nothing."""


@runtime_checkable
class Searched(Protocol):
    """What is looked at: a `jbo.Study`, or a file that was read."""

    @property
    def space(self) -> Space:
        """Where it is searched."""
        ...

    @property
    def outcomes(self) -> Outcomes:
        """What is measured of a trial."""
        ...

    @property
    def seed(self) -> int:
        """Of all randomness."""
        ...

    @property
    def strategy(self) -> Strategy:
        """What is tried next."""
        ...

    @property
    def trials(self) -> list[Trial]:
        """All trials, by number."""
        ...


class Interval(NamedTuple):
    """Predictions in the sign and the units of the objective."""

    middle: np.ndarray
    """Medians."""
    low: np.ndarray
    high: np.ndarray


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
    """What the next suggestion maximises, at points."""
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
    """A model of a study's objective, its predictions in the names, the sign and the units of the user."""

    space: Space
    maximize: bool
    trials: list[Trial]
    """All trials, by number: row ``i`` of ``state`` is number ``i``."""
    strategy: Bayesian
    """Whose surrogate it is: the study's, or `jbo.bayesian` where that has none."""
    seed: int
    """Of all randomness."""
    key: Array
    """The key of the search, made of the seed."""
    state: Trials
    """The table, lower is better."""
    data: Dataset
    """What the surrogate sees of it: standardised, the worse half compressed, failed trials left out."""
    fitted: Any
    """All hyperparameters of the strategy: those that the study's next suggestion uses."""
    posterior: Any
    units: Units
    """From told values, lower is better, to those of ``data`` and back."""
    outcomes: Outcomes
    """What is measured of a trial."""
    table: Table
    """The trials and their points."""
    fits: Fits
    """Holds the fit."""

    @property
    def exponent(self) -> int:
        """Exponent of the power of two that told values are multiplied by in ``state``: see `jbo.numerics.lift`."""
        return self.table.exponent

    @property
    def params(self) -> Any:
        """The hyperparameters of the surrogate."""
        return self.fitted.values

    def encode(self, configs: Sequence[Mapping[str, Any]]) -> Float[np.ndarray, "m d"]:
        """The points of the cube where configurations sit.

        Args:
          configs: Values by name.

        Raises:
          ValueError: One is not of the space.
        """
        return np.array([self.space.encode(config) for config in configs]).reshape(-1, len(self.space))

    def predict(self, x: Float[np.ndarray, "m d"]) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        """Posterior mean and standard deviation of the function in the units of the surrogate.

        The surrogate sees standardised values, of which lower ones are better.

        Args:
          x: Points of the unit cube, rounded to valid levels by `snap`.
        """
        mean, variance = _in_blocks(lambda block: jnp.stack(_predict(self.posterior, block), axis=-1), x).T
        return mean, np.sqrt(variance)

    def snap(self, x: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m d"]:
        """The valid points of the cube that others stand for.

        Args:
          x: Points of the cube.
        """
        return _in_blocks(lambda block: _snap(self.strategy.encoding, block), x)

    def around(self, config: dict[str, Any], places: dict[str, Float[np.ndarray, " m"]]) -> Float[np.ndarray, "m d"]:
        """Snapped points that differ from a config in some parameters.

        Args:
          config: As a trial has it.
          places: By name, where each point stands in the column of that parameter. If it is a share, the other shares
            keep their proportions.
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
        """What the acquisition function of the strategy says of points, higher is better.

        Args:
          x: Snapped points of the cube.
        """
        return _in_blocks(lambda block: _worth(self.strategy, self.key, self.state, self.fitted, block), x)

    @cached_property
    def recommended(self) -> Trial:
        """The feasible trial with the best posterior mean, as `jbo.Study.recommended` has it.

        Raises:
          ValueError: No trial meets the limits.
        """
        if not any(trial.value is not None and trial.is_feasible for trial in self.trials):
            raise ValueError("study: expected a trial that succeeded and meets the limits, got none")
        rows, whole = self.table.rows(), self.table.whole_rows()
        return self.trials[recommend(self.strategy, self.seed, rows, whole, None, self.fits)]

    def interval(self, x: Float[np.ndarray, "m d"], deviations: float = 1.959964) -> Interval:
        """Median and central interval of the function, in the sign and the units of the objective.

        Args:
          x: Snapped points of the cube.
          deviations: Half the width of the interval in deviations of the model; the default holds 95 %.
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
        """What the surrogate would see of values of the objective, in the user's sign.

        Args:
          values: Finite ones.
        """
        losses = lifted(-values if self.maximize else values, self.exponent)
        return _in_blocks(lambda block: _seen(self.units, block), losses)

    def in_units(self, size: float) -> float:
        """A size in units of the model, such as a standard deviation, in those of the objective near the best values.

        Args:
          size: At least 0.
        """
        return float(np.ldexp(size * float(self.data.y_scale), -self.exponent))


def _in_blocks(function: Callable[[Array], Array], values: np.ndarray) -> np.ndarray:
    """What a compiled function of rows gives, called with as many rows each time, so that no number compiles anew."""
    num_blocks = max(1, -(-len(values) // _BLOCK))
    padded = np.full((num_blocks * _BLOCK, *values.shape[1:]), 0.5)
    padded[: len(values)] = values
    with world(None):
        parts = [np.asarray(function(jnp.asarray(block))) for block in np.split(padded, num_blocks)]
    return np.concatenate(parts)[: len(values)]


def view_model(study: Searched) -> ModelView:
    """What the model of a study believes, given its trials; nothing is asked and nothing is written.

    Args:
      study: A `jbo.Study`, or what else has these attributes.

    Returns:
      The view of the model that the next suggestion uses; of `jbo.bayesian` if the strategy has none.

    Raises:
      ValueError: Fewer than three trials have succeeded, or all have the same value; or there are several objectives.
    """
    check_alone(study.outcomes)
    trials, space = study.trials, study.space
    values = [trial.value for trial in trials if trial.value is not None]
    if len(values) < 3 or len(set(values)) < 2:
        raise ValueError(
            f"study: expected three trials that succeeded, with different values, got {len(values)} with "
            f"{len(set(values))} different values"
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
    """The configuration that the strategy would suggest next. No trial is made.

    Args:
      view: From `view_model`. Pending trials of its study count as pending.

    Returns:
      None if nothing is left to try.
    """
    found = suggest(view.strategy, view.seed, view.table.rows(), None, view.fits)
    return view.space.decode(found.x) if found.is_new else None


def check_constraint(strategy: Strategy) -> None:
    """Raise what the constraint of the space raised while a program called it."""
    constraint = strategy.encoding.constraint
    error = constraint.take_error() if isinstance(constraint, OnHost) else None
    if error is not None:
        raise error
