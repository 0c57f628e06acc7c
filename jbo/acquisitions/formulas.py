"""Acquisition values as functions of the posterior mean, the standard deviation and the best value so far.

Lower is better for the objective, higher is better for an acquisition. The arrays of one call have the same shape.
"""

from functools import cache

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jbo.numerics import log_improvement, log_normal_cdf, truncation_information


def expected_improvement(
    mean: Float[Array, "*b"], deviation: Float[Array, "*b"], best: Float[Array, "*b"]
) -> Float[Array, "*b"]:
    r"""Expected improvement below ``best``: :math:`E[\max(b - f, 0)] = \sigma h(z)`.

    With :math:`z = (b - \mu)/\sigma` and :math:`h(z) = \phi(z) + z\Phi(z)`.

    Args:
      mean: Posterior mean of the function.
      deviation: Posterior standard deviation of the function, above 0.
      best: The value to improve on.

    Returns:
      At least 0, in the units of ``mean``.

    References:
      Jones, Schonlau and Welch, Efficient Global Optimization of Expensive Black-Box Functions, 1998, eq. 15.
    """
    return deviation * jnp.exp(log_improvement((best - mean) / deviation))


def log_expected_improvement(
    mean: Float[Array, "*b"], deviation: Float[Array, "*b"], best: Float[Array, "*b"]
) -> Float[Array, "*b"]:
    """Logarithm of the expected improvement of a function that is minimised.

    It ranks points as the improvement does. Its gradient is useful where the improvement itself is rounded to 0.

    Args:
      mean: Posterior mean of the function.
      deviation: Posterior standard deviation of the function, above 0.
      best: The value to improve on.

    Returns:
      Finite while ``best`` is within 1e100 deviations of ``mean`` (1e18 in float32), ``-inf`` beyond, never NaN.

    References:
      Ament et al., Unexpected Improvements to Expected Improvement for Bayesian Optimization, 2023.
    """
    return jnp.log(deviation) + log_improvement((best - mean) / deviation)


def deviation_of_mean(variance: Float[Array, "*b"], noise_variance: Float[Array, ""]) -> Float[Array, "*b"]:
    r"""How far an observation at a point may move the posterior mean there: :math:`\sigma^2/\sqrt{\sigma^2 + \tau^2}`.

    Args:
      variance: Posterior variance of the function, above 0.
      noise_variance: Variance of the observation around it; with 0 the result is the function's own deviation.

    References:
      Picheny et al., Quantile-Based Optimization of Noisy Computer Experiments with Tunable Precision, 2013: the
      deviation of the future quantile at level 1/2.
    """
    return variance / jnp.sqrt(variance + noise_variance)


def probability_of_improvement(
    mean: Float[Array, "*b"], deviation: Float[Array, "*b"], best: Float[Array, "*b"]
) -> Float[Array, "*b"]:
    r"""Probability :math:`\Phi(z)` that the function is below ``best``, with :math:`z = (b - \mu)/\sigma`.

    Args:
      mean: Posterior mean of the function.
      deviation: Posterior standard deviation of the function, above 0.
      best: The value to improve on.

    References:
      Kushner, A New Method of Locating the Maximum Point of an Arbitrary Multipeak Curve, 1964.
    """
    return jnp.exp(log_normal_cdf((best - mean) / deviation))


def log_probability_of_improvement(
    mean: Float[Array, "*b"], deviation: Float[Array, "*b"], best: Float[Array, "*b"]
) -> Float[Array, "*b"]:
    """Logarithm of the probability of improvement, finite and with a slope far below it.

    Args:
      mean: Posterior mean of the function.
      deviation: Posterior standard deviation of the function, above 0.
      best: The value to improve on.
    """
    return log_normal_cdf((best - mean) / deviation)


def lower_confidence_bound(
    mean: Float[Array, "*b"], deviation: Float[Array, "*b"], weight: Float[Array, ""]
) -> Float[Array, "*b"]:
    r"""The bound :math:`\mu - w\sigma` below which the function is unlikely to be.

    Args:
      mean: Posterior mean of the function.
      deviation: Posterior standard deviation of the function.
      weight: Deviations below the mean, at least 0.

    References:
      Srinivas et al., Gaussian Process Optimization in the Bandit Setting, 2010, eq. 6 (for a maximum).
    """
    return mean - weight * deviation


def upper_confidence_bound(
    mean: Float[Array, "*b"], deviation: Float[Array, "*b"], weight: Float[Array, ""]
) -> Float[Array, "*b"]:
    r"""The bound :math:`\mu + w\sigma` above which the function is unlikely to be; for a function that is maximised.

    Args:
      mean: Posterior mean of the function.
      deviation: Posterior standard deviation of the function.
      weight: Deviations above the mean, at least 0.

    References:
      Srinivas et al., Gaussian Process Optimization in the Bandit Setting, 2010, eq. 6.
    """
    return mean + weight * deviation


def least_value_information(
    mean: Float[Array, "*b"], deviation: Float[Array, "*b"], least: Float[Array, "*b"]
) -> Float[Array, "*b"]:
    r"""Nats that the value at a point and the least value of the function tell of each other.

    Known to be above ``least`` the function is a truncated normal; the result is the entropy that it loses by it.

    Args:
      mean: Posterior mean of the function.
      deviation: Posterior standard deviation of the function, above 0.
      least: The function's least value.

    Returns:
      At least 0.

    References:
      Wang and Jegelka, Max-value Entropy Search for Efficient Bayesian Optimization, 2017, eq. 6 (for a maximum).
    """
    return truncation_information((mean - least) / deviation)


@cache
def _intervals() -> tuple[np.ndarray, np.ndarray]:
    """Masses of intervals of a standard normal, and where it is on average in each of them.

    Most of them are where it is likely, but enough where it is not.
    """
    from scipy.special import ndtr, ndtri  # which sets a filter of warnings as it is imported

    edges = 3**0.5 * ndtri(np.linspace(0, 1, 129))
    masses = np.diff(ndtr(edges))
    return masses, -np.diff(np.exp(-0.5 * edges**2) / np.sqrt(2 * np.pi)) / masses


def expected_least(intercept: Float[Array, " m"], slope: Float[Array, " m"]) -> Float[Array, ""]:
    r"""Expectation of the least of lines at a standard normal place: :math:`E[\min_i (a_i + b_i z)]`.

    The mean over 128 intervals of z, of each the least line at the mean of z there. That is exact but in the intervals
    where lines cross; it is too high by less than 1e-4 of the range of the slopes, and never above the least intercept.
    (The exact sum over crossings breaks where lines that are equal differ in rounding.)

    Args:
      intercept: Where the lines stand at 0.
      slope: How they rise.

    References:
      Frazier, Powell and Dayanik, The Knowledge-Gradient Policy for Correlated Normal Beliefs, 2009 (the quantity).
    """
    masses, middles = _intervals()
    z = jnp.asarray(middles, slope.dtype)
    # By number and not by value: a derivative that looks for the value again may not find it, for its rounding.
    least = jnp.argmin(intercept[:, None] + slope[:, None] * z[None, :], axis=0)
    return jnp.sum(jnp.asarray(masses, slope.dtype) * (intercept[least] + slope[least] * z))


def scheduled_weight(count: Float[Array, ""], num_columns: int, delta: Float[Array, ""]) -> Float[Array, ""]:
    r"""The weight :math:`\sqrt{\beta_t}` of a confidence bound whose regret grows less than the trials do.

    .. math:: \beta_t = 2 \log \frac{2 \pi^2 t^2}{3 \delta} + 2 d \log\Bigl(t^2 d \sqrt{\log(4 d / \delta)}\Bigr)

    Args:
      count: Observations that the coming one will make, t.
      num_columns: Columns d of the unit cube.
      delta: Probability that it may do so after all, above 0 and below 1.

    References:
      Srinivas, Krause, Kakade and Seeger, Gaussian Process Optimization in the Bandit Setting, 2010, theorem 2, with
      a = b = r = 1.
    """
    t, d = count, num_columns
    first = 2 * jnp.log(2 * np.pi**2 / 3 * t**2 / delta)
    second = 2 * d * jnp.log(t**2 * d * jnp.sqrt(jnp.log(4 * d / delta)))
    return jnp.sqrt(jnp.maximum(first + second, 0))
