"""Protocols of surrogate models and posteriors, as strategies and acquisition functions use them."""

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from jbo.encoding import Encoding
from jbo.types import Dataset


class FitInfo(NamedTuple):
    """Diagnostics of a fit; no later step needs them."""

    log_posterior: Float[Array, ""]
    """Log marginal likelihood plus log prior density (without its constant) of the best start, in nats."""
    num_evaluations: Int[Array, ""]
    """Number of evaluations of the marginal likelihood, over all starts."""
    is_finite: Bool[Array, ""]
    """False if no start had a finite marginal likelihood; the parameters are then the first start."""


@runtime_checkable
class Posterior(Protocol):
    """The posterior of a model, as acquisitions use it."""

    def noise_variance(self) -> Float[Array, ""]:
        """Variance of the observation noise, in the units of `predict`; 0 for a model without noise."""
        ...

    def predict(self, x: Float[Array, "m d"]) -> tuple[Float[Array, " m"], Float[Array, " m"]]:
        """Mean and variance of the function, lower is better."""
        ...


@runtime_checkable
class ManySets(Posterior, Protocol):
    """A posterior over several hyperparameter samples, whose predictions are averaged as a mixture."""

    @property
    def num_sets(self) -> int:
        """Number of hyperparameter samples."""
        ...

    def sets(self) -> Any:
        """The posteriors of the single hyperparameter samples, with a leading axis for `jax.vmap`."""
        ...


@runtime_checkable
class JointPosterior(Posterior, Protocol):
    """A posterior with joint distributions, for acquisitions that use several points at once."""

    def covariance(self, x1: Float[Array, "m d"], x2: Float[Array, "k d"]) -> Float[Array, "m k"]:
        """Covariance of the function at each pair of points."""
        ...

    def paths(self, key: Key[Array, ""], num_paths: int) -> Callable[[Float[Array, "m d"]], Float[Array, "p m"]]:
        """Samples of the function: a pytree, a callable from points to the values of each sample."""
        ...


@runtime_checkable
class Surrogate(Protocol):
    """A model of the objective: a frozen dataclass that is registered as a pytree, with numbers as leaves.

    The first axis of each fitted parameter runs over hyperparameter samples. Predictions and acquisitions are averaged
    over the samples.
    """

    is_smooth: ClassVar[bool]
    """True if predictions have a gradient with respect to the inputs, for maximising an acquisition."""
    uses_start: ClassVar[bool]
    """True if fitting benefits from a warm start. `fit` then takes a further argument, see `fit_near`."""

    def bind(self, encoding: Encoding) -> "Surrogate":
        """The surrogate, bound to the columns of a space."""
        ...

    def init(self, num_columns: int, dtype: jnp.dtype) -> Any:
        """Starting parameters of a cold fit."""
        ...

    def fit(self, key: Key[Array, ""], data: Dataset, start: Any) -> tuple[Any, FitInfo]:
        """Parameters fitted to standardised observations, and diagnostics of the fit."""
        ...

    def condition(self, params: Any, data: Dataset) -> Posterior:
        """The posterior given parameters and observations."""
        ...

    def predict(self, posterior: Any, x: Float[Array, "m d"]) -> tuple[Float[Array, " m"], Float[Array, " m"]]:
        """Mean and variance of the function at points of the cube."""
        ...


def fit_near(
    surrogate: Surrogate, key: Key[Array, ""], data: Dataset, start: Any, is_near: Bool[Array, ""]
) -> tuple[Any, FitInfo]:
    """The result of `Surrogate.fit`. A surrogate that uses warm starts is told whether ``start`` is one.

    Args:
      surrogate: The model.
      key: As in `Surrogate.fit`.
      data: As in `Surrogate.fit`.
      start: As in `Surrogate.fit`.
      is_near: True for a warm start: ``start`` is from an earlier fit to nearly the same data. It is then the only
        start.
    """
    if not surrogate.uses_start:
        return surrogate.fit(key, data, start)
    with_start: Any = surrogate
    return with_start.fit(key, data, start, is_near)
