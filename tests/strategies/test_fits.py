"""When a model is fitted again and where a fit begins: against lists counted by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jbo.strategies.fits import Schedule, WarmStart, fit_on_schedule
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
        found, before = SHORT.rows_of_fit(status), SHORT.rows_of_warm_start(status)
        assert type(found) is type(before) is np.ndarray
        assert np.flatnonzero(found).tolist() == rows[:expected].tolist()
        assert np.flatnonzero(before).tolist() == rows[: BEFORE.get(expected, 0)].tolist(), count


def test_traced_rows_are_those_of_numpy():
    traced = jax.jit(jax.vmap(lambda status: (SHORT.rows_of_fit(status), SHORT.rows_of_warm_start(status))))
    table = np.array([statuses(count)[0] for count in range(49)])
    for found, of in zip(traced(table), (SHORT.rows_of_fit, SHORT.rows_of_warm_start), strict=True):
        np.testing.assert_array_equal(found, [of(status) for status in table])


def test_without_a_first_every_fit_has_all_results():
    schedule = Schedule(first=None, least_of_start=4, chain=2)
    status = statuses(33)[0]
    assert schedule.rows_of_fit(status).sum() == 33 and schedule.rows_of_warm_start(status).sum() == 32
    assert (
        not schedule.rows_of_warm_start(statuses(32)[0]).any() and not schedule.rows_of_warm_start(statuses(3)[0]).any()
    )


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"chain": 0}, "chain: expected at least 1, got 0"),
        *(({"first": n}, "number of at least 2 that is a multiple of 8, or 2 more than one, got") for n in (0, 4, 33)),
        ({"least_of_start": 3}, "least_of_start: expected at least 4, got 3"),
    ],
)
def test_a_schedule_that_depends_on_kept_fits_is_refused(numbers, words):
    with pytest.raises(ValueError, match=words):
        Schedule(**{"first": 8, "least_of_start": 8, "chain": 4} | numbers)
    assert Schedule(first=10, least_of_start=8).lag(np.asarray(10)) == 2, "10 is 2 more than 8"


def test_a_fit_is_made_from_those_of_its_chain():
    """Parameters are the numbers of the rows of all fits since one began anew, as digits; flags say which were near."""

    def fit(rows, params, is_near):
        history, flags = params
        return (100 * history[None] + jnp.sum(rows), 10 * flags[None] + 1 + is_near), jnp.sum(rows)

    anew = jnp.asarray(0), jnp.asarray(0)
    run = jax.jit(lambda status, start: fit_on_schedule(SHORT, fit, anew, status, start))
    unknown, given = (WarmStart(jnp.asarray(known), (jnp.asarray(77), jnp.asarray(9))) for known in (False, True))
    for count, history, flags in ((7, 7, 1), (8, 608, 12), (11, 60810, 122), (12, 12, 1), (23, 121620, 122)):
        status = statuses(count)[0]
        for start in (None, unknown):
            (found, near), last = run(status, start)
            assert found.tolist() == [history] and near.tolist() == [flags] and last == FITTED[count]
        (found, near), _ = run(status, given)
        assert found.tolist() == [7700 + FITTED[count]] and near.tolist() == [92], "the fit before is given"
    small = jax.jit(lambda status: fit_on_schedule(SHORT, fit, anew, status, given))(statuses(8)[0][:8])
    assert small[0][1].tolist() == [1], "all of a small capacity begin anew"
