"""Acquisition functions for several objectives: the gain of the front by a new point."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp, ndtri
from jaxtyping import Array, Bool, Float, Key

from jbo import designs, pareto
from jbo.acquisitions._acquisition import Acquisition, Scale, log_expected_improvement
from jbo.acquisitions._noisy_improvement import log_noisy_expected_improvement
from jbo.acquisitions.hypervolume import (
    Boxes,
    Strips,
    boxes,
    directions,
    log_improvement_of_boxes,
    log_improvement_of_rays,
    log_improvement_of_strips,
    rays,
    strips,
)
from jbo.acquisitions.points import draw_values, joint
from jbo.checks import number
from jbo.numerics import matmul, softplus
from jbo.pytrees import pytree
from jbo.surrogates import Posterior


class LimitModels(NamedTuple):
    """Models of the limits at the trials, for acquisitions that sample which trials are feasible."""

    posteriors: Any
    """Posteriors of the limited outcomes, also given pending trials, with a leading axis of limits."""
    limit: Float[Array, " l"]
    """Value of each limit, in the units of its posterior; a limit holds up to this value."""
    is_there: Bool[Array, " n"]
    """True for trials that succeeded or are pending, feasible or not."""


class Front(NamedTuple):
    """The trials so far, in the form that an acquisition for several objectives uses; standardised, lower is better."""

    x: Float[Array, "n d"]
    """Points of the trials."""
    mean: Float[Array, "n k"]
    """Posterior mean of each objective at ``x``."""
    counts: Bool[Array, " n"]
    """True for feasible trials, and for pending ones that are probably feasible. A new point must improve on these."""
    reference: Float[Array, " k"]
    """Reference point of the hypervolume."""
    limits: LimitModels | None = None
    """Models of the limits; None if there are no limits or `FrontAcquisition.samples_limits` is False."""

    @property
    def scale(self) -> Float[Array, " k"]:
        """Distance of the reference from the best value of each objective; 1 if there is no such value."""
        best = jnp.min(jnp.where(self.counts[:, None], self.mean, jnp.inf), axis=0, initial=jnp.inf)
        size = self.reference - best
        return jnp.where(jnp.isfinite(size) & (size > 0), size, 1).astype(self.mean.dtype)


class FrontAcquisition(ABC):
    """An acquisition for several objectives: a frozen dataclass registered by `jbo.pytree`, with numbers as leaves.

    Its values are logarithms of a gain. Posteriors have a leading axis of independent objectives.
    """

    scale = Scale.LOGARITHM

    @property
    def samples_limits(self) -> bool:
        """True if the acquisition uses `Front.limits`."""
        return False

    @property
    def of_one(self) -> Acquisition:
        """The corresponding acquisition for a single objective."""
        return log_expected_improvement()

    @abstractmethod
    def prepare(self, key: Key[Array, ""], posteriors: Posterior, front: Front) -> Any:
        """Quantities that are the same for all points of one suggestion, computed once.

        Args:
          key: Random key of acquisitions that draw samples.
          posteriors: Posteriors of the objectives, also given pending trials.
          front: The trials so far.
        """

    @abstractmethod
    def value(self, aux: Any, posteriors: Posterior, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Logarithm of the acquisition value at ``x``; higher is better.

        Args:
          aux: From `prepare`.
          posteriors: Posteriors of the objectives.
          x: A point of the unit cube.
        """


def moments(posteriors: Any, x: Float[Array, " d"]) -> tuple[Float[Array, " k"], Float[Array, " k"]]:
    """Posterior mean and standard deviation of each objective at a point.

    Args:
      posteriors: Posteriors with a leading axis of objectives.
      x: A point of the unit cube.
    """
    mean, variance = jax.vmap(lambda posterior: posterior.predict(x[None, :]))(posteriors)
    return mean[:, 0], jnp.sqrt(variance[:, 0])


class _Prepared(NamedTuple):
    """Prepared quantities of `HypervolumeImprovement`."""

    region: Any
    """`Strips` with a leading axis of samples, `Boxes`, or `Rays`."""
    drawn: Any
    """Sampled values of each objective at the trials; None: the front of the posterior means is used."""


@pytree
@dataclass(frozen=True)
class HypervolumeImprovement(FrontAcquisition):
    """Logarithm of the expected hypervolume improvement; made by `log_expected_hypervolume_improvement`."""

    num_samples: int = field(metadata={"static": True})
    """Number of samples of the front; 0: the front of the posterior means."""
    num_rays: int = field(metadata={"static": True})
    """Number of rays, used with more than three objectives, or more than two if the front is sampled."""

    @property
    def of_one(self) -> Acquisition:
        """Expected improvement, or noisy expected improvement if the front is sampled."""
        return log_noisy_expected_improvement(self.num_samples) if self.num_samples else log_expected_improvement()

    @property
    def samples_limits(self) -> bool:
        """True if the front is sampled."""
        return self.num_samples > 0

    def prepare(self, key: Key[Array, ""], posteriors: Any, front: Front) -> _Prepared:
        """The region that no feasible trial dominates, for each sample of the front."""
        k, dtype = front.mean.shape[1], front.mean.dtype
        key_values, key_rays = jax.random.split(key)
        if not self.num_samples:
            if k == 2:
                region = jax.tree.map(lambda leaf: leaf[None], strips(front.mean, front.counts, front.reference))
            elif k == 3:
                region = boxes(front.mean, front.counts, front.reference)
            else:
                direction = directions(key_rays, self.num_rays, k, dtype)
                region = rays(direction, front.mean[None], front.counts[None], front.reference, front.scale)
            return _Prepared(region, None)

        limits = front.limits
        rows = front.counts if limits is None else limits.is_there
        drawn = self._draw(key_values, posteriors, front.x, rows)
        y, counts = jnp.moveaxis(drawn.values, 0, -1), jnp.broadcast_to(rows, (self.num_samples, len(rows)))  # [s n k]
        if limits is not None:
            key_limits = jax.random.fold_in(key_values, k)  # does not change the samples of the objectives
            values = self._draw(key_limits, limits.posteriors, front.x, rows).values
            counts = counts & jnp.all(values <= limits.limit[:, None, None], axis=0)
        if k == 2:
            return _Prepared(jax.vmap(strips, in_axes=(0, 0, None))(y, counts, front.reference), drawn)
        direction, samples = directions(key_rays, self.num_rays, k, dtype), self._sample_of_ray
        return _Prepared(rays(direction, y[samples], counts[samples], front.reference, front.scale), drawn)

    def _draw(self, key: Key[Array, ""], posteriors: Any, x: Float[Array, "n d"], rows: Bool[Array, " n"]) -> Any:
        """Samples of several independent functions at some rows, with a leading axis of functions."""

        def draw(key: Key[Array, ""], posterior: Posterior) -> Any:
            model = joint(posterior, "log_noisy_expected_hypervolume_improvement")
            return draw_values(key, model, x, rows, jnp.asarray(jnp.inf, x.dtype), self.num_samples)

        num = jax.tree.leaves(posteriors)[0].shape[0]
        return jax.vmap(draw)(jax.random.split(key, num), posteriors)

    @property
    def _sample_of_ray(self) -> np.ndarray:
        return np.arange(self.num_rays) % max(self.num_samples, 1)

    def value(self, aux: _Prepared, posteriors: Any, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Logarithm of the expected hypervolume improvement of the point ``x``."""
        mean, deviation = moments(posteriors, x)
        means = mean[None, :]  # [s k]
        if aux.drawn is not None:
            means, deviation = _given_drawn(aux.drawn, posteriors, x, mean, deviation)
        if isinstance(aux.region, Strips):
            values = jax.vmap(lambda mean, region: log_improvement_of_strips(mean, deviation, region))(
                means, aux.region
            )
            return logsumexp(values) - float(np.log(values.shape[0]))
        if isinstance(aux.region, Boxes):
            return log_improvement_of_boxes(mean, deviation, aux.region)
        if aux.drawn is not None:
            means = means[self._sample_of_ray]
        return log_improvement_of_rays(means, deviation, aux.region)


def _given_drawn(
    drawn: Any, posteriors: Any, x: Float[Array, " d"], mean: Float[Array, " k"], deviation: Float[Array, " k"]
) -> tuple[Float[Array, "s k"], Float[Array, " k"]]:
    """Means of the objectives at a point for each sample, and standard deviations, given the sampled values."""

    def of_objective(drawn: Any, posterior: Any, mean: Array, deviation: Array) -> tuple[Array, Array]:
        counts = drawn.counts.astype(x.dtype)[:, None]
        explained = matmul(drawn.whitening, posterior.covariance(drawn.rows, x[None, :]) * counts)[:, 0]
        least = 16 * jnp.finfo(x.dtype).eps
        left = jnp.maximum(deviation**2 - jnp.sum(explained**2), least)
        return mean + matmul(drawn.normal, explained[:, None])[:, 0], jnp.sqrt(left)

    means, deviations = jax.vmap(of_objective)(drawn, posteriors, mean, deviation)
    return means.T, deviations


@pytree
@dataclass(frozen=True)
class HypervolumeScalarization(FrontAcquisition):
    """Expected improvement of random scalarisations; made by `hypervolume_scalarization`."""

    num_directions: int = field(metadata={"static": True})

    def prepare(self, key: Key[Array, ""], posteriors: Any, front: Front) -> Any:
        """The directions of this suggestion, and the distance up to which each direction is dominated."""
        direction = directions(key, self.num_directions, front.mean.shape[1], front.mean.dtype)
        return rays(direction, front.mean[None], front.counts[None], front.reference, front.scale)

    def value(self, aux: Any, posteriors: Any, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Logarithm of the expected improvement, averaged over the directions."""
        mean, deviation = moments(posteriors, x)
        return log_improvement_of_rays(mean[None, :], deviation, aux, is_volume=False)


class _Chebyshev(NamedTuple):
    """Prepared quantities of `ParEGO`."""

    weight: Float[Array, " k"]
    """Weight of each objective; the weights sum to 1."""
    normal: Float[Array, "s k"]
    """Standard normal samples."""
    best: Float[Array, ""]
    """The minimum scalarised value of the trials."""
    offset: Float[Array, " k"]
    """Zero point of the scale of each objective."""
    scale: Float[Array, " k"]
    """Range of each objective over the front."""


@pytree
@dataclass(frozen=True)
class ParEGO(FrontAcquisition):
    """Expected improvement of augmented Chebyshev scalarisations with random weights; made by `parego`."""

    rho: float | Float[Array, ""]
    """Coefficient of the weighted sum."""
    num_samples: int = field(metadata={"static": True})

    def prepare(self, key: Key[Array, ""], posteriors: Any, front: Front) -> _Chebyshev:
        """The weights of this suggestion, and the best scalarised value so far."""
        key_weight, key_normal = jax.random.split(key)
        k, dtype = front.mean.shape[1], front.mean.dtype
        # The weights are uniform on the simplex.
        exponential = jax.random.exponential(key_weight, (k,), dtype)
        uniform = designs.sobol(key_normal, self.num_samples, k, dtype)
        is_front = pareto.front(front.mean, front.counts)[:, None]
        least = jnp.min(jnp.where(is_front, front.mean, jnp.inf), axis=0, initial=jnp.inf)
        most = jnp.max(jnp.where(is_front, front.mean, -jnp.inf), axis=0, initial=-jnp.inf)
        is_any = jnp.isfinite(least)
        offset = jnp.where(is_any, least, 0).astype(dtype)
        scale = jnp.where(is_any & (most > least), most - least, front.scale).astype(dtype)
        aux = _Chebyshev(
            weight=exponential / jnp.sum(exponential),
            normal=ndtri(jnp.clip(uniform, 1e-7, 1 - 1e-7)),
            best=jnp.zeros((), dtype),
            offset=offset,
            scale=scale,
        )
        values = self._scalarised(aux, front.mean)
        best = jnp.min(jnp.where(front.counts, values, jnp.inf), initial=jnp.inf)
        return aux._replace(best=jnp.where(jnp.isfinite(best), best, 0).astype(dtype))

    def _scalarised(self, aux: _Chebyshev, y: Float[Array, "m k"]) -> Float[Array, " m"]:
        weighted = aux.weight[None, :] * (y - aux.offset[None, :]) / aux.scale[None, :]
        # The derivative of `jnp.max` looks for a value that equals the maximum. It is NaN if XLA computes the values
        # twice, which then differ in a last bit.
        worst = jnp.take_along_axis(weighted, jnp.argmax(weighted, axis=1)[:, None], axis=1)[:, 0]
        return worst + jnp.asarray(self.rho, y.dtype) * jnp.sum(weighted, axis=1)

    def value(self, aux: _Chebyshev, posteriors: Any, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Logarithm of the expected improvement, smoothed at its kink so that it has a gradient everywhere."""
        mean, deviation = moments(posteriors, x)
        gain = (aux.best - self._scalarised(aux, mean[None, :] + deviation[None, :] * aux.normal)) / _SMOOTHING
        # If the argument is far below 0, the logarithm of its softplus is the argument itself.
        is_low = gain < -30
        logs = jnp.where(is_low, gain, jnp.log(softplus(jnp.where(is_low, 0, gain))))
        return logsumexp(logs) + float(np.log(_SMOOTHING / self.num_samples))


_SMOOTHING = 1e-3
"""Width of the smoothed kink, in units of the range of the front."""


def _at_least_one(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name}: expected an integer of at least 1, got {value!r}")
    return int(value)


def log_expected_hypervolume_improvement(num_rays: int = 64) -> HypervolumeImprovement:
    """Logarithm of the expected hypervolume improvement (EHVI): the default with several objectives.

    The front is the Pareto front of the posterior means of the feasible trials. The value is exact with two objectives
    for a front of up to 64 trials, and with three objectives for a front of up to 96 trials. From a larger front, 64 or
    96 trials are used. With more objectives the value is a mean over directions from the reference point. Each
    suggestion uses new, evenly spread directions.

    Args:
      num_rays: Number of directions with more than three objectives. Powers of two are spread most evenly.

    Raises:
      ValueError: If ``num_rays`` is below 1.

    References:
      Emmerich, Single- and Multi-Objective Evolutionary Optimization Assisted by Gaussian Random Field Metamodels,
      2005; Ament et al., Unexpected Improvements to Expected Improvement for Bayesian Optimization, 2023 (its
      logarithm).
    """
    return HypervolumeImprovement(0, _at_least_one("num_rays", num_rays))


def log_noisy_expected_hypervolume_improvement(num_samples: int = 16, num_rays: int = 64) -> HypervolumeImprovement:
    """Logarithm of the noisy expected hypervolume improvement (NEHVI): the front is sampled from the posterior.

    The improvement is averaged over samples of the objectives at the trials. Outcomes with a limit are also sampled. A
    trial counts in the samples in which it is feasible. Use this acquisition for very noisy outcomes.

    Args:
      num_samples: Number of samples of the front.
      num_rays: Number of directions with more than two objectives, each with its own sample.

    Raises:
      ValueError: If a number is below 1.

    References:
      Daulton, Balandat and Bakshy, Parallel Bayesian Optimization of Multiple Noisy Objectives with Expected
      Hypervolume Improvement, 2021.
    """
    return HypervolumeImprovement(_at_least_one("num_samples", num_samples), _at_least_one("num_rays", num_rays))


def hypervolume_scalarization(num_directions: int = 1) -> HypervolumeScalarization:
    r"""Log expected improvement of random hypervolume scalarisations, with new directions at each suggestion.

    A direction :math:`\theta` scalarises the objectives to :math:`\min_j (r_j - f_j) / \theta_j`. The hypervolume
    of :math:`k` objectives is proportional to the mean, over all directions, of the best such value to the power k.

    Args:
      num_directions: Number of directions of each suggestion; the improvement is averaged over them.

    Raises:
      ValueError: If ``num_directions`` is below 1.

    References:
      Zhang and Golovin, Random Hypervolume Scalarizations for Provable Multi-Objective Black Box Optimization, 2020.
    """
    return HypervolumeScalarization(_at_least_one("num_directions", num_directions))


def parego(rho: float | Float[Array, ""] = 0.05, num_samples: int = 64) -> ParEGO:
    r"""ParEGO: expected improvement of :math:`\max_j w_j f_j + \rho \sum_j w_j f_j` with random weights :math:`w`.

    Each suggestion has new weights. Objectives are scaled by their range over the front. Each objective has its own
    model, and the improvement is a quasi-Monte Carlo mean over their posteriors.

    Args:
      rho: Coefficient of the weighted sum, at least 0.
      num_samples: Number of samples of the posteriors. Powers of two are spread most evenly.

    Raises:
      ValueError: If ``num_samples`` is below 1.

    References:
      Knowles, ParEGO: A Hybrid Algorithm with On-Line Landscape Approximation for Expensive Multiobjective Optimization
      Problems, 2006, eq. 2.
    """
    return ParEGO(number("rho", rho), _at_least_one("num_samples", num_samples))
