"""Each numerical guard by value: against NumPy, SciPy, quadrature and finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jbo.numerics import jitter, log_improvement, log_normal_cdf, matmul

from . import references

TAILS = {"log_normal_cdf": log_normal_cdf, "log_improvement": log_improvement}
LARGEST_POWER = {"float64": 100, "float32": 18}
# Values and slopes on a vector, shared by all tests of the tails.
_values = {name: jax.jit(function) for name, function in TAILS.items()}
_slopes = {name: jax.jit(jax.vmap(jax.grad(function))) for name, function in TAILS.items()}


def test_matmul_asks_for_full_precision(dtype):
    a = jnp.ones((2, 2), dtype)
    assert "HIGHEST" in str(jax.make_jaxpr(matmul)(a, a))
    assert matmul(a, a).dtype == dtype


def test_jitter_is_above_rounding(dtype):
    assert jitter(dtype) == references.LEAST_NOISE[str(dtype)]
    assert jitter(dtype) > 10 * jnp.finfo(dtype).eps


@pytest.mark.parametrize("name", TAILS)
def test_tail_by_value(name, dtype):
    z = np.concatenate([np.linspace(-12, 12, 241), [-4.0, np.nextafter(-4, -5), -37.5, -40, -1e3, -1e6, 37, 1e6]])
    z = z.astype(dtype)
    expected = np.array([getattr(references, name)(float(v)) for v in z])
    # log Phi(z) vanishes for large z: there an error of a rounding of 1 is all that a number near 0 can have.
    tolerance = dict(rtol=2e-13, atol=1e-14) if dtype == jnp.float64 else dict(rtol=5e-6, atol=1e-6)
    np.testing.assert_allclose(_values[name](jnp.asarray(z)), expected, **tolerance)


@pytest.mark.parametrize("name", TAILS)
def test_tail_slope_against_finite_differences(name, x64):
    z = np.concatenate([np.linspace(-8, 5, 53), [-30.0, -300.0, -4 - 1e-6, -4 + 1e-6]])
    reference = getattr(references, name)
    expected = [(reference(v + h) - reference(v - h)) / (2 * h) for v in z for h in [1e-4 * max(1, abs(v))]]
    np.testing.assert_allclose(_slopes[name](jnp.asarray(z)), expected, rtol=1e-6, atol=1e-11)


@pytest.mark.parametrize("name", TAILS)
def test_tail_is_finite_and_monotone_over_all_magnitudes(name, dtype):
    powers = np.arange(-LARGEST_POWER[str(dtype)], LARGEST_POWER[str(dtype)] + 1)
    z = np.sort(np.concatenate([-(10.0**powers), [0.0], 10.0**powers])).astype(dtype)
    value, slope = np.asarray(_values[name](jnp.asarray(z))), np.asarray(_slopes[name](jnp.asarray(z)))
    assert np.all(np.isfinite(value)) and np.all(np.diff(value) >= 0)
    assert np.all(np.isfinite(slope)) and np.all(slope >= 0)
    # Far below, log h(z) and log Phi(z) are -z^2/2 to leading order, with slope -z.
    far = z < -1e4
    np.testing.assert_allclose(value[far], -0.5 * z[far].astype(np.float64) ** 2, rtol=1e-6)
    np.testing.assert_allclose(slope[far], -z[far], rtol=1e-6)


@pytest.mark.parametrize("name", TAILS)
def test_tail_beyond_all_magnitudes_is_never_nan(name, dtype):
    largest = float(jnp.finfo(dtype).max)
    z = jnp.asarray([-np.inf, -largest, -np.sqrt(largest) * 10, np.sqrt(largest) * 10, largest, np.inf], dtype)
    value = np.asarray(_values[name](z))
    assert np.all(value[:3] == -np.inf) and np.all(value[3:] >= 0)
    assert not np.any(np.isnan(_slopes[name](z)))


@given(st.floats(-60, 60), st.floats(0, 1))
def test_tail_is_monotone_and_concave(z, gap):
    with jax.enable_x64(True):
        for name in TAILS:
            z3 = jnp.asarray([z, z + gap / 2, z + gap])
            low, middle, high = np.asarray(_values[name](z3), np.float64)
            rounding = 1e-12 * max(1.0, abs(low))
            assert low <= middle + rounding and middle <= high + rounding
            assert middle >= (low + high) / 2 - rounding
