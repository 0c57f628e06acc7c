"""Extra trees as smoothers of measured values, and as emulators whose look-ups JAX can trace."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jbo import pytree
from jbo.encoding import CATEGORY, Encoding, is_active, level

_INACTIVE = -1.0
"""Feature value of an inactive column; active columns are at least 0."""


def features(encoding: Encoding, x: Float[Array, "m d"]) -> Float[Array, "m f"]:
    """Features of points for trees: numbers in the unit cube, and an indicator column for each choice of a category.

    Args:
      encoding: Columns of the space.
      x: Points of the cube.
    """
    exists, levels, seen = is_active(encoding, x), level(encoding, x), []
    for j, column in enumerate(encoding.columns):
        if column.kind == CATEGORY:
            seen += [(levels[:, j] == choice).astype(x.dtype) for choice in range(column.num_levels)]
        else:
            seen.append(jnp.where(exists[:, j], x[:, j], _INACTIVE))
    return jnp.stack(seen, axis=1)


@pytree
@dataclass(frozen=True)
class Forest:
    """Trees as tables of nodes: ``t`` trees with up to ``c`` nodes. The root comes first; a leaf is its own child."""

    column: Int[Array, "t c"]
    threshold: Float[Array, "t c"]
    first: Int[Array, "t c"]
    """Child of a node for points whose column is at most the threshold."""
    second: Int[Array, "t c"]
    value: Float[Array, "t c"]
    depth: Int[Array, ""]
    """Number of steps to the deepest leaf."""

    def __call__(self, seen: Float[Array, "m f"]) -> Float[Array, " m"]:
        """The mean of the trees' predictions.

        Args:
          seen: Features of points, from `features`.
        """
        trees = jnp.arange(self.column.shape[0])[:, None]
        rows = jnp.arange(seen.shape[0])[None, :]

        def step(_: Int[Array, ""], node: Int[Array, "t m"]) -> Int[Array, "t m"]:
            goes_first = seen[rows, self.column[trees, node]] <= self.threshold[trees, node]
            return jnp.where(goes_first, self.first[trees, node], self.second[trees, node])

        start = jnp.zeros((self.column.shape[0], seen.shape[0]), self.first.dtype)
        node = jax.lax.fori_loop(0, self.depth, step, start)
        return jnp.mean(self.value[trees, node], axis=0)


def grown(
    seen: np.ndarray, y: np.ndarray, *, num_trees: int, min_samples_leaf: int, max_leaves: int | None, seed: int
) -> Any:
    """Extra trees of scikit-learn, fitted to rows.

    Args:
      seen: ``[n, f]``, from `features`.
      y: ``[n]``.
      num_trees: Number of trees.
      min_samples_leaf: Minimum number of rows of a leaf.
      max_leaves: Maximum number of leaves of a tree; None: no maximum.
      seed: Seed of the trees.

    References:
      Geurts, Ernst and Wehenkel, Extremely Randomized Trees, 2006.
    """
    from sklearn.ensemble import ExtraTreesRegressor

    trees = ExtraTreesRegressor(
        num_trees, min_samples_leaf=min_samples_leaf, max_leaf_nodes=max_leaves, random_state=seed
    )
    return trees.fit(np.asarray(seen, np.float32), y)


def as_lookup(trees: Any, num_nodes: int) -> Forest:
    """Converts trees of scikit-learn to tables.

    Args:
      trees: From `grown`.
      num_nodes: Number of nodes of each table; rows after a tree's own nodes are never reached.

    Raises:
      ValueError: A tree has more nodes.
    """
    nodes = [estimator.tree_ for estimator in trees.estimators_]
    most = max(tree.node_count for tree in nodes)
    if most > num_nodes:
        raise ValueError(f"num_nodes: expected at least {most}, got {num_nodes}")

    def tables(of_tree: Callable[[Any], np.ndarray], dtype: type) -> Array:
        return jnp.asarray([np.pad(of_tree(tree), (0, num_nodes - tree.node_count)) for tree in nodes], dtype)

    def own_if_leaf(tree: Any, child: np.ndarray) -> np.ndarray:
        return np.where(child < 0, np.arange(tree.node_count), child)

    return Forest(
        tables(lambda tree: np.maximum(tree.feature, 0), jnp.int32),
        tables(lambda tree: tree.threshold, float),
        tables(lambda tree: own_if_leaf(tree, tree.children_left), jnp.int32),
        tables(lambda tree: own_if_leaf(tree, tree.children_right), jnp.int32),
        tables(lambda tree: tree.value[:, 0, 0], float),
        jnp.asarray(max(tree.max_depth for tree in nodes), jnp.int32),
    )
