"""What a model of the objective is to a strategy and to an acquisition function."""

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from jbo.encoding import Encoding
from jbo.types import Dataset


class FitInfo(NamedTuple):
    """How a fit went; nothing here is needed to go on."""

    log_posterior: Float[Array, ""]
    """Log marginal likelihood plus log prior density (without its constant) of the best start, in nats."""
    num_evaluations: Int[Array, ""]
    """Evaluations of the marginal likelihood, those of all starts."""
    is_finite: Bool[Array, ""]
    """False if no start had a finite marginal likelihood; the parameters are then those of the first start."""


@runtime_checkable
class Posterior(Protocol):
    """What an acquisition needs of a model."""

    def noise_variance(self) -> Float[Array, ""]:
        """Variance of an observation around the function, in the units of `predict`; 0 for a model without noise."""
        ...

    def predict(self, x: Float[Array, "m d"]) -> tuple[Float[Array, " m"], Float[Array, " m"]]:
        """Mean and variance of the function, lower is better."""
        ...


@runtime_checkable
class ManySets(Posterior, Protocol):
    """A posterior over several sets of hyperparameters, whose predictions are their mixture."""

    @property
    def num_sets(self) -> int:
        """Number of hyperparameter sets."""
        ...

    def sets(self) -> Any:
        """The posteriors of the sets alone, with a leading axis: for `jax.vmap`."""
        ...


@runtime_checkable
class JointPosterior(Posterior, Protocol):
    """What those acquisitions need in addition that look at several points at once."""

    def covariance(self, x1: Float[Array, "m d"], x2: Float[Array, "k d"]) -> Float[Array, "m k"]:
        """Covariance of the function at each pair of points."""
        ...

    def paths(self, key: Key[Array, ""], num_paths: int) -> Callable[[Float[Array, "m d"]], Float[Array, "p m"]]:
        """Draws of the function: from points to the value of each draw at each of them; a pytree."""
        ...


@runtime_checkable
class Surrogate(Protocol):
    """A model of the objective: a frozen dataclass registered as a pytree, numbers as leaves.

    Parameters carry a leading axis of hyperparameter sets, over which a posterior averages.
    """

    is_smooth: ClassVar[bool]
    """True where predictions have a gradient in the inputs that an acquisition can be climbed by."""
    uses_start: ClassVar[bool]
    """True where a fit is the cheaper the nearer its start is: then `fit` takes a further argument, see `fit_near`."""

    def bind(self, encoding: Encoding) -> "Surrogate":
        """The same surrogate over the columns of a space."""
        ...

    def init(self, num_columns: int, dtype: jnp.dtype) -> Any:
        """Where a fit begins without anything better."""
        ...

    def fit(self, key: Key[Array, ""], data: Dataset, start: Any) -> tuple[Any, FitInfo]:
        """Parameters given standardised observations, and how the fit went."""
        ...

    def condition(self, params: Any, data: Dataset) -> Posterior:
        """What the model believes given parameters and observations."""
        ...

    def predict(self, posterior: Any, x: Float[Array, "m d"]) -> tuple[Float[Array, " m"], Float[Array, " m"]]:
        """Mean and variance of the function at points of the cube."""
        ...


def fit_near(
    surrogate: Surrogate, key: Key[Array, ""], data: Dataset, start: Any, is_near: Bool[Array, ""]
) -> tuple[Any, FitInfo]:
    """What `Surrogate.fit` gives; one whose fits use their start is told whether that is near.

    Args:
      surrogate: The model.
      key: As in `Surrogate.fit`.
      data: As in `Surrogate.fit`.
      start: As in `Surrogate.fit`.
      is_near: True if the start is that of an earlier fit to nearly the same data: other starts are then not needed.
    """
    if not surrogate.uses_start:
        return surrogate.fit(key, data, start)
    with_start: Any = surrogate
    return with_start.fit(key, data, start, is_near)
