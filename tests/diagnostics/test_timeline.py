"""Lanes of trials that overlap, by hand."""

import jbo
from jbo.diagnostics import spans


def trial(number, start, end):
    return jbo.Trial(number, {}, "pending" if end is None else "ok", None if end is None else 0.0, start, end, None, "")


def test_each_trial_is_in_the_first_lane_that_is_free():
    trials = [
        trial(0, 100.0, 110.0),
        trial(1, 101.0, 104.0),
        trial(2, 104.0, 105.0),
        trial(3, 104.5, None),
        trial(4, 110.0, 112.0),
    ]
    found = spans(trials[::-1])
    assert [(s.trial.number, s.start, s.end, s.lane) for s in found] == [
        (0, 0.0, 10.0, 0), (1, 1.0, 4.0, 1), (2, 4.0, 5.0, 1), (3, 4.5, 12.0, 2), (4, 10.0, 12.0, 0),
    ]  # fmt: skip
    assert spans([]) == []
