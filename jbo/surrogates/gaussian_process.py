"""Gaussian process regression as plain functions: marginal likelihood, fit, posterior, prediction and samples."""

from jaxtyping import Array, Key

from jbo.checks import checked
from jbo.surrogates._gp import GP, gp
from jbo.surrogates._paths import Paths as Paths
from jbo.surrogates._paths import paths as paths
from jbo.surrogates._regression import GPPosterior as GPPosterior
from jbo.surrogates._regression import condition as condition
from jbo.surrogates._regression import covariance as covariance
from jbo.surrogates._regression import log_marginal_likelihood as log_marginal_likelihood
from jbo.surrogates._regression import noise_at as noise_at
from jbo.surrogates._regression import noise_of as noise_of
from jbo.surrogates._regression import predict as predict
from jbo.surrogates._regression import sample as sample
from jbo.surrogates._surrogate import FitInfo
from jbo.surrogates.kernels import GPParams
from jbo.types import Dataset


@checked
def fit(
    key: Key[Array, ""], data: Dataset, start: GPParams | None = None, *, surrogate: GP | None = None
) -> tuple[GPParams, FitInfo]:
    """Maximum a posteriori hyperparameters given ``data``, found by L-BFGS.

    Args:
      key: Random key of the third and later starts.
      data: Standardised observations.
      start: A warm start: one hyperparameter sample, for example from an earlier fit. It is then the only start. None:
        a cold fit, with starts at `GP.init` and at little noise.
      surrogate: Kernel, priors, noise and number of starts; None: as in `jbo.gp`.

    Returns:
      Parameters with a leading axis of 1, and diagnostics of the fit. They are never NaN.

    Example:
      >>> import jax
      >>> import jax.numpy as jnp
      >>> x = jnp.linspace(0, 1, 8)[:, None]
      >>> y = jnp.sin(6 * x[:, 0])
      >>> data = Dataset(x, (y - y.mean()) / y.std(), jnp.ones(8, bool))
      >>> params, info = fit(jax.random.key(0), data)
      >>> params.log_lengthscale.shape, bool(info.is_finite)
      ((1, 1), True)
    """
    surrogate = gp() if surrogate is None else surrogate
    is_near = start is not None
    start = surrogate.init(data.x.shape[1], data.x.dtype) if start is None else start
    return surrogate.fit(key, data, start, is_near)
