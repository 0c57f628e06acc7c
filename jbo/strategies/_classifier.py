"""The probability that a trial is good, by Parzen densities: a weight for objectives that are not smooth."""

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
"""Maximum number of rows of the table. With more rows the densities of a point would cost more than the model."""


@pytree
@dataclass(frozen=True)
class Classifier(Weight):
    r"""A weight: a power of the probability that a trial at a point is among the good ones.

    To a Gaussian process, cliffs and plateaus are noise. Its mean is then flat, an improvement is equally likely
    everywhere, and the standard deviation decides, which is largest in the corners. The densities :math:`l` and
    :math:`g` of good and bad trials need no smooth function. They give the probability of a good trial,
    :math:`p(x) = \gamma l(x) / (\gamma l(x) + (1 - \gamma) g(x))`, with the fraction :math:`\gamma` of good trials. The
    expected improvement is proportional to it. Far from all trials it is :math:`\gamma`. If the model is certain, it
    outweighs this factor: log EI falls by hundreds of nats where no improvement is expected, and :math:`\log p` by a
    few.

    References:
      Bergstra et al., Algorithms for Hyper-Parameter Optimization, 2011, section 4.1; Tiao et al., BORE: Bayesian
      Optimization by Density-Ratio Estimation, 2021, eq. 7 (the probability as an acquisition).
    """

    parzen: Parzen
    """Strategy that defines the densities."""
    weight: Float[Array, ""] | float
    """Exponent of the probability."""

    def counts(self, state: Trials) -> bool:
        """False for a table of more than 1,024 rows, for which the classifier is not used."""
        return state.y.shape[0] <= _MOST_ROWS

    def log_weight(self, params: Any, state: Trials, known: Knowledge | None = None) -> LogWeight | None:
        """The logarithm of the weight, as a function of a point of the cube.

        Args:
          params: Not used.
          state: The table; pending and failed trials count as bad.
          known: Not used.

        Returns:
          The function; None for a table of more than 1,024 rows.
        """
        if not self.counts(state):
            return None
        share = jnp.asarray(self.parzen.good_fraction, state.x.dtype)
        weight = jnp.asarray(self.weight, state.x.dtype)
        # The uniform component, the first of both densities, is split like the trials, so it carries no information.
        log_densities = self._log_densities(state, (share, 1 - share))

        def log_power(x: Float[Array, " d"]) -> Float[Array, ""]:
            log_good, log_bad = log_densities(x)
            return -weight * softplus(log_bad - log_good)

        return log_power

    def _log_densities(
        self, state: Trials, shares: tuple[Float[Array, ""] | float, Float[Array, ""] | float]
    ) -> Callable[[Float[Array, " d"]], Float[Array, "2"]]:
        """Logarithms of the densities of good and bad trials, not normalised.

        The uniform component of each density is multiplied by its share.
        """
        prior = jnp.asarray(self.parzen.prior_weight, state.x.dtype)
        densities = [
            density._replace(weight=density.weight.at[0].set(share * prior))
            for density, share in zip(self.parzen.densities(state), shares, strict=True)
        ]
        # Evaluate the kernels of both densities at once, so that the program contains them only once.
        both = jax.tree.map(lambda *parts: jnp.concatenate(parts), *densities)
        log_kernels, log_weight = _mixture.log_kernels_at(self.parzen.encoding, both), jnp.log(both.weight)
        return lambda x: logsumexp((log_kernels(x) + log_weight).reshape(2, -1), axis=1)

    def likeliest(
        self, key: Key[Array, ""], state: Trials, region: Region
    ) -> tuple[Float[Array, " d"], Float[Array, ""]]:
        """The suggestion of `jbo.parzen`: among samples of the good density, the best ratio of the densities.

        Unlike `log_weight`, it prefers points far from all trials to points near bad trials.

        Args:
          key: Random key of the candidates.
          state: The table.
          region: Region of the point.

        Returns:
          A point, and the log ratio of its densities up to a constant; ``-inf`` if all candidates are in the table or
          not allowed.
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
