"""Sobol points against SciPy's, and what their random shift must keep and add."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import kstest, qmc

from jbo import designs
from tests.selection import some

BITS = {"float64": 30, "float32": 23}
NUM_COLUMNS = 5


def integers(points, dtype):
    """The bits of points that stand in the middle of their cells."""
    cells = np.asarray(points, np.float64) * 2 ** BITS[dtype.name]
    np.testing.assert_array_equal(cells % 1, 0.5)
    return np.floor(cells).astype(np.uint32)


def scipy_integers(num_points, num_columns):
    with pytest.warns(UserWarning) if num_points & (num_points - 1) else np.errstate():
        points = qmc.Sobol(num_columns, scramble=False, bits=30).random(num_points)
    return np.round(points * 2**30).astype(np.uint32)


@pytest.mark.parametrize("num_points", [1, 2, 100, 256])
def test_points_are_scipys_under_one_shift(slow_dtype, num_points):
    points = designs.sobol(jax.random.key(3), num_points, NUM_COLUMNS, slow_dtype)
    assert points.dtype == slow_dtype and points.shape == (num_points, NUM_COLUMNS)
    expected = scipy_integers(num_points, NUM_COLUMNS) >> (30 - BITS[slow_dtype.name])
    ours = integers(points, slow_dtype)
    np.testing.assert_array_equal(ours ^ ours[0], expected ^ expected[0])


@some("num_columns", [1, NUM_COLUMNS, 40], [NUM_COLUMNS])
def test_one_point_is_a_row_of_the_sequence(slow_dtype, num_columns):
    key = jax.random.key(4)
    points = designs.sobol(key, 300, num_columns, slow_dtype)
    one_by_one = jax.vmap(lambda i: designs.sobol_point(key, i, num_columns, slow_dtype))
    np.testing.assert_array_equal(points, one_by_one(jnp.arange(300, dtype=jnp.int32)))


def test_the_last_points_before_the_sequence_begins_again(x64):
    key, length = jax.random.key(4), 2**14
    points = designs.sobol(key, length, 2, jnp.dtype("float64"))
    at = jax.jit(lambda i: designs.sobol_point(key, i, 2, jnp.dtype("float64")))
    for i in (length - 1, length // 2, 5000):
        np.testing.assert_array_equal(points[i], at(i))
    again = np.array([at(length + i) for i in range(8)])
    assert not (again[:, None] == np.asarray(points)[None]).all(-1).any(), "another shift"
    np.testing.assert_array_equal(
        integers(again, np.dtype("float64")) ^ integers(again[:1], np.dtype("float64")),
        scipy_integers(8, 2) ^ scipy_integers(8, 2)[0],
    )


def test_each_point_is_uniform_over_keys(x64):
    keys = jax.random.split(jax.random.key(0), 2000)
    points = jax.vmap(lambda key: designs.sobol(key, 4, 3, jnp.dtype("float64")))(keys)
    for row in range(4):
        for column in range(3):
            assert kstest(points[:, row, column], "uniform").pvalue > 1e-4
    # Columns of a point are shifted independently: no correlation beyond five deviations.
    correlation = np.corrcoef(np.asarray(points[:, 2]).T) - np.eye(3)
    assert np.abs(correlation).max() < 5 / np.sqrt(2000)


@pytest.mark.parametrize("seed", range(5))
def test_each_cell_of_a_net_has_one_point(slow_dtype, seed):
    points = np.asarray(designs.sobol(jax.random.key(seed), 64, 2, slow_dtype))
    for a in range(7):
        cells = np.floor(points * [2**a, 2 ** (6 - a)]).astype(int)
        assert len({tuple(cell) for cell in cells}) == 64


def test_discrepancy_is_lower_than_of_random_points(x64):
    ours = [
        qmc.discrepancy(np.asarray(designs.sobol(jax.random.key(i), 64, 4, jnp.dtype("float64")))) for i in range(20)
    ]
    random = [qmc.discrepancy(np.random.default_rng(i).random((64, 4))) for i in range(20)]
    assert max(ours) < min(random) / 2


def test_no_point_is_on_the_boundary(slow_dtype):
    points = np.concatenate([designs.sobol(jax.random.key(i), 4096, 8, slow_dtype) for i in range(4)])
    assert (points > 0).all() and (points < 1).all()
    # Nor could one: the extreme cells, whatever the shift.
    last = 1 - jnp.finfo(slow_dtype).eps / 2 if slow_dtype == jnp.float32 else 1 - 2.0**-30
    ends = designs.shifted_sobol(jnp.asarray([0.0, last], slow_dtype), 1)
    assert (ends > 0).all() and (ends < 1).all()
    assert ends.min() < 1e-6 and ends.max() > 1 - 1e-6


def test_keys_give_different_points(x64):
    first, second = (designs.sobol(jax.random.key(i), 16, 3, jnp.dtype("float64")) for i in range(2))
    assert (first != second).all()
