"""How likely a trial fails: a model of its own beside that of the values."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jbo.pytrees import pytree
from jbo.surrogates import Posterior, mean_of

_LEAST_SUCCESS = 1e-3
"""What the probability of success is at least: a trial that failed may have been unlucky."""


@pytree
@dataclass(frozen=True)
class Failures:
    r"""What is known of where trials fail.

    The surrogate of the values, conditioned on 1 where trials failed and 0 where they succeeded, has the probability of
    a failure as its mean; 0 is also its mean far from all trials. An acquisition is multiplied by that of a success,
    :math:`1 - p(x)`.

    References:
      Gardner et al., Bayesian Optimization with Inequality Constraints, 2014, eq. 6, with a probability for each
      constraint; here the constraint is seen through its violations only.
    """

    posterior: Posterior
    """Of the function that is 1 where trials fail and 0 where they succeed; any where none failed."""
    has_any: Bool[Array, ""]
    """True if a trial failed."""

    def log_success(self, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Logarithm of the probability that a trial succeeds, from log 0.001 to 0; 0 everywhere if none failed.

        Args:
          x: A point of the unit cube.
        """

        def of_model(x: Float[Array, " d"]) -> Float[Array, ""]:
            mean = mean_of(self.posterior, x[None, :])
            return jnp.log1p(-jnp.clip(mean[0], 0, 1 - _LEAST_SUCCESS)).astype(x.dtype)

        # The zero is made of the point: under a mesh of devices it has to lie where the point does.
        return jax.lax.cond(self.has_any, of_model, lambda x: 0 * x[0], x)
