"""Arrays of fixed capacity that carry a search: the table of trials and what a surrogate sees of it.

Axis names used in every signature: ``n`` rows (the capacity), ``m`` test points, ``d`` columns of the encoding,
``q`` points asked for at once, ``s`` hyperparameter sets or samples, ``r`` restarts.
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
"""Statuses of a row of `Trials`. An abandoned trial has a number and a point, and teaches nothing."""


@pytree
@dataclass(frozen=True)
class Layout:
    """Which columns of a table of trials are what: objectives, then limits, then perhaps the cost. All static."""

    num_objectives: int = field(default=1, metadata={"static": True})
    """Lower is better."""
    num_limits: int = field(default=0, metadata={"static": True})
    """A trial is feasible where each of them is at most 0."""
    has_cost: bool = field(default=False, metadata={"static": True})
    """Whether the last column is the cost."""

    @property
    def num_columns(self) -> int:
        """How many columns there are."""
        return self.num_objectives + self.num_limits + self.has_cost


ONE_VALUE = Layout()
"""One objective."""


class Trials(NamedTuple):
    """The state of every strategy: one row a trial, in the order in which they were asked or told.

    `Strategy.init` makes an empty table, `Trials.from_arrays` one of known results.
    """

    x: Float[Array, "n d"]
    """Snapped points of the unit-cube encoding. Several trials may have one point."""
    y: Float[Array, "n k"]
    """What was measured, a column an outcome; 0 where it is not known."""
    is_known: Bool[Array, "n k"]
    """True where ``y`` holds a measured value."""
    status: Int[Array, " n"]
    """``EMPTY``, ``OK``, ``PENDING``, ``FAILED`` or ``ABANDONED``."""
    trial: Int[Array, " n"]
    """Number of the trial, from 0; -1 where ``status`` is ``EMPTY``."""
    noise: Float[Array, "n k"] | None = None
    """Standard deviation of each value around the function, as far as it was told, in units of ``y``; 0 where nothing
    was. None: nothing was told of any."""
    layout: Layout = ONE_VALUE
    """Which columns are what."""

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
          is_known: False for values that were not measured, in the shape of ``y``; None: all of them were.
          noise: Standard deviations in the shape of ``y``; None: nothing was told.
          cost: What each trial cost, ``[n]``, 0 where that is not known; None: ``y`` says it, or nobody does.
          layout: Of ``y``; None: one objective.

        Raises:
          ValueError: If ``y`` has not as many columns as the layout.

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
        """Trials in the table, of whatever status: the number of the next one."""
        return jnp.sum(self.status != EMPTY, axis=-1).astype(jnp.int32)

    @property
    def objectives(self) -> Float[Any, "*b n k"]:
        """All objectives, lower is better; 0 where one is not known."""
        return self.y[..., : self.layout.num_objectives]

    def of_objective(self, number: int) -> "Trials":
        """The table with one of its objectives as the only value.

        Args:
          number: Of the objective, from 0.
        """
        one = slice(number, number + 1)
        noise = None if self.noise is None else self.noise[:, one]
        return self._replace(y=self.y[:, one], is_known=self.is_known[:, one], noise=noise, layout=ONE_VALUE)

    @property
    def value(self) -> Float[Any, "*b n"]:
        """The one objective, lower is better; 0 where it is not known.

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
        """Told standard deviation of `value`; 0 where nothing was told, None if nothing was of any."""
        self._require_one("noise_of_value")
        return None if self.noise is None else self.noise[..., 0]

    @property
    def has_value(self) -> Bool[Any, "*b n"]:
        """True for trials that succeeded and of which every objective is known."""
        return (self.status == OK) & self.is_known[..., : self.layout.num_objectives].all(axis=-1)

    @property
    def is_feasible(self) -> Bool[Any, "*b n"]:
        """True for trials that succeeded, with a value for each limit that meets it."""
        limits = slice(self.layout.num_objectives, self.layout.num_objectives + self.layout.num_limits)
        return (self.status == OK) & jnp.all(self.is_known[..., limits] & (self.y[..., limits] <= 0), axis=-1)

    @property
    def may_be_best(self) -> Bool[Any, "*b n"]:
        """True for trials with a value that meet all limits; while there are none, for those that break fewest."""
        limits = slice(self.layout.num_objectives, self.layout.num_objectives + self.layout.num_limits)
        num_broken = jnp.sum(~(self.is_known[..., limits] & (self.y[..., limits] <= 0)), axis=-1)
        num_broken = jnp.where(self.has_value, num_broken, self.layout.num_limits + 1)
        return self.has_value & (num_broken == jnp.min(num_broken, axis=-1, keepdims=True))

    @property
    def cost(self) -> Float[Any, "*b n"] | None:
        """What each trial cost, above 0; 0 where that is not known, None where the table has no column for it."""
        return jnp.where(self.is_known[..., -1], self.y[..., -1], 0) if self.layout.has_cost else None

    def with_cost(self, cost: Any = None) -> "Trials":
        """The table with a column for what the trials cost.

        Args:
          cost: What each of them cost, ``[n]``, 0 where that is not known; None: what the table has, or nothing.
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
        """The table for who knows one value and no limits: a trial that is not feasible is a failed one there.

        A trial without a value, or with a limit that nobody measured, is an abandoned one: it teaches nothing.
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
    """What an objective may return in place of a number: the number, and what else is known of it."""

    value: Any
    """The objective's value."""
    cost: Any = None
    """What the evaluation cost, a positive number in any unit that is the same for all; None: nobody says."""
    noise: Any = None
    """Standard deviation of this one value around the true one, at least 0, in units of the value; None: nobody says.
    The Gaussian process adds what it infers from all values."""


@pytree
@dataclass(frozen=True)
class Scaling:
    """The way between raw numbers and those of a model; made by `Dataset.from_arrays`."""

    lower: Float[Array, " d"]
    """Lower bound of each raw input."""
    width: Float[Array, " d"]
    """Upper bound less lower bound."""
    mean: Float[Array, ""]
    """Mean of the raw values."""
    deviation: Float[Array, ""]
    """Standard deviation of the raw values; 1 where all are equal."""

    def to_cube(self, x: Any) -> Float[Array, "*m d"]:
        """Raw inputs as points of the unit cube.

        Args:
          x: Raw inputs, one column a parameter.
        """
        return (jnp.asarray(x, self.lower.dtype) - self.lower) / self.width

    def from_cube(self, x: Any) -> Float[Array, "*m d"]:
        """Points of the unit cube as raw inputs.

        Args:
          x: Points of the unit cube.
        """
        return self.lower + self.width * jnp.asarray(x, self.lower.dtype)

    def to_model(self, y: Any) -> Float[Array, "*m"]:
        """Raw values as standardised ones.

        Args:
          y: Raw values.
        """
        return (jnp.asarray(y, self.mean.dtype) - self.mean) / self.deviation

    def from_model(self, mean: Any, variance: Any = None) -> Any:
        """Predictions in units of the raw values.

        Args:
          mean: Means, quantiles or samples of a model, in standardised units.
          variance: Variances; None: there are none.

        Returns:
          The mean in raw units; with a ``variance`` both, the variance in raw units squared.
        """
        raw = self.mean + self.deviation * jnp.asarray(mean)
        return raw if variance is None else (raw, self.deviation**2 * jnp.asarray(variance))


@pytree
@dataclass(frozen=True)
class Dataset:
    """What a surrogate learns from. Rows that are not valid change nothing, whatever finite value they hold."""

    x: Float[Array, "n d"]
    """Inputs in ``[0, 1]^d``."""
    y: Float[Array, " n"]
    """Standardised values (mean 0, variance 1 over the valid rows), lower is better."""
    is_valid: Bool[Array, " n"]
    """True for rows that count."""
    y_scale: Float[Array, ""] = field(default_factory=lambda: jnp.ones(()))
    """How many units of the user's objective one unit of ``y`` is worth, near the best values."""
    noise_variance: Float[Array, " n"] | None = None
    """What is known of the variance of each observation around the function, in units of ``y``; the Gaussian process
    adds what it infers. None: nothing is known."""
    mean: Float[Array, " n"] | None = None
    """The model's mean at each row, where somebody has asked it already; None: whoever needs it has to ask."""
    scaling: Scaling | None = None
    """The way back to raw numbers, of a data set that `from_arrays` made; else None."""
    slope: Float[Array, " n"] | None = None
    """How much of a small change of the objective is left in ``y`` at each row, relative to the best values. It is
    below 1 where large values are compressed, and so is the noise in them. None: 1 everywhere."""

    @staticmethod
    def from_arrays(
        x: Any, y: Any, bounds: Sequence[tuple[float, float]] | Any, *, noise: Any = None, capacity: int | None = None
    ) -> "Dataset":
        """Raw data as a model learns from them: inputs in the unit cube, values with mean 0 and variance 1.

        Predictions of the model are in standardised units; ``data.scaling`` has the way there and back. Equal values
        become 0, with a scale of 1. Models
        and acquisition functions take lower values for better ones: negate what is to be maximised.

        Args:
          x: Raw inputs, one row an observation and one column a parameter; NumPy, JAX, lists. Not traced, since
            their values are checked.
          y: Raw values, one an observation.
          bounds: Lower and upper bound of each column. A column on a log scale: give ``jnp.log`` of both.
          noise: Standard deviation of each value around the function, or of all of them, in units of ``y``; None:
            nothing is known.
          capacity: Rows of the data set, those that are not valid at its end; None: as many as observations.

        Returns:
          A data set of float64 where JAX has 64-bit types and ``x`` is not of float32, else of float32.

        Raises:
          TypeError: If an argument holds no real numbers, or is traced.
          ValueError: If a shape is wrong, a number is not finite, bounds are not in order, or an input is outside of
            them. If a noise is negative, or ``capacity`` is less than the number of observations.

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
        # Over the largest of them first, so that no square leaves the floating range.
        largest = np.abs(y).max() or 1.0
        mean, deviation = np.mean(y / largest), np.std(y / largest)
        is_flat = deviation <= 8 * np.finfo(np.float64).eps
        standardised = np.zeros(n) if is_flat else (y / largest - mean) / deviation
        mean, deviation = mean * largest, 1.0 if is_flat else deviation * largest
        noise_variance = None
        if noise is not None:
            spread = _raw("noise", noise, None)
            if spread.shape not in ((), (n,)):
                raise ValueError(f"noise: expected one number or {n}, one a row of x, got shape {list(spread.shape)}")
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
            raise ValueError(f"y, bounds: expected numbers within the range of {dtype}; jax.enable_x64 has a wider one")

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
    """Raw data as float64, with so many axes."""
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
    """True for the trials at ``x``, pending and failed ones among them.

    Args:
      trials: The table.
      x: A snapped point. Places of levels that two programs computed may differ in the last bits; they count as equal.
    """
    close = jnp.abs(trials.x - x[None, :]) <= 8 * jnp.finfo(trials.x.dtype).eps
    return (trials.status != EMPTY) & jnp.all(close, axis=1)
