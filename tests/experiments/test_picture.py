"""What is drawn: each trial where it belongs, the best so far, the failed ones, axes that say what they show."""

import numpy as np

import jbo
from experiments.picture import trajectory_figure
from jbo.outcomes import unnamed
from jbo.study import Snapshot


def _trial(number, value, status="ok"):
    return jbo.Trial(number, {}, status, value, 0.0, 1.0, None, study_id="made")


TRIALS = [
    _trial(0, 3.0), _trial(1, None, "failed"), _trial(2, 4.0), _trial(3, 1.0), _trial(4, None, "pending"),
    _trial(5, 2.0),
]  # fmt: skip


SPACE = jbo.Space(x=jbo.Real(0, 1))


def _study(trials):
    return Snapshot("", SPACE, unnamed(), 0, 0.0, trials, {}, 0, jbo.random_search(SPACE))


def _lines(figure):
    return {line.get_label(): line for line in figure.axes[0].lines}


def test_values_and_best_so_far_are_drawn_and_pending_trials_are_not():
    lines = _lines(trajectory_figure(_study(TRIALS), TRIALS[3], "loss (nats)"))
    assert list(lines["trial"].get_xdata()) == [0, 1, 2, 3, 5]
    np.testing.assert_array_equal(lines["trial"].get_ydata(), [3, np.nan, 4, 1, 2])
    np.testing.assert_array_equal(lines["best so far"].get_ydata(), [3, 3, 3, 1, 1])
    assert lines["best so far"].get_drawstyle() == "steps-post"
    assert list(lines["failed"].get_xdata()) == [1]


def test_axes_are_labelled_the_recommended_trial_circled_and_the_scale_fits():
    axes = trajectory_figure(_study(TRIALS), TRIALS[3], "loss (nats)").axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("trial", "loss (nats)", "log")
    ring = axes.collections[0]
    assert ring.get_label() == "recommended" and ring.get_offsets().tolist() == [[3, 1]]
    below_zero = trajectory_figure(_study([_trial(0, -1.0)]), _trial(0, -1.0), "loss").axes[0]
    assert below_zero.get_yscale() == "linear"


def test_the_first_trials_may_have_failed():
    trials = [_trial(0, None, "failed"), _trial(1, 5.0)]
    lines = _lines(trajectory_figure(_study(trials), trials[1], "loss"))
    np.testing.assert_array_equal(lines["best so far"].get_ydata(), [np.nan, 5])
