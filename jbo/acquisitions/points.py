"""Shared parts of acquisitions that use several points at once: points of a region, and sampled values at points."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp, ndtri
from jaxtyping import Array, Bool, Float, Key

from jbo import designs
from jbo.acquisitions import formulas
from jbo.linalg import robust_whitening
from jbo.numerics import jitter, matmul
from jbo.region import Region
from jbo.surrogates import JointPosterior, Posterior
from jbo.types import Dataset


def joint(posterior: Posterior, name: str) -> JointPosterior:
    """The posterior, if it has joint distributions at several points.

    Args:
      posterior: The model.
      name: Name of the caller, for the error message.

    Raises:
      TypeError: The posterior has no ``covariance`` or no ``paths``.
    """
    if not isinstance(posterior, JointPosterior):
        raise TypeError(
            f"{name}: expected a posterior with `covariance` and `paths`, such as those of jbo.gp() and jbo.forest(), "
            f"got a {type(posterior).__name__}"
        )
    return posterior


def points_to_look_at(
    key: Key[Array, ""], region: Region | None, data: Dataset, num_points: int
) -> Float[Array, "{num_points} d"]:
    """Points of a region: half of them spread over it, half near observations, with better observations preferred.

    Args:
      key: Random key.
      region: Region of the points; None: the whole cube. The constraint is ignored.
      data: Observations, in any order. If there are none, the second half lies near the centre.
      num_points: Number of points, even.
    """
    n, d = data.x.shape
    half, dtype = num_points // 2, data.x.dtype
    key_wide, key_near = jax.random.split(key)
    wide = designs.sobol(key_wide, num_points - half, d, dtype)
    uniform = jax.random.uniform(key_near, (half, 2 * d + 2), dtype)
    best_first = jnp.argsort(jnp.where(data.is_valid, data.y, jnp.inf))
    count = jnp.maximum(jnp.sum(data.is_valid), 1).astype(dtype)
    rows = best_first[jnp.minimum((uniform[:, 0] ** 2 * count).astype(jnp.int32), n - 1)]
    centre = jnp.where(jnp.any(data.is_valid), data.x[rows], 0.5)
    scale = jnp.exp(np.log(1e-3) + (np.log(0.5) - np.log(1e-3)) * uniform[:, 1:2])
    step = scale * ndtri(jnp.clip(uniform[:, 2 : d + 2], 1e-6, 1 - 1e-6))
    near = jnp.clip(jnp.where(uniform[:, d + 2 :] < 0.5, centre + step, centre), 0, 1).astype(dtype)
    points = jnp.concatenate([wide, near])
    return points if region is None else region.place(points)


class DrawnValues(NamedTuple):
    """Posterior samples of the function at some rows, and quantities to condition on them."""

    rows: Float[Array, "n d"]
    """Points of the rows; the centre for rows that do not count."""
    whitening: Float[Array, "n n"]
    """Inverse of the Cholesky factor of the covariance at the rows; identity rows for rows that do not count."""
    normal: Float[Array, "s n"]
    """The samples in independent coordinates, standard normal."""
    best: Float[Array, " s"]
    """Value to improve on, for each sample."""
    counts: Bool[Array, " n"]
    """True for rows whose values are sampled."""
    values: Float[Array, "s n"]
    """The sampled values; arbitrary for rows that do not count."""


def draw_values(
    key: Key[Array, ""],
    posterior: JointPosterior,
    x: Float[Array, "n d"],
    counts: Bool[Array, " n"],
    best: Float[Array, ""],
    num_samples: int,
) -> DrawnValues:
    """Quasi-Monte Carlo samples of the function at the rows that count.

    Args:
      key: Random key.
      posterior: The model.
      x: Points of the rows.
      counts: True for rows whose values are sampled.
      best: A further value to improve on, besides the sampled values; ``inf``: none.
      num_samples: Number of samples; a power of two is spread most evenly.
    """
    dtype, n = x.dtype, x.shape[0]
    x = jnp.where(counts[:, None], x, jnp.asarray(0.5, dtype))
    mean, _ = posterior.predict(x)
    both = counts[:, None] & counts[None, :]
    covariance = jnp.where(both, posterior.covariance(x, x), 0)
    diagonal = jnp.where(counts, jitter(dtype), 1).astype(dtype)
    covariance = covariance + jnp.where(jnp.eye(n, dtype=bool), diagonal[:, None], 0)
    whitening, _ = robust_whitening(covariance, jnp.ones((), dtype))
    normal = ndtri(jnp.clip(designs.sobol(key, num_samples, n, dtype), 1e-7, 1 - 1e-7))
    normal = jnp.where(counts[None, :], normal, 0)
    # The factor itself is not available. It is the covariance times the transposed inverse factor.
    values = mean[None, :] + matmul(normal, matmul(covariance, whitening.T).T)
    least = jnp.min(jnp.where(counts[None, :], values, jnp.inf), axis=1, initial=jnp.inf)
    return DrawnValues(x, whitening, normal, jnp.minimum(least, best), counts, values)


def log_improvement_on_drawn(
    drawn: DrawnValues,
    posterior: JointPosterior,
    x: Float[Array, "q d"],
    normal: Float[Array, "s q"],
) -> Float[Array, ""]:
    r"""Logarithm of the expected improvement by the minimum value at the points ``x`` (q-LogEI).

    The points are added one after another. The gain of each beyond the earlier ones is a plain expected improvement
    given their values,

    .. math:: \sum_j E_s\bigl[\mathrm{EI}(\mu_{j \mid <j, s}, \sigma_{j \mid <j}, \min(b_s, f_{<j, s}))\bigr]

    so with one point nothing is sampled, no maximum needs smoothing, and the gradients are those of LogEI.

    Args:
      drawn: Samples at the rows, with the values to improve on.
      posterior: The model.
      x: Points.
      normal: Standard normal numbers, one for each sample and point.

    References:
      Ament et al., Unexpected Improvements to Expected Improvement for Bayesian Optimization, 2023 (qLogEI, the same
      quantity with its maxima smoothed).
    """
    q, dtype = x.shape[0], x.dtype
    mean, _ = posterior.predict(x)
    counts = drawn.counts.astype(dtype)
    explained = matmul(drawn.whitening, posterior.covariance(drawn.rows, x) * counts[:, None])
    left = posterior.covariance(x, x) - matmul(explained.T, explained)
    least = 16 * jnp.finfo(dtype).eps
    variance = jnp.maximum(jnp.diagonal(left), least)
    means = mean[None, :] + matmul(drawn.normal, explained)
    # Factorise column by column, because the points are few, and so that no pivot can be 0 or negative.
    best, gains, columns = drawn.best, [], []
    for j in range(q):
        shift = sum((column[j] * normal[:, i] for i, column in enumerate(columns)), jnp.zeros_like(best))
        pivot = jnp.maximum(variance[j] - sum(column[j] ** 2 for column in columns), least)
        deviation = jnp.sqrt(pivot)
        centre = means[:, j] + shift
        gains.append(formulas.log_expected_improvement(centre, jnp.broadcast_to(deviation, centre.shape), best))
        best = jnp.minimum(best, centre + deviation * normal[:, j])
        rest = left[:, j] - sum((column * column[j] for column in columns), jnp.zeros_like(variance))
        columns.append(rest / deviation)
    return logsumexp(jnp.stack(gains)) - jnp.asarray(np.log(drawn.best.shape[0]), dtype)
