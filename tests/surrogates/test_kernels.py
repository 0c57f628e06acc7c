"""Kernels by value against scikit-learn and written-out formulas, and their laws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.gaussian_process import kernels as sklearn_kernels

from jbo.encoding import ORDERED, REAL, Column, Encoding
from jbo.surrogates import kernels
from tests.selection import some

from .. import references
from .problems import BOUND, KERNELS, MIXED, NUM_CHOICES, as_params, mixed_points, random_params

SKLEARN = {
    "rbf": sklearn_kernels.RBF,
    "matern12": lambda length_scale: sklearn_kernels.Matern(length_scale, nu=0.5),
    "matern32": lambda length_scale: sklearn_kernels.Matern(length_scale, nu=1.5),
    "matern52": lambda length_scale: sklearn_kernels.Matern(length_scale, nu=2.5),
    "multiscale": lambda length_scale: (
        sklearn_kernels.ConstantKernel(1 / 3)
        * (
            sklearn_kernels.Matern(length_scale / 2, nu=1.5)
            + sklearn_kernels.Matern(length_scale, nu=1.5)
            + sklearn_kernels.RBF(3 * length_scale)
        )
    ),
}
_cross = jax.jit(lambda kernel, params, x1, x2: kernel(params, x1, x2), static_argnums=0)
_gram = jax.jit(lambda kernel, params, x: kernel(params, x, x), static_argnums=0)


def _total(kernel, params, x1, x2, weights):
    return jnp.sum(kernel(params, x1, x2) * weights)


_slopes = jax.jit(jax.grad(_total, argnums=(1, 2, 3)), static_argnums=0)
_gram_slopes = jax.jit(
    jax.grad(lambda kernel, params, x, w: jnp.sum(kernel(params, x, x) * w), argnums=(1, 2)), static_argnums=0
)


@pytest.mark.parametrize("d", [1, 3, 20])
@pytest.mark.parametrize("name", KERNELS)
def test_value_against_scikit_learn(name, d, slow_dtype):
    rng = np.random.default_rng(d)
    x1, x2 = rng.uniform(size=(7, d)), rng.uniform(size=(5, d))
    x2[0] = x1[0]
    values = random_params(d)
    expected = np.exp(values[1]) * SKLEARN[name](np.exp(values[0]))(x1, x2)
    rtol = 1e-12 if slow_dtype == jnp.float64 else 2e-6
    result = _cross(
        KERNELS[name], as_params(values, slow_dtype), jnp.asarray(x1, slow_dtype), jnp.asarray(x2, slow_dtype)
    )
    np.testing.assert_allclose(result[1:, 1:], expected[1:, 1:], rtol=rtol)
    # At distance 0 the product form leaves a rounding of the squared distance.
    np.testing.assert_allclose(result, expected, rtol=max(rtol, 1e-7 if name == "matern12" else 1e-13))
    np.testing.assert_allclose(result, references.covariance(name, values, x1, x2), rtol=max(rtol, 1e-11))


@pytest.mark.parametrize("name", KERNELS)
def test_categories_count_by_hamming_distance(name, slow_dtype):
    x1, x2 = mixed_points(np.random.default_rng(0), 9), mixed_points(np.random.default_rng(1), 6)
    values = random_params(4)
    expected = references.covariance(name, values, x1, x2, NUM_CHOICES)
    result = _cross(
        BOUND[name], as_params(values, slow_dtype), jnp.asarray(x1, slow_dtype), jnp.asarray(x2, slow_dtype)
    )
    np.testing.assert_allclose(result, expected, rtol=1e-11 if slow_dtype == jnp.float64 else 3e-6)


def test_two_choices_that_differ_are_one_lengthscale_apart(x64):
    x = jnp.asarray([[0.5, 1 / 6, 0.5, 0.5], [0.5, 1.0, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5], [0.5, 5 / 6, 0.5, 0.5]])
    params = as_params((np.log([1.0, 2.0, 1.0, 1.0]), np.log(3.0), 0.0), "float64")
    off = 3 * np.exp(-0.5 / 4)
    expected = np.full((4, 4), off)
    expected[np.arange(4), np.arange(4)] = expected[1, 3] = expected[3, 1] = 3  # 1 and 5/6 are the last choice
    np.testing.assert_allclose(BOUND["rbf"](params, x, x), expected, rtol=1e-14)


def test_bind_keeps_a_numeric_space_numeric_and_is_hashable():
    numeric = Encoding(np.zeros((2, 2)), (Column(REAL), Column(ORDERED, 4)))
    assert kernels.rbf.bind(numeric) == kernels.rbf
    assert hash(kernels.rbf.bind(MIXED)) == hash(kernels.rbf.bind(MIXED)) and kernels.rbf.bind(MIXED) != kernels.rbf


@pytest.mark.parametrize("name", KERNELS)
def test_from_pairwise(name, slow_dtype):
    profile = {
        "rbf": lambda r: jnp.exp(-(r**2) / 2),
        "matern12": lambda r: jnp.exp(-r),
        "matern32": lambda r: (1 + 3**0.5 * r) * jnp.exp(-(3**0.5) * r),
        "matern52": lambda r: (1 + 5**0.5 * r + 5 / 3 * r**2) * jnp.exp(-(5**0.5) * r),
        "multiscale": lambda r: (
            (
                (1 + 12**0.5 * r) * jnp.exp(-(12**0.5) * r)
                + (1 + 3**0.5 * r) * jnp.exp(-(3**0.5) * r)
                + jnp.exp(-(r**2) / 18)
            )
            / 3
        ),
    }[name]

    def pairwise(params, a, b):
        r = jnp.sqrt(jnp.sum(((a - b) / jnp.exp(params.log_lengthscale)) ** 2))
        return jnp.exp(params.log_signal_variance) * profile(r)

    rng = np.random.default_rng(0)
    x1, x2 = (jnp.asarray(rng.uniform(size=(n, 3)), slow_dtype) for n in (7, 5))
    params = as_params(random_params(3), slow_dtype)
    rtol = 1e-12 if slow_dtype == jnp.float64 else 3e-6
    np.testing.assert_allclose(
        kernels.from_pairwise(pairwise)(params, x1, x2), _cross(KERNELS[name], params, x1, x2), rtol=rtol
    )


points = arrays(np.float64, (8, 4), elements=st.floats(0, 1))
log_scales = arrays(np.float64, 4, elements=st.floats(np.log(0.03), np.log(30)))


@given(points, log_scales, st.booleans(), st.sampled_from(sorted(KERNELS)))
def test_symmetric_and_positive_semi_definite(x, log_lengthscale, is_mixed, name):
    with jax.enable_x64(True):
        params = as_params((log_lengthscale, 0.3, 0.0), "float64")
        gram = np.asarray(_gram((BOUND if is_mixed else KERNELS)[name], params, jnp.asarray(x)))
    np.testing.assert_array_equal(np.diag(gram), np.float64(np.exp(0.3)) * np.ones(8))
    np.testing.assert_allclose(gram, gram.T, rtol=0, atol=1e-14)
    assert np.linalg.eigvalsh(gram).min() > -1e-10
    assert np.all(gram >= 0) and np.all(gram <= gram[0, 0] * (1 + 1e-15))


@some("is_mixed", [False, True], [True])
@pytest.mark.parametrize("name", KERNELS)
def test_gradients_against_finite_differences(name, is_mixed, x64):
    kernel, choices = (BOUND[name], NUM_CHOICES) if is_mixed else (KERNELS[name], ())
    rng = np.random.default_rng(0)
    x1, x2, weights = mixed_points(rng, 5), mixed_points(rng, 6), rng.normal(size=(5, 6))
    values = random_params(4)
    by_params, by_x1, by_x2 = _slopes(kernel, as_params(values, "float64"), *map(jnp.asarray, (x1, x2, weights)))

    def total(log_lengthscale=values[0], log_signal=values[1], a=x1, b=x2):
        return np.sum(references.covariance(name, (log_lengthscale, log_signal), a, b, choices) * weights)

    close = dict(rtol=1e-7, atol=1e-9)
    expected = references.gradient(lambda v: total(log_lengthscale=v), values[0])
    np.testing.assert_allclose(by_params.log_lengthscale, expected, **close)
    expected = references.gradient(lambda v: total(log_signal=v), values[1])
    np.testing.assert_allclose(by_params.log_signal_variance, expected, **close)
    assert by_params.log_noise_variance == 0
    np.testing.assert_allclose(by_x1, references.gradient(lambda v: total(a=v), x1), **close)
    np.testing.assert_allclose(by_x2, references.gradient(lambda v: total(b=v), x2), **close)


@pytest.mark.parametrize("name", KERNELS)
def test_gradients_at_distance_zero(name, slow_dtype):
    kernel = KERNELS[name]
    point = jnp.full((1, 3), 0.3, slow_dtype)
    twins = jnp.concatenate([point, point, point + 0.2])
    params = as_params(random_params(3), slow_dtype)
    weights = jnp.asarray(np.random.default_rng(0).normal(size=(3, 3)), slow_dtype)
    for leaf in jax.tree.leaves(_gram_slopes(kernel, params, twins, weights)):
        assert np.all(np.isfinite(leaf))
    by_params, by_x1, _ = _slopes(kernel, params, point, point + 0, jnp.ones((1, 1), slow_dtype))
    # The kernel is at its largest there: it moves with the signal variance only.
    np.testing.assert_allclose(by_x1, 0, atol=1e-5 if slow_dtype == jnp.float32 else 1e-12)
    np.testing.assert_allclose(by_params.log_lengthscale, 0, atol=1e-5 if slow_dtype == jnp.float32 else 1e-12)
    np.testing.assert_allclose(by_params.log_signal_variance, np.exp(params.log_signal_variance), rtol=1e-6)


@pytest.mark.parametrize("name", KERNELS)
def test_neighbours_are_told_apart(name, dtype):
    gap = 1e-3
    x1, x2 = jnp.asarray([[0.9, 0.1]], dtype), jnp.asarray([[0.9 + gap, 0.1]], dtype)
    values = (np.log([0.1, 0.1]), 0.0, 0.0)
    lost = 1 - float(_cross(KERNELS[name], as_params(values, dtype), x1, x2)[0, 0])
    expected = 1 - references.covariance(name, values, np.asarray(x1, float), np.asarray(x2, float))[0, 0]
    np.testing.assert_allclose(lost, expected, rtol=2e-3 if dtype == jnp.float32 else 1e-8)
