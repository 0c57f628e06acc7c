"""The Gaussian process as a surrogate: priors, bounds and the fit of its hyperparameters."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from jbo.bounded import BoundedResult, minimize_bounded
from jbo.checks import checked
from jbo.encoding import Encoding
from jbo.linalg import largest_of_lanes
from jbo.numerics import choose, matmul
from jbo.pytrees import pytree
from jbo.surrogates import _regression
from jbo.surrogates._regression import GPPosterior
from jbo.surrogates._surrogate import FitInfo, Posterior
from jbo.surrogates.inducing import condition_on_inducing, inducing_rows, thinned
from jbo.surrogates.kernels import (
    Covariance,
    GPParams,
    Kernel,
    Normal,
    Slot,
    as_covariance,
    as_normal,
    multiscale,
    trend,
    with_effects,
)
from jbo.surrogates.monotone import condition_monotone
from jbo.surrogates.output_warp import SLOTS as WARP_SLOTS
from jbo.surrogates.output_warp import WarpedPosterior, warped
from jbo.types import Dataset

LENGTHSCALE_BOUNDS = (0.03, 30.0)
SIGNAL_BOUNDS = (1e-2, 1e2)
NOISE_BOUNDS = (1e-6, 1.0)
_ROWS_OF_ONE_START = 128
"""With this number of rows or more, a fit has one start: starts cost more, and the optimum is less ambiguous."""
_MOST_EXACT = 1024
"""Maximum number of rows for exact inference, whose cost is cubic. Larger tables use inducing points."""
_NUM_INDUCING = 256
_NUM_THINNED = 512
"""Number of rows, evenly spread over the table, to which the hyperparameters of a larger table are fitted."""
_LEAST_NOISE = 1e-12
"""Variance that replaces a noise of 0, because its logarithm must be finite."""
_LARGEST_NOISE = 1e12
"""Largest variance of a known noise. With more noise the values carry no information."""


@pytree
@dataclass(frozen=True)
class GP:
    """A Gaussian process with maximum a posteriori hyperparameters; made by `gp`."""

    lengthscale: Normal
    """Prior of log lengthscale - log(d) / 2, in units of the cube."""
    signal: Normal
    """Prior of the log variance of the function."""
    noise: Normal
    """Prior of the log noise variance, if it is inferred."""
    fixed_noise: float | Float[Array, ""] | None
    """Standard deviation of an observation in the units of the objective; None: inferred."""
    kernel: Covariance
    num_starts: int = field(metadata={"static": True})
    noise_slope: Normal | None = None
    """Prior of the slope of the log noise variance in each column; None: the noise is the same everywhere."""
    is_category: tuple[bool, ...] = field(default=(), metadata={"static": True})
    """Columns without a slope of the noise; empty: none."""
    warps_output: bool = field(default=False, metadata={"static": True})
    """True if the values pass through an inferred monotone function."""
    most_exact: int | None = field(default=None, metadata={"static": True})
    """Maximum number of rows for exact inference; larger tables use inducing points. None: 1,024."""
    num_inducing: int | None = field(default=None, metadata={"static": True})
    """Maximum number of inducing points; None: 256."""
    monotone: Encoding | None = None
    """Columns of the space if the function is monotone in one of them; None otherwise."""
    is_smooth: ClassVar[bool] = True
    uses_start: ClassVar[bool] = True

    def bind(self, encoding: Encoding) -> "GP":
        """The surrogate, bound to the columns of a space: their categories and their monotone directions."""
        is_category = () if self.noise_slope is None else tuple(map(bool, encoding.is_category))
        is_monotone = any(column.monotone for column in encoding.columns)
        return dataclasses.replace(
            self,
            kernel=self.kernel.bind(encoding),
            is_category=is_category,
            monotone=encoding.of_model() if is_monotone else None,
        )

    def resolve(self, names: Sequence[str]) -> "GP":
        """The surrogate, with parameter names in the kernel replaced by column numbers.

        Args:
          names: Names of all columns, in order.
        """
        return dataclasses.replace(self, kernel=self.kernel.resolve(names))

    def init(self, num_columns: int, dtype: jnp.dtype) -> GPParams:
        """Starting parameters of a cold fit: short lengthscales and some noise.

        Starting from the mode of the prior takes more steps, and more often ends in a model of pure noise.

        Args:
          num_columns: Columns ``d`` of the inputs.
          dtype: Floating type of the parameters.
        """
        return self._unpack(self._place(-1.0, 1.0, num_columns, dtype), num_columns)

    def log_prior(self, params: GPParams) -> Float[Array, ""]:
        """Log density of the priors at one hyperparameter sample, up to a constant.

        Args:
          params: One hyperparameter sample.
        """
        mode, _, scale = self._priors(params.log_lengthscale.shape[0], params.log_lengthscale.dtype)
        return -0.5 * jnp.sum(((_pack(params) - mode) / scale) ** 2)

    @checked
    def fit(
        self, key: Key[Array, ""], data: Dataset, start: GPParams, is_near: Bool[Array, ""] | bool = False
    ) -> tuple[GPParams, FitInfo]:
        """Maximum a posteriori hyperparameters given ``data``, from several starts.

        Args:
          key: Random key of the third and later starts.
          data: Standardised observations. With 128 or more, only the first start is used. If a table has more than
            1,024 rows, the fit uses 512 of them, evenly spread.
          start: One hyperparameter sample, the first start.
          is_near: True for a warm start, such as an earlier fit. It is then the only start.

        Returns:
          Parameters with a leading axis of 1, and diagnostics of the fit. They are never NaN. Both have the derivatives
          of the optimum, in forward and reverse mode: with respect to the observations, their noise, the priors and the
          numbers of the kernel. The derivatives do not depend on ``start``.

        References:
          Krantz and Parks, The Implicit Function Theorem, 2002 (the derivative of the optimum).
        """
        # Not by inducing points: their likelihood explains details by noise, and costs ten times as much.
        data = self._fitted_to(data)
        d = data.x.shape[1]
        if start.log_lengthscale.ndim != 1:
            raise ValueError(
                "start: expected one hyperparameter sample, got a leading axis of "
                f"{start.log_lengthscale.shape[0]} samples; jax.tree.map(lambda leaf: leaf[0], params) is the first"
            )
        # The optimum has its own derivative. The derivative of the search would differ from it, or be NaN.
        found, info = _without_derivative(self)._search(key, *_without_derivative((data, start)), jnp.asarray(is_near))
        theta, log_posterior = _with_derivative(found, info.log_posterior, self, data)
        return self._unpack(theta[None, :], d), info._replace(log_posterior=log_posterior)

    def _search(
        self, key: Key[Array, ""], data: Dataset, start: GPParams, is_near: Bool[Array, ""]
    ) -> tuple[Float[Array, " p"], FitInfo]:
        """The best optimum of all starts, as a vector in the order of `GPParams`, and diagnostics."""
        dtype = data.x.dtype
        d = data.x.shape[1]
        # In these coordinates the prior is a standard normal. A wide prior is an exception: steps would be too long.
        mode, unit, scale = self._priors(d, dtype)
        lower, upper = ((bound - mode) / unit for bound in self._bounds(data, dtype))
        count = jnp.sum(data.is_valid)
        rows = jnp.maximum(count, 1).astype(dtype)

        def loss(u: Float[Array, " p"]) -> Float[Array, ""]:
            evidence = self.log_evidence(self._unpack(mode + unit * u, d), data)
            return (0.5 * jnp.sum((unit / scale * u) ** 2) - evidence) / rows

        def go_on(i: Int[Array, ""], best: BoundedResult) -> BoundedResult:
            result = minimize_bounded(
                loss,
                starts[i],
                lower,
                upper,
                max_evaluations=60,
                gradient_tolerance=1e-4,
                value_tolerance=1e-6,
            )
            is_better = (i == 0) | ((i < num_starts) & (result.value < best.value))
            chosen = choose(is_better, result, best)
            return chosen._replace(num_evaluations=best.num_evaluations + result.num_evaluations)

        # Starts run one after another: under vmap they would wait for each other, and batched products gain little.
        starts = (self._starts(key, start) - mode[None, :]) / unit[None, :]
        num_starts = jnp.where((count >= _ROWS_OF_ONE_START) | is_near, 1, self.num_starts).astype(jnp.int32)
        nothing = BoundedResult(starts[0], jnp.asarray(jnp.inf, dtype), jnp.zeros((), jnp.int32))
        best = jax.lax.fori_loop(np.int32(0), largest_of_lanes(num_starts), go_on, nothing)
        info = FitInfo(-best.value * rows, best.num_evaluations, jnp.isfinite(best.value))
        return mode + unit * best.x, info

    def log_posterior(self, theta: Float[Array, " p"], data: Dataset) -> Float[Array, ""]:
        """The objective of `fit`: log marginal likelihood plus log prior density, up to a constant, in nats.

        Args:
          theta: One hyperparameter sample as a vector: log lengthscales, log signal variance, log noise variance, then
            the entries of ``of_kernel``, ``of_noise`` and ``of_output``.
          data: Standardised observations.
        """
        d = data.x.shape[1]
        mode, _, scale = self._priors(d, theta.dtype)
        return self.log_evidence(self._unpack(theta, d), data) - 0.5 * jnp.sum(((theta - mode) / scale) ** 2)

    def log_evidence(self, params: GPParams, data: Dataset) -> Float[Array, ""]:
        """Log marginal likelihood of ``data`` in nats, including the Jacobian of the output warp, if there is one.

        Args:
          params: One hyperparameter sample.
          data: Standardised observations.
        """
        data = self._with_slope(data)
        if not self.warps_output:
            return _regression.log_marginal_likelihood(params, data, self.kernel)
        latent, log_jacobian = warped(params.of_output, data)
        return _regression.log_marginal_likelihood(params, latent, self.kernel) + log_jacobian

    @checked
    def condition(self, params: GPParams, data: Dataset) -> GPPosterior | WarpedPosterior:
        """The posterior given ``data``; see `gaussian_process.condition`. A known noise has the units of ``data``."""
        data = self._with_slope(data)
        if not self.warps_output:
            return self._condition(params, data)

        def one(params: GPParams) -> GPPosterior:
            latent, _ = warped(params.of_output, data)
            return self._condition(jax.tree.map(lambda leaf: leaf[None], params), latent)

        return WarpedPosterior(jax.vmap(one)(params), params.of_output, data.y, data.is_valid)

    def _condition(self, params: GPParams, data: Dataset) -> GPPosterior:
        if self.fixed_noise is not None:
            log_noise = self._log_fixed_noise(data, params.log_noise_variance.dtype)
            params = params._replace(log_noise_variance=jnp.full_like(params.log_noise_variance, log_noise))
        if data.x.shape[0] <= self._most_exact:
            if self.monotone is not None:
                return condition_monotone(params, data, self.kernel, self.monotone)
            return _regression.condition(params, data, self.kernel)
        first = jax.tree.map(lambda leaf: leaf[0], params)
        return condition_on_inducing(params, data, self.kernel, *self._inducing(first, data))

    @checked
    def predict(self, posterior: Posterior, x: Float[Array, "m d"]) -> tuple[Float[Array, " m"], Float[Array, " m"]]:
        """Mean and variance of the function; see `gaussian_process.predict`."""
        return posterior.predict(x)

    @checked
    def sample(
        self, key: Key[Array, ""], posterior: GPPosterior, x: Float[Array, "m d"], num_samples: int
    ) -> Float[Array, "{num_samples} m"]:
        """Joint samples of the function; see `gaussian_process.sample`."""
        return _regression.sample(key, posterior, x, num_samples)

    def _inducing(self, params: GPParams, data: Dataset) -> tuple[Int[Array, " m"], Bool[Array, " m"]]:
        number = _NUM_INDUCING if self.num_inducing is None else self.num_inducing
        return inducing_rows(params, data, self.kernel, min(number, data.x.shape[0]))

    @property
    def _most_exact(self) -> int:
        return _MOST_EXACT if self.most_exact is None else self.most_exact

    def _fitted_to(self, data: Dataset) -> Dataset:
        """The rows to which the hyperparameters are fitted."""
        if data.x.shape[0] <= self._most_exact:
            return data
        return thinned(data, min(_NUM_THINNED, data.x.shape[0]))

    def _slots(self, num_columns: int) -> tuple[tuple[Slot, ...], tuple[Slot, ...], tuple[Slot, ...]]:
        """The entries of ``of_kernel``, ``of_noise`` and ``of_output`` in `GPParams`."""
        of_noise = ()
        if self.noise_slope is not None:
            slope, none = Slot("own", self.noise_slope, (-8.0, 8.0)), Slot("own", Normal(0.0, 1.0), (0.0, 0.0))
            of_noise = tuple(none if c else slope for c in self.is_category or (False,) * num_columns)
        return self.kernel.slots(num_columns), of_noise, WARP_SLOTS if self.warps_output else ()

    def _unpack(self, theta: Float[Array, "*r p"], num_columns: int) -> GPParams:
        ends = num_columns + 2 + np.cumsum([0, *map(len, self._slots(num_columns))])
        more = (theta[..., a:b] if b > a else () for a, b in itertools.pairwise(ends))
        return GPParams(theta[..., :num_columns], theta[..., num_columns], theta[..., num_columns + 1], *more)

    def _priors(
        self, num_columns: int, dtype: jnp.dtype
    ) -> tuple[Float[Array, " p"], Float[Array, " p"], Float[Array, " p"]]:
        """For each parameter: the mode of its prior, the unit of the search, and the prior's standard deviation."""
        slots, widths = list(itertools.chain(*self._slots(num_columns))), self.kernel.widths(num_columns)
        priors = [self.lengthscale, self.signal, self.noise, *map(self._prior, slots)]
        counts = [num_columns, *[1] * (len(priors) - 1)]

        def spread(numbers: list[Any]) -> Float[Array, " p"]:
            parts = [jnp.broadcast_to(jnp.asarray(n, dtype), (k,)) for n, k in zip(numbers, counts, strict=True)]
            return jnp.concatenate(parts)

        loc, scale = spread([prior.loc for prior in priors]), spread([prior.scale for prior in priors])
        more, most = np.zeros(sum(counts)), np.ones(sum(counts))
        more[:num_columns] = 0.5 * np.log(np.maximum(widths, 1))
        # The unit is the standard deviation of the prior, with an upper limit for wide priors.
        most[num_columns : num_columns + 2] = 0.5, 2.0
        most[num_columns + 2 :] = [0.5 if slot.kind == "signal" else 1.0 for slot in slots]
        return loc + more.astype(dtype), jnp.minimum(scale, most.astype(dtype)), scale

    def _place(self, lengthscale: float, noise: float, num_columns: int, dtype: jnp.dtype) -> Float[Array, " p"]:
        """The mode of the prior, with lengthscales and noise moved by the given numbers of units."""
        mode, unit, _ = self._priors(num_columns, dtype)
        slots = itertools.chain(*self._slots(num_columns))
        of_slots = [lengthscale if slot.kind == "lengthscale" else 0.0 for slot in slots]
        return mode + np.array([*[lengthscale] * num_columns, 0.0, noise, *of_slots], dtype) * unit

    def _prior(self, slot: Slot) -> Normal:
        """The prior for one entry of ``of_kernel``."""
        if slot.kind == "own":
            return slot.prior
        if slot.kind == "signal":
            return self.signal
        return Normal(self.lengthscale.loc + 0.5 * np.log(slot.num_columns), self.lengthscale.scale)

    def _starts(self, key: Key[Array, ""], start: GPParams) -> Float[Array, "r p"]:
        """The starts of a fit: the given one, one with little noise, and random ones around these."""
        d, dtype = start.log_lengthscale.shape[0], start.log_lengthscale.dtype
        starts = [_pack(start), self._place(-1.0, -1.0, d, dtype)][: self.num_starts]
        if self.num_starts > 2:
            centre, (_, unit, _) = self._place(-1.0, 0.0, d, dtype), self._priors(d, dtype)
            draws = jax.random.normal(key, (self.num_starts - 2, centre.shape[0]), dtype)
            starts += list(centre[None, :] + unit[None, :] * draws)
        return jnp.stack(starts)

    def _bounds(self, data: Dataset, dtype: jnp.dtype) -> tuple[Float[Array, " p"], Float[Array, " p"]]:
        d = data.x.shape[1]
        slots = tuple(itertools.chain(*self._slots(d)))

        def side(i: int, noise: Float[Array, ""]) -> Float[Array, " p"]:
            log_lengthscale, log_signal = float(np.log(LENGTHSCALE_BOUNDS[i])), float(np.log(SIGNAL_BOUNDS[i]))
            shared = {"lengthscale": log_lengthscale, "signal": log_signal}
            fixed = jnp.asarray([log_lengthscale] * d + [log_signal], dtype)
            own = jnp.asarray([shared.get(slot.kind, slot.bounds[i]) for slot in slots], dtype)
            return jnp.concatenate([fixed, noise[None], *([own] if slots else [])])

        if self.fixed_noise is None:
            low, high = (jnp.asarray(np.log(b), dtype) for b in NOISE_BOUNDS)
        else:
            low = high = self._log_fixed_noise(data, dtype)
        return side(0, low), side(1, high)

    def _with_slope(self, data: Dataset) -> Dataset:
        """The data, with the slope of the compressed values only if the noise of the objective is known.

        Compression scales a known noise by the slope. An inferred noise already refers to the compressed values.
        """
        return data if self.fixed_noise is not None else dataclasses.replace(data, slope=None)

    def _log_fixed_noise(self, data: Dataset, dtype: jnp.dtype) -> Float[Array, ""]:
        """The log variance of a known noise in units of standardised ``y``."""
        y_scale = jnp.maximum(data.y_scale.astype(dtype), jnp.finfo(dtype).tiny)
        deviation = jnp.asarray(self.fixed_noise, dtype) / y_scale
        return jnp.log(jnp.clip(deviation**2, _LEAST_NOISE, _LARGEST_NOISE))


def gp(
    *,
    kernel: Kernel = with_effects(multiscale),  # noqa: B008 -- frozen
    mean: Callable[[Float[Array, " d"]], Float[Array, ""]] | None = None,
    noise: str | float = "inferred",
    lengthscale_prior: tuple[float, float] = (-0.5, 1.0),
    signal_prior: tuple[float, float] = (0.0, 0.5),
    noise_prior: tuple[float, float] = (float(np.log(3e-3)), 2.0),
    num_starts: int = 2,
    noise_slope_prior: tuple[float, float] | None = None,
    warps_output: bool = False,
    most_exact: int | None = None,
    num_inducing: int | None = None,
) -> GP:
    """A Gaussian process surrogate with maximum a posteriori hyperparameters.

    Args:
      kernel: Covariance function, see `jbo.surrogates.kernels`; the default is `kernels.multiscale`, with an effect of
        each choice of a category (`kernels.with_effects`).
      mean: Expected shape of the objective, a function of a point of the unit cube. Its offset and its weight are
        inferred; see `jbo.surrogates.kernels.trend`.
      noise: ``"inferred"``, or the standard deviation of an observation in the units of the objective. 0.0: exact
        evaluations.
      lengthscale_prior: Mean and standard deviation of ``log(lengthscale) - log(d) / 2`` for ``d`` columns. The growth
        with the square root of ``d`` is from Hvarfner et al., Vanilla Bayesian Optimization Performs Great in High
        Dimensions, 2024. Their (2**0.5, 3**0.5) is wider and longer; on Branin and Hartmann 6 it was slower.
      signal_prior: Mean and standard deviation of the log variance of the function. ``y`` is standardised, so the mean
        is near 0.
      noise_prior: Mean and standard deviation of the log noise variance, in units of standardised ``y``.
      num_starts: Number of restarts of a cold fit to fewer than 128 results. From 32 results on, three of four fits
        have a warm start instead, the previous fit, and no restarts.
      noise_slope_prior: Mean and standard deviation of the slope of the log noise variance in each column, over its
        whole range. Use it if the noise varies with a parameter. None: the noise is the same everywhere.
      warps_output: True: the values pass through a monotone function (sinh-arcsinh), for objectives with long tails.
        Its two parameters are inferred with the others. A given ``noise`` is then in units of the warped values.
      most_exact: Maximum number of rows for exact inference, whose cost grows with their cube. Larger tables use
        inducing points. None: 1,024.
      num_inducing: Maximum number of inducing points, which are rows of the table; None: 256.

    Raises:
      ValueError: If ``noise`` is neither ``"inferred"`` nor a finite number of at least 0, or ``num_starts``,
        ``most_exact`` or ``num_inducing`` is below 1.
    """
    if isinstance(noise, str):
        if noise != "inferred":
            raise ValueError(f"noise: expected 'inferred' or a number >= 0, got {noise!r}")
    elif isinstance(noise, int | float) and not (noise >= 0 and np.isfinite(noise)):
        raise ValueError(f"noise: expected 'inferred' or a finite number >= 0, got {noise!r}")
    for name, value in (("num_starts", num_starts), ("most_exact", most_exact), ("num_inducing", num_inducing)):
        if value is not None and value < 1:
            raise ValueError(f"{name}: expected at least 1, got {value}")
    return GP(
        as_normal(lengthscale_prior),
        as_normal(signal_prior),
        as_normal(noise_prior),
        None if isinstance(noise, str) else 1.0 * noise,
        as_covariance(kernel) if mean is None else as_covariance(kernel) + trend(mean),
        num_starts,
        None if noise_slope_prior is None else as_normal(noise_slope_prior),
        (),
        warps_output,
        most_exact,
        num_inducing,
    )


def _without_derivative(tree: Any) -> Any:
    """A tree with `stop_gradient` on every array; plain numbers stay plain."""
    return jax.tree.map(lambda leaf: jax.lax.stop_gradient(leaf) if isinstance(leaf, jax.Array) else leaf, tree)


@jax.custom_jvp
def _with_derivative(theta, log_posterior, surrogate, data):
    r"""The optimum and its value, unchanged, with derivatives from the implicit function theorem.

    At a maximum of :math:`L(\theta, z)` the gradient in :math:`\theta` is 0 for all other numbers :math:`z`, so

    .. math:: d\theta = -\left(\frac{\partial^2 L}{\partial\theta^2}\right)^{-1}
              \frac{\partial^2 L}{\partial\theta\,\partial z}\,dz, \quad dL = \frac{\partial L}{\partial z}\,dz.

    A parameter on a bound moves with the bound. Only the bound of a known noise can move.
    """
    del surrogate, data
    return theta, log_posterior


@_with_derivative.defjvp
def _with_derivative_jvp(primals, tangents):
    theta, log_posterior, *given = primals
    leaves, structure = jax.tree.flatten(tuple(given))
    changes = jax.tree.leaves(tuple(tangents[2:]))
    is_number = [jnp.issubdtype(jnp.result_type(leaf), jnp.floating) for leaf in leaves]
    numbers = [jnp.asarray(leaf) for leaf, is_one in zip(leaves, is_number, strict=True) if is_one]
    changes = [change for change, is_one in zip(changes, is_number, strict=True) if is_one]

    def with_numbers(numbers: list[Array]) -> tuple[GP, Dataset]:
        rest = iter(numbers)
        both = [next(rest) if is_one else leaf for leaf, is_one in zip(leaves, is_number, strict=True)]
        return jax.tree.unflatten(structure, both)

    def value(theta: Array, numbers: list[Array]) -> Array:
        surrogate, data = with_numbers(numbers)
        return surrogate.log_posterior(theta, data)

    def bounds(numbers: list[Array]) -> Array:
        surrogate, data = with_numbers(numbers)
        return jnp.stack(surrogate._bounds(data, theta.dtype))

    slope = jax.grad(value, argnums=(0, 1))
    eye = jnp.eye(theta.shape[0], dtype=theta.dtype)

    def derivatives(theta: Array) -> tuple[Any, Any]:
        """The gradients, and their derivatives along each parameter: forward mode, so that no loop is reversed."""
        along = jax.vmap(lambda one: jax.jvp(lambda t: slope(t, numbers), (theta,), (one,)), out_axes=(None, 0))
        return along(eye)

    def free(theta: Array, by_theta: Array) -> Array:
        return ~(((theta <= lower) & (by_theta < 0)) | ((theta >= upper) & (by_theta > 0)) | (lower >= upper))

    def solve(hessian: Array, is_free: Array, right: Array) -> Array:
        """The solution of the linear system. The rows of parameters that are not free are identity rows."""
        return jnp.linalg.solve(jnp.where(is_free[:, None], hessian, eye), right[:, None])[:, 0]

    lower, upper = bounds(numbers)
    # The search ends near the optimum. One or two Newton steps reach it; a step is taken only if it goes uphill.
    at, nearby = theta, None
    for _ in range(2):
        (by_theta, _), (hessian, _) = derivatives(at)
        is_free = free(at, by_theta)
        step = solve(hessian, is_free, jnp.where(is_free, -by_theta, 0))
        nearby = jnp.clip(at + step, lower, upper)
        is_better = jnp.sum(step * by_theta) > 0
        at = jnp.where(is_better & jnp.all(jnp.isfinite(nearby)) & (jnp.max(jnp.abs(step)) < 0.5), nearby, at)
    (by_theta, by_numbers), (hessian, mixed) = derivatives(at)
    is_free = free(at, by_theta)

    change_of_slope = jnp.zeros_like(theta)
    change = jnp.zeros_like(log_posterior)
    for per_parameter, own, number_change in zip(mixed, by_numbers, changes, strict=True):
        flat = jnp.reshape(jnp.asarray(number_change, own.dtype), (-1, 1))
        change_of_slope = change_of_slope + matmul(per_parameter.reshape(theta.shape[0], -1), flat)[:, 0].astype(
            theta.dtype
        )
        change = change + matmul(own.reshape(1, -1), flat)[0, 0].astype(change.dtype)
    bound_changes = jax.jvp(bounds, (numbers,), (changes,))[1]
    of_bound = jnp.where(theta <= lower, bound_changes[0], bound_changes[1])
    theta_change = solve(hessian, is_free, jnp.where(is_free, -change_of_slope, of_bound))
    return (theta, log_posterior), (theta_change, change + jnp.sum(jnp.where(is_free, 0, by_theta) * theta_change))


def _pack(params: GPParams) -> Float[Array, " p"]:
    more = [leaf for leaf in (params.of_kernel, params.of_noise, params.of_output) if not isinstance(leaf, tuple)]
    return jnp.concatenate(
        [params.log_lengthscale, params.log_signal_variance[None], params.log_noise_variance[None], *more]
    )
