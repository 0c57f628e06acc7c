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
