"""Arrays of fixed capacity that carry a search: the table of trials and what a surrogate sees of it.

Axis names used in every signature: ``n`` rows (the capacity), ``m`` test points, ``d`` columns of the encoding,
``q`` points asked for at once, ``s`` hyperparameter sets or samples, ``r`` restarts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int

from jbo.pytrees import pytree

EMPTY, OK, PENDING, FAILED = 0, 1, 2, 3


class Trials(NamedTuple):
    """The state of every strategy: one row a trial, in the order in which they were asked or told."""

    x: Float[Array, "n d"]
    """Snapped points of the unit-cube encoding."""
    y: Float[Array, " n"]
    """Objective values, lower is better; 0 where ``status`` is not ``OK``."""
    status: Int[Array, " n"]
    """``EMPTY``, ``OK``, ``PENDING`` or ``FAILED``."""
    cost: Float[Array, " n"] | None = None
    """What each trial cost, above 0, in any unit; 0 where that is not known. None: it is known of none."""
    noise: Float[Array, " n"] | None = None
    """Standard deviation of each value around the function, as far as it was told, in units of ``y``; 0 where nothing
    was. None: nothing was told of any."""


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
