"""Acquisitions written for the flags that `Scale` replaces; they work for one version more."""

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
    """An acquisition without a scale, which its flags ``is_positive``, ``is_logarithm`` and ``is_of_values`` say.

    Its parts are the acquisitions in its fields.
    """

    acquisition: Any

    @property
    def scale(self) -> Scale:
        """What the flags say; without one the values count as logarithms."""
        for flag, scale in (("is_of_values", Scale.OBJECTIVE), ("is_positive", Scale.GAIN)):
            if getattr(self.acquisition, flag, False):
                return scale
        return Scale.LOGARITHM

    @property
    def parts(self) -> tuple[Acquisition, ...]:
        """The acquisitions in its fields."""
        return tuple(map(_with_scale, (part for inner in _inner(self.acquisition).values() for part in inner)))

    def with_parts(self, parts: tuple[Acquisition, ...]) -> "Flagged":
        """The same with other acquisitions in its fields."""
        changed, rest = {}, list(parts)
        for name, inner in _inner(self.acquisition).items():
            new, rest = tuple(rest[: len(inner)]), rest[len(inner) :]
            changed[name] = new if isinstance(getattr(self.acquisition, name), tuple) else new[0]
        return type(self)(dataclasses.replace(self.acquisition, **changed)) if changed else self

    def bind(self, region: Region) -> "Flagged":
        """The same over a region."""
        inner = self.acquisition
        return type(self)(inner.bind(region)) if isinstance(inner, OverRegion) else self

    def prepare(self, key: Key[Array, ""], posterior: Posterior, data: Dataset) -> Any:
        """What the acquisition prepares."""
        return self.acquisition.prepare(key, posterior, data)

    def value(self, aux: Any, posterior: Posterior, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Worth of the point ``x``; higher is better."""
        return self.acquisition.value(aux, posterior, x)


@pytree
@dataclass(frozen=True)
class FlaggedDraw(Flagged, Drawn):
    """The same, with the flag ``draws_a_set``."""


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
    """True if it says the scale of its values; another field may have that name."""
    return isinstance(getattr(given, "scale", None), Scale)


def _with_scale(given: Any) -> Acquisition:
    if _has_scale(given):
        return given
    return FlaggedDraw(given) if getattr(given, "draws_a_set", False) else Flagged(given)


def as_acquisition(given: Any) -> Acquisition:
    """What a user gives as an acquisition.

    Args:
      given: An acquisition; one without a ``scale`` is taken for one version more, with a warning.

    Raises:
      TypeError: It has no ``prepare`` or no ``value``.
    """
    if not _has_methods(given):
        raise TypeError(f"acquisition: expected an acquisition such as jbo.log_expected_improvement(), got {given!r}")
    if _has_scale(given):
        return given
    warnings.warn(
        f"acquisition: {type(given).__name__} says nothing of its values; give it scale = jbo.acquisitions.Scale."
        "LOGARITHM, GAIN or OBJECTIVE in place of is_logarithm, is_positive or is_of_values, which the next version"
        " will not know",
        DeprecationWarning,
        stacklevel=3,
    )
    return _with_scale(given)
