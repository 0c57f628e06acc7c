"""Deprecated acquisitions with flags instead of a `Scale`; they work for one more version."""

import dataclasses
import warnings
from dataclasses import dataclass
from typing import Any

from jaxtyping import Array, Float, Key

from jbo.acquisitions._acquisition import Acquisition, Composite, Drawn, OverRegion, Scale
from jbo.pytrees import pytree
from jbo.region import Region
from jbo.surrogates import Posterior
from jbo.types import Dataset


@pytree
@dataclass(frozen=True)
class Flagged(Composite):
    """An acquisition without a scale, which has flags ``is_positive``, ``is_logarithm`` and ``is_of_values`` instead.

    Its parts are the acquisitions in its fields.
    """

    acquisition: Any

    @property
    def scale(self) -> Scale:
        """Scale according to the flags; without flags, a logarithm."""
        for flag, scale in (("is_of_values", Scale.OBJECTIVE), ("is_positive", Scale.GAIN)):
            if getattr(self.acquisition, flag, False):
                return scale
        return Scale.LOGARITHM

    @property
    def parts(self) -> tuple[Acquisition, ...]:
        """The acquisitions in the fields."""
        return tuple(map(_with_scale, (part for inner in _inner(self.acquisition).values() for part in inner)))

    def with_parts(self, parts: tuple[Acquisition, ...]) -> "Flagged":
        """The acquisition with other acquisitions in its fields."""
        changed, rest = {}, list(parts)
        for name, inner in _inner(self.acquisition).items():
            new, rest = tuple(rest[: len(inner)]), rest[len(inner) :]
            changed[name] = new if isinstance(getattr(self.acquisition, name), tuple) else new[0]
        return type(self)(dataclasses.replace(self.acquisition, **changed)) if changed else self

    def bind(self, region: Region) -> "Flagged":
        """The acquisition, bound to a region."""
        inner = self.acquisition
        return type(self)(inner.bind(region)) if isinstance(inner, OverRegion) else self

    def prepare(self, key: Key[Array, ""], posterior: Posterior, data: Dataset) -> Any:
        """As in the acquisition."""
        return self.acquisition.prepare(key, posterior, data)

    def value(self, aux: Any, posterior: Posterior, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Acquisition value at ``x``; higher is better."""
        return self.acquisition.value(aux, posterior, x)


@pytree
@dataclass(frozen=True)
class FlaggedDraw(Flagged, Drawn):
    """A `Flagged` acquisition with the flag ``draws_a_set``."""


def _inner(acquisition: Any) -> dict[str, tuple[Any, ...]]:
    """The acquisitions in the fields of a dataclass, by the name of the field."""
    if not dataclasses.is_dataclass(acquisition):
        return {}
    values = {f.name: getattr(acquisition, f.name) for f in dataclasses.fields(acquisition)}
    tuples = {name: value if isinstance(value, tuple) else (value,) for name, value in values.items()}
    return {name: parts for name, parts in tuples.items() if parts and all(map(_has_methods, parts))}


def _has_methods(given: Any) -> bool:
    return not isinstance(given, type) and all(callable(getattr(given, name, None)) for name in ("prepare", "value"))


def _has_scale(given: Any) -> bool:
    """True for an object with an attribute ``scale`` that is a `Scale`; another field may have this name."""
    return isinstance(getattr(given, "scale", None), Scale)


def _with_scale(given: Any) -> Acquisition:
    if _has_scale(given):
        return given
    return FlaggedDraw(given) if getattr(given, "draws_a_set", False) else Flagged(given)


def as_acquisition(given: Any) -> Acquisition:
    """The user's argument as an acquisition.

    Args:
      given: An acquisition. An acquisition without a ``scale`` is deprecated: it works for one more version, with a
        warning.

    Raises:
      TypeError: The argument has no ``prepare`` or no ``value``.
    """
    if not _has_methods(given):
        raise TypeError(f"acquisition: expected an acquisition such as jbo.log_expected_improvement(), got {given!r}")
    if _has_scale(given):
        return given
    warnings.warn(
        f"acquisition: {type(given).__name__} does not state the scale of its values; give it scale = "
        "jbo.acquisitions.Scale.LOGARITHM, GAIN or OBJECTIVE instead of is_logarithm, is_positive or is_of_values, "
        "which the next version will not support",
        DeprecationWarning,
        stacklevel=3,
    )
    return _with_scale(given)
