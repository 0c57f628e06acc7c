"""Configs as GPyOpt has them: rows of numbers, one or more columns a parameter."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jbo.parameters import Categorical, Ordinal, Parameter
from jbo.space import Space


class Row(np.ndarray):
    """Numbers that also answer to the names of the parameters, with plain Python values.

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
        self._config: dict[str, Any] = {}  # what is computed from a row has no names

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            return self.view(np.ndarray)[key]
        if key not in self._config:
            raise KeyError(f"{key!r}: expected one of {', '.join(map(repr, self._config))}")
        return self._config[key]

    def keys(self) -> list[str]:
        """Names of the parameters, so that ``dict(row)`` is the config."""
        return list(self._config)


class Columns:
    """How the configs of a space are rows.

    A number is itself, whole numbers and numbers among categories too; another category is its index; a point of a
    bandit is as many columns as it has coordinates.
    """

    def __init__(self, space: Space):
        self._space = space
        self._tables = {name: _table(parameter) for name, parameter in space.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """One a column: the parameter's, numbered where a parameter has several."""
        widths = {name: 1 if table is None else table.shape[1] for name, table in self._tables.items()}
        return tuple(name if width == 1 else f"{name}_{k + 1}" for name, width in widths.items() for k in range(width))

    def to_row(self, config: Mapping[str, Any]) -> Float[np.ndarray, " k"]:
        """The numbers of a config."""
        return np.array([float(number) for number in self.numbers(config)], np.float64)

    def numbers(self, config: Mapping[str, Any]) -> list[Any]:
        """The same as a list; of JAX scalars where the config holds such, a category of which is its index."""
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
        """The config whose row this is.

        Raises:
          ValueError: Not as many numbers as there are columns, or a number that the parameter cannot have.
        """
        names = self.names
        row = np.asarray(row, np.float64)
        if row.shape != (len(names),):
            raise ValueError(f"expected rows of {len(names)} numbers ({', '.join(names)}), got shape {row.shape}")
        config, j = {}, 0
        for name, parameter in self._space.items():
            table = self._tables[name]
            if table is None:
                config[name] = _value(parameter, float(row[j]))
                j += 1
                continue
            point = row[j : j + table.shape[1]]
            found = np.flatnonzero((table == point).all(axis=1))
            if not found.size:
                raise ValueError(f"{name}: expected the numbers of one of {parameter!r}, got {point.tolist()}")
            config[name] = parameter.value_at(int(found[0]))
            j += table.shape[1]
        return self._space.validate(config)


def _table(parameter: Parameter) -> np.ndarray | None:
    """The numbers of each level of a parameter whose values need not be numbers; None for the others."""
    if isinstance(parameter, Ordinal) and parameter.is_numeric or not isinstance(parameter, Ordinal | Categorical):
        return None
    values = [parameter.value_at(level) for level in range(parameter.num_levels)]
    points = [value if isinstance(value, tuple) else (value,) for value in values]
    are_numbers = all(type(number) in (int, float) for point in points for number in point)
    if not are_numbers or len({len(point) for point in points}) > 1 or len(set(points)) < len(points):
        points = [(level,) for level in range(len(values))]
    return np.array(points, np.float64)


def _value(parameter: Parameter, number: float) -> Any:
    """The number as the type that the parameter has: whole numbers are ints."""
    is_real = parameter.num_levels == 0
    return int(number) if not is_real and number.is_integer() else number
