"""What is drawn of a search: each trial where it belongs, in the user's sign, on the scales of the space."""

import dataclasses

import numpy as np
import pytest
from matplotlib import colormaps, pyplot
from matplotlib.colors import to_hex

import jbo
from jbo import plots
from jbo.plots.style import GREY, MAP


def lines(ax):
    return {line.get_label(): line for line in ax.lines}


def test_a_trajectory_has_every_trial_the_best_so_far_and_the_failures(study):
    finished = [trial for trial in study.trials if trial.status != "pending"]
    ax = plots.trajectory(study, label="accuracy ($)")
    drawn = lines(ax)
    values = [np.nan if trial.value is None else trial.value for trial in finished]
    np.testing.assert_array_equal(drawn["trial"].get_xdata(), np.arange(30))
    np.testing.assert_array_equal(drawn["trial"].get_ydata(), values)
    np.testing.assert_array_equal(drawn["best so far"].get_ydata(), np.fmax.accumulate(values))
    assert drawn["best so far"].get_drawstyle() == "steps-post"
    np.testing.assert_array_equal(drawn["failed"].get_xdata(), [t.number for t in finished if t.status == "failed"])
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("trial", r"accuracy (\$)", "linear")


def test_axes_that_are_given_are_drawn_on_and_given_back(study):
    ax = pyplot.subplots()[1]
    assert plots.trajectory(study, ax=ax) is ax and pyplot.get_fignums() == [1]


def test_regret_is_the_distance_to_the_optimum(study):
    ax = plots.trajectory(study, optimum=10.5)
    best = study.trajectory[1]
    np.testing.assert_allclose(lines(ax)["best so far"].get_ydata(), 10.5 - best[:30])
    assert ax.get_yscale() == "log" and ax.get_ylabel() == "objective: distance to 10.5"


def test_several_studies_have_a_median_and_a_band():
    def made(values):
        study = jbo.Study(jbo.Space(x=jbo.Real(0, 1)), seed=0)
        for i, value in enumerate(values):
            study.tell({"x": i / 10}, value)
        return study

    groups = {"first": [made([5.0, 3, 4, 1]), made([2.0, 6, 6]), made([9.0, 9, 1])], "second": [made([7.0, 8])]}
    ax = plots.trajectory(groups)
    curves = np.array([[5, 3, 3], [2, 2, 2], [9, 9, 1]])
    drawn = lines(ax)
    np.testing.assert_array_equal(drawn["first best so far, median of 3"].get_ydata(), np.median(curves, axis=0))
    np.testing.assert_array_equal(drawn["second best so far, median of 1"].get_ydata(), [7, 7])
    outline = ax.collections[0].get_paths()[0].vertices
    at_first = outline[outline[:, 0] == 0, 1]
    assert (at_first.min(), at_first.max()) == tuple(np.quantile(curves[:, 0], [0.25, 0.75]))
    with pytest.raises(ValueError, match="study: expected at least one study, got none"):
        plots.trajectory([])
    with pytest.raises(ValueError, match="study: expected at least one trial that ended"):
        plots.trajectory(jbo.Study(jbo.Space(x=jbo.Real(0, 1)), seed=0))


def test_parallel_coordinates_stand_at_their_own_scales(study):
    ax = plots.parallel_coordinates(study, label="score")
    names = [text.get_text() for text in ax.get_xticklabels()]
    assert names == ["rate", r"cost \$", "kind", "tail", "score"]
    best, ways = study.best, [line for line in ax.lines if len(line.get_xdata()) == 5]
    assert len(ways) == 30
    way = ways[-1].get_ydata()  # the best is drawn last, above the others
    np.testing.assert_allclose(way[:3], [study.space[n].to_unit(best.config[n]) for n in ("rate", "cost $", "kind")])
    assert np.isnan(way[3]) == ("tail" not in best.config) and way[4] == 1
    failed = [line for line in ways if line.get_linestyle() == ":"]
    assert len(failed) == sum(t.status == "failed" for t in study.trials)
    assert all(np.isnan(line.get_ydata()[4]) for line in failed)
    texts = {text.get_text() for text in ax.texts}
    assert {"0.0001", "0.01", "1", "a", "b", "c", f"{best.value:.4g}"} <= texts


def test_parallel_coordinates_colour_the_feasible_trials_alone():
    space = jbo.Space(x=jbo.Real(0, 1))
    outcomes = [jbo.Minimize("loss"), jbo.AtMost("size", 1.0)]
    study = jbo.Study(space, strategy=jbo.random_search(space), outcomes=outcomes, seed=0)
    for x, loss, size in ((0.1, 0.0, 2.0), (0.2, 1.0, 0.5), (0.3, 3.0, 0.5)):
        study.tell({"x": x}, {"loss": loss, "size": size})
    ways = [line for line in plots.parallel_coordinates(study).lines if len(line.get_xdata()) == 2][:3]
    drawn = {round(float(line.get_ydata()[0]), 6): to_hex(line.get_color()) for line in ways}
    scale = colormaps[MAP]
    assert drawn == {0.1: to_hex(GREY), 0.2: to_hex(scale(0.95)), 0.3: to_hex(scale(0.0))}


def test_a_timeline_puts_what_runs_at_the_same_time_above_each_other(view):
    times = [(0.0, 10.0, "ok"), (1.0, 4.0, "failed"), (4.5, 9.0, "ok"), (5.0, None, "pending"), (10.0, 12.0, "ok")]
    trials = [
        dataclasses.replace(view.trials[i], number=i, started_at=100 + a, ended_at=b and 100 + b, status=status)
        for i, (a, b, status) in enumerate(times)
    ]
    ax = plots.timeline(dataclasses.replace(view, trials=trials))
    bars = [(bar.get_x(), bar.get_width(), bar.get_y() + 0.4) for bar in ax.patches]
    expected = [(0, 10, 0), (1, 3, 1), (4.5, 4.5, 1), (5, 7, 2), (10, 2, 0)]
    np.testing.assert_allclose(bars, expected)
    colours = [to_hex(bar.get_facecolor()) for bar in ax.patches]
    assert colours[0] == colours[2] == colours[4] != colours[1] and colours[3] == "#ffffff"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["ok", "failed", "pending"]
    with pytest.raises(ValueError, match="study: expected at least one trial, got none"):
        plots.timeline(dataclasses.replace(view, trials=[]))


def test_learning_curves():
    curves = [([1, 2, 3], [0.1, 0.5, 0.8]), ([1, 2], [0.2, 0.9]), ([1], [np.nan])]
    ax = plots.learning_curves(curves, maximize=True, step="epoch")
    drawn = lines(ax)["best at its end (0.9)"]
    np.testing.assert_array_equal(drawn.get_xydata(), [[1, 0.2], [2, 0.9]])
    least = plots.learning_curves(curves)
    assert lines(least)["best at its end (0.8)"].get_ydata()[0] == 0.1 and ax.get_xlabel() == "epoch"
    with pytest.raises(ValueError, match="curves: expected at least one, got none"):
        plots.learning_curves([])
    with pytest.raises(ValueError, match="curves: expected as many steps as values, got 2 and 1 in curve 0"):
        plots.learning_curves([([1, 2], [3.0])])


def test_learning_curves_of_a_study_and_its_stopped_trials():
    space = jbo.Space(x=jbo.Real(0.0, 1.0))
    with jbo.Study(space, strategy=jbo.random_search(space), maximize=True, seed=0) as study:
        study.tell({"x": 0.5}, 0.5)
        for values in ({1: 0.1, 4: 0.7}, {1: 0.2}):
            trial = study.ask()
            for step, value in values.items():
                study.report(trial, step, value)
            study.tell(trial, **({"value": 0.7} if len(values) > 1 else {"stopped": True}))
        ax = plots.learning_curves(study)
        np.testing.assert_array_equal(lines(ax)["best at its end (0.7)"].get_xydata(), [[1, 0.1], [4, 0.7]])
        assert sorted(len(line.get_xdata()) for line in ax.lines) == [1, 1, 2], "the other curve and its dot"
        ax = plots.trajectory(study)
        np.testing.assert_array_equal(lines(ax)["stopped"].get_xydata(), [[2, 0.2]])
        assert "failed" not in lines(ax)
        np.testing.assert_array_equal(lines(ax)["best so far"].get_ydata(), [0.5, 0.7, 0.7])
        assert len(plots.timeline(study).patches) == 3


def test_values_near_the_largest_float_are_drawn_in_a_unit_that_fits():
    space = jbo.Space(x=jbo.Real(0, 1))
    study = jbo.Study(space, strategy=jbo.random_search(space))
    for i, value in enumerate([1.7e308, 1.0, -1.7e308]):
        study.tell({"x": i / 4}, value)
    for study_or_group in (study, [study, study]):
        axes = plots.trajectory(study_or_group)
        axes.figure.canvas.draw()
        assert axes.get_ylabel() == "objective, in units of 1e+300"
        np.testing.assert_allclose(axes.lines[-1].get_ydata(), [1.7e8, 1e-300, -1.7e8])
    axes = plots.trajectory(study, optimum=-1.75e308)
    axes.figure.canvas.draw()
    np.testing.assert_allclose(axes.lines[-1].get_ydata(), [3.45e8, 1.75e8, 0.05e8])
    axes = plots.learning_curves([([1, 2], [1.7e308, -1.7e308]), ([1, 2], [0.0, 1.0])])
    axes.figure.canvas.draw()
    np.testing.assert_allclose(axes.lines[-1].get_ydata(), [1.7e8, -1.7e8])


def test_trials_that_are_all_at_the_optimum_have_a_linear_scale():
    space = jbo.Space(x=jbo.Real(0, 1))
    study = jbo.Study(space, strategy=jbo.random_search(space))
    study.tell({"x": 0.5}, 2.0)
    axes = plots.trajectory(study, optimum=2.0)
    axes.figure.canvas.draw()
    assert axes.get_yscale() == "linear"
    assert axes.lines[0].get_ydata().tolist() == [0.0]
