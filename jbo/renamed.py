"""Public names of the version before: they work for one version more, and warn."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any


def renamed(module: str, names: Mapping[str, tuple[str, Any]]) -> Callable[[str], Any]:
    """A ``__getattr__`` for a module, some of whose names are others now.

    Args:
      module: Its name.
      names: From an old name to the new one, with its module, and to what it stands for.
    """

    def find(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        now, thing = names[name]
        warnings.warn(f"{module}.{name} is {now} now", DeprecationWarning, stacklevel=2)
        return thing

    return find
