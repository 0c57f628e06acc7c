"""Warnings about options that have no effect; none is ignored silently."""

import difflib
import warnings
from collections.abc import Iterable, Mapping
from typing import Any


def without_effect(name: str, value: Any, reason: str, depth: int = 1) -> None:
    """Warn that an option has no effect.

    Args:
      name: Name of the option.
      value: Given value.
      reason: Text for the message that says what happens instead.
      depth: Number of functions of this package between the caller's line and this call.
    """
    warnings.warn(f"{name}={value!r} has no effect: {reason}", UserWarning, stacklevel=depth + 2)


def unknown_options(options: Mapping[str, Any], known: Iterable[str]) -> None:
    """Warn of unknown keywords; GPyOpt ignores them silently, so programs may contain them.

    Args:
      options: The keywords that were given, with their values.
      known: Names of the known keywords.
    """
    names = {name.lower(): name for name in known}
    for name, value in options.items():
        near = difflib.get_close_matches(name.lower(), names, 1)
        meant = f"; was {names[near[0]]} meant?" if near else ""
        without_effect(name, value, f"GPyOpt has no such option and ignores it{meant}", 2)
