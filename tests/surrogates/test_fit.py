"""The fit: an optimum as good as SciPy finds, inside the bounds, finite for any data."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

from jbo.surrogates import GPParams, gaussian_process, gp
from jbo.surrogates.kernels import rbf

from .. import references
from .problems import as_dataset, as_params, condition, predict, random_params, smooth_data, standardised

CAPACITY = 32
D = 2
LENGTHSCALE_BOUNDS, SIGNAL_BOUNDS, NOISE_BOUNDS = (0.03, 30.0), (1e-2, 1e2), (1e-6, 1.0)


@jax.jit
def fit(surrogate, key, data, start, is_near=False):
    return surrogate.fit(key, data, start, is_near)


@jax.jit
def log_posterior(surrogate, data, theta):
    def at(t):
        params = GPParams(t[:D], t[D], t[D + 1])
        evidence = gaussian_process.log_marginal_likelihood(params, data, surrogate.kernel)
        return evidence + surrogate.log_prior(params)

    return jax.value_and_grad(at)(theta)


def run(x, y, dtype, surrogate=None, garbage=0.0, capacity=CAPACITY, seed=0, y_scale=1.0, start=None, is_near=None):
    surrogate = surrogate or gp()
    data = as_dataset(x, y, dtype, capacity, garbage)
    data = dataclasses.replace(data, y_scale=jnp.asarray(y_scale, dtype))
    is_near = start is not None if is_near is None else is_near
    start = start if start is not None else surrogate.init(x.shape[1], jnp.dtype(dtype))
    params, info = fit(surrogate, jax.random.key(seed), data, start, is_near)
    return data, jax.tree.map(lambda leaf: leaf[0], params), info


def theta_of(params):
    return np.r_[np.asarray(params.log_lengthscale, float), float(params[1]), float(params[2])]


def _reference_log_posterior(surrogate, theta, x, y, least_noise):
    d = x.shape[1]
    prior = -0.5 * np.sum(
        ((theta[:d] - surrogate.lengthscale.loc - 0.5 * np.log(d)) / surrogate.lengthscale.scale) ** 2
    )
    prior -= 0.5 * ((theta[d] - surrogate.signal.loc) / surrogate.signal.scale) ** 2
    prior -= 0.5 * ((theta[d + 1] - surrogate.noise.loc) / surrogate.noise.scale) ** 2
    params = (theta[:d], theta[d], theta[d + 1])
    return prior + references.log_marginal_likelihood("multiscale", params, x, y, least_noise)


def _datasets():
    rng = np.random.default_rng(5)
    x = rng.uniform(size=(30, D))
    yield x, standardised(np.sin(9 * x[:, 0]) + 0.5 * np.cos(14 * x[:, 1])), "wavy"
    yield x, standardised(x[:, 0] + 0.3 * rng.normal(size=30)), "noisy line"
    yield x[:8], standardised(np.sum((x[:8] - 0.4) ** 2, 1)), "bowl of eight"
    yield x, standardised(rng.normal(size=30)), "noise"
    rng = np.random.default_rng(1)
    x = rng.uniform(size=(12, D))
    # From the first start the ascent ends where the step is noise, 0.85 nats below what the second start comes to.
    yield x, standardised(np.sign(x[:, 0] - 0.5) + 0.1 * rng.normal(size=12)), "step"


@pytest.mark.parametrize("x, y", [pytest.param(x, y, id=name) for x, y, name in _datasets()])
def test_optimum_is_as_good_as_that_of_scipy_from_many_starts(x, y, slow_dtype):
    surrogate = gp()
    data, params, info = run(x, y, slow_dtype)
    theta = theta_of(params)
    single = slow_dtype == jnp.float32
    # What the fit says of its optimum is true, by a reference that shares no code.
    own = _reference_log_posterior(surrogate, theta, x, y, references.LEAST_NOISE[str(slow_dtype)])
    np.testing.assert_allclose(info.log_posterior, own, rtol=1e-3 if single else 1e-9, atol=2e-2 if single else 1e-8)
    assert info.is_finite
    if single:
        return
    low, high = np.log([LENGTHSCALE_BOUNDS] * D + [SIGNAL_BOUNDS, NOISE_BOUNDS]).T

    def loss(t):
        value, slope = log_posterior(surrogate, data, jnp.asarray(t))
        return -float(value), -np.asarray(slope)

    rng = np.random.default_rng(0)
    starts = [theta_of(surrogate.init(D, jnp.dtype("float64"))), *(rng.uniform(low, high) for _ in range(6))]
    found = [minimize(loss, s, jac=True, bounds=list(zip(low, high, strict=True)), tol=1e-12) for s in starts]
    # Its own first start: never worse than SciPy from there, up to the tolerance at which the fit stops (1e-8 a row).
    assert own >= -found[0].fun - 1e-4
    assert own >= -loss(starts[0])[0]
    assert own >= -min(f.fun for f in found) - 1e-3


@pytest.mark.thorough
def test_a_fit_is_of_the_likelihood_that_the_functions_have_by_default(x64):
    x, y, _ = next(_datasets())
    data = as_dataset(x, y, "float64")
    params, info = gaussian_process.fit(jax.random.key(0), data)
    one = jax.tree.map(lambda leaf: leaf[0], params)
    np.testing.assert_allclose(
        gaussian_process.log_marginal_likelihood(params, data)[0] + gp().log_prior(one), info.log_posterior, rtol=1e-9
    )
    np.testing.assert_array_equal(gaussian_process.condition(params, data).root, gp().condition(params, data).root)


@pytest.mark.thorough
def test_more_starts_are_never_worse(x64):
    x, y, _ = next(_datasets())
    results = [run(x, y, "float64", gp(num_starts=n))[2].log_posterior for n in (1, 3)]
    assert results[1] >= results[0] - 1e-6


def test_generating_hyperparameters_are_recovered(x64):
    # Eighty points of a draw with very different lengthscales; the priors are made flat.
    truth = (np.log([0.15, 0.8]), np.log(1.5), np.log(1e-3))
    x = np.random.default_rng(0).uniform(size=(80, D))
    cov = references.observed_covariance("rbf", truth, x)
    y = np.linalg.cholesky(cov) @ np.random.default_rng(1).normal(size=80)
    flat = (0.0, 100.0)
    surrogate = gp(kernel=rbf, lengthscale_prior=flat, signal_prior=flat, noise_prior=(np.log(1e-2), 100.0))
    _, params, _ = run(x, y, "float64", surrogate, capacity=80)
    np.testing.assert_allclose(params.log_lengthscale, truth[0], atol=np.log(1.3))
    np.testing.assert_allclose(params.log_signal_variance, truth[1], atol=np.log(3))
    np.testing.assert_allclose(params.log_noise_variance, truth[2], atol=np.log(2))


def _extreme(name):
    x, y = smooth_data(20, D)
    if name == "empty":
        return x[:0], y[:0]
    if name in ("one", "two"):
        n = 1 + (name == "two")
        return x[:n], y[:n]
    if name == "constant":
        return x, np.zeros(20)
    if name == "duplicates":
        return np.repeat(x[:4], 5, 0), y
    if name == "one place":
        return np.repeat(x[:1], 20, 0), np.repeat(y[:1], 20)
    if name == "outlier":
        return x, np.where(np.arange(20) == 7, 1e6, y)
    return x, y * 1e30


@pytest.mark.parametrize("noise", ["inferred", 0.0])
@pytest.mark.parametrize(
    "name", ["empty", "one", "two", "constant", "duplicates", "one place", "outlier", "beyond the type"]
)
def test_never_nan_and_inside_the_bounds(name, noise, dtype):
    x, y = _extreme(name)
    garbage = float(jnp.finfo(dtype).max) / 10
    data, params, info = run(x, y, dtype, gp(noise=noise), garbage=garbage)
    theta = theta_of(params)
    low, high = np.log([LENGTHSCALE_BOUNDS] * D + [SIGNAL_BOUNDS, NOISE_BOUNDS]).T
    if noise == 0.0:
        low[-1] = high[-1] = np.log(1e-12)
    assert np.all(theta >= low - 1e-5) and np.all(theta <= high + 1e-5)
    assert not np.isnan(info.log_posterior)
    assert bool(info.is_finite) == (name != "beyond the type" or dtype == jnp.float64)
    mean, variance = predict(condition(params, data), jnp.full((8, D), 0.3, dtype))
    assert np.all(np.isfinite(mean)) and np.all(np.isfinite(variance)) and np.all(variance > 0)
    if name == "empty":
        mode = [*[-0.5 + 0.5 * np.log(D)] * D, 0.0, np.log(3e-3) if noise == "inferred" else low[-1]]
        np.testing.assert_allclose(theta, mode, atol=1e-2, err_msg="without data the prior speaks")


def test_a_bad_start_is_passed_over(dtype):
    x, y = smooth_data(20, D)
    good = run(x, y, dtype)[2].log_posterior
    for value in (np.nan, np.inf, -np.inf):
        start = as_params((np.full(D, value), value, value), dtype)
        _, params, info = run(x, y, dtype, start=start)
        assert np.all(np.isfinite(theta_of(params))) and info.is_finite
        assert info.log_posterior > good - 1


def test_a_start_that_is_near_is_the_only_one(x64):
    """From the first start of the step an ascent ends a nat below what the second one comes to."""
    x, y = next((x, y) for x, y, name in _datasets() if name == "step")
    all_starts, first = (run(x, y, "float64", is_near=is_near) for is_near in (False, True))
    assert first[2].num_evaluations < all_starts[2].num_evaluations
    assert first[2].log_posterior < all_starts[2].log_posterior - 0.5
    _, params, info = run(x, y, "float64", start=all_starts[1])
    assert info.log_posterior >= all_starts[2].log_posterior - 1e-4
    assert info.num_evaluations < first[2].num_evaluations, "it begins where it ends"


@pytest.mark.parametrize("y_scale", [1e-3, 1.0, 50.0])
def test_given_noise_is_in_units_of_the_objective(y_scale, dtype):
    x, y = smooth_data(20, D)
    _, params, _ = run(x, y, dtype, gp(noise=0.1 * y_scale), y_scale=y_scale)
    np.testing.assert_allclose(params.log_noise_variance, np.log(0.1**2), rtol=1e-4)


@pytest.mark.parametrize("noise, y_scale", [(0.0, 0.0), (0.1, 0.0), (1e30, 1e-30)])
def test_given_noise_beside_values_of_no_scale_is_finite(noise, y_scale, dtype):
    x, y = smooth_data(20, D)
    _, params, info = run(x, y, dtype, gp(noise=noise), y_scale=y_scale)
    assert np.all(np.isfinite(theta_of(params))) and info.is_finite


def test_exact_evaluations_are_interpolated(dtype):
    x, y = smooth_data(20, D, noise=0)
    data, params, _ = run(x, y, dtype, gp(noise=0.0))
    np.testing.assert_allclose(params.log_noise_variance, np.log(1e-12), rtol=1e-5)
    mean, _ = predict(condition(params, data), data.x)
    np.testing.assert_allclose(mean[:20], y, atol=1e-5 if dtype == jnp.float64 else 2e-2)


@pytest.mark.parametrize("noise", ["exact", -1.0, np.nan, np.inf])
def test_bad_noise_is_named(noise):
    with pytest.raises(ValueError, match=r"noise: expected .*got"):
        gp(noise=noise)


def test_bad_num_starts_is_named():
    with pytest.raises(ValueError, match="num_starts: expected at least 1, got 0"):
        gp(num_starts=0)


def _agree(one, other, dtype):
    """Two fits of the same data: the optimum is as good and predicts the same."""
    (data1, params1, info1), (data2, params2, info2) = one, other
    # A fit stops when a step gains less than 1e-8 (float32: 1e-6) a row, so rounding can end it a step apart.
    single = dtype == jnp.float32
    np.testing.assert_allclose(info1.log_posterior, info2.log_posterior, atol=2e-2 if single else 1e-5)
    points = jnp.asarray(np.random.default_rng(3).uniform(size=(8, D)), dtype)
    first, second = (predict(condition(p, d), points) for p, d in ((params1, data1), (params2, data2)))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_allclose(a, b, atol=3e-2 if single else 1e-3)


@pytest.mark.parametrize("share", [1e-3, 1.0])
def test_garbage_in_padded_rows_changes_no_bit(share, dtype):
    x, y = smooth_data(20, D)
    _, plain, info = run(x, y, dtype)
    _, other, other_info = run(x, y, dtype, garbage=share * (1e300 if dtype == jnp.float64 else 1e30))
    np.testing.assert_array_equal(theta_of(plain), theta_of(other))
    assert info.log_posterior == other_info.log_posterior


def test_padding_changes_nothing(slow_dtype):
    x, y = smooth_data(20, D)
    _agree(run(x, y, slow_dtype), run(x, y, slow_dtype, capacity=48), slow_dtype)


def test_permutation_changes_nothing(dtype):
    x, y = smooth_data(20, D)
    order = np.random.default_rng(0).permutation(20)
    _agree(run(x, y, dtype), run(x[order], y[order], dtype), dtype)


def test_contract(slow_dtype):
    x, y = smooth_data(20, D)
    surrogate = gp()
    assert isinstance(hash(surrogate.kernel), int)
    data = as_dataset(x, y, slow_dtype, CAPACITY)
    start = surrogate.init(D, slow_dtype)
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        shapes, _ = jax.eval_shape(surrogate.fit, jax.random.key(0), data, start)
    _, alone, _ = run(x, y, slow_dtype)
    assert all(leaf.dtype == slow_dtype and leaf.shape[0] == 1 for leaf in jax.tree.leaves(shapes))
    assert all(leaf.dtype == slow_dtype for leaf in jax.tree.leaves(alone))
    posterior, points = condition(alone, data), data.x[:8]
    for ours, theirs in zip(surrogate.predict(posterior, points), posterior.predict(points), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_vmap_is_a_loop(x64):
    x, y = smooth_data(20, D)
    data = as_dataset(x, y, "float64", CAPACITY)
    start = gp().init(D, jnp.dtype("float64"))
    keys = jax.random.split(jax.random.key(0), 2)
    _, infos = jax.vmap(fit, (None, 0, None, None))(gp(), keys, data, start)
    loop = [fit(gp(), key, data, start)[1].log_posterior for key in keys]
    np.testing.assert_allclose(infos.log_posterior, loop, atol=1e-5)


@pytest.mark.thorough
def test_the_plain_function_is_the_surrogates_fit(x64):
    x, y = smooth_data(12, D, seed=3)
    data = as_dataset(x, standardised(y), "float64", CAPACITY, 0.0)
    surrogate, key = gp(kernel=rbf), jax.random.key(2)
    expected, _ = jax.jit(lambda d: surrogate.fit(key, d, surrogate.init(D, jnp.dtype("float64"))))(data)
    params, info = jax.jit(lambda d: gaussian_process.fit(key, d, surrogate=surrogate))(data)
    for a, b in zip(params, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    assert bool(info.is_finite)
    default, _ = jax.jit(lambda d: gaussian_process.fit(key, d))(data)
    assert not np.allclose(default.log_lengthscale, params.log_lengthscale), "without a surrogate it is another kernel"


@pytest.mark.thorough
def test_a_known_noise_has_the_units_of_the_data_it_is_conditioned_on(slow_dtype):
    """Parameters may come from a fit to other rows, whose values were standardised by another scale."""
    x, y = smooth_data(12, D)
    data = dataclasses.replace(as_dataset(x, y, slow_dtype, 16, 0.0), y_scale=jnp.asarray(2.0, slow_dtype))
    params = jax.tree.map(lambda leaf: leaf[None], as_params(random_params(D, noise=1e-3), slow_dtype))
    expected = params._replace(log_noise_variance=jnp.log(jnp.full((1,), 0.25**2, slow_dtype)))
    x_new = jnp.asarray(np.random.default_rng(1).random((5, D)), slow_dtype)

    def predicted(surrogate, params):
        return surrogate.predict(surrogate.condition(params, data), x_new)

    known = predicted(gp(noise=0.5), params)
    for found, value, other in zip(known, predicted(gp(), expected), predicted(gp(), params), strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-9 if slow_dtype == jnp.float64 else 1e-4)
        assert np.abs(found - other).max() > 1e-3
