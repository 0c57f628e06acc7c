"""What a surrogate sees of the told values, against NumPy and SciPy; no number may spoil it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jbo.strategies import _transform
from jbo.types import EMPTY, FAILED, OK, PENDING, Trials

NUM_ROWS = 12
COMPRESS, STANDARDISE, DATASET = map(jax.jit, (_transform.compress, _transform.standardise, _transform.dataset))
WITH_FAILURES = jax.jit(_transform.dataset_with_failures)

VALUES = st.one_of(
    st.sampled_from([0.0, 1.0, -1.0, 1e300, -1e300, 1e-12, 3.0]), st.floats(-1e300, 1e300), st.floats(-10, 10)
)
STATUS = st.sampled_from([OK, OK, OK, PENDING, FAILED, EMPTY])
GARBAGE = st.sampled_from([np.nan, np.inf, -np.inf, 1e300, 7.0])


def compress(y):
    """The formula of the docstring, in NumPy: in distances from the median."""
    if len(y) == 0:
        return y
    median = np.median(y)
    worse = y > median
    scale = median - y.min() or np.mean(y[worse] - median) if worse.any() else 1.0
    return np.array([min(np.log1p((v - median) / scale), 10) if v > median else (v - median) / scale for v in y])


def table(y, status, dtype="float64", x=None):
    n = len(y)
    x = np.full((n, 2), 0.5) if x is None else x
    return jax.jit(Trials.from_arrays)(np.asarray(x, dtype), np.asarray(y, dtype), np.asarray(status, np.int32))


@pytest.fixture(autouse=True)
def strict():
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


@pytest.mark.parametrize(
    "y",
    [
        [],
        [3.0],
        [3.0, 3.0],
        [2.0, -1.0],
        [1.0, 2.0, 3.0],
        [5.0, 1.0, 4.0, 2.0],
        [1.0, 1.0, 1.0, 1.0, 2.0],  # the better half is one plateau
        [1.0, 2.0, 2.0, 2.0, 3.0, 3.0],  # ties on both sides of the median
        [0.0, 1e6, -1e-6, 1e12, 2.0, 2.0, 1.0],  # the largest is beyond what is told apart
        list(np.random.default_rng(0).normal(size=NUM_ROWS)),
        list(0.01 * np.random.default_rng(0).normal(size=NUM_ROWS)),
        list(np.random.default_rng(1).integers(0, 4, NUM_ROWS).astype(float)),
    ],
)
def test_compress(dtype, y):
    y = np.array(y)
    rng = np.random.default_rng(len(y))
    rows = rng.permutation(NUM_ROWS)[: len(y)]
    values = np.resize([np.nan, np.inf, -np.inf, 1e30], NUM_ROWS)
    values[rows] = y
    is_valid = np.isin(np.arange(NUM_ROWS), rows)
    warped, _, _ = COMPRESS(jnp.asarray(values, dtype), jnp.asarray(is_valid))
    assert warped.dtype == dtype
    expected = np.zeros(NUM_ROWS)
    expected[rows] = compress(y)
    tolerance = 1e-12 if dtype == jnp.float64 else 2e-6
    np.testing.assert_allclose(warped, expected, rtol=tolerance, atol=tolerance)


@given(
    y=st.lists(VALUES, min_size=NUM_ROWS, max_size=NUM_ROWS),
    status=st.lists(STATUS, min_size=NUM_ROWS, max_size=NUM_ROWS),
)
def test_the_data_set_keeps_the_order_and_is_standardised(y, status):
    with jax.enable_x64(True):
        y, status = np.array(y), np.array(status)
        data = WITH_FAILURES(table(y, status))
        ok, failed = status == OK, status == FAILED
        np.testing.assert_array_equal(data.is_valid, ok | failed)
        seen = np.asarray(data.y)
        assert np.isfinite(seen).all() and np.isfinite(data.y_scale) and data.y_scale > 0
        assert not seen[~(ok | failed)].any()
        order = np.argsort(y[ok], kind="stable")
        assert (np.diff(seen[ok][order]) >= 0).all(), "a worse value never looks better"
        ties = np.diff(y[ok][order]) == 0
        assert (np.diff(seen[ok][order])[ties] == 0).all()
        if ok.any() and failed.any():
            worst, best = seen[ok].max(), seen[ok].min()
            np.testing.assert_allclose(seen[failed], worst + (worst - best) / 2, rtol=1e-9, atol=1e-9)
        if (ok | failed).any():
            values = seen[ok | failed]
            assert abs(values.mean()) < 1e-9
            assert abs(values.std() - 1) < 1e-9 or not values.any()
        alone, without = DATASET(table(y, status)), WITH_FAILURES(table(y, np.where(failed, EMPTY, status)))
        np.testing.assert_array_equal(alone.is_valid, ok)
        np.testing.assert_array_equal(alone.y, without.y)
        assert alone.y_scale == without.y_scale


@given(
    y=st.lists(VALUES, min_size=NUM_ROWS, max_size=NUM_ROWS),
    garbage=st.lists(GARBAGE, min_size=NUM_ROWS, max_size=NUM_ROWS),
    status=st.lists(STATUS, min_size=NUM_ROWS, max_size=NUM_ROWS),
)
def test_garbage_in_other_rows_changes_nothing(y, garbage, status):
    with jax.enable_x64(True):
        ok = np.array(status) == OK
        clean = DATASET(table(np.where(ok, y, 0), status))
        dirty = DATASET(table(np.where(ok, y, garbage), status))
        for a, b in zip(jax.tree.leaves(clean), jax.tree.leaves(dirty), strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_scale_undoes_the_standardisation_of_the_better_half(dtype):
    y = np.array([4.0, 1.0, 3.5, 2.0, 1.5, 9.0, 100.0, 1e4, 5.0, 6.0, 7.0, 8.0])
    data = DATASET(table(y, np.full(NUM_ROWS, OK), dtype))
    better = y <= np.median(y)
    seen = np.asarray(data.y, np.float64) * float(data.y_scale)
    np.testing.assert_allclose(np.diff(seen[better]), np.diff(y[better]), rtol=1e-9 if dtype == jnp.float64 else 2e-3)
    width = np.median(y) - y.min()
    assert seen.max() - seen[better].max() <= 11 * width, "a huge value does not set the scale"


def test_the_data_set_moves_with_the_values_as_it_must(dtype):
    y = np.random.default_rng(0).normal(size=NUM_ROWS)
    first = DATASET(table(y, np.full(NUM_ROWS, OK), dtype))
    second = DATASET(table(1e3 * y, np.full(NUM_ROWS, OK), dtype))
    third = DATASET(table(y + 2, np.full(NUM_ROWS, OK), dtype))
    tolerance = 1e-10 if dtype == jnp.float64 else 1e-4
    np.testing.assert_allclose(second.y, first.y, atol=tolerance)
    np.testing.assert_allclose(third.y, first.y, atol=tolerance)
    np.testing.assert_allclose(second.y_scale, 1e3 * first.y_scale, rtol=tolerance)
    np.testing.assert_allclose(third.y_scale, first.y_scale, rtol=tolerance)


@pytest.mark.parametrize(
    "y", [[], [3.0], [2.0, -1.0], [5.0] * NUM_ROWS, [1e8 + 0.1] * 5, [1e30, -1e30, 0.0], [0.0, 1e-30]]
)
def test_standardise(dtype, y):
    is_valid = np.arange(NUM_ROWS) < len(y)
    values = np.r_[y, np.full(NUM_ROWS - len(y), np.nan)].astype(dtype)
    if dtype == jnp.float32 and np.abs(np.nan_to_num(values)).max(initial=0) > 1e19:
        values /= 1e20  # squares of larger ones need `_scaled` first
    seen, mean, deviation = STANDARDISE(jnp.asarray(values), jnp.asarray(is_valid))
    assert seen.dtype == deviation.dtype == dtype
    valid = values[is_valid].astype(np.float64)
    if len(valid) == 0 or np.ptp(valid) == 0 or np.ptp(valid) < 1e-20:
        expected, scale = np.zeros(len(valid)), 1.0
        assert not len(valid) or mean == pytest.approx(valid[0], rel=1e-6, abs=1e-20)
        if np.ptp(valid) if len(valid) else 0:  # the squares of so small a range are 0 in float32
            assert np.isfinite(seen).all()
            return
    else:
        expected, scale = (valid - valid.mean()) / valid.std(), valid.std()
    tolerance = 1e-12 if dtype == jnp.float64 else 1e-5
    np.testing.assert_allclose(seen[: len(y)], expected, atol=tolerance)
    np.testing.assert_allclose(deviation, scale, rtol=tolerance)
    if len(valid):
        np.testing.assert_allclose(mean, valid.mean(), rtol=tolerance, atol=tolerance * np.abs(valid).max())
    assert not np.asarray(seen)[len(y) :].any()


def test_float32_values_at_the_ends_of_its_range():
    with jax.enable_x64(False):
        for y in ([3e38, -3e38, 0.0, 1.0], [1e-30, 2e-30, 3e-30, -1e-30], [3e38, 3e38, 3e38, 2e38]):
            data = DATASET(table(np.resize(y, NUM_ROWS), np.full(NUM_ROWS, OK), "float32"))
            assert np.isfinite(data.y).all() and np.isfinite(data.y_scale)
            assert abs(float(jnp.std(data.y)) - 1) < 1e-3


UNITS = jax.jit(_transform.units)
TO_MODEL, TO_TOLD = jax.jit(_transform.Units.to_model), jax.jit(_transform.Units.to_told)


def test_failures_alone_teach_nothing(dtype):
    state = table(np.full(NUM_ROWS, np.nan), np.resize([FAILED, PENDING], NUM_ROWS), dtype)
    for data, count in ((DATASET(state), 0), (WITH_FAILURES(state), NUM_ROWS // 2)):
        assert not np.asarray(data.y).any() and np.asarray(data.is_valid).sum() == count
    np.testing.assert_array_equal(TO_TOLD(UNITS(state), jnp.asarray([-0.5, 0.5], dtype))[0], -0.5)


@pytest.mark.parametrize(
    "y",
    [
        [3.0, 1.0, 4.0, 1.5, 9.0, 2.6],
        [5.0, 5.0, 5.0, 5.0, 5.0, 6.0],  # the better half is one plateau
        [2.0, 2.0, 2.0, 2.0, 2.0, 2.0],
        [0.0, 1e4, -1e-3, 2e4, 2.0, 1.0],
    ],
)
def test_units_go_there_and_back(y):
    status = [OK] * 6 + [FAILED, PENDING, EMPTY]
    with jax.enable_x64(True):
        state = table([*y, *[np.nan] * 3], status)
        scale, data = UNITS(state), DATASET(state)
        told = jnp.asarray(y)
        np.testing.assert_allclose(TO_MODEL(scale, told), data.y[:6], atol=1e-12)
        if len(set(y)) > 1:
            np.testing.assert_allclose(TO_TOLD(scale, data.y[:6]), told, rtol=1e-9, atol=1e-9)
        best = min(y)
        slope = (TO_TOLD(scale, TO_MODEL(scale, jnp.asarray([best - 1.0])) + 0.01) - (best - 1.0))[0] / 0.01
        np.testing.assert_allclose(slope, data.y_scale, rtol=1e-6)


def test_units_keep_the_order_of_what_was_not_told():
    with jax.enable_x64(True):
        scale = UNITS(table([3.0, 1.0, 4.0, 1.5, 9.0, 2.6], [OK] * 6))
        values = jnp.linspace(-20, 200, 301)
        seen = TO_MODEL(scale, values)
        assert (np.diff(seen) > 0).all()
        np.testing.assert_allclose(TO_TOLD(scale, seen), values, rtol=1e-9)
        assert np.isfinite(TO_TOLD(scale, jnp.asarray([1e6]))).all(), "a wild prediction does not overflow"


@pytest.mark.thorough
def test_a_known_noise_is_scaled_as_its_value_is(x64):
    """By the slope of the way from told values to the surrogate's: a worse value is compressed, and so is its noise."""
    rng = np.random.default_rng(3)
    y = np.r_[rng.normal(size=9) * 5 + 100, 1e6, 7.0, 0.0]
    noise = np.r_[rng.random(9), 1.0, 0.5, 0.5]
    status = np.array([OK] * 10 + [FAILED, EMPTY])
    state = Trials.from_arrays(
        jnp.asarray(rng.random((12, 2))),
        jnp.asarray(np.where(status == OK, y, 0)),
        jnp.asarray(status, jnp.int32),
        noise=jnp.asarray(noise),
    )
    scale, step = _transform.units(state), 1e-3
    ok = jnp.asarray(y[:9])
    slope = (np.asarray(scale.to_model(ok + step)) - np.asarray(scale.to_model(ok - step))) / (2 * step)
    for made in (DATASET(state), WITH_FAILURES(state)):
        ratio = np.sqrt(np.asarray(made.noise_variance)[:9]) / noise[:9] * float(made.y_scale)
        np.testing.assert_allclose(ratio, slope * float(DATASET(state).y_scale), rtol=1e-4)
        assert made.noise_variance[10] == made.noise_variance[11] == 0 and made.noise_variance[9] < 1e-12
    assert ratio.max() == pytest.approx(1) and ratio.min() < 0.9
    huge = DATASET(state._replace(noise=jnp.full((12, 1), 1e300)))
    assert np.isfinite(np.asarray(huge.noise_variance)).all()
    assert DATASET(state._replace(noise=None)).noise_variance is None
