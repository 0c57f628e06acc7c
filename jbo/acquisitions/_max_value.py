"""Max-value entropy search: the information gain of an observation about the minimum value of the function."""

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


@pytree
@dataclass(frozen=True)
class LeastValueEntropy:
    """Information gain about the minimum value of the function; made by `max_value_entropy_search`."""

    region: Region | None
    num_samples: int = field(metadata={"static": True})
    num_points: int = field(metadata={"static": True})
    scale = Scale.GAIN

    def bind(self, region: Region) -> "LeastValueEntropy":
        """The acquisition, bound to a region."""
        return dataclasses.replace(self, region=region)

    @checked
    def prepare(self, key: Key[Array, ""], posterior: Posterior, data: Dataset) -> Float[Array, " s"]:
        """Samples of the minimum value: minima of posterior samples over many points and the observed ones."""
        key_paths, key_points = jax.random.split(key)
        draws = joint(posterior, "max_value_entropy_search").paths(key_paths, self.num_samples)
        least = jnp.min(draws(points_to_look_at(key_points, self.region, data, self.num_points)), axis=1)
        observed = jnp.min(jnp.where(data.is_valid[None, :], draws(data.x), jnp.inf), axis=1)
        return jnp.minimum(least, observed)

    @checked
    def value(self, aux: Float[Array, " s"], posterior: Posterior, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Mutual information, in nats, of the function at ``x`` and its minimum value, averaged over the samples."""
        mean, variance = posterior.predict(x[None, :])
        mean, deviation = (jnp.broadcast_to(part[0], aux.shape) for part in (mean, jnp.sqrt(variance)))
        return jnp.mean(formulas.least_value_information(mean, deviation, aux))


def max_value_entropy_search(num_samples: int = 32, num_points: int = 1024) -> LeastValueEntropy:
    """Max-value entropy search (MES), here for the minimum value, because lower is better below `Study`.

    Args:
      num_samples: Number of samples of the minimum value.
      num_points: Number of points over which a sample is minimised. Half of them lie near the observations.

    Raises:
      ValueError: If a number is below 1.

    References:
      Wang and Jegelka, Max-value Entropy Search for Efficient Bayesian Optimization, 2017, eq. 6.
    """
    for name, number in (("num_samples", num_samples), ("num_points", num_points)):
        if number < 1:
            raise ValueError(f"{name}: expected at least 1, got {number}")
    return LeastValueEntropy(None, num_samples, num_points)
