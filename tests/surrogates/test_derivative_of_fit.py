"""The fit as a function of the data: its derivative is that of the optimum, and what has none says so."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jbo
from jbo.maximize import maximize
from jbo.region import Region
from jbo.surrogates import gaussian_process, gp
from jbo.surrogates.kernels import Normal, matern52
from jbo.types import Dataset

ROWS, CAPACITY = 9, 11
KEY = jax.random.key(0)


def numbers(seed=0):
    """What a fit depends on: inputs, values, noise, where the prior of the lengthscales is; padding at the end."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=(CAPACITY, 2))
    y = np.sin(4 * x[:, 0]) + x[:, 1] ** 2 + 0.1 * rng.normal(size=CAPACITY)
    y = (y - y[:ROWS].mean()) / y[:ROWS].std()
    return tuple(map(jnp.asarray, (x, y, rng.uniform(0.01, 0.1, CAPACITY), -0.3)))


def made_of(given):
    x, y, noise, loc = given
    data = Dataset(x, y, jnp.arange(CAPACITY) < ROWS, noise_variance=noise)
    return dataclasses.replace(gp(), lengthscale=Normal(loc, 1.0)), data


@jax.jit
def theta_of(given):
    surrogate, data = made_of(given)
    params, info = gaussian_process.fit(KEY, data, surrogate=surrogate)
    return jnp.concatenate([params[0][0], params[1], params[2]]), info.log_posterior


@jax.jit
def newton(theta, given):
    """A step to the optimum itself, which the search comes near to."""
    surrogate, data = made_of(given)

    def value(t):
        return surrogate.log_posterior(t, data)

    return theta - jnp.linalg.solve(jax.hessian(value)(theta), jax.grad(value)(theta))


def optimum(given):
    theta, _ = theta_of(given)
    for _ in range(4):
        theta = newton(theta, given)
    return np.asarray(theta), float(value_at(theta, given))


@jax.jit
def value_at(theta, given):
    surrogate, data = made_of(given)
    return surrogate.log_posterior(theta, data)


def directions(given, seed):
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape) * (0.02 if leaf.ndim else 1.0)), given)


@jax.jit
def forward(given, many):
    """Under vmap over directions, inside jit: one program."""
    many = jax.tree.map(lambda *d: jnp.stack(d), *many)
    return jax.vmap(lambda direction: jax.jvp(theta_of, (given,), (direction,)))(many)


def test_forward_and_reverse_derivative_are_those_of_finite_differences(x64):
    given = numbers()
    many = [directions(given, seed) for seed in range(3)]
    _, (slopes, value_slopes) = forward(given, many)
    step = 1e-3
    for direction, slope, value_slope in zip(many, slopes, value_slopes, strict=True):
        ends = [optimum(jax.tree.map(lambda a, d, s=s: a + s * step * d, given, direction)) for s in (1, -1)]
        np.testing.assert_allclose(slope, (ends[0][0] - ends[1][0]) / (2 * step), rtol=2e-4, atol=2e-5)
        np.testing.assert_allclose(value_slope, (ends[0][1] - ends[1][1]) / (2 * step), rtol=2e-3, atol=2e-3)
    weights = jnp.array([0.3, -1.0, 0.7, 2.0])
    back = jax.jit(jax.grad(lambda given: jnp.sum(weights * theta_of(given)[0])))(given)
    for direction, slope in zip(many, slopes, strict=True):
        product = sum(jnp.sum(b * d) for b, d in zip(back, direction, strict=True))
        np.testing.assert_allclose(product, jnp.sum(weights * slope), rtol=1e-9)
    np.testing.assert_array_equal(back[1][ROWS:], 0)  # padding has no say


@pytest.mark.guard
def test_with_a_derivative_the_optimum_is_the_same(x64):
    given = numbers(1)
    (theta, value), _ = forward(given, [directions(given, seed) for seed in range(3)])
    plain, plain_value = theta_of(given)
    np.testing.assert_allclose(theta[0], plain, rtol=1e-12)  # another program rounds otherwise
    np.testing.assert_allclose(value[0], plain_value, rtol=1e-12)


@pytest.mark.thorough
def test_a_parameter_on_its_bound_stands_still_and_a_known_noise_moves_with_its_unit(x64):
    x = jnp.linspace(0, 1, 6)[:, None]
    data = Dataset(x, jnp.sign(x[:, 0] - 0.5) * jnp.sqrt(1.0), jnp.ones(6, bool), jnp.asarray(2.0))

    def logs(surrogate, y, y_scale):
        new = Dataset(data.x, y, data.is_valid, y_scale)
        params, _ = gaussian_process.fit(KEY, new, surrogate=surrogate)
        return jnp.concatenate([params[0][0], params[1], params[2]])

    known = gp(noise=0.5)
    by_y, by_scale = jax.jit(jax.jacrev(partial(logs, known), argnums=(0, 1)))(data.y, data.y_scale)
    np.testing.assert_allclose(by_scale[2], -2 / 2.0, rtol=1e-12)  # log (0.5 / y_scale)^2
    np.testing.assert_array_equal(by_y[2], 0)
    assert (np.abs(by_y[:2]).max(axis=1) > 1e-3).all() and abs(by_scale[0]) > 1e-3
    # A prior that pulls beyond the minimum noise holds it there; the others move.
    held = gp(noise_prior=(-40.0, 0.5))
    theta, by_y = logs(held, data.y, data.y_scale), jax.jit(jax.jacfwd(partial(logs, held)))(data.y, data.y_scale)
    np.testing.assert_allclose(theta[2], np.log(1e-6), rtol=1e-12)
    np.testing.assert_array_equal(by_y[2], 0)
    assert np.isfinite(by_y).all() and (np.abs(by_y[:2]).max(axis=1) > 1e-3).all()


@pytest.mark.thorough
def test_a_prediction_has_a_derivative_in_the_values_through_fit_and_posterior(x64):
    """Against finite differences in one value, with the parameters of the polished fit."""
    given = numbers()
    points = jnp.array([[0.2, 0.7], [0.9, 0.1]])

    def predicted(theta, given):
        surrogate, data = made_of(given)
        params = surrogate._unpack(theta[None], 2)
        return jnp.concatenate(gaussian_process.predict(surrogate.condition(params, data), points))

    @jax.jit
    def slopes(given):
        return jax.jacrev(lambda g: predicted(theta_of(g)[0], g))(given)

    by_y, step = slopes(given)[1], 1e-3
    for row in (0, 4):
        ends = []
        for sign in (1, -1):
            moved = (given[0], given[1].at[row].add(sign * step), *given[2:])
            ends.append(np.asarray(predicted(jnp.asarray(optimum(moved)[0]), moved)))
        np.testing.assert_allclose(by_y[:, row], (ends[0] - ends[1]) / (2 * step), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kernel", [jbo.surrogates.kernels.multiscale, matern52])
def test_the_likelihood_has_a_second_derivative(x64, kernel):
    given = numbers(2)
    _, data = made_of(given)

    def value(theta):
        params = jbo.surrogates.GPParams(theta[:2], theta[2], theta[3])
        return gaussian_process.log_marginal_likelihood(params, data, kernel)

    theta, step = jnp.array([-0.5, 0.2, 0.1, -4.0]), 1e-4
    hessian, slope = jax.jit(jax.hessian(value))(theta), jax.jit(jax.grad(value))
    for i in range(4):
        ends = [slope(theta.at[i].add(s * step)) for s in (1, -1)]
        np.testing.assert_allclose(hessian[i], (ends[0] - ends[1]) / (2 * step), rtol=1e-5, atol=1e-5)


def refuses(function, at, message):
    function = jax.jit(function)  # so it is traced once
    for derivative in (jax.grad(function), lambda v: jax.jvp(function, (v,), (jnp.ones_like(v),))):
        with pytest.raises(TypeError, match=message):
            jax.eval_shape(derivative, at)


@pytest.mark.thorough
def test_a_fit_by_sampling_says_that_it_has_no_derivative(x64):
    given = numbers()
    x, y = given[0], given[1]
    sampled = jbo.gp_mcmc(num_warmup=2, num_sets=1, thinning=1)

    def by_nuts(y):
        data = Dataset(x, y, jnp.ones(CAPACITY, bool))
        return sampled.fit(KEY, data, sampled.init(2, y.dtype))[0].log_lengthscale.sum()

    refuses(by_nuts, y, "gp_mcmc cannot be differentiated: its hyperparameters are sampled by NUTS")


def test_a_search_for_a_maximum_says_that_it_has_no_derivative(x64):
    space = jbo.Space(x=jbo.Real(0.0, 1.0))
    none, region = jbo.random_search(space).init(1), Region(space.encoding)

    def by_search(place):
        return maximize(KEY, lambda x: -((x[0] - place) ** 2), region, none, jnp.array([0.5])).value

    refuses(by_search, 0.3, "maximize cannot be differentiated: its result is the best end of many ascents")


def test_a_search_without_a_model_has_the_derivative_of_its_values(x64):
    """The points do not depend on the objective, so the best value has the derivative of the objective there."""
    space = jbo.Space(x=jbo.Real(0.0, 1.0))

    def run(place):
        return jbo.minimize(KEY, lambda c: (c["x"] - place) ** 2, jbo.sobol_search(space), 8)

    best = jax.jit(run)(0.3)
    nearest = best.x[jnp.argmin(best.y), 0]
    slope = jax.jit(jax.grad(lambda place: run(place).best_y[-1]))(0.3)
    np.testing.assert_allclose(slope, 2 * (0.3 - nearest), rtol=1e-9)
