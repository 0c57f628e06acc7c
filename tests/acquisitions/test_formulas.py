"""Acquisition formulas against numerical integration, worked-out constants and over all magnitudes."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jbo.acquisitions import formulas

from .. import references

IMPROVEMENTS = {
    "expected_improvement": formulas.expected_improvement,
    "log_expected_improvement": formulas.log_expected_improvement,
    "probability_of_improvement": formulas.probability_of_improvement,
    "log_probability_of_improvement": formulas.log_probability_of_improvement,
}
ALL = IMPROVEMENTS | {
    "lower_confidence_bound": formulas.lower_confidence_bound,
    "upper_confidence_bound": formulas.upper_confidence_bound,
}
LARGEST_POWER = {"float64": 100, "float32": 18}
_values = {name: jax.jit(function) for name, function in ALL.items()}
_slopes = {name: jax.jit(jax.vmap(jax.grad(function, argnums=(0, 1, 2)))) for name, function in IMPROVEMENTS.items()}


def _grid():
    grid = np.meshgrid([-3.0, -0.5, 0.0, 0.4, 2.0, 6.0], [0.05, 0.7, 3.0], [-1.0, 0.0, 0.3])
    return [axis.ravel() for axis in grid]


@pytest.mark.parametrize("name", ["expected_improvement", "probability_of_improvement"])
def test_against_numerical_integration(name, dtype):
    cases = [c for c in zip(*_grid(), strict=True) if abs(c[2] - c[0]) < 35 * c[1]]
    expected = np.array([getattr(references, name)(*case) for case in cases])
    arguments = [jnp.asarray(column, dtype) for column in zip(*cases, strict=True)]
    value = np.asarray(_values[name](*arguments), np.float64)
    if dtype == jnp.float64:
        np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-300)
        np.testing.assert_allclose(_values["log_" + name](*arguments), np.log(expected), rtol=1e-11, atol=1e-11)
    else:
        # Beyond a few deviations the rounding of z itself moves the tail.
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-6)


def test_worked_out_constants(dtype):
    mean, deviation, best = (jnp.asarray(v, dtype) for v in ([0.0, 0.0, 1.0], [1.0, 2.0, 1.0], [0.0, 0.0, 0.0]))
    # EI: phi(0), 2 phi(0), phi(1) - Phi(-1); PI: 1/2, 1/2, Phi(-1).
    expected = [0.3989422804, 0.7978845608, 0.0833154706]
    np.testing.assert_allclose(_values["expected_improvement"](mean, deviation, best), expected, rtol=2e-6)
    expected = [0.5, 0.5, 0.1586552539]
    np.testing.assert_allclose(_values["probability_of_improvement"](mean, deviation, best), expected, rtol=2e-6)
    # One half of a deviation above: 0.19780, the constant of Ament et al.'s tests.
    half = jnp.asarray([0.5], dtype)
    value = _values["expected_improvement"](half, half / half, half - half)
    np.testing.assert_allclose(value, 0.1977965657, rtol=2e-6)


def test_confidence_bounds_lie_on_their_sides(dtype):
    mean, deviation = jnp.asarray([1.0, -1.0], dtype), jnp.asarray([0.5, 2.0], dtype)
    weight = jnp.asarray(2.0, dtype)
    np.testing.assert_allclose(_values["lower_confidence_bound"](mean, deviation, weight), [0.0, -5.0])
    np.testing.assert_allclose(_values["upper_confidence_bound"](mean, deviation, weight), [2.0, 3.0])


@pytest.mark.parametrize("name", IMPROVEMENTS)
def test_gradients_against_finite_differences(name, x64):
    mean, deviation, best = _grid()
    slopes = _slopes[name](*map(jnp.asarray, (mean, deviation, best)))
    for i in range(0, len(mean), 5):
        point = np.array([mean[i], deviation[i], best[i]])
        expected = references.gradient(lambda v: _values[name](*map(jnp.asarray, v)), point, 1e-4 * point[1])
        found = np.array([slope[i] for slope in slopes])
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-10)


@pytest.mark.parametrize("name", IMPROVEMENTS)
def test_finite_and_monotone_over_all_magnitudes(name, dtype):
    powers = np.arange(0, LARGEST_POWER[str(dtype)] + 1)
    z = np.concatenate([-(10.0 ** powers[::-1]), [0.0], 10.0**powers])
    # As a mean far away, and as a deviation that is small.
    small = 10.0 ** -np.maximum(np.log10(np.maximum(np.abs(z), 1)), 0)
    for mean, deviation in ((-z, np.ones_like(z)), (-np.sign(z), small)):
        arguments = [jnp.asarray(v, dtype) for v in (mean, deviation, np.zeros_like(z))]
        value = np.asarray(_values[name](*arguments))
        assert np.all(np.isfinite(value))
        if np.all(deviation == 1):
            assert np.all(np.diff(value) >= 0)
        by_mean, by_deviation, by_best = (np.asarray(s) for s in _slopes[name](*arguments))
        # The slope in the deviation is about z^2 / deviation: finite where the type can hold that.
        is_held = 2 * np.log10(np.maximum(np.abs(z), 1)) - np.log10(deviation) < np.log10(jnp.finfo(dtype).max) - 1
        assert np.all(np.isfinite(by_mean[is_held])) and np.all(np.isfinite(by_best[is_held]))
        assert np.all(np.isfinite(by_deviation[is_held]))
        assert not np.any(np.isnan([by_mean, by_deviation, by_best]))
        assert np.all(by_best >= 0) and np.all(by_mean <= 0)


@pytest.mark.parametrize("name", IMPROVEMENTS)
def test_beyond_all_magnitudes_is_never_nan(name, dtype):
    largest = float(jnp.finfo(dtype).max)
    mean = jnp.asarray([largest, largest, -largest, -largest, 1, -1], dtype)
    tiny = float(jnp.finfo(dtype).tiny)
    deviation = jnp.asarray([1e-3, 1e3, 1e-3, 1e3, tiny, tiny], dtype)
    value = np.asarray(_values[name](mean, deviation, jnp.zeros(6, dtype)))
    assert not np.any(np.isnan(value))
    assert np.all(value[[0, 1, 4]] == (-np.inf if name.startswith("log") else 0))


@given(st.floats(-50, 50), st.floats(1e-3, 10), st.floats(-50, 50), st.floats(0, 5))
def test_expected_improvement_is_positive_and_monotone(mean, deviation, best, gap):
    with jax.enable_x64(True):
        columns = np.array([[mean, deviation, best], [mean + gap, deviation, best], [mean, deviation + gap, best]]).T
        value = np.asarray(_values["expected_improvement"](*map(jnp.asarray, columns)))
    rounding = 1e-12 * max(1, value.max())
    assert np.all(value >= 0) and value[0] >= best - mean - rounding
    assert value[1] <= value[0] + rounding and value[2] >= value[0] - rounding


def _arguments(name, dtype):
    mean, deviation, best = (jnp.asarray(v, dtype) for v in ([0.1, -0.4], [0.5, 1.5], [0.0, 0.0]))
    return mean, deviation, best[0] if "bound" in name else best


@pytest.mark.parametrize("name", ALL)
def test_contract(name, slow_dtype):
    arguments = _arguments(name, slow_dtype)
    assert list(inspect.signature(ALL[name]).parameters)[:2] == ["mean", "deviation"]
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        assert jax.eval_shape(ALL[name], *arguments).dtype == slow_dtype
    together = _values[name](*arguments)
    assert together.dtype == slow_dtype
    mean, deviation, third = arguments
    mapped = jax.vmap(_values[name], (0, 0, None))(mean, deviation, third if "bound" in name else third[0])
    np.testing.assert_allclose(mapped, together, rtol=1e-5)


@pytest.mark.parametrize("name", ["expected_improvement", "log_probability_of_improvement", "lower_confidence_bound"])
def test_jit_is_plain(name, x64):
    arguments = _arguments(name, "float64")
    np.testing.assert_allclose(_values[name](*arguments), ALL[name](*arguments), rtol=1e-12)
