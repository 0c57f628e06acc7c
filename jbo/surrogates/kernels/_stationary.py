r"""Stationary kernels: profiles of one squared distance.

A numeric column adds :math:`(\Delta/\ell)^2` to the squared distance, and a category :math:`1[\ne]/\ell^2`.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import field
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jbo.encoding import Encoding, share_of_column
from jbo.numerics import matmul
from jbo.pytrees import pytree
from jbo.surrogates.kernels._kernel import Covariance, GPParams, Normal, Slot, as_normal

EFFECT_BOUNDS = (-7.0, 5.0)
"""Bounds of the log variance of the effects of choices."""


@jax.custom_jvp
def _root(square: Float[Array, "n m"]) -> Float[Array, "n m"]:
    """The square root, with derivative 0 at 0.

    The second derivative of a profile needs this derivative. At distance 0 the derivative of `jnp.sqrt` is infinite.
    The chain rule multiplies it by the derivative of the squared distance, which is 0, and would get NaN.
    """
    return jnp.sqrt(square)


@_root.defjvp
def _root_jvp(primals, tangents):
    root = _root(primals[0])
    return root, jnp.where(root > 0, 0.5 / jnp.where(root > 0, root, 1), 0) * tangents[0]


class _Profile(jax.custom_jvp):
    """A function of a squared distance with a custom derivative; pickled and copied by name, as functions are."""

    def __reduce__(self) -> str:
        return self.__name__

    def __repr__(self) -> str:
        return self.__name__


@_Profile
def _rbf(sq: Float[Array, "n m"]) -> Float[Array, "n m"]:
    return jnp.exp(-0.5 * sq)


@_rbf.defjvp
def _rbf_jvp(primals, tangents):
    value = _rbf(primals[0])
    return value, -0.5 * value * tangents[0]


@_Profile
def _matern12(sq: Float[Array, "n m"]) -> Float[Array, "n m"]:
    return jnp.exp(-jnp.sqrt(sq))


@_matern12.defjvp
def _matern12_jvp(primals, tangents):
    # At 0 the slope in the squared distance is infinite, but the derivative of the squared distance is 0: use 0.
    value = _matern12(primals[0])
    r = _root(primals[0])
    slope = jnp.where(r > 0, -0.5 * value / jnp.where(r > 0, r, 1), 0)
    return value, slope * tangents[0]


@_Profile
def _matern32(sq: Float[Array, "n m"]) -> Float[Array, "n m"]:
    r = jnp.sqrt(3 * sq)
    return (1 + r) * jnp.exp(-r)


@_matern32.defjvp
def _matern32_jvp(primals, tangents):
    r = _root(3 * primals[0])
    decay = jnp.exp(-r)
    return (1 + r) * decay, -1.5 * decay * tangents[0]


@_Profile
def _matern52(sq: Float[Array, "n m"]) -> Float[Array, "n m"]:
    r = jnp.sqrt(5 * sq)
    return (1 + r + 5 / 3 * sq) * jnp.exp(-r)


@_matern52.defjvp
def _matern52_jvp(primals, tangents):
    # The derivative in the squared distance is finite at 0, although the derivative of the square root is not.
    r = _root(5 * primals[0])
    decay = jnp.exp(-r)
    return (1 + r + 5 / 3 * primals[0]) * decay, -5 / 6 * (1 + r) * decay * tangents[0]


@_Profile
def _multiscale(sq: Float[Array, "n m"]) -> Float[Array, "n m"]:
    # One exponential serves both Matérn terms. Do not write decay**2: XLA would compute another exponential.
    r = jnp.sqrt(3 * sq)
    decay = jnp.exp(-r)
    return (((1 + 2 * r) * decay + (1 + r)) * decay + jnp.exp(-sq / 18)) / 3


@_multiscale.defjvp
def _multiscale_jvp(primals, tangents):
    r = _root(3 * primals[0])
    decay, trend = jnp.exp(-r), jnp.exp(-primals[0] / 18)
    value = (((1 + 2 * r) * decay + (1 + r)) * decay + trend) / 3
    return value, -((6 * decay + 1.5) * decay + trend / 18) / 3 * tangents[0]


@pytree
@dataclasses.dataclass(frozen=True)
class Stationary(Covariance):
    """A kernel of the scaled distance; static and hashable. `bind` sets which columns are categories."""

    profile: Callable[[Float[Array, "n m"]], Float[Array, "n m"]] = field(metadata={"static": True})
    """Correlation as a function of the squared distance."""
    num_choices: tuple[int, ...] = field(default=(), metadata={"static": True})
    """Number of choices of each column, 0 for numeric columns; empty: all columns are numeric."""
    periods: tuple[float, ...] = field(default=(), metadata={"static": True})
    """Period of each column, 0 for columns without a period; empty: no column has a period."""

    is_share: tuple[bool, ...] = field(default=(), metadata={"static": True})
    """True for columns of shares, whose distance is the distance between shares; empty: no column is a share."""
    effects: Normal | None = None
    """Prior of the log variance of the effects of choices, in units of the kernel's variance; see `with_effects`. None:
    no effects."""

    def __call__(self, params: GPParams, x1: Float[Array, "n d"], x2: Float[Array, "m d"]) -> Float[Array, "n m"]:
        """Covariance of the function at each pair of points."""
        correlation = self.profile(self.squared(params, x1, x2))
        if self.has_effects:
            z1 = self.scaled(params, x1)
            correlation = correlation + self._shared(params, z1, z1 if x2 is x1 else self.scaled(params, x2))
        return jnp.exp(params.log_signal_variance) * correlation

    def squared(self, params: GPParams, x1: Float[Array, "n d"], x2: Float[Array, "m d"]) -> Float[Array, "n m"]:
        """Squared distance of each pair of points, in lengthscales; exactly 0 on the diagonal if ``x1 is x2``."""
        is_same = x1 is x2
        features1 = self._features(x1)
        features2 = features1 if is_same else self._features(x2)
        return self.squared_of_features(features1, features2, self._scales(params), is_same)

    def squared_of_features(
        self, features1: Float[Array, "n f"], features2: Float[Array, "m f"], scale: Float[Array, " f"], is_same: bool
    ) -> Float[Array, "n m"]:
        """Squared distance of each pair of points, given by features, each multiplied by its scale."""
        sq = self._squared(features1, features2, scale)
        if is_same:
            sq = sq * (1 - jnp.eye(sq.shape[0], dtype=sq.dtype))
        return sq

    def gram(self, params: GPParams, x: Float[Array, "n d"]) -> Float[Array, "n n"]:
        """Covariance of the function at each pair of ``x``, with a custom derivative for equal arguments.

        The values equal those of `__call__`. The reverse pass takes a third of the time. Forward mode is not supported.
        """
        features, scale = self._features(x), self._scales(params)
        correlation = self.gram_of_features(features, scale)
        if self.has_effects:
            z = features * scale[None, :]
            correlation = correlation + self._shared(params, z, z)
        return jnp.exp(params.log_signal_variance) * correlation

    @property
    def has_effects(self) -> bool:
        """True if there are categories whose choices have effects; see `with_effects`."""
        return self.effects is not None and any(self.num_choices)

    def effect_features(self, params: GPParams, x: Float[Array, "n d"]) -> Float[Array, "n f"]:
        """Features whose products are the covariance of the effects of choices.

        Args:
          params: One hyperparameter sample.
          x: Points of the unit cube.
        """
        size = jnp.exp(0.5 * (params.log_signal_variance + params.of_kernel[0]))
        return size * self.scaled(params, x) * self._of_choices(x)

    def _of_choices(self, x: Float[Array, "n d"]) -> Float[Array, " f"]:
        """1 for features of categories, 0 for features of numeric columns."""
        return jnp.asarray(self._layout(x.shape[1])[2] > 0, x.dtype)

    def _shared(self, params: GPParams, z1: Float[Array, "n f"], z2: Float[Array, "m f"]) -> Float[Array, "n m"]:
        """Covariance of the effects at each pair of points, given by features in lengthscales."""
        is_choice = self._layout(len(self.num_choices))[2] > 0
        return jnp.exp(params.of_kernel[0]) * matmul(z1 * jnp.asarray(is_choice, z1.dtype), z2.T)

    def slots(self, num_columns: int) -> tuple[Slot, ...]:
        """The entry of the log variance of the effects of choices, if there are categories."""
        del num_columns
        assert self.effects is None or isinstance(self.effects, Normal)
        return (Slot("own", self.effects, EFFECT_BOUNDS),) if self.effects is not None and self.has_effects else ()

    def gram_of_features(self, features: Float[Array, "n f"], scale: Float[Array, " f"]) -> Float[Array, "n n"]:
        """Correlation of each pair of points, given by features, with the derivative of `gram`."""
        # Leave out the prior: its numbers may be traced, and custom_vjp takes no tracers in a static argument.
        correlation: Array = _correlation(dataclasses.replace(self, effects=None), features, scale)
        return correlation

    def variance(self, params: GPParams, x: Float[Array, "m d"]) -> Float[Array, " m"]:
        """Variance of the function at each point."""
        correlation = jnp.ones(x.shape[:1], x.dtype)
        if self.has_effects:
            squares = (self.scaled(params, x) * self._of_choices(x)) ** 2
            correlation = correlation + jnp.exp(params.of_kernel[0]) * jnp.sum(squares, axis=1)
        return jnp.exp(params.log_signal_variance) * correlation

    def bind(self, encoding: Encoding) -> "Stationary":
        """The kernel, bound to the columns of a space."""
        choices = tuple(int(k) if c else 0 for k, c in zip(encoding.num_levels, encoding.is_category, strict=True))
        periods = tuple(c.period for c in encoding.columns)
        is_share = tuple(map(bool, encoding.is_share))
        return dataclasses.replace(
            self,
            num_choices=choices if any(choices) else (),
            periods=periods if any(periods) else (),
            is_share=is_share if any(is_share) else (),
        )

    def scaled(self, params: GPParams, x: Float[Array, "n d"]) -> Float[Array, "n f"]:
        """Features in lengthscales. The kernel is the profile of the squared Euclidean distance between features."""
        return self._features(x) * self._scales(params)[None, :]

    def _scales(self, params: GPParams) -> Float[Array, " f"]:
        """Inverse lengthscale of each feature."""
        scales = jnp.exp(-params.log_lengthscale)
        if not self.num_choices and not self.periods:
            return scales
        return scales[self._layout(scales.shape[0])[0]]

    def _squared(
        self, features1: Float[Array, "n f"], features2: Float[Array, "m f"], scale: Float[Array, " f"]
    ) -> Float[Array, "n m"]:
        is_product = features1.dtype == jnp.float64 and self.profile is not _matern12
        return (_squared_distance if is_product else _direct_squared_distance)(features1, features2, scale)

    def _features(self, x: Float[Array, "n d"]) -> Float[Array, "n f"]:
        """Features whose Euclidean distance the kernel uses: a category becomes a one-hot vector divided by √2.

        A column with a period becomes a point of a circle whose circumference is the period, so the distance is a
        chord. For close points it is the distance along the column; two values one period apart are the same point
        (MacKay, Introduction to Gaussian Processes, 1998, section 5.1). With the squared exponential this is MacKay's
        periodic kernel.
        """
        if self.is_share:
            x = jnp.where(np.array(self.is_share)[None, :], share_of_column(x), x)
        if not self.num_choices and not self.periods:
            return x - 0.5
        owner, choice, num_choices, period = self._layout(x.shape[1])
        is_choice, is_circle = num_choices > 0, period > 0
        # A product with a 0-1 matrix: its derivative is a product too, while that of indexing would be a loop.
        own = matmul(x, jnp.asarray(owner[None, :] == np.arange(x.shape[1])[:, None], x.dtype))

        def row(values: np.ndarray) -> Float[Array, "n f"]:
            return jnp.broadcast_to(jnp.asarray(values, x.dtype), own.shape)

        features = own - 0.5
        if is_choice.any():
            level = jnp.clip(jnp.floor(own * row(num_choices)), 0, row(num_choices - 1))
            features = jnp.where(is_choice[None, :], jnp.where(level == row(choice), 0.5**0.5, 0), features)
        if is_circle.any():
            turn = 2 * np.pi / np.where(is_circle, period, 1)
            circle = jnp.cos(own * row(turn) - row(0.5 * np.pi * choice)) * row(1 / turn)
            features = jnp.where(is_circle[None, :], circle, features)
        return features.astype(x.dtype)

    def _layout(self, num_columns: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """For each feature: its column, its choice (or 0: cosine, 1: sine), and the column's choices and period."""
        choices, periods = self.num_choices or (0,) * num_columns, self.periods or (0.0,) * num_columns
        widths = [2 if period else max(k, 1) for k, period in zip(choices, periods, strict=True)]
        owner = np.repeat(np.arange(num_columns), widths)
        choice = np.concatenate([np.arange(width) for width in widths])
        return owner, choice, np.array(choices)[owner], np.array(periods)[owner]


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _correlation(kernel: Stationary, features: Float[Array, "n f"], scale: Float[Array, " f"]) -> Float[Array, "n n"]:
    """Correlation of each pair of points; exactly 1 on the diagonal."""
    return _correlation_forward(kernel, features, scale)[0]


def _correlation_forward(kernel, features, scale):
    sq = kernel._squared(features, features, scale)
    sq = jnp.where(jnp.eye(sq.shape[0], dtype=bool), 0, sq)
    value, slope = jax.jvp(kernel.profile, (sq,), (jnp.ones_like(sq),))
    return value, (slope, features, scale)


def _correlation_backward(kernel, residuals, cotangent):
    # Let S be the derivative in the squared distances. The derivative in log scale k is 2 sum_ij S_ij (z_ik - z_jk)^2.
    # With the square expanded, it needs one product of S with z, and the row and column sums of S.
    slope, features, scale = residuals
    z = features * scale[None, :]
    weights = cotangent * slope
    sums = (jnp.sum(weights, 0) + jnp.sum(weights, 1))[:, None]
    product = matmul(weights, z)
    by_features = 2 * scale[None, :] * (sums * z - product - matmul(weights.T, z))
    return by_features, 2 * jnp.sum(features * (sums * z - 2 * product), 0)


_correlation.defvjp(_correlation_forward, _correlation_backward)


def _squared_distance(
    features1: Float[Array, "n f"], features2: Float[Array, "m f"], scale: Float[Array, " f"]
) -> Float[Array, "n m"]:
    """Squared distance by a matrix product; in float32 it would lose the distance of close points."""
    z1, z2 = features1 * scale[None, :], features2 * scale[None, :]
    num_rows = z1.shape[0]
    if num_rows > 1:
        # Pad by one row and remove it at the end, so that XLA does not write the next result in place. On a CPU,
        # XLA does not vectorise in-place exponentials, which then take four times as long.
        z1 = jax.lax.pad(z1, np.zeros((), z1.dtype), ((0, 1, 0), (0, 0, 0)))
    sq = jnp.maximum(jnp.sum(z1**2, 1)[:, None] + jnp.sum(z2**2, 1)[None, :] - 2 * matmul(z1, z2.T), 0)
    return sq[:num_rows]


def _direct_squared_distance(
    features1: Float[Array, "n f"], features2: Float[Array, "m f"], scale: Float[Array, " f"]
) -> Float[Array, "n m"]:
    # Scale after taking the difference, so that equal points have distance 0 even if the compiler fuses both steps. The
    # slope of Matérn 1/2 is a unit vector at any distance; that of a rounding error would be weighted by 1 / noise.
    return jnp.sum(((features1[:, None, :] - features2[None, :, :]) * scale[None, None, :]) ** 2, axis=-1)


rbf = Stationary(_rbf)
"""Squared exponential, infinitely smooth (Rasmussen and Williams 2006, eq. 4.9)."""
matern12 = Stationary(_matern12)
"""Exponential kernel, continuous and nowhere smooth (Rasmussen and Williams 2006, eq. 4.18)."""
matern32 = Stationary(_matern32)
"""Matérn 3/2, once differentiable (Rasmussen and Williams 2006, eq. 4.17)."""
matern52 = Stationary(_matern52)
"""Matérn 5/2, twice differentiable (Rasmussen and Williams 2006, eq. 4.17)."""
multiscale = Stationary(_multiscale)
"""A smooth trend with details of two sizes. The mean of three kernels: Matérn 3/2 with half the lengthscale, Matérn 3/2
with the lengthscale, and the squared exponential with three times the lengthscale (a sum of kernels: Rasmussen and
Williams 2006, section 4.2.4)."""


def with_effects(kernel: Stationary, prior: tuple[float, float] = (0.0, 1.0)) -> Stationary:
    r"""A kernel with an additive effect of each choice of a category, independent of the other parameters.

    .. math:: k(x, x') + \sigma^2 s \sum_c \frac{1[x_c = x_c']}{2 \ell_c^2}

    The sum is over the categories c, with their lengthscales. The variance s is inferred. A stationary kernel without
    effects learns nothing about a choice from points whose other parameters are far away. Without categories the
    kernel does not change.

    Args:
      kernel: A kernel of the scaled distance.
      prior: Mean and standard deviation of log s.

    Raises:
      TypeError: If ``kernel`` is not stationary.

    References:
      Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, section 2.7 (a linear model plus a
      Gaussian process, with the choices as inputs of the linear model); Ru et al., Bayesian Optimisation over Multiple
      Continuous and Categorical Inputs, 2020, section 4.2 (a sum plus a product of kernels).
    """
    if not isinstance(kernel, Stationary):
        raise TypeError(f"kernel: expected a kernel of a distance such as kernels.multiscale, got {kernel!r}")
    return dataclasses.replace(kernel, effects=as_normal(prior))
