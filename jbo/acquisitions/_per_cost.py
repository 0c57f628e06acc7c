"""An acquisition function over what an evaluation costs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from jbo.acquisitions._acquisition import Acquisition, Around
from jbo.checks import checked
from jbo.pytrees import pytree
from jbo.surrogates import Posterior


@pytree
@dataclass(frozen=True)
class PerCost(Around):
    r"""An acquisition function per unit of cost, :math:`\alpha(x) / c(x)`; a logarithm less :math:`\log c(x)`.

    References:
      Snoek, Larochelle and Adams, Practical Bayesian Optimization of Machine Learning Algorithms, 2012, section 3.2
      (expected improvement per second).
    """

    acquisition: Acquisition
    """Its values are positive (``is_positive``) or logarithms (``is_logarithm``)."""
    log_cost: Callable[[Float[Array, " d"]], Float[Array, ""]]
    """Natural logarithm of the cost at a point of the cube, a pytree; infinite where there is none: nothing is worth
    that."""

    @checked
    def value(self, aux: Any, posterior: Posterior, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Worth of the point ``x`` per unit of cost; higher is better.

        Args:
          aux: From `prepare`.
          posterior: The model.
          x: A point of the unit cube.
        """
        value, log_cost = self.acquisition.value(aux, posterior, x), self.log_cost(x)
        return value - log_cost if self.is_logarithm else value * jnp.exp(-log_cost)
