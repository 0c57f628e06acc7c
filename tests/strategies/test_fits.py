"""When a model is fitted again and where a fit begins: against lists counted by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jbo.strategies.fits import Schedule, Start, fit_on_schedule
from jbo.types import EMPTY, FAILED, OK, PENDING

SHORT = Schedule(first=8, least_of_start=8, chain=3)
FITTED = [*range(9), 8, 10, 10, 12, 12, 14, 14, *[16] * 4, *[20] * 4, *[24] * 4, *[28] * 4, *[32] * 8, *[40] * 8, 48]
"""By the number of results: those of the latest fit. Every second one from 8 on, every fourth one from 16 on."""
BEFORE = {8: 6, 10: 8, 12: 0, 14: 12, 16: 12, 20: 16, 24: 0, 28: 24, 32: 24, 40: 32, 48: 0}
"""By the results of a fit: those of the fit at which it begins; every third one begins anew, and all below 8."""
NUM = 64


def statuses(count, kind=OK):
    """A table of so many results, with pending trials among them and empty rows at the end."""
    status = np.full(NUM, EMPTY, np.int32)
    rows = np.sort(np.random.default_rng(count).choice(60, count, replace=False))
    status[:60] = PENDING
    status[rows] = kind
    return status, rows


@pytest.mark.parametrize("kind", [OK, FAILED])
def test_rows_are_those_of_a_list_counted_by_hand(kind):
    for count, expected in enumerate(FITTED):
        status, rows = statuses(count, kind)
        found, before = SHORT.rows(status), SHORT.rows_before(status)
        assert type(found) is type(before) is np.ndarray
        assert np.flatnonzero(found).tolist() == rows[:expected].tolist()
        assert np.flatnonzero(before).tolist() == rows[: BEFORE.get(expected, 0)].tolist(), count


def test_traced_rows_are_those_of_numpy():
    traced = jax.jit(jax.vmap(lambda status: (SHORT.rows(status), SHORT.rows_before(status))))
    table = np.array([statuses(count)[0] for count in range(49)])
    for found, of in zip(traced(table), (SHORT.rows, SHORT.rows_before), strict=True):
        np.testing.assert_array_equal(found, [of(status) for status in table])


def test_without_a_first_every_fit_has_all_results():
    schedule = Schedule(first=None, least_of_start=4, chain=2)
    status = statuses(33)[0]
    assert schedule.rows(status).sum() == 33 and schedule.rows_before(status).sum() == 32
    assert not schedule.rows_before(statuses(32)[0]).any() and not schedule.rows_before(statuses(3)[0]).any()


def test_a_fit_is_made_from_those_of_its_chain():
    """Parameters are the numbers of the rows of all fits since one began anew, as digits; flags say which were near."""

    def fit(rows, params, is_near):
        history, flags = params
        return (100 * history[None] + jnp.sum(rows), 10 * flags[None] + 1 + is_near), jnp.sum(rows)

    anew = jnp.asarray(0), jnp.asarray(0)
    run = jax.jit(lambda status, start: fit_on_schedule(SHORT, fit, anew, status, start))
    unknown, given = (Start(jnp.asarray(known), (jnp.asarray(77), jnp.asarray(9))) for known in (False, True))
    for count, history, flags in ((7, 7, 1), (8, 608, 12), (11, 60810, 122), (12, 12, 1), (23, 121620, 122)):
        status = statuses(count)[0]
        for start in (None, unknown):
            (found, near), last = run(status, start)
            assert found.tolist() == [history] and near.tolist() == [flags] and last == FITTED[count]
        (found, near), _ = run(status, given)
        assert found.tolist() == [7700 + FITTED[count]] and near.tolist() == [92], "the fit before is given"
    small = jax.jit(lambda status: fit_on_schedule(SHORT, fit, anew, status, given))(statuses(8)[0][:8])
    assert small[0][1].tolist() == [1], "all of a small capacity begin anew"
