"""The laws of the encoding: levels, their places in the cube, conditions, in both dtypes and under strict promotion."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jbo import encoding as plain
from jbo.encoding import CATEGORY, LOG_ORDERED, ORDERED, REAL, Column, Encoding

D = 9

# One program instead of twenty operations compiled one by one.
level, is_active, snap = jax.jit(plain.level), jax.jit(plain.is_active), jax.jit(plain.snap)
from_level, cells = (jax.jit(f, static_argnums=2) for f in (plain.from_level, plain.cells))


@pytest.fixture(autouse=True)
def strict():
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


def log_range(low, num_levels):
    start = low - 0.5
    return (start, np.log1p(num_levels / start))


def encoding_of(*columns):
    """Columns given as ``Column``, or as ``(low, num_levels)`` for a log integer."""
    ranges = [(0.0, 0.0) if isinstance(c, Column) else log_range(*c) for c in columns]
    columns = [c if isinstance(c, Column) else Column(LOG_ORDERED, c[1]) for c in columns]
    return Encoding(log_range=np.array(ranges, dtype=float).reshape(-1, 2), columns=tuple(columns))


def nested():
    """Nine columns: conditions three deep, children before their parents, a log integer among the parents."""
    return encoding_of(
        Column(REAL),
        Column(ORDERED, 5, parent=3, parent_levels=(0, 2)),
        Column(REAL, parent=1, parent_levels=(4,)),
        Column(CATEGORY, 3),
        (1, 100),
        Column(CATEGORY, 2, parent=4, parent_levels=(0, 1, 99)),
        Column(ORDERED, 7, parent=1, parent_levels=(0, 1)),
        Column(REAL, parent=5, parent_levels=(1,)),
        Column(CATEGORY, 1),
    )


def reference_level(encoding, x):
    """Level of each column of one point, one at a time, in float64."""
    levels = []
    for (start, log_ratio), column, u in zip(np.asarray(encoding.log_range), encoding.columns, x, strict=True):
        u = min(max(float(u), 0.0), 1.0)
        if column.kind == REAL:
            levels.append(0)
        elif column.kind == LOG_ORDERED:
            value = np.exp(np.log(start) + u * log_ratio)
            levels.append(min(int(np.floor(value - start)), column.num_levels - 1))
        else:
            levels.append(min(int(np.floor(u * column.num_levels)), column.num_levels - 1))
    return np.array(levels)


def reference_is_active(encoding, x):
    levels = reference_level(encoding, x)

    def active(j):
        column = encoding.columns[j]
        return column.parent < 0 or (levels[column.parent] in column.parent_levels and active(column.parent))

    return np.array([active(j) for j in range(encoding.num_columns)])


def reference_snap(encoding, x):
    levels, active, snapped = reference_level(encoding, x), reference_is_active(encoding, x), []
    for j, ((start, log_ratio), column) in enumerate(zip(encoding.log_range, encoding.columns, strict=True)):
        if not active[j]:
            snapped.append(0.5)
        elif column.kind == REAL:
            snapped.append(np.clip(x[j], 0, 1))
        elif column.kind == LOG_ORDERED:
            snapped.append((np.log(start + levels[j] + 0.5) - np.log(start)) / log_ratio)
        else:
            snapped.append((levels[j] + 0.5) / column.num_levels)
    return np.array(snapped)


def test_levels_and_their_places_by_hand(dtype):
    encoding = encoding_of(Column(ORDERED, 4), Column(CATEGORY, 2), Column(REAL), (1, 3))
    x = jnp.asarray([[0.0, 0.0, 0.0, 0.0], [0.26, 0.5, 0.3, 0.6], [0.75, 0.49, 1.0, 0.9], [1.0, 1.0, 0.5, 1.0]], dtype)
    # The integers 1, 2, 3 own log(3), log(5/3), log(7/5) of log(7): up to 0.565, 0.827, 1.
    levels = np.array([[0, 0, 0, 0], [1, 1, 0, 1], [3, 0, 0, 2], [3, 1, 0, 2]])
    np.testing.assert_array_equal(level(encoding, x), levels)
    places = [[(k + 0.5) / 4, (c + 0.5) / 2, 0.5, np.log(2 * n + 2) / np.log(7)] for k, c, _, n in levels]
    tolerance = 4 * jnp.finfo(dtype).eps
    np.testing.assert_allclose(from_level(encoding, level(encoding, x), dtype), places, rtol=tolerance)
    assert from_level(encoding, level(encoding, x), dtype).dtype == dtype


def test_points_outside_the_cube_belong_to_the_border(dtype):
    encoding = encoding_of(Column(ORDERED, 4), Column(REAL), (1, 10))
    x = jnp.asarray([[-0.1, -3.0, -1e30], [1.1, 3.0, 1e30]], dtype)
    np.testing.assert_array_equal(level(encoding, x), [[0, 0, 0], [3, 0, 9]])
    np.testing.assert_array_equal(snap(encoding, x)[:, 1], [0, 1])


def test_every_level_comes_back(dtype):
    largest = 2**31 - 1 if dtype == "float64" else 80_000
    sizes = [1, 2, 3, 7, 10, 49, 1000, 12345, largest]
    pairs = [(low, k) for low in (1, 2, 1000, 10**9) for k in sizes]
    encoding = encoding_of(*[Column(ORDERED, k) for k in sizes], *pairs)
    assert encoding.is_resolved(dtype).all()
    k = encoding.num_levels
    from_the_start, some = np.arange(1000)[:, None], np.random.default_rng(0).integers(0, k, (1000, len(k)))
    levels = np.concatenate([np.minimum(from_the_start, k - 1), np.maximum(k - 1 - from_the_start, 0), some])
    x = from_level(encoding, levels.astype(np.int32), dtype)
    np.testing.assert_array_equal(level(encoding, x), levels)
    np.testing.assert_array_equal(snap(encoding, x), x)


def test_float64_tells_all_levels_apart_and_float32_a_million():
    encoding = encoding_of(
        Column(REAL), Column(ORDERED, 2**31 - 1), Column(ORDERED, 10**6), (1, 2**31 - 1), (1, 80_000)
    )
    np.testing.assert_array_equal(encoding.is_resolved(jnp.dtype("float64")), [False, True, True, True, True])
    np.testing.assert_array_equal(encoding.is_resolved(jnp.dtype("float32")), [False, False, True, False, True])


def test_levels_are_equally_likely_under_a_uniform_draw(dtype):
    sizes, n = [1, 2, 3, 7, 10], 210 * 64
    encoding = encoding_of(*[Column(kind, k) for kind in (ORDERED, CATEGORY) for k in sizes])
    grid = (np.arange(n)[:, None] + np.full(len(encoding.columns), 0.5)) / n
    levels = np.array(level(encoding, jnp.asarray(grid, dtype)))
    for j, k in enumerate(encoding.num_levels):
        np.testing.assert_array_equal(np.bincount(levels[:, j]), np.full(k, n // k))


def test_log_integers_are_likely_by_their_log_mass(dtype):
    bounds, n = [(1, 2), (1, 10), (3, 30), (1000, 1007), (10**8, 10**8 + 3)], 20_000
    encoding = encoding_of(*[(low, high - low + 1) for low, high in bounds])
    grid = (np.arange(n)[:, None] + np.full(len(bounds), 0.5)) / n
    levels = np.array(level(encoding, jnp.asarray(grid, dtype)))
    for j, (low, high) in enumerate(bounds):
        v = np.arange(low, high + 1)
        mass = np.log1p(1 / (v - 0.5)) / np.log1p((high - low + 1) / (low - 0.5))
        assert mass.sum() == pytest.approx(1)
        np.testing.assert_allclose(np.bincount(levels[:, j], minlength=len(v)), n * mass, atol=2)


POINTS = st.lists(st.floats(-0.25, 1.25, width=32, allow_subnormal=False), min_size=D, max_size=D)


@given(x=POINTS)
def test_snap_level_and_is_active_equal_a_loop(x):
    with jax.enable_x64(True):
        encoding = nested()
        np.testing.assert_array_equal(level(encoding, np.array(x)), reference_level(encoding, x))
        np.testing.assert_array_equal(is_active(encoding, np.array(x)), reference_is_active(encoding, x))
        np.testing.assert_allclose(snap(encoding, np.array(x)), reference_snap(encoding, x), rtol=0, atol=1e-14)


@pytest.mark.parametrize("x64", [True, False])
@given(x=POINTS)
def test_snapping_twice_is_snapping_once(x64, x):
    unresolved = encoding_of(*[Column(ORDERED, 2**31 - 1), (1, 2**31 - 1), (7, 200_000)] * 3)
    with jax.enable_x64(x64):
        for encoding in (nested(), unresolved):
            once = snap(encoding, jnp.asarray(x, float))
            np.testing.assert_array_equal(snap(encoding, once), once)
            np.testing.assert_array_equal(is_active(encoding, once), is_active(encoding, jnp.asarray(x, float)))
            assert ((once >= 0) & (once <= 1)).all()


def test_inactive_columns_are_one_half_and_their_children_inactive_too(dtype):
    encoding = nested()
    x = jnp.asarray(np.random.default_rng(0).uniform(size=(500, D)), dtype)
    active, snapped = np.array(is_active(encoding, x)), np.array(snap(encoding, x))
    assert (snapped[~active] == 0.5).all()
    assert not (active[:, 2] & ~active[:, 1]).any()
    assert active[:, [0, 3, 4, 8]].all() and 0 < active[:, 2].sum() < active[:, 1].sum() < 500


def test_jit_vmap_and_batches_agree(slow_dtype):
    encoding = nested()
    x = jnp.asarray(np.random.default_rng(1).uniform(size=(2, 2, D)), slow_dtype)
    # The logarithm of a log integer may differ in its last bit between programs; levels never do.
    tolerance = 2 * float(jnp.finfo(slow_dtype).eps)

    def run(x):
        return plain.level(encoding, x), plain.is_active(encoding, x), plain.snap(encoding, x)

    compiled = jax.jit(run)
    jitted, vmapped = compiled(x), jax.jit(jax.vmap(jax.vmap(run)))(x)
    one_by_one = [[compiled(x[i, j]) for j in range(2)] for i in range(2)]
    for k, expected in enumerate(run(x)):
        loop = np.array([[np.array(point[k]) for point in row] for row in one_by_one])
        for same in (jitted[k], vmapped[k], loop):
            np.testing.assert_allclose(np.array(same), np.array(expected), rtol=0, atol=tolerance if k == 2 else 0)
    assert snap(encoding, x).dtype == slow_dtype
    assert level(encoding, x).dtype == jnp.int32


def test_a_space_of_the_same_structure_compiles_nothing():
    count = 0

    @jax.jit
    def run(encoding, x):
        nonlocal count
        count += 1
        return snap(encoding, x)

    x = jnp.full((2,), 0.3)
    first, second = run(encoding_of(Column(REAL), (1, 10)), x), run(encoding_of(Column(REAL), (5, 10)), x)
    assert count == 1
    assert first[1] != second[1]


def test_gradient_passes_reals_and_stops_at_levels(dtype):
    encoding = encoding_of(Column(REAL), Column(ORDERED, 4), (1, 10), Column(REAL, parent=1, parent_levels=(3,)))
    gradient = jax.jit(jax.grad(lambda x: snap(encoding, x).sum()))(jnp.full((4,), 0.3, dtype))
    np.testing.assert_array_equal(gradient, [1, 0, 0, 0])


def test_snap_is_a_handful_of_operations_without_conditions():
    def operations(*columns):
        encoding, x = encoding_of(*columns), jnp.zeros((100,))
        return len(jax.make_jaxpr(lambda x: snap(encoding, x))(x).jaxpr.eqns)

    assert operations(*[Column(REAL)] * 100) <= 2
    assert operations(*[Column(REAL)] * 50, *[Column(ORDERED, 5)] * 50) <= 25


def test_a_space_without_columns():
    encoding = encoding_of()
    assert encoding.depth == 0
    assert snap(encoding, jnp.zeros((3, 0))).shape == (3, 0)
    assert is_active(encoding, jnp.zeros((3, 0))).shape == (3, 0)


# The cells of levels.


def test_cells_tile_the_interval_and_are_what_levels_own(dtype):
    """Side by side from 0 to 1, each with its level inside; a real owns everything."""
    encoding = encoding_of(Column(REAL), Column(ORDERED, 5), (1, 40), (7, 40), Column(CATEGORY, 3))
    levels = np.minimum(np.arange(40)[:, None], np.maximum(encoding.num_levels - 1, 0)).astype(np.int32)
    middle, width = cells(encoding, levels, dtype)
    assert middle.dtype == width.dtype == dtype
    tolerance = 4 * jnp.finfo(dtype).eps
    np.testing.assert_array_equal(middle[:, 0], 0.5)
    np.testing.assert_array_equal(width[:, 0], 1)
    for j, num_levels in enumerate(encoding.num_levels):
        n = max(num_levels, 1)
        ends = np.concatenate([[0], np.cumsum(np.asarray(width[:n, j], np.float64))])
        np.testing.assert_allclose(ends[-1], 1, rtol=0, atol=n * tolerance)
        np.testing.assert_allclose(middle[:n, j], (ends[1:] + ends[:-1]) / 2, rtol=0, atol=n * tolerance)
    inside = 1e-3 if dtype == jnp.float32 else 1e-9
    for side in (inside - 0.5, 0.0, 0.5 - inside):
        np.testing.assert_array_equal(level(encoding, middle + jnp.asarray(side, dtype) * width), levels)


def test_a_narrow_cell_keeps_its_digits():
    """The last of a million log levels, in float32: the difference of its ends would have one digit."""
    encoding = encoding_of((1, 10**6))
    with jax.enable_x64(False):
        _, width = cells(encoding, np.array([[10**6 - 1]], np.int32), jnp.dtype("float32"))
    start, log_ratio = log_range(1, 10**6)
    np.testing.assert_allclose(width, np.log1p(1 / (start + 10**6 - 1)) / log_ratio, rtol=1e-6)
