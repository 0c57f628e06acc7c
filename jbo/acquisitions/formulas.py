"""What a point is worth, as functions of the model's mean and deviation there and of the best value so far.

Lower is better for the objective; an acquisition's value is better when higher. All take arrays of any one shape.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jbo.numerics import log_improvement, log_normal_cdf


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
    """Logarithm of the expected improvement: the same order, with a slope where the improvement itself is 0.

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
    r"""The bound :math:`\mu + w\sigma` above which the function is unlikely to be.

    Args:
      mean: Posterior mean of the function.
      deviation: Posterior standard deviation of the function.
      weight: Deviations above the mean, at least 0.

    References:
      Srinivas et al., Gaussian Process Optimization in the Bandit Setting, 2010, eq. 6.
    """
    return mean + weight * deviation
