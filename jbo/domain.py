"""GPyOpt's format of a search space: a list of dicts with name, type and domain."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from jbo.choices import item, listing
from jbo.parameters import Categorical, Integer, Ordinal, Parameter, Real

_KEYS = ("name", "type", "domain", "dimensionality", "log")


def parameters_of(domain: Any) -> dict[str, Parameter]:
    """The parameters of a domain list by name, in order; see `jbo.Space.from_domain`.

    Args:
      domain: A list with one dict for each parameter.

    Raises:
      ValueError: A dict does not describe a parameter; the message starts with its name.
    """
    if not isinstance(domain, list | tuple) or not domain:
        raise ValueError(f"domain: expected a list of dicts, one for each parameter, got {domain!r}")
    parameters: dict[str, Parameter] = {}
    for i, entry in enumerate(domain):
        if not isinstance(entry, Mapping):
            raise ValueError(f"var_{i}: expected a dict with the keys {listing(_KEYS)}, got {entry!r}")
        name = entry.get("name", f"var_{i}")
        if not isinstance(name, str) or not name:
            raise ValueError(f"var_{i}: expected a name, got {name!r}")
        try:
            expanded = _expanded(name, entry)
            twice = [new for new in expanded if new in parameters]
            if twice:
                raise ValueError(f"expected each name once, got {twice[0]!r} again")
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        parameters |= expanded
    kinds = [entry.get("type") for entry in domain]
    if "bandit" in kinds and set(kinds) != {"bandit"}:
        name, kind = next((n, k) for n, k in zip(parameters, kinds, strict=False) if k != "bandit")
        raise ValueError(f"{name}: a bandit cannot be mixed with other types, got {kind or 'continuous'!r}")
    return parameters


def _expanded(name: str, entry: Mapping[str, Any]) -> dict[str, Parameter]:
    unknown = [key for key in entry if key not in _KEYS]
    if unknown:
        raise ValueError(f"expected the keys {listing(_KEYS)}, got {unknown[0]!r}")
    kind = entry.get("type", "continuous")
    if not isinstance(kind, str) or kind not in _TYPES:
        raise ValueError(f"expected a type among {listing(list(_TYPES))}, got {kind!r}")
    if "domain" not in entry:
        raise ValueError("expected the key 'domain', got none")
    values = entry["domain"]
    if not isinstance(values, list | tuple | range | np.ndarray) or np.ndim(np.asarray(values, object)) == 0:
        raise ValueError(f"expected a tuple as domain, got {values!r}")
    log = entry.get("log", False)
    if not isinstance(log, bool | np.bool_) or (log and kind not in ("continuous", "integer")):
        raise ValueError(
            f"log: expected True or False, and True only for the types 'continuous' and 'integer', got {log!r}"
        )
    size = item(entry.get("dimensionality", 1))
    if type(size) is not int or size < 1:
        raise ValueError(f"dimensionality: expected an integer of at least 1, got {size!r}")
    if kind == "bandit":
        return {name: _bandit(list(values), size if "dimensionality" in entry else None)}
    parameter = _TYPES[kind]([item(value) for value in values], **({"log": True} if log else {}))
    parameter.check()
    return {name: parameter} if size == 1 else {f"{name}_{k + 1}": parameter for k in range(size)}


def _continuous(values: list, log: bool = False) -> Parameter:
    low, high = _bounds(values)
    return Real(low, high, log=log)


def _integer(values: list, log: bool = False) -> Parameter:
    low, high = _bounds(values)
    if type(low) is not int or type(high) is not int:
        raise ValueError(f"expected a domain (low, high) of integers, got {(low, high)!r}")
    return Integer(low, high, log=log)


def _discrete(values: list) -> Parameter:
    return Ordinal(*sorted(map(_number, values)))


def _categorical(values: list) -> Parameter:
    return Categorical(*values)


def _bandit(arms: list, size: int | None) -> Parameter:
    """The arms of a bandit as values: an ordinal of numbers, or a category of tuples."""
    points = [tuple(map(_number, arm if isinstance(arm, list | tuple | np.ndarray) else [arm])) for arm in arms]
    expected = size or (len(points[0]) if points else 1)
    if not all(len(point) == expected > 0 for point in points):
        raise ValueError(f"expected arms of {expected} numbers each, got {listing(arms)}")
    if len(set(points)) < len(points):
        raise ValueError(f"expected each arm once, got {listing(arms)}")
    parameter = Ordinal(*sorted(point[0] for point in points)) if expected == 1 else Categorical(*points)
    parameter.check()
    return parameter


_TYPES: dict[str, Callable[..., Parameter]] = {
    "continuous": _continuous,
    "integer": _integer,
    "discrete": _discrete,
    "categorical": _categorical,
    "bandit": _bandit,
}


def _bounds(values: list) -> tuple[Any, Any]:
    if len(values) != 2:
        raise ValueError(f"expected a domain (low, high), got {tuple(values)!r}; the type 'discrete' takes a list")
    low, high = map(_number, values)
    if low > high:
        raise ValueError(
            f"expected a domain (low, high) with low less than high, got {(low, high)!r}{_hint(low, high)}"
        )
    return low, high


def _number(value: Any) -> Any:
    value = item(value)
    try:
        if type(value) in (int, float) and math.isfinite(value):
            return value
    except OverflowError:  # an int beyond the largest float
        pass
    raise ValueError(f"expected finite numbers in the domain, got {value!r}")


def _hint(low: int | float, high: int | float) -> str:
    """A guess of the intended bounds: a minus sign is easily lost from an exponent."""
    if high >= 1 and all(math.log10(bound).is_integer() for bound in (low, high)):
        return f"; was ({1 / low:g}, {1 / high:g}) meant?"
    return f"; was {(high, low)!r} meant?"
