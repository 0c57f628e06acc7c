"""What the model of a search predicts at points in the user's units, in the units of GPyOpt's models."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt32

from jbo.acquisitions import Improvement, Scale
from jbo.compat.gpyopt._space import Design_space
from jbo.region import Region
from jbo.strategies import Bayesian, LearntCost, streams
from jbo.study.model import Fits, key_of, words_of
from jbo.study.table import rows_of_values
from jbo.surrogates import ManySets, Surrogate
from jbo.surrogates.kernels import GPParams
from jbo.types import FAILED, OK, Trials
from jbo.world import world

_CHUNK = 128
"""Points of one call, so that one program serves any number of them."""


class Table(NamedTuple):
    """The trials that a model learns from: NumPy arrays, one row a trial."""

    rows: Float[np.ndarray, "n k"]
    """Points in the user's units."""
    x: Float[np.ndarray, "n d"]
    """The points in the unit cube."""
    y: Float[np.ndarray, " n"]
    """Values, lower is better; NaN where an evaluation failed."""
    cost: Float[np.ndarray, " n"] | None
    """Cost of each trial, 0 if unknown; None if the model does not use costs."""


class Predictions(NamedTuple):
    """Predictions at points: arrays with a row for each point and a column for each hyperparameter sample."""

    mean: Float[np.ndarray, "m s"]
    """Of the objective, lower is better."""
    deviation: Float[np.ndarray, "m s"]
    """Of the function."""
    noise: Float[np.ndarray, "m s"]
    """Standard deviation of an observation around the function."""
    acquisition: Float[np.ndarray, " m"]
    """The value of the acquisition, higher is better."""


class View:
    """A fitted model of a table.

    The search's own model sees values whose worse half is compressed. Here its quantiles are taken back to the
    objective's units, and then standardised as GPyOpt standardises them.
    """

    def __init__(self, strategy: Bayesian, space: Design_space, table: Table, seed: int, normalize: bool):
        self.table, self.space = table, space
        self._strategy = strategy
        is_ok = np.isfinite(table.y)
        if is_ok.sum() < 2 or np.ptp(table.y[is_ok]) == 0:
            raise ValueError(f"model: expected at least two different values, got {table.y.tolist()}")
        self.offset, self.scale = (table.y[is_ok].mean(), table.y[is_ok].std()) if normalize else (0.0, 1.0)
        state = rows_of_values(table.x, np.where(is_ok, table.y, 0), np.where(is_ok, OK, FAILED), table.cost)
        columns: Any = state  # NumPy's arrays
        self._state = Trials(*columns)
        self._words: Any = words_of(seed)
        with world(None):
            # By the program of the search itself, which is compiled already.
            model, _ = Fits().model(strategy, seed, state, None)
        self.params: Any = jax.tree.map(np.asarray, model[0])

    def at(self, rows: Float[np.ndarray, "m k"]) -> Predictions:
        """Predictions at points in the user's units.

        Args:
          rows: Points in the domain, or near it.
        """
        x = self.space.columns.to_unit(np.atleast_2d(np.asarray(rows, np.float64)))
        found = []
        with world(None):
            for begin in range(0, max(len(x), 1), _CHUNK):
                part = x[begin : begin + _CHUNK]
                padded = np.concatenate([part, np.full((_CHUNK - len(part), x.shape[1]), 0.5)])
                seen = _look(self._strategy, self._words, self.params, self._state, padded)
                found.append([np.asarray(leaf)[: len(part)] for leaf in seen])
        mean, deviation, noise, acquisition = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return Predictions(
            self._normalized(mean), deviation / self.scale, noise / self.scale, self._scaled(acquisition)
        )

    @property
    def surrogate(self) -> Surrogate:
        """The model as `jbo` has it."""
        return self._strategy.surrogate

    def succeeded(self) -> tuple[Float[np.ndarray, "n k"], Float[np.ndarray, "n 1"]]:
        """The points that have a value, and the values as the model of GPyOpt sees them."""
        is_ok = np.isfinite(self.table.y)
        return self.table.rows[is_ok], self._normalized(self.table.y[is_ok])[:, None]

    def parameters(self) -> list[tuple[str, float]]:
        """Names and values of the hyperparameters of a Gaussian process; of several samples the mean.

        Raises:
          ValueError: The model has none, as a forest.
        """
        params = self.params.values
        if not isinstance(params, GPParams):
            raise ValueError("model: expected a Gaussian process, which has hyperparameters; a forest has none")
        lengthscales = np.exp(params.log_lengthscale)
        found = {"signal_variance": np.exp(params.log_signal_variance).mean()}
        for name, number in zip(
            self.space.space, lengthscales.reshape(-1, lengthscales.shape[-1]).mean(0), strict=True
        ):
            found[f"lengthscale_{name}"] = number
        found["noise_variance"] = np.exp(params.log_noise_variance).mean()
        return [(name, float(number)) for name, number in found.items()]

    def gradients(self, rows: Float[np.ndarray, "m k"]) -> tuple[Float[np.ndarray, "m k"], Float[np.ndarray, "m k"]]:
        """Derivatives of the mean, and of the standard deviation of an observation, by each number of a row.

        They are central differences in the units of `at` per unit of the parameter. Along levels they are 0.

        Args:
          rows: Points in the user's units.
        """
        return (
            self.differences(rows, lambda points: self.at(points).mean.mean(1)),
            self.differences(rows, lambda points: self.total(self.at(points)).mean(1)),
        )

    def differences(
        self, rows: Float[np.ndarray, "m k"], function: Callable[[np.ndarray], np.ndarray]
    ) -> Float[np.ndarray, "m k"]:
        """Derivatives of a function of rows by each number that is no level, from central differences.

        Args:
          rows: Points in the user's units.
          function: From rows to one value each.
        """
        rows = np.atleast_2d(np.asarray(rows, np.float64))
        slopes = np.zeros(rows.shape)
        for j, (low, high) in enumerate(self.space.columns.bounds()):
            if self.space.columns.is_real[j] and high > low:
                up, down, step = rows.copy(), rows.copy(), 1e-5 * (high - low)
                up[:, j], down[:, j] = np.minimum(rows[:, j] + step, high), np.maximum(rows[:, j] - step, low)
                slopes[:, j] = (function(up) - function(down)) / (up[:, j] - down[:, j])
        return slopes

    @staticmethod
    def total(found: Predictions) -> Float[np.ndarray, "m s"]:
        """Standard deviation of an observation, from the function's variance and the noise variance.

        Args:
          found: From `at`.
        """
        return np.sqrt(found.deviation**2 + found.noise**2)

    def _normalized(self, values: np.ndarray) -> np.ndarray:
        return (values - self.offset) / self.scale

    def _scaled(self, acquisition: np.ndarray) -> np.ndarray:
        """The acquisition as GPyOpt has it: no logarithm, in units of the standardised objective."""
        if self._strategy.acquisition.scale is Scale.OBJECTIVE:
            return -self._normalized(acquisition)
        return acquisition / self.scale if _is_expected(self._strategy) else acquisition


def _is_expected(strategy: Bayesian) -> bool:
    """True of expected improvement, which has the units of the objective."""
    acquisition = strategy.acquisition
    return isinstance(acquisition, Improvement) and acquisition.formula in ("log_expected", "expected")


@jax.jit
def _look(
    strategy: Bayesian, words: UInt32[Array, "2"], params: Any, state: Trials, x: Float[Array, "m d"]
) -> tuple[Array, Array, Array, Array]:
    """Mean, deviation and noise for each hyperparameter sample in told units, and the acquisition."""
    data, way = strategy.dataset(state), strategy.units(state)
    posterior: Any = strategy.surrogate.condition(params.values, data)
    predict: Callable[[Any], Any] = lambda one: (*one.predict(x), one.noise_variance())  # noqa: E731
    if isinstance(posterior, ManySets) and posterior.num_sets > 1:
        mean, variance, noise = jax.vmap(predict)(posterior.sets())
        noise = jnp.broadcast_to(noise[:, None], mean.shape)
    else:
        mean, variance = (each[None] for each in strategy.surrogate.predict(posterior, x))
        noise = jnp.broadcast_to(jnp.mean(posterior.noise_variance()), mean.shape)
    # GPyOpt divides by the cost, and knows no other weight; a rule for batches is no part of its acquisition.
    costs = [i for i, weight in enumerate(strategy.weights) if isinstance(weight, LearntCost)]
    weights, of_weights = (tuple(parts[i] for i in costs) for parts in (strategy.weights, params.weights))
    strategy, params = dataclasses.replace(strategy, weights=weights, batch=None), params._replace(weights=of_weights)
    key = streams.of_row(key_of(words), jnp.zeros((), jnp.int32))
    values = jax.lax.map(strategy.worth(key, params, state, strategy.know(params, state, Region(strategy.encoding))), x)
    if strategy.acquisition.scale is Scale.LOGARITHM:
        values = jnp.exp(values)
    if strategy.acquisition.scale is Scale.OBJECTIVE:
        values = way.to_told(-values)
    elif _is_expected(strategy):
        values = values * way.y_scale
    # Standard deviations are taken to told units to first order.
    slope = jax.vmap(jax.vmap(jax.grad(way.to_told)))(mean)
    deviation, noise = (slope * jnp.sqrt(jnp.maximum(each, 0)) for each in (variance, noise))
    return way.to_told(mean).T, deviation.T, noise.T, values
