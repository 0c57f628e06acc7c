"""Arrays of fixed capacity for a search: the table of trials and the data set of a surrogate.

Axis names used in every signature: ``n`` rows (the capacity), ``m`` test points, ``d`` columns of the encoding,
``q`` points of a batch, ``s`` hyperparameter samples, ``r`` restarts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int

from jbo.pytrees import pytree

EMPTY, OK, PENDING, FAILED, ABANDONED = 0, 1, 2, 3, 4
"""Statuses of a row of `Trials`. An abandoned trial has a number and a point, and does not inform the model."""


@pytree
@dataclass(frozen=True)
class Layout:
    """The columns of values of a table of trials: objectives, then limits, then perhaps the cost. All static."""

    num_objectives: int = field(default=1, metadata={"static": True})
    """Number of objectives; lower is better."""
    num_limits: int = field(default=0, metadata={"static": True})
    """Number of limits. A trial is feasible if the column of each limit is at most 0."""
    has_cost: bool = field(default=False, metadata={"static": True})
    """True if the last column is the cost."""

    @property
    def num_columns(self) -> int:
        """Number of columns."""
        return self.num_objectives + self.num_limits + self.has_cost


ONE_VALUE = Layout()
"""The layout of a single objective."""


class Trials(NamedTuple):
    """The state of every strategy: a table with one row for each trial, in the order in which they were added.

    `Strategy.init` makes an empty table, and `Trials.from_arrays` a table of known results.
    """

    x: Float[Array, "n d"]
    """Snapped points of the unit-cube encoding. Several trials may have the same point."""
    y: Float[Array, "n k"]
    """Measured values, one column for each outcome; 0 if unknown."""
    is_known: Bool[Array, "n k"]
    """True for the measured values of ``y``."""
    status: Int[Array, " n"]
    """``EMPTY``, ``OK``, ``PENDING``, ``FAILED`` or ``ABANDONED``."""
    trial: Int[Array, " n"]
    """Number of the trial, from 0; -1 for empty rows."""
    noise: Float[Array, "n k"] | None = None
    """Known standard deviation of the observation noise of each value, in units of ``y``; 0 if unknown. None: unknown
    for all values."""
    layout: Layout = ONE_VALUE
    """Layout of the columns of ``y``."""

    @staticmethod
    def from_arrays(
        x: Any,
        y: Any,
        status: Any = None,
        *,
        is_known: Any = None,
        noise: Any = None,
        cost: Any = None,
        layout: Layout | None = None,
    ) -> "Trials":
        """A table of trials with known results, numbered from 0.

        Args:
          x: Points of the cube, ``[n d]``.
          y: Values, lower is better, ``[n]``; or all columns of the layout, ``[n k]``. Ignored unless ``status`` is
            ``OK``.
          status: Status of each row, ``[n]``; None: ``OK`` everywhere.
          is_known: False for values that were not measured, in the shape of ``y``; None: all were measured.
          noise: Standard deviations of the observation noise in the shape of ``y``; None: unknown.
          cost: Cost of each trial, ``[n]``, 0 if unknown; None: the last column of ``y`` if the layout has a cost,
            otherwise no cost.
          layout: Layout of ``y``; None: one objective.

        Raises:
          ValueError: If the number of columns of ``y`` differs from the layout.

        Example:
          >>> Trials.from_arrays([[0.2], [0.6]], [1.0, 3.0]).value.tolist()
          [1.0, 3.0]
        """
        x, y = jnp.asarray(x), jnp.asarray(y)
        n = x.shape[0]
        status = jnp.full(n, OK, jnp.int32) if status is None else jnp.asarray(status)
        y = y.reshape(n, -1)
        is_ok = (status == OK)[:, None]
        is_known = is_ok & (jnp.ones(y.shape, bool) if is_known is None else jnp.asarray(is_known).reshape(n, -1))
        if noise is not None:
            noise = jnp.asarray(noise, y.dtype).reshape(n, -1)
        layout = ONE_VALUE if layout is None else layout
        if y.shape[1] != layout.num_columns:
            raise ValueError(f"y: expected {layout.num_columns} columns as the layout says, got {y.shape[1]}")
        numbers = jnp.where(status == EMPTY, -1, jnp.cumsum(status != EMPTY) - 1)
        y = jnp.where(is_known, y, 0)
        trials = Trials(x, y, is_known, status, numbers.astype(jnp.int32), noise, layout)
        return trials if cost is None else trials.with_cost(cost)

    @property
    def num_trials(self) -> Int[Any, "*b"]:
        """Number of trials in the table, of any status; also the number of the next trial."""
        return jnp.sum(self.status != EMPTY, axis=-1).astype(jnp.int32)

    @property
    def objectives(self) -> Float[Any, "*b n k"]:
        """All objectives, lower is better; 0 if unknown."""
        return self.y[..., : self.layout.num_objectives]

    def of_objective(self, number: int) -> "Trials":
        """The table with one of its objectives as the only value.

        Args:
          number: Number of the objective, from 0.
        """
        one = slice(number, number + 1)
        noise = None if self.noise is None else self.noise[:, one]
        return self._replace(y=self.y[:, one], is_known=self.is_known[:, one], noise=noise, layout=ONE_VALUE)

    @property
    def value(self) -> Float[Any, "*b n"]:
        """The value of a single objective, lower is better; 0 if unknown.

        Raises:
          ValueError: The table has several objectives.
        """
        self._require_one("value")
        return self.y[..., 0]

    def _require_one(self, name: str) -> None:
        if self.layout.num_objectives > 1:
            raise ValueError(
                f"{name}: expected a table with one objective, got {self.layout.num_objectives}; `objectives` has them "
                "all, and `of_objective` is the table of one of them"
            )

    @property
    def noise_of_value(self) -> Float[Any, "*b n"] | None:
        """Known standard deviation of the noise of `value`; 0 if unknown, None if unknown for all trials."""
        self._require_one("noise_of_value")
        return None if self.noise is None else self.noise[..., 0]

    @property
    def has_value(self) -> Bool[Any, "*b n"]:
        """True for successful trials with a value of every objective."""
        return (self.status == OK) & self.is_known[..., : self.layout.num_objectives].all(axis=-1)

    @property
    def is_feasible(self) -> Bool[Any, "*b n"]:
        """True for successful trials with a known value for each limit, all of which meet the limits."""
        limits = slice(self.layout.num_objectives, self.layout.num_objectives + self.layout.num_limits)
        return (self.status == OK) & jnp.all(self.is_known[..., limits] & (self.y[..., limits] <= 0), axis=-1)

    @property
    def may_be_best(self) -> Bool[Any, "*b n"]:
        """True for trials with a value that meet all limits; without such trials, for those that break the fewest.

        In the second case `Study.recommended` raises an error.
        """
        limits = slice(self.layout.num_objectives, self.layout.num_objectives + self.layout.num_limits)
        num_broken = jnp.sum(~(self.is_known[..., limits] & (self.y[..., limits] <= 0)), axis=-1)
        num_broken = jnp.where(self.has_value, num_broken, self.layout.num_limits + 1)
        return self.has_value & (num_broken == jnp.min(num_broken, axis=-1, keepdims=True))

    @property
    def cost(self) -> Float[Any, "*b n"] | None:
        """Cost of each trial, above 0; 0 if unknown. None if the table has no column for the cost."""
        return jnp.where(self.is_known[..., -1], self.y[..., -1], 0) if self.layout.has_cost else None

    def with_cost(self, cost: Any = None) -> "Trials":
        """The table with a column for the cost.

        Args:
          cost: Cost of each trial, ``[n]``, 0 if unknown; None: the costs in the table, or all unknown.
        """
        if self.layout.has_cost and cost is None:
            return self
        last = jnp.zeros(self.y.shape[:1], self.y.dtype) if cost is None else jnp.asarray(cost, self.y.dtype)
        own = slice(0, self.layout.num_objectives + self.layout.num_limits)

        def wider(column: Array, last: Array) -> Array:
            return jnp.concatenate([column[:, own], last[:, None]], axis=1)

        return self._replace(
            y=wider(self.y, last),
            is_known=wider(self.is_known, last > 0),
            noise=None if self.noise is None else wider(self.noise, jnp.zeros_like(last)),
            layout=replace(self.layout, has_cost=True),
        )

    def of_feasible(self) -> "Trials":
        """The table for a strategy without support for limits: infeasible trials become failed trials.

        Trials with a missing value, of an objective or of a limit, become abandoned trials, which do not inform the
        strategy.
        """
        if self.layout.num_limits:
            limits = slice(self.layout.num_objectives, self.layout.num_objectives + self.layout.num_limits)
            is_broken = jnp.any(self.is_known[..., limits] & (self.y[..., limits] > 0), axis=-1)
        else:
            is_broken = jnp.zeros(self.status.shape, bool)
        status = jnp.where(is_broken, FAILED, jnp.where(self.has_value & self.is_feasible, OK, ABANDONED))
        return self._replace(status=jnp.where(self.status == OK, status, self.status).astype(self.status.dtype))


@pytree
@dataclass(frozen=True)
class Result:
    """A result with a cost and a noise, which an objective may return instead of a number."""

    value: Any
    """Value of the objective; or a dict of values by name, with named outcomes."""
    cost: Any = None
    """Cost of the evaluation, a positive number in any unit, the same for all trials; None: unknown."""
    noise: Any = None
    """Standard deviation of the noise of this value, at least 0, in units of the value; None: unknown. The Gaussian
    process adds the noise that it infers from all values."""


@pytree
@dataclass(frozen=True)
class Scaling:
    """The transform between raw data and the units of a model; made by `Dataset.from_arrays`."""

    lower: Float[Array, " d"]
    """Lower bound of each raw input."""
    width: Float[Array, " d"]
    """Upper bound minus lower bound."""
    mean: Float[Array, ""]
    """Mean of the raw values."""
    deviation: Float[Array, ""]
    """Standard deviation of the raw values; 1 if all are equal."""

    def to_cube(self, x: Any) -> Float[Array, "*m d"]:
        """Raw inputs as points of the unit cube.

        Args:
          x: Raw inputs, one column for each parameter.
        """
        return (jnp.asarray(x, self.lower.dtype) - self.lower) / self.width

    def from_cube(self, x: Any) -> Float[Array, "*m d"]:
        """Points of the unit cube as raw inputs.

        Args:
          x: Points of the unit cube.
        """
        return self.lower + self.width * jnp.asarray(x, self.lower.dtype)

    def to_model(self, y: Any) -> Float[Array, "*m"]:
        """Raw values in standardised units.

        Args:
          y: Raw values.
        """
        return (jnp.asarray(y, self.mean.dtype) - self.mean) / self.deviation

    def from_model(self, mean: Any, variance: Any = None) -> Any:
        """Predictions in units of the raw values.

        Args:
          mean: Means, quantiles or samples of a model, in standardised units.
          variance: Variances in standardised units; None: only the mean is converted.

        Returns:
          The mean in raw units; with a ``variance``, the mean and the variance in squared raw units.
        """
        raw = self.mean + self.deviation * jnp.asarray(mean)
        return raw if variance is None else (raw, self.deviation**2 * jnp.asarray(variance))


@pytree
@dataclass(frozen=True)
class Dataset:
    """The data of a surrogate. Padding rows (``is_valid`` False) change nothing, whatever finite values they hold."""

    x: Float[Array, "n d"]
    """Inputs in ``[0, 1]^d``."""
    y: Float[Array, " n"]
    """Standardised values (mean 0, variance 1 over the valid rows), lower is better."""
    is_valid: Bool[Array, " n"]
    """True for rows that count."""
    y_scale: Float[Array, ""] = field(default_factory=lambda: jnp.ones(()))
    """Size of one unit of ``y`` in units of the user's objective, near the best values."""
    noise_variance: Float[Array, " n"] | None = None
    """Known noise variance of each observation, in units of ``y``; the Gaussian process adds the inferred noise. None:
    unknown."""
    mean: Float[Array, " n"] | None = None
    """Posterior mean of the model at each row, if it is already computed; None: a user of the mean must compute it."""
    scaling: Scaling | None = None
    """Transform to raw data, for a data set from `from_arrays`; otherwise None."""
    slope: Float[Array, " n"] | None = None
    """Derivative of ``y`` in the objective at each row, relative to its value at the best rows. It is below 1 for
    compressed values, whose noise is compressed too. None: 1 everywhere."""

    @staticmethod
    def from_arrays(
        x: Any, y: Any, bounds: Sequence[tuple[float, float]] | Any, *, noise: Any = None, capacity: int | None = None
    ) -> "Dataset":
        """The data set of raw data: inputs scaled to the unit cube, values with mean 0 and variance 1.

        Predictions of the model are in standardised units; ``data.scaling`` converts in both directions. If all values
        are equal, they become 0, with a scale of 1. Lower values are better for models and acquisition functions:
        negate values that are to be maximised.

        Args:
          x: Raw inputs, one row for each observation and one column for each parameter: an array of NumPy or JAX, or
            lists. It must not be traced, because its values are checked.
          y: Raw values, one for each observation.
          bounds: Lower and upper bound of each column. For a column on a log scale, give ``jnp.log`` of input and
            bounds.
          noise: Standard deviation of the observation noise in units of ``y``, one number or one for each value; None:
            unknown.
          capacity: Number of rows of the data set, with padding rows at the end; None: the number of observations.

        Returns:
          A data set in float64 if JAX's 64-bit types are enabled and ``x`` is not float32, otherwise in float32.

        Raises:
          TypeError: If an argument does not hold real numbers, or is traced.
          ValueError: If a shape is wrong, a number is not finite, bounds are not in order, or an input is out of
            bounds. If a noise is negative, or ``capacity`` is below the number of observations.

        Example:
          >>> data = Dataset.from_arrays([[-5.0], [0.0], [10.0]], [2.0, 4.0, 6.0], bounds=[(-5.0, 10.0)])
          >>> [round(float(v), 3) for v in data.x[:, 0]], [round(float(v), 3) for v in data.y]
          ([0.0, 0.333, 1.0], [-1.225, 0.0, 1.225])
          >>> [round(float(v), 3) for v in data.scaling.from_model(data.y)] == [2.0, 4.0, 6.0]
          True
        """
        single = getattr(x, "dtype", None) == np.float32
        x, y, limits = _raw("x", x, 2), _raw("y", y, 1), _raw("bounds", bounds, 2)
        n, d = x.shape
        if not n:
            raise ValueError("x: expected at least one row, got none")
        if y.shape != (n,):
            raise ValueError(f"y: expected a value for each of the {n} rows of x, got {y.shape[0]}")
        if limits.shape != (d, 2):
            raise ValueError(
                f"bounds: expected a lower and an upper bound for each of the {d} columns of x, shape [{d}, 2], "
                f"got shape [{limits.shape[0]}, {limits.shape[1]}]"
            )
        for name, array in (("x", x), ("y", y), ("bounds", limits)):
            if not np.isfinite(array).all():
                place = np.argwhere(~np.isfinite(array))[0]
                raise ValueError(f"{name}: expected finite numbers, got {array[tuple(place)]} at {_place(place)}")
        lower, upper = limits.T
        if not (lower < upper).all():
            j = int(np.argmin(lower < upper))
            raise ValueError(f"bounds: expected lower < upper, got ({lower[j]}, {upper[j]}) for column {j}")
        width = upper / 2 - lower / 2
        cube = (x / 2 - lower / 2) / width
        # A bound that was computed may differ from an input in the last digits.
        slack = 8 * np.finfo(np.float32 if single else np.float64).eps * np.maximum(np.abs(limits).max(1) / width, 1)
        is_outside = (cube < -slack) | (cube > 1 + slack)
        if is_outside.any():
            i, j = np.argwhere(is_outside)[0]
            raise ValueError(
                f"x: expected inputs within bounds, got {x[i, j]} in row {i}, column {j}, whose bounds are "
                f"({lower[j]}, {upper[j]})"
            )
        # Divide by the largest absolute value first, so that no square leaves the floating range.
        largest = np.abs(y).max() or 1.0
        mean, deviation = np.mean(y / largest), np.std(y / largest)
        is_flat = deviation <= 8 * np.finfo(np.float64).eps
        standardised = np.zeros(n) if is_flat else (y / largest - mean) / deviation
        mean, deviation = mean * largest, 1.0 if is_flat else deviation * largest
        noise_variance = None
        if noise is not None:
            spread = _raw("noise", noise, None)
            if spread.shape not in ((), (n,)):
                raise ValueError(
                    f"noise: expected one number, or {n} numbers, one for each row of x, got shape {list(spread.shape)}"
                )
            if not (np.isfinite(spread) & (spread >= 0)).all():
                raise ValueError(f"noise: expected finite standard deviations of at least 0, got {spread.min()}")
            noise_variance = np.broadcast_to((spread / deviation) ** 2, (n,))
        capacity = n if capacity is None else capacity
        if isinstance(capacity, bool) or not isinstance(capacity, int | np.integer):
            raise TypeError(f"capacity: expected an integer, got {capacity!r}")
        if capacity < n:
            raise ValueError(f"capacity: expected at least {n}, the number of observations, got {capacity}")

        dtype = jnp.dtype(np.float32) if single else jnp.zeros(()).dtype
        with np.errstate(over="ignore"):
            is_small = np.isfinite(np.array([mean, deviation, *lower, *(2 * width)]).astype(dtype)).all()
        if not is_small:
            raise ValueError(
                f"y, bounds: expected numbers within the range of {dtype}; jax.enable_x64 allows a wider range"
            )

        def padded(rows: np.ndarray, value: float) -> Any:
            more = ((0, capacity - n), *[(0, 0)] * (rows.ndim - 1))
            return jnp.asarray(np.pad(rows, more, constant_values=value), dtype)

        return Dataset(
            padded(np.clip(cube, 0, 1), 0.5),
            padded(standardised, 0.0),
            jnp.asarray(np.arange(capacity) < n),
            jnp.asarray(deviation, dtype),
            None if noise_variance is None else padded(noise_variance, 0.0),
            None,
            Scaling(*(jnp.asarray(part, dtype) for part in (lower, 2 * width, mean, deviation))),
        )


def _raw(name: str, values: Any, num_axes: int | None) -> np.ndarray:
    """Raw data as float64, with the given number of axes."""
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(values)):
        raise TypeError(f"{name}: expected numbers, got a traced array; Dataset.from_arrays runs outside of jax.jit")
    try:
        array = np.asarray(values)
        if not (np.issubdtype(array.dtype, np.number) or array.dtype == bool or "float" in str(array.dtype)):
            raise TypeError
        if np.iscomplexobj(array):
            raise TypeError
        array = array.astype(np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: expected an array of real numbers, got {values!r:.100}") from None
    if num_axes is not None and array.ndim != num_axes:
        shape = {1: "[n]", 2: "[d, 2]" if name == "bounds" else "[n, d]"}[num_axes]
        more = "; x[:, None] makes a column of it" if name == "x" and array.ndim == 1 else ""
        more = "; y[:, 0] is its column" if name == "y" and array.ndim == 2 and array.shape[1] == 1 else more
        raise ValueError(f"{name}: expected shape {shape}, got shape {list(array.shape)}{more}")
    return array


def _place(place: np.ndarray) -> str:
    return "row " + ", column ".join(str(int(i)) for i in place)


def is_taken(trials: Trials, x: Float[Array, " d"]) -> Bool[Array, " n"]:
    """True for trials at ``x``, including pending and failed ones.

    Args:
      trials: The table.
      x: A snapped point. Coordinates of levels from two programs may differ in the last bits; they count as equal.
    """
    close = jnp.abs(trials.x - x[None, :]) <= 8 * jnp.finfo(trials.x.dtype).eps
    return (trials.status != EMPTY) & jnp.all(close, axis=1)
