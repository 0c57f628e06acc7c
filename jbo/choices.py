"""Values of a config as exact JSON text: the text is what tells two of them apart and what a file holds."""

import json
import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np


def item(value: Any) -> Any:
    """A NumPy or JAX scalar as the Python number it holds; anything else as it is."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray | jax.Array) and value.ndim == 0):
        return value.item()
    return value


def plain(value: Any) -> Any:
    """A choice with its lists as tuples; `ValueError` if it has no exact JSON text."""
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
    """The one JSON text of a value: two values are the same if their texts are."""
    return json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":"))


def as_json(value: Any) -> Any:
    """A value as JSON gives it back: its tuples as lists."""
    return [as_json(v) for v in value] if isinstance(value, list | tuple) else value


def listing(values: Sequence) -> str:
    """Values for an error message, cut short where there are many."""
    shown = ", ".join(map(repr, values[:12]))
    return f"{shown}, … ({len(values)} in all)" if len(values) > 12 else shown
