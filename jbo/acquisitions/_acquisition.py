"""Acquisition functions as objects: the formulas bound to a posterior, their numbers as leaves."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, cast, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jbo.acquisitions import formulas
from jbo.checks import checked, number
from jbo.pytrees import pytree
from jbo.region import Region
from jbo.surrogates import Posterior, mean_of
from jbo.types import Dataset


@runtime_checkable
class Acquisition(Protocol):
    """What to ask next: a frozen dataclass registered as a pytree, numbers as leaves."""

    def prepare(self, key: Key[Array, ""], posterior: Posterior, data: Dataset) -> Any:
        """What is the same for all points of one suggestion, computed once.

        Args:
          key: For acquisitions that draw samples.
          posterior: The model, pending trials among its data.
          data: What the posterior knows: finished observations, and pending trials at their mean.
        """
        ...

    def value(self, aux: Any, posterior: Posterior, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Worth of the point ``x``; higher is better.

        Args:
          aux: From `prepare`.
          posterior: The model.
          x: A point of the unit cube.
        """
        ...


@runtime_checkable
class OverRegion(Protocol):
    """An acquisition that looks at points of its own choice, and so has to know where they may be."""

    def bind(self, region: Region) -> Acquisition:
        """The same acquisition over a region."""
        ...


class Around:
    """Base class of an acquisition that wraps another acquisition and keeps the kind of its values.

    The kind is what `is_positive`, `is_logarithm` and `is_of_values` say. Strategies ask the wrapper, and the wrapper
    asks the inner acquisition, so no wrapper can lose the kind. A subclass defines ``value``.
    """

    acquisition: Any
    """The inner acquisition."""

    @property
    def is_positive(self) -> bool:
        """As in the inner acquisition."""
        return is_positive(self.acquisition)

    @property
    def is_logarithm(self) -> bool:
        """As in the inner acquisition."""
        return is_logarithm(self.acquisition)

    @property
    def is_of_values(self) -> bool:
        """As in the inner acquisition."""
        return is_of_values(self.acquisition)

    def prepare(self, key: Key[Array, ""], posterior: Posterior, data: Dataset) -> Any:
        """What the inner acquisition prepares."""
        return self.acquisition.prepare(key, posterior, data)


@runtime_checkable
class Choice(Protocol):
    """An acquisition whose values are those of one of several acquisitions, which may be of different kinds."""

    members: tuple[Acquisition, ...]


def is_logarithm(acquisition: Any) -> bool:
    """True if the values of an acquisition are logarithms.

    Args:
      acquisition: What to ask next.
    """
    return bool(getattr(acquisition, "is_logarithm", False))


def is_positive(acquisition: Any) -> bool:
    """True if no value of an acquisition is negative.

    Args:
      acquisition: What to ask next.
    """
    return bool(getattr(acquisition, "is_positive", False))


def is_of_values(acquisition: Any) -> bool:
    """True if the values of an acquisition are those of the objective, with their sign turned.

    Args:
      acquisition: What to ask next.
    """
    return bool(getattr(acquisition, "is_of_values", False))


def draws_a_set(acquisition: Any) -> bool:
    """True if an acquisition, or one inside of it, samples a function: that is one of a single hyperparameter sample.

    Args:
      acquisition: What to ask next.
    """
    if getattr(acquisition, "draws_a_set", False):
        return True
    return any(draws_a_set(part) for parts in _inner(acquisition).values() for part in parts)


def with_parts(acquisition: Any, function: Callable[[Acquisition], Acquisition]) -> Any:
    """A copy of an acquisition in which each acquisition in its fields is replaced by a function of it.

    Args:
      acquisition: A dataclass. If no field holds an acquisition, it is returned as it is.
      function: From an inner acquisition to the acquisition that takes its place.
    """
    changed: dict[str, Any] = {}
    for name, parts in _inner(acquisition).items():
        new = tuple(function(part) for part in parts)
        changed[name] = new if isinstance(getattr(acquisition, name), tuple) else new[0]
    return dataclasses.replace(acquisition, **changed) if changed else acquisition


def _inner(acquisition: Any) -> dict[str, tuple[Acquisition, ...]]:
    """The acquisitions in the fields of a dataclass, by the name of the field."""
    if not dataclasses.is_dataclass(acquisition):
        return {}
    values = {f.name: getattr(acquisition, f.name) for f in dataclasses.fields(acquisition)}
    tuples = {name: value if isinstance(value, tuple) else (value,) for name, value in values.items()}
    return {name: v for name, v in tuples.items() if v and all(isinstance(part, Acquisition) for part in v)}


def each(acquisition: Any, function: Callable[[Any], Any]) -> Any:
    """A function of an acquisition; of each member if it is a choice, since the members may be of different kinds.

    A wrapper of a choice (`Around`) becomes a choice of wrappers first.

    Args:
      acquisition: What to ask next.
      function: Gives another acquisition.
    """
    if isinstance(acquisition, Around):
        inner = each(acquisition.acquisition, lambda one: dataclasses.replace(cast(Any, acquisition), acquisition=one))
        if isinstance(inner, Choice):
            acquisition = inner
    if isinstance(acquisition, Choice):
        members = tuple(each(member, function) for member in acquisition.members)
        return dataclasses.replace(cast(Any, acquisition), members=members)
    return function(acquisition)


def bound(acquisition: Acquisition, region: Region) -> Acquisition:
    """The acquisition over a region, itself and those inside of it, as far as they have to know of one.

    Args:
      acquisition: What to ask next.
      region: Where the points may be.
    """
    acquisition = with_parts(acquisition, lambda part: bound(part, region))
    return acquisition.bind(region) if isinstance(acquisition, OverRegion) else acquisition


def incumbent(posterior: Posterior, data: Dataset) -> Float[Array, ""]:
    """The least posterior mean over the observed rows; unlike the least observation it is not a lucky one.

    Args:
      posterior: The model.
      data: Finished observations.

    Returns:
      A scalar; 0, the mean of standardised values, where nothing was observed.
    """
    mean = mean_of(posterior, data.x) if data.mean is None else data.mean
    best = jnp.min(jnp.where(data.is_valid, mean, jnp.inf))
    return jnp.where(jnp.any(data.is_valid), best, 0).astype(mean.dtype)


def log_worth(acquisition: Acquisition, value: Float[Array, ""]) -> Float[Array, ""]:
    """Logarithm of an acquisition's value, made positive first where it may be of either sign.

    Args:
      acquisition: Its values are logarithms where it has ``is_logarithm``, positive where it has ``is_positive``, else
        of either sign.
      value: One of them.

    References:
      González et al., Batch Bayesian Optimization via Local Penalization, 2016: the logarithm of 1 and the
      exponential makes values of either sign positive.
    """
    if is_logarithm(acquisition):
        return value
    if is_positive(acquisition):
        return jnp.log(jnp.maximum(value, jnp.finfo(value.dtype).tiny))
    is_low = value < -30  # where it is its own logarithm
    return jnp.where(is_low, value, jnp.log(jax.nn.softplus(jnp.where(is_low, 0, value)))).astype(value.dtype)


_IMPROVEMENTS = {
    "expected": formulas.expected_improvement,
    "log_expected": formulas.log_expected_improvement,
    "probability": formulas.probability_of_improvement,
    "log_probability": formulas.log_probability_of_improvement,
}


@pytree
@dataclass(frozen=True)
class Improvement:
    """An acquisition of the distance to the incumbent."""

    margin: float | Float[Array, ""]
    """How much better than the incumbent counts as an improvement, in deviations of the objective."""
    formula: str = field(metadata={"static": True})
    is_of_mean: bool = field(metadata={"static": True})
    """True where the posterior mean after an observation has to improve, False where the function has to."""

    @property
    def is_positive(self) -> bool:
        """True where no value is negative, so that a belief can multiply it; False for logarithms."""
        return not self.is_logarithm

    @property
    def is_logarithm(self) -> bool:
        """True where values are logarithms: a mean over several models is one of exponentials."""
        return self.formula.startswith("log_")

    @checked
    def prepare(
        self, key: Key[Array, ""], posterior: Posterior, data: Dataset
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """The value to improve on, and the variance of the noise that counts."""
        best = incumbent(posterior, data)
        noise = posterior.noise_variance() if self.is_of_mean else jnp.zeros((), best.dtype)
        return best - jnp.asarray(self.margin, best.dtype), noise

    @checked
    def value(
        self, aux: tuple[Float[Array, ""], Float[Array, ""]], posterior: Posterior, x: Float[Array, " d"]
    ) -> Float[Array, ""]:
        """Worth of the point ``x``; higher is better."""
        mean, variance = posterior.predict(x[None, :])
        best, noise = aux
        return _IMPROVEMENTS[self.formula](mean[0], formulas.deviation_of_mean(variance[0], noise), best)


@pytree
@dataclass(frozen=True)
class ConfidenceBound:
    """How good a point may be: the confidence bound on its better side."""

    is_of_values: ClassVar[bool] = True
    """Values are those of the objective, with their sign turned."""

    weight: float | Float[Array, ""]
    """Deviations away from the mean."""

    @checked
    def prepare(self, key: Key[Array, ""], posterior: Posterior, data: Dataset) -> None:
        """Nothing: a bound needs no incumbent."""

    @checked
    def value(self, aux: None, posterior: Posterior, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Worth of the point ``x``: its lower confidence bound with the sign turned, so that higher is better."""
        mean, variance = posterior.predict(x[None, :])
        weight = jnp.asarray(self.weight, mean.dtype)
        return -formulas.lower_confidence_bound(mean[0], jnp.sqrt(variance[0]), weight)


# The factories multiply by 1.0 so that a whole number is the same kind of leaf as any other: it compiles nothing new.


def expected_improvement(margin: float | Float[Array, ""] = 0.0) -> Improvement:
    """Expected improvement (EI). Its logarithm has the same maximum and is easier to climb.

    Args:
      margin: What counts as an improvement, in deviations of the objective; more explores more.
    """
    return Improvement(number("margin", margin), "expected", False)


def log_expected_improvement(margin: float | Float[Array, ""] = 0.0) -> Improvement:
    """Logarithm of expected improvement (LogEI).

    Args:
      margin: What counts as an improvement, in deviations of the objective; more explores more.
    """
    return Improvement(number("margin", margin), "log_expected", False)


def log_expected_quantile_improvement(margin: float | Float[Array, ""] = 0.0) -> Improvement:
    """Logarithm of the expected improvement of the posterior mean by an observation (EQI at level 1/2).

    It knows that an observation is noisy: where noise hides the function it gains little, and the same point again
    gains ever less. Without noise it is `log_expected_improvement`.

    Args:
      margin: What counts as an improvement, in deviations of the objective; more explores more.

    References:
      Picheny, Ginsbourger, Richet and Caplin, Quantile-Based Optimization of Noisy Computer Experiments with Tunable
      Precision, 2013.
    """
    return Improvement(number("margin", margin), "log_expected", True)


def probability_of_improvement(margin: float | Float[Array, ""] = 0.01) -> Improvement:
    """Probability of improvement (PI, GPyOpt's MPI).

    Args:
      margin: What counts as an improvement, in deviations of the objective; with 0 it hardly explores.
    """
    return Improvement(number("margin", margin), "probability", False)


def log_probability_of_improvement(margin: float | Float[Array, ""] = 0.01) -> Improvement:
    """Logarithm of the probability of improvement.

    Args:
      margin: What counts as an improvement, in deviations of the objective; with 0 it hardly explores.
    """
    return Improvement(number("margin", margin), "log_probability", False)


def confidence_bound(weight: float | Float[Array, ""] = 2.0) -> ConfidenceBound:
    """Confidence bound on the better side: the upper one (UCB) of what is maximised, the lower one (LCB) below `Study`.

    The default of `jbo.bayesian`.

    Args:
      weight: Deviations away from the mean, at least 0; more explores more.
    """
    return ConfidenceBound(number("weight", weight))
