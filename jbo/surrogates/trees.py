"""Extremely randomised regression trees as pure functions: growing trees, and finding the leaf of a point.

A tree is a table of nodes that starts with the root. The two children of a split are neighbours in the table: a point
goes to node ``child`` or to the next node. A leaf is its own child. `jbo.forest` is the surrogate made of such trees.

Example:
  Four points in one column, with a jump of the values between the second and the third point:

  >>> key, x, y = jax.random.key(0), jnp.array([[0.1], [0.2], [0.8], [0.9]]), jnp.array([0.0, 0.0, 1.0, 1.0])
  >>> weight = jnp.ones((1, 4), jnp.int32)
  >>> trees = grow(key, column_keys(None, x), y, weight, columns=(), min_samples_leaf=2, max_features=1)
  >>> leaves = find_leaves(trees, jnp.array([[0.0], [1.0]]), ())[0]
  >>> leaves.shape
  (2,)
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, UInt32

from jbo.encoding import CATEGORY, Column, Encoding, is_active, level

_BLOCK = 2**16
"""Maximum of rows times columns times trees that grow at once, so that intermediate results fit the CPU's caches."""
_GOLDEN = 0x9E3779B9
"""An odd number without a pattern in its bits: 2**32 over the golden ratio."""


class Trees(NamedTuple):
    """Tables of ``c`` nodes each, more than most trees need; ``*t`` are axes of trees."""

    column: Int[Array, "*t c"]
    """Column on which a node splits; 0 in leaves."""
    threshold: Float[Array, "*t c"]
    """A point goes to the first child if its key (see `column_keys`) is at most the threshold; ``inf`` in leaves."""
    child: Int[Array, "*t c"]
    """Number of the first child; a leaf's own number in leaves."""
    salt: UInt32[Array, "*t c"]
    """Random bits of a node, from which the keys of choices and the side of inactive columns follow; 0 in leaves."""
    depth: Int[Array, "*t"]
    """Number of steps from the root to the deepest leaf."""


def stumps(num_trees: int, dtype: jnp.dtype) -> Trees:
    """Trees that consist of a single leaf.

    Args:
      num_trees: Number of trees.
      dtype: Floating type of the thresholds.
    """
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (num_trees, *leaf.shape)), _leaves(1, dtype))


def column_keys(encoding: Encoding | None, x: Float[Array, "m d"]) -> Float[Array, "m d"]:
    """The keys that splits compare: the value of a numeric column, the level of a category, NaN if inactive.

    Args:
      encoding: Columns of the space; None: all columns are numeric.
      x: Points of the cube.
    """
    if encoding is None:
        return x
    if encoding.is_category.any():
        is_category = jnp.asarray(encoding.is_category)[None, :]
        x_or_level = jnp.where(is_category, level(encoding, x).astype(x.dtype), x)
    else:
        x_or_level = x
    return x_or_level if encoding.depth == 0 else jnp.where(is_active(encoding, x), x_or_level, jnp.nan)


def bootstrap_weights(key: Key[Array, ""], is_valid: Bool[Array, " n"], num_trees: int) -> Int[Array, "t n"]:
    """Number of times that each row is in the bootstrap sample of each tree, sampled with replacement.

    Args:
      key: Random key.
      is_valid: Rows to sample from; other rows have weight 0.
      num_trees: Number of trees ``t``.

    Returns:
      Weights for `grow`. The weights of a tree sum to the number of valid rows.

    References:
      Breiman, Bagging Predictors, 1996.
    """
    n = is_valid.shape[0]
    count = jnp.sum(is_valid, dtype=jnp.int32)
    valid_first = jnp.argsort(~is_valid, stable=True).astype(jnp.int32)
    uniform = jax.random.uniform(key, (num_trees, n), jnp.float32)
    row = valid_first[jnp.minimum((uniform * count.astype(jnp.float32)).astype(jnp.int32), count - 1)]
    is_drawn = (jnp.arange(n, dtype=jnp.int32) < count).astype(jnp.int32)
    return jax.vmap(lambda i: jnp.zeros(n, jnp.int32).at[i].add(is_drawn))(row)


def grow(
    key: Key[Array, ""],
    keys: Float[Array, "n d"],
    y: Float[Array, " n"],
    weight: Int[Array, "t n"],
    *,
    columns: tuple[Column, ...],
    min_samples_leaf: int,
    max_features: int,
) -> Trees:
    r"""Trees that split each node at the best of a few random thresholds, one for each column.

    The threshold of a column is uniform between its smallest and largest key in the node. Each node samples a random
    key for each choice of a category, so the threshold separates a random subset of the choices from the rest. All rows
    in which the column is inactive go to the same, random side. A split is possible if it leaves enough rows on both
    sides. The node uses the split with the largest reduction of the variance,
    :math:`n_1 n_2 (\bar y_1 - \bar y_2)^2`. A node is a leaf if no split is possible or if all its values are equal.

    Values are rounded to multiples of a small step, so that sums are exact and the order of the rows does not matter.

    Args:
      key: Random key.
      keys: From `column_keys`.
      y: Values.
      weight: Number of times that a row counts in each tree. A row of weight 0 has no effect, whatever its contents.
      columns: Structure of the columns; empty: all columns are numeric and always active.
      min_samples_leaf: Minimum weight of a leaf.
      max_features: Number of columns among which a split is chosen, sampled from those that vary within the node.

    References:
      Geurts, Ernst and Wehenkel, Extremely Randomized Trees, 2006, table 1. In the paper each proper subset of the
      choices is equally likely; here the number of choices on a side is about uniform.
    """
    num_trees, n = weight.shape
    size = max(1, n * keys.shape[1])
    block = max(b for b in range(1, num_trees + 1) if num_trees % b == 0 and (b == 1 or b * size <= _BLOCK))

    def one(seed_and_weight: tuple[UInt32[Array, " 2"], Int[Array, " n"]]) -> Trees:
        return _grow_one(*seed_and_weight, keys, y, columns, min_samples_leaf, max_features)

    seeds = jax.random.bits(key, (num_trees, 2), jnp.uint32)
    return jax.lax.map(one, (seeds, weight), batch_size=block)


def find_leaves(trees: Trees, keys: Float[Array, "m d"], columns: tuple[Column, ...]) -> Int[Array, "t m"]:
    """The index of the leaf that holds each point, in each tree.

    Args:
      trees: Trees, with one leading axis.
      keys: From `column_keys`.
      columns: Structure of the columns; empty: all columns are numeric and always active.
    """
    (t, c), (m, d) = trees.column.shape, keys.shape
    # Flatten all tables and all keys, because gathers from a matrix cost more.
    root = (c * jnp.arange(t, dtype=jnp.int32))[:, None]
    column, threshold, salt = trees.column.reshape(-1), trees.threshold.reshape(-1), trees.salt.reshape(-1)
    child, keys = (trees.child + root).reshape(-1), keys.reshape(-1)
    first_key = (d * jnp.arange(m, dtype=jnp.int32))[None, :]
    is_category, may_be_inactive = _structure(columns, d)

    def step(_: Int[Array, ""], node: Int[Array, "t m"]) -> Int[Array, "t m"]:
        j = column[node]
        seen = keys[first_key + j]
        if any(is_category):
            seen = jnp.where(jnp.asarray(is_category)[j], _choice_keys(salt[node], seen), seen)
        goes_first = seen <= threshold[node]
        if may_be_inactive:
            goes_first = jnp.where(jnp.isnan(seen), _takes_inactive_first(salt[node]), goes_first)
        return child[node] + (~goes_first).astype(jnp.int32)

    # The same number of steps for all points: checking whether all points are in a leaf costs as much as a step.
    start = jnp.broadcast_to(root, (t, m))
    return jax.lax.fori_loop(0, jnp.max(trees.depth), step, start) - root


class _Growth(NamedTuple):
    """A growing tree: ``a`` slots hold the nodes of the current level with enough rows for two leaves."""

    trees: Trees
    num_nodes: Int[Array, ""]
    slot: Int[Array, " n"]
    """Slot of each row; ``a`` for rows in leaves and rows of weight 0."""
    node: Int[Array, " a"]
    """Node of each slot; ``c`` for empty slots, which come last."""


def _grow_one(
    seed: UInt32[Array, " 2"],
    weight: Int[Array, " n"],
    keys: Float[Array, "n d"],
    y: Float[Array, " n"],
    columns: tuple[Column, ...],
    min_samples_leaf: int,
    max_features: int,
) -> Trees:
    """One tree, grown level by level: all nodes of a level are split at once."""
    n, d = keys.shape
    num_slots = max(1, n // (2 * min_samples_leaf))
    num_nodes = 2 * max(1, n // min_samples_leaf) - 1
    weighted = jnp.stack([weight, weight * _whole(y, weight)], axis=1)
    is_category, may_be_inactive = _structure(columns, d)

    def next_level(state: _Growth) -> _Growth:
        slot, here = state.slot, jnp.minimum(state.slot, num_slots - 1)
        # The salt depends only on the number of the node, so that neither the rows nor the capacity matter.
        salt = _scramble(_scramble(state.node.astype(jnp.uint32) + seed[0]) ^ seed[1])
        draw = _scramble(salt[:, None] + jnp.uint32(_GOLDEN) * (1 + jnp.arange(d, dtype=jnp.uint32))[None, :])
        seen = keys
        if any(is_category):
            seen = jnp.where(jnp.asarray(is_category)[None, :], _choice_keys(salt[here][:, None], keys), keys)

        low, high = _extremes(slot, seen, num_slots)
        low_y, high_y = _extremes(slot, y[:, None], num_slots)
        is_usable = (low < high) & (low_y < high_y)
        if max_features < d:
            is_usable = _some(is_usable, draw, max_features)
        threshold = _between(low, high, draw)

        goes_first = seen <= threshold[here]
        if may_be_inactive:
            goes_first = jnp.where(jnp.isnan(seen), _takes_inactive_first(salt[here])[:, None], goes_first)
        updates = goes_first.astype(jnp.int32)[:, None, :] * weighted[:, :, None]
        first = jnp.zeros((num_slots, 2, d), jnp.int32).at[slot].add(updates, mode="drop")
        both = jnp.zeros((num_slots, 2, 1), jnp.int32).at[slot].add(weighted[:, :, None], mode="drop")
        column, is_split = _best(first, both - first, is_usable, draw, min_samples_leaf)

        def chosen(of_columns: Array) -> Array:
            return jnp.take_along_axis(of_columns, column[:, None], axis=1)[:, 0]

        child = state.num_nodes + 2 * (jnp.cumsum(is_split, dtype=jnp.int32) - 1)
        target = jnp.where(is_split, state.node, num_nodes)
        trees = Trees(
            state.trees.column.at[target].set(column, mode="drop"),
            state.trees.threshold.at[target].set(chosen(threshold), mode="drop"),
            state.trees.child.at[target].set(child, mode="drop"),
            state.trees.salt.at[target].set(salt, mode="drop"),
            state.trees.depth + jnp.any(is_split).astype(jnp.int32),
        )

        # Children with enough rows for two leaves get the slots of the next level.
        weight_first = chosen(first[:, 0])
        weights = jnp.stack([weight_first, both[:, 0, 0] - weight_first], axis=1)
        is_large = (is_split[:, None] & (weights >= 2 * min_samples_leaf)).reshape(-1)
        new_slot = jnp.where(is_large, jnp.cumsum(is_large, dtype=jnp.int32) - 1, num_slots)
        children = (child[:, None] + jnp.arange(2, dtype=jnp.int32)[None, :]).reshape(-1)
        node = jnp.full(num_slots, num_nodes, jnp.int32).at[new_slot].set(children, mode="drop")
        row_goes_first = jnp.take_along_axis(goes_first, column[here][:, None], axis=1)[:, 0]
        slot = jnp.where(slot < num_slots, new_slot[2 * here + (~row_goes_first).astype(jnp.int32)], num_slots)
        return _Growth(trees, state.num_nodes + 2 * jnp.sum(is_split, dtype=jnp.int32), slot, node)

    has_room = jnp.sum(weight) >= 2 * min_samples_leaf
    start = _Growth(
        _leaves(num_nodes, keys.dtype),
        jnp.ones((), jnp.int32),
        jnp.where(weight > 0, 0, num_slots).astype(jnp.int32),
        jnp.full(num_slots, num_nodes, jnp.int32).at[0].set(jnp.where(has_room, 0, num_nodes)),
    )
    return jax.lax.while_loop(lambda state: state.node[0] < num_nodes, next_level, start).trees


def _leaves(num_nodes: int, dtype: jnp.dtype) -> Trees:
    """A tree whose root is a leaf, with room for further nodes, which are leaves too."""
    zeros = jnp.zeros(num_nodes, jnp.int32)
    child = jnp.arange(num_nodes, dtype=jnp.int32)
    return Trees(zeros, jnp.full(num_nodes, jnp.inf, dtype), child, zeros.astype(jnp.uint32), jnp.zeros((), jnp.int32))


def _structure(columns: tuple[Column, ...], num_columns: int) -> tuple[tuple[bool, ...], bool]:
    """Which columns are categories, and whether any column may be inactive."""
    is_category = tuple(column.kind == CATEGORY for column in columns) or (False,) * num_columns
    return is_category, any(column.parent >= 0 for column in columns)


def _whole(y: Float[Array, " n"], weight: Int[Array, " n"]) -> Int[Array, " n"]:
    """The values as integer numbers of steps above the minimum; their weighted sum is below 2**31."""
    least = jnp.min(jnp.where(weight > 0, y, jnp.inf))
    width = jnp.max(jnp.where(weight > 0, y, -jnp.inf)) - least
    largest = (2**30 // jnp.maximum(jnp.sum(weight, dtype=jnp.int32), 1)).astype(y.dtype)
    steps = jnp.round((y - least) / width * largest)
    return jnp.where((weight > 0) & (width > 0), steps, 0).astype(jnp.int32)


def _extremes(
    slot: Int[Array, " n"], keys: Float[Array, "n d"], num_slots: int
) -> tuple[Float[Array, "a d"], Float[Array, "a d"]]:
    """Smallest and largest key of the rows of each slot; ``inf`` and ``-inf`` if no row has a key."""
    both = jnp.stack([-keys, keys], axis=1)
    both = jnp.where(jnp.isnan(both), -jnp.inf, both)
    greatest = jnp.full((num_slots, *both.shape[1:]), -jnp.inf, both.dtype).at[slot].max(both, mode="drop")
    return -greatest[:, 0], greatest[:, 1]


def _some(is_usable: Bool[Array, "a d"], draw: UInt32[Array, "a d"], count: int) -> Bool[Array, "a d"]:
    """At most ``count`` of the usable columns, sampled by random bits that the thresholds do not use."""
    d = draw.shape[1]
    order = ((draw & 0xFFF) * d).astype(jnp.int32) + jnp.arange(d, dtype=jnp.int32)[None, :]
    order = jnp.where(is_usable, order, -1)
    return is_usable & (order >= jnp.sort(order, axis=1)[:, d - count, None])


def _between(low: Float[Array, "a d"], high: Float[Array, "a d"], draw: UInt32[Array, "a d"]) -> Float[Array, "a d"]:
    """Uniform samples from ``[low, high)``; 0 if the interval is empty."""
    part = (draw >> 12).astype(low.dtype) * 2.0**-20
    is_open = low < high
    low, high = jnp.where(is_open, low, 0), jnp.where(is_open, high, 0)
    threshold = low + part * (high - low)
    return jnp.where(threshold < high, threshold, low)


def _best(
    first: Int[Array, "a 2 d"],
    second: Int[Array, "a 2 d"],
    is_usable: Bool[Array, "a d"],
    draw: UInt32[Array, "a d"],
    min_samples_leaf: int,
) -> tuple[Int[Array, " a"], Bool[Array, " a"]]:
    """The column of each slot whose split reduces the variance most, and whether any split is possible.

    Args:
      first: Weight and weighted sum of values (in steps) of the rows on the first side.
      second: The same sums for the rows on the second side.
      is_usable: Columns that may be split.
      draw: Random bits. The lowest bits break ties.
      min_samples_leaf: Minimum weight of a side.
    """
    is_usable = is_usable & (first[:, 0] >= min_samples_leaf) & (second[:, 0] >= min_samples_leaf)
    weight_1, sum_1 = first[:, 0].astype(jnp.float32), first[:, 1].astype(jnp.float32)
    weight_2, sum_2 = second[:, 0].astype(jnp.float32), second[:, 1].astype(jnp.float32)
    gain = weight_1 * weight_2 * (sum_1 / weight_1 - sum_2 / weight_2) ** 2
    # In small nodes many columns give the same split. Positive floats have the same order as their bits. The last
    # seven bits, 1e-5 of the gain, are replaced by random bits: otherwise the first column would win most ties.
    order = (jax.lax.bitcast_convert_type(gain, jnp.int32) & ~0x7F) | (draw & 0x7F).astype(jnp.int32)
    order = jnp.where(is_usable, order, -1)
    return jnp.argmax(order, axis=1).astype(jnp.int32), jnp.max(order, axis=1) >= 0


def _scramble(word: UInt32[Array, "*b"]) -> UInt32[Array, "*b"]:
    """A hash of ``word``: each bit depends on all bits of ``word``. Much cheaper than a random generator.

    References:
      Appleby, MurmurHash3, 2011, the finaliser of 32 bits.
    """
    word = (word ^ (word >> 16)) * jnp.uint32(0x85EBCA6B)
    word = (word ^ (word >> 13)) * jnp.uint32(0xC2B2AE35)
    return word ^ (word >> 16)


def _choice_keys(salt: UInt32[Array, "*#b"], choice: Float[Array, "*b"]) -> Float[Array, "*b"]:
    """The random key in [0, 1) of a choice in a node; NaN for NaN."""
    index = jnp.where(jnp.isnan(choice), 0, choice).astype(jnp.uint32)
    word = _scramble(~salt + jnp.uint32(_GOLDEN) * index)
    return jnp.where(jnp.isnan(choice), jnp.nan, (word >> 8).astype(choice.dtype) * 2.0**-24)


def _takes_inactive_first(salt: UInt32[Array, "*b"]) -> Bool[Array, "*b"]:
    """True if points whose column is inactive go to the first child of a node; always true in leaves."""
    return (salt & 1) == 0
