"""Laws that hold for any data: values are drawn, shapes are fixed so that all examples share their compiles."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import jbo
from jbo.surrogates import gaussian_process, kernels
from jbo.types import Dataset

from .problems import (
    as_dataset,
    as_params,
    as_sets,
    condition,
    log_marginal_likelihood,
    predict,
    random_params,
    sample,
    smooth_data,
)

N, D, CAPACITY = 15, 3, 24
unit = arrays(np.float64, (N, D), elements=st.floats(0, 1))
values = arrays(np.float64, N, elements=st.floats(-3, 3))
log_scales = arrays(np.float64, D, elements=st.floats(-2, 2))
seeds = st.integers(0, 2**31)
types = st.sampled_from(["float64", "float32"])
X_NEW = np.random.default_rng(9).uniform(size=(8, D))


def _outcome(x, y, params, dtype, capacity=CAPACITY, garbage=0.0):
    data = as_dataset(x, y, dtype, capacity, garbage)
    mean, variance = predict(condition(params, data), jnp.asarray(X_NEW, dtype))
    return [np.asarray(v) for v in (log_marginal_likelihood(params, data), mean, variance)]


@pytest.mark.thorough
@given(unit, values, log_scales, seeds, types)
def test_garbage_in_padded_rows_changes_no_bit(x, y, scales, seed, dtype):
    largest = 300 if dtype == "float64" else 30
    rng = np.random.default_rng(seed)
    noise = rng.choice([-1, 1], (CAPACITY, D + 1)) * 10 ** rng.uniform(-largest, largest, (CAPACITY, D + 1))
    with jax.enable_x64(dtype == "float64"):
        params = as_params((scales, 0.2, np.log(1e-3)), dtype)
        plain = as_dataset(x, y, dtype, CAPACITY)
        is_valid = plain.is_valid
        filled = Dataset(
            jnp.where(is_valid[:, None], plain.x, jnp.asarray(noise[:, :D], dtype)),
            jnp.where(is_valid, plain.y, jnp.asarray(noise[:, D], dtype)),
            is_valid,
            plain.y_scale,
        )
        points = jnp.asarray(X_NEW, dtype)
        np.testing.assert_array_equal(log_marginal_likelihood(params, plain), log_marginal_likelihood(params, filled))
        for a, b in zip(
            predict(condition(params, plain), points), predict(condition(params, filled), points), strict=True
        ):
            np.testing.assert_array_equal(a, b)


@given(unit, values, log_scales, seeds)
def test_padding_and_permutation_change_nothing(x, y, scales, seed):
    order = np.random.default_rng(seed).permutation(N)
    with jax.enable_x64(True):
        params = as_params((scales, 0.2, np.log(1e-3)), "float64")
        plain = _outcome(x, y, params, "float64")
        others = [_outcome(x, y, params, "float64", N), _outcome(x[order], y[order], params, "float64")]
    for other in others:
        for a, b in zip(plain, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@given(unit, values, log_scales, st.floats(-14, 0), types)
def test_posterior_variance_is_positive_and_at_most_the_prior_variance(x, y, scales, log10_noise, dtype):
    with jax.enable_x64(dtype == "float64"):
        params = as_params((scales, 0.2, log10_noise * np.log(10)), dtype)
        _, mean, variance = _outcome(x, y, params, dtype)
    assert np.all(np.isfinite(mean)) and np.all(variance > 0)
    assert np.all(variance <= np.exp(0.2) * (1 + (1e-12 if dtype == "float64" else 1e-5)))


@given(unit, values, log_scales)
def test_one_more_row_never_adds_variance(x, y, scales):
    with jax.enable_x64(True):
        params = as_params((scales, 0.2, np.log(1e-3)), "float64")
        less, more = (_outcome(x[:n], y[:n], params, "float64")[2] for n in (N - 1, N))
    assert np.all(more <= less + 1e-9)


@given(values, st.floats(-5, 5), st.floats(-3, 3))
def test_the_mean_is_linear_in_the_values(y, a, b):
    x, _ = smooth_data(N, D)
    with jax.enable_x64(True):
        params = as_params(random_params(D), "float64")
        _, mean_y, variance = _outcome(x, y, params, "float64")
        _, mean_one, _ = _outcome(x, np.ones(N), params, "float64")
        _, mean, other_variance = _outcome(x, a * y + b, params, "float64")
    np.testing.assert_allclose(mean, a * mean_y + b * mean_one, atol=1e-9)
    np.testing.assert_array_equal(variance, other_variance)


@given(values)
def test_interpolation_as_the_noise_vanishes(y):
    x, _ = smooth_data(N, D)
    with jax.enable_x64(True):
        errors, variances = [], []
        for noise in (1e-2, 1e-4, 1e-7):
            data = as_dataset(x, y, "float64", CAPACITY)
            params = as_params(random_params(D, noise=noise), "float64")
            mean, variance = predict(condition(params, data), data.x[:8])
            errors.append(np.abs(mean - y[:8]).max())
            variances.append(np.asarray(variance).max())
    assert errors[2] <= 1e-3 * max(1, np.abs(y).max()) and errors[2] <= errors[0] + 1e-12
    assert variances[0] > variances[1] > variances[2] and variances[2] <= 1.01e-7


CONTRACTS = {
    "log_marginal_likelihood": (
        gaussian_process.log_marginal_likelihood,
        log_marginal_likelihood,
        ["params", "data", "kernel"],
    ),
    "condition": (gaussian_process.condition, condition, ["params", "data", "kernel"]),
    "predict": (gaussian_process.predict, predict, ["posterior", "x"]),
    "sample": (gaussian_process.sample, sample, ["key", "posterior", "x", "num_samples"]),
}


def _call(name, function, params, dtype):
    x, y = smooth_data(N, D)
    data = as_dataset(x, y, dtype, CAPACITY)
    if name in ("log_marginal_likelihood", "condition"):
        return function(params, data)
    posterior, points = condition(params, data), jnp.asarray(X_NEW, dtype)
    if name == "predict":
        return function(posterior, points)
    return function(jax.random.key(0), posterior, points, num_samples=3)


def _assert_close(one, other, dtype):
    tolerance = 1e-8 if dtype == jnp.float64 else 2e-2
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert a.dtype == b.dtype and a.dtype in (dtype, jnp.bool_)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", CONTRACTS)
def test_contract(name, slow_dtype):
    plain, jitted, names = CONTRACTS[name]
    assert list(inspect.signature(plain).parameters) == names
    sets = [as_sets([random_params(D, seed)], slow_dtype) for seed in (0, 1)]
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        shapes = jax.eval_shape(lambda params: jax.tree.leaves(_call(name, plain, params, slow_dtype)), sets[0])
    outcomes = [_call(name, jitted, params, slow_dtype) for params in sets]
    for shape, leaf in zip(shapes, jax.tree.leaves(outcomes[0]), strict=True):
        assert (shape.shape, shape.dtype) == (leaf.shape, leaf.dtype)
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *sets)
    mapped = jax.vmap(lambda params: _call(name, jitted, params, slow_dtype))(stacked)
    for i, outcome in enumerate(outcomes):
        _assert_close([leaf[i] for leaf in jax.tree.leaves(mapped)], outcome, slow_dtype)


@pytest.mark.parametrize(
    "name", ["predict", *(pytest.param(n, marks=pytest.mark.thorough) for n in CONTRACTS if n != "predict")]
)
def test_jit_is_plain(name, x64):
    plain, jitted, _ = CONTRACTS[name]
    params = as_sets([random_params(D, 0)], "float64")
    _assert_close(_call(name, jitted, params, "float64"), _call(name, plain, params, "float64"), jnp.dtype("float64"))


def test_the_numbers_that_hold_unless_others_are_given():
    """As documented: docs/method.md has those of the default model."""
    noise = (float(np.log(3e-3)), 2.0)
    of_gp = {"lengthscale_prior": (-0.5, 1.0), "signal_prior": (0.0, 0.5), "noise_prior": noise, "noise": "inferred"}
    exact = {"mean": None, "num_starts": 2, "noise_slope_prior": None, "warps_output": False, "most_exact": None}
    assert jbo.gp() == jbo.gp(kernel=kernels.with_effects(kernels.multiscale), **of_gp, **exact, num_inducing=None)
    chain = {"num_warmup": 256, "num_sets": 16}
    assert jbo.gp_mcmc() == jbo.gp_mcmc(kernel=kernels.multiscale, **of_gp, **chain, thinning=8)
    del of_gp["lengthscale_prior"]
    assert jbo.gp_saas() == jbo.gp_saas(kernel=kernels.matern52, **of_gp, **chain, thinning=16)
    of_forest = {"num_trees": 100, "min_samples_leaf": 1, "max_features": 1.0, "bootstrap": False}
    assert jbo.forest() == jbo.forest(**of_forest, min_variance=0.003)
    assert kernels.rational_quadratic() == kernels.rational_quadratic((0.0, 1.0))
    assert kernels.polynomial(2) == kernels.polynomial(2, (0.0, 1.0)) != kernels.polynomial(2, (1.0, 1.0))
    assert kernels.with_effects(kernels.rbf) == kernels.with_effects(kernels.rbf, (0.0, 1.0))
    assert kernels.linear() == kernels.linear((0.0, 1.0))
    assert kernels.periodic() == kernels.periodic((0.0, 0.5), profile=kernels.rbf)
    assert kernels.input_warped(kernels.rbf) == kernels.input_warped(kernels.rbf, (0.0, 0.5))
