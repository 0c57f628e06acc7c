"""Cross-validation: predictions of each row from other rows."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from jbo.diagnostics._scores import Predictions
from jbo.surrogates import GPParams, Surrogate, fit_near
from jbo.surrogates.gaussian_process import GPPosterior, noise_at
from jbo.types import Dataset


def leave_one_out(posterior: GPPosterior, data: Dataset) -> Predictions:
    r"""Each row predicted by a Gaussian process conditioned on all other rows, with fixed hyperparameters.

    .. math:: \mu_i = y_i - \alpha_i / (K^{-1})_{ii}, \quad \sigma_i^2 = 1 / (K^{-1})_{ii}

    with the covariance :math:`K` of the observations and :math:`\alpha = K^{-1} y`. A single factorisation thus gives
    the same result as conditioning again for each row.

    Args:
      posterior: Exact posterior given ``data``, without inducing points. Several hyperparameter samples are averaged as
        in `gaussian_process.predict`.
      data: Standardised observations.

    Returns:
      Mean and variance of each observation; in padding rows, mean and variance of the prior.

    Raises:
      ValueError: If the posterior has other rows than the data, because of inducing points. Use `cross_validate` then.

    References:
      Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, eq. 5.12; Sundararajan and Keerthi,
      Predictive Approaches for Choosing Hyperparameters in Gaussian Processes, 2001.
    """
    if posterior.x.shape != data.x.shape:
        raise ValueError(
            f"posterior: expected a posterior given the {data.x.shape[0]} rows of data, got {posterior.x.shape[0]} "
            "rows; cross_validate takes any surrogate"
        )
    y = jnp.where(data.is_valid, data.y, 0)

    def one_set(
        params: GPParams, root: Float[Array, "n n"], alpha: Float[Array, " n"]
    ) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
        precision = jnp.sum(root**2, axis=1)
        prior = posterior.kernel.variance(params, posterior.x) + noise_at(params, posterior.x)
        mean = jnp.where(data.is_valid, y - alpha / precision, 0)
        return mean, jnp.where(data.is_valid, 1 / precision, prior)

    means, variances = jax.vmap(one_set)(posterior.params, posterior.root, posterior.alpha)
    mean = jnp.mean(means, axis=0)
    return Predictions(mean, jnp.mean(variances, axis=0) + jnp.mean((means - mean[None, :]) ** 2, axis=0))


def cross_validate(key: Key[Array, ""], surrogate: Surrogate, data: Dataset, num_folds: int = 10) -> Predictions:
    """Each row predicted by a surrogate that was fitted to the other folds, for any surrogate.

    Args:
      key: Random key of the folds and of the fits.
      surrogate: The model.
      data: Standardised observations.
      num_folds: Number of folds, at least 2. Their sizes differ by at most one row.

    Returns:
      Mean and variance of each observation; arbitrary in padding rows.

    Raises:
      ValueError: If there are fewer than two folds.
    """
    if num_folds < 2:
        raise ValueError(f"num_folds: expected at least 2, got {num_folds}")
    key_deal, key_fit = jax.random.split(key)
    fold = folds(key_deal, data.is_valid, num_folds)
    start = surrogate.init(data.x.shape[1], data.x.dtype)

    def without(i: Int[Array, ""]) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
        others = dataclasses.replace(data, is_valid=data.is_valid & (fold != i))
        params, _ = fit_near(surrogate, jax.random.fold_in(key_fit, i), others, start, jnp.asarray(False))
        posterior: Any = surrogate.condition(params, others)
        mean, variance = surrogate.predict(posterior, data.x)
        return mean, variance + posterior.noise_variance()

    means, variances = jax.lax.map(without, jnp.arange(num_folds, dtype=jnp.int32))
    own = jnp.arange(num_folds, dtype=jnp.int32)[:, None] == fold[None, :]
    return Predictions(*(jnp.sum(jnp.where(own, values, 0), axis=0) for values in (means, variances)))


def folds(key: Key[Array, ""], is_valid: Bool[Array, " n"], num_folds: int) -> Int[Array, " n"]:
    """The fold of each row: the valid rows are assigned to the folds in turn, in random order.

    Args:
      key: Random key of the order.
      is_valid: Rows that count; other rows get an arbitrary fold.
      num_folds: Number of folds.
    """
    draw = jnp.where(is_valid, jax.random.uniform(key, is_valid.shape, jnp.float32), 2)
    place = jnp.argsort(jnp.argsort(draw))
    return (place % num_folds).astype(jnp.int32)


def constant(data: Dataset) -> Predictions:
    """Each row predicted by the mean and the variance of the other rows, a baseline for models.

    Args:
      data: Observations, with at least three valid rows.

    Returns:
      Mean of the other :math:`n - 1` rows, and variance of a new observation, :math:`s^2 (1 + 1 / (n - 1))`.
    """
    y = jnp.where(data.is_valid, data.y, 0)
    others = jnp.sum(data.is_valid).astype(y.dtype) - 1
    mean = (jnp.sum(y) - y) / others
    # Use deviations from the mean of all rows, to avoid cancellation.
    centre = jnp.sum(y) / (others + 1)
    squares = jnp.where(data.is_valid, (y - centre) ** 2, 0)
    spread = jnp.sum(squares) - squares - others * (mean - centre) ** 2
    least = jnp.finfo(y.dtype).eps * jnp.maximum(jnp.sum(squares), jnp.finfo(y.dtype).tiny)
    return Predictions(mean, jnp.maximum(spread, least) / (others - 1) * (1 + 1 / others))
