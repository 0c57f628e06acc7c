"""Acquisition functions as objects: the formulas bound to a posterior, their numbers as leaves."""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol, cast, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jbo.acquisitions import formulas
from jbo.checks import checked, number
from jbo.pytrees import pytree
from jbo.region import Region
from jbo.surrogates import Posterior, mean_of
from jbo.types import Dataset


class Scale(Enum):
    """On which scale the values of an acquisition are, so that a weight can act on what they promise; see `weigh`."""

    LOGARITHM = "logarithm"
    """Logarithms of a gain."""
    GAIN = "gain"
    """A gain, never negative: 0 is worth nothing."""
    OBJECTIVE = "objective"
    """Values of the objective with their sign turned, such as those of a confidence bound."""
    MIXED = "mixed"
    """Those of several acquisitions on different scales: `each` looks at them one by one."""


@runtime_checkable
class Acquisition(Protocol):
    """What to ask next: a frozen dataclass registered as a pytree, numbers as leaves."""

    @property
    def scale(self) -> Scale:
        """On which scale the values are."""
        ...

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


class Drawn:
    """Base class of an acquisition that draws a function of the posterior.

    The draw is one of a single hyperparameter set, so `over_sets` does not average it.
    """


class Composite(ABC):
    """Base class of an acquisition that holds others."""

    @property
    @abstractmethod
    def parts(self) -> tuple[Acquisition, ...]:
        """The acquisitions that it holds."""

    @abstractmethod
    def with_parts(self, parts: tuple[Acquisition, ...]) -> Any:
        """The same with other acquisitions in their place.

        Args:
          parts: As many as in `parts`, in their order.
        """


class Around(Composite):
    """Base class of an acquisition that wraps another one and keeps its scale. A subclass defines ``value``."""

    acquisition: Any
    """The inner acquisition."""

    @property
    def scale(self) -> Scale:
        """As in the inner acquisition."""
        return self.acquisition.scale

    @property
    def parts(self) -> tuple[Acquisition, ...]:
        """The inner acquisition."""
        return (self.acquisition,)

    def with_parts(self, parts: tuple[Acquisition, ...]) -> Any:
        """The same around another acquisition."""
        (acquisition,) = parts
        return dataclasses.replace(cast(Any, self), acquisition=acquisition)

    def prepare(self, key: Key[Array, ""], posterior: Posterior, data: Dataset) -> Any:
        """What the inner acquisition prepares."""
        return self.acquisition.prepare(key, posterior, data)


class Choice(Composite):
    """Base class of an acquisition whose values are those of one of several, which may be on different scales."""

    members: tuple[Acquisition, ...]

    @property
    def scale(self) -> Scale:
        """That of all members, or `Scale.MIXED`."""
        first, *others = {member.scale for member in self.members}
        return Scale.MIXED if others else first

    @property
    def parts(self) -> tuple[Acquisition, ...]:
        """The members."""
        return self.members

    def with_parts(self, parts: tuple[Acquisition, ...]) -> Any:
        """The same with other members."""
        return dataclasses.replace(cast(Any, self), members=parts)


def each(acquisition: Any, function: Callable[[Any], Any]) -> Any:
    """A function of an acquisition; of each member if it is a choice, since the members may be on different scales.

    A wrapper of a choice (`Around`) becomes a choice of wrappers first.

    Args:
      acquisition: What to ask next.
      function: Gives another acquisition.
    """
    if isinstance(acquisition, Around):
        inner = each(acquisition.acquisition, lambda one: acquisition.with_parts((one,)))
        if isinstance(inner, Choice):
            acquisition = inner
    if isinstance(acquisition, Choice):
        return acquisition.with_parts(tuple(each(member, function) for member in acquisition.members))
    return function(acquisition)


def over_region(acquisition: Acquisition, region: Region) -> Acquisition:
    """The acquisition over a region, itself and those inside of it, as far as they have to know of one.

    Args:
      acquisition: What to ask next.
      region: Where the points may be.
    """
    if isinstance(acquisition, Composite):
        acquisition = acquisition.with_parts(tuple(over_region(part, region) for part in acquisition.parts))
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


def log_worth(scale: Scale, value: Float[Array, ""]) -> Float[Array, ""]:
    """Logarithm of an acquisition's value, made positive first where it may be of either sign.

    Args:
      scale: That of the acquisition.
      value: One of its values.

    References:
      González et al., Batch Bayesian Optimization via Local Penalization, 2016: the logarithm of 1 and the
      exponential makes values of either sign positive.
    """
    if scale is Scale.LOGARITHM:
        return value
    if scale is Scale.GAIN:
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
    def scale(self) -> Scale:
        """A gain, or its logarithm."""
        return Scale.LOGARITHM if self.formula.startswith("log_") else Scale.GAIN

    @checked
    def prepare(
        self, key: Key[Array, ""], posterior: Posterior, data: Dataset
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """The incumbent value less the margin, and the noise variance: 0 unless the posterior mean has to improve."""
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

    scale = Scale.OBJECTIVE

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
