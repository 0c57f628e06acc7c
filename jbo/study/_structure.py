"""Conversion of pytree structures to plain values and back: the whitelist of what a cached program may depend on.

The plain values are those of JSON: None, booleans, numbers, strings, lists and dicts. A class or a function becomes its
name. Only classes and functions of jbo itself are allowed.
"""

import dataclasses
import sys
from typing import Any

import jax

from jbo.constraint import OnHost

_OTHERS = ("compat", "diagnostics", "integrations", "plots", "report", "__main__")
"""Parts of jbo that are imported on demand; no default program depends on them."""
_LEAF = "*"


class NotPlain(Exception):
    """Raised for a structure that contains more than code of jbo and plain values."""


def is_core(module: str) -> bool:
    """True for a module that `import jbo` loads.

    Args:
      module: Full name of the module.
    """
    first, *others = module.split(".")
    return first == "jbo" and others[:1] != [] and others[0] not in _OTHERS


def name_of(thing: Any) -> str:
    """The name of a class or function of jbo.

    Args:
      thing: The class or function.

    Raises:
      NotPlain: It is not part of jbo, or its name belongs to another object.
    """
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    if isinstance(module, str) and isinstance(name, str) and is_core(module):
        found: Any = sys.modules.get(module)
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is thing:
            return f"{module}:{name}"
    raise NotPlain(f"{thing!r} is not part of jbo")


def described(structure: Any) -> Any:
    """A structure of arguments or results, as plain values.

    Args:
      structure: A structure from `jax.tree.structure`.

    Raises:
      NotPlain: The structure contains more than code of jbo and plain values.
    """
    data = structure.node_data()
    if data is None:
        return _LEAF
    kind, static = data
    children = [described(child) for child in structure.children()]
    if kind is type(None):
        return None
    if kind in (tuple, list):
        return [kind.__name__, children]
    if kind is dict:
        if all(type(key) is str for key in static):
            return ["dict", children, static]
        raise NotPlain(f"dict with the keys {static!r}")
    return [name_of(kind), children, None if static is None else [_plain(value) for value in static]]


def _plain(value: Any) -> Any:
    """A static value of a pytree, as plain values."""
    kind = type(value)
    if isinstance(value, OnHost):
        raise NotPlain("the program calls a constraint in this process")
    if value is None or kind in (bool, int, float, str):
        return value
    if kind is tuple:
        return ["tuple", *map(_plain, value)]
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return [name_of(kind), *map(_plain, value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [name_of(kind), *(_plain(getattr(value, one.name)) for one in dataclasses.fields(value))]
    return {"name": name_of(value)}


def structure_of(plain: Any) -> Any:
    """The inverse of `described`.

    It supports Python's containers and named tuples. Results of jbo's programs contain nothing else.

    Args:
      plain: Plain values from `described`.

    Raises:
      NotPlain: The values describe another kind of structure.
    """
    return jax.tree.structure(_tree(plain))


def _tree(plain: Any) -> Any:
    if plain is None or plain == _LEAF:
        return plain
    kind, children, *static = plain
    nodes = [_tree(child) for child in children]
    if kind in ("tuple", "list"):
        return tuple(nodes) if kind == "tuple" else nodes
    if kind == "dict":
        return dict(zip(static[0], nodes, strict=True))
    module, _, name = kind.partition(":")
    if not is_core(module):
        raise NotPlain(f"{kind} is not part of jbo")
    cls: Any = sys.modules.get(module)
    for part in name.split("."):
        cls = getattr(cls, part, None)
    if isinstance(cls, type) and issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return cls(*nodes)
    raise NotPlain(f"{kind} is no named tuple")
