"""Fronts, ranks, hypervolumes and references by value: against loops, boxes, grids and differences."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jbo import pareto

CAPACITY = 8
front, rank, hypervolume, reference = map(jax.jit, (pareto.front, pareto.rank, pareto.hypervolume, pareto.reference))
slope = jax.jit(jax.grad(pareto.hypervolume, argnums=(0, 1)))


@pytest.fixture(autouse=True, scope="module")
def strict():
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


def padded(y, dtype=np.float64, fill=np.nan, capacity=CAPACITY):
    """The rows and padding rows after them, and which are which."""
    y = np.asarray(y, dtype)
    rows = np.full((capacity, y.shape[1]), fill, dtype)
    rows[: len(y)] = y
    return jnp.asarray(rows), jnp.arange(capacity) < len(y)


def volume(y, r, dtype=np.float64):
    y, is_valid = padded(y, dtype)
    return float(hypervolume(y, jnp.asarray(r, dtype), is_valid))


# The same once more, one row or box at a time.


def dominates(a, b):
    return all(u <= v for u, v in zip(a, b, strict=True)) and any(u < v for u, v in zip(a, b, strict=True))


def by_peeling(y):
    ranks, count = {}, 0
    while len(ranks) < len(y):
        left = [i for i in range(len(y)) if i not in ranks]
        ranks |= {i: count for i in left if not any(dominates(y[j], y[i]) for j in left)}
        count += 1
    return [ranks[i] for i in range(len(y))]


def by_inclusion_and_exclusion(y, r):
    """The boxes between each row and the reference: their volumes, less those of two at a time, and so on."""
    y = [row for row in np.asarray(y) if np.all(row < r)]
    total = 0.0
    for size in range(1, len(y) + 1):
        for chosen in itertools.combinations(y, size):
            total += (-1) ** (size + 1) * np.prod(r - np.max(chosen, axis=0))
    return total


def rows(num_columns, min_rows=0, values=None):
    """A few rows, with equal numbers more often than by chance."""
    if values is None:
        values = st.one_of(st.integers(-2, 2).map(float), st.floats(-2, 2, width=32))
    return st.integers(min_rows, 6).flatmap(lambda n: arrays(np.float64, (n, num_columns), elements=values))


@given(y=rows(3))
def test_front_and_rank_are_those_of_a_loop(y):
    with jax.enable_x64(True):
        expected = by_peeling(y)
        table, is_valid = padded(y)
        assert rank(table, is_valid).tolist() == expected + [CAPACITY] * (CAPACITY - len(y))
        assert front(table, is_valid).tolist() == [r == 0 for r in expected] + [False] * (CAPACITY - len(y))


def test_equal_rows_do_not_dominate_each_other(dtype):
    y, is_valid = padded([[0, 1], [0, 1], [1, 0], [1, 1], [0, 2]], dtype, fill=-np.inf)
    assert front(y, is_valid).tolist()[:5] == [True, True, True, False, False]
    assert rank(y, is_valid).tolist() == [0, 0, 0, 1, 1, 8, 8, 8]
    assert rank(y, is_valid).dtype == jnp.int32


def test_a_row_without_a_number_is_not_valid(x64):
    y, _ = padded([[0.0, 1.0], [np.nan, -1.0], [1.0, np.inf], [np.inf, 0.0]])
    is_valid = jnp.arange(CAPACITY) < 4
    assert front(y, is_valid).tolist()[:4] == [True, False, False, True]
    assert rank(y, is_valid).tolist()[:4] == [0, 8, 1, 0]
    assert float(hypervolume(y, jnp.array([2.0, 2.0]), is_valid)) == 2.0
    assert np.isfinite(reference(y, is_valid & (jnp.arange(CAPACITY) < 2))).all()


@pytest.mark.parametrize("num_columns", [1, 2, 3])
@given(data=st.data())
def test_hypervolume_is_that_of_the_boxes(num_columns, data):
    y = data.draw(rows(num_columns))
    r = np.array([1.0, 1.5, 0.5])[:num_columns]
    with jax.enable_x64(True):
        assert volume(y, r) == pytest.approx(by_inclusion_and_exclusion(y, r), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("num_columns", [1, 2, 3])
def test_hypervolume_counts_the_cells_of_a_grid(num_columns):
    y = np.random.default_rng(num_columns).integers(0, 12, (6, num_columns)).astype(float)
    cells = np.stack(np.meshgrid(*[np.arange(10) + 0.5] * num_columns), -1).reshape(-1, num_columns)
    expected = sum(any(np.all(row < cell) for row in y) for cell in cells)
    assert volume(y, [10.0] * num_columns, np.float32) == expected
    assert expected > 0


@pytest.mark.parametrize(("num_columns", "tolerance"), [(4, 5e-4), (5, 1.5e-3), (6, 2.5e-3)])
def test_hypervolume_of_many_columns_is_near(num_columns, tolerance):
    """Fronts that are bent either way, with edges of unlike sizes."""
    rng = np.random.default_rng(num_columns)
    units = 10.0 ** np.arange(num_columns)
    with jax.enable_x64(True):
        for power in (0.5, 1.0, 2.0):
            y = rng.exponential(size=(8, num_columns))
            y = (y / y.sum(1, keepdims=True)) ** power * units
            assert volume(y, 1.1 * units) == pytest.approx(by_inclusion_and_exclusion(y, 1.1 * units), rel=tolerance)
        assert volume(y[:1], 2 * units) == pytest.approx(np.prod(2 * units - y[0]), rel=1e-12)


COLUMNS = st.integers(1, 4)


@given(num_columns=COLUMNS, data=st.data())
def test_laws_of_the_hypervolume(num_columns, data):
    """Order, a dominated row, the unit of a column, a farther reference, another row."""
    # Above three columns the directions depend on the longest edges, so that another row may take from the sum.
    exact = num_columns < 4
    y = data.draw(rows(num_columns, min_rows=1))
    r = np.full(num_columns, 1.25)
    with jax.enable_x64(True):
        whole = volume(y, r)
        close = pytest.approx(whole, rel=1e-12, abs=1e-12)
        assert volume(data.draw(st.permutations(list(y))), r) == close
        worse = y[data.draw(st.integers(0, len(y) - 1))] + data.draw(
            arrays(float, num_columns, elements=st.floats(0, 3))
        )
        assert volume([*y, worse], r) == close
        assert volume([*y, y[0]], r) == close
        scale = np.ones(num_columns)
        scale[data.draw(st.integers(0, num_columns - 1))] = factor = data.draw(st.floats(1e-3, 1e3))
        assert volume(y * scale, r * scale) == pytest.approx(factor * whole, rel=1e-12, abs=1e-12)
        shift = np.arange(num_columns) - 1.0
        assert volume(y + shift, r + shift) == pytest.approx(whole, rel=1e-12, abs=1e-12)
        if exact:
            farther = r + data.draw(arrays(float, num_columns, elements=st.floats(0, 3)))
            assert volume(y, farther) >= whole - 1e-12
            assert volume([*y, data.draw(arrays(float, num_columns, elements=st.floats(-2, 2)))], r) >= whole - 1e-12


@given(num_columns=COLUMNS, fill=st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -1e300]), data=st.data())
def test_padding_changes_nothing(num_columns, fill, data):
    y = data.draw(rows(num_columns))
    r = jnp.ones(num_columns)
    with jax.enable_x64(True):
        for function in (front, rank, lambda t, v: hypervolume(t, r.astype(t.dtype), v), reference):
            np.testing.assert_array_equal(function(*padded(y, fill=fill)), function(*padded(y, fill=7.0)))


@pytest.mark.parametrize("num_columns", [1, 2, 3, 4])
def test_gradient_of_the_hypervolume_against_finite_differences(num_columns, x64):
    rng = np.random.default_rng(0)
    y = np.concatenate([rng.uniform(size=(5, num_columns)), np.full((1, num_columns), 1.5)])
    r = np.full(num_columns, 1.1)
    table, is_valid = padded(y)
    of_y, of_r = slope(table, jnp.asarray(r), is_valid)
    step = 1e-6
    for i, j in np.ndindex(*y.shape):
        by = np.zeros_like(y)
        by[i, j] = step
        difference = (volume(y + by, r) - volume(y - by, r)) / (2 * step)
        assert float(of_y[i, j]) == pytest.approx(difference, rel=1e-6, abs=1e-8)
    for j in range(num_columns):
        difference = (
            volume(y, r + step * np.eye(num_columns)[j]) - volume(y, r - step * np.eye(num_columns)[j])
        ) / 2e-6
        assert float(of_r[j]) == pytest.approx(difference, rel=1e-6)
    assert np.abs(of_y[:5]).max() > 0.01
    np.testing.assert_array_equal(of_y[5:], 0)


@pytest.mark.parametrize("num_columns", [1, 2, 3, 4])
def test_gradient_is_finite_where_rows_are_equal(num_columns, x64):
    table, is_valid = padded(np.zeros((3, num_columns)))
    of_y, of_r = slope(table, jnp.ones(num_columns), is_valid)
    np.testing.assert_allclose(np.asarray(of_y).sum(0), -1, rtol=1e-12)  # all three move together
    np.testing.assert_allclose(of_r, 1, rtol=1e-12)
    none = slope(table, jnp.ones(num_columns), is_valid & False)
    np.testing.assert_array_equal(np.concatenate([none[0], none[1][None]]), 0)


def test_rows_beyond_the_reference_count_nothing(dtype):
    assert volume([[1, 0], [0, 1], [2, -1e30], [-1e30, 1.5]], [1.0, 1.0], dtype) == 0
    assert volume([[0, 0], [0.5, 2]], [1.0, 1.0], dtype) == 1
    assert volume(np.zeros((0, 2)), [1.0, 1.0], dtype) == 0
    assert volume([[0.0, np.inf], [np.inf, -3.0]], [1.0, 1.0], dtype) == 0


@pytest.mark.parametrize("num_columns", [1, 2, 3, 4])
def test_huge_and_tiny_values(num_columns, dtype):
    big = 1e300 if dtype == np.float64 else 1e37
    most = float(np.finfo(dtype).max)
    y = np.zeros((2, num_columns))
    sizes = np.array([big, 1 / big, big, 1 / big])[:num_columns]
    expected = {1: 2 * big, 2: 4.0, 3: 8 * big, 4: 16.0}[num_columns]
    y[0], y[1] = -sizes, 0.5 * sizes
    assert volume(y, sizes, dtype) == pytest.approx(expected, rel=1e-6)
    assert volume(np.full((2, num_columns), -most), np.full(num_columns, most), dtype) == np.inf
    table, is_valid = padded([[-most] * num_columns, [most] * num_columns], dtype)
    assert np.isfinite(reference(table, is_valid)).all()
    assert front(table, is_valid).tolist()[:2] == [True, False]


def test_the_reference_is_beyond_all_values(dtype):
    """Not beyond the front only, whose ends would hardly move."""
    y, is_valid = padded([[0, 10], [1, 4], [4, 0], [5, 100], [9, 9]], dtype)
    np.testing.assert_allclose(reference(y, is_valid), [9.9, 110], rtol=1e-6)
    assert reference(y, is_valid).dtype == dtype


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        ([[3.0, -5.0]], [3.3, -4.5]),  # one row: a tenth of the size
        ([[3.0, 0.0]] * 3, [3.3, 0.1]),
        ([[0.0, 1.0], [2.0, 1.5]], [2.2, 1.55]),
        ([[0.0, 1.0], [2.0, 1.0]], [2.2, 1.1]),
        (np.zeros((0, 2)), [0.1, 0.1]),
    ],
)
def test_the_reference_of_few_rows(y, expected, dtype):
    np.testing.assert_allclose(reference(*padded(y, dtype)), expected, rtol=1e-6)


@given(y=rows(2, min_rows=1, values=st.floats(-1e307, 1e307)))
def test_the_reference_leaves_a_volume(y):
    with jax.enable_x64(True):
        table, is_valid = padded(y)
        r = reference(table, is_valid)
        best = np.asarray(table)[np.asarray(front(table, is_valid))]
        assert (np.asarray(r) > best).all()
        assert (
            float(hypervolume(table, r, is_valid)) > 0 or np.ptp(y, axis=0).min() < 1e-150 or np.abs(y).min() < 1e-150
        )


def test_jit_vmap_and_types(dtype):
    rng = np.random.default_rng(0)
    y, is_valid = jnp.asarray(rng.normal(size=(3, 5, 3)), dtype), jnp.asarray(rng.uniform(size=(3, 5)) < 0.7)
    r = jnp.ones(3, dtype)
    for function in (front, rank, reference, lambda y, v: hypervolume(y, r, v)):
        mapped = jax.vmap(function)(y, is_valid)
        for i in range(3):
            np.testing.assert_allclose(mapped[i], function(y[i], is_valid[i]), rtol=1e-6)
    assert mapped.dtype == dtype


def test_a_wrong_call_says_so():
    with pytest.raises(ValueError, match=r"reference: .*with k = 2 as in y"):
        pareto.hypervolume(jnp.zeros((3, 2)), jnp.zeros(3), jnp.ones(3, bool))
    with pytest.raises(ValueError, match=r"y: expected .*\[n, k\]"):
        pareto.front(jnp.zeros(3), jnp.ones(3, bool))
