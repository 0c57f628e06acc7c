"""Independent references in float64 NumPy and SciPy: textbook formulas, written to be right rather than fast."""

import numpy as np
from scipy.integrate import quad
from scipy.special import log_ndtr
from scipy.stats import multivariate_normal

LEAST_NOISE = {"float64": 1e-8, "float32": 1e-5}
"""The documented floor of the noise variance, relative to the signal variance."""


def distance(x1, x2, lengthscale, num_choices=()):
    """Scaled Euclidean distance of each pair; a category adds 1/lengthscale^2 to its square where choices differ."""
    squared = np.zeros((len(x1), len(x2)))
    for j in range(x1.shape[1]):
        a, b = x1[:, j, None], x2[None, :, j]
        k = num_choices[j] if num_choices else 0
        difference = (np.floor(a * k) != np.floor(b * k)).astype(float) if k else a - b
        squared += (difference / lengthscale[j]) ** 2
    return np.sqrt(squared)


PROFILES = {
    "rbf": lambda r: np.exp(-(r**2) / 2),
    "matern12": lambda r: np.exp(-r),
    "matern32": lambda r: (1 + np.sqrt(3) * r) * np.exp(-np.sqrt(3) * r),
    "matern52": lambda r: (1 + np.sqrt(5) * r + 5 * r**2 / 3) * np.exp(-np.sqrt(5) * r),
}
PROFILES["multiscale"] = lambda r: (PROFILES["matern32"](2 * r) + PROFILES["matern32"](r) + PROFILES["rbf"](r / 3)) / 3
"""Correlation as a function of the scaled distance (Rasmussen and Williams 2006, section 4.2.1)."""


def covariance(name, params, x1, x2, num_choices=()):
    """Covariance of the function; ``params`` is (log lengthscales, log signal variance, log noise variance)."""
    return np.exp(params[1]) * PROFILES[name](distance(x1, x2, np.exp(params[0]), num_choices))


def observed_covariance(name, params, x, least_noise=0.0, num_choices=()):
    """Covariance of observations at ``x``."""
    noise = max(np.exp(params[2]), least_noise * np.exp(params[1]))
    return covariance(name, params, x, x, num_choices) + noise * np.eye(len(x))


def log_marginal_likelihood(name, params, x, y, least_noise=0.0, num_choices=()):
    """Log density of ``y`` under the Gaussian process, by SciPy."""
    if len(y) == 0:
        return 0.0
    cov = observed_covariance(name, params, x, least_noise, num_choices)
    return multivariate_normal.logpdf(y, np.zeros(len(y)), cov)


def posterior(name, params, x, y, x_new, least_noise=0.0, num_choices=()):
    """Mean and covariance of the function at ``x_new`` by a dense solve."""
    prior = covariance(name, params, x_new, x_new, num_choices)
    if len(y) == 0:
        return np.zeros(len(x_new)), prior
    cross = covariance(name, params, x_new, x, num_choices)
    weights = np.linalg.solve(observed_covariance(name, params, x, least_noise, num_choices), cross.T).T
    return weights @ y, prior - weights @ cross.T


def mixture(moments):
    """Mean and variance of an equal mixture of (mean, variance) pairs, by the raw second moment."""
    means, variances = (np.array([pair[i] for pair in moments]) for i in range(2))
    mean = means.mean(0)
    return mean, (variances + means**2).mean(0) - mean**2


def log_normal_cdf(z):
    """Logarithm of the normal distribution function by SciPy."""
    return log_ndtr(np.asarray(z, np.float64))


def log_improvement(z):
    r"""Logarithm of :math:`\int_0^\infty t\,\phi(t - z)\,dt` by quadrature of a form without cancellation."""
    x = np.abs(np.float64(z))
    # t = s / (1 + x) turns the integral for -x into phi(x) / (1 + x)^2 times one of order 1.
    scale = 1 + x
    integral = quad(lambda s: s * np.exp(-s * (x / scale) - 0.5 * (s / scale) ** 2), 0, np.inf, epsabs=0, epsrel=1e-13)
    log_below = np.log(integral[0]) - 2 * np.log(scale) - 0.5 * x * x - 0.5 * np.log(2 * np.pi)
    return log_below if z <= 0 else np.log(x + np.exp(log_below))


def expected_improvement(mean, deviation, best):
    """Mean of max(best - f, 0) by numerical integration over standard deviations below ``best``."""
    z = (best - mean) / deviation
    return (
        deviation
        * quad(lambda u: (z - u) * np.exp(-0.5 * u * u), z - 40, z, epsabs=0, limit=200)[0]
        / np.sqrt(2 * np.pi)
    )


def probability_of_improvement(mean, deviation, best):
    """Probability that f is below ``best`` by numerical integration."""
    z = (best - mean) / deviation
    return quad(lambda u: np.exp(-0.5 * u * u), z - 40, z, epsabs=0, limit=200)[0] / np.sqrt(2 * np.pi)


def gradient(function, x, step=1e-5):
    """Central differences of a scalar function of an array, of fourth order."""
    x = np.asarray(x, np.float64)
    result = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        e = np.zeros_like(x)
        e[i] = step
        near = float(function(x + e)) - float(function(x - e))
        far = float(function(x + 2 * e)) - float(function(x - 2 * e))
        result[i] = (8 * near - far) / (12 * step)
    return result
