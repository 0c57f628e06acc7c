"""How likely a trial is among the good ones: beside a surrogate, for objectives that no smooth function fits."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float, Key

from jbo.acquisitions import LogWeight
from jbo.knowledge import Knowledge
from jbo.maximize import Maximum
from jbo.numerics import softplus
from jbo.pytrees import pytree
from jbo.region import Region
from jbo.strategies import _mixture
from jbo.strategies._parzen import Parzen
from jbo.strategies.weights import Weight
from jbo.types import Trials, is_taken

_MOST_ROWS = 1024
"""Of a table that is larger a point would cost more to value by densities than by the model."""


@pytree
@dataclass(frozen=True)
class Classifier(Weight):
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

    def counts(self, state: Trials) -> bool:
        """False for a table of more than 1,024 rows, which is left to the model."""
        return state.y.shape[0] <= _MOST_ROWS

    def log_weight(self, params: Any, state: Trials, known: Knowledge | None = None) -> LogWeight | None:
        """The logarithm of the power, as a function of a point of the cube.

        Args:
          params: Not used.
          state: The table; pending and failed trials count among the bad ones.
          known: Not used.

        Returns:
          None for a table of more than 1,024 rows, beside which nothing is multiplied.
        """
        if not self.counts(state):
            return None
        share = jnp.asarray(self.parzen.good_fraction, state.x.dtype)
        weight = jnp.asarray(self.weight, state.x.dtype)
        # The uniform part, which comes first in both, is shared out as trials are: it says nothing.
        log_densities = self._log_densities(state, (share, 1 - share))

        def log_power(x: Float[Array, " d"]) -> Float[Array, ""]:
            log_good, log_bad = log_densities(x)
            return -weight * softplus(log_bad - log_good)

        return log_power

    def _log_densities(
        self, state: Trials, shares: tuple[Float[Array, ""] | float, Float[Array, ""] | float]
    ) -> Callable[[Float[Array, " d"]], Float[Array, "2"]]:
        """Logarithms of the good and the bad density, summed over trials, with these shares of the uniform part."""
        prior = jnp.asarray(self.parzen.prior_weight, state.x.dtype)
        densities = [
            density._replace(weight=density.weight.at[0].set(share * prior))
            for density, share in zip(self.parzen.densities(state), shares, strict=True)
        ]
        # Kernels of both at once: the program holds one graph of them.
        both = jax.tree.map(lambda *parts: jnp.concatenate(parts), *densities)
        log_kernels, log_weight = _mixture.log_kernels_at(self.parzen.encoding, both), jnp.log(both.weight)
        return lambda x: logsumexp((log_kernels(x) + log_weight).reshape(2, -1), axis=1)

    def likeliest(
        self, key: Key[Array, ""], state: Trials, region: Region
    ) -> tuple[Float[Array, " d"], Float[Array, ""]]:
        """What `jbo.parzen` asks: of points drawn where good trials are dense the one where bad ones are rarest.

        Unlike `log_weight` it prefers what is far from all trials to what is near bad ones.

        Args:
          key: Draws the points.
          state: The table.
          region: Where the point may be.

        Returns:
          A point, and the logarithm of the ratio of the densities there but for a constant; ``-inf`` if all points that
          were drawn are in the table or not allowed.
        """
        x = self.parzen.draw(key, self.parzen.densities(state)[0], region, state)
        is_good = region.is_allowed(x) & ~jax.vmap(lambda point: jnp.any(is_taken(state, point)))(x)
        log_good, log_bad = jax.vmap(self._log_densities(state, (1.0, 1.0)))(x).T
        value = jnp.where(is_good, log_good - log_bad, -jnp.inf)
        best = jnp.argmax(value)
        return x[best], value[best]


@pytree
@dataclass(frozen=True)
class Doubt:
    """While the acquisition value is very small, every second suggestion comes from the Parzen densities.

    This protects a search from a wrong model, which never returns to a region that it is sure about.
    """

    classifier: Classifier
    """Classifier with the densities of the good and of the bad points."""
    least_improvement: Float[Array, ""] | float
    """Threshold on the weighted expected improvement, in standard deviations of the values."""

    def answer(self, key: Key[Array, ""], found: Maximum, state: Trials, region: Region) -> Float[Array, " d"]:
        """The maximum of the acquisition, or the point with the highest ratio of the densities.

        Args:
          key: Random key of the candidates.
          found: The maximum of the acquisition, on the log scale.
          state: The table.
          region: Region of the point.
        """
        if not self.classifier.counts(state):
            return found.x
        likeliest, ratio = self.classifier.likeliest(key, state, region)
        is_turn = (found.value < jnp.log(self.least_improvement)) & (state.num_trials % 2 == 0)
        return jnp.where(is_turn & (ratio > -jnp.inf), likeliest, found.x)
