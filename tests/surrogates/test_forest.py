"""The forest as a surrogate: predictions against a walk in plain Python, and what its uncertainty must do."""

import dataclasses
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chisquare
from sklearn.datasets import load_diabetes, load_digits, load_wine
from sklearn.ensemble import ExtraTreesRegressor

import jbo
from jbo import forest
from jbo.encoding import snap
from jbo.surrogates import FitInfo, Posterior, Surrogate
from jbo.surrogates.trees import bootstrap_weights, column_keys, grow
from tests.selection import some

from .problems import as_dataset, standardised
from .reference_trees import distance_of
from .reference_trees import predict as predict_by_hand
from .test_trees import CAPACITY, COLUMNS, ENCODING, IS_CATEGORY, N

with jax.enable_x64(True):
    POINTS = np.asarray(snap(ENCODING, np.random.default_rng(9).random((12, len(COLUMNS)))))
FOREST = forest(num_trees=6).bind(ENCODING)
DRAWN = forest(num_trees=6, bootstrap=True, min_samples_leaf=3, max_features=0.5, min_variance=0.05).bind(ENCODING)


@jax.jit
def _fit(surrogate, key, data):
    return surrogate.fit(key, data, surrogate.init(data.x.shape[1], data.x.dtype))


_condition = jax.jit(lambda surrogate, params, data: surrogate.condition(params, data))
_predict = jax.jit(lambda posterior, x: posterior.predict(x))
_keys = jax.jit(column_keys)
_weights = jax.jit(bootstrap_weights, static_argnums=2)


def dataset(dtype="float64", seed=0, garbage=0.5, capacity=CAPACITY):
    rng = np.random.default_rng(seed)
    x = np.asarray(snap(ENCODING, rng.random((N, len(COLUMNS)))))
    return as_dataset(x, standardised(rng.normal(size=N)), dtype, capacity, garbage)


def model(surrogate, data, seed=0):
    params, info = _fit(surrogate, jax.random.key(seed), data)
    assert info.is_finite and info.log_posterior == 0 and info.num_evaluations == 0
    return params, _condition(surrogate, params, data)


def by_hand(surrogate, params, data, points):
    keys, rows = (np.asarray(_keys(surrogate.encoding, x)) for x in (points, data.x))
    is_valid, trees = np.asarray(data.is_valid), jax.tree.map(lambda leaf: leaf[0], params)
    least = surrogate.min_variance
    return predict_by_hand(trees, rows[is_valid], np.asarray(data.y)[is_valid], keys, IS_CATEGORY, least)


@some("surrogate", [FOREST, DRAWN], ids=["all rows", "drawn rows"])
def test_predictions_are_those_of_a_walk(x64, surrogate):
    predict = jax.jit(surrogate.predict)
    for seed in range(2):
        data = dataset(seed=seed)
        params, posterior = model(surrogate, data, seed)
        for points in (POINTS, np.asarray(data.x)[:12]):
            expected = by_hand(surrogate, params, data, jnp.asarray(points))
            for ours, theirs in zip(_predict(posterior, jnp.asarray(points)), expected, strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)
            again = predict(posterior, jnp.asarray(points))
            np.testing.assert_allclose(again, _predict(posterior, jnp.asarray(points)), rtol=1e-10)


@pytest.mark.thorough
def test_single_precision():
    with jax.enable_x64(False):
        data = dataset("float32")
        params, posterior = model(FOREST, data)
        points = jnp.asarray(POINTS, jnp.float32)
        outcome = _predict(posterior, points)
        assert all(leaf.dtype == jnp.float32 for leaf in outcome)
        expected = by_hand(FOREST, params, data, points)
    for ours, theirs in zip(outcome, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("surrogate", [FOREST, DRAWN], ids=["all rows", "drawn rows"])
def test_rows_that_do_not_count_change_no_bit(x64, surrogate):
    plain = _predict(model(surrogate, dataset())[1], jnp.asarray(POINTS))
    for garbage in (-1e300, 1e200, 3.0):
        other = _predict(model(surrogate, dataset(garbage=garbage))[1], jnp.asarray(POINTS))
        np.testing.assert_array_equal(plain, other)


def test_order_of_rows_and_values_in_other_units(x64):
    data = dataset()
    mean, variance = _predict(model(FOREST, data)[1], jnp.asarray(POINTS))
    order = np.random.default_rng(2).permutation(CAPACITY)
    moved = dataclasses.replace(data, x=data.x[order], y=data.y[order], is_valid=data.is_valid[order])
    np.testing.assert_allclose(_predict(model(FOREST, moved)[1], jnp.asarray(POINTS)), (mean, variance), rtol=1e-12)
    # The trees see order and proportion of the values only.
    scaled = dataclasses.replace(data, y=-4 * data.y + 1)
    wide = dataclasses.replace(FOREST, min_variance=16 * FOREST.min_variance)
    unseen = variance - _trees_variance(FOREST, data)
    other, other_variance = _predict(model(wide, scaled)[1], jnp.asarray(POINTS))
    np.testing.assert_allclose(other, -4 * mean + 1, rtol=1e-9)
    np.testing.assert_allclose(other_variance - unseen, 16 * (variance - unseen), rtol=1e-9)


def _trees_variance(surrogate, data):
    """The variance without what grows with the distance: every point made a row."""
    _, posterior = model(surrogate, data)
    n = len(POINTS)
    keys = jnp.concatenate([column_keys(ENCODING, jnp.asarray(POINTS)), posterior.keys[n:]])
    near = dataclasses.replace(posterior, keys=keys, is_valid=jnp.ones(CAPACITY, bool))
    return _predict(near, jnp.asarray(POINTS))[1]


def test_inactive_columns_are_silent(x64):
    """Whatever stands in them, at rows and at points."""
    data, rng = dataset(), np.random.default_rng(4)

    def filled(x):
        return jnp.where(jnp.isnan(column_keys(ENCODING, x)), rng.random(x.shape), x)

    points = jnp.asarray(POINTS)
    plain = _predict(model(FOREST, data)[1], points)
    other = _predict(model(FOREST, dataclasses.replace(data, x=filled(data.x)))[1], filled(points))
    assert not np.array_equal(filled(points), points)
    np.testing.assert_array_equal(plain, other)


@pytest.mark.thorough
def test_categories_are_split_as_sets(x64):
    """Choices whose values alternate: no order of them helps, and one value a choice is learnt exactly."""
    space = jbo.Space(a=jbo.Categorical(*range(6)), b=jbo.Real(0.0, 1.0))
    surrogate = forest(num_trees=50).bind(space.encoding)
    rng = np.random.default_rng(0)
    x = np.asarray(snap(space.encoding, rng.random((64, 2))))
    is_odd = np.floor(x[:, 0] * 6) % 2
    posterior = model(surrogate, as_dataset(x, standardised(is_odd), "float64"))[1]
    new = np.asarray(snap(space.encoding, rng.random((64, 2))))
    mean, _ = _predict(posterior, jnp.asarray(new))
    assert np.abs(mean - np.where(np.floor(new[:, 0] * 6) % 2, 1, -1) * np.abs(mean).max()).max() < 0.3


# Uncertainty.


def line(x, y, **options):
    surrogate = forest(num_trees=200, **options)
    return surrogate, as_dataset(np.asarray(x)[:, None], np.asarray(y), "float64", 16)


@pytest.mark.thorough
def test_variance_grows_away_from_the_data(x64):
    surrogate, data = line([0.2, 0.25, 0.3, 0.35, 0.4], [1.0, -1.0, 0.5, -0.5, 0.0])
    _, posterior = model(surrogate, data)
    variance = np.asarray(posterior.predict(jnp.asarray([[0.4], [0.5], [0.6], [0.8], [1.0]]))[1])
    assert (np.diff(variance) > 0.05).all(), "outside"
    np.testing.assert_allclose(variance[0], surrogate.min_variance, rtol=1e-9)
    np.testing.assert_allclose(variance - variance[0], 1 - np.exp(-np.array([0.0, 0.1, 0.2, 0.4, 0.6])), rtol=1e-9)
    surrogate, data = line([0.1, 0.15, 0.85, 0.9], [0.0, 0.0, 0.0, 1.0])
    variance = np.asarray(model(surrogate, data)[1].predict(jnp.asarray([[0.15], [0.3], [0.5]]))[1])
    assert (np.diff(variance) > 0.05).all(), "between equal values, too"


def test_distance_is_the_mean_over_the_columns_to_the_nearest_row(x64):
    """What the variance has beyond that of the trees, where only some rows count."""
    data = dataset()
    _, posterior = model(FOREST, data)
    of_trees = _trees_variance(FOREST, data)
    points, rows = (np.asarray(column_keys(ENCODING, x)) for x in (jnp.asarray(POINTS), data.x))
    for valid in ([3], [3, 8], []):
        some = dataclasses.replace(posterior, is_valid=jnp.asarray(np.isin(np.arange(CAPACITY), valid)))
        _, variance = _predict(some, jnp.asarray(POINTS))
        distance = [min((distance_of(p, rows[i], IS_CATEGORY) for i in valid), default=np.inf) for p in points]
        np.testing.assert_allclose(variance - of_trees, -np.expm1(-np.array(distance)), atol=1e-12)


@pytest.mark.thorough
def test_a_pending_trial_at_its_mean_is_known_better(x64):
    """The mean there stays; of the trees' disagreement half is left, and the distance is 0."""
    surrogate, data = line([0.1, 0.9], [-1.0, 1.0])
    params, posterior = model(surrogate, data)
    at = jnp.asarray([[0.5]])
    mean, variance = posterior.predict(at)
    believed = dataclasses.replace(
        data,
        x=data.x.at[2].set(0.5),
        y=data.y.at[2].set(mean[0]),
        is_valid=data.is_valid.at[2].set(True),
    )
    after, after_variance = _condition(surrogate, params, believed).predict(at)
    np.testing.assert_allclose(after, mean, atol=1e-12)
    between = 1 - mean**2
    np.testing.assert_allclose(variance, between + surrogate.min_variance + 1 - np.exp(-0.4), rtol=1e-9)
    # A quarter between the trees, a quarter within their leaves; there are no leaves of one row left.
    np.testing.assert_allclose(after_variance, _halved(mean[0]), rtol=1e-9)
    assert after_variance < 0.6 * variance


def _halved(mean):
    """Two leaves a tree, of values -1 and 1; the one at the point is of either kind in (1 ∓ mean) / 2 of the trees."""
    shares, values = np.array([(1 - mean) / 2, (1 + mean) / 2]), np.array([-1.0, 1.0])
    means, variances = (values + mean) / 2, (values - mean) ** 2 / 4
    return shares @ np.maximum(variances, 0.003) + shares @ (means - mean) ** 2


@pytest.mark.thorough
def test_without_rows_the_forest_knows_the_mean_of_standardised_values(x64):
    data = dataset()
    empty = dataclasses.replace(data, is_valid=jnp.zeros(CAPACITY, bool))
    params, posterior = model(FOREST, empty)
    mean, variance = _predict(posterior, jnp.asarray(POINTS))
    np.testing.assert_array_equal(mean, 0)
    np.testing.assert_allclose(variance, 1 + FOREST.min_variance)
    stump = jax.tree.map(lambda leaf: leaf[None], FOREST.init(len(COLUMNS), jnp.dtype("float64")))
    mean, _ = FOREST.condition(stump, data).predict(jnp.asarray(POINTS))
    np.testing.assert_allclose(mean, np.mean(np.asarray(data.y)[:N]), atol=1e-12)


def test_a_bootstrap_draws_as_many_rows_as_there_are(x64):
    data = dataset()
    shuffled = dataclasses.replace(data, is_valid=jax.random.permutation(jax.random.key(0), data.is_valid))
    for d in (data, shuffled):
        weight = np.asarray(_weights(jax.random.key(1), d.is_valid, 2000))
        assert (weight.sum(1) == N).all() and (weight[:, ~np.asarray(d.is_valid)] == 0).all()
        of_valid = weight[:, np.asarray(d.is_valid)]
        np.testing.assert_allclose(of_valid.mean(0), 1, atol=0.15)
        np.testing.assert_allclose(of_valid.var(), 1 - 1 / N, atol=0.05)
    assert (_weights(jax.random.key(1), jnp.zeros(CAPACITY, bool), 3) == 0).all()


def test_a_forest_that_draws_grows_on_the_rows_that_were_drawn(x64):
    """Its trees are those of `grow` with these weights, the first key for the rows and the second for the trees."""
    data, key = dataset(), jax.random.key(1)
    key_rows, key_trees = jax.random.split(key)
    weight = _weights(key_rows, data.is_valid, DRAWN.num_trees)
    keys = column_keys(ENCODING, data.x)
    expected = jax.jit(lambda key, y: grow(key, keys, y, weight, columns=COLUMNS, min_samples_leaf=3, max_features=3))
    found, _ = _fit(DRAWN, key, data)
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a[0], b), found, expected(key_trees, data.y))


def test_samples_are_trees(x64):
    _, posterior = model(FOREST, dataset())
    points = jnp.asarray(POINTS)
    samples = np.asarray(FOREST.sample(jax.random.key(0), posterior, points, 300))
    trees, counts = np.unique(samples, axis=0, return_counts=True)
    assert len(trees) == 6
    np.testing.assert_allclose(trees.mean(0), _predict(posterior, points)[0], rtol=1e-9)
    together = jax.jit(lambda posterior, x1, x2: posterior.covariance(x1, x2))(posterior, points[:5], points[5:])
    np.testing.assert_allclose(together, np.cov(trees.T, bias=True)[:5, 5:], rtol=1e-9, atol=1e-12)
    assert chisquare(counts).pvalue > 1e-3, "each tree is as probable"
    assert (np.abs(samples.mean(0) - trees.mean(0)) < 4 * trees.std(0) / np.sqrt(300) + 1e-12).all()


# The protocol.


def test_it_is_a_surrogate(x64):
    _, posterior = model(FOREST, dataset())
    assert isinstance(FOREST, Surrogate) and isinstance(posterior, Posterior) and FOREST.is_smooth is False
    for name in ("bind", "init", "fit", "condition", "predict", "sample"):
        names = list(inspect.signature(getattr(type(FOREST), name)).parameters)
        of_process = list(inspect.signature(getattr(type(jbo.gp()), name)).parameters)
        # A forest is grown anew, so it is not told whether a start is near.
        assert names == [each for each in of_process if each != "is_near"]
    info = jax.eval_shape(lambda d: _fit(FOREST, jax.random.key(0), d)[1], dataset())
    assert isinstance(info, FitInfo) and info.log_posterior.dtype == jnp.float64


@pytest.mark.thorough
def test_a_posterior_out_of_vmap_is_a_loop(x64):
    datasets = [dataset(seed=s) for s in range(3)]
    x, y = (jnp.stack([getattr(data, name) for data in datasets]) for name in ("x", "y"))
    keys = jnp.stack([jax.random.key(s) for s in range(3)])

    def both(key, x, y):
        data = dataclasses.replace(datasets[0], x=x, y=y)
        params, _ = _fit(FOREST, key, data)
        return FOREST.condition(params, data)

    posteriors = jax.jit(jax.vmap(both))(keys, x, y)
    many = jax.vmap(lambda posterior: posterior.predict(jnp.asarray(POINTS)))(posteriors)
    for i, data in enumerate(datasets):
        alone = _predict(model(FOREST, data, i)[1], jnp.asarray(POINTS))
        for a, b in zip(many, alone, strict=True):
            np.testing.assert_allclose(a[i], b, rtol=1e-9)


def test_points_one_by_one_are_points_together(x64):
    _, posterior = model(FOREST, dataset())
    together = _predict(posterior, jnp.asarray(POINTS))
    one_by_one = jax.jit(jax.vmap(lambda x: posterior.predict(x[None])))(jnp.asarray(POINTS))
    for a, b in zip(together, one_by_one, strict=True):
        np.testing.assert_allclose(a, b[:, 0], rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_trees": 0}, "num_trees: expected at least 1, got 0"),
        ({"min_samples_leaf": 0}, "min_samples_leaf: expected at least 1, got 0"),
        ({"max_features": 0.0}, "max_features: expected a fraction above 0 and at most 1, got 0.0"),
        ({"max_features": 2.0}, "max_features: expected a fraction above 0 and at most 1, got 2.0"),
        ({"min_variance": 0.0}, "min_variance: expected a finite number above 0, got 0.0"),
        ({"min_variance": float("nan")}, "min_variance: expected a finite number above 0, got nan"),
    ],
)
def test_errors_say_what_came(options, message):
    with pytest.raises(ValueError, match=message):
        forest(**options)


# Held-out error beside scikit-learn's, trees of the same size.


def _real(name):
    if name == "diabetes":
        x, y = load_diabetes(return_X_y=True)
    elif name == "wine":
        data = load_wine().data
        x, y = data[:, 1:], data[:, 0]
    else:
        data = load_digits().data
        x, y = np.delete(data, 3 * 8 + 4, axis=1), data[:, 3 * 8 + 4]
    width = np.ptp(x, axis=0)
    return (x - x.min(0)) / np.where(width > 0, width, 1), y


def _errors(name, num_seeds, num_trees, *, min_samples_leaf=1, max_features=1.0, bootstrap=False):
    """Root mean square errors of jbo and scikit-learn over splits; at most 600 rows are learnt from."""
    x, y = _real(name)
    surrogate = forest(
        num_trees=num_trees, min_samples_leaf=min_samples_leaf, max_features=max_features, bootstrap=bootstrap
    )
    ours, theirs = [], []
    with jax.enable_x64(True):
        for seed in range(num_seeds):
            order = np.random.default_rng(seed).permutation(len(y))
            num_train = min(600, 2 * len(y) // 3)
            train, test = order[:num_train], order[num_train:]
            centre, scale = y[train].mean(), y[train].std()
            z = (y - centre) / scale
            posterior = model(surrogate, as_dataset(x[train], z[train], "float64"), seed)[1]
            ours.append(np.sqrt(np.mean((_predict(posterior, jnp.asarray(x[test]))[0] - z[test]) ** 2)))
            peer = ExtraTreesRegressor(
                num_trees,
                min_samples_leaf=min_samples_leaf,
                max_features=max_features,
                bootstrap=bootstrap,
                random_state=seed,
            ).fit(x[train], z[train])
            theirs.append(np.sqrt(np.mean((peer.predict(x[test]) - z[test]) ** 2)))
    return np.mean(ours), np.mean(theirs)


@pytest.mark.thorough
def test_error_is_that_of_scikit_learn():
    ours, theirs = _errors("diabetes", 5, 50)
    assert ours < 1.1 * theirs, (ours, theirs)


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["diabetes", "wine", "digits"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"min_samples_leaf": 3, "max_features": 0.5},
        {"bootstrap": True},
        {"bootstrap": True, "min_samples_leaf": 3},
    ],
    ids=lambda options: "-".join(options) or "plain",
)
def test_error_is_that_of_scikit_learn_everywhere(name, options):
    ours, theirs = _errors(name, 5, 100, **options)
    assert ours < 1.1 * theirs, (ours, theirs)
