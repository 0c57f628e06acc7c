"""Parameters that wrap round: the kernel against scikit-learn's periodic one, and what a model makes of it."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.gaussian_process.kernels import ExpSineSquared

import jbo
from jbo import Categorical, Integer, Real, Space
from jbo.maximize import maximize
from jbo.region import Region
from jbo.surrogates import kernels
from tests.selection import some

from . import references
from .surrogates.problems import KERNELS, as_dataset, as_params, random_params, standardised

SPACE = Space(angle=Real(0.0, 360.0, period=360), kind=Categorical("a", "b"), turns=Real(-1.0, 3.0, period=2))
PERIODS = (1.0, 0.0, 0.5)


def points(n, seed):
    x = np.random.default_rng(seed).uniform(size=(n, 3))
    x[:, 1] = np.where(x[:, 1] < 0.5, 0.25, 0.75)
    return x


def test_periods_in_units_of_the_cube():
    space = Space(
        a=Real(-180.0, 180.0, period=360), b=Integer(0, 23, period=24), c=Integer(1, 7, step=2, period=4), d=Real(0, 9)
    )
    assert [column.period for column in space.encoding.columns] == [1.0, 1.0, 0.5, 0.0]
    assert space.encoding.is_wrapped.tolist() == [True, True, True, False]
    assert not Space(a=Real(0.0, 5.0, period=3.0)).encoding.is_wrapped.any()
    # Only their number counts: a second study of this shape compiles nothing.
    assert Space(a=Real(0.0, 1.0, period=1)).encoding.columns == Space(a=Real(0.0, 24.0, period=24)).encoding.columns


def test_definitions_come_back():
    again = Space.from_json(json.loads(json.dumps(SPACE.to_json())))
    assert again == SPACE and again["angle"] == Real(0.0, 360.0, period=360) != Real(0.0, 360.0)
    assert repr(again["turns"]) == "Real(-1.0, 3.0, period=2.0)"
    assert repr(Integer(0, 23, period=24)) == "Integer(0, 23, period=24)"
    assert "period" not in json.dumps(Space(a=Real(0.0, 1.0), b=Integer(1, 3)).to_json()), "as old files have it"


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        (Real(0.0, 1.0, period=0.0), "a: period must be a number greater than 0, got period=0.0"),
        (Real(0.0, 1.0, period=float("inf")), "a: period must be a number greater than 0, got period=inf"),
        (Integer(0, 9, period=-1), "a: period must be a number greater than 0, got period=-1"),
        (Real(1.0, 2.0, log=True, period=1.0), "a: log=True and period do not go together, got period=1.0"),
    ],
)
def test_errors_name_the_parameter(parameter, message):
    with pytest.raises(ValueError, match=message):
        Space(a=parameter)


@pytest.mark.thorough
@some("name", KERNELS)
def test_value_and_gradient(name, slow_dtype):
    x1, x2, values = points(7, 0), points(5, 1), random_params(3)
    kernel = KERNELS[name].bind(SPACE.encoding)
    assert kernel.periods == PERIODS
    squared = (np.floor(x1[:, None, 1] * 2) != np.floor(x2[None, :, 1] * 2)) / np.exp(2 * values[0][1])
    for j in (0, 2):
        chord = PERIODS[j] / np.pi * np.sin(np.pi * (x1[:, None, j] - x2[None, :, j]) / PERIODS[j])
        squared = squared + (chord / np.exp(values[0][j])) ** 2
    params = as_params(values, slow_dtype)
    result = kernel(params, jnp.asarray(x1, slow_dtype), jnp.asarray(x2, slow_dtype))
    expected = np.exp(values[1]) * references.PROFILES[name](np.sqrt(squared))
    np.testing.assert_allclose(result, expected, rtol=1e-11 if slow_dtype == jnp.float64 else 5e-6)

    shifted = x2 + np.array([1.0, 0.0, 0.5])
    result = kernel(params, jnp.asarray(x1, slow_dtype), jnp.asarray(shifted, slow_dtype))
    np.testing.assert_allclose(result, expected, rtol=1e-10 if slow_dtype == jnp.float64 else 1e-4)
    x = jnp.asarray(x1, slow_dtype)
    weights = jnp.asarray(np.random.default_rng(2).normal(size=(7, 7)), slow_dtype)
    ours, plain = (
        jax.grad(lambda p, f=f: jnp.sum(weights * f(p)))(params)  # the gram has a derivative of its own
        for f in (lambda p: kernel.gram(p, x), lambda p: kernel(p, x, x + 0))
    )
    np.testing.assert_allclose(
        ours.log_lengthscale, plain.log_lengthscale, rtol=1e-6 if slow_dtype == jnp.float64 else 1e-2
    )


@pytest.mark.thorough
def test_the_squared_exponential_is_scikit_learns_periodic_kernel(x64):
    space = Space(angle=Real(0.0, 10.0, period=4))
    x, lengthscale, period = np.random.default_rng(0).uniform(size=(6, 1)), 0.2, 0.4
    params = as_params((np.log([lengthscale]), 0.0, 0.0), "float64")
    result = kernels.rbf.bind(space.encoding)(params, jnp.asarray(x), jnp.asarray(x[:4]))
    expected = ExpSineSquared(length_scale=2 * np.pi * lengthscale / period, periodicity=period)(x, x[:4])
    np.testing.assert_allclose(result, expected, rtol=1e-12)


def test_points_around_one_end_lie_at_the_other():
    """Candidates around the best trial keep some of its columns, and so are told from those of the whole cube."""
    space, seen = Space(a=Real(0.0, 1.0, period=1), b=Real(0.0, 1.0), c=Real(0.0, 1.0)), []

    def record(x):
        seen.append(np.array(x))
        return np.zeros(x.shape[:-1], x.dtype)

    def value(x):
        return jax.pure_callback(record, jax.ShapeDtypeStruct((), x.dtype), x, vmap_method="broadcast_all")

    trials, centre = jbo.random_search(space).init(1), np.float32([0.99, 0.99, 0.97])
    search = jax.jit(lambda key, centre: maximize(key, value, Region(space.encoding), trials, centre, is_smooth=False))
    jax.block_until_ready(search(jax.random.key(0), jnp.asarray(centre)))
    points = np.concatenate([np.reshape(x, (-1, 3)) for x in seen])
    assert len(points) > 500 and np.all((points >= 0) & (points <= 1))
    near = points[points[:, 2] == centre[2]]
    near = near[np.any(near[:, :2] != centre[:2], axis=1)]
    assert len(near) > 50
    assert 0.1 < np.mean(near[:, 0] < 0.3) and np.mean(near[:, 1] < 0.3) < 0.1
    assert np.sum(near[:, 0] == 1) == 0 < np.sum(near[:, 1] == 1)


@jax.jit
def _rmse(surrogate, data, x, y):
    params, _ = surrogate.fit(jax.random.key(0), data, surrogate.init(2, data.x.dtype))
    mean, _ = surrogate.predict(surrogate.condition(params, data), x)
    return jnp.sqrt(jnp.mean((mean - y) ** 2))


@pytest.mark.thorough
def test_a_model_that_knows_it_errs_less(x64):
    """Ten points of a wave over one turn: held-out error with the period and without it."""

    def wave(x):
        return np.sin(2 * np.pi * x[:, 0] + 1) + 0.5 * np.cos(4 * np.pi * x[:, 0]) + x[:, 1]

    spaces = Space(a=Real(0.0, 1.0, period=1), b=Real(0.0, 1.0)), Space(a=Real(0.0, 1.0), b=Real(0.0, 1.0))
    rng, errors = np.random.default_rng(0), []
    for _ in range(12):
        x, held_out = rng.uniform(size=(10, 2)), rng.uniform(size=(200, 2))
        mean, deviation = wave(x).mean(), wave(x).std()
        data = as_dataset(x, standardised(wave(x)), "float64")
        target = jnp.asarray((wave(held_out) - mean) / deviation)
        errors.append([float(_rmse(jbo.gp().bind(s.encoding), data, jnp.asarray(held_out), target)) for s in spaces])
    periodic, plain = np.array(errors).T
    assert np.mean(periodic) < 0.8 * np.mean(plain) and np.mean(periodic < plain) >= 0.75
