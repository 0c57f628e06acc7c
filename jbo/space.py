"""The search space: names, bounds and choices of the parameters, and the map between configs and the unit cube."""

import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any, NamedTuple, cast

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jbo.candidates import Candidates, as_rows, difference_of_lists, inferred, list_of, nearest_rows
from jbo.choices import as_json, canonical, listing
from jbo.constraint import Traced, is_allowed
from jbo.domain import parameters_of
from jbo.encoding import Column, Encoding, level, shares, snap
from jbo.encoding import is_active as _is_active
from jbo.markup import of_parameters
from jbo.parameters import (
    Between,
    Categorical,
    Condition,
    Integer,
    Ordinal,
    Parameter,
    Real,
    Share,
    Simplex,
    as_shares,
    between,
    from_json,
    is_same_number,
)

__all__ = ["Categorical", "Integer", "Ordinal", "Real", "Simplex", "Space", "between", "is_active", "row_of"]


@dataclass(frozen=True)
class Constant:
    """A parameter fixed by `Space.fix`: it has no column, but a value in every config in which it is active."""

    parameter: Parameter
    value: Any


class _Where(NamedTuple):
    """A condition on a parent in the encoding: a set of levels, or a range of the unit interval."""

    levels: frozenset[int] = frozenset()
    range: tuple[float, float] | None = None

    def holds(self, parent: Parameter, value: Any) -> bool:
        """True if the entry exists at a parsed value of the parent."""
        if self.range is None:
            return parent.level_of(value) in self.levels
        return self.range[0] <= parent.to_unit(value) <= self.range[1]

    def runs(self, parent: Parameter) -> list[tuple[int, int]]:
        """The levels of a discrete parent at which the entry exists, as pairs of the first and the last of a run."""
        if self.range is None:
            return [(level, level) for level in self.levels]
        first, last = (parent.level_of_unit(place) for place in self.range)
        # The bounds are borders of the cells of two levels.
        first += parent.unit_of_level(first) < self.range[0]
        return [(first, last - (parent.unit_of_level(last) > self.range[1]))]


class Space(Mapping[str, Parameter]):
    """A search space: a mapping from names to parameters, each a `Real`, `Integer`, `Ordinal` or `Categorical`.

    A config is a dict from name to value. A parameter may have a condition, otherwise it always exists. With
    ``when=(name, value)`` or ``when=(name, {values})`` it exists only if the named parameter has one of the values.
    With ``when=(name, jbo.between(low, high))`` it exists only if the named parameter lies between the bounds. A
    parameter that does not exist is absent from the config.

    Args:
      parameters: Parameters by name, for names that are not Python identifiers.
      *simplexes: Shares that sum to 1, see `Simplex`. A simplex may also be given among the parameters, under any name;
        that name is ignored.
      constraint: A function of a config that returns True if the config is allowed. None: every config is allowed. A
        study calls it with Python values. `jbo.minimize`, and strategies without a study, trace it like the objective.
        No suggestion violates it. Study files do not store it.
      **named: Parameters by name.

    Raises:
      ValueError: A definition is invalid; the message begins with the name of the parameter.

    Example:
      >>> space = Space(optimizer=Categorical("sgd", "adam"), momentum=Real(0.0, 0.99, when=("optimizer", "sgd")))
      >>> space.encode({"optimizer": "sgd", "momentum": 0.99})
      array([0.25, 1.  ])
      >>> space.decode(np.array([0.75, 0.5]))
      {'optimizer': 'adam'}
    """

    def __init__(
        self,
        parameters: Mapping[str, Any] | Any = None,
        /,
        *simplexes: Simplex,
        constraint: Any = None,
        **named: Any,
    ):
        if isinstance(parameters, Simplex):
            parameters, simplexes = None, (parameters, *simplexes)
        for simplex in simplexes:
            if not isinstance(simplex, Simplex):
                raise ValueError(f"expected a jbo.Simplex or a dict from names to parameters, got {simplex!r}")
        if parameters is not None and not isinstance(parameters, Mapping):
            raise ValueError(
                f"expected a dict from names to parameters, such as {_WHAT_A_SPACE_IS}, got {parameters!r}"
            )
        parameters = dict(parameters or {})
        if isinstance(constraint, Parameter | Constant | Simplex):  # a parameter of that name
            named["constraint"], constraint = constraint, None
        if constraint is not None and not callable(constraint):
            raise ValueError(f"constraint: expected a function of a config, got {constraint!r}")
        self.constraint = constraint
        """Function that returns True for allowed configs; None: every config is allowed."""
        self._list: Candidates | None = None
        twice = parameters.keys() & named.keys()
        if twice:
            raise ValueError(f"expected each name once, got twice: {listing(sorted(twice))}")
        entries: dict[str, Parameter | Constant] = {}
        listed = [*parameters.items(), *(("", simplex) for simplex in simplexes), *named.items()]
        for name, entry in [each for pair in listed for each in _expanded(*pair)]:
            if name in entries:
                raise ValueError(f"expected each name once, got twice: {name}")
            if not isinstance(name, str) or not name:
                raise ValueError(f"expected a name, got {name!r}")
            if not isinstance(entry, Parameter | Constant):
                raise ValueError(f"{name}: expected Real, Integer, Ordinal or Categorical, got {entry!r}{_hint(entry)}")
            entries[name] = entry
        if not entries:
            raise ValueError(f"expected at least one parameter, got none; write {_WHAT_A_SPACE_IS}")
        self._entries = entries
        self._parameters = {name: entry for name, entry in entries.items() if isinstance(entry, Parameter)}
        for name, entry in entries.items():
            with _named(name):
                _definition(entry).check()
                _definition(entry).check_condition()
        for name in entries:
            self._check_shares(name)
        # Conditions on the parent by name, only for entries with a condition.
        self._conditions = {name: self._check_condition(name) for name in list(entries) if self._parent(name)}
        self._order = self._parents_first()

    @staticmethod
    def from_domain(domain: Any) -> "Space":
        """The space described by a GPyOpt domain, a list of dicts.

        Each dict has a ``name`` (default ``var_i``), a ``type`` (default ``continuous``) and a ``domain``. The domain
        is ``(low, high)`` for ``continuous`` and ``integer``, numbers for ``discrete``, choices for ``categorical``,
        and points for ``bandit``. A bandit must be the only dict. ``dimensionality=k`` makes parameters ``name_1`` to
        ``name_k``; for a bandit it is the number of coordinates of a point. In addition to GPyOpt, ``log=True`` gives a
        continuous or integer parameter a logarithmic scale.

        Args:
          domain: One dict for each parameter.

        Raises:
          ValueError: A dict does not describe a parameter; the message begins with its name.

        Example:
          >>> Space.from_domain([{"name": "rate", "domain": (1e-5, 1e-1), "log": True}])
          Space(rate=Real(1e-05, 0.1, log=True))
        """
        return Space(parameters_of(domain))

    @staticmethod
    def from_candidates(
        rows: Any,
        space: "Space | Any" = None,
        constraint: Callable[[dict[str, Any]], Any] | None = None,
        *,
        names: Sequence[str] | None = None,
    ) -> "Space":
        """A space that is a finite list of configs: every suggestion is a config of the list, and none comes twice.

        The model sees the parameters of the configs, so a result at one candidate also informs it about similar ones.
        Equal rows, and rows at the same point of the unit cube, count as one candidate, the first of them.

        Args:
          rows: Configs, each a dict from name to value; or a table of two axes with one row for each candidate.
          space: Definitions of the parameters, such as ``Real(1e-5, 1e-1, log=True)``, and their conditions. None:
            numbers become a `Real` or an `Integer` from the minimum to the maximum, texts and bools a `Categorical`. A
            column with the same value in all rows becomes a fixed value.
          constraint: A function of a config, called once with the Python values of each row. Rows for which it does not
            return True are never suggested. Study files do not store it. None: the constraint of ``space``.
          names: Names of the columns of a table; None: the names of ``space``.

        Raises:
          ValueError: The list has no rows, or the constraint allows none of them. Or a row has other names than the
            first row, does not fit the space, or contains a number that is not finite. The message names the row.

        Example:
          >>> space = Space.from_candidates([{"x": 1.0, "kind": "a"}, {"x": 3.0, "kind": "b"}, {"x": 2.5, "kind": "a"}])
          >>> space["x"], space.num_configs
          (Real(1.0, 3.0), 3)
          >>> space.decode(np.array([0.8, 0.25]))
          {'x': 2.5, 'kind': 'a'}
        """
        if space is not None:
            check_space(space)
        given = as_rows(rows, names, None if space is None else [*space.names, *space.constants])
        if space is None:
            parameters, constants = inferred(given)
            space = Space(parameters).fix(constants)
        elif hasattr(rows, "dtype"):
            given = [space._row_of_table(row) for row in given]
        return space._limited_to(given, space.constraint if constraint is None else constraint)

    @property
    def candidates(self) -> tuple[dict[str, Any], ...] | None:
        """The configs of a list of candidates, each once, in their order; None if the space is not a list."""
        return None if self._list is None else tuple(map(dict, self._list.configs))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the searched parameters, in the order of the columns."""
        return tuple(self._parameters)

    @property
    def constants(self) -> dict[str, Any]:
        """Values of the fixed parameters, by name."""
        return {name: entry.value for name, entry in self._entries.items() if isinstance(entry, Constant)}

    def __getitem__(self, name: str) -> Parameter:
        return self._parameters[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)

    def __eq__(self, other: object) -> bool:
        """Same names in the same order with the same definitions and the same constraint: points mean the same."""
        if not isinstance(other, Space):
            return NotImplemented
        return self.constraint == other.constraint and self._text == other._text

    def __hash__(self) -> int:
        return hash((self.constraint, self._text))

    @cached_property
    def _text(self) -> str:
        return canonical(self.to_json())

    def __repr__(self) -> str:
        constraint = [] if self.constraint is None else [f"constraint={self.constraint!r}"]
        shown = {}
        for name, entry in self._entries.items():
            if not isinstance(entry, Share):
                shown[name] = _shown(entry)
            elif name == entry.of[0]:  # a simplex once, under its first name
                shown[name] = repr(entry.simplex)
        if self._list is not None:
            constraint.append(f"candidates={len(self._list.configs)}")
        if all(name.isidentifier() for name in shown):
            return f"Space({', '.join([f'{name}={text}' for name, text in shown.items()] + constraint)})"
        entries = ", ".join(f"{name!r}: {text}" for name, text in shown.items())
        return f"Space({', '.join([f'{{{entries}}}', *constraint])})"

    def _repr_html_(self) -> str:
        facts: dict[str, Any] = {"parameters": len(self._entries)}
        if self._list is not None:
            facts["candidates"] = len(self._list.configs)
        if self.constraint is not None:
            facts["constraint"] = getattr(self.constraint, "__name__", type(self.constraint).__name__)
        parameters = {name: _definition(entry) for name, entry in self._entries.items()}
        return of_parameters("Space", facts, parameters, self.constants)

    # Between configs and the unit cube.

    def validate(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The config in plain Python values, in the order of the space, including the fixed values.

        Args:
          config: A dict from the name of each parameter to its value. NumPy scalars are accepted;
            fixed values may be left out.

        Raises:
          ValueError: A name is unknown, missing or inactive. Or a value has the wrong type or is out of bounds. Or the
            space is a list, and the config is not a candidate.
        """
        unknown = [name for name in config if name not in self._entries]
        if unknown:
            raise self._unknown(unknown[0])
        values: dict[str, Any] = {}
        for name in self._order:
            entry = self._entries[name]
            if name in self._conditions and not self._exists(name, values):
                if name in config:
                    raise ValueError(
                        f"{name}: expected to be absent {self._reason(name, values)}, got {config[name]!r}"
                    )
                continue
            try:  # not `_named`, which would take most of the time of a long list
                if name in config:
                    values[name] = _definition(entry).parse(config[name])
                elif isinstance(entry, Parameter):
                    raise ValueError(f"expected a value of {_shown(entry)}, got none")
                if isinstance(entry, Constant):
                    if not _is_same(values.setdefault(name, entry.value), entry.value):
                        raise ValueError(f"expected the fixed value {entry.value!r}, got {config[name]!r}")
                    values[name] = entry.value
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        for names in self._simplexes:
            if names[0] in values:
                check_sum(names, [values[name] for name in names])
        config = {name: values[name] for name in self._entries if name in values}
        return config if self._list is None else self._candidate(config)

    def complete(self, config: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
        """The config with defaults for its missing parameters, as far as these are active.

        Args:
          config: A dict from names to values. Names that are not in the space stay.
          defaults: A dict from names to values.

        Raises:
          ValueError: A value has the wrong type or is out of bounds, or the name of a default is not in the space.
        """
        for name, value in defaults.items():
            if name not in self._entries:
                raise self._unknown(name)
            with _named(name):
                _definition(self._entries[name]).parse(value)
        given, values = dict(config), dict[str, Any]()
        for name in self._order:
            if not self._exists(name, values):
                continue
            if name not in given and name in defaults:
                given[name] = defaults[name]
            entry = self._entries[name]
            if isinstance(entry, Constant):
                values[name] = entry.value
            elif name in given:
                with _named(name):
                    values[name] = entry.parse(given[name])
        return given

    def encode(self, config: Mapping[str, Any]) -> Float[np.ndarray, " d"]:
        """The point of the unit cube that represents a config, float64; inactive columns are 1/2.

        Args:
          config: A dict from the name of each active parameter to its value, without other names.

        Raises:
          ValueError: As in `validate`.
        """
        return self.encode_valid(self.validate(config))

    def encode_valid(self, config: Mapping[str, Any]) -> Float[np.ndarray, " d"]:
        """The point that `encode` gives, without checking the config again.

        Args:
          config: A result of `validate`.
        """
        values = self._with_exact_shares(config)
        x = [p.to_unit(values[name]) if name in values else 0.5 for name, p in self._parameters.items()]
        return np.array(x, dtype=np.float64)

    def is_allowed(self, config: Mapping[str, Any]) -> bool:
        """True if the constraint of the space allows a config.

        Args:
          config: A dict from the name of each active parameter to its value, without other names.

        Raises:
          ValueError: As in `validate`; or the constraint raised an error or returned no bool.
        """
        config = self.validate(config)
        return self.constraint is None or is_allowed(self.constraint, config)

    def fixed_columns(self, values: Mapping[str, Any]) -> Float[np.ndarray, " d"]:
        """Coordinates of the given parameters in the unit cube, NaN for all other columns; float64.

        Args:
          values: A dict from names to values, for some of the searched parameters.

        Raises:
          ValueError: A name is unknown or fixed, or a value has the wrong type or is out of bounds.
        """
        fixed = dict.fromkeys(self._parameters, math.nan)
        parsed = {}
        for name, value in values.items():
            if name not in fixed:
                raise self._unknown(name, self.names, "a name that is not searched")
            with _named(name):
                parsed[name] = self._parameters[name].parse(value)
        self._check_whole(parsed)
        for name, value in self._with_exact_shares(parsed).items():
            fixed[name] = self._parameters[name].to_unit(value)
        allowed = [] if self._list is None else itertools.compress(self._list.configs, self._list.is_allowed)
        if self._list is not None and not any(_agrees(config, parsed) for config in allowed):
            raise ValueError(f"expected the values of one of the candidates, got {dict(values)}")
        return np.array(list(fixed.values()), dtype=np.float64)

    def free_reals(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of the parameters without levels that may still vary once some values are given.

        Args:
          values: As in `fixed_columns`.
        """

        def may_exist(name: str) -> bool:
            parent = self._parent(name)
            if parent is None:
                return True
            if parent in values:
                return self._exists(name, {parent: self._parameters[parent].parse(values[parent])})
            return may_exist(parent)

        if self._list is not None:
            return ()
        return tuple(
            name for name, p in self._parameters.items() if p.num_levels == 0 and name not in values and may_exist(name)
        )

    def decode(self, x: Float[np.ndarray, " d"] | Float[Array, " d"]) -> dict[str, Any]:
        """The config at a point of the unit cube, in plain Python values; inactive parameters are absent.

        Args:
          x: A point, snapped or not. Coordinates outside ``[0, 1]`` are clipped.

        Raises:
          ValueError: The shape is wrong, or a coordinate is NaN.
        """
        point = np.asarray(x, dtype=np.float64)
        if point.shape != (len(self),) or np.isnan(point).any():
            raise ValueError(f"expected a point of {len(self)} numbers, got {point!r}")
        if self._list is not None:
            return dict(self._list.configs[self._list.nearest(self.encoding, np.clip(point, 0, 1))])
        return self.config_at(np.clip(point, 0, 1).tolist())

    def config_at(self, units: list) -> dict[str, Any]:
        """The config at a point of the unit cube, as in `decode`, without checking the point.

        Args:
          units: A float in ``[0, 1]`` for each searched parameter, in the order of the space.
        """
        of_name = dict(zip(self._parameters, units, strict=True))
        values: dict[str, Any] = {}
        for name in self._order:
            entry = self._entries[name]
            if self._exists(name, values):
                values[name] = entry.value if isinstance(entry, Constant) else entry.from_unit(of_name[name])
        for names in self._simplexes:
            if names[0] in values and names[0] in of_name:
                amounts = [-math.log1p(-min(of_name[name], 1 - 2.0**-53)) for name in names]
                values |= dict(zip(names, as_shares(amounts), strict=True))
        return {name: values[name] for name in self._entries if name in values}

    def decode_traced(self, x: Float[Array, " d"]) -> dict[str, Array]:
        """The config at a point, as JAX scalars, for traced code; `is_active` tells which parameters are active.

        Integers, and ordinals of integers, are int32. Reals and other ordinals of numbers have the type of ``x``.
        Categories and ordinals of strings are an int32 index. Inactive parameters have the value at their centre.

        Args:
          x: A point, snapped or not.

        Raises:
          ValueError: An integer does not fit in int32.
        """
        x = jnp.asarray(x)
        x = snap(self.encoding, x)
        levels = level(self.encoding, x)
        x = shares(self.encoding, x) if self.encoding.simplexes else x
        columns = {name: j for j, name in enumerate(self._parameters)}
        values = {}
        for name, entry in self._entries.items():
            with _named(name):
                if isinstance(entry, Constant):
                    values[name] = _traced_constant(entry, x.dtype)
                else:
                    values[name] = entry.traced(x[columns[name]], levels[columns[name]])
        return values

    def encode_traced(self, config: Mapping[str, Any]) -> Float[Array, " d"]:
        """Encode a config of JAX scalars as a point, in traced code; the inverse of `decode_traced`.

        Args:
          config: A dict from the name of each parameter to a scalar. Fixed parameters may be left out.

        Raises:
          ValueError: The config lacks a parameter that is not fixed.
        """
        missing = [name for name in self._parameters if name not in config]
        if missing:
            raise ValueError(f"{missing[0]}: expected a value, got none; a traced config holds every name")
        floats = [jnp.result_type(v) for v in config.values() if jnp.issubdtype(jnp.result_type(v), jnp.floating)]
        dtype = floats[0] if floats else jnp.zeros(()).dtype
        x = [p.traced_unit(jnp.asarray(config[name]), dtype) for name, p in self._parameters.items()]
        return snap(self.encoding, jnp.stack(x))

    @cached_property
    def encoding(self) -> Encoding:
        """The structure of the columns, the only part of a space that the numerical core uses."""
        index = {name: j for j, name in enumerate(self._parameters)}
        columns, log_range = [], np.zeros((len(self), 2))
        for j, (name, parameter) in enumerate(self._parameters.items()):
            column = Column(
                parameter.kind, parameter.num_levels, period=parameter.period_in_cube, monotone=parameter.sign
            )
            if parameter.parent is not None:
                where = self._conditions[name]
                levels = tuple(sorted(where.levels))
                column = column._replace(parent=index[parameter.parent], parent_levels=levels, parent_range=where.range)
            if isinstance(parameter, Share):
                column = column._replace(simplex=min(index[other] for other in parameter.of))
            if isinstance(parameter, Integer):
                log_range[j] = parameter.log_range
            columns.append(column)
        # A list contains only allowed candidates, so the encoding needs no constraint.
        traced = None if self.constraint is None or self._list is not None else Traced(self, self.constraint)
        allowed = None if self._list is None else self._list.allowed
        encoding = Encoding(log_range, tuple(columns), traced, candidates=allowed)
        # Not a field, so that it is not part of the pytree: programs depend only on the structure.
        encoding.__dict__["_space"] = self
        return encoding

    # Smaller spaces, and all of a discrete one.

    def fix(self, values: Mapping[str, Any] | None = None, /, **named: Any) -> "Space":
        """The space with some parameters fixed to constants.

        A fixed parameter has no column. Its value appears in decoded configs and may be left out of configs to encode.
        Parameters whose condition the fixed values rule out are removed. Parameters whose condition they meet no longer
        depend on them.

        Args:
          values: A dict from names to values, for names that are not Python identifiers.
          **named: Values of parameters whose names are Python identifiers.

        Raises:
          ValueError: A name is unknown, a value is invalid, or a fixed parameter can never be active.

        Example:
          >>> space = Space(optimizer=Categorical("sgd", "adam"), momentum=Real(0.0, 0.99, when=("optimizer", "sgd")))
          >>> space.fix(optimizer="adam").names
          ()
        """
        fixed = dict(values or {}) | named
        self._check_whole(fixed)
        entries = dict(self._entries)
        for name, value in fixed.items():
            if name not in entries:
                raise ValueError(f"{name}: expected one of {listing(list(entries))}, got an unknown name")
            with _named(name):
                definition = _definition(entries[name])
                value = definition.parse(value)
                old = entries[name]
                if isinstance(old, Constant) and not _is_same(old.value, value):
                    raise ValueError(f"expected the fixed value {old.value!r}, got {value!r}")
                entries[name] = Constant(definition, value)
        for names in self._simplexes:
            if names[0] in fixed:
                check_sum(names, [cast(Constant, entries[name]).value for name in names])
        for name in self._order:
            parent = self._parent(name)
            parent_entry = None if parent is None else entries.get(parent)
            if parent is None or isinstance(parent_entry, Parameter):
                continue
            if parent_entry is None or not self._exists(name, {parent: parent_entry.value}):
                if name in fixed:
                    raise ValueError(f"{name}: cannot be fixed, because it never exists with the other fixed values")
                del entries[name]
            else:
                entries[name] = _with_condition(entries[name], _definition(parent_entry).when)
        space = Space(entries, constraint=self.constraint)
        if self._list is None:
            return space
        rows = [config for config in self._list.configs if _agrees(config, fixed) and fixed.keys() <= config.keys()]
        if not rows:
            raise ValueError(f"expected the values of one of the candidates, got {fixed}")
        return space._limited_to(rows, self.constraint)

    def replace(self, parameters: Mapping[str, Parameter]) -> "Space":
        """The space with new definitions of some parameters, in the same order.

        Args:
          parameters: A dict from the name of each changed parameter to its new definition.

        Raises:
          ValueError: A name is not a searched parameter.
        """
        for name in parameters:
            if name not in self._parameters:
                raise self._unknown(name, self.names, "a name that is not searched")
        space = Space(self._entries | dict(parameters), constraint=self.constraint)
        return space if self._list is None else space._limited_to(self._list.configs, self.constraint)

    @property
    def num_configs(self) -> int | float:
        """Number of distinct configs; `math.inf` if a parameter is real and the space is not a list."""
        if self._list is not None:
            return len(self._list.configs)
        if any(p.num_levels == 0 for p in self._parameters.values()):
            return math.inf
        children = {name: [c for c, p in self._parameters.items() if p.parent == name] for name in self._parameters}

        def count(name: str) -> int:
            parameter = self._parameters[name]
            runs = {child: self._conditions[child].runs(parameter) for child in children[name]}
            # Between two of these levels the same children exist.
            edges = {0, parameter.num_levels} | {e for run in runs.values() for a, b in run for e in (a, b + 1)}
            starts = sorted(edges)
            return sum(
                (end - start)
                * math.prod(count(child) for child, run in runs.items() if any(a <= start <= b for a, b in run))
                for start, end in zip(starts, starts[1:], strict=False)
            )

        return math.prod(count(name) for name, p in self._parameters.items() if p.parent is None)

    def configs(self) -> Iterator[dict[str, Any]]:
        """An iterator over all distinct configs. The first parameter varies slowest; a list keeps its order.

        Raises:
          ValueError: A parameter is real, and the space is not a list.
        """
        if self._list is not None:
            return map(dict, self._list.configs)
        reals = [name for name, p in self._parameters.items() if p.num_levels == 0]
        if reals:
            raise ValueError(f"{reals[0]}: expected a discrete parameter, got {self[reals[0]]!r}")

        def extend(values: dict[str, Any], position: int) -> Iterator[dict[str, Any]]:
            if position == len(self._order):
                yield {name: values[name] for name in self._entries if name in values}
                return
            name = self._order[position]
            if not self._exists(name, values):
                yield from extend(values, position + 1)
                return
            entry = self._entries[name]
            if isinstance(entry, Constant):
                yield from extend(values | {name: entry.value}, position + 1)
                return
            for k in range(entry.num_levels):
                yield from extend(values | {name: entry.value_at(k)}, position + 1)

        return extend({}, 0)

    # Files.

    def to_json(self) -> dict[str, Any]:
        """The space as plain JSON, without the constraint; `from_json` is the inverse."""
        parameters = {"parameters": [{"name": name} | _entry_to_json(entry) for name, entry in self._entries.items()]}
        if self._list is None:
            return parameters
        rows = [as_json([config.get(name) for name in self._parameters]) for config in self._list.configs]
        return parameters | {"candidates": rows}

    @cached_property
    def json_text(self) -> str:
        """The result of `to_json` as text, as stored in a study file."""
        return json.dumps(self.to_json())

    @staticmethod
    def from_json(definition: Any) -> "Space":
        """The space whose `to_json` is ``definition``. No code in the definition is executed.

        Raises:
          ValueError: The definition is not the JSON of a space.

        Example:
          >>> Space.from_json({"parameters": [{"name": "rate", "type": "real", "low": 1e-5, "high": 0.1, "log": True}]})
          Space(rate=Real(1e-05, 0.1, log=True))
        """
        listed = definition.get("parameters") if isinstance(definition, Mapping) else None
        if isinstance(definition, Mapping) and listed is None and isinstance(definition.get("candidates"), list):
            return Space.from_candidates(definition["candidates"])
        if not isinstance(listed, list) or not all(isinstance(arguments, Mapping) for arguments in listed):
            raise ValueError(f'expected {{"parameters": [{{"name": …, "type": …}}, …]}}, got {definition!r}')
        rows = definition.get("candidates")
        if rows is not None and not isinstance(rows, list):
            raise ValueError(f"candidates: expected a list of rows, got {rows!r}")
        entries: dict[str, Parameter | Constant] = {}
        for arguments in map(dict, listed):
            name = arguments.pop("name", None)
            if not isinstance(name, str) or name in entries:
                raise ValueError(f"name: expected a string, each name once, got {name!r}")
            with _named(name):
                try:
                    is_constant, value = "value" in arguments, arguments.pop("value", None)
                    parameter = from_json(arguments)
                    entries[name] = Constant(parameter, parameter.parse(value)) if is_constant else parameter
                except (KeyError, TypeError, OverflowError) as error:
                    raise ValueError(f"expected the JSON of a parameter, got {arguments!r}") from error
        if rows is None:
            return Space(entries)
        space = Space(entries)
        return space._limited_to([space._row_from_json(i, row) for i, row in enumerate(rows)], None)

    def _row_from_json(self, i: int, row: Any) -> dict[str, Any]:
        """The config of a row, which is a list of values in the order of the names; inactive names are left out."""
        if isinstance(row, Mapping):
            return dict(row)
        if not isinstance(row, list) or len(row) != len(self._parameters):
            raise ValueError(f"candidates: row {i}: expected {len(self._parameters)} values, got {row!r}")
        given, values = dict(zip(self._parameters, row, strict=True)), dict[str, Any]()
        if not self._conditions:
            return given
        with _named(f"candidates: row {i}"):
            for name in self._order:
                entry = self._entries[name]
                if self._exists(name, values):
                    values[name] = entry.value if isinstance(entry, Constant) else entry.parse(given[name])
        return values

    # A list of candidates.

    def _row_of_table(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row of a table as a config: integral floats may become integers, and NaN means an inactive parameter."""
        config = {}
        for name, value in row.items():
            entry = self._entries.get(name)
            is_whole = type(value) is float and value.is_integer()
            if entry is not None and is_whole and not _takes(_definition(entry), value):
                value = int(value)
            if entry is None or _definition(entry).parent is None or value == value:
                config[name] = value
        return config

    def _limited_to(self, rows: Sequence[Mapping[str, Any]], constraint: Any) -> "Space":
        """The space limited to a list of configs."""
        space = Space(self._entries, constraint=constraint)
        configs = []
        for i, row in enumerate(rows):
            try:
                configs.append(space.validate(row))
            except ValueError as error:
                raise ValueError(f"row {i}: {error}") from None
        points = np.array([space.encode_valid(config) for config in configs]).reshape(len(configs), len(space))
        allowed = (constraint is None or is_allowed(constraint, config) for config in configs)
        space._list = list_of(configs, points, allowed)
        return space

    def _candidate(self, config: dict[str, Any]) -> dict[str, Any]:
        """The candidate that is equal to a config; `ValueError` with the nearest candidate if there is none."""
        assert self._list is not None
        x = self.encode_valid(config)
        found = self._list.find(x)
        if found is None:
            nearest = self._list.nearest(self.encoding, x)
            raise ValueError(
                f"expected one of the {len(self._list.configs)} candidates, got {config}; nearest is "
                f"{self._list.configs[nearest]}, row {self._list.numbers[nearest]}"
            )
        return dict(self._list.configs[found])

    def config_to_json(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """A config as plain JSON, with tuples as lists, exact floats and the fixed values.

        Raises:
          ValueError: As in `validate`.
        """
        return {name: as_json(value) for name, value in self.validate(config).items()}

    def config_from_json(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """The inverse of `config_to_json`.

        Raises:
          ValueError: As in `validate`.
        """
        return self.validate(config)

    def describe_difference(
        self, other: "Space", here: str = "in this space", there: str = "in the other"
    ) -> str | None:
        """The first difference between two spaces in words; None if they are equal.

        Args:
          other: The other space.
          here: Words for this space.
          there: Words for the other space.
        """
        for name, entry in self._entries.items():
            if name not in other._entries:
                return f"{name}: {_shown(entry)} {here}, absent {there}"
            theirs = other._entries[name]
            if canonical(_entry_to_json(entry)) != canonical(_entry_to_json(theirs)):
                return f"{name}: {_shown(entry)} {here}, {_shown(theirs)} {there}"
        for name, entry in other._entries.items():
            if name not in self._entries:
                return f"{name}: absent {here}, {_shown(entry)} {there}"
        for j, (ours, theirs) in enumerate(zip(self._entries, other._entries, strict=True)):
            if ours != theirs:
                return f"the order of the parameters: number {j + 1} is {ours} {here}, {theirs} {there}"
        return difference_of_lists(self._list, other._list, here, there)

    def _unknown(self, name: Any, known: Sequence[str] | None = None, what: str = "an unknown name") -> ValueError:
        known = list(self._entries) if known is None else known
        close = get_close_matches(str(name), known, 1)
        nearest = f"; nearest is {close[0]!r}" if close and close[0] != name else ""
        return ValueError(f"{name}: expected one of {listing(known)}, got {what}{nearest}")

    # Shares.

    @cached_property
    def _simplexes(self) -> list:
        """The names of each simplex, including fixed ones."""
        shares = (_definition(entry) for entry in self._entries.values())
        return list(dict.fromkeys(share.of for share in shares if isinstance(share, Share)))

    def _check_shares(self, name: str) -> None:
        share = _definition(self._entries[name])
        if not isinstance(share, Share):
            return
        others = [self._entries.get(other) for other in share.of]
        same = [other for other in others if other is not None and _definition(other) == share]
        if name not in share.of or len(same) < len(others):
            raise ValueError(f"{name}: expected all of {', '.join(share.of)} as shares, write jbo.{share.simplex!r}")
        if len({isinstance(other, Constant) for other in others}) > 1:
            raise ValueError(f"{name}: expected all of {', '.join(share.of)} to be fixed, or none of them")

    def _check_whole(self, values: Mapping[str, Any]) -> None:
        """Raise `ValueError` if some but not all shares of a simplex are given."""
        for names in self._simplexes:
            given = [name for name in names if name in values]
            if given and len(given) < len(names):
                raise ValueError(
                    f"{given[0]}: expected all of {', '.join(names)} to be given, or none of them, got "
                    f"{', '.join(given)}; shares are searched together"
                )

    def _with_exact_shares(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values, with shares that sum to 1 exactly."""
        values = dict(values)
        for names in self._simplexes:
            if names[0] in values:
                exact = as_shares([values[name] for name in names])
                check_sum(names, [values[name] for name in names])
                values |= dict(zip(names, exact, strict=True))
        return values

    # Conditions.

    def _parent(self, name: str) -> str | None:
        return _definition(self._entries[name]).parent

    def _exists(self, name: str, values: Mapping[str, Any]) -> bool:
        """True if the condition of a name holds, given the values of all earlier names in `_order`."""
        parent = self._parent(name)
        if parent is None:
            return True
        return parent in values and self._conditions[name].holds(self._parameters[parent], values[parent])

    def _reason(self, name: str, values: Mapping[str, Any]) -> str:
        parent = self._parent(name)
        return f"since {parent} is {values[parent]!r}" if parent and parent in values else f"since {parent} is absent"

    def _check_condition(self, name: str) -> _Where:
        definition = _definition(self._entries[name])
        parent = definition.parent
        if parent is None or parent not in self._parameters:
            raise ValueError(f"{name}: when: expected one of {listing(self.names)}, got {parent!r}")
        of = self._parameters[parent]
        assert definition.when is not None
        wanted = definition.when[1]
        if of.num_levels == 0 and not isinstance(wanted, Between):
            raise ValueError(
                f"{name}: when: expected a parameter with distinct values, got {parent!r}, which is a Real; of its "
                f"numbers expected jbo.between(low, high), got {wanted!r}"
            )
        with _named(f"{name}: depends on {parent!r}"):
            if isinstance(wanted, Between):
                return _Where(range=of.span(wanted))
            values = definition.parent_values
            if isinstance(wanted, tuple) and not _takes(of, wanted):  # not a choice, so several values
                values = [wanted] if not wanted else list(wanted)
                self._entries[name] = _with_condition(self._entries[name], (parent, values))
                if name in self._parameters:
                    self._parameters[name] = _definition(self._entries[name])
                _definition(self._entries[name]).check_condition()
            return _Where(frozenset(of.level_of(of.parse(v)) for v in values))

    def _parents_first(self) -> tuple[str, ...]:
        """All names in order, except that each name comes after its parent."""
        order: dict[str, None] = {}
        for name in self._entries:
            chain = [name]
            while (parent := self._parent(chain[-1])) is not None and parent not in order:
                if parent in chain:
                    raise ValueError(f"{name}: depends on itself: {' -> '.join([*chain, parent])}")
                chain.append(parent)
            order |= dict.fromkeys(reversed(chain))
        return tuple(order)


def is_active(space: Space, x: Float[Array, "*b d"] | Float[np.ndarray, "*b d"]) -> Bool[Array, "*b d"]:
    """True for active parameters: their condition holds, and so do the conditions of all parameters they depend on.

    Args:
      space: The space of the points.
      x: Points of the unit cube, snapped or not, with columns in the order of ``space.names``.
    """
    return _is_active(space.encoding, x)


def row_of(space: Space, config: Any) -> Any:
    """The row number of a candidate in the argument of `Space.from_candidates`, for a table of known results.

    Args:
      space: A list of candidates.
      config: A config of Python values, as in an objective of `Study`. Or a config of JAX scalars, as in an objective
        of `jbo.minimize`; or points of the unit cube, such as ``run.x``. With JAX values the nearest candidate is used.

    Returns:
      The row number, from 0; the first one of equal rows. An int for Python values, otherwise an int32 for each point.

    Raises:
      ValueError: The space is not a list, or the config of Python values is not one of its candidates.

    Example:
      >>> import jax
      >>> import jbo
      >>> space = jbo.Space.from_candidates([{"x": 0.1}, {"x": 0.9}, {"x": 0.4}])
      >>> losses = jnp.array([3.0, 2.0, 1.0])
      >>> run = jbo.minimize(
      ...     jax.random.key(0), lambda c: losses[jbo.row_of(space, c)], jbo.random_search(space), num_steps=3
      ... )
      >>> float(run.best_y[-1]), sorted(jbo.row_of(space, run.x).tolist())
      (1.0, [0, 1, 2])
    """
    if space._list is None:
        raise ValueError(f"space: expected a list of candidates, made by jbo.Space.from_candidates, got {space!r}")
    if isinstance(config, Mapping) and not any(isinstance(value, Array) for value in config.values()):
        found = space._list.find(space.encode(config))
        assert found is not None
        return int(space._list.numbers[found])
    x = space.encode_traced(config) if isinstance(config, Mapping) else jnp.asarray(config)
    return jnp.asarray(space._list.numbers)[nearest_rows(space.encoding, space._list.points, x)]


def space_of(encoding: Encoding) -> Space | None:
    """The space of an encoding; None for a copy of the encoding, which JAX makes of an argument of `jax.jit`.

    Args:
      encoding: The ``encoding`` of a space or of a strategy.
    """
    return encoding.__dict__.get("_space")


def _definition(entry: Parameter | Constant) -> Parameter:
    return entry.parameter if isinstance(entry, Constant) else entry


def _with_condition(entry: Parameter | Constant, when: Condition | None) -> Parameter | Constant:
    parameter = _definition(entry).with_condition(when)
    return Constant(parameter, entry.value) if isinstance(entry, Constant) else parameter


def _takes(parameter: Parameter, value: Any) -> bool:
    try:
        parameter.parse(value)
    except ValueError:
        return False
    return True


def _agrees(config: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """True if a config has the values, as far as their names exist in it."""
    return all(name not in config or _is_same(config[name], value) for name, value in values.items())


def _is_same(value: Any, other: Any) -> bool:
    return canonical(value) == canonical(other) or is_same_number(value, other)


_WHAT_A_SPACE_IS = 'jbo.Space(x=jbo.Real(0, 1), optimizer=jbo.Categorical("sgd", "adam")), with named parameters'


def check_space(space: Any) -> Space:
    """The argument, if it is a space; otherwise an error that says how to make one.

    Args:
      space: The user's argument.

    Raises:
      TypeError: The argument is not a space.
    """
    if isinstance(space, Space):
        return space
    hint = ""
    if isinstance(space, Mapping) and all(isinstance(name, str) for name in space):
        written = [f"{name!r}: {_suggested(entry)}" for name, entry in list(space.items())[:4]]
        hint = f"; write jbo.Space({{{', '.join(written)}{', …' if len(space) > 4 else ''}}})" if written else ""
    elif isinstance(space, list | tuple) and space and all(isinstance(entry, Mapping) for entry in space):
        hint = "; for GPyOpt's list of dicts write jbo.Space.from_domain(domain)"
    elif isinstance(space, type):
        hint = "; make one"
    raise TypeError(f"space: expected {_WHAT_A_SPACE_IS}, got {space!r} of type {type(space).__name__}{hint}")


_SUM_TOLERANCE = 1e-6
"""Maximum difference from 1 of the sum of a user's shares, enough for float32 rounding."""


def check_sum(names: tuple[str, ...], values: list[float]) -> None:
    """Raise `ValueError` if shares do not sum to 1.

    Args:
      names: Names of the shares.
      values: The shares.
    """
    total = math.fsum(values)
    if abs(total - 1) > _SUM_TOLERANCE:
        raise ValueError(f"{', '.join(names)}: expected shares that sum to 1, got sum {total:.10g}")


def _expanded(name: str, entry: Any) -> Iterator[tuple[str, Any]]:
    """A parameter with its name, or the shares of a simplex with their names."""
    if isinstance(entry, Simplex):
        yield from entry.shares.items()
    else:
        yield name, entry


def _hint(entry: Any) -> str:
    suggested = _suggested(entry)
    return "" if suggested == "…" else f"; write {suggested}"


def _suggested(entry: Any) -> str:
    """The parameter that a user may have meant, as code."""
    if isinstance(entry, Parameter):
        return repr(entry)
    if isinstance(entry, range) and len(entry) > 1 and entry.step > 0:
        step = f", step={entry.step}" if entry.step != 1 else ""
        return f"jbo.Integer({entry[0]}, {entry[-1]}{step})"
    values = list(entry) if isinstance(entry, tuple | list) else []
    if isinstance(entry, tuple) and len(values) == 2 and all(type(v) in (int, float) for v in values):
        return f"jbo.Real({values[0]}, {values[1]})"
    if values and all(type(v) in (int, float, str, bool) for v in values[:6]):
        return f"jbo.Categorical({', '.join(map(repr, values[:6]))}{', …' if len(values) > 6 else ''})"
    return "…"


def _shown(entry: Parameter | Constant) -> str:
    return f"{entry.parameter!r} fixed at {entry.value!r}" if isinstance(entry, Constant) else repr(entry)


def _entry_to_json(entry: Parameter | Constant) -> dict[str, Any]:
    value = {"value": as_json(entry.value)} if isinstance(entry, Constant) else {}
    return _definition(entry).to_json() | value


def _traced_constant(entry: Constant, dtype: jnp.dtype) -> Array:
    if entry.parameter.num_levels == 0:
        return jnp.asarray(entry.value, dtype)
    level_of_value = jnp.asarray(entry.parameter.level_of(entry.value), jnp.int32)
    return entry.parameter.traced(jnp.asarray(0.5, dtype), level_of_value)


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Context manager that prepends a name to the message of a `ValueError`."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
