"""``cost_withGradients``: a function that NumPy computes, or the time that evaluations take."""

import time
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jbo.compat.gpyopt as GPyOpt
from jbo import strategies
from jbo.compat.gpyopt.methods import BayesianOptimization
from jbo.strategies import random_search

PLANE = [
    {"name": "x", "type": "continuous", "domain": (-1, 2)},
    {"name": "r", "type": "continuous", "domain": (1e-3, 10), "log": True},
    {"name": "k", "type": "categorical", "domain": (3, 5, 9)},
]
LINE = PLANE[:1]


def cost_of_plane(rows):
    assert type(rows) is np.ndarray
    x, r, k = rows.T
    gradients = np.stack([2 * np.exp(2 * x) * r, np.exp(2 * x), np.ones(len(rows))], 1)
    return (np.exp(2 * x) * r + k)[:, None], gradients


def cost_of_line(rows):
    return np.exp(2 * rows), 2 * np.exp(2 * rows)


def square(row):
    return 0.1 * (row["x"] - 0.7) ** 2


def test_value_and_gradient_in_the_cube(x64, monkeypatch):
    """Of the function of rows in the user's units, by the chain rule through the scales; one call for many points."""
    asked, calls = {}, []
    monkeypatch.setattr(strategies, "bayesian", lambda space, **options: asked.update(options) or random_search(space))
    space = GPyOpt.Design_space(PLANE)
    BayesianOptimization(
        None,
        PLANE,
        X=[[0, 1, 3]],
        Y=[1.0],
        cost_withGradients=lambda rows: calls.append(len(rows)) or cost_of_plane(rows),
        seed=0,
    )
    cost = asked["cost"]
    calls.clear()

    def at(u):
        return cost(space.space.decode_traced(u))

    points = np.random.default_rng(0).random((4, 3))
    got = jax.jit(jax.vmap(jax.value_and_grad(at)))(jnp.asarray(points))
    assert calls == [4]
    for u, value, gradient in zip(points, *map(np.asarray, got), strict=True):
        config = space.space.decode(u)
        assert value == pytest.approx(np.exp(2 * config["x"]) * config["r"] + config["k"], rel=1e-6)
        by_x = 2 * np.exp(2 * config["x"]) * config["r"] * 3
        by_r = np.exp(2 * config["x"]) * config["r"] * np.log(1e4)
        np.testing.assert_allclose(gradient[:2], [by_x, by_r], rtol=1e-5)


def run(**options):
    optimization = BayesianOptimization(square, LINE, initial_design_numdata=5, seed=0, **options)
    optimization.run_optimization(max_iter=4)
    return optimization


@pytest.mark.thorough
def test_a_function_of_numpy_arrays():
    priced, free = run(cost_withGradients=cost_of_line), run()
    np.testing.assert_array_equal(priced.X[:5], free.X[:5])
    assert cost_of_line(priced.X)[0].sum() < cost_of_line(free.X)[0].sum()
    same = run(acquisition=GPyOpt.acquisitions.AcquisitionEI(None, cost_withGradients=cost_of_line, jitter=0.01))
    np.testing.assert_array_equal(same.X, priced.X)


@pytest.mark.thorough
def test_the_time_that_evaluations_take(monkeypatch):
    now = SimpleNamespace(seconds=1e9)
    monkeypatch.setattr(time, "time", lambda: now.seconds)

    def f(row):
        now.seconds += np.exp(2 * row["x"])
        return square(row)

    optimization = BayesianOptimization(f, LINE, cost_withGradients="evaluation_time", seed=0)
    optimization.run_optimization(max_iter=4)
    free = run()
    assert cost_of_line(optimization.X)[0].sum() < cost_of_line(free.X)[0].sum()
    expected = optimization.suggest_next_locations()
    optimization.run_optimization(max_iter=1)
    np.testing.assert_array_equal(optimization.X[-1:], expected)


def test_what_is_impossible_is_told():
    def build(cost, **options):
        return BayesianOptimization(square, LINE, cost_withGradients=cost, seed=0, **options)

    with pytest.raises(
        ValueError, match="^cost_withGradients: expected None, 'evaluation_time' or a function, got 'se"
    ):
        build("seconds")
    with pytest.raises(ValueError, match="^cost_withGradients: expected None, 'evaluation_time' or a function, got 3"):
        build(3)
    with pytest.raises(ValueError, match=r"^cost_withGradients: expected a pair of costs \(1, 1\) and gradients"):
        build(lambda rows: rows)
    with pytest.raises(ValueError, match=r"^cost_withGradients: .*got shapes \(3,\) and \(1, 1\)"):
        build(lambda rows: (np.ones(3), rows))
    with pytest.raises(ValueError, match="^cost_withGradients: expected None, or the cost that the acquisition has"):
        acquisition = GPyOpt.acquisitions.AcquisitionEI(None, cost_withGradients="evaluation_time")
        build(cost_of_line, acquisition=acquisition)
    with pytest.warns(UserWarning, match="cost_withGradients=.* has no effect: a confidence bound"):
        build(cost_of_line, acquisition_type="LCB")
