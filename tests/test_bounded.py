"""The projected L-BFGS against SciPy's L-BFGS-B on functions with known minima."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.optimize import minimize as scipy_minimize

from jbo.bounded import minimize_bounded

D = 4


def _quadratic(x, centre, root):
    shifted = (x - centre)[None, :] @ root
    return jnp.sum(shifted**2)


def _rosenbrock(x):
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def _run(function, start, lower, upper, max_evaluations=300):
    return minimize_bounded(
        function,
        start,
        lower,
        upper,
        max_evaluations=max_evaluations,
        gradient_tolerance=1e-7 if start.dtype == jnp.float64 else 1e-3,
        value_tolerance=1e-15 if start.dtype == jnp.float64 else 1e-7,
    )


@jax.jit
def _solve_quadratic(centre, root, start, lower, upper):
    return _run(lambda x: _quadratic(x, centre, root), start, lower, upper)


@jax.jit
def _solve_rosenbrock(start, lower, upper):
    return _run(_rosenbrock, start, lower, upper)


def _scipy(function, start, lower, upper):
    bounds = list(zip(lower, upper, strict=True))
    options = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 2000, "maxfun": 10**5}
    return scipy_minimize(function, np.clip(start, lower, upper), jac=True, bounds=bounds, options=options)


numbers = st.lists(st.floats(-2, 2), min_size=D, max_size=D).map(np.array)


@given(numbers, numbers, st.integers(0, 2**31))
@example(np.array([0.0, 0.0, 0.0, 1.75]), np.zeros(D), 531)  # bounds bend the steps until short ones gain nothing
def test_quadratic_in_a_box_against_scipy(centre, start, seed):
    root = np.random.default_rng(seed).normal(size=(D, D)) + 2 * np.eye(D)
    lower, upper = np.full(D, -1.0), np.full(D, 1.0)

    def function(x):
        shifted = (x - centre) @ root
        return shifted @ shifted, 2 * root @ shifted

    with jax.enable_x64(True):
        result = _solve_quadratic(*map(jnp.asarray, (centre, root, start, lower, upper)))
        expected = _scipy(function, start, lower, upper)
        assert np.all(result.x >= lower) and np.all(result.x <= upper)
        np.testing.assert_allclose(function(np.asarray(result.x))[0], result.value, rtol=1e-12, atol=1e-12)
        assert result.value <= expected.fun + 1e-6 * max(1, expected.fun)
        at_start = function(np.clip(start, lower, upper))[0]
        assert result.value <= at_start * (1 + 1e-14), (
            "no worse than the start, but for a last bit between two programs"
        )


@pytest.mark.parametrize(
    "lower, upper", [(-2.0, 2.0), (-2.0, 0.5), (1.0, 3.0), (-1.5, 1.0)], ids=["inside", "upper", "corner", "edge"]
)
def test_rosenbrock_in_a_box_against_scipy(lower, upper, slow_dtype):
    for start in (np.full(D, lower), np.full(D, upper), np.linspace(lower, upper, D)):
        low, high = np.full(D, lower), np.full(D, upper)
        result = _solve_rosenbrock(*(jnp.asarray(v, slow_dtype) for v in (start, low, high)))

        def function(x):
            r, one = x[1:] - x[:-1] ** 2, 1 - x[:-1]
            slope = np.zeros(D)
            slope[1:] += 200 * r
            slope[:-1] += -400 * x[:-1] * r - 2 * one
            return np.sum(100 * r**2 + one**2), slope

        # In four dimensions there is a second minimum, at 3.70 near (-1, 1, 1, 1): either is a local one.
        optima = [_scipy(function, s, low, high).fun for s in (start, np.r_[lower, np.full(D - 1, min(upper, 1.0))])]
        tolerance = 1e-6 if slow_dtype == jnp.float64 else 1e-3
        assert min(abs(float(result.value) - value) for value in optima) < tolerance
        np.testing.assert_allclose(result.value, function(np.asarray(result.x, np.float64))[0], rtol=1e-2, atol=1e-5)


def test_solution_on_bounds_is_exactly_on_them(slow_dtype):
    centre = jnp.asarray([2.0, -3.0, 0.25, 0.0], slow_dtype)
    box = jnp.ones(D, slow_dtype)
    result = _solve_quadratic(centre, jnp.eye(D, dtype=slow_dtype), jnp.zeros(D, slow_dtype), -box, box)
    np.testing.assert_array_equal(result.x[:2], [1, -1])
    np.testing.assert_allclose(result.x[2:], [0.25, 0], atol=1e-3 if slow_dtype == jnp.float32 else 1e-6)
    np.testing.assert_allclose(result.value, 1 + 4, rtol=1e-5)


def test_equal_bounds_hold_a_coordinate(dtype):
    lower, upper = jnp.asarray([-1, 0.5, -1, 0.0], dtype), jnp.asarray([1, 0.5, 1, 0.0], dtype)
    root = jnp.eye(D, dtype=dtype)
    result = _solve_quadratic(jnp.full(D, 0.25, dtype), root, jnp.ones(D, dtype), lower, upper)
    np.testing.assert_allclose(result.x, [0.25, 0.5, 0.25, 0], atol=1e-3 if dtype == jnp.float32 else 1e-6)
    assert result.x[1] == 0.5 and result.x[3] == 0
    stuck = _solve_quadratic(jnp.full(D, 0.25, dtype), root, jnp.ones(D, dtype), lower, lower)
    np.testing.assert_array_equal(stuck.x, lower)


def test_a_start_outside_is_clipped_and_a_minimum_is_kept(dtype):
    box = jnp.ones(D, dtype)
    centre, root = jnp.full(D, 0.5, dtype), jnp.eye(D, dtype=dtype)
    far = _solve_quadratic(centre, root, jnp.asarray([1e6, -1e6, np.inf, -np.inf], dtype), -box, box)
    np.testing.assert_allclose(far.x, centre, atol=1e-3 if dtype == jnp.float32 else 1e-6)
    there = _solve_quadratic(centre, root, centre, -box, box)
    assert there.value == 0 and there.num_evaluations <= 1


@jax.jit
def _solve_log(start, lower, upper):
    # Not finite below -0.5 in the first coordinate; least at the edge of where it is, near -0.5.
    return _run(lambda x: jnp.where(x[0] < -0.5, jnp.nan, x[0] + jnp.sum(x[1:] ** 2)), start, lower, upper)


def test_where_the_function_is_not_finite(dtype):
    box = jnp.ones(D, dtype)
    result = _solve_log(box, -box, box)
    assert np.isfinite(result.value) and result.x[0] >= -0.5 and result.value < 0
    bad = _solve_log(-box, -box, box)
    assert bad.value == np.inf
    np.testing.assert_array_equal(bad.x, -box)
    nan_start = _solve_log(jnp.full(D, np.nan, dtype), -box, box)
    assert np.all(np.isfinite(nan_start.x)) and not np.isnan(nan_start.value)


def test_max_evaluations_is_a_bound(x64):
    box = jnp.full(D, 2.0)
    result = jax.jit(lambda s: _run(_rosenbrock, s, -box, box, max_evaluations=7))(-box)
    assert result.num_evaluations == 7 and result.value < _rosenbrock(-box)


def test_vmap_is_a_loop(x64):
    starts = jnp.asarray(np.random.default_rng(0).uniform(-2, 2, (5, D)))
    lower, upper = jnp.full(D, -1.5), jnp.full(D, 1.2)
    together = jax.jit(jax.vmap(_solve_rosenbrock, (0, None, None)))(starts, lower, upper)
    for i, start in enumerate(starts):
        alone = _solve_rosenbrock(start, lower, upper)
        np.testing.assert_allclose(together.value[i], alone.value, atol=1e-8)
        np.testing.assert_allclose(together.x[i], alone.x, atol=1e-3)


def test_a_box_that_is_no_number_has_no_minimum(x64):
    nowhere = jnp.full(2, jnp.nan)
    result = jax.vmap(
        lambda start: minimize_bounded(
            lambda x: jnp.sum(x**2),
            start,
            nowhere,
            nowhere,
            max_evaluations=5,
            gradient_tolerance=1e-7,
            value_tolerance=1e-15,
        )
    )(jnp.ones((3, 2)))
    assert np.isinf(result.value).all()
