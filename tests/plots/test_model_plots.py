"""What is drawn of a model: its predictions in the user's units, on the scales of the space, and what comes next."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

import jbo
from jbo import plots
from jbo.diagnostics import Health, Importance, Interval, Quality, dependence, following, health, view_model


def lines(ax):
    return {line.get_label(): line for line in ax.lines}


@pytest.mark.thorough
def test_one_dimension_and_the_next_point(line):
    view = view_model(line)
    ax = plots.posterior(view)
    drawn = lines(ax)
    x, middle = drawn["median"].get_data()
    assert (x[0], x[-1]) == (-1, 2) and ax.get_xlabel() == "x"
    np.testing.assert_allclose(middle, view.interval((x[:, None] + 1) / 3).middle, rtol=1e-12)
    assert abs(x[middle.argmin()] + 0.42) < 0.05, "the user's sign"
    np.testing.assert_array_equal(drawn["trials"].get_ydata(), [trial.value for trial in line.trials])
    band = ax.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() < middle.min() and band[:, 1].max() > middle.max()
    before = line.trials
    below = plots.acquisition(view)
    worth, coming = lines(below)["acquisition value"], lines(below)["next"].get_xdata()[0]
    assert line.trials == before, "nothing is asked"
    assert line.ask().config["x"] == coming == following(view)["x"]
    assert worth.get_ydata().max() == 1 and abs(worth.get_xdata()[worth.get_ydata().argmax()] - coming) < 0.03


def test_two_dimensions(view):
    names = ("rate", "cost $")
    ax = plots.posterior(view, names)
    mesh = ax.collections[0].get_array()
    assert mesh.shape == (4, 48) and ax.get_xscale() == "log" and ax.get_ylabel() == r"cost \$"
    x = np.tile(view.encode([view.recommended.config]), (4, 1))
    x[:, 0], x[:, 1] = np.linspace(0, 1, 48)[30], [0.125, 0.375, 0.625, 0.875]
    np.testing.assert_allclose(mesh[:, 30], view.interval(x).middle, rtol=1e-9)
    assert abs(np.linspace(-4, 0, 48)[mesh.argmax() % 48] + 2) < 0.5, "the maximum"
    assert lines(ax)["failed"].get_xdata().min() > 0.3


@pytest.mark.thorough
def test_the_acquisition_in_two_dimensions(view):
    names = ("rate", "cost $")
    worth = plots.acquisition(view, names, mark_next=False)
    values = worth.collections[0].get_array()
    assert values.max() == 1 and values.min() >= 0 and "next" not in lines(worth)


def test_a_slice_goes_through_the_best(view):
    ax = plots.slice_around_best(view, "rate", label="score")
    star = lines(ax)["best"]
    best = view.recommended
    assert star.get_xdata()[0] == best.config["rate"] and star.get_ydata()[0] == best.value
    x = np.tile(view.encode([best.config]), (256, 1))
    x[:, 0] = np.linspace(0, 1, 256)
    np.testing.assert_allclose(lines(ax)["median"].get_ydata(), view.interval(x).middle, rtol=1e-9)
    assert ax.get_xscale() == "log" and ax.get_ylabel() == "score"
    choices = plots.slice_around_best(view, "kind")
    assert [text.get_text() for text in choices.get_xticklabels()] == ["a", "b", "c"]
    assert choices.containers[0].lines[0].get_ydata().argmax() == 1


def test_partial_dependence(view):
    ax = plots.partial_dependence(view, "cost $")
    expected = dependence(view, "cost $", np.array([0.125, 0.375, 0.625, 0.875]))
    np.testing.assert_array_equal(lines(ax)["average"].get_xdata(), [1, 2, 3, 4])
    np.testing.assert_allclose(lines(ax)["average"].get_ydata(), expected.middle)
    edges = ax.collections[0].get_paths()[0].vertices
    np.testing.assert_allclose(edges[1:5, 1], expected.low)
    assert all(np.isclose(edges[:, 1], high).any() for high in expected.high)


def test_partial_dependence_of_two(view):
    ax = plots.partial_dependence(view, ("cost $", "rate"), label="score")
    mesh = ax.collections[0].get_array()
    places = np.array([[(k + 0.5) / 4, i / 23] for k in range(4) for i in range(24)])
    expected = dependence(view, ("cost $", "rate"), places).middle
    np.testing.assert_allclose(mesh, expected.reshape(4, 24).T, rtol=1e-12)
    assert ax.get_yscale() == "log" and ax.get_xlabel() == r"cost \$"
    assert len(lines(ax)["failed"].get_xdata()) == sum(trial.status == "failed" for trial in view.trials)


def test_predictions_against_observations(view):
    found = health(view)
    ax = plots.predicted_against_observed(found, label="score")
    points = np.concatenate([bars.lines[0].get_xydata() for bars in ax.containers])
    expected = np.stack([found.values, found.predicted.middle], axis=1)
    np.testing.assert_allclose(points[np.lexsort(points.T)], expected[np.lexsort(expected.T)])
    outside = ((found.values < found.predicted.low) | (found.values > found.predicted.high)).sum()
    shown = {bars.get_label(): len(bars.lines[0].get_xdata()) for bars in ax.containers}
    assert shown.get("outside", 0) == outside
    diagonal = lines(ax)["as observed"]
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    assert ax.get_ylabel() == "predicted by leave-one-out"


def test_calibration_counts_what_is_inside(view):
    found = health(view)
    ax = plots.calibration(found)
    number = len(found.values)
    drawn = lines(ax)[f"{number} trials"]
    x, y = drawn.get_data()
    for level, share in found.model.coverage.items():
        assert y[np.flatnonzero(x <= level)[-1]] == pytest.approx(share)
    band = ax.collections[0].get_paths()[0].vertices
    half = band[np.isclose(band[:, 0], 0.5), 1]
    assert half.min() == pytest.approx(0.5 - 1.96 * 0.5 / np.sqrt(number), abs=1 / number)
    assert half.max() == pytest.approx(0.5 + 1.96 * 0.5 / np.sqrt(number), abs=1 / number)


def test_importance_is_sorted_and_names_the_pairs():
    found = Importance({"a": 0.1, "b": 0.5}, {("a", "b"): 0.4}, {"a": 0.5, "b": 0.9}, {})
    ax = plots.importance(found)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a × b", "a", "b"]
    widths = {(bar.get_y() + bar.get_height() / 2, round(bar.get_width(), 9)) for bar in ax.patches}
    assert {(0.0, 0.4), (1.0, 0.5), (2.0, 0.9), (1.0, 0.1), (2.0, 0.5)} == {(round(y, 6), w) for y, w in widths}
    quiet = plots.importance(Importance({"a": 1.0, "b": 0.0}, {("a", "b"): 0.001}, {"a": 1.0, "b": 0.0}, {}))
    assert len(quiet.get_yticklabels()) == 2


def test_what_cannot_be_drawn(view):
    with pytest.raises(ValueError, match="names: expected one or two parameters, got 4"):
        plots.posterior(view)
    with pytest.raises(ValueError, match="names: expected some of rate, .*, got 'speed'"):
        plots.acquisition(view, ["speed"])
    with pytest.raises(ValueError, match="name: expected a parameter of the best trial, rate, .*, got 'tail'"):
        plots.slice_around_best(view, "tail")


def test_colours_are_told_apart_by_colour_blind_readers(study):
    """Under a simulated lack of each cone, lines that are drawn together keep a distance."""
    # Machado, Oliveira and Fernandes, A Physiologically-based Model for Simulation of Color Vision Deficiency, 2009.
    protan = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    deutan = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    tritan = [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]]
    drawn = [to_hex(line.get_color()) for line in plots.trajectory(study).lines]
    colours = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in drawn])
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    for matrix in (np.eye(3), protan, deutan, tritan):
        seen = linear @ np.transpose(matrix)
        apart = np.linalg.norm(seen[:, None] - seen[None, :], axis=-1)
        assert apart[~np.eye(3, dtype=bool)].min() > 0.15


QUALITY = Quality(0.5, 0.0, {0.95: 1.0}, 1.0, np.zeros(2))


def test_predictions_near_the_largest_float_are_drawn_in_a_unit_that_fits():
    values = np.array([1.7e308, -1.7e308])
    predicted = Interval(0.5 * values, 0.25 * values - 1e307, 0.75 * values + 1e307)
    found = Health("leave-one-out", np.arange(2), values, predicted, QUALITY, QUALITY, None, {}, 0.0, [])
    ax = plots.predicted_against_observed(found)
    ax.figure.canvas.draw()
    assert ax.get_xlabel() == "objective, observed, in units of 1e+300"
    assert ax.get_xlim() == pytest.approx((-1.87e8, 1.87e8))


@pytest.mark.thorough
def test_a_model_of_values_near_the_largest_float_is_drawn_in_a_unit_that_fits():
    space = jbo.Space(x=jbo.Real(0, 1))
    study = jbo.Study(space, strategy=jbo.bayesian(space, num_initial=3), seed=2)
    for x, value in zip([0.05, 0.2, 0.35, 0.5, 0.65], [1.7e308, 1e308, 0.0, -1.7e308, 1.0], strict=True):
        study.tell({"x": x}, value)
    view = view_model(study)
    for draw in (plots.posterior, plots.slice_around_best, plots.partial_dependence):
        ax = draw(view) if draw is plots.posterior else draw(view, "x")
        ax.figure.canvas.draw()
        assert ax.get_ylabel().endswith(", in units of 1e+300")
        assert 1e6 < np.abs(ax.lines[0].get_ydata()).max() < 1e9
