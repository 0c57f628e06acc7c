"""Configs in the form of GPyOpt: rows of numbers, with one or more columns for each parameter."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jbo.parameters import Categorical, Ordinal, Parameter
from jbo.space import Space

_ROUNDING = 1e-6
"""Relative error of a number after rounding to single precision and some arithmetic."""


class Numbers(np.ndarray):
    """An array that converts to a number if it has one element, whatever its shape, as in older versions of NumPy.

    Example:
      >>> "%.1f" % Row([[0.1]], {"x": 0.1}), int(Row([[0.1, 64.0]], {})[:, 1])
      ('0.1', 64)
    """

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())


class Row(Numbers):
    """Numbers that can also be indexed by the names of the parameters, which gives plain Python values.

    Example:
      >>> row = Row([[0.1, 64.0]], {"learning_rate": 0.1, "batch_size": 64})
      >>> float(row[0, 1]), row["batch_size"], dict(row)
      (64.0, 64, {'learning_rate': 0.1, 'batch_size': 64})
    """

    def __new__(cls, numbers: Any, config: Mapping[str, Any]) -> "Row":
        row = np.array(numbers, np.float64).view(cls)
        row._config = dict(config)
        return row

    def __array_finalize__(self, other: Any) -> None:
        self._config: dict[str, Any] = {}  # results computed from a row have no names

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            return self.view(Numbers)[key]
        if key not in self._config:
            raise KeyError(f"{key!r}: expected one of {', '.join(map(repr, self._config))}")
        return self._config[key]

    def keys(self) -> list[str]:
        """Names of the parameters, so that ``dict(row)`` is the config."""
        return list(self._config)


class Columns:
    """Conversion between the configs of a space and rows of numbers.

    A number stands for itself, also if it is an integer or a category. Any other category is given by its index. A
    point of a bandit has one column for each coordinate.
    """

    def __init__(self, space: Space):
        self._space = space
        self._tables = {name: _table(parameter) for name, parameter in space.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns: the name of the parameter, numbered if the parameter has several columns."""
        widths = {name: 1 if table is None else table.shape[1] for name, table in self._tables.items()}
        return tuple(name if width == 1 else f"{name}_{k + 1}" for name, width in widths.items() for k in range(width))

    def to_row(self, config: Mapping[str, Any]) -> Float[np.ndarray, " k"]:
        """The numbers of a config."""
        return np.array([float(number) for number in self.numbers(config)], np.float64)

    def numbers(self, config: Mapping[str, Any]) -> list[Any]:
        """The numbers of a config as a list; JAX scalars stay JAX scalars, with categories given by their index."""
        numbers: list[Any] = []
        for name, parameter in self._space.items():
            value, table = config[name], self._tables[name]
            if table is None:
                numbers.append(value)
            elif isinstance(value, jax.Array):
                numbers += list(jnp.asarray(table)[value])
            else:
                numbers += list(table[parameter.level_of(value)])
        return numbers

    def to_config(self, row: Sequence[Any] | np.ndarray) -> dict[str, Any]:
        """The config of a row; numbers may differ from a bound or a level by a rounding error.

        Raises:
          ValueError: The row has the wrong length, or a number that the parameter cannot have.
        """
        row = self._checked(row)
        config, j = {}, 0
        for name, parameter in self._space.items():
            table = self._tables[name]
            width = 1 if table is None else table.shape[1]
            numbers = row[j : j + width]
            nearest = _nearest(parameter, table, numbers)
            if _is_rounding(parameter, table, numbers, nearest):
                config[name] = nearest
            elif table is None:
                config[name] = _value(parameter, float(numbers[0]))  # so that the parameter raises its message
            else:
                raise ValueError(f"{name}: expected the numbers of a value of {parameter!r}, got {numbers.tolist()}")
            j += width
        return self._space.validate(config)

    def rounded(self, name: str, value: Any) -> Any:
        """The value of a parameter, moved to a bound or a level if it differs only by a rounding error.

        Args:
          name: Name of the parameter. An unknown name is left for the study to report.
          value: Value in the user's units, either as the numbers of a row or as the value itself.
        """
        parameter = self._space.get(name)
        if parameter is None or isinstance(value, str | bytes | bool) or np.ndim(value) > 1:
            return value
        numbers, table = np.atleast_1d(np.asarray(value)), self._tables[name]
        if numbers.dtype.kind not in "iuf" or numbers.size != (1 if table is None else table.shape[1]):
            return value
        numbers = numbers.astype(np.float64)
        nearest = _nearest(parameter, table, numbers)
        return nearest if _is_rounding(parameter, table, numbers, nearest) else value

    def to_unit(self, rows: Float[np.ndarray, "m k"]) -> Float[np.ndarray, "m d"]:
        """Points of the unit cube nearest to rows, which may lie outside of the domain.

        Raises:
          ValueError: The rows have the wrong length.
        """
        found = np.empty((len(rows), self._space.encoding.num_columns))
        for i, row in enumerate(rows):
            row, config, j = self._checked(row), {}, 0
            for name, parameter in self._space.items():
                table = self._tables[name]
                width = 1 if table is None else table.shape[1]
                config[name] = _nearest(parameter, table, row[j : j + width])
                j += width
            found[i] = self._space.encode(config)
        return found

    def bounds(self) -> list[tuple[float, float]]:
        """Minimum and maximum of each column."""
        found: list[tuple[float, float]] = []
        for name, parameter in self._space.items():
            table = self._tables[name]
            if table is None:
                low, high = (float(parameter.from_unit(end)) for end in (0.0, 1.0))
                found.append((low, high))
            else:
                found += list(zip(table.min(0).tolist(), table.max(0).tolist(), strict=True))
        return found

    @property
    def is_real(self) -> tuple[bool, ...]:
        """True for each column with continuous numbers instead of levels."""
        widths = [1 if table is None else table.shape[1] for table in self._tables.values()]
        reals = [parameter.num_levels == 0 for parameter in self._space.values()]
        return tuple(real for real, width in zip(reals, widths, strict=True) for _ in range(width))

    def _checked(self, row: Sequence[Any] | np.ndarray) -> np.ndarray:
        names = self.names
        row = np.asarray(row, np.float64)
        if row.shape != (len(names),):
            raise ValueError(f"expected rows of {len(names)} numbers ({', '.join(names)}), got shape {row.shape}")
        return row


def _nearest(parameter: Parameter, table: np.ndarray | None, numbers: np.ndarray) -> Any:
    """The value of the parameter whose numbers are nearest to the given numbers."""
    if table is not None:
        return parameter.value_at(int(np.argmin(np.sum((table - numbers) ** 2, axis=1))))
    number = float(numbers[0])
    if isinstance(parameter, Ordinal):
        levels = [float(parameter.value_at(level)) for level in range(parameter.num_levels)]
        return parameter.value_at(int(np.argmin(np.abs(np.array(levels) - number))))
    low, high = parameter.from_unit(0.0), parameter.from_unit(1.0)
    if not math.isfinite(number):
        return low
    return min(max(round(number) if parameter.num_levels else number, low), high)


def _is_rounding(parameter: Parameter, table: np.ndarray | None, numbers: np.ndarray, nearest: Any) -> bool:
    """True if the numbers equal those of the value, up to rounding in single precision."""
    if table is not None:
        values = table[parameter.level_of(nearest)]
        width = np.ptp(table, axis=0)
    else:
        values = np.array([float(nearest)])
        # Levels are far apart, so a difference that is small compared with their range is a rounding error. The
        # tolerance near a bound is smaller.
        width = np.array([1e-3 * float(parameter.from_unit(1.0) - parameter.from_unit(0.0))])
        if isinstance(parameter, Ordinal):
            width *= 1e3
    size = np.maximum(np.abs(values), np.abs(numbers))
    is_near = np.abs(numbers - values) <= _ROUNDING * (size + width)
    return bool(np.all(np.isfinite(numbers) & is_near))


def _table(parameter: Parameter) -> np.ndarray | None:
    """The numbers that stand for each value of a parameter; None for numeric parameters."""
    if isinstance(parameter, Ordinal) and parameter.is_numeric or not isinstance(parameter, Ordinal | Categorical):
        return None
    values = [parameter.value_at(level) for level in range(parameter.num_levels)]
    points = [value if isinstance(value, tuple) else (value,) for value in values]
    are_numbers = all(type(number) in (int, float) for point in points for number in point)
    if not are_numbers or len({len(point) for point in points}) > 1 or len(set(points)) < len(points):
        points = [(level,) for level in range(len(values))]
    return np.array(points, np.float64)


def _value(parameter: Parameter, number: float) -> Any:
    """The number in the type of the parameter: integers are ints."""
    is_real = parameter.num_levels == 0
    return int(number) if not is_real and number.is_integer() else number
