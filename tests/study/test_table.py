import numpy as np
import pytest

from jbo.outcomes import unnamed
from jbo.study import Trial
from jbo.study.table import Table, capacity_for, empty_rows
from jbo.types import EMPTY, FAILED, OK, PENDING, Layout


def test_capacity():
    sizes = [capacity_for(n) for n in range(600)]
    assert sorted(set(sizes)) == [64, 96, 128, 192, 256, 384, 512, 768]
    assert all(size >= n for n, size in enumerate(sizes))
    assert all(capacity_for(size) == size for size in sizes)


def trial(number, status="pending", value=None, failure=None):
    config = {"x": number / 10, "n": 1 + number, "c": "b"}
    return Trial(number, config, status, value, 0.0, None, failure, "id")


@pytest.mark.parametrize(("maximize", "sign"), [(False, 1), (True, -1)])
def test_state(space, maximize, sign):
    trials = [trial(0, "ok", 2.5), trial(1), trial(2, "failed", failure="why"), trial(3, "ok", -1.5)]
    table = Table.of(trials, space, unnamed(maximize))
    state = table.rows()
    assert state.x.shape == (64, 4) and state.x.dtype == state.y.dtype == np.float64 and state.status.dtype == np.int32
    np.testing.assert_array_equal(state.x[:4], [space.encode(t.config) for t in trials])
    assert state.y.shape == (64, 1) and state.layout == Layout() and state.noise is None
    np.testing.assert_array_equal(state.y[:4, 0], [sign * 2.5, 0, 0, sign * -1.5])
    np.testing.assert_array_equal(state.is_known[:, 0], [True, False, False, True] + [False] * 60)
    np.testing.assert_array_equal(state.trial, [0, 1, 2, 3] + [-1] * 60)
    np.testing.assert_array_equal(state.status, [OK, PENDING, FAILED, OK] + [EMPTY] * 60)
    assert (state.x[4:] == 0.5).all() and not state.y[4:].any()
    assert table.num_distinct == 4
    more = table.with_trials([*trials, trial(3)], [*table.points, table.points[3]])
    assert more.num_distinct == 4 and len(more.trials) == 5 and len(table.trials) == 4, "a table never changes"


def test_there_is_always_room_for_one_more(space):
    for number in range(0, 100, 3):
        table = Table.of([_numbered(i) for i in range(number)], space, unnamed())
        assert len(table.rows().y) == capacity_for(number + 1) > number


def test_columns_for_cost_and_noise_are_there_if_they_are_asked_for():
    rows = empty_rows(4, 2, Layout())
    assert rows.x.shape == (4, 2) and rows.y.shape == rows.is_known.shape == (4, 1) and rows.noise is None
    rows = empty_rows(4, 2, Layout(num_limits=2, has_cost=True))
    assert rows.y.shape == rows.is_known.shape == (4, 4) and rows.noise is None
    assert empty_rows(4, 2, Layout(num_limits=2), has_noise=True).noise.shape == (4, 3)


def _numbered(number):
    return Trial(number, {"x": 0.0, "n": 1, "c": "b"}, "ok", 1.0, 0.0, 0.0, None, "id")
