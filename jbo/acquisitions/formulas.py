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

    It has the same order of points as the expected improvement. Its gradient is useful where the improvement itself
    underflows to 0.

    Args:
      mean: Posterior mean of the function.
      deviation: Posterior standard deviation of the function, above 0.
      best: The value to improve on.

    Returns:
      A finite value while ``best`` is within 1e100 standard deviations of ``mean`` (1e18 in float32), ``-inf`` beyond,
      never NaN.

    References:
      Ament et al., Unexpected Improvements to Expected Improvement for Bayesian Optimization, 2023.
    """
    return jnp.log(deviation) + log_improvement((best - mean) / deviation)


def deviation_of_mean(variance: Float[Array, "*b"], noise_variance: Float[Array, ""]) -> Float[Array, "*b"]:
    r"""Standard deviation of the posterior mean after an observation: :math:`\sigma^2/\sqrt{\sigma^2 + \tau^2}`.

    Args:
      variance: Posterior variance :math:`\sigma^2` of the function at the observed point, above 0.
      noise_variance: Variance :math:`\tau^2` of the observation around the function. With 0 the result is the standard
        deviation of the function.

    References:
      Picheny et al., Quantile-Based Optimization of Noisy Computer Experiments with Tunable Precision, 2013: the
      standard deviation of the future quantile at level 1/2.
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
    """Logarithm of the probability of improvement, finite and with a gradient where the probability underflows.

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
      weight: Number of standard deviations below the mean, at least 0.

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
      weight: Number of standard deviations above the mean, at least 0.

    References:
      Srinivas et al., Gaussian Process Optimization in the Bandit Setting, 2010, eq. 6.
    """
    return mean + weight * deviation


def least_value_information(
    mean: Float[Array, "*b"], deviation: Float[Array, "*b"], least: Float[Array, "*b"]
) -> Float[Array, "*b"]:
    r"""Mutual information, in nats, of the value at a point and the minimum value of the function.

    Given that the function is above ``least``, its value is a truncated normal. The result is the loss of entropy by
    the truncation.

    Args:
      mean: Posterior mean of the function.
      deviation: Posterior standard deviation of the function, above 0.
      least: Minimum value of the function.

    Returns:
      A value of at least 0.

    References:
      Wang and Jegelka, Max-value Entropy Search for Efficient Bayesian Optimization, 2017, eq. 6 (for a maximum).
    """
    return truncation_information((mean - least) / deviation)


@cache
def _intervals() -> tuple[np.ndarray, np.ndarray]:
    """Masses and means of a standard normal in 128 intervals.

    Most intervals are in the bulk of the distribution, but enough are in its tails.
    """
    from scipy.special import ndtr, ndtri  # importing it sets a filter of warnings

    edges = 3**0.5 * ndtri(np.linspace(0, 1, 129))
    masses = np.diff(ndtr(edges))
    return masses, -np.diff(np.exp(-0.5 * edges**2) / np.sqrt(2 * np.pi)) / masses


def expected_least(intercept: Float[Array, " m"], slope: Float[Array, " m"]) -> Float[Array, ""]:
    r"""Expected minimum of lines at a standard normal :math:`z`: :math:`E[\min_i (a_i + b_i z)]`.

    It is a mean over 128 intervals of z, each with the minimum at the mean of z in the interval. This is exact except
    in intervals in which lines cross. The result is too high by less than 1e-4 of the range of the slopes, and never
    above the minimum intercept. (The exact sum over crossings fails for equal lines that differ by rounding.)

    Args:
      intercept: Intercepts :math:`a` of the lines.
      slope: Slopes :math:`b` of the lines.

    References:
      Frazier, Powell and Dayanik, The Knowledge-Gradient Policy for Correlated Normal Beliefs, 2009 (the quantity).
    """
    masses, middles = _intervals()
    z = jnp.asarray(middles, slope.dtype)
    # Take argmin and index, not min: the derivative of min looks for the value again, and may miss it by rounding.
    least = jnp.argmin(intercept[:, None] + slope[:, None] * z[None, :], axis=0)
    return jnp.sum(jnp.asarray(masses, slope.dtype) * (intercept[least] + slope[least] * z))


def scheduled_weight(count: Float[Array, ""], num_columns: int, delta: Float[Array, ""]) -> Float[Array, ""]:
    r"""The weight :math:`\sqrt{\beta_t}` of a confidence bound with sublinear regret.

    .. math:: \beta_t = 2 \log \frac{2 \pi^2 t^2}{3 \delta} + 2 d \log\Bigl(t^2 d \sqrt{\log(4 d / \delta)}\Bigr)

    Args:
      count: Number of the next observation, t, from 1.
      num_columns: Columns d of the unit cube.
      delta: Probability with which the guarantee may fail, above 0 and below 1.

    References:
      Srinivas, Krause, Kakade and Seeger, Gaussian Process Optimization in the Bandit Setting, 2010, theorem 2, with
      a = b = r = 1.
    """
    t, d = count, num_columns
    first = 2 * jnp.log(2 * np.pi**2 / 3 * t**2 / delta)
    second = 2 * d * jnp.log(t**2 * d * jnp.sqrt(jnp.log(4 * d / delta)))
    return jnp.sqrt(jnp.maximum(first + second, 0))
