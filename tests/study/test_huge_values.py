"""Values of any size: the order of the trials decides, never an overflow or a number that is too small for XLA."""

import io
import math
import re

import numpy as np
import pytest
from rich.console import Console

import jbo
from jbo.numerics import midpoint
from jbo.outcomes import unnamed
from jbo.study import MedianPruner, Trial
from jbo.study.table import Table

SPACE = jbo.Space(x=jbo.Real(0.0, 1.0))
PLACES = [0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95]
VALLEY = [6.0, 3.0, 1.0, 0.0, 1.5, 3.5, 7.0]
"""The best one is the fourth, number 3."""


def study_of(values, maximize=False, path=None):
    study = jbo.Study(SPACE, strategy=jbo.bayesian(SPACE, num_initial=3), seed=2, maximize=maximize, path=path)
    for x, value in zip(PLACES, values, strict=True):
        study.tell({"x": x}, value)
    return study


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize(
    "values",
    [
        [1e155 * (v + 1) for v in VALLEY],
        [1e200, *VALLEY[1:]],  # one outlier
        [1.7e308, *VALLEY[1:6], 1.7e308],
        [1.7e308, 0.8e308, 0.0, -1.7e308, 0.5e308, 1e308, 1.6e308],  # differences that overflow
        [1e-300 * (v + 1) for v in VALLEY],
        [5e-324 * (2 * v + 1) for v in VALLEY],  # subnormal numbers
        [1.0, 1e-310, 5e-311, 5e-324, 6e-311, 1.0, 3.0],  # these beside others
        [3.0, 1e-9, 1e-9, 0.0, 1e-9, 1e200, 2.0],
        [1e9 + 2e-6, 1e9 + 1e-6, 1e9 + 1e-6, 1e9, 1e9 + 1e-6, 1e9 + 1e-6, 1e9 + 2e-6],  # equal but for their rounding
    ],
)
def test_the_best_of_huge_and_tiny_values_is_recommended(values, maximize):
    study = study_of([-v for v in values] if maximize else values, maximize)
    assert study.best.number == 3
    assert study.recommended.number == 3


def test_a_power_of_two_times_all_values_changes_no_suggestion():
    plain = study_of(VALLEY)
    expected, recommended = plain.ask().config, plain.recommended.number
    for exponent in (1000, -1000, -1060):
        scaled = study_of([math.ldexp(v, exponent) for v in VALLEY])
        assert scaled.ask().config == expected
        assert scaled.recommended.number == recommended


def test_the_median_of_two_huge_values_is_between_them():
    def trial(number, status, value):
        return Trial(number, {}, status, value, 0.0, None, None, "", {1: value})

    assert midpoint(1.6e308, 1.7e308) == pytest.approx(1.65e308)
    others = [trial(i, "ok", v) for i, v in enumerate((1.0, 1.5e308, 1.6e308, 1.7e308))]
    assert MedianPruner(min_trials=4)(trial(4, "pending", 1.7e308), others, False), "worse than the median 1.55e308"
    assert not MedianPruner(min_trials=4)(trial(4, "pending", 1.5e308), others, False)


def test_a_stopped_trial_counts_between_huge_values():
    trials = [
        Trial(i, {"x": x}, "ok", v, 0.0, 1.0, None, "") for i, (x, v) in enumerate([(0.1, 1.6e308), (0.2, 1.7e308)])
    ]
    trials.append(Trial(2, {"x": 0.3}, "stopped", None, 0.0, 1.0, None, "", {1: 1.0}))
    np.testing.assert_allclose(Table.of(trials, SPACE, unnamed()).rows().y[:3, 0], [1.6e308, 1.7e308, 1.65e308])


def test_pictures_of_huge_values_have_finite_axes(tmp_path):
    from jbo.numerics import shares, widened
    from jbo.report import screen

    low, high = widened(-1.7e308, 1.7e308, 0.25)
    assert math.isfinite(low) and math.isfinite(high) and low < -1.7e308 and high > 1.7e308
    assert shares([-1.7e308, 0.0, 1.7e308]).tolist() == [0.0, 0.5, 1.0]
    assert shares([5e-324, 1.5e-323, 1e-323]).tolist() == [0.0, 1.0, 0.5]
    study_of([1.7e308, 1e308, 0.0, -1.7e308, 1.0, 2.0, 3.0], path=tmp_path / "study.db").close()
    console = Console(file=io.StringIO(), width=120, record=True)
    console.print(screen(jbo.study.read_study(tmp_path / "study.db"), 0.0))
    (bars,) = re.findall("[▁▂▃▄▅▆▇█]+", console.export_text())
    assert bars[0] == "▁" and bars[-1] == "█"


def test_regret_beyond_the_largest_float_is_that_float():
    from jbo.diagnostics import simple_regret

    assert simple_regret([math.nan, 1.7e308, -1.7e308], -1.7e308)[1:].tolist() == [np.finfo(np.float64).max, 0.0]
    assert simple_regret([-1.7e308, 1.6e308], 1.6e308, maximize=True).tolist() == [np.finfo(np.float64).max, 0.0]
