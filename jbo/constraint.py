"""The known constraint of a space as a function of a snapped point.

The user's function takes a config. In traced code it receives traced scalars, like the objective of `jbo.minimize`. A
study calls it with Python values, like its objective.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jbo.numerics import bits_of, from_bits

Function = Callable[[dict[str, Any]], Any]
"""Function of a config, True if the config is allowed."""


@dataclass(frozen=True)
class Traced:
    """A constraint that is traced into the program."""

    space: Any
    """The `jbo.Space` that decodes points; hashable."""
    function: Function

    def __call__(self, x: Float[Array, " d"]) -> Bool[Array, ""]:
        """True if the point is allowed."""
        value = jnp.asarray(self.function(self.space.decode_traced(x)))
        if value.shape or value.dtype != bool:
            raise ValueError(f"constraint: expected a boolean scalar, got {value.dtype} of shape {value.shape}")
        return value


@dataclass(frozen=True)
class OnHost:
    """A constraint that the program calls by a callback, with Python values; it need not be traceable."""

    space: Any
    """The `jbo.Space` that decodes points; hashable."""
    function: Function

    def __call__(self, x: Float[Array, " d"]) -> Bool[Array, ""]:
        """True if the point is allowed; False if the function raises an error, which `take_error` returns."""
        check = _OfBits(self, str(x.dtype))
        return jax.pure_callback(check, jax.ShapeDtypeStruct((), bool), bits_of(x), vmap_method="expand_dims")

    def take_error(self) -> Exception | None:
        """The first exception of the function since the last call of this method; None if there was none."""
        return _errors.pop(self, None)

    def check(self, points: Float[np.ndarray, "*b d"]) -> Bool[np.ndarray, "*b"]:
        """True for allowed points.

        Args:
          points: Points in float64, which are clipped to the unit cube.
        """
        rows = np.clip(points.reshape(-1, points.shape[-1]), 0, 1).tolist()
        return np.array([self._is_allowed(row) for row in rows], bool).reshape(points.shape[:-1])

    def _is_allowed(self, units: list[float]) -> bool:
        config = self.space.config_at(units)
        try:
            return is_allowed(self.function, config)
        except Exception as error:  # raised through a compiled program, it would lose its type and its traceback
            _errors.setdefault(self, error)
            return False


@dataclass(frozen=True)
class _OfBits:
    """The callback of JAX; equal for equal constraints, so that a program that is traced twice is the same program."""

    constraint: OnHost
    dtype: str

    def __call__(self, bits: Any) -> np.ndarray:
        return self.constraint.check(from_bits(bits, self.dtype).astype(np.float64))


_errors: dict[OnHost, Exception] = {}


def is_allowed(function: Function, config: dict[str, Any]) -> bool:
    """True if a constraint allows a config of Python values.

    Args:
      function: The constraint.
      config: A dict from the name of each active parameter to its value.

    Raises:
      ValueError: The function raised an error, or did not return a truth value. The message contains the config.
    """
    try:
        value = function(dict(config))
    except Exception as error:
        raise ValueError(f"constraint: expected True or False, got {error!r} for {config}") from error
    if not isinstance(value, bool | np.bool_) and not (
        hasattr(value, "dtype") and value.dtype == bool and not value.ndim
    ):
        raise ValueError(f"constraint: expected True or False, got {value!r} for {config}")
    return bool(value)
