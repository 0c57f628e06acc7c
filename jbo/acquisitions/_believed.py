"""An acquisition function beside a belief where the best point lies, which fades as results come in."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jbo.acquisitions._acquisition import Acquisition, Around
from jbo.belief import Belief
from jbo.checks import checked
from jbo.pytrees import pytree
from jbo.surrogates import Posterior
from jbo.types import Dataset


@pytree
@dataclass(frozen=True)
class Believed(Around):
    r"""An acquisition function times a power of a density that fades, :math:`\alpha(x)\,\pi(x)^{\beta/n}`.

    With :math:`n` results. Of an acquisition that may be negative (a logarithm, a confidence bound) the exponential is
    meant, which has its maxima where it has them: :math:`\alpha(x) + \tfrac{\beta}{n} \log \pi(x)`.

    References:
      Hvarfner et al., piBO: Augmenting Acquisition Functions with User Beliefs for Bayesian Optimization, 2022, eq. 6.
    """

    acquisition: Acquisition
    belief: Belief
    weight: float | Float[Array, ""]
    """The number of results at which the belief counts as it stands."""

    @property
    def is_of_values(self) -> bool:
        """False: beside a density the exponential of a bound is meant, so its values count as logarithms."""
        return False

    @checked
    def prepare(self, key: Key[Array, ""], posterior: Posterior, data: Dataset) -> tuple[Any, Float[Array, ""]]:
        """What the acquisition prepares, and the exponent of the density.

        Args:
          key: As in `Acquisition.prepare`.
          posterior: As in `Acquisition.prepare`.
          data: As in `Acquisition.prepare`; pending trials count as results.
        """
        count = jnp.maximum(jnp.sum(data.is_valid), 1).astype(data.y.dtype)
        return self.acquisition.prepare(key, posterior, data), jnp.asarray(self.weight, data.y.dtype) / count

    @checked
    def value(self, aux: tuple[Any, Float[Array, ""]], posterior: Posterior, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Worth of the point ``x``; higher is better.

        Args:
          aux: From `prepare`.
          posterior: The model.
          x: A point of the unit cube.
        """
        inner, exponent = aux
        value, log_power = self.acquisition.value(inner, posterior, x), exponent * self.belief.log_density(x)
        return value * jnp.exp(log_power) if self.is_positive else value + log_power
