"""Values of a config as exact JSON text, which identifies a value and is stored in files."""

import json
import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np


def item(value: Any) -> Any:
    """A NumPy or JAX scalar as a Python number; other values unchanged."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray | jax.Array) and value.ndim == 0):
        return value.item()
    return value


def plain(value: Any) -> Any:
    """A choice with lists converted to tuples; `ValueError` if it has no exact JSON text."""
    value = item(value)
    if isinstance(value, list | tuple):
        return tuple(map(plain, value))
    if value is not None and type(value) not in (str, int, float, bool):
        raise ValueError(
            f"a choice must be a string, a number, a boolean, None or a tuple of these, got {value!r} "
            f"of type {type(value).__name__}; give it a name and look the name up in the objective"
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"a choice must be finite, got {value!r}")
    return value


def canonical(value: Any) -> str:
    """The canonical JSON text of a value: two values are equal if their texts are."""
    return json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":"))


def as_json(value: Any) -> Any:
    """A value as JSON returns it, with tuples converted to lists."""
    return [as_json(v) for v in value] if isinstance(value, list | tuple) else value


def listing(values: Sequence) -> str:
    """Values for an error message; at most twelve are shown."""
    shown = ", ".join(map(repr, values[:12]))
    return f"{shown}, … ({len(values)} in all)" if len(values) > 12 else shown
