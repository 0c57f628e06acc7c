"""Knowledge gradient: the expected decrease of the minimum posterior mean by one more observation."""

import dataclasses
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jbo.acquisitions import formulas
from jbo.acquisitions._acquisition import Scale
from jbo.acquisitions.points import joint, points_to_look_at
from jbo.checks import checked
from jbo.pytrees import pytree
from jbo.region import Region
from jbo.surrogates import Posterior
from jbo.types import Dataset

_NUM_CANDIDATES = 1024


@pytree
@dataclass(frozen=True)
class KnowledgeGradient:
    """Expected decrease of the minimum posterior mean; made by `knowledge_gradient`."""

    region: Region | None
    num_points: int = field(metadata={"static": True})
    scale = Scale.GAIN

    def bind(self, region: Region) -> "KnowledgeGradient":
        """The acquisition, bound to a region."""
        return dataclasses.replace(self, region=region)

    @checked
    def prepare(
        self, key: Key[Array, ""], posterior: Posterior, data: Dataset
    ) -> tuple[Float[Array, "k d"], Float[Array, " k"], Float[Array, ""]]:
        """Points that may become the minimum of the posterior mean, their means, and the noise variance."""
        # At most candidates the mean can never become the minimum. Keep those at which it may: half of them by the
        # lowest mean, and half by the lowest bound (mean minus one standard deviation).
        candidates = jnp.concatenate([points_to_look_at(key, self.region, data, _NUM_CANDIDATES), data.x])
        mean, variance = joint(posterior, "knowledge_gradient").predict(candidates)
        is_there = jnp.concatenate([jnp.ones(_NUM_CANDIDATES, bool), data.is_valid])
        half = self.num_points // 2
        by_mean = jax.lax.top_k(jnp.where(is_there, -mean, -jnp.inf), self.num_points - half)[1]
        bound = jnp.sqrt(variance) - mean
        by_bound = jax.lax.top_k(jnp.where(is_there, bound, -jnp.inf).at[by_mean].set(-jnp.inf), half)[1]
        rows = jnp.concatenate([by_mean, by_bound])
        return candidates[rows], mean[rows], posterior.noise_variance()

    @checked
    def value(
        self,
        aux: tuple[Float[Array, "k d"], Float[Array, " k"], Float[Array, ""]],
        posterior: Posterior,
        x: Float[Array, " d"],
    ) -> Float[Array, ""]:
        """Expected decrease of the minimum posterior mean over the prepared points and ``x``, after observing ``x``."""
        points, means, noise = aux
        model = joint(posterior, "knowledge_gradient")
        mean, variance = model.predict(x[None, :])
        together = model.covariance(jnp.concatenate([points, x[None, :]]), x[None, :])[:, 0]
        means = jnp.concatenate([means, mean])
        gain = jnp.min(means) - formulas.expected_least(means, together / jnp.sqrt(variance[0] + noise))
        return jnp.maximum(gain, 0)  # rounding may make it negative


def knowledge_gradient(num_points: int = 64) -> KnowledgeGradient:
    """Knowledge gradient (KG): the expected decrease of the minimum posterior mean after one more observation.

    It takes observation noise into account. It may suggest a point that is not good itself, if an observation there
    teaches the model about better points.

    Args:
      num_points: Number of points among which the minimum mean is sought, in addition to the candidate itself.

    Raises:
      ValueError: If ``num_points`` is below 1.

    References:
      Frazier, Powell and Dayanik, The Knowledge-Gradient Policy for Correlated Normal Beliefs, 2009; Scott, Frazier and
      Powell, The Correlated Knowledge Gradient for Simulation Optimization of Continuous Parameters, 2011.
    """
    if num_points < 1:
        raise ValueError(f"num_points: expected at least 1, got {num_points}")
    return KnowledgeGradient(None, num_points)
