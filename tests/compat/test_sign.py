"""Whose sign values have: GPyOpt's unless the other is asked for, and a script is told once where it may mean that."""

import warnings

import numpy as np
import pytest

from jbo import strategies
from jbo.compat.gpyopt.methods import BayesianOptimization
from jbo.strategies import random_search

LINE = [{"name": "x", "type": "continuous", "domain": (-1, 2)}]


@pytest.fixture(autouse=True)
def _no_model(monkeypatch):
    monkeypatch.setattr(strategies, "bayesian", lambda space, **options: random_search(space))


def reward(row):
    return 7 - (row["x"] - 0.3) ** 2


def run(**options):
    optimization = BayesianOptimization(reward, LINE, maximize=True, seed=0, **options)
    optimization.run_optimization(max_iter=2)
    return optimization


def test_values_are_minimised_ones_unless_the_user_wants_theirs(tmp_path):
    theirs, ours = run(sign="minimized"), run(sign="user")
    np.testing.assert_array_equal(theirs.X, ours.X)
    truth = 7 - (theirs.X - 0.3) ** 2
    np.testing.assert_allclose(theirs.Y, -truth, rtol=1e-15)
    np.testing.assert_allclose(ours.Y, truth, rtol=1e-15)
    np.testing.assert_array_equal(theirs.Y_best, np.minimum.accumulate(-ours.Y[:, 0]))
    np.testing.assert_array_equal(ours.Y_best, np.maximum.accumulate(ours.Y[:, 0]))
    assert theirs.fx_opt == -ours.fx_opt == theirs.Y.min() == -truth.max()
    assert theirs.x_opt.tolist() == ours.x_opt.tolist() == theirs.X[np.argmin(theirs.Y)].tolist()
    np.testing.assert_array_equal(theirs.get_evaluations()[1], theirs.Y)
    theirs.save_report(tmp_path / "theirs.txt")
    ours.save_report(tmp_path / "ours.txt")
    lines = {name: (tmp_path / name).read_text().splitlines() for name in ("theirs.txt", "ours.txt")}
    assert [line.split() for line in lines["theirs.txt"] if "Value" in line][-1][2:] == [
        "minimum:",
        repr(theirs.fx_opt),
    ]
    assert [line.split() for line in lines["ours.txt"] if "Value" in line][-1][2:] == ["maximum:", repr(ours.fx_opt)]
    for optimization, label in ((theirs, "objective with its sign reversed"), (ours, "objective")):
        axes = optimization.plot_convergence(tmp_path / "c.png").axes[1]
        assert axes.get_ylabel() == label
        np.testing.assert_array_equal(axes.lines[0].get_ydata(), optimization.Y[:, 0])


def test_a_file_says_which_sign_it_has(tmp_path):
    theirs, ours = run(sign="minimized"), run(sign="user")
    theirs.save_evaluations(tmp_path / "theirs.tsv")
    ours.save_evaluations(tmp_path / "ours.tsv")
    table = np.genfromtxt(tmp_path / "theirs.tsv", skip_header=1)
    np.testing.assert_array_equal(table[:, 1], theirs.Y[:, 0])
    for name in ("theirs.tsv", "ours.tsv"):
        for sign in ("minimized", "user"):
            X, Y = [[1.9]], [[5.0]] if sign == "user" else [[-5.0]]
            again = BayesianOptimization(None, LINE, X=X, Y=Y, maximize=True, sign=sign, seed=0)
            again.load_evaluations(tmp_path / name)
            expected = theirs if sign == "minimized" else ours
            np.testing.assert_array_equal(again.Y[1:], expected.Y)
            assert again.fx_opt == expected.fx_opt
    low = BayesianOptimization(None, LINE, X=[[1.9]], Y=[[5.0]], seed=0)
    low.load_evaluations(tmp_path / "theirs.tsv")
    np.testing.assert_array_equal(low.Y[1:], theirs.Y)
    with pytest.raises(ValueError, match="ours.tsv: expected values to be minimized, got the column 'Y .maximized.'"):
        low.load_evaluations(tmp_path / "ours.tsv")


@pytest.mark.parametrize(
    "read",
    [
        lambda o, path: o.Y,
        lambda o, path: o.Y_best,
        lambda o, path: o.fx_opt,
        lambda o, path: o.get_evaluations(),
        lambda o, path: o.save_evaluations(path),
        lambda o, path: o.save_report(path),
        lambda o, path: o.plot_convergence(path.with_suffix(".png")),
    ],
)
def test_the_first_read_says_so_and_no_other(tmp_path, read):
    optimization = run()  # which warns of nothing
    with pytest.warns(UserWarning, match="with maximize=True the values are those of -f.* Pass sign='user'") as caught:
        read(optimization, tmp_path / "file")
    assert len(caught) == 1
    read(optimization, tmp_path / "file")
    assert optimization.fx_opt < 0


def test_given_values_are_told_of():
    X, Y = np.array([[-1.0], [0.5], [2.0]]), np.array([[1.0], [3.0], [2.0]])
    for f in (reward, None):
        with pytest.warns(UserWarning, match="^Y: with maximize=True") as caught:
            theirs = BayesianOptimization(f, LINE, X=X, Y=-Y, maximize=True, seed=0)
        assert len(caught) == 1
        assert theirs.fx_opt == -3 and theirs.x_opt.tolist() == [0.5]
        np.testing.assert_array_equal(theirs.Y, -Y)
        ours = BayesianOptimization(f, LINE, X=X, Y=Y, maximize=True, sign="user", seed=0)
        assert ours.fx_opt == 3 and ours.x_opt.tolist() == [0.5]
        plain = BayesianOptimization(f, LINE, X=X, Y=-Y, seed=0)
        assert plain.fx_opt == -3, "without a function maximize changes nothing, as in GPyOpt"


def test_without_maximize_there_is_one_sign():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for sign in (None, "minimized", "user"):
            optimization = BayesianOptimization(reward, LINE, seed=0, sign=sign)
            assert optimization.fx_opt == optimization.Y.min() > 0
    with pytest.raises(ValueError, match="^sign: expected None, 'minimized' or 'user', got 'max'"):
        BayesianOptimization(reward, LINE, sign="max")
