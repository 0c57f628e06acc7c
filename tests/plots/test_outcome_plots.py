"""Pictures of several objectives and of limits: what is drawn is what was measured."""

import inspect

import numpy as np
import plotly.graph_objects
import pytest
from matplotlib import pyplot
from matplotlib.colors import to_hex

import jbo
from jbo import plots
from jbo.plots import interactive
from jbo.plots.style import ORANGE, VERMILION, needs_log, shown_part
from tests.study.measured import VOLUMES, made


@pytest.fixture(scope="module")
def measured():
    with made() as study:
        yield study


@pytest.fixture(scope="module")
def three():
    problem = jbo.functions.dtlz2(3, 3)
    with jbo.Study(problem.space, outcomes=problem.outcomes, seed=0) as study:
        for x in np.random.default_rng(0).uniform(size=(12, 3)):
            config = problem.space.decode(x)
            study.tell(config, {name: float(value) for name, value in problem(config).items()})
        yield study


def drawn(ax):
    return {line.get_label(): [*zip(*line.get_data(), strict=True)] for line in ax.lines}


def test_the_front_of_two_objectives(measured):
    ax = plots.pareto(measured, recommended=measured.trials[:1])
    found = drawn(ax)
    assert found["front"] == [(4, 5), (2, 3), (6, 8)]
    assert found["trial"] == [(4, 2)]
    assert found["infeasible"] == [(1, 9), (1, 9), (3, 1), (1, 1)]
    assert found["recommended"] == [(4, 5)]
    edge = next(
        line for line in ax.lines if to_hex(line.get_color()) == VERMILION.lower() and len(line.get_xdata()) > 5
    )
    assert [*zip(*edge.get_data(), strict=True)] == [(2, 0), (2, 3), (4, 3), (4, 5), (6, 5), (6, 8), (10, 8)]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("loss", "score")
    assert ax.get_xlim()[0] < 1 and ax.get_xlim()[1] > 10


def test_each_pair_of_three_objectives_has_a_panel(three):
    axes = plots.pareto(three)
    assert [(ax.get_xlabel(), ax.get_ylabel()) for ax in axes] == [("f1", "f2"), ("f1", "f3"), ("f2", "f3")]
    number = len(three.pareto)
    assert 1 < number < 12
    assert all(len(drawn(ax)["front"]) == number for ax in axes)
    assert all(len(drawn(ax)) == 2 for ax in axes), "a front in three dimensions has no edge in two"
    given = pyplot.subplots(1, 3)[1]
    assert [*plots.pareto(three, ax=given)] == [*given]
    with pytest.raises(ValueError, match="ax: expected 3 axes, one for each pair of objectives, got 1"):
        plots.pareto(three, ax=pyplot.subplots()[1])


def test_trials_that_are_far_worse_are_left_out_and_counted(measured):
    with made() as study:
        study.tell({"x": 0.91}, {"loss": 1e6, "score": 4.0, "memory": 1.0, "speed": 2.0})
        ax = plots.pareto(study)
        assert ax.get_xlim()[1] < 20
        assert [text.get_text() for text in ax.texts] == ["1 beyond the picture"]
        range_of_x = interactive.pareto(study).layout["xaxis"]["range"]
        assert range_of_x[1] < 20


def test_the_part_of_an_axis_that_is_shown():
    values = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 100])
    front = np.array([1.0, 2.0])
    assert shown_part(values, front, 2.1, False) == (1.0, 9.0)
    assert shown_part(-values, -front, -2.1, True) == (-9.0, -1.0)
    assert shown_part(values, front, 60.0, False) == (1.0, 100.0), "half of the axis is no gain"
    assert shown_part(values, front, 15.0, False) == (1.0, 15.0)
    assert shown_part(np.array([3.0]), np.array([3.0]), 3.3, False) == (3.0, 3.3)
    assert needs_log((1e-3, 1.0), np.array([1e-3, 1e-2, 1.0]))
    assert not needs_log((1e-3, 1.0), np.array([0.0, 1e-3, 1.0]))
    assert not needs_log((1e-9, 1.0), np.array([1e-9, *[0.5] * 19])), "one value makes no decade"


def test_the_hypervolume_is_a_step_after_each_trial_that_moves_the_front(measured):
    ax = plots.hypervolume(measured)
    steps, marks = ax.lines
    np.testing.assert_allclose(steps.get_ydata(), VOLUMES)
    assert steps.get_drawstyle() == "steps-post" and marks.get_xdata().tolist() == [0, 1, 7]
    assert ax.get_title(loc="right") == "up to loss 10, score 0"
    trace = interactive.hypervolume(measured).data[0]
    np.testing.assert_allclose(trace["y"], VOLUMES)
    assert trace["text"][3].count("Trial 3 is infeasible: memory is 9.2") == 1


def test_limits_have_a_bar_each(measured):
    ax = plots.limits(measured)
    bars = {(to_hex(bar.get_facecolor()).upper(), round(bar.get_y() + 0.4)): bar.get_width() for bar in ax.patches}
    assert bars == {(ORANGE, 1): 2, (ORANGE, 0): 2, (VERMILION, 1): 1, (VERMILION, 0): 1}
    assert [label.get_text() for label in ax.get_yticklabels()] == ["memory ≤ 8", "speed ≥ 1"]
    assert [text.get_text() for text in ax.texts] == ["binds: 7.9", "does not bind: 2"]
    both, alone = interactive.limits(measured).data
    assert both["y"] == ["speed ≥ 1", "memory ≤ 8"] and both["x"] == [2, 2] and alone["x"] == [1, 1]


def test_charts_answer_with_what_was_measured(measured, three):
    figure = interactive.pareto(measured)
    assert plotly.graph_objects.Figure(figure.data, figure.layout) is not None
    traces = {trace["name"]: trace for trace in figure.data}
    assert (traces["front"]["x"], traces["front"]["y"]) == ([4, 2, 6], [5, 3, 8])
    assert traces["edge of what they dominate"]["x"] == [2, 2, 4, 4, 6, 6, 10]
    assert "Trial 8 may be infeasible: it has no value of memory." in traces["infeasible"]["text"][3]
    assert traces["trial"]["text"][0].startswith("<b>trial 2</b><br><b>loss: 4</b>")
    pair = interactive.pareto(three, ("f3", "f1"))
    assert pair.layout["xaxis"]["title"]["text"] == "f3" and {t["name"] for t in pair.data} == {"trial", "front"}
    with pytest.raises(ValueError, match="names: expected two of f1, f2, f3, got 'f4'"):
        interactive.pareto(three, ("f1", "f4"))
    assert interactive.timeline(measured).data[0]["hovertext"][0].startswith("<b>trial 0: ok</b><br>loss: 4")


SEVERAL = {"pareto", "hypervolume", "limits", "timeline"}
INSTEAD = {"trajectory": "hypervolume", "parallel_coordinates": "pareto"}


@pytest.mark.parametrize("module", [plots, interactive], ids=["plots", "interactive"])
def test_a_picture_of_one_objective_says_what_to_call(measured, module):
    public = {
        name: thing
        for name, thing in vars(module).items()
        if inspect.isfunction(thing)
        and not name.startswith("_")
        and thing.__module__.startswith("jbo.plots.")
        and {"study", "curves"} & inspect.signature(thing).parameters.keys()
    }
    assert len(public) == len(SEVERAL) + {plots: 10, interactive: 7}[module]
    with made() as study:
        study.enqueue({"x": 0.85})  # so that no model is asked
        trial = study.ask()
        study.report(trial, 0, 1.0, name="loss")
        study.tell(trial, stopped=True)
        for name, picture in public.items():
            options = {"name": "x"} if "name" in inspect.signature(picture).parameters else {}
            if name in SEVERAL:
                assert picture(study, **options) is not None
                continue
            with pytest.raises(ValueError, match="study: expected one objective, got several") as error:
                picture(study, **options)
            said = str(error.value)
            assert "['loss', 'score']; study.of_objective('loss') is the study of one of them" in said
            instead = f"; {module.__name__}.{INSTEAD[name]} shows all of them" if name in INSTEAD else "one of them"
            assert said.endswith(instead)
    if module is plots:
        for both in ([measured, measured], {"a": [measured]}):
            with pytest.raises(ValueError, match=r"study.of_objective\('loss'\)"):
                plots.trajectory(both)


def test_the_pictures_of_one_of_the_objectives(measured):
    score = measured.of_objective("score")
    found = drawn(plots.trajectory(score))
    assert found["trial"][:3] == [(0, 5), (1, 3), (2, 2)]
    assert [best for _, best in found["best so far"]][-1] == 8
    colours = plots.parallel_coordinates(score)
    assert [label.get_text() for label in colours.get_xticklabels()] == [*measured.space, "objective"]


def test_one_objective_and_no_limit_have_no_such_picture(study):
    for module in (plots, interactive):
        with pytest.raises(ValueError, match="expected several objectives, got one"):
            module.pareto(study)
        with pytest.raises(ValueError, match="expected limits, such as jbo.AtMost"):
            module.limits(study)
