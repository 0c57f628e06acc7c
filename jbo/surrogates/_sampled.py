"""Fully Bayesian Gaussian processes: hyperparameters are sampled from their posterior by NUTS."""

import dataclasses
import importlib.util
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from jbo.checks import checked, not_differentiable
from jbo.pytrees import pytree
from jbo.surrogates._gp import GP, _pack, gp
from jbo.surrogates._surrogate import FitInfo
from jbo.surrogates.kernels import GPParams, Kernel, matern52, multiscale
from jbo.types import Dataset

_MOST_DOUBLINGS = 7
"""Maximum number of doublings of a NUTS trajectory: at most 128 steps."""
_SHRINKAGE = 0.1
"""Scale of the half-Cauchy prior of the global shrinkage in SAAS."""


class Samples(NamedTuple):
    """A Markov chain of hyperparameters."""

    params: GPParams
    """Hyperparameter samples, along a leading axis."""
    shrinkage: Float[Array, " s"]
    """Log of the global shrinkage of SAAS; 0 without SAAS."""
    log_posterior: Float[Array, " s"]
    """Log density of each sample in the coordinates of the sampler, up to a constant."""
    num_steps: Int[Array, " s"]
    """Number of leapfrog steps of each sample; each is one evaluation of the marginal likelihood."""
    is_divergent: Bool[Array, " s"]
    """True for divergent transitions: the step size was too large there."""


@pytree
@dataclass(frozen=True)
class SampledGP(GP):
    """A Gaussian process with hyperparameters sampled from their posterior; made by `gp_mcmc` and `gp_saas`."""

    num_warmup: int = field(default=256, metadata={"static": True})
    num_sets: int = field(default=16, metadata={"static": True})
    thinning: int = field(default=8, metadata={"static": True})
    is_sparse: bool = field(default=False, metadata={"static": True})
    """True: the prior says that most columns have no effect (SAAS)."""
    uses_start: ClassVar[bool] = False

    @checked
    def fit(
        self, key: Key[Array, ""], data: Dataset, start: GPParams, is_near: Bool[Array, ""] | bool = False
    ) -> tuple[GPParams, FitInfo]:
        """Hyperparameter samples given ``data``, from a thinned Markov chain that starts at the posterior mode.

        Args:
          key: Random key of the chain.
          data: Standardised observations. If a table has more than 1,024 rows, 512 of them are used.
          start: One hyperparameter sample, at which the search for the mode starts.
          is_near: Not used: the mode is always searched from a cold start.

        Returns:
          Parameters with a leading axis of ``num_sets``, and diagnostics of the fit, with the maximum log density of
          all samples.
        """
        samples = self.chain(key, data, start)
        every = slice(self.thinning - 1, None, self.thinning)
        info = FitInfo(
            jnp.max(samples.log_posterior),
            jnp.sum(samples.num_steps).astype(jnp.int32),
            jnp.all(jnp.isfinite(samples.log_posterior)),
        )
        return jax.tree.map(lambda leaf: leaf[every], samples.params), info

    @checked
    def chain(self, key: Key[Array, ""], data: Dataset, start: GPParams) -> Samples:
        """All samples of a Markov chain, after its warmup.

        Args:
          key: Random key of the chain.
          data: Standardised observations.
          start: As in `fit`.

        References:
          Hoffman and Gelman, The No-U-Turn Sampler, 2014; the implementation is that of blackjax.
        """
        import blackjax

        data = self._fitted_to(data)
        key_mode, key_warmup, key_chain = jax.random.split(key, 3)
        mode, _ = GP.fit(self, key_mode, data, start)
        first = jax.tree.map(lambda leaf: leaf[0], mode)

        def log_density(z: Float[Array, " p"]) -> Float[Array, ""]:
            return self.log_density(z, data)

        def step(state: Any, key: Key[Array, ""]) -> tuple[Any, Any]:
            info: Any
            state, info = sampler.step(key, state)
            return state, (state.position, state.logdensity, info.num_integration_steps, info.is_divergent)

        # blackjax mixes types and ranks, which a caller's strict promotion would refuse.
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            warmup: Any = blackjax.window_adaptation(
                blackjax.nuts, log_density, target_acceptance_rate=0.85, max_num_doublings=_MOST_DOUBLINGS
            )
            (state, numbers), _ = warmup.run(key_warmup, self.coordinates(first), num_steps=self.num_warmup)
            sampler = blackjax.nuts(log_density, **numbers)
            keys = jax.random.split(key_chain, self.num_sets * self.thinning)
            _, (z, log_posterior, num_steps, is_divergent) = jax.lax.scan(step, state, keys)
        params, shrinkage = jax.vmap(lambda one: self.params_at(one, data))(z)
        return not_differentiable(
            Samples(params, shrinkage, log_posterior, num_steps.astype(jnp.int32), is_divergent),
            "gp_mcmc",
            "its hyperparameters are sampled by NUTS, whose steps are accepted or rejected; jbo.gp() has a derivative, "
            "and with jax.lax.stop_gradient on the data the samples are constants",
        )

    def log_density(self, z: Float[Array, " p"], data: Dataset) -> Float[Array, ""]:
        r"""Log posterior density in the coordinates of the sampler, up to a constant.

        The prior of each coordinate is a standard normal. With SAAS, the coordinates of lengthscales and shrinkage are
        logarithms of half-Cauchy variables instead, whose density is proportional to :math:`1 / \cosh`.

        Args:
          z: Coordinates, see `params_at`.
          data: Standardised observations.
        """
        params, _ = self.params_at(z, data)
        value = self.log_evidence(params, data)
        if not self.is_sparse:
            return value - 0.5 * jnp.sum(z**2)
        d = data.x.shape[1]
        sparse = jnp.concatenate([z[:d], z[-1:]])
        # log cosh without overflow, up to a constant.
        return value - jnp.sum(jnp.logaddexp(sparse, -sparse)) - 0.5 * jnp.sum(z[d:-1] ** 2)

    def params_at(self, z: Float[Array, " p"], data: Dataset) -> tuple[GPParams, Float[Array, ""]]:
        r"""The hyperparameter sample at a point of the sampler's coordinates, and the log of the SAAS shrinkage.

        With SAAS the inverse squared lengthscales are :math:`\tau \rho_j` with half-Cauchy variables :math:`\rho_j` and
        :math:`\tau / 0.1`. The last coordinate is that of :math:`\tau`.

        Args:
          z: Coordinates, in the order of `GPParams`.
          data: Standardised observations, for the number of columns and the scale of a known noise.
        """
        d, dtype = data.x.shape[1], z.dtype
        loc, _, scale = self._priors(d, dtype)
        theta = z[:-1] if self.is_sparse else z
        params = self._unpack(loc + scale * theta, d)
        shrinkage = jnp.zeros((), dtype)
        if self.is_sparse:
            shrinkage = z[-1] + float(np.log(_SHRINKAGE))
            params = params._replace(log_lengthscale=-0.5 * (shrinkage + z[:d]))
        if self.noise_slope is not None and self.is_category:
            params = params._replace(of_noise=jnp.where(np.array(self.is_category), 0, params.of_noise))
        if self.fixed_noise is not None:
            params = params._replace(log_noise_variance=self._log_fixed_noise(data, dtype))
        return params, shrinkage

    def coordinates(self, params: GPParams) -> Float[Array, " p"]:
        """The coordinates of one hyperparameter sample, at which a chain starts.

        Args:
          params: One hyperparameter sample.
        """
        d, dtype = params.log_lengthscale.shape[0], params.log_lengthscale.dtype
        loc, _, scale = self._priors(d, dtype)
        z = (_pack(params) - loc) / scale
        # With a narrow prior, a bound may be many standard deviations from its mean: a bad start for a chain.
        z = jnp.clip(z, -3, 3)
        if not self.is_sparse:
            return z
        rates = -2 * params.log_lengthscale - float(np.log(_SHRINKAGE))
        return jnp.concatenate([rates, z[d:], jnp.zeros(1, dtype)])


def gp_mcmc(
    *,
    kernel: Kernel = multiscale,
    noise: str | float = "inferred",
    lengthscale_prior: tuple[float, float] = (-0.5, 1.0),
    signal_prior: tuple[float, float] = (0.0, 0.5),
    noise_prior: tuple[float, float] = (float(np.log(3e-3)), 2.0),
    num_warmup: int = 256,
    num_sets: int = 16,
    thinning: int = 8,
) -> SampledGP:
    """A fully Bayesian Gaussian process: acquisitions are averaged over hyperparameter samples from NUTS.

    It needs blackjax (``pip install jbo[bayes]``). A fit takes thousands of evaluations of the marginal likelihood;
    `gp` takes tens.

    Args:
      kernel: As in `gp`.
      noise: As in `gp`.
      lengthscale_prior: As in `gp`.
      signal_prior: As in `gp`.
      noise_prior: As in `gp`.
      num_warmup: Number of warmup steps, which adapt the step size and the mass matrix.
      num_sets: Number of hyperparameter samples that an acquisition is averaged over.
      thinning: Number of samples of the chain for each sample that is kept.

    Raises:
      ImportError: If blackjax is not installed.
      ValueError: As in `gp`, or a number is below 1.

    References:
      Snoek, Larochelle and Adams, Practical Bayesian Optimization of Machine Learning Algorithms, 2012, section 3.2.
    """
    base = gp(
        kernel=kernel,
        noise=noise,
        lengthscale_prior=lengthscale_prior,
        signal_prior=signal_prior,
        noise_prior=noise_prior,
    )
    return _sampled(base, num_warmup, num_sets, thinning, False)


def gp_saas(
    *,
    kernel: Kernel = matern52,
    noise: str | float = "inferred",
    signal_prior: tuple[float, float] = (0.0, 0.5),
    noise_prior: tuple[float, float] = (float(np.log(3e-3)), 2.0),
    num_warmup: int = 256,
    num_sets: int = 16,
    thinning: int = 16,
) -> SampledGP:
    """A fully Bayesian Gaussian process for many parameters of which few matter (SAAS), sampled by NUTS.

    Inverse squared lengthscales have half-Cauchy priors with a common scale, which has a half-Cauchy prior as well.
    Most parameters therefore have no effect unless the data show one. It needs blackjax (``pip install jbo[bayes]``).

    Args:
      kernel: As in `gp`. The prior applies to the lengthscales that the kernel takes from ``log_lengthscale``.
      noise: As in `gp`.
      signal_prior: As in `gp`.
      noise_prior: As in `gp`.
      num_warmup: As in `gp_mcmc`.
      num_sets: As in `gp_mcmc`.
      thinning: As in `gp_mcmc`.

    Raises:
      ImportError: If blackjax is not installed.
      ValueError: As in `gp_mcmc`.

    References:
      Eriksson and Jankowiak, High-Dimensional Bayesian Optimization with Sparse Axis-Aligned Subspaces, 2021,
      section 4.1.
    """
    base = gp(kernel=kernel, noise=noise, signal_prior=signal_prior, noise_prior=noise_prior)
    return _sampled(base, num_warmup, num_sets, thinning, True)


def _sampled(base: GP, num_warmup: int, num_sets: int, thinning: int, is_sparse: bool) -> SampledGP:
    for name, value in (("num_warmup", num_warmup), ("num_sets", num_sets), ("thinning", thinning)):
        if value < 1:
            raise ValueError(f"{name}: expected at least 1, got {value}")
    if importlib.util.find_spec("blackjax") is None:
        raise ImportError("gp_mcmc: hyperparameters are sampled by blackjax; pip install jbo[bayes]")
    of_base = {f.name: getattr(base, f.name) for f in dataclasses.fields(base)}
    return SampledGP(**of_base, num_warmup=num_warmup, num_sets=num_sets, thinning=thinning, is_sparse=is_sparse)
