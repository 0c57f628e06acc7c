"""Each numerical guard by value: against NumPy, SciPy, quadrature and finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import expit

from jbo.numerics import LOG_SQRT_2PI, jitter, log_improvement, log_normal_cdf, log_normal_mass, matmul, softplus

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


def test_softplus_and_its_slope(dtype):
    x = np.array([-1e4, -50.0, -1.0, 0.0, 1e-9, 2.0, 50.0, 1e4])
    value, slope = jax.vmap(jax.value_and_grad(softplus))(jnp.asarray(x, dtype))
    rounding = 4 * float(jnp.finfo(dtype).eps)
    np.testing.assert_allclose(value, np.logaddexp(x, 0), rtol=rounding, atol=1e-30)
    np.testing.assert_allclose(slope, expit(x), rtol=rounding, atol=1e-30)


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


_mass = jax.jit(log_normal_mass)


def mass_by_quadrature(middle, width):
    """The density over the interval, relative to its middle and to its largest value, integrated piece by piece."""
    peak = np.clip(-middle, -width / 2, width / 2)

    def log_density(step):
        return -middle * step - step**2 / 2

    # A tail falls off within 1 / |t| of its peak: no piece is longer than quadrature can see.
    steps = np.array([-40, -8, -1, 0, 1, 8, 40]) / max(abs(middle + peak), 1)
    ends = np.unique(np.clip(np.r_[-width / 2, peak + steps, width / 2], -width / 2, width / 2))
    parts = [
        quad(lambda step: np.exp(log_density(step) - log_density(peak)), a, b, epsabs=0, epsrel=1e-12)[0]
        for a, b in zip(ends[:-1], ends[1:], strict=True)
    ]
    return np.log(sum(parts)) + log_density(peak) - middle**2 / 2 - LOG_SQRT_2PI


def test_log_normal_mass(dtype):
    middles = np.array([-30.0, -12, -3, -1, -1e-3, 0, 0.3, 1, 2, 5, 11, 36])
    widths = np.array([1e-7, 1e-5, 1e-3, 0.02, 0.1, 0.5, 1, 3, 20, 100])
    middle, width = (a.ravel().astype(dtype) for a in np.meshgrid(middles, widths))
    least = np.log(float(jnp.finfo(dtype).tiny))
    expected = [max(mass_by_quadrature(float(m), float(w)), least) for m, w in zip(middle, width, strict=True)]
    got = _mass(jnp.asarray(middle), jnp.asarray(width))
    assert got.dtype == dtype
    # In the tail the error is that of the squared distance, which float32 holds to 1e-7 of 100.
    tolerance = 1e-11 if dtype == jnp.float64 else 2e-5
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(1e-9, 1e6)), min_size=4, max_size=4))
def test_log_normal_mass_is_finite_and_even(cases):
    for dtype in ("float64", "float32"):
        with jax.enable_x64(dtype == "float64"):
            middle, width = np.array(cases, dtype).T
            values = np.asarray(_mass(jnp.asarray(middle), jnp.asarray(width)))
            assert np.isfinite(values).all() and (values <= 0).all()
            np.testing.assert_array_equal(values, _mass(jnp.asarray(-middle), jnp.asarray(width)))
