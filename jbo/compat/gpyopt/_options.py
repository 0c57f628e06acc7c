"""What becomes of an option that has no meaning here: it is told, never ignored."""

import warnings
from typing import Any


def without_effect(name: str, value: Any, reason: str, depth: int = 1) -> None:
    """Warn that an option changes nothing.

    Args:
      name: What the caller wrote.
      value: What was given.
      reason: What happens in its place.
      depth: How many functions of this package stand between the caller's line and this call.
    """
    warnings.warn(f"{name}={value!r} has no effect: {reason}", UserWarning, stacklevel=depth + 2)
