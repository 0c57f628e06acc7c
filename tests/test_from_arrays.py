"""`Dataset.from_arrays`: raw numbers to those of a model and back."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jbo.types import Dataset

X = np.array([[-5.0, 0.0], [2.5, 15.0], [10.0, 7.5]])
Y = np.array([2.0, 4.0, 9.0])
BOUNDS = [(-5, 10), (0, 15)]


def test_values_and_the_way_back(x64):
    data = Dataset.from_arrays(X, Y, BOUNDS, noise=[0.0, 1.0, 2.0], capacity=5)
    np.testing.assert_allclose(data.x[:3], [[0, 0], [0.5, 1], [1, 0.5]], rtol=1e-14)
    np.testing.assert_allclose(data.y[:3], (Y - 5) / Y.std(), rtol=1e-14)
    np.testing.assert_array_equal(data.is_valid, [True, True, True, False, False])
    np.testing.assert_allclose(data.noise_variance[:3], np.array([0, 1, 4]) / Y.var(), rtol=1e-14)
    np.testing.assert_allclose(data.y_scale, Y.std(), rtol=1e-14)
    there = data.scaling
    np.testing.assert_allclose(there.to_cube(X), data.x[:3], rtol=1e-14)
    np.testing.assert_allclose(there.from_cube(data.x[:3]), X, rtol=1e-14)
    np.testing.assert_allclose(there.to_model(Y), data.y[:3], rtol=1e-14)
    mean, variance = there.from_model(data.y[:3], jnp.array([1.0, 0.0, 0.25]))
    np.testing.assert_allclose(mean, Y, rtol=1e-14)
    np.testing.assert_allclose(variance, Y.var() * np.array([1, 0, 0.25]), rtol=1e-14)
    assert data.x.dtype == jnp.float64


def test_float32_of_large_numbers_keeps_their_differences():
    x, y = 1.6e9 + np.array([[0.0], [30.0], [60.0]]), 1e6 + np.array([0.0, 0.1, 0.2])
    data = Dataset.from_arrays(x, y, [(1.6e9, 1.6e9 + 60)])
    assert data.x.dtype == jnp.float32
    np.testing.assert_allclose(data.x[:, 0], [0, 0.5, 1], rtol=1e-6)
    np.testing.assert_allclose(data.y, [-(1.5**0.5), 0, 1.5**0.5], atol=1e-4)


def test_values_that_are_equal_huge_or_rounded(x64):
    flat = Dataset.from_arrays([[0.5], [1.0]], [3.0, 3.0], [(0, 1)])
    np.testing.assert_array_equal(flat.y, 0)
    np.testing.assert_array_equal(flat.scaling.from_model(flat.y), 3.0)
    huge = Dataset.from_arrays([[0.0], [1.0], [1.0]], [-1e200, 1e200, 1e200], [(0, 1)])
    np.testing.assert_allclose(huge.y, np.array([-4, 2, 2]) / 8**0.5, rtol=1e-12)
    whole = Dataset.from_arrays([[-1e307], [1e307], [0.0]], [1, 2, 3], [(-8e307, 8e307)])
    np.testing.assert_allclose(whole.x[:, 0], [7 / 16, 9 / 16, 0.5], rtol=1e-12)
    rounded = Dataset.from_arrays([[0.1 + 0.2]], [1], [(0, 0.3)])
    np.testing.assert_array_equal(rounded.x, 1.0)
    integers = Dataset.from_arrays(np.array([[1], [3]]), np.array([1, 2]), [(1, 3)])
    np.testing.assert_array_equal(integers.x, [[0], [1]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": X[:, 0]}, r"x: expected shape \[n, d\], got shape \[3\]; x\[:, None\]"),
        ({"y": Y[:, None]}, r"y: expected shape \[n\], got shape \[3, 1\]; y\[:, 0\] is its column"),
        ({"y": Y[:2]}, "y: expected a value for each of the 3 rows of x, got 2"),
        ({"x": np.where(X == 15, np.nan, X)}, "x: expected finite numbers, got nan at row 1, column 1"),
        ({"y": [1, 2, np.inf]}, "y: expected finite numbers, got inf at row 2"),
        (
            {"x": X + 1},
            r"x: expected inputs within bounds, got 16.0 in row 1, column 1, whose bounds are \(0.0, 15.0\)",
        ),
        ({"bounds": [(-5, 10), (15, 0)]}, r"bounds: expected lower < upper, got \(15.0, 0.0\) for column 1"),
        ({"bounds": [(-5, 10), (15, 15)]}, r"bounds: expected lower < upper, got \(15.0, 15.0\) for column 1"),
        ({"bounds": [(-5, 10)]}, r"bounds: .* each of the 2 columns of x, shape \[2, 2\], got shape \[1, 2\]"),
        ({"bounds": (-5, 10)}, r"bounds: expected shape \[d, 2\], got shape \[2\]"),
        ({"noise": [0.1, 0.2]}, r"noise: expected one number, or 3 numbers, one for each row of x, got shape \[2\]"),
        ({"noise": -0.1}, "noise: expected finite standard deviations of at least 0, got -0.1"),
        ({"capacity": 2}, "capacity: expected at least 3, the number of observations, got 2"),
        ({"x": np.zeros((0, 2)), "y": []}, "x: expected at least one row, got none"),
    ],
)
def test_what_is_wrong_is_said(change, message):
    with pytest.raises(ValueError, match=message):
        Dataset.from_arrays(**{"x": X, "y": Y, "bounds": BOUNDS} | change)


def test_what_is_no_number_is_refused():
    for change, message in (
        ({"y": ["a", "b", "c"]}, "y: expected an array of real numbers"),
        ({"x": X * 1j}, "x: expected an array of real numbers"),
        ({"capacity": 4.0}, "capacity: expected an integer, got 4.0"),
    ):
        with pytest.raises(TypeError, match=message):
            inspect.unwrap(Dataset.from_arrays)(**{"x": X, "y": Y, "bounds": BOUNDS} | change)
    with pytest.raises(TypeError, match="y: expected numbers, got a traced array"):
        jax.eval_shape(lambda y: Dataset.from_arrays(X, y, BOUNDS).y, Y)
