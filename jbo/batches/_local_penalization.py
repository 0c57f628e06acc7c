"""Local penalisation: each pending trial excludes a ball in which the minimum is unlikely to be."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from jbo.acquisitions import Acquisition, Around, Scale, each, incumbent, log_worth
from jbo.acquisitions.points import points_to_look_at
from jbo.encoding import Encoding, level
from jbo.knowledge import Knowledge
from jbo.numerics import log_normal_cdf
from jbo.pytrees import pytree
from jbo.surrogates import Posterior

_NUM_POINTS = 512
_LEAST_SLOPE, _SLOPE_IF_FLAT = 1e-7, 10.0


class Balls(NamedTuple):
    """Balls around the pending trials, in which the function is unlikely to be as low as its minimum."""

    slope: Float[Array, ""]
    """Lipschitz constant of the function."""
    centre: Float[Array, "n d"]
    excess: Float[Array, " n"]
    """Expected difference between the function at the centres and the best value."""
    deviation: Float[Array, " n"]
    is_there: Bool[Array, " n"]

    def log_penalty(self, encoding: Encoding, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Log probability that ``x`` is outside all balls, as a sum over the balls.

        Args:
          encoding: Columns of the space. Two different categories have distance 1.
          x: A point of the cube.
        """
        differs = level(encoding, x)[None, :] != level(encoding, self.centre)
        change = jnp.where(encoding.is_category[None, :], differs.astype(x.dtype), x[None, :] - self.centre)
        distance = jnp.sqrt(jnp.sum(change**2, axis=1) + jnp.finfo(x.dtype).tiny)
        log_outside = log_normal_cdf((self.slope * distance - self.excess) / self.deviation)
        return jnp.sum(jnp.where(self.is_there, log_outside, 0))


@dataclass(frozen=True)
class _Logarithm(Around):
    """The logarithm of an acquisition, see `log_worth`."""

    acquisition: Any

    @property
    def scale(self) -> Scale:
        """A logarithm."""
        return Scale.LOGARITHM

    def value(self, aux: Any, posterior: Posterior, x: Float[Array, " d"]) -> Float[Array, ""]:
        """The logarithm at the point ``x``."""
        return log_worth(self.acquisition.scale, self.acquisition.value(aux, posterior, x))


def _logarithm_of(acquisition: Acquisition) -> Acquisition:
    """The logarithm of an acquisition; of a portfolio, the logarithm of each member on its own scale."""
    return each(acquisition, _Logarithm)


@pytree
@dataclass(frozen=True)
class LocalPenalization:
    """The acquisition times a penalty for each pending trial; made by `local_penalization`."""

    scale = Scale.LOGARITHM

    def prepare(self, key: Key[Array, ""], acquisition: Acquisition, known: Knowledge) -> tuple[Any, Balls]:
        """Quantities that the acquisition shares between points, computed without the pending trials, and the balls."""
        key_points, key_acquisition = jax.random.split(key)
        observed, data, region = known.observed, known.feasible_data, known.region

        def mean(x: Float[Array, " d"]) -> Float[Array, ""]:
            return observed.predict(x[None, :])[0][0]

        rows = jnp.where(data.is_valid[:, None], data.x, jnp.asarray(0.5, data.x.dtype))
        points = jnp.concatenate([points_to_look_at(key_points, region, data, _NUM_POINTS), rows])
        slopes = jnp.where(region.encoding.is_category[None, :], 0, jax.vmap(jax.grad(mean))(points))
        slope = jnp.sqrt(jnp.max(jnp.sum(slopes**2, axis=1)))
        slope = jnp.where(slope < _LEAST_SLOPE, _SLOPE_IF_FLAT, slope).astype(points.dtype)
        expected, variance = observed.predict(known.feasible_data_with_pending.x)
        excess = expected - incumbent(observed, data)
        balls = Balls(slope, known.feasible_data_with_pending.x, excess, jnp.sqrt(variance), known.is_pending)
        return _logarithm_of(acquisition).prepare(key_acquisition, observed, data), balls

    def value(
        self, aux: tuple[Any, Balls], acquisition: Acquisition, known: Knowledge, x: Float[Array, " d"]
    ) -> Float[Array, ""]:
        """Logarithm of the penalised acquisition."""
        prepared, balls = aux
        log_value = _logarithm_of(acquisition).value(prepared, known.observed, x)
        return log_value + balls.log_penalty(known.region.encoding, x)


def local_penalization() -> LocalPenalization:
    r"""Local penalisation (LP): the acquisition, computed without the pending trials, is penalised near each of them.

    Let L be a Lipschitz constant of the function and M its minimum value. Then no minimum point is closer than
    :math:`(f(x_j) - M) / L` to the pending trial at :math:`x_j`. The acquisition is multiplied by the probability that
    the point is farther from :math:`x_j` than this distance. L is the largest slope of the posterior mean over 512
    points and the observations. M is the minimum posterior mean over the observations.

    References:
      González, Dai, Hennig and Lawrence, Batch Bayesian Optimization via Local Penalization, 2016.
    """
    return LocalPenalization()
