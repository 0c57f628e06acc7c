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
    """Scale of the values of an acquisition, which decides how a weight multiplies them; see `weigh`."""

    LOGARITHM = "logarithm"
    """Logarithm of a gain."""
    GAIN = "gain"
    """A gain, at least 0."""
    OBJECTIVE = "objective"
    """A negated value of the objective, such as a negated confidence bound."""
    MIXED = "mixed"
    """Several acquisitions on different scales; `each` treats them one by one."""


@runtime_checkable
class Acquisition(Protocol):
    """An acquisition function: a frozen dataclass registered as a pytree, with numbers as leaves."""

    @property
    def scale(self) -> Scale:
        """Scale of the values."""
        ...

    def prepare(self, key: Key[Array, ""], posterior: Posterior, data: Dataset) -> Any:
        """Quantities that are the same for all points of one suggestion, computed once.

        Args:
          key: Random key of acquisitions that draw samples.
          posterior: The model, given pending trials as well.
          data: The trials that may be the incumbent: finished trials, and pending trials with their posterior means.
            Failed trials are left out.
        """
        ...

    def value(self, aux: Any, posterior: Posterior, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Acquisition value at ``x``; higher is better.

        Args:
          aux: From `prepare`.
          posterior: The model.
          x: A point of the unit cube.
        """
        ...


@runtime_checkable
class OverRegion(Protocol):
    """An acquisition that chooses further points itself, and therefore needs the region of the search."""

    def bind(self, region: Region) -> Acquisition:
        """The acquisition, bound to a region."""
        ...


class Drawn:
    """Base class of an acquisition that samples a function from the posterior.

    The function belongs to a single hyperparameter sample, so `over_sets` does not average it.
    """


class Composite(ABC):
    """Base class of an acquisition that holds others."""

    @property
    @abstractmethod
    def parts(self) -> tuple[Acquisition, ...]:
        """The inner acquisitions."""

    @abstractmethod
    def with_parts(self, parts: tuple[Acquisition, ...]) -> Any:
        """The acquisition with other inner acquisitions.

        Args:
          parts: As many acquisitions as in `parts`, in the same order.
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
        """The wrapper around another inner acquisition."""
        (acquisition,) = parts
        return dataclasses.replace(cast(Any, self), acquisition=acquisition)

    def prepare(self, key: Key[Array, ""], posterior: Posterior, data: Dataset) -> Any:
        """As in the inner acquisition."""
        return self.acquisition.prepare(key, posterior, data)


class Choice(Composite):
    """Base class of an acquisition that picks one of several members, which may have different scales."""

    members: tuple[Acquisition, ...]

    @property
    def scale(self) -> Scale:
        """Common scale of the members, or `Scale.MIXED`."""
        first, *others = {member.scale for member in self.members}
        return Scale.MIXED if others else first

    @property
    def parts(self) -> tuple[Acquisition, ...]:
        """The members."""
        return self.members

    def with_parts(self, parts: tuple[Acquisition, ...]) -> Any:
        """The acquisition with other members."""
        return dataclasses.replace(cast(Any, self), members=parts)


def each(acquisition: Any, function: Callable[[Any], Any]) -> Any:
    """Apply a function to an acquisition, or to each member of a `Choice`, whose members may have different scales.

    A wrapper of a choice (`Around`) first becomes a choice of wrappers.

    Args:
      acquisition: The acquisition.
      function: Function from an acquisition to an acquisition.
    """
    if isinstance(acquisition, Around):
        inner = each(acquisition.acquisition, lambda one: acquisition.with_parts((one,)))
        if isinstance(inner, Choice):
            acquisition = inner
    if isinstance(acquisition, Choice):
        return acquisition.with_parts(tuple(each(member, function) for member in acquisition.members))
    return function(acquisition)


def over_region(acquisition: Acquisition, region: Region) -> Acquisition:
    """The acquisition with a region bound to it and to its inner acquisitions, if they need one.

    Args:
      acquisition: The acquisition.
      region: Region of the points.
    """
    if isinstance(acquisition, Composite):
        acquisition = acquisition.with_parts(tuple(over_region(part, region) for part in acquisition.parts))
    return acquisition.bind(region) if isinstance(acquisition, OverRegion) else acquisition


def incumbent(posterior: Posterior, data: Dataset) -> Float[Array, ""]:
    """Minimum posterior mean over the rows of a data set, which noise biases less than the minimum observation.

    A strategy passes the trials that may be the incumbent. For an acquisition these are the finished and the pending
    trials that meet the limits. Batch rules leave out the pending ones (`jbo.knowledge.Knowledge`).

    Args:
      posterior: The model.
      data: Data set whose valid rows count.

    Returns:
      A scalar. Without valid rows it is 0, the mean of standardised values.
    """
    mean = mean_of(posterior, data.x) if data.mean is None else data.mean
    best = jnp.min(jnp.where(data.is_valid, mean, jnp.inf))
    return jnp.where(jnp.any(data.is_valid), best, 0).astype(mean.dtype)


def log_worth(scale: Scale, value: Float[Array, ""]) -> Float[Array, ""]:
    """Logarithm of an acquisition value, after mapping it to a positive number if it may have either sign.

    Args:
      scale: Scale of the acquisition.
      value: Acquisition value.

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
    """An acquisition that depends on the improvement over the incumbent."""

    margin: float | Float[Array, ""]
    """Minimum improvement over the incumbent, in standard deviations of the objective."""
    formula: str = field(metadata={"static": True})
    is_of_mean: bool = field(metadata={"static": True})
    """True: improvement of the posterior mean after an observation. False: improvement of the function."""

    @property
    def scale(self) -> Scale:
        """A gain, or its logarithm."""
        return Scale.LOGARITHM if self.formula.startswith("log_") else Scale.GAIN

    @checked
    def prepare(
        self, key: Key[Array, ""], posterior: Posterior, data: Dataset
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """The incumbent value minus the margin, and the noise variance (0 unless ``is_of_mean``)."""
        best = incumbent(posterior, data)
        noise = posterior.noise_variance() if self.is_of_mean else jnp.zeros((), best.dtype)
        return best - jnp.asarray(self.margin, best.dtype), noise

    @checked
    def value(
        self, aux: tuple[Float[Array, ""], Float[Array, ""]], posterior: Posterior, x: Float[Array, " d"]
    ) -> Float[Array, ""]:
        """Acquisition value at ``x``; higher is better."""
        mean, variance = posterior.predict(x[None, :])
        best, noise = aux
        return _IMPROVEMENTS[self.formula](mean[0], formulas.deviation_of_mean(variance[0], noise), best)


@pytree
@dataclass(frozen=True)
class ConfidenceBound:
    """The negated lower confidence bound of the objective."""

    scale = Scale.OBJECTIVE

    weight: float | Float[Array, ""]
    """Number of standard deviations below the mean."""

    @checked
    def prepare(self, key: Key[Array, ""], posterior: Posterior, data: Dataset) -> None:
        """None, because a bound needs no incumbent."""

    @checked
    def value(self, aux: None, posterior: Posterior, x: Float[Array, " d"]) -> Float[Array, ""]:
        """The negated lower confidence bound at ``x``, so that higher is better."""
        mean, variance = posterior.predict(x[None, :])
        weight = jnp.asarray(self.weight, mean.dtype)
        return -formulas.lower_confidence_bound(mean[0], jnp.sqrt(variance[0]), weight)


# The factories convert integers to floats, so that all numbers are the same kind of leaf and compile nothing new.


def expected_improvement(margin: float | Float[Array, ""] = 0.0) -> Improvement:
    """Expected improvement (EI). Its logarithm has the same maximum and is easier to maximise.

    Args:
      margin: Minimum improvement, in standard deviations of the objective. A larger margin explores more.
    """
    return Improvement(number("margin", margin), "expected", False)


def log_expected_improvement(margin: float | Float[Array, ""] = 0.0) -> Improvement:
    """Logarithm of expected improvement (LogEI).

    Args:
      margin: Minimum improvement, in standard deviations of the objective. A larger margin explores more.
    """
    return Improvement(number("margin", margin), "log_expected", False)


def log_expected_quantile_improvement(margin: float | Float[Array, ""] = 0.0) -> Improvement:
    """Log expected improvement of the posterior mean after one more observation (EQI at level 1/2).

    It accounts for observation noise: a noisy point gains little, and a repeated point gains less each time. Without
    noise it equals `log_expected_improvement`.

    Args:
      margin: Minimum improvement, in standard deviations of the objective. A larger margin explores more.

    References:
      Picheny, Ginsbourger, Richet and Caplin, Quantile-Based Optimization of Noisy Computer Experiments with Tunable
      Precision, 2013.
    """
    return Improvement(number("margin", margin), "log_expected", True)


def probability_of_improvement(margin: float | Float[Array, ""] = 0.01) -> Improvement:
    """Probability of improvement (PI, GPyOpt's MPI).

    Args:
      margin: Minimum improvement, in standard deviations of the objective. A margin of 0 hardly explores.
    """
    return Improvement(number("margin", margin), "probability", False)


def log_probability_of_improvement(margin: float | Float[Array, ""] = 0.01) -> Improvement:
    """Logarithm of the probability of improvement.

    Args:
      margin: Minimum improvement, in standard deviations of the objective. A margin of 0 hardly explores.
    """
    return Improvement(number("margin", margin), "log_probability", False)


def confidence_bound(weight: float | Float[Array, ""] = 2.0) -> ConfidenceBound:
    """Optimistic confidence bound: the lower bound (LCB) of a minimised objective, the upper (UCB) of a maximised one.

    It is the default of `jbo.bayesian`.

    Args:
      weight: Number of standard deviations from the mean, at least 0. A larger weight explores more.
    """
    return ConfidenceBound(number("weight", weight))
