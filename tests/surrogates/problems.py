"""Data, hyperparameters and jitted functions that the tests of the Gaussian process share, and so their compiles."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from jbo.encoding import CATEGORY, ORDERED, REAL, Column, Encoding
from jbo.surrogates import GPParams, gaussian_process, kernels
from jbo.types import Dataset

KERNELS = {
    "rbf": kernels.rbf,
    "matern12": kernels.matern12,
    "matern32": kernels.matern32,
    "matern52": kernels.matern52,
    "multiscale": kernels.multiscale,
}
# A real, a category of three, an ordinal of four and a category of two.
COLUMNS = (Column(REAL), Column(CATEGORY, 3), Column(ORDERED, 4), Column(CATEGORY, 2))
MIXED = Encoding(np.zeros((4, 2)), COLUMNS)
NUM_CHOICES = (0, 3, 0, 2)
BOUND = {name: kernel.bind(MIXED) for name, kernel in KERNELS.items()}
TOLERANCE = {"float64": 1e-9, "float32": 1e-3}

log_marginal_likelihood = jax.jit(gaussian_process.log_marginal_likelihood, static_argnames="kernel")
condition = jax.jit(gaussian_process.condition, static_argnames="kernel")
predict = jax.jit(gaussian_process.predict)
sample = jax.jit(gaussian_process.sample, static_argnames="num_samples")


def _evidence(params, x, y, data, kernel):
    data = dataclasses.replace(data, x=x, y=y)
    return gaussian_process.log_marginal_likelihood(params, data, kernel)


_evidence_gradient = jax.jit(jax.grad(_evidence, argnums=(0, 1, 2)), static_argnums=4)


def evidence_gradient(params, data, kernel):
    """Derivatives of the log marginal likelihood by parameters, inputs and values."""
    return _evidence_gradient(params, data.x, data.y, data, kernel)


def as_params(values, dtype):
    """Parameters of jbo from the tuple that the references take."""
    return GPParams(*(jnp.asarray(v, dtype) for v in values))


def as_sets(sets, dtype):
    """Hyperparameter sets with a leading axis from a list of tuples."""
    stacked = (np.stack(leaves) for leaves in zip(*sets, strict=True))
    return as_params(stacked, dtype)


def as_dataset(x, y, dtype, capacity=None, garbage=0.0):
    """The rows, then rows that are not valid and hold garbage."""
    n, d = x.shape
    capacity = capacity or n
    rows_x, rows_y = np.full((capacity, d), garbage), np.full(capacity, garbage)
    rows_x[:n], rows_y[:n] = x, y
    is_valid = np.arange(capacity) < n
    return Dataset(jnp.asarray(rows_x, dtype), jnp.asarray(rows_y, dtype), jnp.asarray(is_valid), jnp.ones((), dtype))


def standardised(y):
    """The values with mean 0 and variance 1."""
    return (y - y.mean()) / (y.std() or 1.0)


def smooth_data(n, d, seed=0, noise=0.05):
    """Standardised values of a smooth function with a little noise."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=(n, d))
    y = np.sin(5 * x[:, 0]) + (x**2).sum(1) + noise * rng.normal(size=n)
    return x, standardised(y)


def random_params(d, seed=0, noise=1e-3):
    """Moderate hyperparameters, different in each dimension."""
    rng = np.random.default_rng(seed)
    return np.log(rng.uniform(0.3, 1.5, d)), float(np.log(rng.uniform(0.5, 2))), float(np.log(noise))


def mixed_points(rng, n):
    """Snapped points of the columns of `MIXED`."""
    x = rng.uniform(size=(n, 4))
    for j, k in ((1, 3), (2, 4), (3, 2)):
        x[:, j] = (rng.integers(k, size=n) + 0.5) / k
    return x
