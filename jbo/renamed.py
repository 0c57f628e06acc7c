"""Deprecated public names, which work for one more version and raise a warning."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any


def renamed(module: str, names: Mapping[str, tuple[str, Any]]) -> Callable[[str], Any]:
    """A ``__getattr__`` for a module with renamed attributes.

    Args:
      module: Name of the module.
      names: For each old name: the new name with its module, and the object.
    """

    def find(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        now, thing = names[name]
        warnings.warn(f"{module}.{name} is {now} now", DeprecationWarning, stacklevel=2)
        return thing

    return find


def renamed_attribute(owner: str, old: str, new: str) -> Any:
    """A property for a class with a renamed field or method.

    Args:
      owner: Name of the class with its module.
      old: The old name.
      new: The new name.
    """

    def find(self: Any) -> Any:
        warnings.warn(f"{owner}.{old} is {owner}.{new} now", DeprecationWarning, stacklevel=2)
        return getattr(self, new)

    find.__doc__ = f"Deprecated name of `{new}`."
    return property(find)
