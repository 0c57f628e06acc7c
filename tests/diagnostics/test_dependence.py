"""Averages over all columns but one, against averages in NumPy."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jbo
from jbo.designs import sobol
from jbo.diagnostics import partial_dependence
from jbo.encoding import is_active, snap
from tests import references
from tests.surrogates.problems import as_dataset, as_sets, random_params, smooth_data

ENCODING = jbo.Space({f"x{i}": jbo.Real(0.0, 1.0) for i in range(3)}).encoding
N, D, POINTS = 20, 3, 16
_dependence = jax.jit(
    lambda key, posterior, column, x: partial_dependence(key, posterior, ENCODING, column, x, POINTS), static_argnums=2
)
_condition = jax.jit(lambda surrogate, params, data: surrogate.condition(params, data))
_fit = jax.jit(lambda surrogate, key, data: surrogate.fit(key, data, surrogate.init(D, data.x.dtype))[0])
_sobol = jax.jit(sobol, static_argnums=(1, 2, 3))
_is_active = jax.jit(is_active)
_snap = jax.jit(snap)


def test_the_average_of_a_process_has_its_own_variance(x64):
    tuples = [random_params(D, seed, 1e-2) for seed in range(2)]
    params, (x, y) = as_sets(tuples, "float64"), smooth_data(N, D)
    posterior = _condition(jbo.gp(), params, as_dataset(x, y, "float64", 24, 7.0))
    places, key = jnp.asarray([0.0, 0.3, 1.0]), jax.random.key(0)
    found = _dependence(key, posterior, 1, places)
    background = np.asarray(_sobol(key, POINTS, D, np.dtype("float64")))
    for i, place in enumerate(places):
        points = background.copy()
        points[:, 1] = place
        moments = []
        for one in tuples:
            inverse = np.linalg.inv(references.observed_covariance("multiscale", one, x))
            cross = references.covariance("multiscale", one, points, x)
            joint = references.covariance("multiscale", one, points, points) - cross @ inverse @ cross.T
            moments.append(((cross @ inverse @ y).mean(), joint.mean()))
        means, variances = np.array(moments).T
        np.testing.assert_allclose(found.mean[i], means.mean(), atol=1e-9)
        np.testing.assert_allclose(found.deviation[i] ** 2, variances.mean() + means.var(), atol=1e-9)


def test_a_pair_of_columns_has_the_average_over_the_others(x64):
    tuples = [random_params(D, seed, 1e-2) for seed in range(2)]
    params, (x, y) = as_sets(tuples, "float64"), smooth_data(N, D)
    posterior = _condition(jbo.gp(), params, as_dataset(x, y, "float64", 24, 7.0))
    places, key = np.array([[0.0, 0.9], [0.3, 0.3], [1.0, 0.2]]), jax.random.key(0)
    found = _dependence(key, posterior, (2, 0), jnp.asarray(places))
    background = np.asarray(_sobol(key, POINTS, D, np.dtype("float64")))
    for i, (third, first) in enumerate(places):
        points = background.copy()
        points[:, 2], points[:, 0] = third, first
        moments = []
        for one in tuples:
            inverse = np.linalg.inv(references.observed_covariance("multiscale", one, x))
            cross = references.covariance("multiscale", one, points, x)
            joint = references.covariance("multiscale", one, points, points) - cross @ inverse @ cross.T
            moments.append(((cross @ inverse @ y).mean(), joint.mean()))
        means, variances = np.array(moments).T
        np.testing.assert_allclose(found.mean[i], means.mean(), atol=1e-9)
        np.testing.assert_allclose(found.deviation[i] ** 2, variances.mean() + means.var(), atol=1e-9)


@pytest.mark.thorough
def test_other_models_have_a_bound(x64):
    surrogate, data = jbo.forest(num_trees=5), as_dataset(*smooth_data(N, D), "float64")
    params = _fit(surrogate, jax.random.key(0), data)
    posterior, key = _condition(surrogate, params, data), jax.random.key(1)
    found = _dependence(key, posterior, 0, jnp.asarray([0.25]))
    points = _sobol(key, POINTS, D, np.dtype("float64")).at[:, 0].set(0.25)
    mean, variance = posterior.predict(points)
    np.testing.assert_allclose(found.mean[0], np.mean(mean), atol=1e-12)
    np.testing.assert_allclose(found.deviation[0], np.sqrt(variance).mean(), atol=1e-12)


class Indicator(NamedTuple):
    """A model that knows one thing of a point: 1 where it holds."""

    holds: Callable

    def predict(self, x):
        return self.holds(x).astype(x.dtype), jnp.zeros(len(x))

    def noise_variance(self):
        return jnp.zeros(())


def test_a_conditional_column_is_averaged_where_it_exists(x64):
    space, key = jbo.functions.conditional.space, jax.random.key(0)
    column, depth = space.names.index("rate"), space.names.index("depth")  # depth 3, 4 or 5, which needs model 1
    edges = [0.25, 0.5, 0.75]
    holds = [
        lambda x: is_active(space.encoding, x)[:, column],
        lambda x: x[:, column] == 0.2,
        *(lambda x, place=place: jnp.abs(x[:, depth] - place) < 1e-9 for place in (0.5, 0.7, 0.9)),
        *(lambda x, edge=edge: x[:, 0] < edge for edge in edges),
    ]

    @jax.jit
    def counts(places):
        """How many of the 64 points each holds for, with the rate at each of the places."""
        found = [partial_dependence(key, Indicator(h), space.encoding, column, places, 64).mean for h in holds]
        return 64 * jnp.stack(found)

    x = _snap(space.encoding, _sobol(key, 64, len(space), np.dtype("float64")))
    assert not _is_active(space.encoding, x)[:, column].all()
    active, at_place, *rest = np.asarray(counts(jnp.asarray([0.2, 0.7])))
    assert active.tolist() == [64, 64] and at_place.tolist() == [64, 0]
    assert np.min(rest[:3]) >= 19 and np.sum(rest[:3], axis=0).tolist() == [64, 64], "even over the depths"
    expected = [[(x[:, 0] < edge).sum()] * 2 for edge in edges]
    np.testing.assert_array_equal(rest[3:], expected, "what the rate does not depend on stays where it is")


class Weighted(NamedTuple):
    """A model of a known function: a sum over columns. Halves of Sobol's points have equal averages of polynomials."""

    weights: np.ndarray

    def predict(self, x):
        return jnp.sum(jnp.exp(3 * x) * jnp.broadcast_to(jnp.asarray(self.weights), x.shape), axis=1), jnp.ones(len(x))

    def noise_variance(self):
        return jnp.zeros(())


TREE = jbo.Space(
    kind=jbo.Categorical("a", "b", "c"),
    width=jbo.Real(0.0, 1.0, when=("kind", ["a", "b"])),
    slope=jbo.Real(0.0, 1.0, when=("kind", ["b", "c"])),
    twist=jbo.Real(0.0, 1.0, when=("width", jbo.between(0.6, 1.0))),
    number=jbo.Integer(1, 4),
)
WEIGHTS = np.array([1.0, 2.0, 4.0, 8.0, 16.0])


@jax.jit
def _of_pairs(key, places):
    """Averages of the pairs of the test below, all with the same places."""
    model, names = Weighted(WEIGHTS), TREE.names
    pairs = [("kind", "width"), ("width", "slope"), ("twist", "number")]
    columns = [tuple(map(names.index, pair)) for pair in pairs]
    return {
        p: partial_dependence(key, model, TREE.encoding, c, places, 64).mean
        for p, c in zip(pairs, columns, strict=True)
    }


def test_a_pair_with_conditions_is_averaged_where_both_exist(x64):
    key, places = jax.random.key(3), np.array([[1 / 6, 0.875], [0.5, 0.125], [5 / 6, 0.375]])
    found = _of_pairs(key, jnp.asarray(places))
    points = np.asarray(_sobol(key, 64, len(TREE), np.dtype("float64")))

    def brute(pair, place, moved):
        """The average over configs, one at a time, by the space itself; None where the pair does not exist."""
        values = []
        for point in points:
            x = moved(dict(zip(TREE.names, point, strict=True)))
            x |= dict(zip(pair, place, strict=True))
            config = TREE.decode(np.array(list(x.values())))
            if all(name in config for name in pair):
                values.append((WEIGHTS * np.exp(3 * TREE.encode(config))).sum())
        return np.mean(values) if values else np.nan

    def at_b(x):
        return x | {"kind": 0.5}

    def with_twist(x):
        return x | {"kind": 1 / 6 if x["kind"] < 0.5 else 0.5, "width": 0.6 + 0.4 * x["width"]}

    moves = {("kind", "width"): dict, ("width", "slope"): at_b, ("twist", "number"): with_twist}
    for pair, means in found.items():
        expected = [brute(pair, place, moves[pair]) for place in places]
        np.testing.assert_allclose(means, expected, rtol=1e-9, err_msg=str(pair))
    assert np.isnan(found["kind", "width"]).tolist() == [False, False, True], "no width of kind c"
    assert all(np.isfinite(found[pair]).all() for pair in found if pair != ("kind", "width"))


def test_two_shares_stand_where_they_are_held(x64):
    space = jbo.Space(jbo.Simplex("a", "b", "c"), d=jbo.Real(0.0, 1.0))
    shares = np.array([[0.25, 0.5], [0.5, 0.5], [0.75, 0.5]])
    places = 1 - np.exp(-shares)
    model = Weighted(np.array([1.0, 2.0, 4.0, 8.0]))
    key = jax.random.key(0)
    found = jax.jit(lambda x: partial_dependence(key, model, space.encoding, (0, 1), x, 16).mean)(jnp.asarray(places))
    d = np.asarray(_sobol(key, 16, 4, np.dtype("float64")))[:, 3]
    for (a, b), mean in zip(shares[:2], found[:2], strict=True):
        x = 1 - np.exp(-np.array([a, b, 1 - a - b]))
        expected = (np.array([1.0, 2.0, 4.0]) * np.exp(3 * x)).sum() + 8 * np.exp(3 * d).mean()
        np.testing.assert_allclose(mean, expected, rtol=1e-9)
    assert np.isnan(found[2]), "shares of 0.75 and 0.5 are no shares"
