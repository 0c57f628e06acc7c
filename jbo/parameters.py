"""Parameters of a search space: their kinds, their values, and the map from values to ``[0, 1]``.

A parameter does not know its name. Its errors say what was expected and what was given; `jbo.space.Space` adds the
name.
"""

import copy
import difflib
import math
import sys
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jbo.choices import as_json, canonical, item, listing, plain
from jbo.encoding import CATEGORY, LOG_ORDERED, ORDERED, REAL

Number = int | float | np.integer | np.floating
Condition = tuple[str, Any]
"""Name of the parent, and its value, values or `Between` for which a parameter exists."""

MAX_LEVELS = 2**31 - 1
_MAX_TABLE = 4096
"""Maximum number of levels of a grid of reals that traced code stores as an exact table; a longer one is computed."""
_FLOAT64, _FLOAT32 = float(np.finfo(np.float64).eps), float(np.finfo(np.float32).eps)
_SIGNS = {"increasing": 1, "decreasing": -1}


@dataclass(frozen=True)
class Between:
    """The numbers from ``low`` to ``high``, both included, as the condition of a parameter; see `between`."""

    low: Number | Any
    high: Number | Any

    def __post_init__(self):
        for name in ("low", "high"):
            object.__setattr__(self, name, item(getattr(self, name)))
        for name in ("low", "high"):
            bound = getattr(self, name)
            if not _is_finite(bound):
                raise ValueError(f"between: {name} must be a finite number, got {name}={bound!r}")
        if self.low > self.high:
            raise ValueError(f"between: low must be at most high, got low={self.low}, high={self.high}")

    def __repr__(self) -> str:
        return f"between({self.low!r}, {self.high!r})"


def between(low: Number | Any, high: Number | Any) -> Between:
    """The condition that a number lies between two bounds, for ``when=("x", jbo.between(0.2, 0.8))``.

    The parent is a `Real`, an `Integer` or an `Ordinal` of numbers. The bounds may lie outside of the parent's own
    bounds. A parent beyond a bound by the rounding of a float counts as at the bound.

    Args:
      low: Minimum, included.
      high: Maximum, included.

    Raises:
      ValueError: A bound is not a finite number, or ``low`` is greater than ``high``.

    Example:
      >>> Real(0.0, 0.9, when=("rate", between(0.2, 0.8)))
      Real(0.0, 0.9, when=('rate', between(0.2, 0.8)))
    """
    return Between(low, high)


class Parameter:
    """Base class of all parameters: the map to ``[0, 1]``, the condition, equality by content."""

    when: Condition | None

    @property
    def kind(self) -> str:
        """Kind of the column of the encoding, as in `jbo.encoding.Column`."""
        raise NotImplementedError

    @property
    def period_in_cube(self) -> float:
        """Period of the parameter in units of ``[0, 1]``; 0 if it has none."""
        return 0.0

    @property
    def sign(self) -> int:
        """1 if the objective rises with the parameter, -1 if it falls, 0 if neither is known."""
        monotone: Any = getattr(self, "monotone", None)
        return _SIGNS.get(monotone, 0)

    @property
    def num_levels(self) -> int:
        """Number of distinct values; 0 for reals."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise `ValueError` if the definition is invalid."""
        raise NotImplementedError

    def parse(self, value: Any) -> Any:
        """``value`` as a plain Python value of this parameter; `ValueError` if it is not a possible value."""
        raise NotImplementedError

    def to_unit(self, value: Any) -> float:
        """Coordinate of a parsed value in ``[0, 1]``."""
        return self.unit_of_level(self.level_of(value))

    def from_unit(self, x: float) -> Any:
        """The value at ``x`` in ``[0, 1]``; for levels, the one whose cell contains ``x``."""
        return self.value_at(self.level_of_unit(x))

    def units(self, size: int) -> Float[np.ndarray, " m"]:
        """Coordinates in ``[0, 1]`` at which to plot a parameter without levels, including both ends."""
        return np.linspace(0, 1, size)

    def unit_of_level(self, level: int) -> float:
        """Coordinate of a level in ``[0, 1]``, with the same bits as `jbo.encoding.from_level`."""
        return (level + 0.5) * (1 / self.num_levels)

    def level_of_unit(self, x: float) -> int:
        """The level whose cell contains ``x`` in ``[0, 1]``."""
        return min(int(x * self.num_levels), self.num_levels - 1)

    def value_at(self, level: int) -> Any:
        """The value at index ``level``, counted from 0."""
        raise NotImplementedError

    def level_of(self, value: Any) -> int:
        """The index of a parsed value, counted from 0."""
        raise NotImplementedError

    def traced(self, x: Float[Array, ""], level: Int[Array, ""]) -> Array:
        """The value at a snapped ``x`` as a JAX scalar; for values that are not numbers, the ``level``, int32."""
        raise NotImplementedError

    def traced_unit(self, value: Array, dtype: jnp.dtype) -> Array:
        """Coordinate in ``[0, 1]`` of a value from `traced`, as a float of the given type."""
        return (self._traced_level(value).astype(dtype) + 0.5) / self.num_levels

    def _traced_level(self, value: Array) -> Array:
        """The level of a value from `traced`, which is already the level for values that are not numbers."""
        return value

    def definition(self) -> dict[str, Any]:
        """Kind and arguments as plain JSON, without the condition."""
        raise NotImplementedError

    def span(self, wanted: Between) -> tuple[float, float]:
        """The range in ``[0, 1]`` of the values between two numbers; `ValueError` if there are no such values."""
        return self._span_of_levels(wanted, self._levels_between(wanted))

    def _levels_between(self, wanted: Between) -> tuple[int, int]:
        """The first and the last level between two numbers; without such levels, the last is below the first."""
        raise ValueError(f"expected values, got {wanted!r}, which needs numbers in an order, not {self!r}")

    def _span_of_levels(self, wanted: Between, levels: tuple[int, int]) -> tuple[float, float]:
        first, last = levels
        if last < first:
            raise ValueError(f"expected bounds that contain a value of {self!r}, got {wanted!r}")
        # Each level has a cell in [0, 1]; the bounds are borders of cells.
        units = [self.unit_of_level(k) for k in (max(first - 1, 0), first, last, min(last + 1, self.num_levels - 1))]
        low = 0.0 if first == 0 else 0.5 * (units[0] + units[1])
        return low, 1.0 if last == self.num_levels - 1 else 0.5 * (units[2] + units[3])

    def check_condition(self) -> None:
        """Raise `ValueError` if ``when`` is not a condition."""
        when: Any = self.when
        if when is None:
            return
        if not (isinstance(when, tuple) and len(when) == 2 and isinstance(when[0], str)):
            raise ValueError(
                "when: expected (name, value), (name, {values}) or (name, jbo.between(low, high)), with the name of "
                f"another parameter, got when={when!r}"
            )
        if not isinstance(when[1], Between) and not self.parent_values:
            raise ValueError(f"expected at least one value of {self.parent!r} to depend on, got none")

    @property
    def parent(self) -> str | None:
        """Name of the parameter that this parameter depends on; None without a condition."""
        return None if self.when is None else self.when[0]

    @property
    def parent_values(self) -> list:
        """Values of the parent for which this parameter exists, without repetitions, in canonical order.

        A tuple counts as one value, which may be a choice; `jbo.space.Space` decides whether it is several values. The
        result is empty for a `Between`.
        """
        if self.when is None or isinstance(self.when[1], Between):
            return []
        values = self.when[1]
        is_set = isinstance(values, Set | list | range | np.ndarray | Array) or type(values).__name__ == "dict_values"
        values = list(values) if is_set and getattr(values, "ndim", 1) else [values]
        try:
            by_text = {canonical(v): v for v in map(plain, values)}
        except ValueError:
            raise ValueError(
                f"when: expected a value of {self.when[0]!r}, several of them as a set, list or range, or "
                f"jbo.between(low, high), got {self.when[1]!r}"
            ) from None
        return [by_text[text] for text in sorted(by_text)]

    def with_condition(self, when: Condition | None) -> "Parameter":
        """The same parameter under another condition."""
        other = copy.copy(self)
        object.__setattr__(other, "when", when)
        return other

    def to_json(self) -> dict[str, Any]:
        """Kind, arguments and condition as plain JSON."""
        if self.when is None:
            return self.definition()
        if isinstance(self.when[1], Between):
            wanted = {"between": [self.when[1].low, self.when[1].high]}
        else:
            wanted = {"values": as_json(self.parent_values)}
        return self.definition() | {"when": {"name": self.parent} | wanted}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Parameter):
            return NotImplemented
        return canonical(self.to_json()) == canonical(other.to_json())

    def __hash__(self) -> int:
        return hash(canonical(self.to_json()))

    def _repr(self, arguments: Iterable[Any], **options: Any) -> str:
        texts = [repr(a) for a in arguments] + [f"{name}={value!r}" for name, value in options.items()]
        if self.when is not None:
            values = self.parent_values
            wanted = self.when[1] if isinstance(self.when[1], Between) else values[0] if len(values) == 1 else values
            texts.append(f"when={(self.parent, wanted)!r}")
        return f"{type(self).__name__}({', '.join(texts)})"


@dataclass(frozen=True, eq=False, repr=False)
class Real(Parameter):
    """A real number from ``low`` to ``high``, both included, uniform on a linear or on a logarithmic scale.

    Args:
      low: Minimum; above 0 if ``log``.
      high: Maximum. With ``step`` it must be ``low`` plus a multiple of ``step``.
      log: True: uniform on a logarithmic scale, as for a learning rate. Cannot be combined with ``step``.
      step: Grid spacing: ``Real(0, 10, step=0.1)`` takes the values 0.0, 0.1, …, 10.0. Each is the float nearest to
        the decimal number. None: every number between the bounds.
      period: Period of the objective in this parameter, such as 360 for an angle in degrees. Gaussian processes use it.
      monotone: ``"increasing"`` or ``"decreasing"`` if the objective is known to rise or fall with the parameter, for
        all values of others. Gaussian processes use it.
      when: Condition on another parameter, without which this one does not exist. ``(name, value)``: it has the value.
        ``(name, {values})``: it has one of the values. ``(name, jbo.between(low, high))``: it lies between the bounds.
        None: no condition.

    Example:
      >>> Real(1e-5, 1e-1, log=True)
      Real(1e-05, 0.1, log=True)
    """

    low: Number | Any
    high: Number | Any
    log: bool | Any = field(default=False, kw_only=True)
    step: Number | Any = field(default=None, kw_only=True)
    period: Number | None = field(default=None, kw_only=True)
    monotone: str | None = field(default=None, kw_only=True)
    when: Condition | None = field(default=None, kw_only=True)

    def __post_init__(self):
        for name in ("low", "high", "step", "period"):
            bound = item(getattr(self, name))
            object.__setattr__(self, name, float(bound) if type(bound) is int else bound)

    def __repr__(self) -> str:
        options = ({"log": True} if self.log else {}) | ({} if self.step is None else {"step": self.step})
        return self._repr((self.low, self.high), **options, **_known(self))

    @property
    def kind(self) -> str:
        """Kind of the column."""
        return REAL if self.step is None else ORDERED

    @property
    def num_levels(self) -> int:
        """Number of values on the grid; 0 without a step."""
        return 0 if self.step is None else self._num_steps + 1

    def check(self) -> None:
        """Raise `ValueError` if the definition is invalid, such as ``low >= high``."""
        _check_log(self.log)
        _check_bounds(self.low, self.high, (float,), "a number")
        if self.log and self.low <= 0:
            raise ValueError(f"log=True needs low greater than 0, got low={self.low}")
        if not math.isfinite(self.high - self.low):
            raise ValueError(f"high - low must be finite, got low={self.low}, high={self.high}")
        self._check_step()
        _check_known(self)

    def _check_step(self) -> None:
        if self.step is None:
            return
        if type(self.step) is not float or not 0 < self.step < math.inf:
            raise ValueError(f"step must be a number greater than 0, got step={self.step!r}")
        if self.log:
            raise ValueError(f"log=True and step do not go together, got step={self.step}; use Ordinal for such a grid")
        ratio = (float(self.high) - float(self.low)) / self.step
        if ratio > MAX_LEVELS - 1:
            raise ValueError(f"expected at most {MAX_LEVELS} steps, got step={self.step}; leave step out")
        if abs(ratio - round(ratio)) > min(1e-7 * ratio + 1e-9, 0.01) or ratio < 0.5:  # the rest may be rounding
            start, step, below = _exact(self.low), _exact(self.step), math.floor(ratio)
            nearest = [f"high={float(start + k * step)}" for k in (below, below + 1) if k]
            raise ValueError(
                f"high must be low plus a multiple of step, got low={self.low}, high={self.high}, step={self.step}; "
                f"nearest {'is' if len(nearest) == 1 else 'are'} {' and '.join(nearest)}"
            )

    @property
    def period_in_cube(self) -> float:
        """As in `Parameter.period_in_cube`."""
        if self.period is None:
            return 0.0
        # The cells of a grid have equal widths, and its ends are the middles of the outer cells.
        length = float(self.high) - float(self.low) if self.step is None else float(self.step) * self.num_levels
        return float(self.period) / length

    def parse(self, value: Any) -> float:
        """The value as a float; `ValueError` if it is outside the bounds or not on the grid.

        A number that misses a bound or a grid value only by the rounding of a float is moved to it.
        """
        number = item(value)
        if _is_finite(number):
            level = self._nearest_level(float(number))
            if level is None:
                moved = min(max(number, self.low), self.high)
                if number == moved or abs(number - moved) <= self._slack(moved, value):
                    return float(moved) + 0.0  # turn -0.0 into 0.0, so that equal configs have equal texts
            elif abs(number - self.value_at(level)) <= self._slack_of_level(level, value):
                return self.value_at(level)
        if self.step is None:
            expected = f"a number in [{self.low}, {self.high}]"
        else:
            expected = f"a number from {self.low} to {self.high} in steps of {self.step}"
        raise ValueError(f"expected {expected}, got {value!r}{self._nearest(number)}")

    def _nearest_level(self, number: float) -> int | None:
        """The level next to a number; None without a step."""
        if self.step is None:
            return None
        share = (number - float(self.low)) / (float(self.high) - float(self.low))
        return min(max(round(share * self._num_steps), 0), self._num_steps)

    def _slack(self, bound: Any, value: Any) -> float:
        """Maximum distance beyond a bound that counts as a rounding error."""
        largest = float(abs(bound) if self.log else max(abs(self.low), abs(self.high)))
        return 4 * max(_FLOAT64 * largest, _rounding(value) * (abs(bound) or largest))

    def _slack_of_level(self, level: int, value: Any) -> float:
        assert self.step is not None
        largest = float(max(abs(self.low), abs(self.high)))
        computed = _rounding_of_type(value) * max(self.num_levels, 4) * largest  # as `numpy.arange` computes levels
        return min(max(computed, 4 * _rounding(value) * abs(self.value_at(level))), float(self.step) / 8)

    def _nearest(self, number: Any) -> str:
        if not _is_finite(number):
            return ""
        if self.step is None or not self.low <= number <= self.high:
            return f"; nearest is {min(max(number, self.low), self.high)}"
        level = min(math.floor((number - self.low) / self.step), self._num_steps - 1)
        return f"; nearest are {self.value_at(level)} and {self.value_at(level + 1)}"

    def span(self, wanted: Between) -> tuple[float, float]:
        """As in `Parameter.span`."""
        if self.step is not None:
            return super().span(wanted)
        low, high = float(self.low), float(self.high)
        # Widen by a rounding error on each side, so that .1 + .2 counts as the bound .3.
        slack = 0.0 if self.log else 4 * _FLOAT64 * max(abs(low), abs(high))
        first = min(max(wanted.low - max(slack, 4 * _FLOAT64 * abs(wanted.low)), low), high)
        last = min(max(wanted.high + max(slack, 4 * _FLOAT64 * abs(wanted.high)), low), high)
        if wanted.low == wanted.high or wanted.low >= high or wanted.high <= low:
            raise ValueError(f"expected bounds that contain a part of {self!r}, got {wanted!r}")
        return self.to_unit(first), self.to_unit(last)

    def _levels_between(self, wanted: Between) -> tuple[int, int]:
        assert self.step is not None
        first, last = ((bound - float(self.low)) / float(self.step) for bound in (wanted.low, wanted.high))
        return max(math.ceil(first - 1e-6), 0), min(math.floor(last + 1e-6), self._num_steps)

    def value_at(self, level: int) -> float:
        """The value at grid index ``level``; index 0 is ``low``."""
        low, high = _exact(self.low), _exact(self.high)
        return float(low + (high - low) * level / self._num_steps)

    def level_of(self, value: Any) -> int:
        """The grid index of a value on the grid."""
        level = self._nearest_level(float(value))
        assert level is not None
        return level

    def to_unit(self, value: Any) -> float:
        """Coordinate of a value in ``[0, 1]``; without a step exactly 0 at ``low`` and 1 at ``high``."""
        if self.step is not None:
            return super().to_unit(value)
        low, high = float(self.low), float(self.high)
        if not self.log:
            return (value - low) / (high - low)
        # Measured from the nearer end, so that neither end loses digits.
        x = math.log(value / low) / self._log_ratio
        return x if x < 0.5 else 1 - math.log(high / value) / self._log_ratio

    def from_unit(self, x: float) -> float:
        """The value at ``x``: ``low`` at 0 and ``high`` at 1, exactly."""
        if self.step is not None:
            return super().from_unit(x)
        low, high = float(self.low), float(self.high)
        if not self.log:
            value = low * (1 - x) + high * x
        elif x < 0.5:
            value = low * math.exp(x * self._log_ratio)
        else:
            value = high * math.exp((x - 1) * self._log_ratio)
        return min(max(value, low), high)

    def traced(self, x: Float[Array, ""], level: Int[Array, ""]) -> Array:
        """The value at ``x``, in its type."""
        low, high = float(self.low), float(self.high)
        if self.step is not None:
            if self.num_levels <= _MAX_TABLE:
                return jnp.asarray(np.array([self.value_at(k) for k in range(self.num_levels)]), x.dtype)[level]
            value = low + (high - low) / self._num_steps * level.astype(x.dtype)
        elif not self.log:
            value = low * (1 - x) + high * x
        else:
            is_lower_half = x < 0.5
            exponent = jnp.where(is_lower_half, x, x - 1) * self._log_ratio
            value = jnp.where(is_lower_half, jnp.asarray(low, x.dtype), jnp.asarray(high, x.dtype)) * jnp.exp(exponent)
        return jnp.clip(value, low, high)

    def traced_unit(self, value: Array, dtype: jnp.dtype) -> Array:
        """As in `Parameter.traced_unit`."""
        if self.step is not None:
            return super().traced_unit(value, dtype)
        low, high, value = float(self.low), float(self.high), value.astype(dtype)
        if not self.log:
            return (value - low) / (high - low)
        # Measured from the nearer end, as in `to_unit`.
        x = jnp.log(value / low) / self._log_ratio
        return jnp.where(x < 0.5, x, 1 - jnp.log(high / value) / self._log_ratio)

    def _traced_level(self, value: Array) -> Array:
        share = (value - float(self.low)) / (float(self.high) - float(self.low))
        return jnp.round(share * self._num_steps)

    def definition(self) -> dict[str, Any]:
        """Kind and arguments as plain JSON."""
        step = {} if self.step is None else {"step": self.step}
        return {"type": "real", "low": self.low, "high": self.high, "log": self.log} | step | _known(self)

    @cached_property
    def _num_steps(self) -> int:
        return 0 if self.step is None else round((float(self.high) - float(self.low)) / float(self.step))

    @cached_property
    def _log_ratio(self) -> float:
        return math.log(self.high) - math.log(self.low)


@dataclass(frozen=True, eq=False, repr=False)
class Integer(Parameter):
    """An integer from ``low`` to ``high``, both included, uniform on a linear or on a logarithmic scale.

    Args:
      low: Minimum; at least 1 if ``log``.
      high: Maximum. It must be ``low`` plus a multiple of ``step``.
      log: True: uniform on a logarithmic scale. Cannot be combined with ``step``.
      step: Grid spacing, at least 1.
      period: Period of the objective in this parameter, such as 24 for the hour of a day. Gaussian processes use it.
      monotone: ``"increasing"`` or ``"decreasing"`` if the objective is known to rise or fall with the parameter, for
        all values of others. Gaussian processes use it.
      when: Condition on another parameter, without which this one does not exist. ``(name, value)``: it has the value.
        ``(name, {values})``: it has one of the values. ``(name, jbo.between(low, high))``: it lies between the bounds.
        None: no condition.

    Example:
      >>> Integer(16, 128, step=16)
      Integer(16, 128, step=16)
    """

    low: int | np.integer | Any
    high: int | np.integer | Any
    log: bool | Any = field(default=False, kw_only=True)
    step: int | np.integer | Any = field(default=1, kw_only=True)
    period: Number | None = field(default=None, kw_only=True)
    monotone: str | None = field(default=None, kw_only=True)
    when: Condition | None = field(default=None, kw_only=True)

    def __post_init__(self):
        for name in ("low", "high", "step", "period"):
            object.__setattr__(self, name, item(getattr(self, name)))

    def __repr__(self) -> str:
        options = ({"log": True} if self.log else {}) | ({"step": self.step} if self.step != 1 else {})
        return self._repr((self.low, self.high), **options, **_known(self))

    @property
    def kind(self) -> str:
        """Kind of the column."""
        return LOG_ORDERED if self.log else ORDERED

    @property
    def num_levels(self) -> int:
        """Number of integers."""
        return int((self.high - self.low) // self.step + 1)

    @cached_property
    def log_range(self) -> tuple[float, float]:
        """For a log integer ``low - 1/2`` and ``log((high + 1/2) / (low - 1/2))``; otherwise zeros."""
        start = float(self.low - 0.5)
        return (start, math.log1p(self.num_levels / start)) if self.log else (0.0, 0.0)

    def check(self) -> None:
        """Raise `ValueError` if the bounds and the step define no grid."""
        _check_log(self.log)
        _check_bounds(self.low, self.high, (int,), "an integer")
        if type(self.step) is not int or self.step < 1:
            raise ValueError(f"step must be an integer of at least 1, got step={self.step!r}")
        if self.log and self.step != 1:
            raise ValueError(f"log=True and step do not go together, got step={self.step}; use Ordinal for such a grid")
        if self.log and self.low < 1:
            raise ValueError(f"log=True needs low of at least 1, got low={self.low}")
        excess = (self.high - self.low) % self.step
        if excess:
            raise ValueError(
                f"high must be low plus a multiple of step, got low={self.low}, high={self.high}, step={self.step}; "
                f"nearest are high={self.high - excess} and high={self.high - excess + self.step}"
            )
        if self.num_levels > MAX_LEVELS:
            raise ValueError(f"expected at most {MAX_LEVELS} integers, got {self.num_levels}; use a step, or a Real")
        _check_known(self)

    @property
    def period_in_cube(self) -> float:
        """As in `Parameter.period_in_cube`."""
        return 0.0 if self.period is None else float(self.period) / (int(self.step) * self.num_levels)

    def parse(self, value: Any) -> int:
        """The value as an int; `ValueError` if it is not on the grid. Floats are refused, even 3.0."""
        number = item(value)
        if type(number) is not int or not self.low <= number <= self.high or (number - self.low) % self.step:
            steps = f" in steps of {self.step}" if self.step != 1 else ""
            expected = f"expected an integer from {self.low} to {self.high}{steps}"
            raise ValueError(f"{expected}, got {value!r}{self._nearest(number)}")
        return number

    def _nearest(self, number: Any) -> str:
        if not _is_finite(number):
            return ""
        level = min(max(math.floor((number - self.low) / self.step), 0), self.num_levels - 1)
        below, above = self.value_at(level), self.value_at(min(level + 1, self.num_levels - 1))
        if number <= below or number >= above:
            return f"; nearest is {below if number <= below else above}, an integer"
        return f"; nearest are {below} and {above}"

    def _levels_between(self, wanted: Between) -> tuple[int, int]:
        first, last = ((bound - self.low) / self.step for bound in (wanted.low, wanted.high))
        return max(math.ceil(first - 1e-9), 0), min(math.floor(last + 1e-9), self.num_levels - 1)

    def unit_of_level(self, level: int) -> float:
        """Coordinate of a level in ``[0, 1]``."""
        if not self.log:
            return super().unit_of_level(level)
        start, log_ratio = self.log_range
        return math.log1p((level + 0.5) / start) / log_ratio

    def level_of_unit(self, x: float) -> int:
        """The level whose cell contains ``x`` in ``[0, 1]``."""
        if not self.log:
            return super().level_of_unit(x)
        start, log_ratio = self.log_range
        return min(int(start * math.expm1(x * log_ratio)), self.num_levels - 1)

    def value_at(self, level: int) -> int:
        """The integer at grid index ``level``; index 0 is ``low``."""
        return int(self.low + level * self.step)

    def level_of(self, value: Any) -> int:
        """The grid index of an integer."""
        return int((value - self.low) // self.step)

    def traced(self, x: Float[Array, ""], level: Int[Array, ""]) -> Array:
        """The integer at grid index ``level``, as int32."""
        del x
        _int32(self.high)
        return _int32(self.low) + level * _int32(self.step)

    def traced_unit(self, value: Array, dtype: jnp.dtype) -> Array:
        """As in `Parameter.traced_unit`."""
        if not self.log:
            return super().traced_unit(value, dtype)
        start, log_ratio = self.log_range
        return jnp.log1p((self._traced_level(value).astype(dtype) + 0.5) / start) / log_ratio

    def _traced_level(self, value: Array) -> Array:
        return (value - _int32(self.low)) // _int32(self.step)

    def definition(self) -> dict[str, Any]:
        """Kind and arguments as plain JSON."""
        definition = {"type": "integer", "low": self.low, "high": self.high, "log": self.log, "step": self.step}
        return definition | _known(self)


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Ordinal(Parameter):
    """One of several ordered numbers or words. All values are equally likely, whatever the distances between them.

    Args:
      values: Increasing or decreasing numbers, or words in their order.
      monotone: ``"increasing"`` or ``"decreasing"`` if the objective is known to rise or to fall along the values, for
        all values of other parameters. Gaussian processes use it.
      when: Condition on another parameter, without which this one does not exist. ``(name, value)``: it has the value.
        ``(name, {values})``: it has one of the values. ``(name, jbo.between(low, high))``: it lies between the bounds.
        None: no condition.

    Example:
      >>> Ordinal(32, 64, 128, 256)
      Ordinal(32, 64, 128, 256)
    """

    values: tuple
    monotone: str | None
    when: Condition | None

    def __init__(self, *values: Any, monotone: str | None = None, when: Condition | None = None):
        object.__setattr__(self, "values", tuple(map(item, values)))
        object.__setattr__(self, "monotone", monotone)
        object.__setattr__(self, "when", when)

    def __repr__(self) -> str:
        return self._repr(self.values, **_known(self))

    @property
    def kind(self) -> str:
        """Kind of the column."""
        return ORDERED

    @property
    def num_levels(self) -> int:
        """Number of values."""
        return len(self.values)

    @cached_property
    def is_numeric(self) -> bool:
        """True for numbers, False for words."""
        return all(type(v) in (int, float) for v in self.values)

    def check(self) -> None:
        """Raise `ValueError` on values without an order."""
        if not self.values:
            raise ValueError("expected at least one value, got none")
        if self.is_numeric:
            if not all(math.isfinite(v) for v in self.values):
                raise ValueError(f"expected finite numbers, got {listing(self.values)}")
            steps = [b > a for a, b in zip(self.values, self.values[1:], strict=False)]
            if len(set(self.values)) < len(self.values) or len(set(steps)) > 1:
                raise ValueError(
                    f"numbers must be strictly increasing or strictly decreasing, got {listing(self.values)}; "
                    "use Categorical for choices without an order"
                )
        elif not all(type(v) is str for v in self.values):
            raise ValueError(f"expected numbers only or strings only, got {listing(self.values)}{_star_hint(self)}")
        elif len(set(self.values)) < len(self.values):
            raise ValueError(f"expected each value once, got {listing(self.values)}")
        _check_known(self)

    def parse(self, value: Any) -> Any:
        """The value itself; `ValueError` if it is not among the values.

        Numbers are compared up to the rounding of a float: 3.3 is the value 3.3000000000000003.
        """
        found = self._levels.get(_hashable(value))
        if found is None:
            found = _level_by_rounding(self.values, value)
        if found is None:
            raise ValueError(f"expected one of {listing(self.values)}, got {value!r}{_nearest_of(self.values, value)}")
        return self.values[found]

    def _levels_between(self, wanted: Between) -> tuple[int, int]:
        if not self.is_numeric:
            return super()._levels_between(wanted)
        slack = 4 * _FLOAT64 * max(map(abs, self.values))
        inside = [k for k, v in enumerate(self.values) if wanted.low - slack <= v <= wanted.high + slack]
        return (inside[0], inside[-1]) if inside else (0, -1)

    def value_at(self, level: int) -> Any:
        """The value at index ``level``."""
        return self.values[level]

    def level_of(self, value: Any) -> int:
        """The index of a value."""
        return self._levels[value]

    def traced(self, x: Float[Array, ""], level: Int[Array, ""]) -> Array:
        """The number of a level, int32 if all numbers are integers, else in the type of ``x``; for words the level."""
        if not self.is_numeric:
            return level
        if all(type(v) is int for v in self.values):
            return jnp.stack([_int32(v) for v in self.values])[level]
        return jnp.asarray(np.array(self.values, dtype=float), x.dtype)[level]

    def _traced_level(self, value: Array) -> Array:
        if not self.is_numeric:
            return value
        return jnp.argmin(jnp.abs(jnp.asarray(np.array(self.values), value.dtype) - value))

    def definition(self) -> dict[str, Any]:
        """Kind and arguments as plain JSON."""
        return {"type": "ordinal", "values": list(self.values)} | _known(self)

    @cached_property
    def _levels(self) -> dict[Any, int]:
        return {value: level for level, value in enumerate(self.values)}


@dataclass(frozen=True, eq=False, repr=False, init=False)
class Categorical(Parameter):
    """One of several choices without an order. All choices are equally likely.

    Args:
      choices: Strings, integers, finite floats, booleans, None, or tuples of these. ``1``, ``1.0`` and ``True`` are
        three different choices. Give anything else (a function, a class) a name, and look it up in the objective.
      when: Condition on another parameter, without which this one does not exist. ``(name, value)``: it has the value.
        ``(name, {values})``: it has one of the values. ``(name, jbo.between(low, high))``: it lies between the bounds.
        None: no condition.

    Example:
      >>> Categorical("sgd", "adam", "rmsprop")
      Categorical('sgd', 'adam', 'rmsprop')
    """

    choices: tuple
    when: Condition | None

    def __init__(self, *choices: Any, when: Condition | None = None):
        object.__setattr__(self, "choices", tuple(map(item, choices)))
        object.__setattr__(self, "when", when)

    def __repr__(self) -> str:
        return self._repr(self.choices)

    @property
    def kind(self) -> str:
        """Kind of the column."""
        return CATEGORY

    @property
    def num_levels(self) -> int:
        """Number of choices."""
        return len(self.choices)

    def check(self) -> None:
        """Raise `ValueError` if two choices are equal, or if a choice cannot be written to a file."""
        if not self.choices:
            raise ValueError("expected at least one choice, got none")
        for choice in self.choices:
            if isinstance(choice, list):
                raise ValueError(f"a choice cannot be a list, got {choice!r}{_star_hint(self)}")
            if isinstance(choice, Set | range | np.ndarray | Array):
                raise ValueError(f"a choice cannot be several values, got {choice!r}{_star_hint(self)}")
            plain(choice)
        if len(self._levels) < len(self.choices):
            raise ValueError(f"expected each choice once, got {listing(self.choices)}")

    def parse(self, value: Any) -> Any:
        """The choice with the same JSON text, up to the rounding of a float; `ValueError` if there is none."""
        try:
            found = self._levels.get(canonical(plain(value)))
        except ValueError:
            found = None
        if found is None and type(item(value)) is float:
            found = _level_by_rounding([c if type(c) is float else None for c in self.choices], value)
        if found is None:
            hint = _nearest_of(self.choices, value)
            raise ValueError(f"expected one of {listing(self.choices)}, got {value!r}{hint}")
        return self.choices[found]

    def value_at(self, level: int) -> Any:
        """The choice at index ``level``."""
        return self.choices[level]

    def level_of(self, value: Any) -> int:
        """The index of a choice."""
        return self._levels[canonical(plain(value))]

    def traced(self, x: Float[Array, ""], level: Int[Array, ""]) -> Array:
        """The index of the choice, as int32."""
        del x
        return level

    def definition(self) -> dict[str, Any]:
        """Kind and arguments as plain JSON."""
        return {"type": "categorical", "choices": as_json(self.choices)}

    @cached_property
    def _levels(self) -> dict[str, int]:
        return {canonical(plain(choice)): level for level, choice in enumerate(self.choices)}


@dataclass(frozen=True, eq=False, repr=False)
class Share(Parameter):
    """One of several numbers that are at least 0 and sum to 1. `Simplex` makes all shares together."""

    of: tuple[str, ...]
    """Names of all shares of the simplex."""
    when: Condition | None = field(default=None, kw_only=True)

    def __repr__(self) -> str:
        return f"a share of {self.simplex!r}"

    @property
    def simplex(self) -> "Simplex":
        """The simplex of this share."""
        return Simplex(*self.of, when=self.when)

    @property
    def kind(self) -> str:
        """Kind of the column."""
        return REAL

    @property
    def num_levels(self) -> int:
        """0: a share has no levels."""
        return 0

    def check(self) -> None:
        """Raise `ValueError` unless there are at least two names, each once."""
        if len(self.of) < 2 or len(set(self.of)) < len(self.of) or not all(isinstance(n, str) and n for n in self.of):
            raise ValueError(f"Simplex: expected at least two names, each once, got {listing(self.of)}")

    def parse(self, value: Any) -> float:
        """The share as a float; `ValueError` if it is outside ``[0, 1]`` by more than rounding."""
        number = item(value)
        if not _is_finite(number) or not -1e-12 <= number <= 1 + 1e-12:
            raise ValueError(f"expected a share in [0, 1], got {value!r}")
        return min(max(float(number), 0.0), 1.0) + 0.0

    def to_unit(self, value: Any) -> float:
        """Coordinate of a share in ``[0, 1]``: :math:`1 - e^{-w}`, see `jbo.encoding.shares`."""
        return -math.expm1(-value)

    def from_unit(self, x: float) -> float:
        """The share at ``x``, where ``x`` is a column of a snapped point."""
        return min(-math.log1p(-x), 1.0) if x < 1 else 1.0

    def units(self, size: int) -> Float[np.ndarray, " m"]:
        """As in `Parameter.units`."""
        return -np.expm1(-np.linspace(0, 1, size))

    def traced(self, x: Float[Array, ""], level: Int[Array, ""]) -> Array:
        """The share; here ``x`` comes from `jbo.encoding.shares`."""
        del level
        return x

    def traced_unit(self, value: Array, dtype: jnp.dtype) -> Array:
        """As in `Parameter.traced_unit`."""
        return -jnp.expm1(-value.astype(dtype))

    def definition(self) -> dict[str, Any]:
        """Kind and arguments as plain JSON."""
        return {"type": "share", "of": list(self.of)}


@dataclass(frozen=True, init=False)
class Simplex:
    """Shares that are at least 0 and sum to 1, such as mixture weights. The config holds one float for each name.

    Initial designs are uniform over the simplex: ``Dirichlet(1, …, 1)``. The model sees the shares themselves.
    Suggested shares sum to 1 exactly, in whatever order they are added. The sum of the shares that you give may differ
    from 1 by up to 1e-6; they are kept as they are.

    Args:
      *names: Names of the shares, at least two, each once.
      when: As in `Real`, the condition under which all of the shares exist.

    Raises:
      ValueError: Fewer than two names are given, or a name comes twice.

    Example:
      >>> import jbo
      >>> space = jbo.Space(jbo.Simplex("w1", "w2", "w3"), rate=jbo.Real(1e-4, 1e-1, log=True))
      >>> space.names
      ('w1', 'w2', 'w3', 'rate')
    """

    names: tuple[str, ...]
    when: Condition | None

    def __init__(self, *names: str, when: Condition | None = None):
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "when", when)
        Share(names, when=when).check()

    def __repr__(self) -> str:
        when = [] if self.when is None else [f"when={self.when!r}"]
        return f"Simplex({', '.join([*map(repr, self.names), *when])})"

    @property
    def shares(self) -> dict[str, Share]:
        """The `Share` parameters, by name."""
        return {name: Share(self.names, when=self.when) for name in self.names}


def as_shares(values: Sequence[float]) -> list[float]:
    """Numbers of at least 0 as shares that sum to 1 exactly; the same bits as `jbo.encoding.shares`.

    Args:
      values: Numbers of at least 0. If all are 0, all shares are equal.
    """
    total = math.fsum(values)
    exact = [v / total for v in values] if total > 0 else [1 / len(values)] * len(values)
    rounded = [round(v * 2**46) / 2**46 for v in exact]
    largest = exact.index(max(exact))
    rounded[largest] = 1 - math.fsum(v for j, v in enumerate(rounded) if j != largest)
    return rounded


def from_json(definition: dict[str, Any]) -> Parameter:
    """The parameter whose `Parameter.to_json` is ``definition``; `ValueError` for an unknown type."""
    arguments = dict(definition)
    kind = arguments.pop("type", None)
    when = arguments.pop("when", None)
    if type(arguments.get("log", False)) is not bool:
        raise ValueError(f"log: expected true or false, got {arguments['log']!r}")
    if when is None:
        condition = None
    elif "between" in when:
        condition = when["name"], Between(*when["between"])
    else:
        condition = when["name"], [plain(v) for v in when["values"]]
    if kind in ("ordinal", "categorical"):
        key = "values" if kind == "ordinal" else "choices"
        values = arguments.pop(key, None)
        known = {name: arguments.pop(name) for name in ("monotone",) if kind == "ordinal" and name in arguments}
        if arguments or not isinstance(values, list):
            raise ValueError(f"expected a list of {key} and nothing else, got {definition!r}")
        if kind == "ordinal":
            return Ordinal(*values, when=condition, **known)
        return Categorical(*map(plain, values), when=condition)
    if kind == "share":
        if set(arguments) != {"of"} or not isinstance(arguments["of"], list):
            raise ValueError(f"expected a list of the names of all shares and nothing else, got {definition!r}")
        return Share(tuple(arguments["of"]), when=condition)
    if kind in ("real", "integer"):
        return {"real": Real, "integer": Integer}[kind](**arguments, when=condition)
    raise ValueError(f"expected a parameter of type real, integer, ordinal, categorical or share, got {kind!r}")


def _check_log(log: Any) -> None:
    if not isinstance(log, bool):
        raise ValueError(f"log must be True or False, got log={log!r}")


def _check_bounds(low: Any, high: Any, types: tuple[type, ...], expected: str) -> None:
    for name, bound in (("low", low), ("high", high)):
        if type(bound) not in types or not math.isfinite(bound):
            raise ValueError(f"{name} must be {expected}, got {name}={bound!r}")
    if low >= high:
        raise ValueError(f"low must be less than high, got low={low}, high={high}")


def _check_known(parameter: "Real | Integer | Ordinal") -> None:
    """Raise `ValueError` if ``period`` or ``monotone`` is invalid."""
    period, monotone = getattr(parameter, "period", None), parameter.monotone
    if monotone not in (None, *_SIGNS):
        raise ValueError(f"monotone must be 'increasing' or 'decreasing', got monotone={monotone!r}")
    if period is None:
        return
    if type(period) not in (int, float) or not 0 < period < math.inf:
        raise ValueError(f"period must be a number greater than 0, got period={period!r}")
    if getattr(parameter, "log", False):
        raise ValueError(f"log=True and period do not go together, got period={period!r}")
    if monotone is not None:
        raise ValueError(f"period and monotone do not go together, got period={period!r}, monotone={monotone!r}")


def _known(parameter: "Real | Integer | Ordinal") -> dict[str, Any]:
    """The options ``period`` and ``monotone``, if they are given. Older definitions, without them, stay readable."""
    options = {"period": getattr(parameter, "period", None), "monotone": parameter.monotone}
    return {name: value for name, value in options.items() if value is not None}


def is_same_number(value: Any, other: Any) -> bool:
    """True for two floats that differ only by rounding.

    Args:
      value: A parsed value of any parameter.
      other: A parsed value of any parameter.
    """
    return type(value) is type(other) is float and abs(value - other) <= 4 * _FLOAT64 * max(abs(value), abs(other))


def _is_finite(number: Any) -> bool:
    return type(number) in (int, float) and abs(number) <= sys.float_info.max


def _exact(number: Any) -> Fraction:
    """The decimal number of a float's repr, as a fraction."""
    return Fraction(repr(float(number)))


def _rounding_of_type(value: Any) -> float:
    """Relative distance of neighbouring numbers in the type of a number."""
    dtype = getattr(value, "dtype", None)
    if dtype is not None and jnp.issubdtype(dtype, jnp.floating):
        return float(jnp.finfo(dtype).eps)
    return _FLOAT64


def _rounding(value: Any) -> float:
    """Relative distance of neighbouring numbers, taking a float that is exact in float32 as a float32."""
    of_type, number = _rounding_of_type(value), float(item(value))
    with np.errstate(over="ignore"):
        was_short = of_type == _FLOAT64 and type(item(value)) is float and float(np.float32(number)) == number
    return _FLOAT32 if was_short else of_type


def _level_by_rounding(values: Sequence[Any], value: Any) -> int | None:
    """The level that differs from a number only by rounding; None if there is no such level.

    The difference may come from a computed grid, such as `numpy.arange`, or from a shorter floating type. It must be
    much smaller than the distance to the next level, and than the level itself.
    """
    number = item(value)
    numbers = {k: float(v) for k, v in enumerate(values) if type(v) in (int, float)}
    if not _is_finite(number) or not numbers:
        return None
    nearest = min(numbers, key=lambda k: abs(numbers[k] - number))
    level, others = numbers[nearest], [abs(v - numbers[nearest]) for k, v in numbers.items() if k != nearest]
    largest = max(map(abs, numbers.values()))
    computed = _rounding_of_type(value) * max(len(numbers), 4) * largest
    slack = min(max(computed, 4 * _rounding(value) * abs(level)), min(others, default=math.inf) / 8)
    if min(numbers.values()) >= 0 or max(numbers.values()) <= 0:  # perhaps spread over orders of magnitude
        slack = min(slack, 1e-3 * abs(level))
    return nearest if abs(number - level) <= slack else None


def _nearest_of(values: Sequence[Any], value: Any) -> str:
    """The nearest of the values in words, for an error message."""
    value = item(value)
    if isinstance(value, str):
        words = {v.lower(): v for v in values if isinstance(v, str)}
        close = difflib.get_close_matches(value.lower(), words, 1)
        return f"; nearest is {words[close[0]]!r}" if close else ""
    numbers = [v for v in values if type(v) in (int, float)]
    if not _is_finite(value) or not numbers:
        return ""
    return f"; nearest is {min(numbers, key=lambda v: abs(v - value))!r}"


def _star_hint(parameter: Parameter) -> str:
    return f"; write {type(parameter).__name__}(*values) for a list of values"


def _hashable(value: Any) -> Any:
    """A number or a string as a key for the values of an ordinal; None for anything else, including bools."""
    value = item(value)
    return value if type(value) in (str, int, float) else None


def _int32(value: Any) -> Array:
    if not -(2**31) <= value < 2**31:
        raise ValueError(f"traced code holds integers as int32, got {value}; scale this parameter down")
    return jnp.asarray(value, jnp.int32)
