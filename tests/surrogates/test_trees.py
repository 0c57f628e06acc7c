"""Growth: each split is the best of its random cuts, and what must not matter does not."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chisquare, kstest

from jbo import Categorical, Integer, Ordinal, Real, Space
from jbo.encoding import snap
from jbo.surrogates.trees import column_keys, find_leaves, grow
from tests.selection import some

from .reference_trees import check_tree, leaf_of, trees_of

SPACE = Space(
    c=Real(-1.0, 1.0, when=("a", "y")),
    a=Categorical("x", "y", "z"),
    b=Integer(1, 300, log=True, when=("a", {"x", "y"})),
    d=Real(1e-4, 1.0, log=True),
    e=Ordinal(1, 2, 4, 8),
    f=Categorical(*range(5), when=("e", {2, 4})),
)
ENCODING = SPACE.encoding
COLUMNS, IS_CATEGORY = ENCODING.columns, [bool(c) for c in ENCODING.is_category]
N, CAPACITY, NUM_TREES = 24, 32, 6
KEY = jax.random.key(5)

_grow = jax.jit(grow, static_argnames=("columns", "min_samples_leaf", "max_features"))
_find = jax.jit(find_leaves, static_argnames="columns")


def rows(dtype="float64", seed=0, garbage=0.5):
    """Keys, values and weights of rows of all kinds; the last ones do not count."""
    rng = np.random.default_rng(seed)
    x = np.array(snap(ENCODING, rng.random((CAPACITY, len(COLUMNS))).astype(dtype)))
    y = rng.normal(size=CAPACITY).astype(dtype)
    x[N:], y[N:] = garbage, garbage
    keys = column_keys(ENCODING, jnp.asarray(x))
    weight = np.broadcast_to(np.arange(CAPACITY) < N, (NUM_TREES, CAPACITY)).astype(np.int32)
    return keys, jnp.asarray(y), weight


NUM_COLUMNS = len(COLUMNS)


def run(keys, y, weight, min_samples_leaf=1, max_features=NUM_COLUMNS, columns=COLUMNS, key=KEY):
    weight = jnp.asarray(weight)
    return _grow(key, keys, y, weight, columns=columns, min_samples_leaf=min_samples_leaf, max_features=max_features)


def seeds(num_trees):
    return np.asarray(jax.random.bits(KEY, (num_trees, 2), jnp.uint32)).astype(int).tolist()


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@some(
    ("min_samples_leaf", "max_features", "is_drawn"),
    [(1, 6, False), (3, 2, True), pytest.param(2, 6, True, marks=pytest.mark.thorough)],
)
def test_each_split_is_the_best_of_its_random_cuts(x64, min_samples_leaf, max_features, is_drawn):
    for seed in range(3):
        keys, y, weight = rows(seed=seed)
        if is_drawn:
            weight = np.random.default_rng(seed).poisson(1.0, weight.shape).astype(np.int32) * weight
            weight[weight.cumsum(1) > N] = 0
        if seed == 2:
            y = jnp.round(y)  # many ties
        trees = run(keys, y, weight, min_samples_leaf, max_features)
        num_splits = [
            check_tree(tree, s, np.asarray(keys), np.asarray(y), w, IS_CATEGORY, min_samples_leaf, max_features)
            for tree, s, w in zip(trees_of(trees), seeds(NUM_TREES), weight, strict=True)
        ]
        assert min(num_splits) > 0


@pytest.mark.thorough
def test_single_precision_grows_such_trees_too():
    with jax.enable_x64(False):
        keys, y, weight = rows("float32")
        trees = run(keys, y, weight)
        assert trees.threshold.dtype == jnp.float32
        for tree, s, w in zip(trees_of(trees), seeds(NUM_TREES), weight, strict=True):
            check_tree(tree, s, np.asarray(keys), np.asarray(y), w, IS_CATEGORY, 1, 6)


def test_points_find_their_leaves(x64):
    keys, y, weight = rows()
    trees = run(keys, y, weight)
    points = column_keys(ENCODING, snap(ENCODING, np.random.default_rng(7).random((40, len(COLUMNS)))))
    leaves = np.asarray(_find(trees, points, columns=COLUMNS))
    for i, tree in enumerate(trees_of(trees)):
        assert leaves[i].tolist() == [leaf_of(tree, point, IS_CATEGORY) for point in np.asarray(points)]
        own = [leaf_of(tree, row, IS_CATEGORY) for row in np.asarray(keys)[:N]]
        assert len(set(own)) == N, "rows that differ end alone"


@pytest.mark.parametrize("garbage", [-1e300, 1e300, 7.0])
def test_rows_that_do_not_count_change_no_bit(x64, garbage):
    assert equal(run(*rows()), run(*rows(garbage=garbage)))


def test_neither_order_nor_capacity_of_the_rows_matters(x64):
    keys, y, weight = rows()
    plain = run(keys, y, weight)
    order = np.random.default_rng(1).permutation(CAPACITY)
    assert equal(plain, run(keys[order], y[order], weight[:, order]))
    small = run(keys[:N], y[:N], weight[:, :N])
    size = 2 * N - 1
    for a, b in zip(plain[:4], small[:4], strict=True):
        np.testing.assert_array_equal(np.asarray(a)[:, :size], b)
    np.testing.assert_array_equal(plain.depth, small.depth)


def test_the_placeholder_of_an_inactive_column_cannot_speak(x64):
    rng = np.random.default_rng(3)
    x = np.asarray(snap(ENCODING, rng.random((CAPACITY, len(COLUMNS)))))
    keys = np.asarray(column_keys(ENCODING, jnp.asarray(x)))
    filled = np.where(np.isnan(keys), rng.random(x.shape), x)
    assert np.isnan(keys).any() and not np.array_equal(filled, x)
    np.testing.assert_array_equal(column_keys(ENCODING, jnp.asarray(filled)), keys)


@pytest.mark.thorough
def test_vmap_is_a_loop(x64):
    keys, _, weight = rows()
    ys = jnp.stack([rows(seed=s)[1] for s in range(3)])
    many = jax.vmap(lambda y: run(keys, y, weight))(ys)
    for i, y in enumerate(ys):
        one = run(keys, y, weight)
        for a, b in zip(many, one, strict=True):
            np.testing.assert_allclose(a[i], b, rtol=1e-12)


def test_few_or_equal_rows_are_one_leaf(x64):
    keys, y, weight = rows()
    same = keys.at[:].set(keys[0])
    for k, v, w in [
        (keys, 0 * y + 3, weight),
        (same, y, weight),
        (keys, y, weight * (np.arange(CAPACITY) < 1)),
        (keys, y, 0 * weight),
    ]:
        trees = run(k, v, np.asarray(w, np.int32))
        assert (trees.depth == 0).all() and (trees.child == np.arange(trees.child.shape[1])).all()


# What is drawn: two rows or four choices, and many trees.


def test_thresholds_are_uniform_and_equal_columns_have_equal_chances(x64):
    keys = jnp.asarray([[0.2, 0.2], [0.7, 0.7]])
    trees = run(keys, jnp.asarray([0.0, 1.0]), np.ones((4000, 2), np.int32), columns=(), max_features=2)
    threshold, column = np.asarray(trees.threshold)[:, 0], np.asarray(trees.column)[:, 0]
    assert kstest((threshold - 0.2) / 0.5, "uniform").pvalue > 1e-3
    assert chisquare(np.bincount(column, minlength=2)).pvalue > 1e-3
    for j in range(2):
        assert kstest((threshold[column == j] - 0.2) / 0.5, "uniform").pvalue > 1e-3


def test_sets_of_choices_and_sides_of_inactive_columns_are_drawn(x64):
    """Three choices: all six proper subsets are equally likely, and rows without the column go either way."""
    space = Space(p=Categorical(0, 1), q=Categorical(0, 1, 2, when=("p", 1)))
    columns = space.encoding.columns
    keys = jnp.asarray([[1, 0], [1, 1], [1, 2], [1, jnp.nan]], jnp.float64)
    trees = run(keys, jnp.asarray([0.0, 1.0, 3.0, 7.0]), np.ones((3000, 4), np.int32), columns=columns, max_features=2)
    leaves = np.asarray(_find(trees._replace(depth=jnp.minimum(trees.depth, 1)), keys, columns=columns))
    first = leaves == np.asarray(trees.child)[:, :1]
    sets = first[:, :3] @ np.array([1, 2, 4])
    assert (np.asarray(trees.column)[:, 0] == 1).all()
    assert chisquare(np.bincount(sets, minlength=8)[1:7]).pvalue > 1e-3 and not np.isin(sets, (0, 7)).any()
    assert chisquare(np.bincount(first[:, 3], minlength=2)).pvalue > 1e-3


def test_keys_are_choices_values_and_nan_where_a_column_is_inactive():
    space = Space(
        a=Real(0.0, 4.0), b=Categorical("x", "y", "z"), c=Real(0.0, 1.0, when=("b", "z")), d=Ordinal(1, 2, 4, 8)
    )
    x = [space.encode(config) for config in ({"a": 1.0, "b": "z", "c": 0.5, "d": 2}, {"a": 3.0, "b": "y", "d": 8})]
    expected = [[0.25, 2, 0.5, 0.375], [0.75, 1, np.nan, 0.875]]
    np.testing.assert_allclose(jax.jit(column_keys)(space.encoding, np.array(x)), expected, rtol=1e-6)


@pytest.mark.thorough
def test_strict_promotion():
    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        for dtype in ("float64", "float32"):
            keys, y, weight = rows(dtype)
            shapes = jax.eval_shape(
                partial(grow, columns=COLUMNS, min_samples_leaf=2, max_features=3), KEY, keys, y, jnp.asarray(weight)
            )
            assert shapes.threshold.dtype == dtype and shapes.child.shape == (NUM_TREES, 2 * (CAPACITY // 2) - 1)
