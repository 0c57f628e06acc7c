"""Charts that answer the pointer: what they show is what the study holds and the model believes."""

import json

import numpy as np
import plotly.graph_objects
import pytest

import jbo
from jbo.diagnostics import Health, Importance, Interval, Quality, dependence
from jbo.plots import interactive

QUALITY = Quality(0.5, 0.0, {0.95: 1.0}, 1.0, np.zeros(2))


def as_page(figure):
    """The figure as it stands in the attribute of its element, which plotly takes too."""
    assert plotly.graph_objects.Figure(figure.data, figure.layout) is not None
    return json.loads(json.dumps(vars(figure), allow_nan=False))


def test_stopped_trials_are_where_they_stopped():
    space = jbo.Space(x=jbo.Real(0, 1))
    with jbo.Study(space, strategy=jbo.random_search(space), seed=0) as study:
        study.tell({"x": 0.5}, 1.0)
        trial = study.ask()
        study.report(trial, 0, 3.0)
        study.tell(trial, stopped=True)
        traces = {trace["name"]: trace for trace in interactive.trajectory(study, label="loss").data}
        assert (traces["stopped"]["x"], traces["stopped"]["y"]) == ([1], [3.0])
        assert [trace["name"] for trace in interactive.timeline(study).data] == ["ok", "stopped"]
        (curve,) = interactive.learning_curves(study, step="epoch").data
        assert (curve["x"], curve["y"], curve["name"]) == ([0], [3.0], "trial 1")
        assert interactive.learning_curves(study, step="epoch").layout["xaxis"]["title"]["text"] == "epoch"


def test_a_map_holds_the_average_over_the_other_parameters(view):
    figure = interactive.partial_dependence(view, ("rate", "cost $"), label="score")
    (trace,) = as_page(figure)["data"]
    assert (trace["x"][0], trace["x"][-1], len(trace["x"]), trace["y"]) == (1e-4, 1.0, 24, [1, 2, 3, 4])
    mesh = np.array([[i / 23, (k + 0.5) / 4] for k in range(4) for i in range(24)])
    np.testing.assert_allclose(np.ravel(trace["z"]), dependence(view, ("rate", "cost $"), mesh).middle, rtol=1e-12)
    assert (trace["zmin"], trace["zmax"]) == (np.min(trace["z"]), np.max(trace["z"]))
    assert figure.layout["xaxis"]["type"] == "log" and figure.layout["xaxis"]["title"]["text"] == "rate"
    assert trace["name"] == "score, average"


def test_a_map_is_empty_where_two_do_not_exist_together(view):
    (trace,) = as_page(interactive.partial_dependence(view, ("kind", "tail")))["data"]
    z = np.array(trace["z"], float)
    assert z.shape == (24, 3) and np.isfinite(z[:, 0]).all() and np.isnan(z[:, 1:]).all()
    assert interactive.partial_dependence(view, ("kind", "tail")).layout["xaxis"]["ticktext"] == ["a", "b", "c"]


def test_one_parameter_has_a_band(view):
    low, high, median = interactive.partial_dependence(view, "rate").data
    found = dependence(view, "rate", np.linspace(0, 1, 128))
    for trace, expected in ((low, found.low), (high, found.high), (median, found.middle)):
        np.testing.assert_allclose(trace["y"], expected, rtol=1e-12)


def test_importance_is_sorted():
    found = Importance({"a": 0.1, "<b>": 0.5}, {("a", "<b>"): 0.4}, {"a": 0.5, "<b>": 0.9}, {})
    total, alone = as_page(interactive.importance(found))["data"]
    assert total["y"] == alone["y"] == ["a", "&lt;b&gt;"] and (total["x"], alone["x"]) == ([0.5, 0.9], [0.1, 0.5])


def test_intervals_longer_than_the_largest_float_end_there():
    values = np.array([1.7e308, -1.7e308])
    found = Interval(values, np.full(2, -1.7e308), np.full(2, 1.7e308))
    health = Health("10 folds", np.arange(2), values, found, QUALITY, QUALITY, None, {}, 0.0, [])
    errors = as_page(interactive.predicted_against_observed(health))["data"][1]["error_y"]
    largest = float(np.finfo(np.float64).max)
    assert (errors["array"], errors["arrayminus"]) == ([0.0, largest], [largest, 0.0])


def test_what_cannot_be_drawn(view):
    empty = jbo.Study(jbo.Space(x=jbo.Real(0, 1)), seed=0)
    with pytest.raises(ValueError, match="study: expected at least one trial that ended, got none"):
        interactive.trajectory(empty)
    with pytest.raises(ValueError, match="study: expected at least one trial, got none"):
        interactive.timeline(empty)
    with pytest.raises(ValueError, match="study: expected at least one trial that reported values, got none"):
        interactive.learning_curves(empty)
    with pytest.raises(ValueError, match="name: expected one of rate, .*, got 'speed'"):
        interactive.partial_dependence(view, ("rate", "speed"))
    with pytest.raises(ValueError, match="name: expected one parameter or two, got .'rate', 'rate'."):
        interactive.partial_dependence(view, ("rate", "rate"))
    with pytest.raises(ValueError, match="name: expected a parameter of the best trial, rate, .*, got 'tail'"):
        interactive.slice_around_best(view, "tail")


def test_a_figure_shows_itself_and_shares_no_name_with_others(study):
    figure = interactive.trajectory(study, label="</script>'><b>")
    shown = figure._repr_html_()
    assert repr(figure) == "<Figure: trial, best so far, failed>"
    element, script = shown.split("<noscript>")
    assert " id=" not in element and ".id =" not in script and 'setAttribute("id"' not in script
    assert shown.count("</script>") == 1 and element.count("'") == 2 and element.count("<") == 2
    assert "http" not in script.replace("http://www.w3.org/2000/svg", ""), "no network"
    assert len(script) < 40_000
