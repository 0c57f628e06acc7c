"""How likely a trial is among the good ones: beside a surrogate, for objectives that no smooth function fits."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float

from jbo._pytree import pytree
from jbo.numerics import softplus
from jbo.strategies import _mixture
from jbo.strategies._parzen import Parzen
from jbo.types import Trials

_MOST_ROWS = 1024
"""Of a table that is larger a point would cost more to value by densities than by the model."""


@pytree
@dataclass(frozen=True)
class Classifier:
    r"""What an acquisition is multiplied by: a power of the probability that a trial at a point is a good one.

    Cliffs and plateaus are noise to a Gaussian process. Its mean is flat then, an improvement is as likely everywhere,
    and the deviation decides, which is largest in the corners. Densities :math:`l` and :math:`g` of good and bad trials
    need no smooth function, and the expected improvement is proportional to what they make of a point,
    :math:`p(x) = \gamma l(x) / (\gamma l(x) + (1 - \gamma) g(x))`, with the share :math:`\gamma` of good trials. Far
    from all trials this is :math:`\gamma`. Where the model knows better it has the last word: the logarithm of an
    improvement falls by hundreds of nats where none is expected, that of a probability by a few.

    References:
      Bergstra et al., Algorithms for Hyper-Parameter Optimization, 2011, section 4.1; Tiao et al., BORE: Bayesian
      Optimization by Density-Ratio Estimation, 2021, eq. 7 (the probability as an acquisition).
    """

    parzen: Parzen
    """Whose densities they are."""
    weight: Float[Array, ""] | float
    """The power."""

    def log_factor(self, state: Trials) -> Callable[[Float[Array, " d"]], Float[Array, ""]] | None:
        """The logarithm of what an acquisition is multiplied by, as a function of a point of the cube.

        Args:
          state: The table; pending and failed trials count among the bad ones.

        Returns:
          None for a table of more than 1,024 rows, beside which nothing is multiplied.
        """
        if state.y.shape[0] > _MOST_ROWS:
            return None
        dtype = state.x.dtype
        share = jnp.asarray(self.parzen.good_fraction, dtype)
        prior, weight = (jnp.asarray(number, dtype) for number in (self.parzen.prior_weight, self.weight))
        # The uniform part, which comes first in both, is shared out as trials are: it says nothing.
        densities = [
            density._replace(weight=density.weight.at[0].set(part * prior))
            for density, part in zip(self.parzen.densities(state), (share, 1 - share), strict=True)
        ]
        # Kernels of both at once: the program holds one graph of them.
        both = jax.tree.map(lambda *parts: jnp.concatenate(parts), *densities)
        log_kernels, log_weight = _mixture.log_kernels_at(self.parzen.encoding, both), jnp.log(both.weight)

        def log_factor(x: Float[Array, " d"]) -> Float[Array, ""]:
            log_good, log_bad = logsumexp((log_kernels(x) + log_weight).reshape(2, -1), axis=1)
            return -weight * softplus(log_bad - log_good)

        return log_factor
