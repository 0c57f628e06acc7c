"""A forest of extremely randomised trees as a surrogate, for categories, conditions and jumps."""

import dataclasses
from dataclasses import dataclass, field
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from jbo.checks import checked
from jbo.encoding import Column, Encoding
from jbo.numerics import matmul
from jbo.pytrees import pytree
from jbo.surrogates._surrogate import FitInfo
from jbo.surrogates.trees import Trees, bootstrap_weights, column_keys, find_leaves, grow, stumps
from jbo.types import Dataset


@pytree
@dataclass(frozen=True)
class ForestPosterior:
    """Trees with the data of their leaves: ``s`` samples of ``t`` trees with ``c`` nodes each."""

    trees: Trees
    """The splits of the trees."""
    mean: Float[Array, "*b s t c"]
    """Mean of the values in each leaf. A posterior that comes out of `jax.vmap` has batch axes ``*b``."""
    variance: Float[Array, "*b s t c"]
    """Variance of the values in each leaf, at least ``min_variance``."""
    keys: Float[Array, "*b n d"]
    """Keys of the rows (see `column_keys`)."""
    is_valid: Bool[Array, "*b n"]
    log_range: Float[Array, "*b d 2"] | Float[np.ndarray, "*b d 2"] | None
    """As in the encoding; None: all columns are numeric."""
    columns: tuple[Column, ...] = field(metadata={"static": True})
    """Columns of the encoding; empty if all columns are numeric."""

    def noise_variance(self) -> Float[Array, ""]:
        """0, because a leaf cannot separate noise from the variation of the function."""
        return jnp.zeros((), self.mean.dtype)

    @checked
    def predict(self, x: Float[Array, "m d"]) -> tuple[Float[Array, " m"], Float[Array, " m"]]:
        """Mean and variance of the function; see `Forest.predict`."""
        keys = column_keys(_encoding(self.log_range, self.columns), x)
        mean, variance = self._of_trees(keys)
        centre = jnp.mean(mean, axis=0)
        within, between = jnp.mean(variance, axis=0), jnp.mean((mean - centre[None, :]) ** 2, axis=0)
        return centre, within + between - jnp.expm1(-_distance(keys, self.keys, self.is_valid))

    @checked
    def sample(self, key: Key[Array, ""], x: Float[Array, "m d"], num_samples: int) -> Float[Array, "{num_samples} m"]:
        """Predictions of randomly sampled single trees; see `Forest.sample`."""
        mean, _ = self._of_trees(column_keys(_encoding(self.log_range, self.columns), x))
        return mean[jax.random.randint(key, (num_samples,), 0, mean.shape[0], jnp.int32)]

    def covariance(self, x1: Float[Array, "m d"], x2: Float[Array, "k d"]) -> Float[Array, "m k"]:
        """Covariance of the predictions of the trees, without the variance within leaves."""
        encoding = _encoding(self.log_range, self.columns)
        mean1, mean2 = (self._of_trees(column_keys(encoding, x))[0] for x in (x1, x2))
        apart1, apart2 = (mean - jnp.mean(mean, axis=0)[None, :] for mean in (mean1, mean2))
        return matmul(apart1.T, apart2) / mean1.shape[0]

    def paths(self, key: Key[Array, ""], num_paths: int) -> "ForestPaths":
        """Samples of the function: the predictions of randomly sampled single trees."""
        num_trees = self.mean.shape[-3] * self.mean.shape[-2]
        return ForestPaths(self, jax.random.randint(key, (num_paths,), 0, num_trees, jnp.int32))

    def _of_trees(self, keys: Float[Array, "m d"]) -> tuple[Float[Array, "t m"], Float[Array, "t m"]]:
        """Mean and variance in the leaf that holds each point, for each tree of all samples, along one axis."""
        trees, mean, variance = jax.tree.map(
            lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), (self.trees, self.mean, self.variance)
        )
        leaf = find_leaves(trees, keys, self.columns)
        # Gather from a flat vector, because a gather from a matrix costs more.
        place = leaf + mean.shape[1] * jnp.arange(mean.shape[0], dtype=jnp.int32)[:, None]
        return mean.reshape(-1)[place], variance.reshape(-1)[place]


@pytree
@dataclass(frozen=True)
class ForestPaths:
    """Predictions of single trees as functions."""

    posterior: ForestPosterior
    chosen: Int[Array, "*b p"]
    """Numbers of the trees."""

    def __call__(self, x: Float[Array, "m d"]) -> Float[Array, "p m"]:
        """The value of each path at each point."""
        keys = column_keys(_encoding(self.posterior.log_range, self.posterior.columns), x)
        return self.posterior._of_trees(keys)[0][self.chosen]


@pytree
@dataclass(frozen=True)
class Forest:
    """An average of extremely randomised trees (Geurts, Ernst and Wehenkel 2006); made by `forest`.

    A tree assumes no order of choices, no scale and no smoothness. Its predictions are constant within the boxes of its
    leaves, so they have no gradient. Outside the data they continue as at the border of the data.
    """

    min_variance: float | Float[Array, ""]
    """Minimum variance of a leaf, in units of standardised ``y``."""
    encoding: Encoding | None
    """Columns of the space; None: all columns are numeric."""
    num_trees: int = field(metadata={"static": True})
    min_samples_leaf: int = field(metadata={"static": True})
    max_features: float = field(metadata={"static": True, "decides_shapes": True})
    """Fraction of the columns among which a split is chosen."""
    bootstrap: bool = field(metadata={"static": True})
    is_smooth: ClassVar[bool] = False
    uses_start: ClassVar[bool] = False

    def bind(self, encoding: Encoding) -> "Forest":
        """The surrogate, bound to the columns of a space, with their categories and conditions."""
        return dataclasses.replace(self, encoding=dataclasses.replace(encoding, candidates=None))

    def init(self, num_columns: int, dtype: jnp.dtype) -> Trees:
        """Trees without a split, a forest that predicts the mean of the data.

        Args:
          num_columns: Columns ``d`` of the inputs.
          dtype: Floating type of the thresholds.
        """
        return stumps(self.num_trees, dtype)

    @checked
    def fit(self, key: Key[Array, ""], data: Dataset, start: Trees) -> tuple[Trees, FitInfo]:
        """Trees grown on ``data``.

        The order of the rows does not matter, except to a bootstrap, which samples them by position.

        Args:
          key: Random key.
          data: Standardised observations.
          start: Not used: trees are grown from scratch.

        Returns:
          Trees with a leading axis of 1, and diagnostics of the fit. A forest has no likelihood, so they are all 0.
        """
        keys = column_keys(self.encoding, data.x)
        n, d = keys.shape
        key_rows, key_trees = jax.random.split(key)
        if self.bootstrap:
            weight = bootstrap_weights(key_rows, data.is_valid, self.num_trees)
        else:
            weight = jnp.broadcast_to(data.is_valid.astype(jnp.int32), (self.num_trees, n))
        trees = grow(
            key_trees,
            keys,
            data.y,
            weight,
            columns=self._columns,
            min_samples_leaf=self.min_samples_leaf,
            max_features=max(1, int(self.max_features * d)),
        )
        info = FitInfo(jnp.zeros((), data.y.dtype), jnp.zeros((), jnp.int32), jnp.asarray(True))
        return jax.tree.map(lambda leaf: leaf[None], trees), info

    @checked
    def condition(self, params: Trees, data: Dataset) -> ForestPosterior:
        r"""The trees with the mean and the variance of the valid rows of ``data`` in each leaf.

        Every row counts once in each tree, including rows outside the tree's bootstrap sample and rows newer than the
        fit. A pending trial has the mean of the forest as its value. In a leaf with one other row, the pending trial
        moves the mean of the leaf half way to the mean of the forest. This halves the variance between the trees there.
        A leaf without rows has the mean of standardised values, 0.

        Args:
          params: Trees with a leading axis of samples.
          data: Standardised observations.
        """
        columns = self._columns
        log_range = None if self.encoding is None else self.encoding.log_range
        keys = column_keys(self.encoding, data.x)
        num_nodes = params.child.shape[-1]
        is_valid = data.is_valid[None, :]
        y = jnp.where(is_valid, data.y[None, :], 0)

        def one_set(trees: Trees) -> tuple[Float[Array, "t c"], Float[Array, "t c"]]:
            leaf = jnp.where(is_valid, find_leaves(trees, keys, columns), num_nodes)

            def total(of_rows: Float[Array, "t n"]) -> Float[Array, "t c"]:
                return jax.vmap(lambda i, v: jnp.zeros(num_nodes, v.dtype).at[i].add(v, mode="drop"))(leaf, of_rows)

            count = jnp.maximum(total(jnp.ones(leaf.shape, y.dtype)), 1)
            mean = total(jnp.broadcast_to(y, leaf.shape)) / count
            of_rows = jnp.take_along_axis(mean, jnp.minimum(leaf, num_nodes - 1), axis=1)
            return mean, total((y - of_rows) ** 2) / count

        mean, variance = jax.vmap(one_set)(params)
        variance = jnp.maximum(variance, jnp.asarray(self.min_variance, y.dtype))
        return ForestPosterior(params, mean, variance, keys, data.is_valid, log_range, columns)

    @checked
    def predict(
        self, posterior: ForestPosterior, x: Float[Array, "m d"]
    ) -> tuple[Float[Array, " m"], Float[Array, " m"]]:
        r"""Mean and variance of the function: the law of total variance over the trees, plus a term for the distance.

        .. math:: \mu = \tfrac1T \sum_t \mu_t, \quad
                  \sigma^2 = \tfrac1T \sum_t \sigma_t^2 + \tfrac1T \sum_t (\mu_t - \mu)^2 + 1 - e^{-\delta}

        :math:`\mu_t` and :math:`\sigma_t^2` are the mean and variance of the leaf of ``x`` in tree :math:`t`. Trees
        whose leaves hold single rows disagree only as much as neighbouring rows do, and agree outside the data. The
        last term adds the missing variance. It is the conditional variance, given the nearest row, of a process with
        unit variance and covariance :math:`e^{-\delta/2}`. The distance :math:`\delta` to that row is a mean over the
        columns: the difference for a number, 1 for a different category, 0 for an inactive column.

        Args:
          posterior: From `condition`.
          x: Points of the unit cube.

        Returns:
          The variance is at least ``min_variance``.

        References:
          Hutter, Xu, Hoos and Leyton-Brown, Algorithm Runtime Prediction: Methods & Evaluation, 2014, section 4.3.2
          (all but the last term).
        """
        return posterior.predict(x)

    @checked
    def sample(
        self, key: Key[Array, ""], posterior: ForestPosterior, x: Float[Array, "m d"], num_samples: int
    ) -> Float[Array, "{num_samples} m"]:
        """Samples of the function: each is the prediction of one randomly sampled tree.

        They vary as the trees do, without the variance within leaves.

        Args:
          key: Random key.
          posterior: From `condition`.
          x: Points of the unit cube.
          num_samples: Number of samples.
        """
        return posterior.sample(key, x, num_samples)

    @property
    def _columns(self) -> tuple[Column, ...]:
        return () if self.encoding is None else self.encoding.columns


def forest(
    *,
    num_trees: int = 100,
    min_samples_leaf: int = 1,
    max_features: float = 1.0,
    bootstrap: bool = False,
    min_variance: float | Float[Array, ""] = 0.003,
) -> Forest:
    """A forest of extremely randomised trees as a surrogate.

    Args:
      num_trees: Number of trees.
      min_samples_leaf: Minimum number of rows in a leaf.
      max_features: Fraction of the columns among which a split is chosen, above 0 and at most 1; at least one column.
      bootstrap: True: each tree is grown on a bootstrap sample, of the size of the data and with replacement.
      min_variance: Minimum variance of a leaf, in units of standardised ``y``.

    Raises:
      ValueError: If a number is out of range.
    """
    for name, count in (("num_trees", num_trees), ("min_samples_leaf", min_samples_leaf)):
        if count < 1:
            raise ValueError(f"{name}: expected at least 1, got {count}")
    if not 0 < max_features <= 1:
        raise ValueError(f"max_features: expected a fraction above 0 and at most 1, got {max_features}")
    if isinstance(min_variance, int | float) and not (min_variance > 0 and np.isfinite(min_variance)):
        raise ValueError(f"min_variance: expected a finite number above 0, got {min_variance}")
    return Forest(1.0 * min_variance, None, num_trees, min_samples_leaf, 1.0 * max_features, bool(bootstrap))


def _encoding(
    log_range: Float[Array, "d 2"] | Float[np.ndarray, "d 2"] | None, columns: tuple[Column, ...]
) -> Encoding | None:
    return None if log_range is None else Encoding(log_range, columns)


def _distance(keys: Float[Array, "m d"], rows: Float[Array, "n d"], is_valid: Bool[Array, " n"]) -> Float[Array, " m"]:
    """Distance of points to the nearest row, a mean over the columns, each at most 1; ``inf`` if there is no row."""
    num_columns = keys.shape[1]

    def add(j: Int[Array, ""], total: Float[Array, "m n"]) -> Float[Array, "m n"]:
        gap = jnp.abs(keys[:, j][:, None] - rows[:, j][None, :])
        # Different levels of a category differ by at least 1, numeric columns by at most 1.
        return total + jnp.where(jnp.isnan(gap), 0, jnp.minimum(gap, 1))

    # Loop over columns: a sum over the last axis of [m, n, d] takes five times as long.
    total = jax.lax.fori_loop(0, num_columns, add, jnp.zeros((keys.shape[0], rows.shape[0]), keys.dtype))
    return jnp.min(jnp.where(is_valid[None, :], total, jnp.inf), axis=1, initial=jnp.inf) / num_columns
