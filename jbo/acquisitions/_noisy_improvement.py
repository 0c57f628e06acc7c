"""Noisy expected improvement: the best value so far is unknown too, so it is sampled."""

from dataclasses import dataclass, field

import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from jbo.acquisitions._acquisition import Scale
from jbo.acquisitions.points import DrawnValues, draw_values, joint, log_improvement_on_drawn
from jbo.checks import checked
from jbo.pytrees import pytree
from jbo.surrogates import Posterior
from jbo.types import Dataset


@pytree
@dataclass(frozen=True)
class NoisyImprovement:
    """Expected improvement on sampled values of the function; made by `log_noisy_expected_improvement`."""

    num_samples: int = field(metadata={"static": True})
    scale = Scale.LOGARITHM

    @checked
    def prepare(self, key: Key[Array, ""], posterior: Posterior, data: Dataset) -> DrawnValues:
        """Samples of the function at the observed points. Without observations the incumbent is 0."""
        best = jnp.where(jnp.any(data.is_valid), jnp.inf, 0).astype(data.x.dtype)
        model = joint(posterior, "log_noisy_expected_improvement")
        return draw_values(key, model, data.x, data.is_valid, best, self.num_samples)

    @checked
    def value(self, aux: DrawnValues, posterior: Posterior, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Logarithm of the expected improvement, averaged over the samples."""
        model = joint(posterior, "log_noisy_expected_improvement")
        normal = jnp.zeros((self.num_samples, 1), x.dtype)  # not used for a single point
        return log_improvement_on_drawn(aux, model, x[None, :], normal)


def log_noisy_expected_improvement(num_samples: int = 64) -> NoisyImprovement:
    """Logarithm of noisy expected improvement (NEI), for observations that differ from the function by noise.

    The noise-free values at the observed points are sampled from the posterior. Expected improvement is averaged over
    these samples. Without noise it equals `log_expected_improvement`.

    Args:
      num_samples: Number of samples. Powers of two are spread most evenly.

    Raises:
      ValueError: If ``num_samples`` is below 1.

    References:
      Letham, Karrer, Ottoni and Bakshy, Constrained Bayesian Optimization with Noisy Experiments, 2019.
    """
    if num_samples < 1:
        raise ValueError(f"num_samples: expected at least 1, got {num_samples}")
    return NoisyImprovement(num_samples)
