"""GPyOpt's search space: a domain and the constraints on it."""

import ast
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from jbo.compat.gpyopt._expression import Expression, parse
from jbo.compat.gpyopt._options import without_effect
from jbo.compat.gpyopt._rows import Columns
from jbo.space import Space

_KEYS = ("name", "type", "domain", "dimensionality", "log")


@dataclass(frozen=True)
class Constraint:
    """True if all expressions are at most 0 at a config of Python values or JAX scalars."""

    expressions: tuple[Expression, ...]
    space: Space
    """The search space, which defines the order and the numbers of the columns."""

    def __call__(self, config: Mapping[str, Any]) -> Any:
        """True if a config is allowed; a config at which an expression is undefined is not allowed."""
        numbers = self._columns.numbers(config)
        is_allowed = self.expressions[0](numbers) <= 0
        for expression in self.expressions[1:]:
            is_allowed = is_allowed & (expression(numbers) <= 0)
        return is_allowed

    @cached_property
    def _columns(self) -> Columns:
        return Columns(self.space)


class Variable(NamedTuple):
    """One variable of a domain, as GPyOpt describes it."""

    name: str
    type: str
    domain: Any
    dimensionality: int = 1


class Design_space:
    """A domain and the constraints on it.

    Args:
      space: GPyOpt's list of dicts, see `jbo.Space.from_domain`, or a list of bounds ``(low, high)``. Keys that GPyOpt
        does not know and repeated levels cause a warning.
      constraints: Dicts with a ``name`` and a ``constraint`` (``constrain`` in old code). The constraint is a text such
        as ``"x[:,0]**2 + x[:,1]**2 - 1"``; it is at most 0 at allowed points. ``x[:, i]`` is column i of the domain in
        the user's units; a category that is not a number is given by its index.
      store_noncontinuous: Accepted as in GPyOpt, where it has no effect either.

    Raises:
      ValueError: A parameter or a constraint is invalid; the message begins with its name.
    """

    supported_types = ("continuous", "discrete", "bandit", "categorical", "integer")

    def __init__(self, space: Any, constraints: Any = None, store_noncontinuous: bool = False):
        del store_noncontinuous
        space = _as_dicts(space)
        free = Space.from_domain(space)
        self.config_space = [dict(entry) for entry in space]
        """The domain as a list of dicts."""
        self.constraints = constraints
        """The constraints as given by the user."""
        self.columns = Columns(free)
        """Conversion between configs and rows of numbers."""
        self.is_bandit = any(entry.get("type") == "bandit" for entry in space)
        """True if the parameters are points, for which distances are meaningful."""
        self.expressions = _expressions(constraints, len(self.columns.names))
        """The constraints as functions of rows."""
        self.space = Space(free, constraint=Constraint(self.expressions, free)) if self.expressions else free
        """The space as a `jbo.Space`."""

    @staticmethod
    def fromConfig(space: Any, constraints: Any) -> "Design_space":
        """The space of a configuration file, in which domains are texts.

        Args:
          space: Dicts as in the constructor; a text is read as a Python literal.
          constraints: As in the constructor; an empty list means no constraints.
        """
        entries = []
        for entry in space:
            entry = dict(entry)
            for key in ("domain", "dimensionality"):
                if isinstance(entry.get(key), str):
                    entry[key] = ast.literal_eval(entry[key])
            entries.append(entry)
        return Design_space(entries, constraints or None)

    @property
    def space_expanded(self) -> list[Variable]:
        """The variables, one for each column."""
        found = []
        for i, entry in enumerate(self.config_space):
            kind, size = entry.get("type", "continuous"), int(entry.get("dimensionality", 1))
            name, domain = entry.get("name", f"var_{i}"), entry["domain"]
            if kind == "bandit":
                found.append(Variable(name, kind, np.asarray(domain), np.atleast_2d(np.array(domain).T).shape[0]))
            else:
                found += [Variable(name if size == 1 else f"{name}_{k + 1}", kind, domain) for k in range(size)]
        return found

    @property
    def config_space_expanded(self) -> list[dict[str, Any]]:
        """The domain as a list of dicts, one for each column."""
        return [variable._asdict() for variable in self.space_expanded]

    @property
    def has_types(self) -> dict[str, bool]:
        """By name of a type: True if a variable has this type."""
        kinds = {variable.type for variable in self.space_expanded}
        return {kind: kind in kinds for kind in self.supported_types}

    @property
    def name_to_variable(self) -> dict[str, Variable]:
        """The variables by name."""
        return {variable.name: variable for variable in self.space_expanded}

    @property
    def dimensionality(self) -> int:
        """Number of columns of a row."""
        return len(self.columns.names)

    @property
    def objective_dimensionality(self) -> int:
        """Number of columns of a row."""
        return len(self.columns.names)

    @property
    def model_input_dims(self) -> list[int]:
        """Number of columns of each variable in GPyOpt's models; a category has one column for each choice."""
        return [len(v.domain) if v.type == "categorical" else v.dimensionality for v in self.space_expanded]

    @property
    def model_dimensionality(self) -> int:
        """Number of columns in GPyOpt's models."""
        return sum(self.model_input_dims)

    def find_variable(self, variable_name: str) -> Variable:
        """The variable with a given name.

        Args:
          variable_name: Name of the variable, numbered if the parameter has several columns.

        Raises:
          ValueError: No variable has this name.
        """
        if variable_name not in self.name_to_variable:
            raise ValueError(f"expected one of {', '.join(self.name_to_variable)}, got {variable_name!r}")
        return self.name_to_variable[variable_name]

    def has_constraints(self) -> bool:
        """True if there are constraints."""
        return bool(self.expressions)

    def has_continuous(self) -> bool:
        """True if a variable is continuous."""
        return self.has_types["continuous"]

    def get_bounds(self) -> list[tuple[Any, Any]]:
        """Bounds of each column in GPyOpt's models; a category has the bounds 0 and 1 for each choice."""
        found: list[tuple[Any, Any]] = []
        for variable in self.space_expanded:
            if variable.type == "categorical":
                found += [(0, 1)] * len(variable.domain)
            elif variable.type == "bandit":
                points = np.array(variable.domain, float).reshape(len(variable.domain), -1)
                found += list(zip(points.min(0).tolist(), points.max(0).tolist(), strict=True))
            else:
                found.append((min(variable.domain), max(variable.domain)))
        return found

    def get_continuous_bounds(self) -> list[tuple[Any, Any]]:
        """Bounds of the continuous variables."""
        return [tuple(v.domain) for v in self.space_expanded if v.type == "continuous"]

    def get_continuous_dims(self) -> list[int]:
        """Columns of the continuous variables."""
        return [j for j, v in enumerate(self.space_expanded) if v.type == "continuous"]

    def get_continuous_space(self) -> list[Variable]:
        """The continuous variables."""
        return [v for v in self.space_expanded if v.type == "continuous"]

    def get_discrete_dims(self) -> list[int]:
        """Columns of the discrete variables."""
        return [j for j, v in enumerate(self.space_expanded) if v.type == "discrete"]

    def get_discrete_space(self) -> list[Variable]:
        """The discrete variables."""
        return [v for v in self.space_expanded if v.type == "discrete"]

    def get_discrete_grid(self) -> np.ndarray:
        """Every combination of the levels of the discrete variables, one for each row."""
        return np.array(list(itertools.product(*(v.domain for v in self.get_discrete_space()))))

    def get_bandit(self) -> np.ndarray:
        """The points of a bandit, one for each row."""
        return np.asarray(
            [tuple(arm) for v in self.space_expanded if v.type == "bandit" for arm in np.asarray(v.domain)]
        )

    def get_subspace(self, dims: Sequence[int]) -> list[Variable]:
        """The variables of some columns of GPyOpt's models.

        Args:
          dims: First columns of the variables.
        """
        begins = np.cumsum([0, *self.model_input_dims])
        return [v for v, begin in zip(self.space_expanded, begins, strict=False) if begin in dims]

    def input_dim(self) -> int:
        """Number of continuous and discrete variables."""
        return len(self.get_continuous_dims()) + len(self.get_discrete_dims())

    def indicator_constraints(self, x: Any) -> Float[np.ndarray, "m 1"]:
        """1 for each row that the constraints allow, otherwise 0.

        Args:
          x: Rows in the user's units, or in the columns of GPyOpt's models.
        """
        x = np.atleast_2d(np.asarray(x, np.float64))
        if not self.expressions:
            return np.ones((len(x), 1))
        if x.shape[1] == self.model_dimensionality != self.dimensionality:
            x = self.zip_inputs(x)
        with np.errstate(invalid="ignore"):
            return np.all([e.of_rows(x) <= 0 for e in self.expressions], axis=0).astype(float)[:, None]

    def unzip_inputs(self, X: Any) -> np.ndarray:
        """Rows in the columns of GPyOpt's models.

        Args:
          X: Rows in the user's units.
        """
        X, parts, j = np.atleast_2d(np.asarray(X, np.float64)), [], 0
        for variable in self.space_expanded:
            part = X[:, j : j + variable.dimensionality]
            if variable.type == "categorical":
                values = [v if isinstance(v, int | float) else i for i, v in enumerate(variable.domain)]
                part = (part == np.array(values, float)).astype(float)
            parts.append(part)
            j += variable.dimensionality
        return np.concatenate(parts, axis=1)

    def zip_inputs(self, X: Any) -> np.ndarray:
        """Rows in the user's units.

        Args:
          X: Rows in the columns of GPyOpt's models.
        """
        X, parts, j = np.atleast_2d(np.asarray(X, np.float64)), [], 0
        for variable, width in zip(self.space_expanded, self.model_input_dims, strict=True):
            part = X[:, j : j + width]
            if variable.type == "categorical":
                values = [v if isinstance(v, int | float) else i for i, v in enumerate(variable.domain)]
                part = np.array(values, float)[part.argmax(1)][:, None]
            parts.append(part)
            j += width
        return np.concatenate(parts, axis=1)

    def objective_to_model(self, x_objective: Any) -> list[float]:
        """As `unzip_inputs`, but for one row.

        Args:
          x_objective: One row in the user's units.
        """
        return self.unzip_inputs(x_objective)[0].tolist()

    def model_to_objective(self, x_model: Any) -> list[float]:
        """As `zip_inputs`, but for one row.

        Args:
          x_model: One row in the columns of GPyOpt's models.
        """
        return self.zip_inputs(x_model)[0].tolist()

    def round_optimum(self, x: Any) -> np.ndarray:
        """The point of the domain that is nearest to a row, as a row.

        Args:
          x: One row in the user's units.
        """
        config = self.space.decode(self.columns.to_unit(np.atleast_2d(np.asarray(x, np.float64)))[0])
        return self.columns.to_row(config)[None, :]


def bounds_to_space(bounds: Any) -> list[dict[str, Any]]:
    """The domain of continuous variables with these bounds.

    Args:
      bounds: Pairs ``(low, high)``.
    """
    return [{"name": f"var_{k + 1}", "type": "continuous", "domain": tuple(pair)} for k, pair in enumerate(bounds)]


def _as_dicts(space: Any) -> Any:
    """The domain without errors that GPyOpt ignores; `jbo.Space.from_domain` reports all other errors."""
    if not isinstance(space, list | tuple | np.ndarray):
        return space
    if len(space) and all(not isinstance(entry, Mapping) and np.shape(entry) == (2,) for entry in space):
        return bounds_to_space(space)
    entries: list[Any] = []
    for entry in space:
        if not isinstance(entry, Mapping):
            return space
        unknown = [key for key in entry if key not in _KEYS]
        for key in unknown:
            without_effect(str(key), entry[key], "a variable of a domain has no such key", 2)
        entry = {key: value for key, value in entry.items() if key not in unknown}
        values = entry.get("domain")
        if entry.get("type") == "discrete" and isinstance(values, tuple | list | np.ndarray) and np.ndim(values) == 1:
            once = tuple(dict.fromkeys(values))
            if len(once) < len(values):
                without_effect("domain", values, "each level counts once", 2)
            entry["domain"] = once
        entries.append(entry)
    return entries


def _expressions(constraints: Any, num_columns: int) -> tuple[Expression, ...]:
    if constraints is None:
        return ()
    if not isinstance(constraints, list | tuple):
        raise ValueError(f"constraints: expected a list of dicts, got {constraints!r}")
    expressions = []
    for i, entry in enumerate(constraints):
        if not isinstance(entry, Mapping):
            raise ValueError(f"constraint {i}: expected a dict with the keys 'name' and 'constraint', got {entry!r}")
        name = entry.get("name", f"constraint {i}")
        texts = [entry[key] for key in ("constraint", "constrain") if key in entry]
        unknown = set(entry) - {"name", "constraint", "constrain"}
        if len(texts) != 1 or unknown:
            raise ValueError(f"{name}: expected the keys 'name' and 'constraint', got {list(entry)}")
        try:
            expressions.append(parse(texts[0], num_columns))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return tuple(expressions)
