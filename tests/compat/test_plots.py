"""Pictures show what the model believes, and change nothing."""

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot

from jbo.compat.gpyopt.methods import BayesianOptimization

matplotlib.use("Agg")

LINE = [{"name": "x", "type": "continuous", "domain": (-1, 2)}]
PLANE = [
    {"name": "rate", "type": "continuous", "domain": (1e-3, 1e1), "log": True},
    {"name": "optimizer", "type": "categorical", "domain": ("sgd", "adam", "lion")},
]


@pytest.fixture(autouse=True)
def _close():
    yield
    pyplot.close("all")


def wave(x):
    return np.sin(3 * x) + x**2


@pytest.fixture(scope="module")
def line():
    X = np.linspace(-1, 2, 9)[:, None]
    return BayesianOptimization(None, LINE, X=X, Y=-wave(X), maximize=True, sign="user", seed=0)


def test_the_model_has_a_picture_of_its_own(line):
    """As GPy's models have: the mean, with the sign of ``Y`` and in its units, and the data."""
    figure = line.model.model.plot()
    mean, data = figure.axes[0].lines
    np.testing.assert_array_equal(data.get_xdata(), line.X[:, 0])
    assert mean.get_xdata()[[0, -1]].tolist() == [-1, 2]
    at_data = np.interp(line.X[:, 0], mean.get_xdata(), mean.get_ydata())
    np.testing.assert_allclose(at_data, data.get_ydata(), atol=0.15)


@pytest.mark.thorough
def test_beliefs_are_the_models(line, tmp_path):
    above, below = line.plot_acquisition(tmp_path / "line.png").axes
    (grid, mean), (x, y) = (drawn.get_xydata().T for drawn in above.lines[:2])
    acquisition = below.lines[0].get_ydata()
    border = above.collections[0].get_paths()[0].vertices
    half = np.array([np.abs(border[border[:, 0] == place, 1] - m).max() for place, m in zip(grid, mean, strict=True)])
    truth = -wave(grid)
    assert grid.shape == (400,) and (np.diff(grid) > 0).all()
    np.testing.assert_allclose(x, line.X[:, 0], atol=1e-12)
    # Standardised values, the worse half compressed: in order, and those of the data at the data.
    is_told = np.abs(grid[:, None] - x).argmin(0)
    np.testing.assert_allclose(mean[is_told], y, atol=0.1)
    np.testing.assert_array_equal(np.argsort(y), np.argsort(line.Y[:, 0]))
    assert abs(mean.argmax() - truth.argmax()) < 20, "the user's sign"
    assert half[is_told].max() < half.max()
    assert acquisition.max() == 1 and acquisition.min() >= 0
    assert abs(grid[acquisition.argmax()] - grid[truth.argmax()]) < 0.3


def test_one_parameter(line, tmp_path):
    before = line.suggest_next_locations()
    figure = line.plot_acquisition(tmp_path / "line.png", label_x="abscissa")
    assert (tmp_path / "line.png").stat().st_size > 10_000 and not pyplot.get_fignums()
    above, below = figure.axes
    assert below.get_xlabel() == "abscissa"
    mean, told = above.lines[0], above.lines[1]
    assert mean.get_xdata()[0] == -1 and mean.get_xdata()[-1] == 2 and len(told.get_xdata()) == 9
    assert mean.get_xdata()[np.argmax(mean.get_ydata())] == pytest.approx(-0.42, abs=0.05), "the user's sign"
    assert [line_.get_xdata()[0] for line_ in below.lines[1:]] == pytest.approx(before[:, 0])
    np.testing.assert_array_equal(line.suggest_next_locations(), before)
    assert len(line.study.trials) == 9


@pytest.mark.thorough
def test_two_parameters_of_other_kinds(tmp_path, monkeypatch):
    X = np.array([[10.0**e, c] for e in (-3, -1, 0.5) for c in range(3)])
    Y = np.log10(X[:, :1]) ** 2 + X[:, 1:]
    constraints = [{"name": "low", "constraint": "x[:,0] - 5"}]
    optimization = BayesianOptimization(None, PLANE, constraints, X=X, Y=Y, seed=0)
    monkeypatch.setattr(optimization, "_next", lambda *_: [{"rate": 0.1, "optimizer": "adam"}])  # found elsewhere
    figure = optimization.plot_acquisition(tmp_path / "plane.png")
    assert (tmp_path / "plane.png").stat().st_size > 10_000
    left, _, right = figure.axes[:3]
    assert left.get_xscale() == "log" and left.get_xlabel() == "rate" and left.get_ylabel() == "optimizer"
    assert [text.get_text() for text in left.get_yticklabels()] == ["sgd", "adam", "lion"]
    mean = left.collections[0].get_array()
    assert mean.shape == (3, 60) and np.unravel_index(mean.argmin(), mean.shape)[0] == 0
    assert 30 < np.unravel_index(mean.argmin(), mean.shape)[1] < 52
    worth = right.collections[0].get_array()
    assert worth.mask[:, -4:].all() and not worth.mask[:, :54].any(), "blank where it is not allowed"


def test_convergence(line, tmp_path, monkeypatch):
    figure = line.plot_convergence(tmp_path / "convergence.png")
    assert (tmp_path / "convergence.png").stat().st_size > 10_000
    left, right = figure.axes
    np.testing.assert_allclose(left.lines[0].get_ydata(), np.full(8, 3 / 8))
    np.testing.assert_array_equal(right.lines[0].get_ydata(), line.Y[:, 0])
    np.testing.assert_array_equal(right.lines[1].get_ydata(), np.maximum.accumulate(line.Y[:, 0]))
    shown = []
    monkeypatch.setattr(pyplot, "show", lambda: shown.append(pyplot.get_fignums()))
    line.plot_convergence()
    assert shown == [[1]], "without a name it is shown"


def test_what_cannot_be_drawn():
    deep = [{"name": "x", "domain": (0, 1), "dimensionality": 3}]
    with pytest.raises(ValueError, match="plot_acquisition: expected one or two parameters, got 3"):
        BayesianOptimization(None, deep, X=[[0.5] * 3], Y=[1.0], seed=0).plot_acquisition("never.png")
    with pytest.raises(ValueError, match=r"plot_acquisition: expected at least two different values, got \[1.0, nan\]"):
        BayesianOptimization(None, LINE, X=[[0.0], [1.0]], Y=[1.0, np.nan]).plot_acquisition("never.png")
